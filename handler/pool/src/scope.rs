//! What a tenant's user may do, as a value.

use crate::{
    Error, Permission, SealedJob, SecurityEvent, Settings, TenantId, TenantRecord, TenantStatus,
    access::Permissions,
    agents::Agents,
    files::Files,
    idempotency::Idempotency,
    ids::IdSource,
    messages::Messages,
    ports::Ports,
    records::TenantRecords,
    runs::Runs,
    seal::{Job, Sealer},
    search::Search,
    store::Store,
    sweep::Sweep,
    threads::Threads,
};
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};

/// How old the knowledge may be that a caller is served, in milliseconds.
const SERVED_MS: i64 = 5_000;

/// What goes on for longer than a request, and stops when its caller would not be let in anew.
#[derive(Default)]
pub(crate) struct Served {
    /// Until when the caller is taken to be served, in Unix milliseconds.
    until_ms: i64,
}

impl Served {
    /// As of a caller that has just been let in.
    pub(crate) fn now(scope: &Scope) -> Self {
        Self { until_ms: scope.now().as_millisecond() + SERVED_MS }
    }

    /// Passes if the caller would be let in anew, which is asked every five seconds.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], or the directory's failure.
    pub(crate) async fn still(&mut self, scope: &Scope) -> Result<(), Error> {
        if scope.now().as_millisecond() >= self.until_ms {
            scope.still_served().await?;
            *self = Self::now(scope);
        }
        Ok(())
    }
}

/// What all scopes share.
pub(crate) struct Pool {
    pub(crate) ports: Ports,
    pub(crate) sealer: Sealer,
    pub(crate) settings: Settings,
}

/// A user of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: Arc<str>,
    pub(crate) admin: bool,
    /// From when its token is refused, in Unix seconds.
    pub(crate) refused_from: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Actor {
    User(Caller),
    /// The service itself, for a job, an event or a sweep.
    System,
}

/// One tenant, one caller, and what that caller may do. Had from [`Doors`](crate::Doors) alone.
///
/// Nothing that a scope hands out takes a tenant or another scope: what it reads and writes is its own tenant's.
///
/// ```compile_fail
/// fn forge() -> pool::Scope { pool::Scope { } }
/// ```
/// ```compile_fail
/// let scope: pool::Scope = Default::default();
/// ```
#[derive(Clone)]
pub struct Scope {
    pool: Arc<Pool>,
    tenant: TenantId,
    record: Arc<TenantRecord>,
    actor: Actor,
    permissions: Permissions,
    ids: IdSource,
}

impl Scope {
    pub(crate) fn new(
        pool: &Arc<Pool>,
        tenant: TenantId,
        record: Arc<TenantRecord>,
        actor: Actor,
        permissions: Permissions,
    ) -> Self {
        Self { pool: pool.clone(), tenant, record, actor, permissions, ids: IdSource::Random }
    }

    pub(crate) fn system(pool: &Arc<Pool>, tenant: TenantId, record: Arc<TenantRecord>) -> Self {
        Self::new(pool, tenant, record, Actor::System, Permissions::ALL)
    }

    pub(crate) fn with_ids(&self, ids: IdSource) -> Self {
        Self { ids, ..self.clone() }
    }

    /// Whose scope it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What the directory holds of the tenant.
    pub fn record(&self) -> &TenantRecord {
        &self.record
    }

    /// The user's id; `None` when the service acts for itself.
    pub fn user(&self) -> Option<&str> {
        match &self.actor {
            Actor::User(caller) => Some(&caller.user),
            Actor::System => None,
        }
    }

    /// The user as telemetry may know one: the same user of a tenant has the same word, and nobody can tell whose it is
    /// without the key.
    pub fn pseudonym(&self) -> Option<String> {
        let tag = self.pool.sealer.tag("pseudonym", &[self.tenant.as_str(), self.user()?]);
        Some(crate::hex(&tag[..8]))
    }

    /// Passes if the caller has the permission.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn permit(&self, permission: Permission) -> Result<(), Error> {
        if self.permissions.has(permission) {
            return Ok(());
        }
        SecurityEvent::PermissionDenied.raise(Some(&self.tenant), "role");
        Err(Error::Forbidden("the caller's role does not allow this"))
    }

    /// Passes if a tenant that the request names, outside its token, is this one.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn named(&self, presented: &str, by: &'static str) -> Result<(), Error> {
        if presented == self.tenant.as_str() {
            return Ok(());
        }
        SecurityEvent::TenantMismatch.raise(Some(&self.tenant), by);
        Err(Error::Forbidden("the request names another tenant than its token"))
    }

    async fn still_served(&self) -> Result<(), Error> {
        if let Actor::User(caller) = &self.actor
            && self.seconds() >= caller.refused_from
        {
            return Err(Error::Unauthenticated { check: "expired", presented: true });
        }
        let record = self.ports().directory.get(self.tenant.as_str()).await?;
        let served = record.is_some_and(|record| record.status == TenantStatus::Active);
        if served { Ok(()) } else { Err(Error::Forbidden("the tenant is suspended")) }
    }

    /// The tenant's agents.
    pub fn agents(&self) -> Agents<'_> {
        Agents(self)
    }

    /// The threads that the caller may see.
    pub fn threads(&self) -> Threads<'_> {
        Threads(self)
    }

    /// The messages of a thread that the caller may see.
    pub fn messages(&self) -> Messages<'_> {
        Messages(self)
    }

    /// The runs that the caller may see.
    pub fn runs(&self) -> Runs<'_> {
        Runs(self)
    }

    /// The files that the caller may see.
    pub fn files(&self) -> Files<'_> {
        Files(self)
    }

    /// The index, as far as the caller may see it.
    pub fn search(&self) -> Search<'_> {
        Search(self)
    }

    /// The tenant's own JSON documents.
    pub fn records(&self) -> TenantRecords<'_> {
        TenantRecords(self)
    }

    /// First answers to requests with an idempotency key.
    pub fn idempotency(&self) -> Idempotency<'_> {
        Idempotency(self)
    }

    /// What timers do for the tenant.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep(self)
    }

    pub(crate) fn store(&self) -> Store<'_> {
        Store { records: &*self.pool.ports.records, tenant: &self.tenant }
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.pool.ports
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.pool.sealer
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.pool.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.pool.ports.clock.now()
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    pub(crate) fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.ids.next(&*self.pool.ports.clock, &*self.pool.ports.entropy))
    }

    /// Whether this request was begun before, and what it makes may be there already.
    pub(crate) fn repeats(&self) -> bool {
        matches!(self.ids, IdSource::Seeded { .. })
    }

    /// Whose a new thing is: the user's id, or empty when the service made it.
    pub(crate) fn owner(&self) -> String {
        self.user().unwrap_or_default().to_owned()
    }

    /// Whether the caller may see what belongs to `owner`.
    pub(crate) fn sees(&self, owner: &str) -> bool {
        owner.is_empty() || self.only_owner().is_none_or(|only| only == owner)
    }

    /// The one user whose things the caller may see; `None`: everybody's in the tenant.
    pub(crate) fn only_owner(&self) -> Option<Cow<'_, str>> {
        match &self.actor {
            Actor::User(caller) if !caller.admin => Some(Cow::Borrowed(&*caller.user)),
            _ => None,
        }
    }

    pub(crate) fn sealed(&self, job: &Job) -> Result<SealedJob, Error> {
        self.pool
            .sealer
            .job(self.tenant.as_str(), job, self.seconds())
            .map_err(|fault| Error::Internal(Box::new(fault)))
    }
}
