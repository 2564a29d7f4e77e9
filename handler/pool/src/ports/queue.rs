use super::PortResult;
use async_trait::async_trait;
use std::time::Duration;

/// The queues that have a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// Files to extract and index.
    Ingest,
    /// Runs to drive.
    Runs,
    /// Event Grid's word of blobs that came and went.
    BlobEvents,
}

impl QueueName {
    /// The queue's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Runs => "runs",
            Self::BlobEvents => "blob-events",
        }
    }
}

/// A sealed job: text that says whose it is, and that nobody else can make. See [`crate::seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedJob(pub(crate) String);

impl SealedJob {
    /// The text that goes through the queue: three parts of `[A-Za-z0-9_.-]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A place for jobs. The Functions host takes them out.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Adds a job, durably, that becomes visible after `delay`.
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()>;

    /// Whether the queues answer. Changes nothing.
    async fn ready(&self) -> PortResult<()>;
}
