//! Every operation meets every fault: a typed error or success, in bounded time and with bounded tries; nothing is lost
//! that was acknowledged, and nothing is done twice.

use crate::support::World;
use doubles::faults::{FAULTS, Fault};
use pool::{
    TenantId, TenantRecord,
    conformance::new_row,
    ports::{Directory, Etag, Kind, PortError, PortResult, Query, Records, Sort, Write},
    testing::tenant,
};
use serde_json::json;
use std::time::{Duration, Instant};

fn all() -> Query {
    Query {
        kind: Kind::Record,
        parent: None,
        owner: None,
        filter: None,
        sort: Sort { field: None, descending: false },
        after: None,
        limit: 100,
    }
}

const OPERATIONS: [&str; 11] = [
    "get",
    "query",
    "create",
    "replace",
    "delete",
    "delete absent",
    "delete any",
    "sweep",
    "tenant",
    "tenants",
    "put tenant",
];

/// `there` and `doomed` are versions of what is there.
async fn operate(
    world: &World,
    operation: &str,
    a: &TenantId,
    id: &str,
    [there, doomed]: [Etag; 2],
) -> PortResult<()> {
    let row = |n: u32| new_row(Kind::Record, id, json!({"n": n}));
    let records = &world.records;
    match operation {
        "get" => records.get(a, Kind::Record, "there").await.map(|found| assert!(found.is_some())),
        "query" => records.query(a, &all()).await.map(|found| assert!(!found.is_empty())),
        "create" => records.commit(a, vec![Write::Create(row(1))]).await.map(drop),
        "replace" => {
            let new = new_row(Kind::Record, "there", json!({"n": id}));
            records.commit(a, vec![Write::Replace(new, Some(there)), Write::Create(row(2))]).await.map(drop)
        }
        "delete" => records
            .commit(a, vec![Write::Delete(Kind::Record, "doomed".into(), Some(doomed))])
            .await
            .map(drop),
        "delete any" => {
            records.commit(a, vec![Write::Delete(Kind::Record, "doomed".into(), None)]).await.map(drop)
        }
        "delete absent" => {
            records.commit(a, vec![Write::Delete(Kind::Record, "gone".into(), None)]).await.map(drop)
        }
        "sweep" => records.sweep(a, 100).await.map(drop),
        "tenants" => world.directory.list(None, 100).await.map(|found| assert!(!found.is_empty())),
        "tenant" => world.directory.get("contoso").await.map(|found| assert!(found.is_some())),
        _ => world.directory.put(&TenantRecord::new(id, id)).await,
    }
}

/// What is there afterwards agrees with what was answered.
async fn check(world: &World, operation: &str, a: &TenantId, id: &str, result: &PortResult<()>) {
    let written = match operation {
        "create" | "replace" => world.records.get(a, Kind::Record, id).await.unwrap().is_some(),
        "delete" | "delete any" => world.records.get(a, Kind::Record, "doomed").await.unwrap().is_none(),
        "put tenant" => world.directory.get(id).await.unwrap().is_some(),
        _ => return,
    };
    match result {
        Ok(()) => assert!(written, "{operation}: acknowledged and lost"),
        Err(PortError::Conflict) => panic!("{operation}: a conflict with nobody"),
        Err(PortError::Exhausted { .. }) => assert!(!written, "{operation}: refused and done"),
        Err(_) => {}
    }
    if operation == "replace" {
        let there = world.records.get(a, Kind::Record, "there").await.unwrap().unwrap();
        assert_eq!(there.row.body.contains(id), written, "both writes or neither");
    }
}

async fn meet(fault: Fault, times: usize) {
    let world = World::new().await;
    let a = tenant("conf-a");
    world.records.commit(&a, vec![Write::Create(new_row(Kind::Record, "there", json!({})))]).await.unwrap();
    world.directory.put(&TenantRecord::new("contoso", "Contoso")).await.unwrap();
    for (at, operation) in OPERATIONS.into_iter().enumerate() {
        let id = format!("new-{at}");
        let now = async |id| world.records.get(&a, Kind::Record, id).await.unwrap().map(|row| row.etag);
        if now("doomed").await.is_none() {
            let row = new_row(Kind::Record, "doomed", json!({}));
            world.records.commit(&a, vec![Write::Create(row)]).await.unwrap();
        }
        let versions = [now("there").await.unwrap(), now("doomed").await.unwrap()];
        world.account.plan(fault, times);
        let begun = Instant::now();
        let result = operate(&world, operation, &a, &id, versions).await;
        let (took, seen) = (begun.elapsed(), world.account.seen());
        world.account.plan(fault, 0);
        let what =
            format!("{operation} meets {times} x {fault:?}: {result:?} after {took:?}, {seen} requests");
        // Two operations, at most.
        assert!(took < Duration::from_secs(35), "{what}");
        assert!(seen <= 40, "{what}");
        if let Err(error) = &result {
            assert!(error.transient(), "{what}");
        }
        check(&world, operation, &a, &id, &result).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once() {
    futures::future::join_all(FAULTS.map(|fault| tokio::spawn(meet(fault, 1))))
        .await
        .into_iter()
        .for_each(|met| met.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn for_ever() {
    futures::future::join_all(FAULTS.map(|fault| tokio::spawn(meet(fault, usize::MAX))))
        .await
        .into_iter()
        .for_each(|met| met.unwrap());
}
