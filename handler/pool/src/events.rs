//! What a run tells while it goes on, kept for a day so that a stream can be resumed.

use crate::{
    Error, Scope,
    ports::{Kind, Query},
    scope::Served,
    store::{self, Document, newest},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const KEPT_S: i64 = 24 * 3600;

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Its number within the run, from 0: the `id` of the server-sent event.
    pub seq: u64,
    /// Its name: `thread.message.delta`.
    pub event: String,
    /// What it carries.
    pub data: Value,
}

impl RunEvent {
    /// Whether it tells that the run has ended or waits for the client: no event follows unless a client does something.
    fn is_rest(&self) -> bool {
        let state = self.event.strip_prefix("thread.run.").unwrap_or_default();
        ["completed", "cancelled", "failed", "incomplete", "expired", "requires_action"].contains(&state)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    id: String,
    run_id: String,
    expires_at: i64,
    pub(crate) event: RunEvent,
}

impl StoredEvent {
    pub(crate) fn name(run_id: &str, seq: u64) -> String {
        format!("{run_id}.{seq:010}")
    }
}

impl Document for StoredEvent {
    const KIND: Kind = Kind::Event;

    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.run_id
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.expires_at)
    }
}

pub(crate) fn event(run_id: &str, seq: u64, name: &str, data: Value, created_at: i64) -> StoredEvent {
    StoredEvent {
        id: StoredEvent::name(run_id, seq),
        run_id: run_id.to_owned(),
        expires_at: created_at + KEPT_S,
        event: RunEvent { seq, event: name.to_owned(), data },
    }
}

/// Reads of a silent run between two looks at the run itself: the thread may be gone, or the run's events expired.
const QUIET: u32 = 16;

/// Reads a run's events as they come.
pub struct RunEvents {
    pub(crate) scope: Scope,
    pub(crate) thread: String,
    pub(crate) run: String,
    pub(crate) after: Option<u64>,
    /// Whether the run was at rest before the next events are read: then there are no others after them.
    pub(crate) rests: bool,
    /// Reads that found nothing, in a row.
    pub(crate) quiet: u32,
    pub(crate) served: Served,
}

impl RunEvents {
    /// The next events, oldest first, at most 100; and whether there are no others, because the run has ended or waits
    /// for the client. The events alone are read, but for a look at the run now and then.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the run is gone; [`Error::Unauthenticated`] or [`Error::Forbidden`] when the reader's token
    /// has expired or the tenant is suspended; or the store's failure.
    pub async fn next(&mut self) -> Result<(Vec<RunEvent>, bool), Error> {
        self.served.still(&self.scope).await?;
        if self.quiet >= QUIET {
            self.rests = self.scope.runs().stored(&self.thread, &self.run).await?.value.run.status.rests();
            self.quiet = 0;
        }
        let mut query = Query { parent: Some(self.run.clone()), ..newest(Kind::Event, 100) };
        query.sort.descending = false;
        query.after = self.after.map(|seq| store::after(&StoredEvent::name(&self.run, seq)));
        let (events, more) = self.scope.store().some::<StoredEvent>(&query).await?;
        let events: Vec<_> = events.into_iter().map(|event| event.value.event).collect();
        match events.last() {
            None => self.quiet += 1,
            Some(last) => {
                self.quiet = 0;
                self.after = Some(last.seq);
                self.rests = last.is_rest();
            }
        }
        Ok((events, self.rests && !more))
    }
}
