use super::{PortError, PortResult};
use crate::{
    TenantId,
    filter::{FieldPath, Filter, Scalar},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

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
    /// A JSON object as text. It is read back as the same object, with the same numbers; spaces and the order of
    /// members may be the backend's.
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

impl Row {
    /// Where it stands in an order: what the page after it continues from.
    ///
    /// Only booleans, numbers and text are sort values; a member that is missing, `null`, an array or an object has
    /// none.
    pub fn position(&self, sort: &Sort) -> Position {
        let value = sort.field.as_ref().and_then(|field| {
            let body: Value = serde_json::from_str(&self.row.body).ok()?;
            match field.segments().try_fold(&body, |value, name| value.get(name))? {
                Value::Bool(found) => Some(Scalar::Bool(*found)),
                Value::Number(found) => found.as_f64().map(Scalar::Number),
                Value::String(found) => Some(Scalar::Text(found.clone())),
                _ => None,
            }
        });
        Position { id: self.row.id.clone(), value }
    }
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

impl Write {
    /// Refuses a batch that no other try will make right: its size, ids, bodies, and documents that are named twice.
    ///
    /// # Errors
    /// [`PortError::Refused`], with the rule.
    pub fn check(batch: &[Self]) -> PortResult<()> {
        let mut names = HashSet::new();
        for write in batch {
            let (kind, id, body) = match write {
                Self::Create(row) | Self::Replace(row, _) => (row.kind, row.id.as_str(), Some(&row.body)),
                Self::Delete(kind, id, _) => (*kind, id.as_str(), None),
            };
            let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
            if !(1..=255).contains(&id.len()) || !id.bytes().all(letters) {
                return Err(PortError::refused("an id is 1 to 255 bytes of A-Z a-z 0-9 _ . : -"));
            }
            if !names.insert((kind, id)) {
                return Err(PortError::refused("a batch names a document once"));
            }
            // One bad body would fail every query over its kind.
            if let Some(body) = body {
                serde_json::from_str::<BTreeMap<String, IgnoredAny>>(body).map_err(PortError::refused)?;
            }
        }
        if (1..=100).contains(&batch.len()) {
            Ok(())
        } else {
            Err(PortError::refused("a batch is 1 to 100 writes"))
        }
    }
}

/// The order of a query's answer; ties are broken by id, in the same direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// By a member of the body; `None`: by id, which is by time. Documents without the member sort lowest.
    pub field: Option<FieldPath>,
    /// Greatest first.
    pub descending: bool,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The id of the page's last document.
    pub id: String,
    /// The value of its sort member, when the sort is by one.
    pub value: Option<Scalar>,
}

/// A query's answer ends at the row with which its bodies reach this many bytes.
pub const QUERY_BYTES: usize = 4 * 1024 * 1024;

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

    /// The documents that match, as far as [`QUERY_BYTES`] go.
    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>>;

    /// Does 1 to 100 writes to different documents, all or none, durably. Answers their new versions, in order; a
    /// deleted document's is empty. [`PortError::Conflict`] when a condition fails.
    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>>;

    /// Forgets at most `limit` expired documents; answers how many.
    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize>;
}
