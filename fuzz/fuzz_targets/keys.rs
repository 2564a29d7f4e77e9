//! Any bytes as a key set, and as a discovery document.
#![no_main]

use fuzz::{NOW, RUNTIME};
use libfuzzer_sys::fuzz_target;
use pool::{
    Grants,
    conformance::memory::MemoryKeys,
    token::{Issuer, IssuerKeys, Jwks, KeyLocation, KeyUrl, TokenRules},
};
use std::sync::Arc;

const ORIGIN: &str = "https://login.example/";

fuzz_target!(|input: &[u8]| {
    let _set = Jwks::parse(input);
    let keys = Arc::new(MemoryKeys::default());
    let from = format!("{ORIGIN}.well-known/openid-configuration");
    keys.publish(&from, input);
    let location = KeyLocation::Discovery(KeyUrl::parse(&from, false).expect("a URL"));
    let issuer = Issuer {
        issuer: "https://login.example".into(),
        audience: "api".into(),
        platform_audience: None,
        tenant_claim: "tenant".into(),
        tenants: Vec::new(),
        keys: IssuerKeys::Published(location),
    };
    let grants = Grants::parse("").expect("grants");
    let rules = TokenRules::new(vec![issuer], grants, keys.clone()).expect("rules");
    RUNTIME.block_on(rules.refresh(NOW));
    assert!(keys.urls().iter().all(|url| url.starts_with(ORIGIN)), "it leads elsewhere: {:?}", keys.urls());
});
