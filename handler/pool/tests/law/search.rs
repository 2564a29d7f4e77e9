//! Search: words, declared fields, and documents that stand.

use crate::support::*;
use futures::FutureExt;
use pool::{Error, Scope, ports::Kind, search::Find};
use serde_json::{Value, json};

fn find(value: Value) -> Find {
    serde_json::from_value(value).unwrap()
}

async fn ids(scope: &Scope, value: Value) -> Vec<String> {
    scope.search().query(find(value)).await.unwrap().into_iter().map(|found| found.id).collect()
}

async fn documents(scope: &Scope, values: Value) {
    let written = scope.search().upsert(values.as_array().unwrap().clone()).await.unwrap();
    assert!(written.iter().all(|document| document.status == "indexed"), "{written:?}");
}

#[tokio::test]
async fn filters_are_over_declared_fields() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    documents(
        &user,
        json!([{"id": "a", "content": "plan", "category": "x", "year": 2024},
        {"id": "b", "content": "plan", "category": "y", "year": 2025}]),
    )
    .await;
    let filtered =
        async |filter: Value| user.search().query(find(json!({"query": "plan", "filter": filter}))).await;
    let found = filtered(json!({"and": [{"field": "year", "op": "gt", "value": 2024}, {"not": {"field": "category", "value": "x"}}]})).await;
    assert_eq!(found.unwrap()[0].id, "b");
    for field in ["tenant", "tenantId", "owner", "id", "source", "title", "content", "Year", "year.x", "_x"] {
        let declared = field == "source";
        for filter in [
            json!({"field": field, "value": "x"}),
            json!({"not": {"field": field, "value": "x"}}),
            json!({"or": [{"field": "year", "value": 1}, {"and": [{"field": field, "in": ["x"]}]}]}),
        ] {
            match filtered(filter).await {
                Ok(_) => assert!(declared, "{field}"),
                other => invalid(other, &["/filter"]),
            }
        }
    }
    let many: Vec<_> = (0..65).map(|n| json!(n)).collect();
    invalid(filtered(json!({"field": "year", "in": many})).await, &["/filter"]);
    assert!(serde_json::from_value::<Find>(json!({"query": "plan", "filter": "year gt 2024"})).is_err());
}

#[tokio::test]
async fn what_is_asked_has_bounds() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    documents(&user, (0..120).map(|n| json!({"id": format!("d{n}"), "content": "plan"})).collect()).await;
    for top in [0, 101, 1_000_000] {
        invalid(user.search().query(find(json!({"query": "plan", "top": top}))).await, &["/top"]);
    }
    for top in [1, 10, 100] {
        assert_eq!(ids(&user, json!({"query": "plan", "top": top})).await.len(), top);
    }
    invalid(user.search().query(find(json!({"query": "x".repeat(1_001)}))).await, &["/query"]);
    invalid(user.search().query(find(json!({"mode": "vector", "query": "plan"}))).await, &["/vector"]);
    invalid(
        user.search().query(find(json!({"mode": "text", "query": "x", "vector": [1.0]}))).await,
        &["/vector"],
    );
    invalid(user.search().query(find(json!({"vector": []}))).await, &["/vector"]);
    let long: Vec<f32> = vec![0.5; 4_097];
    invalid(
        user.search().query(Find { vector: Some(long), ..find(json!({"mode": "vector"})) }).await,
        &["/vector"],
    );
    let nan = Find { vector: Some(vec![f32::NAN]), ..find(json!({"mode": "vector"})) };
    invalid(user.search().query(nan).await, &["/vector"]);
    world.fuse.calls();
    for nothing in ["", "  ", "\t\n"] {
        assert_eq!(ids(&user, json!({"query": nothing})).await, [""; 0]);
    }
    assert_eq!(world.fuse.calls(), []);
    for member in ["index", "select", "orderby", "facet", "$filter", "scoringProfile", "tenantId", "user_id"]
    {
        assert!(serde_json::from_value::<Find>(json!({"query": "x", member: "y"})).is_err(), "{member}");
    }
}

#[tokio::test]
async fn a_document_that_breaks_a_rule_does_not_keep_the_others() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let batch = vec![
        json!({"id": "good", "content": "plan"}),
        json!({"id": "no content"}),
        json!("text"),
        json!({"id": "a/b", "content": "plan"}),
        json!({"id": "x", "content": "plan", "tenantId": "fabrikam"}),
        json!({"id": "y", "content": "plan", "owner": "bob"}),
        json!({"id": "z", "content": "plan", "year": "2024"}),
        json!({"id": 7, "content": "plan"}),
        json!({"id": "good", "content": "again"}),
        json!({"id": "long", "content": "x".repeat(32 * 1024 + 1)}),
        json!({"id": "w", "content": "plan", "category": ["x"]}),
        json!({"id": "also", "content": "plan", "title": "T", "year": 2024}),
    ];
    let written = user.search().upsert(batch).await.unwrap();
    let good: Vec<_> = written.iter().filter(|d| d.status == "indexed").map(|d| d.id.as_str()).collect();
    assert_eq!(good, ["good", "also"]);
    let pointers: Vec<_> = written.iter().flat_map(|d| d.errors.iter().map(|e| e.pointer.as_str())).collect();
    let expected = [
        "/1/content",
        "/1/id",
        "/1/content",
        "/2",
        "/3/id",
        "/4/tenantId",
        "/5/owner",
        "/6/year",
        "/7/id",
        "/7/id",
        "/8/id",
        "/9/content",
        "/10/category",
    ];
    let (mut pointers, mut expected) = (pointers, expected.to_vec());
    for list in [&mut pointers, &mut expected] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(pointers, expected);
    assert_eq!(world.rows("contoso", Kind::Document).len(), 2);
    assert!(matches!(user.search().upsert(vec![]).await, Err(Error::Invalid(_))));
    assert!(matches!(user.search().upsert(vec![json!({}); 1_001]).await, Err(Error::Invalid(_))));
    assert!(matches!(user.search().delete(&[]).await, Err(Error::Invalid(_))));
}

