//! The development issuer: a key of its own, on this machine alone. There is no way to turn authentication off.

use super::Fault;
use crate::config::{Config, DEV_AUDIENCE, DEV_ISSUER};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use local::{Keys, OsEntropy};
use pool::ports::{Clock, SystemClock};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const KID: &str = "dev";
const SECRET: &str = "dev-issuer.pkcs8";

/// An issuer of tokens that this machine's service believes.
pub(super) struct DevIssuer(KeyPair);

impl DevIssuer {
    /// The issuer of a state folder; its key is made when it is first wanted.
    pub(super) fn open(state: &Path) -> Result<Self, Fault> {
        if Config::in_azure() {
            return Err("development tokens are refused in Azure".into());
        }
        std::fs::create_dir_all(state)?;
        let keys = Keys::open(&state.join("keys.json"), &OsEntropy)?;
        let der = keys.get_or_create(SECRET, || new_key().unwrap_or_default())?;
        Ok(Self(KeyPair::from_pkcs8(&der).map_err(|_| "the development issuer's key cannot be read")?))
    }

    /// The public half, as a JWK Set (RFC 7517).
    pub(super) fn jwks(&self) -> Value {
        let public = self.0.public_key();
        let number = |bytes: &[u8]| BASE64.encode(bytes);
        json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero())}]})
    }

    /// A token (RFC 7519) for a user of a tenant, whether or not the tenant is known.
    pub(super) fn token(
        &self,
        tenant: &str,
        user: &str,
        roles: &[String],
        lifetime: Duration,
    ) -> Result<String, Fault> {
        let now = SystemClock.now().as_second();
        let claims = json!({
            "iss": DEV_ISSUER,
            "aud": DEV_AUDIENCE,
            "sub": user,
            "iat": now,
            "nbf": now,
            "exp": now + i64::try_from(lifetime.as_secs())?,
            "extension_tenantId": tenant,
            "roles": roles,
        });
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": KID});
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| "the token could not be signed")?;
        Ok(format!("{message}.{}", BASE64.encode(signature)))
    }
}

fn new_key() -> Option<Vec<u8>> {
    let der: Pkcs8V1Der<'static> = KeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?;
    Some(der.as_ref().to_vec())
}
