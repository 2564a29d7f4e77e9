//! What a client does to a run that is under way.

use super::{Move, Run, Runs, Status, StoredRun};
use crate::{
    Error, FieldError, Versioned,
    outbox::{Promise, kept},
    ports::{Item, PortError, Write},
    rules::Rules,
    store::{self, MAX_COMMIT},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The longest output, in bytes.
const MAX_OUTPUT: usize = 256 * 1024;
/// Tries of a write that another one overtakes.
const TRIES: usize = 8;

/// Outputs of the client's functions, and approvals of MCP servers' calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutputs {
    /// One for each call of a function that the run waits for.
    #[serde(default)]
    pub tool_outputs: Vec<ToolOutput>,
    /// One for each call of an MCP server's tool that the run waits for.
    #[serde(default)]
    pub tool_approvals: Vec<ToolApproval>,
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

/// Whether a call of an MCP server's tool may be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolApproval {
    /// The call.
    pub tool_call_id: String,
    /// Whether it may be made.
    pub approve: bool,
}

/// What became of outputs that were handed in.
pub struct Submitted {
    /// The run.
    pub run: Versioned<Run>,
    /// The number of the event before the run went on; the same when the request is repeated.
    pub after: u64,
}

impl ToolOutputs {
    /// What the conversation gets: each call's id, and its answer.
    fn answers(&self) -> Vec<(String, Item)> {
        let outputs = self.tool_outputs.iter().map(|it| (&it.tool_call_id, it.output.clone()));
        let approvals = self.tool_approvals.iter();
        let approvals = approvals.map(|it| (&it.tool_call_id, json!({"approve": it.approve}).to_string()));
        let answers = outputs.chain(approvals);
        answers.map(|(id, output)| (id.clone(), Item::Output { call_id: id.clone(), output })).collect()
    }
}

/// Each answer is of a call that was asked for, and each call has one.
fn asked_once(rules: &mut Rules, list: &str, given: &[&str], wanted: &[&str]) {
    for (n, id) in given.iter().enumerate() {
        let asked = wanted.contains(id) && !given[..n].contains(id);
        rules.that(asked, &format!("{list}/{n}/tool_call_id"), "is not a call that the run waits for");
    }
    let complete = given.len() >= wanted.len();
    rules.that(complete, list, format!("must answer every call: {}", wanted.join(", ")));
}

/// What no store would take must be told to the client, who can hand in less, and never to the run's driver, who cannot.
/// The run counts twice, because one with fractions in it is kept as text as well.
fn fits(writes: &[Write]) -> Result<(), Error> {
    let bytes = |write: &Write| match write {
        Write::Replace(run, _) => 2 * run.body.len(),
        Write::Create(step) => step.body.len(),
        Write::Delete(..) => 0,
    };
    let bytes: usize = writes.iter().map(bytes).sum();
    if bytes <= MAX_COMMIT {
        return Ok(());
    }
    let message =
        format!("must be less: the run and its outputs would take {bytes} bytes, and may take {MAX_COMMIT}");
    Err(Error::TooMuch(FieldError { pointer: "/tool_outputs".into(), message }))
}

impl Runs<'_> {
    /// Hands in the outputs that a run waits for, and promises to drive it on.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it waits, [`Error::Invalid`] unless every call has one output, [`Error::TooMuch`] for
    /// more than can be stored with the run, which then goes on waiting; [`Error::NotFound`], or the store's failure.
    pub async fn submit(
        &self,
        thread_id: &str,
        id: &str,
        outputs: ToolOutputs,
        driven_by_caller: bool,
    ) -> Result<Submitted, Error> {
        let Versioned { value: mut run, etag } = self.stored(thread_id, id).await?;
        let answers = outputs.answers();
        let hash = serde_json::to_vec(&answers).map_err(|fault| Error::Internal(Box::new(fault)))?;
        let hash = blake3::hash(&hash).to_hex().to_string();
        if self.0.repeats()
            && let Some((_, after)) = run.submissions.iter().find(|(known, _)| *known == hash)
        {
            // An earlier try of this request handed them in.
            return Ok(Submitted { after: *after, run: Versioned { value: run.run, etag } });
        }
        run.apply(Move::Resume)?;
        let action = run.run.required_action.take();
        let functions = action.iter().flat_map(|action| &action.submit_tool_outputs.tool_calls);
        let functions: Vec<&str> = functions.map(|call| call.id.as_str()).collect();
        let approvals = action.iter().flat_map(|action| &action.submit_tool_approval.tool_calls);
        let approvals: Vec<&str> = approvals.map(|call| call.id.as_str()).collect();
        let mut rules = Rules::default();
        let ids: Vec<&str> = outputs.tool_outputs.iter().map(|output| output.tool_call_id.as_str()).collect();
        asked_once(&mut rules, "/tool_outputs", &ids, &functions);
        for (n, output) in outputs.tool_outputs.iter().enumerate() {
            let fits = output.output.len() <= MAX_OUTPUT;
            rules.that(fits, &format!("/tool_outputs/{n}/output"), "must be at most 262,144 bytes");
        }
        let ids: Vec<&str> =
            outputs.tool_approvals.iter().map(|answer| answer.tool_call_id.as_str()).collect();
        asked_once(&mut rules, "/tool_approvals", &ids, &approvals);
        rules.done()?;

        let mut answered = Vec::new();
        for (id, answer) in answers {
            if let Item::Output { output, .. } = &answer {
                answered.push(json!({"id": id, "output": output}));
            }
            run.items.push(answer);
        }
        let after = run.next_event.saturating_sub(1);
        run.submissions.push((hash, after));
        let event = run.run_event("thread.run.queued");
        let step = run.open_step.take();
        let mut writes = vec![store::replace(&run, &etag)?];
        if let Some(mut step) = step {
            step.status = "completed".into();
            // Beside those of our own tools, which are there already.
            if let Some(outputs) = step.step_details["outputs"].as_array_mut() {
                outputs.append(&mut answered);
            }
            writes.push(store::create(&step)?);
        }
        fits(&writes)?;
        writes.push(store::create(&event)?);
        let etags = self.0.store().commit(writes).await?;
        let delay = if driven_by_caller { super::LEASE_MS as u64 } else { 0 };
        self.0.hand_over(Promise::DriveRun, id, Duration::from_millis(delay)).await;
        let etag = etags.into_iter().next().unwrap_or(etag);
        Ok(Submitted { run: Versioned { value: run.run, etag }, after })
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
        mut more: Vec<Write>,
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
        // Nobody goes on from here: what was said is in the messages and the steps.
        run.items.clear();
        run.passages.clear();
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
