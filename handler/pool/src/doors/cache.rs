//! What the doors remember, and for how long.

use crate::{
    TenantId, TenantRecord, TenantStatus,
    access::{Granted, Grants},
    scope::Caller,
    token::Claims,
};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use std::sync::Arc;

const TOKENS: usize = 10_000;
const TOKEN_S: i64 = 60;
const TENANTS: usize = 10_000;
const TENANT_MS: i64 = 5_000;

/// A token that was verified, in the form that requests need.
pub(super) struct KnownToken {
    pub(super) tenant: String,
    user: Arc<str>,
    pub(super) granted: Granted,
    refused_from: i64,
}

impl KnownToken {
    pub(super) fn new(claims: Claims, grants: &Grants) -> Self {
        let granted = grants.of(&claims.roles, &claims.scopes);
        let (tenant, user) = (claims.tenant, claims.subject.into());
        Self { tenant, user, granted, refused_from: claims.refused_from }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { user: self.user.clone(), admin: self.granted.admin, refused_from: self.refused_from }
    }
}

/// Verified tokens, by the hash of the whole token, for at most a minute, and until keys change.
pub(super) struct KnownTokens(Cache<[u8; 32], Verified>);

#[derive(Clone)]
struct Verified {
    token: Arc<KnownToken>,
    /// When, in Unix seconds.
    at: i64,
    /// How often keys had changed.
    changes: u64,
}

impl Default for KnownTokens {
    fn default() -> Self {
        Self(Cache::new(TOKENS))
    }
}

impl KnownTokens {
    pub(super) fn get(&self, token: &str, now: i64, changes: u64) -> Option<Arc<KnownToken>> {
        let Verified { token, at, changes: then } = self.0.get(blake3::hash(token.as_bytes()).as_bytes())?;
        let fresh = (at..at + TOKEN_S).contains(&now) && now < token.refused_from && changes == then;
        fresh.then_some(token)
    }

    /// `changes` is to be read before the token is verified: what changes meanwhile makes the entry void.
    pub(super) fn put(&self, token: &str, known: &Arc<KnownToken>, now: i64, changes: u64) {
        let verified = Verified { token: known.clone(), at: now, changes };
        self.0.insert(*blake3::hash(token.as_bytes()).as_bytes(), verified);
    }
}

/// A tenant of the directory.
#[derive(Clone)]
pub(super) struct KnownTenant {
    pub(super) id: TenantId,
    pub(super) record: Arc<TenantRecord>,
}

impl KnownTenant {
    pub(super) fn new(record: TenantRecord) -> Option<Self> {
        if record.status == TenantStatus::Removed {
            return None;
        }
        Some(Self { id: TenantId::mint(&record)?, record: Arc::new(record) })
    }
}

/// Tenants by exact name, for at most five seconds: that is how long a suspension takes to be felt.
pub(super) struct KnownTenants(Cache<String, (KnownTenant, Timestamp)>);

impl Default for KnownTenants {
    fn default() -> Self {
        Self(Cache::new(TENANTS))
    }
}

impl KnownTenants {
    pub(super) fn get(&self, name: &str, now: Timestamp) -> Option<KnownTenant> {
        let (known, read) = self.0.get(name)?;
        (0..TENANT_MS).contains(&(now.as_millisecond() - read.as_millisecond())).then_some(known)
    }

    pub(super) fn put(&self, known: &KnownTenant, now: Timestamp) {
        self.0.insert(known.record.id.clone(), (known.clone(), now));
    }
}
