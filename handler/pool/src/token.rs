//! Bearer tokens: a strict reading of JWS (RFC 7515) and JWT (RFC 7519) before any library sees them.
//!
//! The library is asked one thing, whether an RS256 signature fits a key. Everything else is decided here, because a
//! permissive reading is where forged tokens pass.

mod claims;
mod discovery;
mod issuer;
mod jwks;
mod published;

pub use claims::{Claims, Operator};
pub use discovery::KeyUrl;
pub use issuer::{Issuer, IssuerKeys};
pub use jwks::Jwks;
pub use published::KeyLocation;

use crate::{access::Grants, ports::KeySource, strict_json};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use issuer::{Trusted, users};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
const MAX_DEPTH: usize = 8;
const HEADER_MEMBERS: [&str; 6] = ["alg", "kid", "typ", "x5t", "x5t#S256", "nonce"];

/// The check that a token failed: a constant for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// What tokens are checked against.
pub struct TokenRules {
    trusted: Vec<Trusted>,
    grants: Grants,
    changes: Arc<AtomicU64>,
}

impl TokenRules {
    /// Rules that believe these issuers, and get what they publish from `source`.
    ///
    /// # Errors
    /// When two issuers have one name, or one audience is for users and for operators.
    pub fn new(issuers: Vec<Issuer>, grants: Grants, source: Arc<dyn KeySource>) -> Result<Self, String> {
        for (n, issuer) in issuers.iter().enumerate() {
            if issuers[..n].iter().any(|other| other.issuer == issuer.issuer) {
                return Err(format!("the issuer {} is named twice", issuer.issuer));
            }
            if issuer.platform_audience.as_ref() == Some(&issuer.audience) {
                return Err(format!("the issuer {} has one audience for users and operators", issuer.issuer));
            }
        }
        let changes = Arc::new(AtomicU64::new(0));
        let at_work = |(n, issuer)| {
            let users = users(n, &issuer);
            Trusted::new(issuer, users, &source, &changes)
        };
        let trusted = issuers.into_iter().enumerate().map(at_work).collect();
        Ok(Self { trusted, grants, changes })
    }

    /// Checks a user's token at a time (Unix seconds).
    ///
    /// # Errors
    /// The first check that fails; `no_keys` when the issuer's keys cannot be had, so that nothing can be said.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Claims, Refused> {
        let (trusted, claims) = self.genuine(token, now).await?;
        Claims::read(&claims, trusted, now)
    }

    /// Checks a token of an operator of the platform.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_operator(&self, token: &str, now: i64) -> Result<Operator, Refused> {
        let (trusted, claims) = self.genuine(token, now).await?;
        Operator::read(&claims, &trusted.issuer, now)
    }

    /// Fetches the keys that are due. To be called every few seconds.
    pub async fn refresh(&self, now: i64) {
        futures::future::join_all(self.trusted.iter().map(|trusted| trusted.refresh(now))).await;
    }

    /// Whether there are keys of every issuer.
    pub(crate) fn good(&self, now: i64) -> bool {
        self.trusted.iter().all(|trusted| trusted.good(now))
    }

    /// How often keys have changed. What was verified before a change is to be verified anew.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The claims of a token that one of the issuers signed.
    async fn genuine(&self, token: &str, now: i64) -> Result<(&Trusted, Map<String, Value>), Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused("token_too_long"));
        }
        let (header, payload, signature) = segments(token)?;
        let kid = key_id(&object(header)?)?;
        BASE64.decode(signature).map_err(|_| Refused("base64"))?;
        let claims = object(payload)?;
        let name = claims::text(&claims, "iss", Refused("iss"))?;
        let trusted = self.trusted.iter().find(|known| known.issuer.issuer == name).ok_or(Refused("iss"))?;
        let keys = trusted.keys(&kid, now).await?;
        let key = keys.get(&kid).ok_or(Refused("unknown_kid"))?;
        fits(key, header, payload, signature)?;
        Ok((trusted, claims))
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

fn fits(key: &DecodingKey, header: &str, payload: &str, signature: &str) -> Result<(), Refused> {
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
