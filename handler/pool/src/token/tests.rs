//! A corpus of forged and abusive tokens, each with the check that must refuse it, and near each of them a good one.

mod claims;
mod forged;
mod keys;
mod wycheproof;

use super::*;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

const NOW: i64 = 1_780_315_200;
const KEY_A: &str = include_str!("../../tests/keys/a.pem");
const KEY_B: &str = include_str!("../../tests/keys/b.pem");
const PUBLIC_A: &str = include_str!("../../tests/keys/a.pub.pem");
const JWK_A: &str = include_str!("../../tests/keys/a.jwk.json");
const JWK_B: &str = include_str!("../../tests/keys/b.jwk.json");
const JWK_SHORT: &str = include_str!("../../tests/keys/short.jwk.json");

fn jwk(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn set(keys: &[Value]) -> Result<Jwks, String> {
    Jwks::parse(json!({"keys": keys}).to_string().as_bytes())
}

/// Two issuers, each with its own key.
fn rules() -> TokenRules {
    let issuer = |name: &str, key: &str| Issuer {
        issuer: format!("https://{name}.example"),
        audience: "api://pool".into(),
        keys: set(&[jwk(key)]).unwrap(),
    };
    TokenRules {
        issuers: vec![issuer("issuer-a", JWK_A), issuer("issuer-b", JWK_B)],
        tenant_claim: "extension_tenantId".into(),
    }
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "a", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": "https://issuer-a.example", "aud": "api://pool", "sub": "alice",
        "extension_tenantId": "contoso", "iat": NOW, "exp": NOW + 3600})
}

fn sign(pem: &str, message: &str) -> String {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    crypto::sign(message.as_bytes(), &key, Algorithm::RS256).unwrap()
}

/// A token of these texts, signed in earnest by the key of issuer A.
fn raw(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = sign(KEY_A, &message);
    format!("{message}.{signature}")
}

fn token(header: &Value, claims: &Value) -> String {
    raw(&header.to_string(), &claims.to_string())
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

fn check(token: &str) -> Result<Claims, &'static str> {
    rules().verify(token, NOW).map_err(|refused| refused.0)
}

/// Every case is refused by its check, and the good token beside it is taken.
#[track_caller]
fn all_refused(cases: Vec<(String, String, &str)>, control: &str) {
    assert!(check(control).is_ok(), "the control: {:?}", check(control));
    for (name, token, expected) in &cases {
        assert_eq!(check(token).map(|_| ()), Err(*expected), "{name}: {}", &token[..token.len().min(200)]);
    }
}

#[test]
fn a_good_token_says_who_and_whose() {
    let claims = with(claims(), "roles", json!(["user", "admin"]));
    let read = check(&token(&header(), &claims)).unwrap();
    assert_eq!(read.tenant, "contoso");
    assert_eq!(read.subject, "alice");
    assert_eq!(read.roles, ["user", "admin"]);
    assert_eq!(read.refused_from, NOW + 3660);
}
