//! Keys: which are to be trusted, where they come from, when they are fetched. Forged tokens are in `tests/law/forged`.

mod discovery;
mod keys;
mod published;
mod wycheproof;

use super::*;
use crate::conformance::memory::MemoryKeys;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

const NOW: i64 = 1_780_315_200;
const KEY_A: &str = include_str!("../../tests/keys/a.pem");
const KEY_B: &str = include_str!("../../tests/keys/b.pem");
const JWK_A: &str = include_str!("../../tests/keys/a.jwk.json");
const JWK_B: &str = include_str!("../../tests/keys/b.jwk.json");
const JWK_SHORT: &str = include_str!("../../tests/keys/short.jwk.json");

fn jwk(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn set(keys: &[Value]) -> Result<Jwks, String> {
    Jwks::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn issuer(name: &str, keys: IssuerKeys) -> Issuer {
    Issuer {
        issuer: name.into(),
        audience: "api://pool".into(),
        platform_audience: None,
        tenant_claim: "extension_tenantId".into(),
        tenants: Vec::new(),
        keys,
    }
}

fn of(issuers: Vec<Issuer>, source: Arc<MemoryKeys>) -> TokenRules {
    TokenRules::new(issuers, Grants::parse(Grants::DEFAULT).unwrap(), source).unwrap()
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

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

/// One `sub` of two issuers is two users, and none of the first can pass for one of the others.
#[tokio::test]
async fn a_user_is_its_issuers() {
    let keys = || IssuerKeys::Fixed(set(&[jwk(JWK_A)]).unwrap());
    let names = ["https://issuer-a.example", "https://issuer-b.example", "https://issuer-c.example"];
    let rules = of(names.map(|name| issuer(name, keys())).to_vec(), Arc::default());
    let says = async |name: &str, sub: &str| {
        let claims = with(with(claims(), "iss", json!(name)), "sub", json!(sub));
        let message =
            format!("{}.{}", BASE64.encode(header().to_string()), BASE64.encode(claims.to_string()));
        let read = rules.verify(&format!("{message}.{}", sign(KEY_A, &message)), NOW).await;
        read.map(|claims| claims.subject)
    };
    let [a, b, c] = [
        says(names[0], "alice").await.unwrap(),
        says(names[1], "alice").await.unwrap(),
        says(names[2], "alice").await.unwrap(),
    ];
    assert_eq!(a, "alice");
    assert!(a != b && b != c && b.ends_with("|alice") && c.ends_with("|alice"), "{a} {b} {c}");
    assert_eq!(says(names[0], &b).await, Err(Refused("sub")));
    assert_eq!(says(names[1], &c).await.map(|user| user == c), Ok(false));
}

/// What a good token says is what is read, and when it is refused from is exact.
#[tokio::test]
async fn a_good_token_says_who_and_whose() {
    let rules = of(
        vec![issuer("https://issuer-a.example", IssuerKeys::Fixed(set(&[jwk(JWK_A)]).unwrap()))],
        Arc::default(),
    );
    let read = async |claims: &Value| {
        let message =
            format!("{}.{}", BASE64.encode(header().to_string()), BASE64.encode(claims.to_string()));
        rules.verify(&format!("{message}.{}", sign(KEY_A, &message)), NOW).await.unwrap()
    };
    let claims = with(with(claims(), "roles", json!(["user", "admin"])), "scp", json!("read write"));
    let said = read(&claims).await;
    assert_eq!((said.tenant.as_str(), said.subject.as_str()), ("contoso", "alice"));
    assert_eq!(
        (said.roles, said.scopes),
        (vec!["user".to_owned(), "admin".into()], vec!["read".to_owned(), "write".into()])
    );
    assert_eq!(said.refused_from, NOW + 3660);
    assert_eq!(read(&with(claims, "exp", json!(NOW as f64 + 100.25))).await.refused_from, NOW + 161);
}

/// The limit is in bytes, and to the byte.
#[tokio::test]
async fn a_token_of_8_kib_is_read_and_a_longer_one_is_not() {
    let rules = of(Vec::new(), Arc::default());
    let refused = async |len: usize| rules.verify(&"a".repeat(len), NOW).await.map(drop);
    assert_eq!(refused(8 * 1024).await, refused(100).await);
    assert_eq!(refused(8 * 1024 + 1).await, Err(Refused("token_too_long")));
    assert_ne!(refused(100).await, Err(Refused("token_too_long")));
}
