use crate::{
    conformance::QueueReader,
    ports::{Clock, PortResult, Queue, QueueName, SealedJob},
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// [`Queue`] in a list.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    jobs: Mutex<Vec<(QueueName, Timestamp, SealedJob)>>,
}

impl MemoryQueue {
    /// An empty queue that tells delayed jobs by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, jobs: Mutex::default() }
    }

    /// Takes the first visible job out, for good.
    pub fn take(&self, queue: QueueName) -> Option<SealedJob> {
        let now = self.clock.now();
        let mut jobs = self.jobs();
        let found = jobs.iter().position(|(name, at, _)| *name == queue && *at <= now)?;
        Some(jobs.remove(found).2)
    }

    /// How many jobs wait, visible or not.
    pub fn len(&self, queue: QueueName) -> usize {
        self.jobs().iter().filter(|(name, ..)| *name == queue).count()
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<(QueueName, Timestamp, SealedJob)>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()> {
        let at = self.clock.now().checked_add(delay).unwrap_or(Timestamp::MAX);
        let mut jobs = self.jobs();
        let place = jobs.partition_point(|(_, other, _)| *other <= at);
        jobs.insert(place, (queue, at, job.clone()));
        Ok(())
    }

    async fn ready(&self) -> PortResult<()> {
        Ok(())
    }
}

#[async_trait]
impl QueueReader for MemoryQueue {
    async fn visible(&self, queue: QueueName) -> Vec<String> {
        let now = self.clock.now();
        let jobs = self.jobs();
        let seen = jobs.iter().filter(|(name, at, _)| *name == queue && *at <= now);
        seen.map(|(.., job)| job.as_str().to_owned()).collect()
    }
}
