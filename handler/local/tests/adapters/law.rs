//! The local adapters obey the law of every port.

use crate::support::{open, open_at};
use async_trait::async_trait;
use local::{Local, LocalQueue, Options};
use pool::{
    conformance::{self, QueueReader, memory::ManualClock},
    ports::QueueName,
};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn records() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let local = open_at(root.path(), clock.clone(), Options::default());
    conformance::records(&*local.records, &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_with_one_open_tenant() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let options = Options { open_tenants: 1, ..Options::default() };
    let local = open_at(root.path(), clock.clone(), options);
    conformance::records(&*local.records, &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index() {
    let root = tempfile::tempdir().unwrap();
    conformance::index(&*open(root.path()).index).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    conformance::blobs(&*local.blobs).await;
    for tenant in ["conf-a", "conf-b"] {
        for folder in ["blobs", "parts"] {
            let left =
                std::fs::read_dir(root.path().join("tenants").join(tenant).join(folder)).unwrap().count();
            assert_eq!(left, 0, "nothing is left in {tenant}/{folder}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets() {
    let root = tempfile::tempdir().unwrap();
    conformance::secrets(&*open(root.path()).vault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys() {
    let root = tempfile::tempdir().unwrap();
    conformance::keys(&*open(root.path()).vault).await;
}

struct Eyes(Arc<LocalQueue>);

#[async_trait]
impl QueueReader for Eyes {
    async fn visible(&self, queue: QueueName) -> Vec<String> {
        let seen = self.0.peek(queue.as_str(), 1_000).unwrap();
        seen.into_iter().map(|message| String::from_utf8(message.body).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queue() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let [ours, theirs]: [Local; 2] =
        std::array::from_fn(|_| open_at(root.path(), clock.clone(), Options::default()));
    conformance::queue(&*ours.queue, &Eyes(theirs.queue.clone()), &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory() {
    let root = tempfile::tempdir().unwrap();
    conformance::directory(&*open(root.path()).directory).await;
}
