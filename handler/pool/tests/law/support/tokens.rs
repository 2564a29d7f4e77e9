use super::World;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use pool::{
    Grants,
    conformance::memory::{ManualClock, MemoryKeys},
    token::{Issuer, IssuerKeys, Jwks, KeyLocation, KeyUrl, TokenRules},
};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "api://pool";

static KEY_A: LazyLock<EncodingKey> = LazyLock::new(|| key(include_bytes!("../../keys/a.pem")));
static KEY_B: LazyLock<EncodingKey> = LazyLock::new(|| key(include_bytes!("../../keys/b.pem")));

fn key(pem: &[u8]) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem).unwrap()
}

/// Where the issuer publishes its keys.
pub(crate) const KEY_SET: &str = "https://issuer.example/keys";

/// Rules that trust key A.
pub(crate) fn rules() -> TokenRules {
    let keys = Jwks::parse(key_set(include_str!("../../keys/a.jwk.json")).as_bytes()).unwrap();
    of(IssuerKeys::Fixed(keys), Arc::new(MemoryKeys::default()))
}

/// Rules that trust the keys that the issuer publishes: A, until it [rolls over](roll_over).
pub(crate) fn rules_by(keys: &Arc<MemoryKeys>) -> TokenRules {
    keys.publish(KEY_SET, key_set(include_str!("../../keys/a.jwk.json")));
    let location = KeyLocation::Jwks(KeyUrl::parse(KEY_SET, false).unwrap());
    of(IssuerKeys::Published(location), keys.clone())
}

/// Key B takes the place of key A.
pub(crate) fn roll_over(keys: &MemoryKeys) {
    keys.publish(KEY_SET, key_set(include_str!("../../keys/b.jwk.json")));
}

fn key_set(jwk: &str) -> String {
    format!("{{\"keys\":[{jwk}]}}")
}

fn of(keys: IssuerKeys, source: Arc<MemoryKeys>) -> TokenRules {
    let issuer = Issuer {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        platform_audience: Some("api://platform".into()),
        tenant_claim: "extension_tenantId".into(),
        tenants: Vec::new(),
        keys,
    };
    TokenRules::new(vec![issuer], Grants::parse(Grants::DEFAULT).unwrap(), source).unwrap()
}

/// A token to be.
#[derive(Clone)]
pub(crate) struct Token {
    claims: Value,
    lifetime: i64,
    key_b: bool,
}

impl Token {
    pub(crate) fn of(tenant: &str, user: &str) -> Self {
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "extension_tenantId": tenant});
        Self { claims, lifetime: 3600, key_b: false }
    }

    pub(crate) fn role(mut self, role: &str) -> Self {
        self.claims["roles"] = json!([role]);
        self
    }

    pub(crate) fn audience(mut self, audience: Value) -> Self {
        self.claims["aud"] = audience;
        self
    }

    pub(crate) fn lives(mut self, seconds: i64) -> Self {
        self.lifetime = seconds;
        self
    }

    pub(crate) fn by_key_b(mut self) -> Self {
        self.key_b = true;
        self
    }

    /// The credential, issued now by this clock.
    pub(crate) fn at(&self, clock: &ManualClock) -> String {
        let mut claims = self.claims.clone();
        claims["iat"] = json!(clock.seconds());
        claims["exp"] = json!(clock.seconds() + self.lifetime);
        let kid = if self.key_b { "b" } else { "a" };
        let header = json!({"alg": "RS256", "kid": kid, "typ": "JWT"});
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let key = if self.key_b { &KEY_B } else { &KEY_A };
        format!("Bearer {message}.{}", crypto::sign(message.as_bytes(), key, Algorithm::RS256).unwrap())
    }
}

impl World {
    pub(crate) fn credential(&self, tenant: &str, user: &str) -> String {
        Token::of(tenant, user).at(&self.clock)
    }
}