/// TM-17: a document's id is a name within its tenant.
#[tokio::test]
async fn the_same_id_of_two_tenants_is_two_documents() {
    let world = World::new();
    let (ours, theirs) = (world.user("contoso", "alice").await, world.user("fabrikam", "bob").await);
    documents(&ours, json!([{"id": "d", "content": "plan of ours"}])).await;
    documents(&theirs, json!([{"id": "d", "content": "plan of theirs"}])).await;
    assert_eq!(ours.search().query(find(json!({"query": "plan"}))).await.unwrap()[0].content, "plan of ours");
    theirs.search().delete(&["d".into()]).await.unwrap();
    assert_eq!(ids(&theirs, json!({"query": "plan"})).await, [""; 0]);
    assert_eq!(ids(&ours, json!({"query": "plan"})).await, ["d"]);
    not_found(theirs.search().exists("d").await);
    assert!(ours.search().exists("d").await.is_ok());
    for id in ["", "a/b", "ghost", &"x".repeat(129)] {
        not_found(ours.search().exists(id).await);
    }
}

/// A client's document cannot take the name of a file's passages.
#[tokio::test]
async fn a_document_is_no_file() {
    let world = World::new();
    let (alice, bob) = (world.user("contoso", "alice").await, world.user("contoso", "bob").await);
    let file = indexed(&world, &alice, "a.txt", "plan of alice").await;
    let forged = [file.id.clone(), format!("f.{}", file.id), format!("d.{}", file.id)];
    documents(&bob, forged.iter().map(|id| json!({"id": id, "content": "plan of bob"})).collect()).await;
    assert_eq!(world.index.entries("contoso").len(), 4);
    bob.search().delete(&forged).await.unwrap();
    let left: Vec<_> = alice.search().query(find(json!({"query": "plan"}))).await.unwrap();
    assert_eq!(left.iter().map(|found| found.content.as_str()).collect::<Vec<_>>(), ["plan of alice"]);
    assert_eq!(ids(&bob, json!({"query": "plan"})).await, [""; 0]);
}

#[tokio::test]
async fn a_removal_that_dies_can_be_done_again_and_leaves_nothing() {
    for death in Death::each(2) {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        documents(&user, json!([{"id": "a", "content": "plan"}])).await;
        world.fuse.dies(death);
        assert!(user.search().delete(&["a".into()]).await.is_err());
        world.fuse.revive();
        let entries = world.index.entries("contoso").len();
        let exists = user.search().exists("a").await.is_ok();
        assert!(exists || entries == 0, "an entry without a record: nobody would know of it: {death:?}");
        user.search().delete(&["a".into()]).await.unwrap();
        assert_eq!(
            (world.index.entries("contoso").len(), world.rows("contoso", Kind::Document).len()),
            (0, 0)
        );
    }
}

/// TM-46: a document that is written while it is deleted, in every order of the two, is there or leaves nothing.
#[tokio::test]
async fn a_document_that_is_deleted_while_it_is_written_leaves_nothing() {
    for (call, after) in
        [("records.commit", false), ("records.commit", true), ("index.upsert", false), ("index.upsert", true)]
    {
        for (known, anew) in [(false, false), (true, false), (true, true)] {
            let world = World::new();
            let user = world.user("contoso", "alice").await;
            if known {
                documents(&user, json!([{"id": "a", "content": "plan"}])).await;
            }
            let other = user.clone();
            let deletes = async move {
                if anew {
                    drop(other.search().upsert(vec![json!({"id": "a", "content": "plan anew"})]).await);
                }
                other.search().delete(&["a".into()]).await.unwrap();
            };
            world.fuse.at(call, after, || deletes.boxed());
            let written = user.search().upsert(vec![json!({"id": "a", "content": "plan"})]).await;
            world.pass(60);
            world.sweep(2).await;
            let there = user.search().exists("a").await.is_ok();
            let left = (world.index.entries("contoso").len(), world.rows("contoso", Kind::Document).len());
            let at = format!("{call} {after} {known} {anew}: {written:?}");
            assert_eq!(left, if there { (1, 1) } else { (0, 0) }, "{at}");
            assert!(world.rows("contoso", Kind::Outbox).is_empty(), "{at}");
            let found = ids(&user, json!({"query": "plan"})).await;
            assert_eq!(found.len(), usize::from(there), "{at}");
        }
    }
}

/// The same, the other way round: it is written while it is being deleted.
#[tokio::test]
async fn a_document_that_is_written_while_it_is_deleted_is_there_or_leaves_nothing() {
    for (call, after) in [("index.delete", false), ("index.delete", true), ("records.commit", true)] {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        documents(&user, json!([{"id": "a", "content": "plan"}])).await;
        let other = user.clone();
        let writes = async move { documents(&other, json!([{"id": "a", "content": "plan anew"}])).await };
        world.fuse.at(call, after, || writes.boxed());
        user.search().delete(&["a".into()]).await.unwrap();
        world.pass(60);
        world.sweep(2).await;
        let there = user.search().exists("a").await.is_ok();
        let left = (world.index.entries("contoso").len(), world.rows("contoso", Kind::Document).len());
        assert_eq!(left, if there { (1, 1) } else { (0, 0) }, "{call} {after}");
        assert_eq!(ids(&user, json!({"query": "plan"})).await.len(), usize::from(there), "{call} {after}");
    }
}
