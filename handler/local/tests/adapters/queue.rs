//! The host's side of the queues, with a storage queue's meaning.

use crate::support::open_at;
use local::{Local, Options};
use pool::{conformance::memory::ManualClock, ports::PortError};
use std::{sync::Arc, time::Duration};

const LEASE: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::ZERO;

fn start() -> (tempfile::TempDir, Arc<ManualClock>, Local) {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let local = open_at(root.path(), clock.clone(), Options::default());
    (root, clock, local)
}

fn stale<T: std::fmt::Debug>(result: Result<T, PortError>) {
    assert!(matches!(result, Err(PortError::Conflict)), "{result:?}");
}

#[tokio::test]
async fn a_receipt_is_good_until_the_next() {
    let (_root, clock, local) = start();
    let queue = &local.queue;
    queue.push_raw("ingest", b"\0job\xff".to_vec(), NOW).await.unwrap();
    let first = queue.receive("ingest", 32, LEASE).await.unwrap().remove(0);
    assert_eq!((first.body.as_slice(), first.dequeue_count), (b"\0job\xff".as_ref(), 1));
    assert_eq!(queue.receive("ingest", 32, LEASE).await.unwrap(), [], "leased");
    let renewed = queue.renew("ingest", &first.id, &first.pop_receipt, LEASE).await.unwrap();
    assert_ne!(renewed, first.pop_receipt);
    stale(queue.delete("ingest", &first.id, &first.pop_receipt).await);
    stale(queue.renew("ingest", &first.id, &first.pop_receipt, LEASE).await);

    clock.advance(LEASE);
    let second = queue.receive("ingest", 32, LEASE).await.unwrap().remove(0);
    assert_eq!((second.id.as_str(), second.dequeue_count), (first.id.as_str(), 2));
    for receipt in [&first.pop_receipt, &renewed, "", "'"] {
        stale(queue.delete("ingest", &first.id, receipt).await);
        stale(queue.release("ingest", &first.id, receipt, NOW).await);
        stale(queue.transfer("ingest", &first.id, receipt, "x").await);
    }
    stale(queue.delete("runs", &second.id, &second.pop_receipt).await);
    queue.release("ingest", &second.id, &second.pop_receipt, Duration::from_secs(5)).await.unwrap();
    stale(queue.delete("ingest", &second.id, &second.pop_receipt).await);
    assert_eq!(queue.receive("ingest", 1, LEASE).await.unwrap(), []);
    clock.advance(Duration::from_secs(5));
    let third = queue.receive("ingest", 1, LEASE).await.unwrap().remove(0);
    assert_eq!(third.dequeue_count, 3);
    queue.transfer("ingest", &third.id, &third.pop_receipt, "ingest-poison").await.unwrap();
    let poison = queue.receive("ingest-poison", 1, LEASE).await.unwrap().remove(0);
    assert_eq!((poison.body, poison.dequeue_count), (first.body, 1));
    queue.delete("ingest-poison", &poison.id, &poison.pop_receipt).await.unwrap();
    stale(queue.delete("ingest-poison", &poison.id, &poison.pop_receipt).await);
    assert!(queue.counts().await.unwrap().is_empty());
}

#[tokio::test]
async fn first_in_is_first_out() {
    let (_root, clock, local) = start();
    let queue = &local.queue;
    for (body, delay) in [("c", 3), ("a", 1), ("b", 1), ("now", 0)] {
        queue.push_raw("runs", body.into(), Duration::from_secs(delay)).await.unwrap();
    }
    let count = queue.counts().await.unwrap()["runs"];
    assert_eq!((count.visible, count.hidden), (1, 3));
    clock.advance(Duration::from_secs(10));
    let bodies: Vec<_> = queue.receive("runs", 3, LEASE).await.unwrap().into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, [b"now".to_vec(), b"a".to_vec(), b"b".to_vec()]);
}

#[tokio::test]
async fn a_week_is_the_end() {
    let (_root, clock, local) = start();
    local.queue.push_raw("runs", b"old".to_vec(), NOW).await.unwrap();
    clock.advance(Duration::from_secs(7 * 24 * 3_600 - 1));
    local.queue.push_raw("runs", b"new".to_vec(), NOW).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let left = local.queue.receive("runs", 5, LEASE).await.unwrap();
    assert_eq!(left.into_iter().map(|m| m.body).collect::<Vec<_>>(), [b"new".to_vec()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_message_is_received_twice() {
    let (root, clock, local) = start();
    for i in 0..200_u8 {
        local.queue.push_raw("runs", vec![i], NOW).await.unwrap();
    }
    let other = open_at(root.path(), clock.clone(), Options::default());
    let takers: Vec<_> = [&local, &other]
        .into_iter()
        .cycle()
        .take(8)
        .map(|local| {
            let queue = local.queue.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let some = queue.receive("runs", 7, LEASE).await.unwrap();
                    if some.is_empty() {
                        return taken;
                    }
                    for message in some {
                        queue.delete("runs", &message.id, &message.pop_receipt).await.unwrap();
                        taken.push(message.body[0]);
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for taker in takers {
        all.extend(taker.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<u8>>());
}
