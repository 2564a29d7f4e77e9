//! Every operation under every fault: an answer or a typed error, soon, after few tries, with nothing half known.

use crate::support::{World, entry, text};
use doubles::faults::{FAULTS, Fault, Faults};
use pool::{
    conformance::INDEX_FIELDS as FIELDS,
    ports::{EntryKey, Index, PortError, PortResult, SearchMode, SearchQuery},
    testing::tenant,
};
use std::time::{Duration, Instant};

/// All of it in a few seconds.
const EACH: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Upsert,
    Delete,
    Search,
    First,
}

async fn run(index: &azure::AzureIndex, op: Op) -> PortResult<()> {
    let a = tenant("conf-a");
    match op {
        Op::Upsert => index.upsert(&a, vec![entry("new", "narwhal")]).await,
        // The tenant's index is not there yet.
        Op::First => index.upsert(&tenant("conf-b"), vec![entry("new", "narwhal")]).await,
        Op::Delete => index.delete(&a, &[EntryKey { source: "old".into(), chunk: 0 }]).await,
        Op::Search => {
            let query = SearchQuery {
                mode: SearchMode::Hybrid,
                vector: Some(vec![1.0, 0.0, 0.0, 0.0]),
                ..text("walrus")
            };
            let found = index.search(&a, &query).await?;
            assert_eq!(found.len(), 1, "an answer is the whole answer");
            Ok(())
        }
    }
}

async fn one(op: Op, fault: Fault, times: usize) {
    let what = format!("{op:?} under {fault:?} × {times}");
    let world = World::start().await;
    let proxy = Faults::start(&world.ca, world.search.address()).await;
    let prefix = if op == Op::First { "own" } else { "" };
    let direct = world.index_at(&world.search.url(), prefix, &FIELDS);
    let faulty = world.index_at(&proxy.url(), prefix, &FIELDS).within(EACH, TOTAL);
    direct.upsert(&tenant("conf-a"), vec![entry("old", "walrus")]).await.unwrap();

    proxy.plan(fault, times);
    let begun = Instant::now();
    let end = run(&faulty, op).await;
    let (took, tries) = (begun.elapsed(), proxy.seen().len());
    proxy.heal();

    assert!(took < TOTAL + Duration::from_secs(2), "{what}: {took:?}");
    // The first write of an index is of three requests more.
    assert!(tries <= if op == Op::First { 9 } else { 5 }, "{what}: {tries} tries");
    match &end {
        Ok(()) | Err(PortError::Unavailable(_)) => {}
        Err(PortError::Exhausted { retry_after }) => {
            assert!(
                *retry_after <= Duration::from_secs(30) && matches!(fault, Fault::Status(429, _)),
                "{what}"
            );
        }
        // Noise may look like anything; TLS keeps it off the wire.
        Err(PortError::Refused(_)) if fault == Fault::Noise => {}
        Err(error) => panic!("{what}: {error:?}"),
    }
    let healing = !matches!(fault, Fault::Noise | Fault::Slow | Fault::Status(_, Some((_, "86400"))));
    if times == 1 && healing {
        assert!(end.is_ok(), "{what}: {end:?}");
    }
    // Whatever came of it, doing it again makes it whole.
    run(&direct, op).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
}

async fn all(op: Op) {
    let one = |fault| async move { tokio::join!(one(op, fault, 1), one(op, fault, 1_000)) };
    futures::future::join_all(FAULTS.map(one)).await;
}

#[tokio::test]
async fn upsert() {
    all(Op::Upsert).await;
}

#[tokio::test]
async fn the_first_upsert() {
    all(Op::First).await;
}

#[tokio::test]
async fn delete() {
    all(Op::Delete).await;
}

#[tokio::test]
async fn search() {
    all(Op::Search).await;
}
