//! Runs: an agent's turn in a thread. What a run is and may become; [`drive`] is what moves it.

mod action;
mod drive;
mod status;
mod submit;

pub use action::{CalledFunction, FunctionCall, McpCall, RequiredAction, RequiredApprovals, RequiredCalls};
pub use drive::Progress;
pub use status::{Ending, Move, Status};
pub use submit::{Submitted, ToolApproval, ToolOutput, ToolOutputs};

use crate::{
    Error, Metadata, Page, PageRequest, Scope, Versioned,
    agents::Tool,
    events::{RunEvent, RunEvents, StoredEvent, event},
    filter::{FieldPath, Filter, Scalar},
    messages::Passage,
    outbox::{Outbox, Promise},
    ports::{Item, Kind, PortError, Query, Usage},
    rules::{Rules, marked},
    scope::Served,
    steps::Step,
    store::{self, Document, newest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a run may take, waiting for the client included.
const LIFETIME_S: i64 = 600;
/// The runs of a tenant that may be unfinished, and when one who asks for another may try again.
const MAX_UNFINISHED: usize = 100;
const RETRY: Duration = Duration::from_secs(5);
/// How long a driver may be silent before another one takes over.
const LEASE_MS: i64 = 20_000;

/// A new run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The agent whose turn it is.
    pub agent_id: String,
    /// Told to the agent after its own instructions, at most 8,000 characters.
    #[serde(default)]
    pub additional_instructions: Option<String>,
    /// Not taken: an agent's instructions are its tenant admin's. Use `additional_instructions`.
    #[serde(default)]
    pub instructions: Option<serde_json::Value>,
    /// At most 15 pairs.
    #[serde(default)]
    pub metadata: Metadata,
    /// Answer with server-sent events.
    #[serde(default)]
    pub stream: bool,
}

/// An agent's turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its name within the tenant.
    pub id: String,
    /// `thread.run`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// The thread.
    pub thread_id: String,
    /// The agent.
    pub agent_id: String,
    /// The version of the agent that the run began with.
    pub agent_version: u32,
    /// The user whose thread it is.
    pub user_id: String,
    /// Where it stands.
    pub status: Status,
    /// What it waits for, when the status is `requires_action`.
    pub required_action: Option<RequiredAction>,
    /// Why it failed, or is incomplete for a fault.
    pub last_error: Option<RunError>,
    /// Why it is incomplete.
    pub incomplete_details: Option<Incomplete>,
    /// The model or deployment; `null`: the service's own.
    pub model: Option<String>,
    /// The agent's instructions, and the additional ones.
    pub instructions: String,
    /// The agent's tools.
    pub tools: Vec<Tool>,
    /// Unix seconds.
    pub started_at: Option<i64>,
    /// Unix seconds.
    pub completed_at: Option<i64>,
    /// Unix seconds.
    pub cancelled_at: Option<i64>,
    /// Unix seconds.
    pub failed_at: Option<i64>,
    /// Unix seconds at which it expires unless it has ended.
    pub expires_at: i64,
    /// Tokens so far.
    #[schemars(with = "TokenCount")]
    pub usage: Usage,
    /// The client's pairs, and `tenantId`.
    pub metadata: Metadata,
}

/// Tokens.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes `ports::Usage` in OpenAPI")]
struct TokenCount {
    /// Tokens read.
    prompt_tokens: u64,
    /// Tokens written.
    completion_tokens: u64,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// One of `model_unavailable`, `rate_limit_exceeded`, `model_refused`, `step_too_large`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Why a run is incomplete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incomplete {
    /// `max_tool_calls`, `max_conversation`, `max_answer` or `max_output_tokens`.
    pub reason: String,
}

/// A run, and what its driver needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) run: Run,
    /// What the run added to the conversation.
    pub(crate) items: Vec<Item>,
    /// The passages that were found; `[n]` in the text cites the nth.
    pub(crate) passages: Vec<Passage>,
    /// Who drives it.
    pub(crate) lease: Option<Lease>,
    /// The number of the next event.
    pub(crate) next_event: u64,
    /// Calls so far.
    pub(crate) calls: u32,
    /// Failures of the model in a row.
    pub(crate) failures: u32,
    /// The message that is being streamed.
    pub(crate) draft: Option<String>,
    /// The step that waits for the client.
    pub(crate) open_step: Option<Step>,
    /// How much of the run's instructions is the agent's own, in bytes.
    #[serde(default)]
    pub(crate) own_instructions: usize,
    /// What the model wants to be given at its next step.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// What clients handed in: the hash of it, and the number of the event before.
    #[serde(default)]
    pub(crate) submissions: Vec<(String, u64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) holder: String,
    pub(crate) until_ms: i64,
}

