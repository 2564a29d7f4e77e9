use super::{Jwks, KeyLocation, Refused, published::Published};
use crate::ports::KeySource;
use std::sync::{Arc, atomic::AtomicU64};

/// How the ids of the users begin whose issuer is not the first.
pub(super) const FOREIGN: &str = "iss_";

/// An issuer that is trusted, and for what.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// The `aud` that is ours.
    pub audience: String,
    /// The `aud` of tokens for the platform's operators, if this issuer makes them.
    pub platform_audience: Option<String>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The tenants that it may name; empty: any.
    pub tenants: Vec<String>,
    /// Its keys.
    pub keys: IssuerKeys,
}

/// An issuer's keys.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// These, and no others ever.
    Fixed(Jwks),
    /// Those that it publishes.
    Published(KeyLocation),
}

/// What the ids of an issuer's users begin with. The first issuer's are bare; those of the others say whose they are,
/// for two issuers may give one `sub` to two people.
pub(super) fn users(n: usize, issuer: &Issuer) -> String {
    match n {
        0 => String::new(),
        _ => format!("{FOREIGN}{}|", &blake3::hash(issuer.issuer.as_bytes()).to_hex()[..16]),
    }
}

/// An issuer at work.
pub(super) struct Trusted {
    pub(super) issuer: Issuer,
    /// What its users' ids begin with.
    pub(super) users: String,
    keys: Keys,
}

enum Keys {
    Fixed(Jwks),
    Published(Arc<Published>),
}

impl Trusted {
    pub(super) fn new(
        issuer: Issuer,
        users: String,
        source: &Arc<dyn KeySource>,
        changes: &Arc<AtomicU64>,
    ) -> Self {
        let keys = match &issuer.keys {
            IssuerKeys::Fixed(keys) => Keys::Fixed(keys.clone()),
            IssuerKeys::Published(location) => Keys::Published(Arc::new(Published::new(
                &issuer.issuer,
                location.clone(),
                source.clone(),
                changes.clone(),
            ))),
        };
        Self { issuer, users, keys }
    }

    /// The keys, with this one among them if it can be had.
    pub(super) async fn keys(&self, kid: &str, now: i64) -> Result<Jwks, Refused> {
        match &self.keys {
            Keys::Fixed(keys) => Ok(keys.clone()),
            Keys::Published(published) => published.with(kid, now).await,
        }
    }

    pub(super) async fn refresh(&self, now: i64) {
        if let Keys::Published(published) = &self.keys {
            published.refresh(now).await;
        }
    }

    /// Whether there are keys that are believed.
    pub(super) fn good(&self, now: i64) -> bool {
        match &self.keys {
            Keys::Fixed(_) => true,
            Keys::Published(published) => published.good(now),
        }
    }
}
