//! What the doors remember, and for how long.

use crate::{
    TenantId, TenantRecord,
    access::{Permissions, is_admin},
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
    pub(super) user: Arc<str>,
    pub(super) admin: bool,
    pub(super) permissions: Permissions,
    refused_from: i64,
}

impl KnownToken {
    pub(super) fn new(claims: Claims) -> Self {
        Self {
            tenant: claims.tenant,
            user: claims.subject.into(),
            admin: is_admin(&claims.roles),
            permissions: Permissions::of(&claims.roles),
            refused_from: claims.refused_from,
        }
    }
}

/// Verified tokens, by the hash of the whole token, for at most a minute.
pub(super) struct KnownTokens(Cache<[u8; 32], (Arc<KnownToken>, i64)>);

impl Default for KnownTokens {
    fn default() -> Self {
        Self(Cache::new(TOKENS))
    }
}

impl KnownTokens {
    pub(super) fn get(&self, token: &str, now: i64) -> Option<Arc<KnownToken>> {
        let (known, verified) = self.0.get(blake3::hash(token.as_bytes()).as_bytes())?;
        let fresh = (verified..verified + TOKEN_S).contains(&now) && now < known.refused_from;
        fresh.then_some(known)
    }

    pub(super) fn put(&self, token: &str, known: &Arc<KnownToken>, now: i64) {
        self.0.insert(*blake3::hash(token.as_bytes()).as_bytes(), (known.clone(), now));
    }

    pub(super) fn clear(&self) {
        self.0.clear();
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
