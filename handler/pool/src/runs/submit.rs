//! What a client does to a run that is under way.

use super::{Move, Run, Runs, Status, StoredRun};
use crate::{
    Error, Versioned,
    outbox::{Promise, kept},
    ports::{Item, PortError},
    rules::Rules,
    store,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The longest output, in bytes.
const MAX_OUTPUT: usize = 256 * 1024;
/// Tries of a write that another one overtakes.
const TRIES: usize = 8;

/// Outputs of the client's functions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutputs {
    /// One for each call that the run waits for.
    pub tool_outputs: Vec<ToolOutput>,
    /// Answer with server-sent events.
    #[serde(default)]
    pub stream: bool,
}

/// The output of a call.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutput {
    /// The call.
    pub tool_call_id: String,
    /// Its output, at most 256 KiB.
    pub output: String,
}

impl Runs<'_> {
    /// Hands in the outputs that a run waits for, and promises to drive it on.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it waits, [`Error::Invalid`] unless every call has one output, [`Error::NotFound`],
    /// or the store's failure.
    pub async fn submit(
        &self,
        thread_id: &str,
        id: &str,
        outputs: ToolOutputs,
        driven_by_caller: bool,
    ) -> Result<Versioned<Run>, Error> {
        let Versioned { value: mut run, etag } = self.stored(thread_id, id).await?;
        let known = |output: &ToolOutput| {
            run.items
                .iter()
                .any(|item| matches!(item, Item::Output { call_id, .. } if *call_id == output.tool_call_id))
        };
        if self.0.repeats() && !outputs.tool_outputs.is_empty() && outputs.tool_outputs.iter().all(known) {
            // An earlier try of this request handed them in.
            return Ok(Versioned { value: run.run, etag });
        }
        run.apply(Move::Resume)?;
        let wanted = run.run.required_action.take().map(|action| action.submit_tool_outputs.tool_calls);
        let wanted: Vec<String> = wanted.unwrap_or_default().into_iter().map(|call| call.id).collect();
        let mut rules = Rules::default();
        for (n, output) in outputs.tool_outputs.iter().enumerate() {
            let at = format!("/tool_outputs/{n}");
            let first =
                !outputs.tool_outputs[..n].iter().any(|other| other.tool_call_id == output.tool_call_id);
            let asked = wanted.contains(&output.tool_call_id) && first;
            rules.that(asked, &format!("{at}/tool_call_id"), "is not a call that the run waits for");
            rules.that(
                output.output.len() <= MAX_OUTPUT,
                &format!("{at}/output"),
                "must be at most 262,144 bytes",
            );
        }
        let complete = outputs.tool_outputs.len() >= wanted.len();
        rules
            .that(complete, "/tool_outputs", format!("must answer every call: {}", wanted.join(", ")))
            .done()?;

        let mut answered = Vec::new();
        for ToolOutput { tool_call_id: call_id, output } in outputs.tool_outputs {
            answered.push(json!({"id": call_id, "output": output}));
            run.items.push(Item::Output { call_id, output });
        }
        let event = run.run_event("thread.run.queued");
        let mut writes = Vec::new();
        if let Some(mut step) = run.open_step.take() {
            step.status = "completed".into();
            step.step_details["outputs"] = json!(answered);
            writes.push(store::create(&step)?);
        }
        writes.insert(0, store::replace(&run, &etag)?);
        writes.push(store::create(&event)?);
        let etags = self.0.store().commit(writes).await?;
        let delay = if driven_by_caller { super::LEASE_MS as u64 } else { 0 };
        self.0.hand_over(Promise::DriveRun, id, Duration::from_millis(delay)).await;
        Ok(Versioned { value: run.run, etag: etags.into_iter().next().unwrap_or(etag) })
    }

    /// Cancels a run: at once if nobody drives it, else as soon as its driver sees it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended, [`Error::NotFound`], or the store's failure.
    pub async fn cancel(&self, thread_id: &str, id: &str) -> Result<Versioned<Run>, Error> {
        for _ in 0..TRIES {
            let Versioned { value: mut run, etag } = self.stored(thread_id, id).await?;
            run.apply(Move::Cancel)?;
            let driven = run.driven(self.0.now().as_millisecond());
            if run.run.status == Status::Cancelling && !driven {
                run.apply(Move::End(super::Ending::Cancelled))?;
            }
            let ended = if run.run.status == Status::Cancelled {
                self.end(run, &etag, Vec::new()).await
            } else {
                let event = run.run_event("thread.run.cancelling");
                let writes = vec![store::replace(&run, &etag)?, store::create(&event)?];
                self.0.store().commit(writes).await.map(|etags| (run, etags)).map_err(Error::from)
            };
            match ended {
                Err(Error::Conflict(_)) => {}
                Err(fault) => return Err(fault),
                Ok((run, etags)) => {
                    return Ok(Versioned { value: run.run, etag: etags.into_iter().next().unwrap_or(etag) });
                }
            }
        }
        Err(Error::Conflict("the run is changing too fast: try again".into()))
    }

    /// Writes a run that has ended with all that its end means: the thread is free, the promise is kept.
    pub(crate) async fn end(
        &self,
        mut run: StoredRun,
        etag: &crate::ports::Etag,
        mut more: Vec<crate::ports::Write>,
    ) -> Result<(StoredRun, Vec<crate::ports::Etag>), Error> {
        let now = self.0.seconds();
        let (at, name) = match run.run.status {
            Status::Completed => (&mut run.run.completed_at, "completed"),
            Status::Cancelled => (&mut run.run.cancelled_at, "cancelled"),
            Status::Failed => (&mut run.run.failed_at, "failed"),
            Status::Incomplete => (&mut run.run.completed_at, "incomplete"),
            _ => (&mut run.run.failed_at, "expired"),
        };
        *at = Some(now);
        run.lease = None;
        run.run.required_action = None;
        if let Some(event) = run.discarded() {
            more.push(store::create(&event)?);
        }
        if let Some(mut step) = run.open_step.take() {
            step.status = if name == "cancelled" { "cancelled" } else { "expired" }.into();
            more.push(store::create(&step)?);
        }
        let event = run.run_event(&format!("thread.run.{name}"));
        more.push(store::create(&event)?);
        more.push(kept(&run.run.id));
        for _ in 0..TRIES {
            let mut writes = vec![store::replace(&run, etag)?];
            writes.extend(more.iter().cloned());
            let thread = self.0.store().get::<crate::threads::StoredThread>(&run.run.thread_id).await?;
            if let Some(mut thread) = thread
                && thread.value.active_run.as_deref() == Some(&run.run.id)
            {
                thread.value.active_run = None;
                thread.value.session = run.session.clone();
                writes.push(store::replace(&thread.value, &thread.etag)?);
            }
            match self.0.store().commit(writes).await {
                Ok(etags) => return Ok((run, etags)),
                Err(PortError::Conflict) => {
                    let current = self.0.store().get::<StoredRun>(&run.run.id).await?;
                    if current.is_none_or(|current| current.etag != *etag) {
                        break;
                    }
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(PortError::Conflict.into())
    }
}
