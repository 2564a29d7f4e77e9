//! Signatures, compared with those that Microsoft's Python SDK makes.

use super::*;
use std::{
    io::Write,
    process::{Command, Stdio},
};

const NAMES: [&str; 16] = [
    "files/f_1/content",
    "a",
    "with space",
    "per%cent",
    "per%20cent",
    "plus+plus",
    "日本語/報告書.pdf",
    "e\u{301}",
    "é",
    "a&b=c",
    "q?x#y",
    "tilde~",
    "semi;colon",
    "quote'\"",
    "a//b",
    "🦀",
];

#[test]
fn signatures_are_those_of_the_python_sdk() {
    let table: Vec<_> = NAMES
        .iter()
        .flat_map(|name| ["contoso", "a-container-2"].map(|container| (container, *name)))
        .flat_map(|(container, name)| {
            [1_785_000_000, 1_785_000_599, 4_102_444_799].map(|end| (container, name, end))
        })
        .collect();
    let asked = serde_json::to_string(&table).unwrap();
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/src/links/oracle.py");
    let mut python = Command::new(doubles::install::python())
        .arg(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let expected: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((expected.len(), table.len()), (table.len(), 96));

    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    let key = UserDelegationKey {
        signed_oid: Some("11111111-aaaa-bbbb-cccc-000000000001".into()),
        signed_tid: Some("22222222-aaaa-bbbb-cccc-000000000002".into()),
        signed_start: Some(at(1_784_999_700)),
        signed_expiry: Some(at(1_785_003_600)),
        signed_service: Some("b".into()),
        signed_version: Some("2026-04-06".into()),
        signed_delegated_user_tid: None,
        value: Some((0..32).collect()),
    };
    for ((container, name, end), expected) in table.into_iter().zip(expected) {
        let ours = query("account", &key, container, name, at(end)).unwrap();
        let ours: BTreeMap<String, String> =
            url::form_urlencoded::parse(ours.as_bytes()).into_owned().collect();
        assert_eq!(ours, expected, "{container}/{name} until {end}");
        assert_eq!((ours["sp"].as_str(), ours["sr"].as_str(), ours["spr"].as_str()), ("cw", "b", "https"));
    }
}
