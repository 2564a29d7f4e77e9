//! How much is tried, and from which seed: `PROVE_TIMES` multiplies, `PROVE_SEED` seeds.

use std::io::Write;

/// The seed of what is tried by chance.
pub(crate) fn seed() -> u64 {
    number("PROVE_SEED", 1)
}

/// So many, or more if more is wanted.
pub(crate) fn count(usual: usize) -> usize {
    usual * number("PROVE_TIMES", 1) as usize
}

#[expect(clippy::disallowed_methods, reason = "how much is tried is for who runs the tests to say")]
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// A file of the test data that is shared; without it, red in CI, and said elsewhere.
#[expect(clippy::disallowed_methods, reason = "where the data is is the machine's business")]
pub(crate) fn testdata(name: &str) -> Option<serde_json::Value> {
    let folder = std::env::var("TESTDATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata").into());
    let path = format!("{folder}/{name}");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "there is no {path}: set TESTDATA");
        // Not by `eprintln`: what a test that passes prints is not shown.
        let _nobody_reads = writeln!(std::io::stderr(), "NOT RUN: {path} is not there: set TESTDATA");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}
