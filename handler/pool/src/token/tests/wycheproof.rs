//! Project Wycheproof's vectors of JSON Web Signature: our signature path agrees wherever it is meant to.

use super::*;
use std::io::Write;

/// Vectors whose verdict no strict reader can share, each with the reason. They are for algorithms that are not ours, so
/// that every one of them is refused.
const EXCEPTIONS: [(u64, &str); 8] = [
    (346, "called valid: PS384 under a key for PS256"),
    (347, "called valid: ES512 under a key whose algorithm is misspelt"),
    (350, "called valid: PS384 under a key for PS256"),
    (351, "called valid: ES512 under a key whose algorithm is misspelt"),
    (367, "called invalid: byte for byte the valid vector 357"),
    (370, "called invalid: byte for byte the valid vector 357"),
    (372, "called valid: a `?` in the header's base64"),
    (373, "called valid: a `?` in the payload's base64"),
];

/// What `TokenRules::verify` does before it looks at claims, for a payload that is not JSON.
fn accepts(key: &Value, jws: &str) -> bool {
    let kid = key.get("kid").and_then(Value::as_str).unwrap_or_default();
    let Ok(keys) = set(std::slice::from_ref(key)) else { return false };
    let Ok((header, payload, signature)) = segments(jws) else { return false };
    let named = object(header).and_then(|header| key_id(&header));
    let found = named.ok().filter(|named| named == kid).and_then(|named| keys.get(&named).cloned());
    let clean = BASE64.decode(payload).is_ok();
    clean && found.is_some_and(|key| fits(&key, header, payload, signature).is_ok())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where the vectors are is the machine's business")]
fn the_signature_path_agrees_with_wycheproof() {
    let data = std::env::var("TESTDATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata").into());
    let path = format!("{data}/wycheproof/json_web_signature_test.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "the vectors are not at {path}: set TESTDATA");
        // Not by `eprintln`: what a test that passes prints is not shown.
        let _nobody_reads = writeln!(std::io::stderr(), "NOT RUN: {path} is not there: set TESTDATA");
        return;
    };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut accepted, mut refused) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let ours = key["kty"] == "RSA" && matches!(key["alg"].as_str(), None | Some("RS256"));
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let Some(jws) = test["jws"].as_str() else { continue };
            let verdict = accepts(key, jws);
            if let Some((_, reason)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == id) {
                assert!(!verdict, "tc {id}: {reason}");
                refused += 1;
                continue;
            }
            assert_eq!(
                verdict,
                ours && test["result"] == "valid",
                "tc {id}: {} {}",
                test["comment"],
                test["flags"]
            );
            agreed += 1;
            accepted += u32::from(verdict);
        }
    }
    assert_eq!(refused, EXCEPTIONS.len());
    assert!(agreed >= 390 && accepted >= 5, "{agreed} agreed, {accepted} of them accepted");
}
