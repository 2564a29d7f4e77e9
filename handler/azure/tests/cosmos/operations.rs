//! What the port's words become in Cosmos DB's.

use crate::support::World;
use doubles::faults::Fault;
use pool::{
    TenantRecord,
    conformance::new_row,
    ports::{Directory, Kind, NewRow, PortError, Records, Write},
    testing::tenant,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_recognised() {
    let (world, a) = (World::new().await, tenant("conf-a"));
    let row = |id: &str, n: u32| new_row(Kind::Record, id, json!({"n": n}));
    world.account.plan(Fault::Lost, 1);
    let created =
        world.records.commit(&a, vec![Write::Create(row("x", 1)), Write::Create(row("y", 1))]).await;
    let created = created.expect("the driver's second try meets our own work");
    assert!(world.account.seen() > 1, "the answer was lost");

    world.account.plan(Fault::Lost, 1);
    let replaced =
        world.records.commit(&a, vec![Write::Replace(row("x", 2), Some(created[0].clone()))]).await;
    let replaced = replaced.expect("the driver's second try meets our own work");
    let read = world.records.get(&a, Kind::Record, "x").await.unwrap().unwrap();
    assert_eq!((read.etag, read.row), (replaced[0].clone(), row("x", 2)));

    let conflict =
        world.records.commit(&a, vec![Write::Replace(row("x", 3), Some(created[0].clone()))]).await;
    assert!(matches!(conflict, Err(PortError::Conflict)), "another's work is no work of ours: {conflict:?}");
    let conflict = world.records.commit(&a, vec![Write::Create(row("y", 3))]).await;
    assert!(matches!(conflict, Err(PortError::Conflict)), "{conflict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_whose_answer_is_lost_is_recognised() {
    let (world, a) = (World::new().await, tenant("conf-a"));
    let row = |id: &str, n: u32| new_row(Kind::Record, id, json!({"n": n}));
    let make = async |id: &str| {
        let made = world.records.commit(&a, vec![Write::Create(row(id, 1))]).await.unwrap();
        Write::Delete(Kind::Record, id.into(), Some(made[0].clone()))
    };
    let (x, y, z) = (make("x").await, make("y").await, make("z").await);
    world.account.plan(Fault::Lost, 1);
    world.records.commit(&a, vec![x.clone()]).await.expect("the driver's second try meets our own work");
    assert!(world.account.seen() > 1, "the answer was lost");
    assert_eq!(world.records.get(&a, Kind::Record, "x").await.unwrap(), None);
    world.account.plan(Fault::Lost, 1);
    let both = vec![y, Write::Delete(Kind::Record, "never".into(), None)];
    world.records.commit(&a, both).await.expect("alone or not");

    let conflict = world.records.commit(&a, vec![x.clone()]).await;
    assert!(matches!(conflict, Err(PortError::Conflict)), "another's work is no work of ours: {conflict:?}");
    // A try that the service refused was not done.
    world.account.plan(Fault::Status(429, Some(("retry-after", "0"))), 1);
    let conflict = world.records.commit(&a, vec![x]).await;
    assert!(matches!(conflict, Err(PortError::Conflict)), "{conflict:?}");
    // Nor was one that left any of it.
    world.records.commit(&a, vec![Write::Replace(row("z", 2), None)]).await.unwrap();
    world.account.plan(Fault::Lost, 1);
    let conflict = world.records.commit(&a, vec![z]).await;
    assert!(matches!(conflict, Err(PortError::Conflict)), "{conflict:?}");
    assert!(world.records.get(&a, Kind::Record, "z").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_passed_over() {
    let world = World::new().await;
    for name in ["conf-a", "conf-c", "conf-e"] {
        world.directory.put(&TenantRecord::new(name, name)).await.unwrap();
    }
    for (id, record) in [
        ("tenant:conf-0", json!("canary")),
        ("tenant:conf-b", json!({"id": "conf-b"})),
        ("tenant:conf-b1", json!(TenantRecord::new("conf-a", "another's name"))),
        ("tenant:conf-z", json!(null)),
    ] {
        world.account.put("tenants", "tenant", &json!({"id": id, "kind": "tenant", "record": record})).await;
    }
    for limit in [1, 2, 100] {
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = world.directory.list(found.last().map(String::as_str), limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|record| record.id));
        }
        assert_eq!(found, ["conf-a", "conf-c", "conf-e"], "by {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_stored_with_its_tenant_its_end_and_its_operation() {
    let (world, a) = (World::new().await, tenant("conf-a"));
    let now = world.clock.seconds();
    let body = json!({"n": 1.5, "m": 7}).to_string();
    let row = NewRow { expires_at: Some(now + 60), body, ..new_row(Kind::Record, "x", json!({})) };
    world.records.commit(&a, vec![Write::Create(row.clone())]).await.unwrap();
    let plain = new_row(Kind::Agent, "x", json!({"m": 7}));
    world.records.commit(&a, vec![Write::Create(plain)]).await.unwrap();
    let stored = world.account.documents("documents", "conf-a").await;
    let find = |id: &str| stored.iter().find(|document| document["id"] == id).unwrap();
    let ending = find("record:x");
    assert_eq!(ending["tenantId"], "conf-a");
    assert_eq!((&ending["expiresAt"], &ending["ttl"]), (&json!(now + 60), &json!(60)));
    assert_eq!(ending["text"], row.body, "a number that Cosmos DB would spell its own way");
    assert!(ending["op"].as_str().is_some_and(|op| op.len() == 32), "{ending}");
    let lasting = find("agent:x");
    assert_eq!([&lasting["ttl"], &lasting["text"]], [&json!(null), &json!(null)]);

    // The service forgets it by and by, by its own clock; we have forgotten it on the second.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.records.get(&a, Kind::Record, "x").await.unwrap(), None);
    let written = ending["_ts"].as_i64().unwrap();
    assert_eq!(world.account.sweep("documents", "conf-a", written + 59).await, 0);
    assert_eq!(world.account.sweep("documents", "conf-a", written + 60).await, 1);
    assert_eq!(world.account.documents("documents", "conf-a").await.len(), 1);
}
