//! What comes too late, or a second time: it changes nothing, and nothing is lost by it.

use crate::support::*;
use futures::{StreamExt, stream};
use pool::{
    Error, PageRequest, Scope,
    filter::FieldPath,
    idempotency::Begun,
    ports::{Kind, QueueName},
    records::RecordQuery,
    search::Find,
};
use serde_json::json;
use std::io;

async fn begun(scope: &Scope, key: &str) -> Scope {
    match scope.idempotency().begin(key, "files_create", "hash", 15).await.unwrap() {
        Begun::Go(scope, _) => scope,
        Begun::Replay(_) => panic!("answered"),
    }
}

/// An upload that is tried again is the same file, if it has the same name and bytes; else nothing is acknowledged.
#[tokio::test]
async fn a_second_try_of_an_upload_is_compared() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let first = begun(&user, "key").await.files().upload(new_file("a.txt"), bytes("one")).await.unwrap();
    for (name, text, same) in [("a.txt", "one", true), ("a.txt", "two", false), ("b.txt", "one", false)] {
        world.pass(16);
        match begun(&user, "key").await.files().upload(new_file(name), bytes(text)).await {
            Ok(again) => assert!(same && again.value.id == first.value.id, "{name}: {text}"),
            Err(fault) => assert!(!same && matches!(fault, Error::KeyReused), "{name}: {text}: {fault:?}"),
        }
    }
    world.pass(16);
    let broken = stream::iter([Ok("on".into()), Err(io::Error::other("gone"))]).boxed();
    invalid(begun(&user, "key").await.files().upload(new_file("a.txt"), broken).await, &[""]);
    assert_eq!(world.blobs.all().len(), 1);
    assert_eq!(world.blobs.all()[0].2.as_ref(), b"one");
}

/// A version that was asked for and still holds is not stale, whatever else of the batch was in the way.
#[tokio::test]
async fn a_removal_meets_another_write_of_its_batch() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one")).await.unwrap();
    let (other, id) = (world.system("contoso").await, file.value.id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { other.files().changed(&id).await.unwrap() })
    });
    user.files().delete(&file.value.id, Some(&file.etag)).await.unwrap();
    let file = user.files().upload(new_file("a.txt"), bytes("one")).await.unwrap();
    let (other, id) = (world.system("contoso").await, file.value.id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { other.files().ingest(&id).await.unwrap() })
    });
    stale(user.files().delete(&file.value.id, Some(&file.etag)).await);
}

#[tokio::test]
async fn a_removal_that_is_overtaken_leaves_every_version() {
    let world = World::new();
    let admin = world.admin("contoso").await;
    let agent = admin.agents().create(new_agent(json!([]))).await.unwrap();
    let (other, id) = (admin.clone(), agent.value.id.clone());
    world.fuse.at("records.commit", false, move || {
        let change = serde_json::from_value(json!({"name": "Theirs"})).unwrap();
        Box::pin(async move { drop(other.agents().update(&id, change, None).await.unwrap()) })
    });
    stale(admin.agents().delete(&agent.value.id, Some(&agent.etag)).await);
    let versions = admin.agents().versions(&agent.value.id, &PageRequest::default()).await.unwrap().items;
    assert_eq!(versions.iter().map(|v| v.version).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn an_event_whose_job_is_lost_is_looked_into_all_the_same() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = indexed(&world, &user, "a.txt", "zebra").await;
    world.work().await;
    pool::ports::Blobs::delete(
        &*world.blobs,
        user.tenant(),
        &pool::testing::blob(&format!("files/{}", file.id)),
    )
    .await
    .unwrap();
    user.files().changed(&file.id).await.unwrap();
    while world.queue.take(QueueName::Ingest).is_some() {}
    world.sweep(2).await;
    not_found(user.files().get(&file.id).await);
    assert!(world.rows("contoso", Kind::Outbox).is_empty());
}

#[tokio::test]
async fn a_second_try_of_an_upload_does_not_undo_the_first() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let first = begun(&user, "key").await.files().upload(new_file("a.txt"), bytes("zebra")).await.unwrap();
    world.pass(16);
    let broken = stream::iter(vec![Ok("one".into()), Err(io::Error::other("reset"))]).boxed();
    invalid(begun(&user, "key").await.files().upload(new_file("a.txt"), broken).await, &[""]);
    world.work().await;
    let (_, length, _) = user.files().content(&first.value.id).await.unwrap();
    assert_eq!(length, 5);
}

#[tokio::test]
async fn a_second_try_of_outputs_is_answered_with_the_run() {
    let world = World::new();
    world.model.does(|_, _| done(vec![call("look", "{}")]));
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([{"type": "function", "function": {"name": "look"}}])).await;
    world.work().await;
    let outputs = || {
        serde_json::from_value(json!({"tool_outputs": [{"tool_call_id": "call_1", "output": "x"}]})).unwrap()
    };
    let first =
        begun(&user, "key").await.runs().submit(&run.thread_id, &run.id, outputs(), false).await.unwrap();
    world.pass(16);
    let again =
        begun(&user, "key").await.runs().submit(&run.thread_id, &run.id, outputs(), false).await.unwrap();
    assert_eq!(again.run.value, first.run.value);
    world.model.does(|_, _| says("Here it is."));
    world.work().await;
    world.pass(16);
    let last =
        begun(&user, "key").await.runs().submit(&run.thread_id, &run.id, outputs(), false).await.unwrap();
    assert_eq!(last.run.value.status, pool::runs::Status::Completed);
    assert_eq!((again.after, last.after), (first.after, first.after), "a stream begins where it began");
    let (events, _) = user.runs().events(&run.thread_id, &run.id, Some(last.after)).await.unwrap();
    assert!(events.iter().any(|event| event.event == "thread.message.completed"), "the answer is in it");
    conflict(user.runs().submit(&run.thread_id, &run.id, outputs(), false).await);
}

#[tokio::test]
async fn a_page_does_not_end_at_a_long_value() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    for length in [512, 513] {
        for _ in 0..2 {
            let body = json!({"text": "x".repeat(length)}).as_object().unwrap().clone();
            user.records().create("items", body).await.unwrap();
        }
    }
    let by_text = |descending| {
        let asked = RecordQuery { sort: FieldPath::parse("text"), ..RecordQuery::default() };
        (asked, PageRequest { limit: 1, descending, cursor: None })
    };
    let list = async |descending| {
        let (asked, page) = by_text(descending);
        user.records().list("items", asked, &page).await
    };
    assert!(list(false).await.unwrap().next.is_some_and(|cursor| cursor.len() < 2_000));
    assert!(matches!(list(true).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn scores_do_not_tell_what_others_have() {
    let world = World::new();
    let (alice, bob) = (world.user("contoso", "alice").await, world.user("contoso", "bob").await);
    indexed(&world, &alice, "a.txt", "zebra").await;
    let find = || Find { query: "zebra".into(), ..Find::default() };
    let before = alice.search().query(find()).await.unwrap();
    for n in 0..3 {
        indexed(&world, &bob, &format!("{n}.txt"), "zebra zebra zebra").await;
    }
    assert_eq!(alice.search().query(find()).await.unwrap(), before);
    assert_eq!(before[0].score, 1.0);
}
