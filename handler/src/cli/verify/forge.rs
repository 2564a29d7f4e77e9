//! Tokens that must not be believed, made from one that is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

/// The claims of a token, whoever signed it.
pub(super) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
}

/// What is no token at all.
pub(super) fn garbage() -> Vec<String> {
    vec!["x".into(), "a.b.c".into(), "null".into(), format!("{}..", BASE64.encode("{}")), "A".repeat(400)]
}

/// The claims as they are, and no signature.
pub(super) fn unsigned(token: &str) -> Option<Vec<String>> {
    let (_, rest) = token.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    claims(token)?;
    let mut made = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = BASE64.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
        made.push(format!("{header}.{payload}."));
        made.push(format!("{header}.{payload}.{signature}"));
    }
    made.push(format!("{}.", token.rsplit_once('.')?.0));
    Some(made)
}

/// The signature changed: at its beginning, in the middle, cut short, and signed with a secret that is no key.
pub(super) fn badly_signed(token: &str) -> Option<Vec<String>> {
    claims(token)?;
    let (message, signature) = token.rsplit_once('.')?;
    let change = |at: usize| {
        let other = if signature.as_bytes().get(at)? == &b'A' { "B" } else { "A" };
        Some(format!("{message}.{}{other}{}", signature.get(..at)?, signature.get(at + 1..)?))
    };
    let (_, payload) = message.split_once('.')?;
    let header = BASE64.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let symmetric = format!("{header}.{payload}");
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"");
    let tag = BASE64.encode(aws_lc_rs::hmac::sign(&secret, symmetric.as_bytes()));
    Some(vec![
        change(0)?,
        change(signature.len() / 2)?,
        format!("{message}.{}", signature.get(..signature.len().saturating_sub(4))?),
        format!("{symmetric}.{tag}"),
    ])
}

/// Claims changed, under the signature as it was: `from` becomes `to`, wherever it stands; and more rights, and more time.
pub(super) fn badly_claimed(token: &str, from: &str, to: &str) -> Option<Vec<String>> {
    let mut parts = token.split('.');
    let (header, _, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let sealed = |claims: &Value| format!("{header}.{}.{signature}", BASE64.encode(claims.to_string()));
    let truth = claims(token)?;
    let mut moved = truth.clone();
    for value in moved.as_object_mut()?.values_mut() {
        if value == from {
            *value = json!(to);
        }
    }
    // Where no claim has the name itself, at least the usual one shall have it.
    if moved == truth {
        moved["extension_tenantId"] = json!(to);
    }
    let mut longer = truth.clone();
    longer["exp"] = json!(truth["exp"].as_i64().unwrap_or_default() + 60);
    let mut other = truth;
    other["sub"] = json!("verify-nobody");
    Some(vec![sealed(&moved), sealed(&longer), sealed(&other)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_are_not_the_token() {
        let payload = BASE64.encode(json!({"sub": "alice", "tid": "contoso", "exp": 9}).to_string());
        let token = format!("{}.{payload}.{}", BASE64.encode(r#"{"alg":"RS256"}"#), "c2lnbmF0dXJl");
        let moved = badly_claimed(&token, "contoso", "fabrikam").unwrap();
        assert_eq!(claims(&moved[0]).unwrap()["tid"], "fabrikam");
        for forged in [unsigned(&token).unwrap(), badly_signed(&token).unwrap(), moved, garbage()].concat() {
            assert_ne!(forged, token);
        }
        assert!(unsigned("opaque").is_none() && badly_signed("a.b").is_none());
    }
}
