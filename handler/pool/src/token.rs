//! Bearer tokens: a strict reading of JWS (RFC 7515) and JWT (RFC 7519) before any library sees them.
//!
//! The library is asked one thing, whether an RS256 signature fits a key. Everything else is decided here, because a
//! permissive reading is where forged tokens pass.

mod claims;
mod jwks;

pub use claims::Claims;
pub use jwks::Jwks;

use crate::strict_json;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
const MAX_DEPTH: usize = 8;
const HEADER_MEMBERS: [&str; 6] = ["alg", "kid", "typ", "x5t", "x5t#S256", "nonce"];

/// The check that a token failed: a constant for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// An issuer that is trusted, and for what.
#[derive(Clone)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// The `aud` that is ours.
    pub audience: String,
    /// Its keys.
    pub keys: Jwks,
}

/// What tokens are checked against.
#[derive(Clone)]
pub struct TokenRules {
    /// The issuers, by exact name.
    pub issuers: Vec<Issuer>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
}

impl TokenRules {
    /// Checks a token at a time (Unix seconds).
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused("token_too_long"));
        }
        let (header, payload, signature) = segments(token)?;
        let kid = key_id(&object(header)?)?;
        BASE64.decode(signature).map_err(|_| Refused("base64"))?;
        let claims = object(payload)?;
        let issuer = claims::text(&claims, "iss", Refused("iss"))?;
        let issuer = self.issuers.iter().find(|known| known.issuer == issuer).ok_or(Refused("iss"))?;
        let key = issuer.keys.get(&kid).ok_or(Refused("unknown_kid"))?;
        genuine(key, header, payload, signature)?;
        Claims::read(&claims, &issuer.audience, &self.tenant_claim, now)
    }
}

fn segments(token: &str) -> Result<(&str, &str, &str), Refused> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) if !signature.is_empty() => {
            Ok((header, payload, signature))
        }
        _ => Err(Refused("segments")),
    }
}

fn genuine(key: &DecodingKey, header: &str, payload: &str, signature: &str) -> Result<(), Refused> {
    let message = format!("{header}.{payload}");
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::RS256) {
        Ok(true) => Ok(()),
        _ => Err(Refused("signature")),
    }
}

fn object(segment: &str) -> Result<Map<String, Value>, Refused> {
    let bytes = BASE64.decode(segment).map_err(|_| Refused("base64"))?;
    match strict_json::parse(&bytes, MAX_DEPTH) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refused("json")),
    }
}

fn key_id(header: &Map<String, Value>) -> Result<String, Refused> {
    if !header.iter().all(|(name, value)| HEADER_MEMBERS.contains(&name.as_str()) && value.is_string()) {
        return Err(Refused("header_member"));
    }
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(Refused("alg"));
    }
    if !matches!(header.get("typ").and_then(Value::as_str), None | Some("JWT" | "at+jwt")) {
        return Err(Refused("typ"));
    }
    claims::text(header, "kid", Refused("kid")).map(str::to_owned)
}

#[cfg(test)]
mod tests;
