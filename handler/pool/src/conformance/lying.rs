//! Stores that lie. What stands above a port must notice each of these, and answer an error, never the lie.

use crate::{
    TenantId,
    ports::{
        Entry, EntryKey, Etag, Hit, Index, Kind, PortResult, Position, Query, Records, Row, SearchQuery,
        Sort, Visibility, Write,
    },
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How a store lies. Those that mean nothing to an operation leave it honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lie {
    /// Answers from another tenant's partition, rows as stored there.
    ForeignRow,
    /// Puts one row of another tenant among the right ones.
    OneForeignRow,
    /// Leaves the stored tenant out of what it answers.
    DropsTenant,
    /// Answers the tenant's name in another spelling.
    RespellsTenant,
    /// Answers another document of the same tenant and kind.
    WrongId,
    /// Answers the document as another kind.
    WrongKind,
    /// Ignores the query's filter.
    IgnoresFilter,
    /// Ignores the query's owner, or the search's visibility.
    IgnoresOwner,
    /// Ignores the query's parent.
    IgnoresParent,
    /// Ignores where the last page ended.
    IgnoresPosition,
    /// Answers more than it was asked for, where it has more.
    IgnoresLimit,
    /// Answers in the opposite order.
    Reordered,
    /// Answers documents whose time is over.
    Expired,
    /// Answers a document as it was when it was first read.
    Stale,
    /// Answers bodies that are cut off.
    Truncated,
    /// Answers that a write was done, and does nothing.
    ForgetsWrites,
    /// Answers fewer versions than there were writes.
    LosesVersions,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 17] = [
        Self::ForeignRow,
        Self::OneForeignRow,
        Self::DropsTenant,
        Self::RespellsTenant,
        Self::WrongId,
        Self::WrongKind,
        Self::IgnoresFilter,
        Self::IgnoresOwner,
        Self::IgnoresParent,
        Self::IgnoresPosition,
        Self::IgnoresLimit,
        Self::Reordered,
        Self::Expired,
        Self::Stale,
        Self::Truncated,
        Self::ForgetsWrites,
        Self::LosesVersions,
    ];
}

struct Switch(Mutex<Option<Lie>>);

impl Switch {
    fn lie(&self) -> Option<Lie> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, lie: Option<Lie>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lie;
    }
}

/// [`Records`] that forward to others, and lie when told to.
pub struct LyingRecords {
    inner: Arc<dyn Records>,
    foreign: TenantId,
    lie: Switch,
    first_seen: Mutex<BTreeMap<(String, Kind, String), Row>>,
}

impl LyingRecords {
    /// Honest records, which take foreign rows from the partition of `foreign` when they lie.
    pub fn new(inner: Arc<dyn Records>, foreign: TenantId) -> Self {
        Self { inner, foreign, lie: Switch(Mutex::new(None)), first_seen: Mutex::default() }
    }

