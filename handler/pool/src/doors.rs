//! The only four ways to come by a [`Scope`], and the one to a [`Platform`].

mod cache;

use crate::{
    Error, Platform, Scope, SealKeys, SecurityEvent, Settings, TenantStatus,
    ports::{BlobName, Entropy, Kind, PortError, PortResult, Ports, SearchMode, SearchQuery, Visibility},
    scope::{Actor, Pool},
    seal::{Job, Operation, Sealer},
    token::{MAX_TOKEN, TokenRules},
};
use cache::{KnownTenant, KnownTenants, KnownToken, KnownTokens};
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};

/// How long a backend has to answer a probe.
const PROBE: Duration = Duration::from_secs(2);
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
    rules: TokenRules,
    tokens: KnownTokens,
    tenants: KnownTenants,
}

impl Doors {
    /// Doors that check tokens by `rules`, and seal with `keys`.
    pub fn new(ports: Ports, keys: SealKeys, rules: TokenRules, settings: Settings) -> Self {
        Self {
            pool: Arc::new(Pool { ports, sealer: Sealer::new(keys), settings }),
            rules,
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
        let token = self.token(presented_token(authorization)?).await?;
        let tenant = self.tenant(&token.tenant).await?.ok_or_else(|| {
            SecurityEvent::UnknownTenant.raise(None, "a good token names no tenant of the directory");
            Error::Unauthenticated { check: "unknown_tenant", presented: true }
        })?;
        served(&tenant)?;
        if presented.iter().any(|name| *name != tenant.id.as_str().as_bytes()) {
            SecurityEvent::TenantMismatch.raise(Some(&tenant.id), "x-tenant-id");
            return Err(Error::Forbidden(MISMATCH));
        }
        let actor = Actor::User(token.caller());
        Ok(Scope::new(&self.pool, tenant.id, tenant.record, actor, token.granted.permissions))
    }

    /// The platform's door: a verified token for its audience, which opens no tenant, as no tenant's token opens this.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`].
    pub async fn operator(&self, authorization: &[&[u8]]) -> Result<Platform, Error> {
        let now = self.pool.ports.clock.now().as_second();
        let token = presented_token(authorization)?;
        let operator = self.rules.verify_operator(token, now).await.map_err(|fault| not_verified(fault.0))?;
        Ok(Platform::new(operator.subject))
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

    /// Fetches the keys of issuers that are due. To be called every few seconds.
    pub async fn refresh_keys(&self) {
        self.rules.refresh(self.pool.ports.clock.now().as_second()).await;
    }

    /// Whether each backend answers, and soon: asked in the partition of the first tenant, for what is not there. The
    /// model has nothing that could be asked for free.
    pub async fn probe(&self) -> Vec<(&'static str, Result<(), PortError>)> {
        let ports = &self.pool.ports;
        let tenants = in_time(ports.directory.list(None, 1)).await;
        let first = tenants.as_ref().ok().and_then(|tenants| KnownTenant::new(tenants.first()?.clone()));
        let keys = self.rules.good(ports.clock.now().as_second()).then_some(());
        let keys = keys.ok_or_else(|| PortError::unavailable("an issuer's keys are not known"));
        let queue = in_time(ports.queue.ready());
        let mut answers = vec![("directory", tenants.map(drop)), ("keys", keys)];
        if let Some(KnownTenant { id, .. }) = first {
            let nothing = SearchQuery {
                mode: SearchMode::Text,
                text: "ready".into(),
                vector: None,
                filter: None,
                visibility: Visibility::User("_probe".into()),
                top: 1,
            };
            let blob = BlobName("_probe".into());
            let (records, blobs, index, queue) = tokio::join!(
                in_time(ports.records.get(&id, Kind::Agent, "_probe")),
                in_time(ports.blobs.head(&id, &blob)),
                in_time(ports.index.search(&id, &nothing)),
                queue,
            );
            answers.push(("records", records.map(drop)));
            answers.push(("blobs", blobs.map(drop)));
            answers.push(("index", index.map(drop)));
            answers.push(("queue", queue));
        } else {
            answers.push(("queue", queue.await));
        }
        answers
    }

    /// Chance, for ids of requests.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.pool.ports.entropy
    }

    async fn token(&self, token: &str) -> Result<Arc<KnownToken>, Error> {
        let now = self.pool.ports.clock.now().as_second();
        let changes = self.rules.changes();
        if let Some(known) = self.tokens.get(token, now, changes) {
            return Ok(known);
        }
        let claims = self.rules.verify(token, now).await.map_err(|fault| not_verified(fault.0))?;
        let known = Arc::new(KnownToken::new(claims, self.rules.grants()));
        self.tokens.put(token, &known, now, changes);
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

async fn in_time<T>(asked: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    tokio::time::timeout(PROBE, asked).await.unwrap_or_else(|late| Err(PortError::unavailable(late)))
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

/// Without keys nothing can be said of a token: its bearer is not told to get another.
fn not_verified(check: &'static str) -> Error {
    match check {
        "no_keys" => {
            Error::Unavailable(PortError::unavailable("the keys of the token's issuer are not known"))
        }
        check => refused(check),
    }
}

/// The one token of a request.
fn presented_token<'a>(authorization: &[&'a [u8]]) -> Result<&'a str, Error> {
    match authorization {
        [] => Err(Error::Unauthenticated { check: "no_token", presented: false }),
        [one] => bearer(one).ok_or_else(|| refused("scheme")),
        _ => Err(refused("two_tokens")),
    }
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
