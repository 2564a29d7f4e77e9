//! The local backend as the local host's storage.

use async_trait::async_trait;
use devhost::{HostQueues, QueueMessage, StorageError};
use local::LocalQueue;
use std::{sync::Arc, time::Duration};

/// The queues.
pub(super) struct Queues(pub(super) Arc<LocalQueue>);

type Stored<T> = Result<T, StorageError>;

#[async_trait]
impl HostQueues for Queues {
    async fn receive(&self, queue: &str, max: usize, lease: Duration) -> Stored<Vec<QueueMessage>> {
        let messages = self.0.receive(queue, max, lease).await.map_err(StorageError::new)?;
        let message = |m: local::Message| QueueMessage {
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

    async fn renew(&self, queue: &str, id: &str, pop_receipt: &str, lease: Duration) -> Stored<String> {
        self.0.renew(queue, id, pop_receipt, lease).await.map_err(StorageError::new)
    }

    async fn delete(&self, queue: &str, id: &str, pop_receipt: &str) -> Stored<()> {
        self.0.delete(queue, id, pop_receipt).await.map_err(StorageError::new)
    }

    async fn release(&self, queue: &str, id: &str, pop_receipt: &str, after: Duration) -> Stored<()> {
        self.0.release(queue, id, pop_receipt, after).await.map_err(StorageError::new)
    }

    async fn push(&self, queue: &str, body: Vec<u8>) -> Stored<()> {
        self.0.push_raw(queue, body, Duration::ZERO).await.map_err(StorageError::new)
    }
}
