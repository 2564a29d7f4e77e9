use super::PortResult;
use crate::{TenantId, filter::Filter};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What a document is. With its id it names a document within a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An agent's newest definition.
    Agent,
    /// One version of an agent; its parent is the agent.
    AgentVersion,
    /// A conversation.
    Thread,
    /// A message; its parent is the thread.
    Message,
    /// A run; its parent is the thread.
    Run,
    /// A step of a run; its parent is the run.
    Step,
    /// A server-sent event of a run; its parent is the run.
    Event,
    /// A file's record.
    File,
    /// A search document that a client wrote; its chunks are in the index.
    Document,
    /// A document of the tenant's own; its parent is the collection.
    Record,
    /// The first answer to a request with an idempotency key.
    Idempotency,
    /// A job that was written with its cause and waits to be pushed.
    Outbox,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Agent,
        Self::AgentVersion,
        Self::Thread,
        Self::Message,
        Self::Run,
        Self::Step,
        Self::Event,
        Self::File,
        Self::Document,
        Self::Record,
        Self::Idempotency,
        Self::Outbox,
    ];

    /// The name that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::AgentVersion => "agent_version",
            Self::Thread => "thread",
            Self::Message => "message",
            Self::Run => "run",
            Self::Step => "step",
            Self::Event => "event",
            Self::File => "file",
            Self::Document => "document",
            Self::Record => "record",
            Self::Idempotency => "idempotency",
            Self::Outbox => "outbox",
        }
    }
}

/// The version of a stored thing: opaque, without quotes, changed by every write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Etag(pub String);

/// A document to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// What it is.
    pub kind: Kind,
    /// Its name within the tenant and kind: 1 to 255 bytes of `[A-Za-z0-9_.:-]`.
    pub id: String,
    /// What it belongs to (a thread, a run, a collection); empty if nothing.
    pub parent: String,
    /// The user it belongs to; empty: the tenant.
    pub owner: String,
    /// Unix seconds from which it is absent; `None`: never.
    pub expires_at: Option<i64>,
    /// A JSON object as text.
    pub body: String,
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The tenant in whose partition it was found, as stored *in* it. Checked again by the pool for every row.
    pub tenant: String,
    /// Its version.
    pub etag: Etag,
    /// What was written.
    pub row: NewRow,
}

/// One write of a batch.
#[derive(Clone, Debug)]
pub enum Write {
    /// The document must not exist (an expired one does not).
    Create(NewRow),
    /// The document must exist; with `Some`, in that version.
    Replace(NewRow, Option<Etag>),
    /// With `Some`, the document must exist in that version; with `None`, deleting what is absent is done already.
    Delete(Kind, String, Option<Etag>),
}

/// The order of a query's answer; ties are broken by id, in the same direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// By a member of the body; `None`: by id, which is by time. Documents without the member sort lowest.
    pub field: Option<crate::filter::FieldPath>,
    /// Greatest first.
    pub descending: bool,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The id of the page's last document.
    pub id: String,
    /// The value of its sort member, when the sort is by one.
    pub value: Option<crate::filter::Scalar>,
}

/// A query in one tenant's partition, over one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What to look for.
    pub kind: Kind,
    /// Only documents of this parent.
    pub parent: Option<String>,
    /// Only documents of this owner.
    pub owner: Option<String>,
    /// Only documents whose body passes.
    pub filter: Option<Filter>,
    /// The order.
    pub sort: Sort,
    /// Only documents after this position.
    pub after: Option<Position>,
    /// At most this many, 1 to 1,000.
    pub limit: usize,
}

/// JSON documents, in one partition a tenant.
#[async_trait]
pub trait Records: Send + Sync {
    /// One document; `None` if it is absent or expired.
    async fn get(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>>;

    /// The documents that match.
    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>>;

    /// Does 1 to 100 writes to different documents, all or none, durably. Answers their new versions, in order; a
    /// deleted document's is empty. [`PortError::Conflict`](super::PortError::Conflict) when a condition fails.
    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>>;

    /// Forgets at most `limit` expired documents; answers how many.
    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize>;
}
