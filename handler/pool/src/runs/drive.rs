//! The loop that moves a run. Every step is one conditional write, so that a job that is delivered twice, or a driver
//! that dies in the middle, has its effect once.

mod answer;
mod tools;

use super::{Ending, Lease, Move, RunError, Runs, Status, StoredRun};
use crate::{
    Error, Scope, Versioned,
    events::StoredEvent,
    ids::IdSource,
    messages::Message,
    outbox::Promise,
    ports::{AgentRef, Etag, Item, Kind, PortError, Query, StepRequest, Write},
    scope::Served,
    store, telemetry,
};
use futures::{StreamExt, TryStreamExt};
use std::time::Duration;

/// Calls of tools that a run may make.
const MAX_CALLS: u32 = 32;
/// Failures of the model in a row that a run survives.
const MAX_FAILURES: u32 = 3;

/// What a model is shown of a thread, and what a run may add to it: in bytes, each.
const MAX_ITEMS: usize = 512 * 1024;

/// How far a run was driven.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It has ended, or waits for the client.
    Rests,
    /// Another driver has it, for so long at most.
    Busy(Duration),
}

/// Why driving stops before the run rests.
pub(crate) enum Stop {
    /// Another write came first: a cancellation, or another driver.
    Lost,
    /// The run's time is over.
    Overdue,
    Fault(Error),
}

impl From<Error> for Stop {
    fn from(fault: Error) -> Self {
        match fault {
            Error::Conflict(_) => Self::Lost,
            fault => Self::Fault(fault),
        }
    }
}

impl From<PortError> for Stop {
    fn from(fault: PortError) -> Self {
        Error::from(fault).into()
    }
}

impl Runs<'_> {
    /// Drives a run until it rests.
    ///
    /// # Errors
    /// The failure of a store; the run is as it was at the last step, and driving it again goes on from there.
    pub async fn drive(&self, id: &str) -> Result<Progress, Error> {
        let Some(Versioned { value: mut run, etag }) = self.0.store().get::<StoredRun>(id).await? else {
            return Ok(Progress::Rests);
        };
        let now_ms = self.0.now().as_millisecond();
        if let Some(lease) = run.lease.as_ref().filter(|_| run.driven(now_ms)) {
            return Ok(Progress::Busy(Duration::from_millis((lease.until_ms - now_ms).max(0) as u64)));
        }
        if run.run.status == Status::Cancelling {
            run.apply(Move::End(Ending::Cancelled))?;
            self.end(run, &etag, Vec::new()).await?;
            return Ok(Progress::Rests);
        }
        if !matches!(run.run.status, Status::Queued | Status::InProgress) {
            return Ok(Progress::Rests);
        }
        // What a driver makes is its own: a driver that takes over must not make the same things again.
        let scope = self.0.with_ids(IdSource::Random);
        let holder = scope.new_id("driver");
        let mut driver = Driver {
            scope: &scope,
            run,
            etag,
            holder,
            served: Served::default(),
            pending: Vec::new(),
            writes: Vec::new(),
        };
        match driver.drive().await {
            Ok(()) => Ok(Progress::Rests),
            Err(Stop::Fault(Error::TooLarge { limit })) => driver.give_up(limit).await,
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Lost | Stop::Overdue) => driver.give_way().await,
        }
    }
}

impl Runs<'_> {
    /// Asks for the run to be driven after a while: another driver has it now.
    pub async fn drive_later(&self, id: &str, delay: Duration) {
        self.0.hand_over(Promise::DriveRun, id, delay).await;
    }
}

/// A run that is being driven.
pub(crate) struct Driver<'a> {
    scope: &'a Scope,
    run: StoredRun,
    etag: Etag,
    holder: String,
    served: Served,
    /// Events that the next write carries.
    pending: Vec<StoredEvent>,
    /// What else the next write carries.
    writes: Vec<Write>,
}

