//! Any text as a token; any header and claims, well signed. What is accepted is held against a plain reading.
#![no_main]

use fuzz::{NOW, RUNTIME, rules, signed};
use libfuzzer_sys::fuzz_target;
use pool::token::TokenRules;
use serde_json::Value;
use std::sync::LazyLock;

static RULES: LazyLock<TokenRules> = LazyLock::new(rules);

fuzz_target!(|input: (bool, &[u8], &[u8])| {
    let (raw, header, claims) = input;
    if raw {
        let verdict = RUNTIME.block_on(RULES.verify(&String::from_utf8_lossy(header), NOW));
        assert!(verdict.is_err(), "nobody signed it");
        return;
    }
    let Ok(said) = RUNTIME.block_on(RULES.verify(&signed(header, claims), NOW)) else { return };
    let header: Value = serde_json::from_slice(header).expect("JSON");
    let claims: Value = serde_json::from_slice(claims).expect("JSON");
    assert!(header["alg"] == "RS256" && header["kid"] == "a" && header.get("crit").is_none());
    assert_eq!(claims["iss"], "https://issuer.example");
    let ours = |aud: &Value| aud == "api://pool";
    assert!(ours(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(ours)));
    let time = |name: &str| claims[name].as_f64().expect("a number");
    assert!(time("exp") + 60.0 > NOW as f64 && time("iat") <= NOW as f64 + 60.0);
    assert!(time("exp") - time("iat") <= 86_400.0);
    assert_eq!(
        (claims["sub"].as_str(), claims["extension_tenantId"].as_str()),
        (Some(&*said.subject), Some(&*said.tenant))
    );
});
