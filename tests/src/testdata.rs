//! Foreign collections of test cases, which are not kept in this repository.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A file or folder of `$TESTDATA`. Without it the caller's test does not run, and says so; with `CI` set it fails.
///
/// # Panics
/// If it is not there and `CI` is set.
#[expect(clippy::disallowed_methods, reason = "where test data is, is no setting of the service")]
pub fn testdata(path: &str) -> Option<PathBuf> {
    let root =
        std::env::var("TESTDATA").map_or_else(|_| repository().join("../shared/testdata"), PathBuf::from);
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(std::env::var("CI").is_err(), "{} is not there: set TESTDATA", found.display());
    not_run(&format!("{} is not there: set TESTDATA to the folder of the test data", found.display()));
    None
}

/// Says that the caller's test does not run. Not by `eprintln`: what a test that passes prints is not shown.
pub fn not_run(why: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "NOT RUN: {why}");
}
