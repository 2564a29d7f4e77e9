use crate::{
    TenantId,
    conformance::sort_key,
    ports::{Clock, Etag, Kind, PortError, PortResult, QUERY_BYTES, Query, Records, Row, Write},
};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Key = (String, Kind, String);

/// [`Records`] in a map.
pub struct MemoryRecords {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    rows: BTreeMap<Key, Row>,
    writes: u64,
}

impl MemoryRecords {
    /// An empty store that tells expired documents by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Every document of every tenant, expired ones too: what a test asserts its end state on.
    pub fn rows(&self) -> Vec<Row> {
        self.state().rows.values().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self, row: &Row) -> bool {
        row.row.expires_at.is_none_or(|at| at > self.clock.now().as_second())
    }

    fn apply(&self, state: &mut State, tenant: &TenantId, write: Write) -> PortResult<Etag> {
        let key = |kind, id: &str| (tenant.to_string(), kind, id.to_owned());
        let (key, row, expected) = match write {
            Write::Create(row) => (key(row.kind, &row.id), Some(row), Expected::Absent),
            Write::Replace(row, etag) => (key(row.kind, &row.id), Some(row), Expected::Present(etag)),
            Write::Delete(kind, id, Some(etag)) => (key(kind, &id), None, Expected::Present(Some(etag))),
            Write::Delete(kind, id, None) => (key(kind, &id), None, Expected::Anything),
        };
        let found = state.rows.get(&key).filter(|row| self.alive(row)).map(|row| &row.etag);
        let holds = match &expected {
            Expected::Anything => true,
            Expected::Absent => found.is_none(),
            Expected::Present(etag) => {
                found.is_some_and(|found| etag.as_ref().is_none_or(|etag| etag == found))
            }
        };
        if !holds {
            return Err(PortError::Conflict);
        }
        let Some(row) = row else {
            state.rows.remove(&key);
            return Ok(Etag(String::new()));
        };
        if !serde_json::from_str::<serde_json::Value>(&row.body).is_ok_and(|body| body.is_object()) {
            return Err(PortError::refused("a document's body is not a JSON object"));
        }
        state.writes += 1;
        let etag = Etag(format!("m{}", state.writes));
        state.rows.insert(key, Row { tenant: tenant.to_string(), etag: etag.clone(), row });
        Ok(etag)
    }
}

enum Expected {
    Anything,
    Absent,
    Present(Option<Etag>),
}

#[async_trait]
impl Records for MemoryRecords {
    async fn get(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>> {
        let key = (tenant.to_string(), kind, id.to_owned());
        Ok(self.state().rows.get(&key).filter(|row| self.alive(row)).cloned())
    }

    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>> {
        let body = |row: &Row| serde_json::from_str::<serde_json::Value>(&row.row.body).unwrap_or_default();
        let after = query.after.as_ref().map(sort_key);
        let mut found: Vec<_> = self
            .state()
            .rows
            .values()
            .filter(|row| row.tenant == tenant.as_str() && row.row.kind == query.kind && self.alive(row))
            .filter(|row| query.parent.as_ref().is_none_or(|parent| *parent == row.row.parent))
            .filter(|row| query.owner.as_ref().is_none_or(|owner| *owner == row.row.owner))
            .filter(|row| query.filter.as_ref().is_none_or(|filter| filter.passes(&body(row))))
            .map(|row| (sort_key(&row.position(&query.sort)), row.clone()))
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        if query.sort.descending {
            found.reverse();
        }
        let beyond = |key: &_| {
            after.as_ref().is_none_or(|after| if query.sort.descending { key < after } else { key > after })
        };
        let mut left = QUERY_BYTES;
        let fits = |row: &Row| {
            let fits = left > 0;
            left = left.saturating_sub(row.row.body.len());
            fits
        };
        let rows = found.into_iter().filter(|(key, _)| beyond(key)).map(|(_, row)| row);
        Ok(rows.take(query.limit).take_while(fits).collect())
    }

    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>> {
        let names: BTreeSet<_> = writes
            .iter()
            .map(|write| match write {
                Write::Create(row) | Write::Replace(row, _) => (row.kind, row.id.as_str()),
                Write::Delete(kind, id, _) => (*kind, id.as_str()),
            })
            .collect();
        if !(1..=100).contains(&writes.len()) || names.len() != writes.len() {
            return Err(PortError::refused("a batch is 1 to 100 writes to different documents"));
        }
        drop(names);
        let mut state = self.state();
        let mut next = state.clone();
        let etags = writes
            .into_iter()
            .map(|write| self.apply(&mut next, tenant, write))
            .collect::<PortResult<_>>()?;
        *state = next;
        Ok(etags)
    }

    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize> {
        let mut state = self.state();
        let gone: Vec<Key> = state
            .rows
            .iter()
            .filter(|((owner, ..), row)| owner == tenant.as_str() && !self.alive(row))
            .map(|(key, _)| key.clone())
            .take(limit)
            .collect();
        for key in &gone {
            state.rows.remove(key);
        }
        Ok(gone.len())
    }
}
