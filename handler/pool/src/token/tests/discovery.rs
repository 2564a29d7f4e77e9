//! Where keys may come from.

use super::*;
use crate::token::discovery::jwks_uri;

fn url(text: &str) -> KeyUrl {
    KeyUrl::parse(text, false).unwrap()
}

#[test]
fn keys_come_by_https_and_by_http_from_this_machine_alone() {
    for good in [
        "https://login.example",
        "https://login.example/",
        "https://login.example:8443/a/b?c=d%20e",
        "https://login.example?appid=x",
        "https://127.0.0.1/keys",
        "https://[::1]:9/keys",
    ] {
        assert!(KeyUrl::parse(good, false).is_ok() && KeyUrl::parse(good, true).is_ok(), "{good}");
    }
    for local in
        ["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:8080/keys", "http://[::1]"]
    {
        assert!(KeyUrl::parse(local, true).is_ok(), "{local}");
        assert!(KeyUrl::parse(local, false).is_err(), "{local}");
    }
    let long = format!("https://login.example/{}", "x".repeat(2_048));
    for bad in [
        "",
        "login.example",
        "//login.example",
        "ftp://login.example",
        "file:///etc/passwd",
        "HTTPS://login.example",
        "https:/login.example",
        "https://",
        "https:///keys",
        "https://:443",
        "https://user@login.example",
        "https://user:secret@login.example",
        "https://login.example@evil.example",
        "https://login.example#x",
        "https://login.example:",
        "https://login.example:http",
        "https://login.example:+443",
        "https://login.example:65536",
        "https://login.example:1:2",
        "https://login.example\\@evil.example",
        "https://login.example /",
        "https://login.example\n",
        "https://lögin.example",
        "https://login.example/ü",
        "https://[::2]/keys",
        "https://[::1]x/",
        "https://[",
        "https://%6cogin",
        "http://login.example",
        "http://127.0.0.2/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://169.254.169.254/",
        &long,
    ] {
        assert!(KeyUrl::parse(bad, true).is_err(), "{bad}");
    }
}

/// The shapes that Microsoft's issuers have: an issuer's name is not where its keys are.
#[test]
fn a_discovery_document_names_the_keys_of_its_issuer() {
    for [issuer, from, keys] in SHAPES {
        let document =
            json!({"issuer": issuer, "jwks_uri": keys, "response_types_supported": ["code"]}).to_string();
        let uri = jwks_uri(document.as_bytes(), issuer, &url(from)).unwrap();
        assert_eq!(uri.as_str(), keys);
    }
}

/// Issuer, discovery document, keys: Entra v2, Entra v1, External ID, B2C.
pub(super) const SHAPES: [[&str; 3]; 4] = [
    [
        "https://login.microsoftonline.com/0f6a0c42-0a3d-4a41-9b4d-3c1e1b5f7a10/v2.0",
        "https://login.microsoftonline.com/0f6a0c42-0a3d-4a41-9b4d-3c1e1b5f7a10/v2.0/.well-known/openid-configuration",
        "https://login.microsoftonline.com/0f6a0c42-0a3d-4a41-9b4d-3c1e1b5f7a10/discovery/v2.0/keys",
    ],
    [
        "https://sts.windows.net/0f6a0c42-0a3d-4a41-9b4d-3c1e1b5f7a10/",
        "https://login.microsoftonline.com/0f6a0c42-0a3d-4a41-9b4d-3c1e1b5f7a10/.well-known/openid-configuration",
        "https://login.microsoftonline.com/common/discovery/keys",
    ],
    [
        "https://7d1e4a90-51c2-4f53-8c7b-2c9a1d0e6b21.ciamlogin.com/7d1e4a90-51c2-4f53-8c7b-2c9a1d0e6b21/v2.0",
        "https://example.ciamlogin.com/7d1e4a90-51c2-4f53-8c7b-2c9a1d0e6b21/v2.0/.well-known/openid-configuration?appid=x",
        "https://example.ciamlogin.com/7d1e4a90-51c2-4f53-8c7b-2c9a1d0e6b21/discovery/v2.0/keys",
    ],
    [
        "https://example.b2clogin.com/2b8f0e6c-6d0f-4c55-9a3e-0c7d1f4b9a32/v2.0/",
        "https://example.b2clogin.com/example.onmicrosoft.com/b2c_1_signin/v2.0/.well-known/openid-configuration",
        "https://example.b2clogin.com/example.onmicrosoft.com/b2c_1_signin/discovery/v2.0/keys",
    ],
];

#[test]
fn a_discovery_document_that_leads_elsewhere_is_refused() {
    let from = url("https://login.example/.well-known/openid-configuration");
    let read = |document: &str| jwks_uri(document.as_bytes(), "https://login.example", &from);
    let of = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let good = of("https://login.example", "https://login.example/keys");
    assert!(read(&good).is_ok());
    for issuer in [
        "https://login.example/",
        "https://LOGIN.example",
        "https://other.example",
        "",
        "https://login.example/{tenantid}",
    ] {
        assert!(read(&of(issuer, "https://login.example/keys")).unwrap_err().contains("issuer"), "{issuer}");
    }
    for keys in [
        "https://evil.example/keys",
        "https://login.exampla/keys",
        "https://login.example:8443/keys",
        "https://login.example.evil.example/keys",
        "https://login.example@evil.example/keys",
        "http://login.example/keys",
        "http://127.0.0.1/keys",
        "/keys",
        "",
    ] {
        assert!(read(&of("https://login.example", keys)).unwrap_err().contains("jwks_uri"), "{keys}");
    }
    let twice = good.replacen("\"jwks_uri\"", "\"jwks_uri\":\"https://login.example/x\",\"jwks_uri\"", 1);
    for document in
        ["", "<html>", "null", "[]", "{}", &twice, &good[1..], r#"{"issuer":"https://login.example"}"#]
    {
        assert!(read(document).is_err(), "{document}");
    }
}
