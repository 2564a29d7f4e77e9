//! E0308

use pool::ports::{Queue, QueueName};

pub async fn push(queue: &dyn Queue, job: &pool::Job) {
    drop(queue.push(QueueName::Runs, job, Default::default()).await);
}

fn main() {}
