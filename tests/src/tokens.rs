//! Tokens: those that `handler token` prints, and, signed with the same key, those that it would not.

use crate::dev::binary;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use handler::config::{DEV_AUDIENCE, DEV_ISSUER};
use serde_json::{Value, json};
use std::{path::Path, process::Command};

/// What `handler token` prints.
///
/// # Panics
/// If it fails.
pub fn minted(state: &Path, tenant: &str, user: &str, role: &str) -> String {
    let mut command = Command::new(binary());
    command.args(["token", tenant, "--user", user, "--role", role, "--state"]).arg(state);
    let output = command.output().expect("handler token");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Signs claims as an issuer would.
pub struct Signer(KeyPair);

impl Signer {
    /// The issuer of a state folder.
    ///
    /// # Panics
    /// If the folder has none.
    pub fn of(state: &Path) -> Self {
        let keys = local::Keys::open(&state.join("keys.json"), &local::OsEntropy).expect("keys");
        let der = keys.get_or_create("dev-issuer.pkcs8", Vec::new).expect("a key");
        Self(KeyPair::from_pkcs8(&der).expect("the issuer's key"))
    }

    /// An issuer that nobody knows.
    ///
    /// # Panics
    /// If no key can be made.
    pub fn unknown() -> Self {
        let der: Pkcs8V1Der<'static> =
            KeyPair::generate(KeySize::Rsa2048).expect("a key").as_der().expect("its form");
        Self(KeyPair::from_pkcs8(der.as_ref()).expect("the same key"))
    }

    /// A token with these claims and this header.
    ///
    /// # Panics
    /// If it cannot be signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{message}.{}", BASE64.encode(signature))
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&header(), claims)
    }
}

/// The header of the development issuer's tokens.
pub fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "dev"})
}

/// Claims of a good token, to be spoilt.
pub fn claims(tenant: &str, user: &str, roles: &[&str]) -> Value {
    let now = now();
    json!({"iss": DEV_ISSUER, "aud": DEV_AUDIENCE, "sub": user, "iat": now, "nbf": now, "exp": now + 3600,
        "extension_tenantId": tenant, "roles": roles})
}

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "tokens are checked against the real clock")]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
