//! The local adapters obey the law of every port.

use crate::support::{open, open_at};
use async_trait::async_trait;
use local::{Local, LocalQueue, Options};
use pool::{
    conformance::{self, QueueReader, memory::ManualClock},
    ports::{Directory, QueueName},
};
use std::sync::Arc;

/// One tenant's broken row is no other tenant's trouble.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let directory = open(root.path()).directory;
    for name in ["conf-a", "conf-c"] {
        directory.put(&pool::TenantRecord::new(name, name)).await.unwrap();
    }
    let platform = rusqlite::Connection::open(root.path().join("platform.db")).unwrap();
    for (id, record) in [("conf-0", "no JSON"), ("conf-b", "{}"), ("conf-d", "null")] {
        let sql = "INSERT INTO tenants (id, container, record) VALUES (?1, ?1, ?2)";
        platform.execute(sql, [id, record]).unwrap();
    }
    for limit in [1, 100] {
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = directory.list(found.last().map(String::as_str), limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|record| record.id));
        }
        assert_eq!(found, ["conf-a", "conf-c"], "by {limit}");
    }
}

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
