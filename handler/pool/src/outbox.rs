//! Promises: a job is written in the same commit as its cause, and stays until its effect is. The queue is the fast
//! way; a sweep renews what the queue lost.

use crate::{
    Error, Scope,
    ports::{Kind, QueueName, Write},
    seal::{Job, Operation},
    store::{self, Document},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an unfinished removal waits for the sweep.
pub(crate) const ERASE_PATIENCE_S: i64 = 60;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Promise {
    /// The index will agree with the file.
    Ingest,
    /// The run will end.
    DriveRun,
    /// The versions of a deleted agent will go.
    EraseAgent,
    /// What is under a deleted thread will go.
    EraseThread,
    /// What the index has of a deleted document will go.
    EraseDocument,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outbox {
    pub(crate) id: String,
    pub(crate) promise: Promise,
    /// Unix seconds from which a sweep renews the promise.
    pub(crate) due_at: i64,
    pub(crate) tries: u32,
}

impl Document for Outbox {
    const KIND: Kind = Kind::Outbox;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Scope {
    /// The promise about a file, run or thread, renewed if it is not kept in `patience_s` seconds.
    pub(crate) fn promise(&self, promise: Promise, target: &str, patience_s: i64) -> Result<Write, Error> {
        let due_at = self.seconds() + patience_s;
        store::create(&Outbox { id: target.to_owned(), promise, due_at, tries: 0 })
    }

    /// Hands the job to the queue. What goes wrong here is mended by the sweep, and is no failure of the request.
    pub(crate) async fn hand_over(&self, promise: Promise, target: &str, delay: Duration) {
        let (operation, queue) = match promise {
            Promise::Ingest => (Operation::Ingest, QueueName::Ingest),
            Promise::DriveRun => (Operation::DriveRun, QueueName::Runs),
            Promise::EraseAgent | Promise::EraseThread | Promise::EraseDocument => return,
        };
        let job = Job { operation, target: target.to_owned() };
        let pushed = match self.sealed(&job) {
            Ok(sealed) => self.ports().queue.push(queue, &sealed, delay).await.map_err(Error::from),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = pushed {
            tracing::warn!(tenant = %self.tenant(), queue = queue.as_str(), %fault, "a job waits for the sweep");
        }
    }
}

/// The promise is kept.
pub(crate) fn kept(target: &str) -> Write {
    Write::Delete(Kind::Outbox, target.to_owned(), None)
}

impl Scope {
    /// The promise, made again or for the first time.
    pub(crate) async fn renewed(
        &self,
        promise: Promise,
        target: &str,
        patience_s: i64,
    ) -> Result<Write, Error> {
        let due_at = self.seconds() + patience_s;
        let outbox = Outbox { id: target.to_owned(), promise, due_at, tries: 0 };
        match self.store().get::<Outbox>(target).await? {
            Some(known) => store::replace(&outbox, &known.etag),
            None => store::create(&outbox),
        }
    }
}
