//! The only four ways to come by a [`Scope`].

mod cache;

use crate::{
    Error, Scope, SealKeys, SecurityEvent, Settings, TenantStatus,
    ports::{BlobName, Entropy, Kind, PortError, Ports, SearchMode, SearchQuery, Visibility},
    scope::{Actor, Caller, Pool},
    seal::{Job, Operation, Sealer},
    token::{MAX_TOKEN, TokenRules},
};
use cache::{KnownTenant, KnownTenants, KnownToken, KnownTokens};
use futures::stream::BoxStream;
use std::sync::{Arc, PoisonError, RwLock};

const SUSPENDED: &str = "the tenant is suspended";
const MISMATCH: &str = "the request names another tenant than its token";

/// A thing that a tenant owns, by which a third party's event is told to be the tenant's.
#[derive(Clone, Copy, Debug)]
pub enum Owned<'a> {
    /// A blob container.
    Container(&'a str),
    /// A folder of the shared drop container.
    DropFolder(&'a str),
}

/// Why a sweep goes over every tenant; for the log.
#[derive(Clone, Copy, Debug)]
pub struct SweepReason(pub &'static str);

/// The doors of the pool.
pub struct Doors {
    pool: Arc<Pool>,
    rules: RwLock<Arc<TokenRules>>,
    tokens: KnownTokens,
    tenants: KnownTenants,
}

impl Doors {
    /// Doors that check tokens by `rules`, and seal with `keys`.
    pub fn new(ports: Ports, keys: SealKeys, rules: TokenRules, settings: Settings) -> Self {
        Self {
            pool: Arc::new(Pool { ports, sealer: Sealer::new(keys), settings }),
            rules: RwLock::new(Arc::new(rules)),
            tokens: KnownTokens::default(),
            tenants: KnownTenants::default(),
        }
    }

    /// Door 1: a verified token. Takes every `Authorization` header of the request, and every value by which the
    /// request names a tenant (`x-tenant-id`); these are never believed, only compared.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] when the tenant is suspended or another one is named, or the
    /// directory's failure.
    pub async fn authenticate(&self, authorization: &[&[u8]], presented: &[&[u8]]) -> Result<Scope, Error> {
        let token = match authorization {
            [] => return Err(Error::Unauthenticated { check: "no_token", presented: false }),
            [one] => bearer(one).ok_or_else(|| refused("scheme"))?,
            _ => return Err(refused("two_tokens")),
        };
        let token = self.token(token)?;
        let tenant = self.tenant(&token.tenant).await?.ok_or_else(|| {
            SecurityEvent::UnknownTenant.raise(None, "a good token names no tenant of the directory");
            Error::Unauthenticated { check: "unknown_tenant", presented: true }
        })?;
        served(&tenant)?;
        if presented.iter().any(|name| *name != tenant.id.as_str().as_bytes()) {
            SecurityEvent::TenantMismatch.raise(Some(&tenant.id), "x-tenant-id");
            return Err(Error::Forbidden(MISMATCH));
        }
        let caller = Caller { user: token.user.clone(), admin: token.admin };
        Ok(Scope::new(&self.pool, tenant.id, tenant.record, Actor::User(caller), token.permissions))
    }

    /// Door 2: a sealed job, of the operation that the queue is for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the seal does not hold, [`Error::Forbidden`] when the tenant is suspended: the
    /// job's promise stays in the tenant's outbox, and is renewed when the tenant is served again.
    pub async fn open(&self, sealed: &str, operation: Operation) -> Result<(Scope, Job), Error> {
        let now = self.pool.ports.clock.now().as_second();
        let broken = |check| {
            SecurityEvent::SealBroken.raise(None, check);
            Error::Unauthenticated { check, presented: true }
        };
        let (name, job) =
            self.pool.sealer.open_job(sealed, operation, now).ok_or_else(|| broken("job_seal"))?;
        let tenant = self.tenant(&name).await?.ok_or_else(|| broken("job_tenant"))?;
        served(&tenant)?;
        Ok((Scope::system(&self.pool, tenant.id, tenant.record), job))
    }

    /// Door 3: a resource that a tenant owns. What else an event says is not believed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no tenant owns it, [`Error::Forbidden`] when the tenant is suspended.
    pub async fn claim(&self, owned: Owned<'_>) -> Result<Scope, Error> {
        let tenant = match owned {
            Owned::DropFolder(name) => self.tenant(name).await?,
            Owned::Container(name) => {
                let record = self.pool.ports.directory.by_container(name).await?;
                record.filter(|record| record.container() == name).and_then(KnownTenant::new)
            }
        };
        let tenant = tenant.ok_or_else(|| {
            SecurityEvent::ForeignContainer.raise(None, "no tenant owns it");
            Error::NotFound
        })?;
        served(&tenant)?;
        Ok(Scope::system(&self.pool, tenant.id, tenant.record))
    }

    /// Door 4: a sweep over every tenant that is served, for timers alone.
    pub fn every_tenant(&self, reason: SweepReason) -> BoxStream<'_, Result<Scope, Error>> {
        tracing::debug!(reason = reason.0, "sweep");
        Box::pin(async_stream::try_stream! {
            let mut after: Option<String> = None;
            loop {
                let page = self.pool.ports.directory.list(after.as_deref(), 100).await?;
                let Some(last) = page.last() else { break };
                if after.as_ref().is_some_and(|after| *after >= last.id) {
                    Err(Error::internal("the directory goes round in circles"))?;
                }
                after = Some(last.id.clone());
                for tenant in page.into_iter().filter_map(KnownTenant::new) {
                    if tenant.record.status == TenantStatus::Active {
                        yield Scope::system(&self.pool, tenant.id, tenant.record);
                    }
                }
            }
        })
    }

    /// Changes what tokens are checked against; tokens that were verified before are verified anew.
    pub fn replace_rules(&self, rules: TokenRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        self.tokens.clear();
    }

    /// Whether each backend answers: asked in the partition of the first tenant, for what is not there.
    pub async fn probe(&self) -> Vec<(&'static str, Result<(), PortError>)> {
        let ports = &self.pool.ports;
        let tenants = ports.directory.list(None, 1).await;
        let first = tenants.as_ref().ok().and_then(|tenants| KnownTenant::new(tenants.first()?.clone()));
        let mut answers = vec![("directory", tenants.map(drop))];
        if let Some(KnownTenant { id, .. }) = first {
            let nothing = SearchQuery {
                mode: SearchMode::Text,
                text: "ready".into(),
                vector: None,
                filter: None,
                visibility: Visibility::User("_probe".into()),
                top: 1,
            };
            answers.push(("records", ports.records.get(&id, Kind::Agent, "_probe").await.map(drop)));
            answers.push(("blobs", ports.blobs.head(&id, &BlobName("_probe".into())).await.map(drop)));
            answers.push(("index", ports.index.search(&id, &nothing).await.map(drop)));
        }
        answers
    }

    /// Chance, for ids of requests.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.pool.ports.entropy
    }

    fn token(&self, token: &str) -> Result<Arc<KnownToken>, Error> {
        let now = self.pool.ports.clock.now().as_second();
        if let Some(known) = self.tokens.get(token, now) {
            return Ok(known);
        }
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner).clone();
        let claims = rules.verify(token, now).map_err(|fault| refused(fault.0))?;
        let current = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let known = Arc::new(KnownToken::new(claims));
        if Arc::ptr_eq(&rules, &current) {
            self.tokens.put(token, &known, now);
        }
        Ok(known)
    }

    async fn tenant(&self, name: &str) -> Result<Option<KnownTenant>, PortError> {
        let now = self.pool.ports.clock.now();
        if let Some(known) = self.tenants.get(name, now) {
            return Ok(Some(known));
        }
        let record = self.pool.ports.directory.get(name).await?;
        let known = record.filter(|record| record.id == name).and_then(KnownTenant::new);
        if let Some(known) = &known {
            self.tenants.put(known, now);
        }
        Ok(known)
    }
}

fn served(tenant: &KnownTenant) -> Result<(), Error> {
    if tenant.record.status == TenantStatus::Active {
        return Ok(());
    }
    SecurityEvent::TenantSuspended.raise(Some(&tenant.id), SUSPENDED);
    Err(Error::Forbidden(SUSPENDED))
}

fn refused(check: &'static str) -> Error {
    SecurityEvent::TokenRefused.raise(None, check);
    Error::Unauthenticated { check, presented: true }
}

/// The token of a `Bearer` credential (RFC 6750 §2.1): the scheme in any case, one space, and nothing after.
fn bearer(header: &[u8]) -> Option<&str> {
    let header = std::str::from_utf8(header).ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let good = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    good.then_some(token)
}

#[cfg(test)]
mod tests;