impl Driver<'_> {
    async fn drive(&mut self) -> Result<(), Stop> {
        self.begin().await?;
        while !self.overdue() {
            match self.step().await {
                Ok(Turn::Again) => {}
                Ok(Turn::Rest) => return Ok(()),
                Err(Stop::Overdue) => break,
                Err(stop) => return Err(stop),
            }
        }
        self.end(Ending::Expired).await
    }

    fn overdue(&self) -> bool {
        self.scope.seconds() >= self.run.run.expires_at
    }

    async fn begin(&mut self) -> Result<(), Stop> {
        self.run.apply(Move::Begin)?;
        self.run.run.started_at.get_or_insert(self.scope.seconds());
        self.pending.extend(self.run.discarded());
        let event = self.run.run_event("thread.run.in_progress");
        self.pending.push(event);
        self.save().await
    }

    /// One step of the model, and what it asks for.
    async fn step(&mut self) -> Result<Turn, Stop> {
        if self.run.items.iter().map(Item::len).sum::<usize>() > MAX_ITEMS {
            return self.cut("max_conversation").await;
        }
        let request = self.request().await?;
        let (model, tenant) = (self.scope.ports().model.clone(), self.scope.tenant().clone());
        let asked = async move { model.step(&tenant, request).await };
        let answer = match self.listen(futures::stream::once(asked).try_flatten().boxed()).await? {
            Ok(answer) => answer,
            Err(fault) => return self.model_failed(fault).await,
        };
        self.run.failures = 0;
        self.run.session = answer.session.clone().or(self.run.session.take());
        self.run.run.usage.prompt_tokens += answer.usage.prompt_tokens;
        self.run.run.usage.completion_tokens += answer.usage.completion_tokens;
        let usage = &answer.usage;
        telemetry::tokens(self.scope.tenant(), usage.prompt_tokens, usage.completion_tokens);
        self.say(&answer)?;
        if let Some(reason) = answer.cut {
            return self.cut(reason).await;
        }
        if answer.calls.is_empty() {
            self.end(Ending::Completed).await?;
            return Ok(Turn::Rest);
        }
        if self.run.calls + answer.calls.len() as u32 > MAX_CALLS {
            return self.cut("max_tool_calls").await;
        }
        self.call(answer.calls).await
    }

    async fn request(&self) -> Result<StepRequest, Stop> {
        let mut items = self.conversation().await?;
        items.extend(self.run.items.iter().cloned());
        let run = &self.run.run;
        let own = run.instructions.get(..self.run.own_instructions).unwrap_or_default();
        Ok(StepRequest {
            agent: AgentRef {
                id: run.agent_id.clone(),
                version: run.agent_version,
                instructions: own.into(),
            },
            user: run.user_id.clone(),
            thread: run.thread_id.clone(),
            session: self.run.session.clone(),
            model: run.model.clone().unwrap_or_default(),
            instructions: run.instructions.clone(),
            items,
            tools: tools::specs(&run.tools),
            servers: tools::servers(&run.tools),
        })
    }

    /// What was said in the thread before the run, oldest first: the newest 100 messages, as far as they fit.
    async fn conversation(&self) -> Result<Vec<Item>, Stop> {
        let thread = Some(self.run.run.thread_id.clone());
        let query = Query { parent: thread, ..store::newest(Kind::Message, 100) };
        let messages = self.scope.store().list::<Message>(&query).await?;
        let mut left = MAX_ITEMS;
        let recent = messages.into_iter().take_while(|message| {
            let fits = message.value.text().len() <= left;
            left = left.saturating_sub(message.value.text().len());
            fits
        });
        let messages: Vec<_> = recent.collect();
        let before =
            messages.into_iter().rev().filter(|m| m.value.run_id.as_deref() != Some(&self.run.run.id));
        Ok(before.map(|m| Item::Message { role: m.value.role, text: m.value.text() }).collect())
    }

    async fn model_failed(&mut self, fault: PortError) -> Result<Turn, Stop> {
        tracing::warn!(tenant = %self.scope.tenant(), run = %self.run.run.id, %fault,
            cause = std::error::Error::source(&fault).map(tracing::field::display), "the model failed");
        self.run.failures += 1;
        self.pending.extend(self.run.discarded());
        if fault.transient() && self.run.failures < MAX_FAILURES {
            self.save().await?;
            let wait = match fault {
                PortError::Exhausted { retry_after } => retry_after.min(Duration::from_secs(15)),
                _ => Duration::from_millis(250 << self.run.failures),
            };
            tokio::time::sleep(wait).await;
            self.save().await?;
            return Ok(Turn::Again);
        }
        let (code, message) = match fault {
            PortError::Exhausted { .. } => {
                ("rate_limit_exceeded", "the model is over its limit; try again later")
            }
            fault if fault.transient() => ("model_unavailable", "the model does not answer; try again later"),
            _ => ("model_refused", "the model refuses the request"),
        };
        self.run.run.last_error = Some(RunError { code: code.into(), message: message.into() });
        self.end(Ending::Failed).await?;
        Ok(Turn::Rest)
    }

    async fn cut(&mut self, reason: &str) -> Result<Turn, Stop> {
        self.run.run.incomplete_details = Some(super::Incomplete { reason: reason.into() });
        self.end(Ending::Incomplete).await?;
        Ok(Turn::Rest)
    }

    async fn end(&mut self, ending: Ending) -> Result<(), Stop> {
        self.run.apply(Move::End(ending))?;
        let mut writes = std::mem::take(&mut self.writes);
        for event in &self.pending {
            writes.push(store::create(event)?);
        }
        let (run, _) = self.scope.runs().end(self.run.clone(), &self.etag, writes).await?;
        self.pending.clear();
        self.run = run;
        Ok(())
    }

    /// Writes the run, renews the lease, and carries what is pending.
    async fn save(&mut self) -> Result<(), Stop> {
        // A suspended tenant's run stops where it is; the sweep takes it up when the tenant is served again.
        self.served.still(self.scope).await?;
        let until_ms = self.scope.now().as_millisecond() + super::LEASE_MS;
        self.run.lease = Some(Lease { holder: self.holder.clone(), until_ms });
        self.write().await
    }

    /// Writes the run, and lets it go.
    async fn rest(&mut self) -> Result<(), Stop> {
        self.run.lease = None;
        self.write().await
    }

    async fn write(&mut self) -> Result<(), Stop> {
        let mut writes = vec![store::replace(&self.run, &self.etag)?];
        writes.append(&mut self.writes);
        for event in &self.pending {
            writes.push(store::create(event)?);
        }
        let etags = self.scope.store().commit(writes).await?;
        self.etag = etags.into_iter().next().ok_or_else(|| Error::internal("a commit without versions"))?;
        self.pending.clear();
        Ok(())
    }

    fn tell(&mut self, name: &str, data: serde_json::Value) {
        let event = self.run.next_event(name, data);
        self.pending.push(event);
    }

    /// Another write came first. If it was a cancellation, the run ends; if it was another driver, it has the run now.
    async fn give_way(&mut self) -> Result<Progress, Error> {
        let Some(current) = self.scope.store().get::<StoredRun>(&self.run.run.id).await? else {
            return Ok(Progress::Rests);
        };
        let ours = current.value.lease.as_ref().is_some_and(|lease| lease.holder == self.holder);
        if current.value.run.status != Status::Cancelling || !ours {
            return Ok(if current.value.run.status.ended() {
                Progress::Rests
            } else {
                Progress::Busy(Duration::from_secs(5))
            });
        }
        self.end_from(current, Ending::Cancelled).await
    }

    /// A step is larger than can be written, and would be so again: the run ends where it stood before.
    async fn give_up(&mut self, limit: u64) -> Result<Progress, Error> {
        let Some(mut current) = self.scope.store().get::<StoredRun>(&self.run.run.id).await? else {
            return Ok(Progress::Rests);
        };
        let ours = current.value.lease.as_ref().is_some_and(|lease| lease.holder == self.holder);
        if !ours || current.value.run.status != Status::InProgress {
            return self.give_way().await;
        }
        tracing::warn!(tenant = %self.scope.tenant(), run = %self.run.run.id, limit, "a step is too large");
        let run = &mut current.value.run;
        run.incomplete_details = Some(super::Incomplete { reason: "max_conversation".into() });
        let message =
            format!("a step of the run is larger than {limit} bytes, which is all that can be kept");
        run.last_error = Some(RunError { code: "step_too_large".into(), message });
        self.end_from(current, Ending::Incomplete).await
    }

    /// Ends the run as it is stored, whatever this driver had in mind.
    async fn end_from(&mut self, current: Versioned<StoredRun>, ending: Ending) -> Result<Progress, Error> {
        (self.run, self.etag) = (current.value, current.etag);
        self.pending.clear();
        self.writes.clear();
        match self.end(ending).await {
            Ok(()) | Err(Stop::Lost | Stop::Overdue) => Ok(Progress::Rests),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }
}

pub(crate) enum Turn {
    Again,
    Rest,
}
