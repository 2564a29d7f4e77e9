//! Where an issuer's keys are: OpenID Connect Discovery 1.0, read strictly.

use crate::strict_json;
use serde_json::Value;

const MAX_URL: usize = 2_048;
const MAX_DEPTH: usize = 8;
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// A URL that keys may be fetched from: `https`, or, for development, `http` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl {
    text: String,
    origin: usize,
    loopback: bool,
}

impl KeyUrl {
    /// Reads an absolute URL. `loopback` allows `http` to this machine.
    ///
    /// # Errors
    /// In words, what it must be.
    pub fn parse(text: &str, loopback: bool) -> Result<Self, String> {
        let rule = "must be an https URL: a host, perhaps a port, a path; no user, no fragment";
        let plain = text.strip_prefix("http://");
        let rest = text.strip_prefix("https://").or(plain).ok_or(rule)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        let legal = text.len() <= MAX_URL
            && text.bytes().all(|b| b.is_ascii_graphic() && !br#"#@\"<>^`{|}"#.contains(&b))
            && !host.is_empty()
            && (named || LOOPBACK.contains(&host))
            && port
                .is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
        if !legal {
            return Err(rule.into());
        }
        if plain.is_some() && !(loopback && LOOPBACK.contains(&host)) {
            return Err("must be https: plain http is for this machine, in development".into());
        }
        Ok(Self { text: text.to_owned(), origin: text.len() - rest.len() + authority.len(), loopback })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    fn origin(&self) -> &str {
        &self.text[..self.origin]
    }
}

/// The `jwks_uri` of a discovery document that was had from `from`.
///
/// # Errors
/// In words, when the document is not strict JSON, is another issuer's, or sends us to another origin.
pub(super) fn jwks_uri(document: &[u8], issuer: &str, from: &KeyUrl) -> Result<KeyUrl, String> {
    let document = strict_json::parse(document, MAX_DEPTH)?;
    let member = |name: &str| document.get(name).and_then(Value::as_str);
    if member("issuer") != Some(issuer) {
        return Err("the discovery document is of another issuer".into());
    }
    let uri = member("jwks_uri").ok_or("the discovery document has no `jwks_uri`")?;
    let uri = KeyUrl::parse(uri, from.loopback).map_err(|rule| format!("`jwks_uri` {rule}"))?;
    if uri.origin() != from.origin() {
        return Err("`jwks_uri` is of another origin than the discovery document: name it yourself".into());
    }
    Ok(uri)
}
