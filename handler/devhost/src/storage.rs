//! The seam to queues and blobs. This crate knows no database: whoever starts a host hands it adapters.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// What an adapter says when it cannot do what it was asked. The host logs it and tries again later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

impl StorageError {
    /// Any displayable error, as text.
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A message that `receive` has leased to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// Stays the same for the message's whole life.
    pub id: String,
    /// Proof of the present lease; every receive and renewal changes it.
    pub pop_receipt: String,
    /// The decoded body (no base64 of the storage service left).
    pub body: Vec<u8>,
    /// How often it has been received, this time included.
    pub dequeue_count: u32,
    /// When it was pushed.
    pub inserted: Timestamp,
    /// When the service drops it.
    pub expires: Timestamp,
    /// When the present lease ends.
    pub next_visible: Timestamp,
}

/// Queues with leases, as Azure Storage has them. A queue that nobody pushed to is empty, not an error.
#[async_trait]
pub trait HostQueues: Send + Sync {
    /// Leases at most `max` visible messages for `lease`, oldest first.
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<QueueMessage>, StorageError>;
    /// Extends a lease to `lease` from now and returns the new receipt; an error when the receipt is stale.
    async fn renew(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        lease: Duration,
    ) -> Result<String, StorageError>;
    /// Removes a leased message; an error when the receipt is stale.
    async fn delete(&self, queue: &str, id: &str, receipt: &str) -> Result<(), StorageError>;
    /// Ends a lease: the message is visible again after `after`; an error when the receipt is stale.
    async fn release(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        after: Duration,
    ) -> Result<(), StorageError>;
    /// Appends a message that is visible at once.
    async fn push(&self, queue: &str, body: Vec<u8>) -> Result<(), StorageError>;
}

/// A blob as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobItem {
    /// The name inside its container; may contain `/`.
    pub name: String,
    /// Changes whenever the content does.
    pub etag: String,
    /// Bytes.
    pub len: u64,
    /// When the content last changed.
    pub modified: Timestamp,
    /// Media type, `application/octet-stream` when unknown.
    pub content_type: String,
}

/// Blob containers, read only. A container that does not exist is empty, not an error.
#[async_trait]
pub trait HostBlobs: Send + Sync {
    /// Every blob of a container that is complete.
    async fn list(&self, container: &str) -> Result<Vec<BlobItem>, StorageError>;
    /// The content, or `None` when the blob is gone or no longer has this etag.
    async fn read(&self, container: &str, name: &str, etag: &str) -> Result<Option<Vec<u8>>, StorageError>;
}
