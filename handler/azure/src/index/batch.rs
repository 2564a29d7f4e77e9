//! Writes in batches. The service writes what it can of one, and says of each key what became of it.

use super::AzureIndex;
use crate::retry::{RETRIES, pause};
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;
use tokio::time::{Instant, sleep};

/// The service's limits are 1,000 actions and 16 MB.
const MOST: usize = 1_000;
const BYTES: usize = 15_000_000;

/// One document's write.
pub(super) struct Action {
    pub(super) key: String,
    pub(super) json: Box<RawValue>,
}

#[derive(Serialize)]
struct Batch<'a> {
    value: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Written {
    value: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    key: String,
    status: bool,
    status_code: u16,
}

impl AzureIndex {
    /// Does all the actions, or answers an error: then some may be done, and doing all again is safe. `make`: an index
    /// that is not there is made; else nothing is to be done.
    pub(super) async fn write(&self, tenant: &TenantId, actions: Vec<Action>, make: bool) -> PortResult<()> {
        if actions.is_empty() {
            return Ok(());
        }
        let index = self.index_of(tenant).await?;
        let mut rest = actions.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut batch, mut size) = (Vec::new(), 0);
            while let Some(action) = rest.next_if(|next| {
                size += next.json.get().len() + 1;
                batch.is_empty() || (batch.len() < MOST && size <= BYTES)
            }) {
                batch.push(action);
            }
            self.batch(tenant, &index, batch, make).await?;
        }
        Ok(())
    }

    async fn batch(
        &self,
        tenant: &TenantId,
        index: &str,
        mut left: Vec<Action>,
        make: bool,
    ) -> PortResult<()> {
        let deadline = Instant::now() + self.total;
        for attempt in 0..=RETRIES {
            if attempt > 0 {
                let mut chance = [0; 4];
                self.entropy.fill(&mut chance);
                let pause = pause(attempt - 1, None, chance);
                if Instant::now() + pause >= deadline {
                    break;
                }
                sleep(pause).await;
            }
            let body = Batch { value: left.iter().map(|action| &*action.json).collect() };
            let mut answer = self.docs(tenant, index, "search.index", &body, deadline).await?;
            if answer.is_none() && make {
                self.ensure(tenant, index, deadline).await?;
                answer = self.docs(tenant, index, "search.index", &body, deadline).await?;
            }
            match answer {
                Some(answer) => left = failed(left, answer.json()?)?,
                None if make => continue,
                None => return Ok(()),
            }
            if left.is_empty() {
                return Ok(());
            }
        }
        let many = left.len();
        Err(PortError::unavailable(format!("{many} documents of a batch are not written, after every retry")))
    }
}

/// The actions that were not done, if they may be done yet.
fn failed(actions: Vec<Action>, written: Written) -> PortResult<Vec<Action>> {
    let outcomes: HashMap<&str, &Outcome> =
        written.value.iter().map(|outcome| (outcome.key.as_str(), outcome)).collect();
    let mut failed = Vec::new();
    for action in actions {
        match outcomes.get(action.key.as_str()) {
            Some(Outcome { status: true, .. }) => {}
            // Another write of the key was under way; the index is busy, or not to be had for a moment.
            Some(Outcome { status_code: 409 | 422 | 429 | 500..=599, .. }) | None => failed.push(action),
            Some(Outcome { status_code, .. }) => {
                return Err(PortError::refused(format!(
                    "the index refuses a document: status {status_code}"
                )));
            }
        }
    }
    Ok(failed)
}