impl StoredRun {
    pub(crate) fn driven(&self, now_ms: i64) -> bool {
        self.lease.as_ref().is_some_and(|lease| now_ms < lease.until_ms)
    }

    pub(crate) fn apply(&mut self, r#move: Move) -> Result<(), Error> {
        let next = self.run.status.after(r#move);
        self.run.status = next.ok_or_else(|| {
            let status = serde_json::to_value(self.run.status).unwrap_or_default();
            Error::Conflict(format!("the run is {}", status.as_str().unwrap_or_default()))
        })?;
        Ok(())
    }

    pub(crate) fn next_event(&mut self, name: &str, data: serde_json::Value) -> StoredEvent {
        let seq = self.next_event;
        self.next_event += 1;
        event(&self.run.id, seq, name, data, self.run.created_at)
    }

    /// Takes back what was told of a message that will not be.
    pub(crate) fn discarded(&mut self) -> Option<StoredEvent> {
        let draft = self.draft.take()?;
        let data = serde_json::json!({"id": draft, "object": "thread.message.discarded"});
        Some(self.next_event("thread.message.discarded", data))
    }

    pub(crate) fn run_event(&mut self, name: &str) -> StoredEvent {
        let data = serde_json::to_value(&self.run).unwrap_or_default();
        self.next_event(name, data)
    }
}

impl Document for StoredRun {
    const KIND: Kind = Kind::Run;

    fn id(&self) -> &str {
        &self.run.id
    }

    fn parent(&self) -> &str {
        &self.run.thread_id
    }

    fn owner(&self) -> &str {
        &self.run.user_id
    }
}

/// The runs of threads that a caller may see.
pub struct Runs<'a>(pub(crate) &'a Scope);

