//! What timers do for a tenant: renew promises that were not kept, end what has expired, forget what is past.

use crate::{
    Error, Scope, Versioned,
    filter::{Comparison, FieldPath, Filter, Scalar},
    outbox::{Outbox, Promise, kept},
    ports::{Kind, Query},
    runs::{Ending, Move, StoredRun},
    store::{self, newest},
};
use std::time::Duration;

/// Promises that one sweep looks at.
const BATCH: usize = 100;
/// Renewals after which a file is given up.
const MAX_TRIES: u32 = 20;

/// Expired documents that are forgotten together, and how often in one sweep.
const EXPIRED: usize = 1_000;
const ROUNDS: usize = 100;

/// A tenant's sweep.
pub struct Sweep<'a>(pub(crate) &'a Scope);

impl Sweep<'_> {
    /// Renews the promises that are overdue; answers how many.
    ///
    /// # Errors
    /// The store's failure. One promise that cannot be renewed does not keep the others from it.
    pub async fn promises(&self) -> Result<usize, Error> {
        let now = self.0.seconds();
        let due = FieldPath::parse("due_at").map(|field| Filter::Compare {
            field,
            op: Comparison::Le,
            value: Scalar::Number(now as f64),
        });
        let mut query = Query { filter: due, ..newest(Kind::Outbox, BATCH) };
        query.sort.descending = false;
        let overdue = self.0.store().list::<Outbox>(&query).await?;
        let count = overdue.len();
        for promise in overdue {
            let id = promise.value.id.clone();
            if let Err(fault) = self.renew(promise).await {
                tracing::warn!(tenant = %self.0.tenant(), target_id = id, %fault, "a promise could not be renewed");
            }
        }
        Ok(count)
    }

    /// Forgets what has expired: answers to idempotency keys, events of runs. Answers how many.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn expired(&self) -> Result<usize, Error> {
        let mut forgotten = 0;
        for _ in 0..ROUNDS {
            let some = self.0.ports().records.sweep(self.0.tenant(), EXPIRED).await?;
            forgotten += some;
            if some < EXPIRED {
                break;
            }
        }
        Ok(forgotten)
    }

    /// Puts the promise off before anything else, so that one that cannot be kept does not stand before the others.
    async fn renew(&self, promise: Versioned<Outbox>) -> Result<(), Error> {
        let Versioned { value: mut promise, etag } = promise;
        let id = promise.id.clone();
        promise.tries += 1;
        let patience = if promise.promise == Promise::DriveRun { 60 } else { 60 << promise.tries.min(5) };
        promise.due_at = self.0.seconds() + patience;
        self.0.store().commit(vec![store::replace(&promise, &etag)?]).await?;
        match promise.promise {
            Promise::EraseAgent => self.0.agents().erase(&id).await,
            Promise::EraseThread => self.0.threads().erase(&id).await,
            Promise::EraseDocument => self.0.search().erase(&id).await,
            Promise::DriveRun if self.run_is_over(&id).await? => Ok(()),
            Promise::Ingest if promise.tries > MAX_TRIES => self.0.files().give_up(&id).await,
            Promise::DriveRun | Promise::Ingest => {
                self.0.hand_over(promise.promise, &id, Duration::ZERO).await;
                Ok(())
            }
        }
    }

    /// Ends a run that is overdue; `true` when there is nothing left to drive.
    async fn run_is_over(&self, id: &str) -> Result<bool, Error> {
        let Some(Versioned { value: mut run, etag }) = self.0.store().get::<StoredRun>(id).await? else {
            self.0.store().commit(vec![kept(id)]).await?;
            return Ok(true);
        };
        let now = self.0.now();
        if run.driven(now.as_millisecond()) {
            return Ok(false);
        }
        let overdue = now.as_second() >= run.run.expires_at;
        if overdue && run.apply(Move::End(Ending::Expired)).is_ok() {
            self.0.runs().end(run, &etag, Vec::new()).await?;
            return Ok(true);
        }
        Ok(false)
    }
}
