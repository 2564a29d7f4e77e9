//! What a run tells while it goes on, kept for a day so that a stream can be resumed.

use crate::{ports::Kind, store::Document};
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