impl Runs<'_> {
    /// Makes a run and promises to drive it: at once through the queue, or, when the caller will
    /// [drive](Self::drive) it, as soon as the caller is found to have died.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] while another run is active, [`Error::Invalid`], or the store's failure.
    pub async fn create(
        &self,
        thread_id: &str,
        new: NewRun,
        driven_by_caller: bool,
    ) -> Result<Versioned<Run>, Error> {
        let scope = self.0;
        let stored = scope.threads().stored(thread_id).await?;
        let mut run = self.make(thread_id, &stored.value.thread.user_id, new).await?;
        let id = run.run.id.clone();
        if scope.repeats()
            && let Ok(made) = self.get(thread_id, &id).await
        {
            return Ok(made);
        }
        if let Some(active) = &stored.value.active_run {
            return Err(Error::Conflict(format!(
                "the thread has an active run, {active}: wait for it, or cancel it"
            )));
        }
        self.has_room().await?;
        let patience_ms = if driven_by_caller { LEASE_MS } else { 0 };
        let mut thread = stored.value;
        thread.active_run = Some(id.clone());
        run.session = thread.session.clone();
        let created = run.run_event("thread.run.created");
        let writes = vec![
            store::create(&run)?,
            store::replace(&thread, &stored.etag)?,
            store::create(&created)?,
            scope.promise(Promise::DriveRun, &id, 60)?,
        ];
        let etags = scope.store().commit(writes).await.map_err(|fault| match fault {
            PortError::Conflict => Error::Conflict("the thread was changed by another request".into()),
            other => other.into(),
        })?;
        scope.hand_over(Promise::DriveRun, &id, Duration::from_millis(patience_ms as u64)).await;
        Ok(Versioned {
            value: run.run,
            etag: etags.into_iter().next().ok_or_else(|| Error::internal("no etag"))?,
        })
    }

    /// A thread's runs, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn list(&self, thread_id: &str, page: &PageRequest) -> Result<Page<Run>, Error> {
        let thread = self.0.threads().stored(thread_id).await?.value.thread;
        let query = Query { parent: Some(thread.id), ..newest(Kind::Run, 0) };
        Ok(self.0.page::<StoredRun>(query, page, |_| None).await?.map(|run| run.value.run))
    }

    /// One run.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn get(&self, thread_id: &str, id: &str) -> Result<Versioned<Run>, Error> {
        let Versioned { value, etag } = self.stored(thread_id, id).await?;
        Ok(Versioned { value: value.run, etag })
    }

    /// A run's steps, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn steps(&self, thread_id: &str, id: &str, page: &PageRequest) -> Result<Page<Step>, Error> {
        let run = self.stored(thread_id, id).await?.value.run;
        let query = Query { parent: Some(run.id), ..newest(Kind::Step, 0) };
        Ok(self.0.page::<Step>(query, page, |_| None).await?.map(|step| step.value))
    }

    /// A run's events after the one of this number, oldest first, at most 100; and whether the run had ended, or waits
    /// for the client, before they were read: then there are no others.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn events(
        &self,
        thread_id: &str,
        id: &str,
        after: Option<u64>,
    ) -> Result<(Vec<RunEvent>, bool), Error> {
        self.follow(thread_id, id, after).await?.next().await
    }

    /// A reader of a run's events, from the one after this number.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn follow(&self, thread_id: &str, id: &str, after: Option<u64>) -> Result<RunEvents, Error> {
        let rests = self.stored(thread_id, id).await?.value.run.status.rests();
        let (thread, run) = (thread_id.to_owned(), id.to_owned());
        let served = Served::now(self.0);
        Ok(RunEvents { scope: self.0.clone(), thread, run, after, rests, quiet: 0, served })
    }

    pub(crate) async fn stored(&self, thread_id: &str, id: &str) -> Result<Versioned<StoredRun>, Error> {
        let thread = self.0.threads().stored(thread_id).await?.value.thread;
        let run = self.0.store().get::<StoredRun>(id).await?.ok_or(Error::NotFound)?;
        if run.value.run.thread_id == thread.id { Ok(run) } else { Err(Error::NotFound) }
    }

    /// A tenant's runs stand in one line with everybody's: no tenant may fill it.
    async fn has_room(&self) -> Result<(), Error> {
        let field = FieldPath::parse("promise").ok_or_else(|| Error::internal("not a field"))?;
        let unfinished = Filter::eq(field, Scalar::Text("drive_run".into()));
        let query = Query { filter: Some(unfinished), ..newest(Kind::Outbox, MAX_UNFINISHED) };
        let (unfinished, _) = self.0.store().some::<Outbox>(&query).await?;
        if unfinished.len() < MAX_UNFINISHED { Ok(()) } else { Err(Error::Exhausted { retry_after: RETRY }) }
    }

    async fn make(&self, thread_id: &str, owner: &str, new: NewRun) -> Result<StoredRun, Error> {
        let additional = new.additional_instructions.unwrap_or_default();
        let mut rules = Rules::default();
        rules.metadata(&new.metadata).text("/additional_instructions", &additional, 0, 8_000);
        let hint = "is not taken: an agent's instructions are its admin's; use additional_instructions";
        rules.that(new.instructions.is_none(), "/instructions", hint).done()?;
        let agent = self.0.agents().get(&new.agent_id).await?.value;
        let now = self.0.seconds();
        let own_instructions = agent.instructions.len();
        let instructions = match additional.as_str() {
            "" => agent.instructions,
            more => format!("{}\n\n{more}", agent.instructions),
        };
        let run = Run {
            id: self.0.new_id("run"),
            object: "thread.run".into(),
            created_at: now,
            thread_id: thread_id.to_owned(),
            agent_id: agent.id,
            agent_version: agent.version,
            user_id: owner.to_owned(),
            status: Status::Queued,
            required_action: None,
            last_error: None,
            incomplete_details: None,
            model: agent.model,
            instructions,
            tools: agent.tools,
            started_at: None,
            completed_at: None,
            cancelled_at: None,
            failed_at: None,
            expires_at: now + LIFETIME_S,
            usage: Usage::default(),
            metadata: marked(new.metadata, self.0.tenant()),
        };
        Ok(StoredRun {
            run,
            items: Vec::new(),
            passages: Vec::new(),
            lease: None,
            next_event: 0,
            calls: 0,
            failures: 0,
            draft: None,
            open_step: None,
            own_instructions,
            session: None,
            submissions: Vec::new(),
        })
    }
}
