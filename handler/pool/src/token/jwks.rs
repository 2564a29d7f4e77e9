use super::published::MAX_DOCUMENT as MAX_SET;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

const MIN_BITS: usize = 2048;
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// An issuer's public keys, by key id (RFC 7517).
#[derive(Clone)]
pub struct Jwks(Arc<HashMap<String, DecodingKey>>);

impl Jwks {
    /// Reads a JWK Set. Keys that are not for RS256 signatures are passed over.
    ///
    /// # Errors
    /// In words, when the set is not to be trusted at all: larger than 64 KiB, not strict JSON, a symmetric or private
    /// key in it, an RSA signing key under 2048 bits, an `e` of 1 or even, a key id that is missing or occurs twice,
    /// or no usable key.
    pub fn parse(set: &[u8]) -> Result<Self, String> {
        if set.len() > MAX_SET {
            return Err(format!("larger than {MAX_SET} bytes"));
        }
        let set = crate::strict_json::parse(set, 8)?;
        let members = set.get("keys").and_then(Value::as_array).ok_or("no array `keys`")?;
        let mut keys = HashMap::new();
        for key in members {
            if let Some((kid, key)) = read(key)?
                && keys.insert(kid, key).is_some()
            {
                return Err("a `kid` occurs twice".into());
            }
        }
        if keys.is_empty() { Err("no key for RS256 signatures".into()) } else { Ok(Self(Arc::new(keys))) }
    }

    /// The key of exactly this id.
    pub(super) fn get(&self, kid: &str) -> Option<&DecodingKey> {
        self.0.get(kid)
    }
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn read(key: &Value) -> Result<Option<(String, DecodingKey)>, String> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("kty") == Some("oct") || PRIVATE.iter().any(|name| key.get(name).is_some()) {
        return Err("a symmetric or private key in a public set".into());
    }
    let for_us = text("kty") == Some("RSA")
        && matches!(key.get("use").map(Value::as_str), None | Some(Some("sig")))
        && matches!(key.get("alg").map(Value::as_str), None | Some(Some("RS256")))
        && key
            .get("key_ops")
            .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")));
    if !for_us {
        return Ok(None);
    }
    let kid = text("kid").filter(|kid| !kid.is_empty()).ok_or("a key without a `kid`")?;
    let number =
        |name| text(name).and_then(|text| BASE64.decode(text).ok()).ok_or("an RSA key that is not valid");
    let (modulus, exponent) = (number("n")?, number("e")?);
    if bits(&modulus) < MIN_BITS {
        return Err(format!("an RSA key under {MIN_BITS} bits"));
    }
    if bits(&exponent) < 2 || exponent.last().is_none_or(|last| last % 2 == 0) {
        return Err("an RSA key with a weak exponent".into());
    }
    let components = (text("n").unwrap_or_default(), text("e").unwrap_or_default());
    let key = DecodingKey::from_rsa_components(components.0, components.1)
        .map_err(|_| "an RSA key that is not valid")?;
    Ok(Some((kid.to_owned(), key)))
}

fn bits(number: &[u8]) -> usize {
    let digits = number.iter().skip_while(|byte| **byte == 0);
    digits.clone().next().map_or(0, |first| digits.count() * 8 - first.leading_zeros() as usize)
}
