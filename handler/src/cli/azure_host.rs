//! Azure Storage as the local host's storage.

use async_trait::async_trait;
use azure::{AzureHostBlobs, AzureHostQueues, HostBlob, HostMessage};
use devhost::{BlobItem, HostBlobs, HostQueues, QueueMessage, StorageError};
use pool::ports::PortError;
use std::{sync::Arc, time::Duration};

/// The queues.
pub struct Queues(pub Arc<AzureHostQueues>);

/// The containers.
pub struct Blobs(pub Arc<AzureHostBlobs>);

type Stored<T> = Result<T, StorageError>;

/// With the cause: the host's log is all that a developer sees.
fn fault(error: PortError) -> StorageError {
    StorageError(azure::chain(&error))
}

#[async_trait]
impl HostQueues for Queues {
    async fn receive(&self, queue: &str, max: usize, lease: Duration) -> Stored<Vec<QueueMessage>> {
        let messages = self.0.receive(queue, max, lease).await.map_err(fault)?;
        let message = |m: HostMessage| QueueMessage {
            id: m.id,
            pop_receipt: m.pop_receipt,
            body: m.body,
            dequeue_count: m.dequeue_count,
            inserted: m.inserted,
            expires: m.expires,
            next_visible: m.next_visible,
        };
        Ok(messages.into_iter().map(message).collect())
    }

    async fn renew(&self, queue: &str, id: &str, receipt: &str, lease: Duration) -> Stored<String> {
        self.0.renew(queue, id, receipt, lease).await.map_err(fault)
    }

    async fn delete(&self, queue: &str, id: &str, receipt: &str) -> Stored<()> {
        self.0.delete(queue, id, receipt).await.map_err(fault)
    }

    async fn release(&self, queue: &str, id: &str, receipt: &str, after: Duration) -> Stored<()> {
        self.0.renew(queue, id, receipt, after).await.map(drop).map_err(fault)
    }

    async fn push(&self, queue: &str, body: Vec<u8>) -> Stored<()> {
        self.0.push(queue, body).await.map_err(fault)
    }
}

#[async_trait]
impl HostBlobs for Blobs {
    async fn list(&self, container: &str) -> Stored<Vec<BlobItem>> {
        let blobs = self.0.list(container).await.map_err(fault)?;
        let item = |b: HostBlob| BlobItem {
            name: b.name,
            etag: b.etag,
            len: b.len,
            modified: b.modified,
            content_type: b.content_type,
        };
        Ok(blobs.into_iter().map(item).collect())
    }

    async fn read(&self, container: &str, name: &str, etag: &str) -> Stored<Option<Vec<u8>>> {
        self.0.read(container, name, etag).await.map_err(fault)
    }
}
