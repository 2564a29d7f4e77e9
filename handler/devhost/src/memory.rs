//! Queues in memory, for tests.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    clock,
    storage::{HostQueues, QueueMessage, StorageError},
};

/// Queues that forget everything when they are dropped. They keep the law of [`HostQueues`]: leases expire,
/// receipts go stale.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    queues: Mutex<HashMap<String, Vec<QueueMessage>>>,
}

impl MemoryQueues {
    /// No queues yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything in a queue, leased or not, oldest first.
    pub fn peek(&self, queue: &str) -> Vec<QueueMessage> {
        self.with(queue, |messages| messages.clone())
    }

    fn with<T>(&self, queue: &str, work: impl FnOnce(&mut Vec<QueueMessage>) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        work(queues.entry(queue.to_owned()).or_default())
    }

    fn leased<T>(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        work: impl FnOnce(&mut Vec<QueueMessage>, usize) -> T,
    ) -> Result<T, StorageError> {
        self.with(queue, |messages| {
            let at = messages.iter().position(|m| m.id == id && m.pop_receipt == receipt);
            at.map(|at| work(messages, at)).ok_or_else(|| StorageError("stale pop receipt".into()))
        })
    }
}

#[async_trait]
impl HostQueues for MemoryQueues {
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<QueueMessage>, StorageError> {
        let now = clock::now();
        Ok(self.with(queue, |messages| {
            let visible = messages.iter_mut().filter(|m| m.next_visible <= now).take(max);
            visible
                .map(|message| {
                    message.dequeue_count += 1;
                    message.pop_receipt = Uuid::new_v4().to_string();
                    message.next_visible = after(now, lease);
                    message.clone()
                })
                .collect()
        }))
    }

    async fn renew(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        lease: Duration,
    ) -> Result<String, StorageError> {
        self.leased(queue, id, receipt, |messages, at| {
            messages[at].pop_receipt = Uuid::new_v4().to_string();
            messages[at].next_visible = after(clock::now(), lease);
            messages[at].pop_receipt.clone()
        })
    }

    async fn delete(&self, queue: &str, id: &str, receipt: &str) -> Result<(), StorageError> {
        self.leased(queue, id, receipt, |messages, at| drop(messages.remove(at)))
    }

    async fn release(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        wait: Duration,
    ) -> Result<(), StorageError> {
        self.leased(queue, id, receipt, |messages, at| {
            messages[at].pop_receipt = Uuid::new_v4().to_string();
            messages[at].next_visible = after(clock::now(), wait);
        })
    }

    async fn push(&self, queue: &str, body: Vec<u8>) -> Result<(), StorageError> {
        let now = clock::now();
        let message = QueueMessage {
            id: Uuid::new_v4().to_string(),
            pop_receipt: String::new(),
            body,
            dequeue_count: 0,
            inserted: now,
            expires: after(now, Duration::from_secs(7 * 86_400)),
            next_visible: now,
        };
        self.with(queue, |messages| messages.push(message));
        Ok(())
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_hides_a_message_and_makes_old_receipts_stale() {
        let queues = MemoryQueues::new();
        queues.push("q", b"a".to_vec()).await.unwrap();
        let first = queues.receive("q", 8, Duration::from_millis(20)).await.unwrap().remove(0);
        assert!(queues.receive("q", 8, Duration::from_secs(9)).await.unwrap().is_empty());
        tokio::time::sleep(Duration::from_millis(25)).await;
        let second = queues.receive("q", 8, Duration::from_secs(9)).await.unwrap().remove(0);
        assert_eq!((first.dequeue_count, second.dequeue_count), (1, 2));
        assert!(queues.delete("q", &first.id, &first.pop_receipt).await.is_err());
        let renewed =
            queues.renew("q", &second.id, &second.pop_receipt, Duration::from_secs(9)).await.unwrap();
        assert!(queues.release("q", &second.id, &second.pop_receipt, Duration::ZERO).await.is_err());
        queues.delete("q", &second.id, &renewed).await.unwrap();
        assert!(queues.peek("q").is_empty());
    }
}
