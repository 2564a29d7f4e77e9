//! What the tests share.
#![expect(
    dead_code,
    clippy::expect_used,
    reason = "each test program uses its own part; a helper fails its test"
)]

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use extract::{Code, Extracted, Extractor, Failure, Limits, Rejected};

/// A file committed with the tests.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))
}

/// A document of the tour in the documentation.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples").join(name))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The example that calls `child::main`. `cargo test` builds it; `cargo test --test one` does not.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("own path");
    let target = test.ancestors().nth(2).expect("target folder");
    let program = target.join("examples/child");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "extract", "--example", "child"]);
        build.arg("--target-dir").arg(target.parent().expect("target root"));
        if target.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "cannot build the example `child`");
    }
    program
}

/// An extractor on that example.
pub(crate) fn extractor(args: &[&str], limits: Limits) -> Extractor {
    Extractor::new(program(), args, limits)
}

/// Limits that let a test of a hanging child end soon.
pub(crate) fn short() -> Limits {
    Limits { cpu_seconds: 2, wall: Duration::from_secs(8), ..Limits::default() }
}

/// Sends bytes through a real child.
pub(crate) async fn run(extractor: &Extractor, name: &str, bytes: &[u8]) -> Result<Extracted, Failure> {
    extractor.run(name, None, bytes.len() as u64, bytes).await
}

/// The refusal, which the test says there must be.
pub(crate) fn refusal(result: Result<Extracted, Failure>) -> Rejected {
    match result {
        Err(Failure::Rejected(rejected)) => rejected,
        other => panic!("should have been rejected: {other:?}"),
    }
}

/// The code of that refusal.
pub(crate) fn code(result: Result<Extracted, Failure>) -> Code {
    refusal(result).code
}

/// An archive of the given members, optionally after those of a real document.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("start member");
        zip.write_all(bytes).expect("write member");
    }
    zip.finish().expect("finish archive").into_inner()
}

/// Folder of test data kept outside this repository, or `None` (with a word on standard error) where it is
/// absent. Continuous integration must have it.
pub(crate) fn test_data(folder: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the test data lies is a matter of the machine")]
    let (place, ci) = (std::env::var("TESTDATA").ok(), std::env::var("CI").is_ok());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = place.map_or_else(|| root.join("../shared/testdata"), |place| root.join(place)).join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(!ci, "no test data at {}: set TESTDATA", path.display());
    // Not by `eprintln`: what a test that passes prints is not shown.
    let _nobody_reads =
        writeln!(std::io::stderr(), "NOT RUN: no test data at {}: set TESTDATA", path.display());
    None
}
