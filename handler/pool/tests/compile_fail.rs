//! What must not compile: tenants are not made up, scopes are not built, and two of them are not mixed.
//!
//! Each case is a program in `compile_fail/`, whose first line names exactly the errors that it must have. All of them
//! are checked at once, as the binaries of a scratch crate that depends on `pool` as the shipped program does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CONTROL: &str = "control";

/// The cases, with the errors that their first lines name.
fn cases(here: &Path) -> BTreeMap<String, (PathBuf, BTreeSet<String>)> {
    let files = fs::read_dir(here.join("tests/compile_fail")).unwrap().map(|file| file.unwrap().path());
    let case = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap().strip_prefix("//!").unwrap();
        let codes =
            first.split_whitespace().take_while(|word| word.starts_with('E')).map(str::to_owned).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), (path, codes))
    };
    files.map(case).collect()
}

/// The scratch crate: a binary a case.
fn manifest(here: &Path, cases: &BTreeMap<String, (PathBuf, BTreeSet<String>)>) -> String {
    let bins = cases.iter().map(|(name, (path, _))| format!("[[bin]]\nname = {name:?}\npath = {path:?}\n"));
    format!(
        "[package]\nname = \"cases\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         pool = {{ path = {here:?} }}\nserde_json = \"1\"\nserde = \"1\"\nfutures = {{ version = \"0.3\", default-features = false }}\n{}",
        bins.collect::<String>()
    )
}

#[test]
fn what_must_not_compile_does_not() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = cases(here);
    assert!(cases.len() > 25, "{}", cases.len());
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    fs::create_dir_all(&scratch).unwrap();
    fs::write(scratch.join("Cargo.toml"), manifest(here, &cases)).unwrap();
    fs::copy(here.join("../../Cargo.lock"), scratch.join("Cargo.lock")).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--offline", "--message-format=json"])
        .current_dir(&scratch)
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut built = BTreeSet::new();
    for line in String::from_utf8_lossy(&cargo.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        if message["reason"] == "compiler-artifact" {
            built.insert(target);
        } else if message["reason"] == "compiler-message" && message["message"]["level"] == "error" {
            let code = message["message"]["code"]["code"].as_str().map(str::to_owned);
            found.entry(target).or_default().extend(code);
        }
    }
    let told = String::from_utf8_lossy(&cargo.stderr);
    assert!(built.contains(CONTROL), "the control compiles: {told}");
    for (name, (_, expected)) in &cases {
        assert_eq!(expected.is_empty(), name == CONTROL, "{name} names its errors");
        let errors = found.remove(name).unwrap_or_default();
        assert_eq!(&errors, expected, "{name}");
        assert_eq!(built.contains(name), name == CONTROL, "{name}");
    }
    assert!(found.is_empty(), "{found:?}");
}
