#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]
//! The law of [`Queue`]: a push is durable, in order, in its own queue, and not visible before its time.

use crate::{
    conformance::memory::ManualClock,
    ports::{Queue, QueueName},
    testing::job,
};
use async_trait::async_trait;
use std::time::Duration;

/// A view of what a queue's host would receive, without receiving it.
#[async_trait]
pub trait QueueReader: Send + Sync {
    /// The jobs that are visible now, in the order in which they would be received.
    async fn visible(&self, queue: QueueName) -> Vec<String>;
}

/// Runs the suite on an empty queue whose time is `clock`'s. `reader` should look with other eyes than `queue` (another
/// connection or process), so that what it sees is stored.
pub async fn queue(queue: &dyn Queue, reader: &dyn QueueReader, clock: &ManualClock) {
    for name in [QueueName::Ingest, QueueName::Runs, QueueName::BlobEvents] {
        assert_eq!(reader.visible(name).await, Vec::<String>::new(), "the suite starts on an empty queue");
    }
    let long = format!("a.{}.c", "x".repeat(40_000));
    for text in ["a.1.z", "a.2.z", long.as_str(), "a.2.z"] {
        queue.push(QueueName::Runs, &job(text), Duration::ZERO).await.unwrap();
    }
    queue.push(QueueName::Ingest, &job("other"), Duration::ZERO).await.unwrap();
    assert_eq!(reader.visible(QueueName::Runs).await, ["a.1.z", "a.2.z", long.as_str(), "a.2.z"]);
    assert_eq!(reader.visible(QueueName::Ingest).await, ["other"]);
    assert_eq!(reader.visible(QueueName::BlobEvents).await, Vec::<String>::new());

    queue.push(QueueName::Ingest, &job("late"), Duration::from_secs(60)).await.unwrap();
    queue.push(QueueName::Ingest, &job("soon"), Duration::from_millis(1_500)).await.unwrap();
    assert_eq!(reader.visible(QueueName::Ingest).await, ["other"], "a delayed job is not visible yet");
    clock.advance(Duration::from_secs(2));
    assert_eq!(reader.visible(QueueName::Ingest).await, ["other", "soon"]);
    clock.advance(Duration::from_secs(57));
    assert_eq!(reader.visible(QueueName::Ingest).await, ["other", "soon"]);
    clock.advance(Duration::from_secs(1));
    assert_eq!(reader.visible(QueueName::Ingest).await, ["other", "soon", "late"]);
}
