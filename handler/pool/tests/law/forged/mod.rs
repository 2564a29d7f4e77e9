//! A corpus of forged and abusive tokens, each with the verdict that it must get, to the word, and near each of them a
//! good one. It is minted for whatever time it is.

mod claims;
mod forms;
mod headers;
mod mutations;
mod run;
mod tenants;

use crate::support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::sync::LazyLock;

const KEY_A_PUBLIC: &str = include_str!("../../keys/a.pub.pem");
const JWK_A: &str = include_str!("../../keys/a.jwk.json");
const JWK_B: &str = include_str!("../../keys/b.jwk.json");
const MAX_TOKEN: usize = pool::token::MAX_TOKEN;
/// The verdict of a token that is good: the tenant that it opens.
const GOOD: &str = "contoso";

static KEY_A: LazyLock<EncodingKey> = LazyLock::new(|| key(include_bytes!("../../keys/a.pem")));
static KEY_B: LazyLock<EncodingKey> = LazyLock::new(|| key(include_bytes!("../../keys/b.pem")));

/// What it is, the token, the verdict.
type Cases = Vec<(String, String, &'static str)>;

/// The whole corpus at a time (Unix seconds).
fn corpus(now: i64) -> Cases {
    let groups: [fn(i64) -> Cases; 11] = [
        headers::algorithms,
        headers::public_keys_as_secrets,
        headers::header_members,
        headers::key_ids,
        headers::keys_of_other_issuers,
        forms::segments,
        forms::twice,
        claims::types,
        claims::numbers,
        claims::edges,
        tenants::names,
    ];
    groups.iter().flat_map(|group| group(now)).collect()
}

fn key(pem: &[u8]) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem).unwrap()
}

fn jwk(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "a", "typ": "JWT"})
}

fn claims(now: i64) -> Value {
    json!({"iss": "https://issuer-a.example", "aud": "api://pool", "sub": "alice",
        "extension_tenantId": "contoso", "iat": now, "exp": now + 3600})
}

fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", BASE64.encode(header), BASE64.encode(claims))
}

fn sign(key: &EncodingKey, message: &str) -> String {
    crypto::sign(message.as_bytes(), key, Algorithm::RS256).unwrap()
}

/// A token of these texts, signed in earnest by the key of issuer A.
fn raw(header: &str, claims: &str) -> String {
    let message = message(header, claims);
    let signature = sign(&KEY_A, &message);
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