    /// Begins to lie in this way; `None`: to be honest.
    pub fn lie(&self, lie: Option<Lie>) {
        self.lie.set(lie);
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<(String, Kind, String), Row>> {
        self.first_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bend(&self, mut row: Row) -> Row {
        let key = (row.tenant.clone(), row.row.kind, row.row.id.clone());
        let first = self.seen().entry(key).or_insert_with(|| row.clone()).clone();
        match self.lie.lie() {
            Some(Lie::DropsTenant) => row.tenant.clear(),
            Some(Lie::RespellsTenant) => row.tenant = row.tenant.to_uppercase(),
            Some(Lie::WrongKind) => {
                row.row.kind = if row.row.kind == Kind::Agent { Kind::File } else { Kind::Agent }
            }
            Some(Lie::Expired) => row.row.expires_at = Some(1),
            Some(Lie::Truncated) => drop(row.row.body.pop()),
            Some(Lie::Stale) => row = first,
            _ => {}
        }
        row
    }

    async fn any(&self, tenant: &TenantId, kind: Kind) -> PortResult<Vec<Row>> {
        self.inner.query(tenant, &any(kind)).await
    }
}

fn any(kind: Kind) -> Query {
    let sort = Sort { field: None, descending: false };
    Query { kind, parent: None, owner: None, filter: None, sort, after: None::<Position>, limit: 100 }
}

#[async_trait]
impl Records for LyingRecords {
    async fn get(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>> {
        let found = match self.lie.lie() {
            Some(Lie::ForeignRow | Lie::OneForeignRow) => {
                match self.inner.get(&self.foreign, kind, id).await? {
                    Some(row) => Some(row),
                    None => self.any(&self.foreign, kind).await?.into_iter().next(),
                }
            }
            Some(Lie::WrongId) => self.any(tenant, kind).await?.into_iter().find(|row| row.row.id != id),
            _ => self.inner.get(tenant, kind, id).await?,
        };
        Ok(found.map(|row| self.bend(row)))
    }

    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>> {
        let mut asked = query.clone();
        match self.lie.lie() {
            Some(Lie::IgnoresFilter) => asked.filter = None,
            Some(Lie::IgnoresOwner) => asked.owner = None,
            Some(Lie::IgnoresParent) => asked.parent = None,
            Some(Lie::IgnoresPosition) => asked.after = None,
            Some(Lie::IgnoresLimit) => asked.limit = 1_000,
            Some(Lie::ForeignRow) => return self.inner.query(&self.foreign, query).await,
            _ => {}
        }
        let mut rows = self.inner.query(tenant, &asked).await?;
        match self.lie.lie() {
            Some(Lie::Reordered) => rows.reverse(),
            Some(Lie::OneForeignRow) => {
                let foreign = self.any(&self.foreign, query.kind).await?.into_iter().next();
                rows.truncate(query.limit.saturating_sub(1));
                rows.extend(foreign);
            }
            _ => {}
        }
        Ok(rows.into_iter().map(|row| self.bend(row)).collect())
    }

    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>> {
        match self.lie.lie() {
            Some(Lie::ForgetsWrites) => {
                Ok(writes.iter().enumerate().map(|(i, _)| Etag(format!("never-{i}"))).collect())
            }
            Some(Lie::LosesVersions) => {
                let mut etags = self.inner.commit(tenant, writes).await?;
                etags.pop();
                Ok(etags)
            }
            _ => self.inner.commit(tenant, writes).await,
        }
    }

    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize> {
        self.inner.sweep(tenant, limit).await
    }
}

/// [`Index`] that forwards to another, and lies when told to.
pub struct LyingIndex {
    inner: Arc<dyn Index>,
    foreign: TenantId,
    lie: Switch,
}

impl LyingIndex {
    /// An honest index, which takes foreign entries from the index of `foreign` when it lies.
    pub fn new(inner: Arc<dyn Index>, foreign: TenantId) -> Self {
        Self { inner, foreign, lie: Switch(Mutex::new(None)) }
    }

    /// Begins to lie in this way; `None`: to be honest.
    pub fn lie(&self, lie: Option<Lie>) {
        self.lie.set(lie);
    }
}

#[async_trait]
impl Index for LyingIndex {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        if self.lie.lie() == Some(Lie::ForgetsWrites) {
            Ok(())
        } else {
            self.inner.upsert(tenant, entries).await
        }
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        if self.lie.lie() == Some(Lie::ForgetsWrites) {
            Ok(())
        } else {
            self.inner.delete(tenant, keys).await
        }
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        let mut asked = query.clone();
        match self.lie.lie() {
            Some(Lie::IgnoresFilter) => asked.filter = None,
            Some(Lie::IgnoresOwner) => asked.visibility = Visibility::Tenant,
            Some(Lie::IgnoresLimit) => asked.top = 100,
            Some(Lie::ForeignRow) => return self.inner.search(&self.foreign, query).await,
            _ => {}
        }
        let mut hits = self.inner.search(tenant, &asked).await?;
        match self.lie.lie() {
            Some(Lie::Reordered) => hits.reverse(),
            Some(Lie::DropsTenant) => hits.iter_mut().for_each(|hit| hit.tenant.clear()),
            Some(Lie::RespellsTenant) => {
                hits.iter_mut().for_each(|hit| hit.tenant = hit.tenant.to_uppercase())
            }
            Some(Lie::OneForeignRow) => {
                hits.truncate(query.top.saturating_sub(1));
                hits.extend(self.inner.search(&self.foreign, query).await?.into_iter().next());
            }
            _ => {}
        }
        Ok(hits)
    }
}
