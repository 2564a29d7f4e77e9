//! Project Wycheproof's vectors of JSON Web Signature: our signature path agrees wherever it is meant to.

use super::*;

/// Vectors that a strict RS256 reader refuses though they are called valid, or the reverse; each with its reason.
const EXCEPTIONS: [(u64, &str); 0] = [];

/// What `TokenRules::verify` does before it looks at claims, for a payload that is not JSON.
fn accepts(key: &Value, jws: &str) -> bool {
    let kid = key.get("kid").and_then(Value::as_str).unwrap_or_default();
    let Ok(keys) = set(std::slice::from_ref(key)) else { return false };
    let Ok((header, payload, signature)) = segments(jws) else { return false };
    let named = object(header).and_then(|header| key_id(&header));
    let found = named.ok().filter(|named| named == kid).and_then(|named| keys.get(&named).cloned());
    let clean = BASE64.decode(payload).is_ok();
    clean && found.is_some_and(|key| genuine(&key, header, payload, signature).is_ok())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where the vectors are is the machine's business")]
fn the_signature_path_agrees_with_wycheproof() {
    let data = std::env::var("TESTDATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata").into());
    let path = format!("{data}/wycheproof/json_web_signature_test.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "the vectors are not at {path}: set TESTDATA");
        println!("did not run: the vectors are not at {path}: set TESTDATA");
        return;
    };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut accepted) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let ours = key["kty"] == "RSA" && matches!(key["alg"].as_str(), None | Some("RS256"));
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let Some(jws) = test["jws"].as_str() else { continue };
            let verdict = accepts(key, jws);
            if EXCEPTIONS.iter().any(|(exception, _)| *exception == id) {
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
    assert!(agreed >= 390 && accepted >= 5, "{agreed} agreed, {accepted} of them accepted");
}
