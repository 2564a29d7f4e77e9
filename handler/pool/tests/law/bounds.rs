//! What one request may take, however large what it is about.

use crate::support::*;
use pool::{
    Error, PageRequest,
    ports::{PortResult, QUERY_BYTES, Queue, QueueName, SealedJob},
    runs::Status,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// A page ends where the bytes of one answer end, and the pages join.
#[tokio::test]
async fn pages_are_bounded_by_bytes() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let mut made = Vec::new();
    for n in 0..14 {
        let body = json!({"n": n, "text": "x".repeat(900_000)}).as_object().unwrap().clone();
        made.push(user.records().create("items", body).await.unwrap().value.id);
    }
    let mut page = PageRequest { limit: 100, descending: false, cursor: None };
    let mut seen = Vec::new();
    loop {
        let some = user.records().list("items", Default::default(), &page).await.unwrap();
        assert!((1..=QUERY_BYTES / 900_000).contains(&some.items.len()), "{}", some.items.len());
        seen.extend(some.items.into_iter().map(|record| record.value.id));
        page.cursor = some.next;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
}

/// A step that no store would take ends its run, and is not asked for again.
#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_be_kept_ends_its_run() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let tools = json!([{"type": "function", "function": {"name": "weather"}}]);
    let run = queued(&world, &user, tools).await;
    world.model.does(|_, _| {
        let arguments = "x".repeat(100_000);
        done((0..16).map(|_| call("weather", &arguments)).chain([said("Words.")]).collect())
    });
    world.work().await;
    world.sweep(2).await;
    let ended = user.runs().get(&run.thread_id, &run.id).await.unwrap().value;
    assert_eq!(ended.status, Status::Incomplete, "{:?}", ended.last_error);
    assert_eq!(ended.incomplete_details.unwrap().reason, "max_conversation");
    assert_eq!(ended.last_error.unwrap().code, "step_too_large");
    assert_eq!(world.model.asked().len(), 1, "the model is asked once");
    user.runs().create(&run.thread_id, new_run(&run.agent_id), false).await.unwrap();
}

/// The model reads all of a passage; a citation quotes its beginning.
#[tokio::test(start_paused = true)]
async fn a_citation_quotes_a_little() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let content = format!("plan {}", "休暇 ".repeat(3_000));
    user.search().upsert(vec![json!({"id": "d", "content": content})]).await.unwrap();
    let run = queued(&world, &user, json!([{"type": "file_search"}])).await;
    world.model.does(|_, n| match n {
        0 => done(vec![call("file_search", "{\"query\": \"plan\"}")]),
        _ => says(&"As it is written [1]. ".repeat(100)),
    });
    world.work().await;
    let read = format!("{:?}", world.model.asked()[1].1.items);
    assert!(read.contains(content.trim_end()), "all of it is read");
    let said = user.messages().list(&run.thread_id, &PageRequest::default()).await.unwrap().items;
    let said = serde_json::to_value(&said[0]).unwrap();
    let annotations = said["content"][0]["text"]["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 1, "a passage is cited once");
    let quote = annotations[0]["file_citation"]["quote"].as_str().unwrap();
    assert!((1_000..=1_024).contains(&quote.len()) && content.starts_with(quote), "{}", quote.len());
}

/// Whoever follows a silent run reads its events, and the run itself now and then.
#[tokio::test(start_paused = true)]
async fn a_silent_run_is_followed_cheaply() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let mut reader = user.runs().follow(&run.thread_id, &run.id, None).await.unwrap();
    assert_eq!(reader.next().await.unwrap().0.len(), 1);
    world.fuse.calls();
    for _ in 0..12 {
        assert!(matches!(reader.next().await, Ok((events, false)) if events.is_empty()));
    }
    let calls = world.fuse.calls();
    assert!(calls.iter().all(|(_, call)| call == "records.query") && calls.len() == 12, "{calls:?}");
    world.work().await;
    let mut names = Vec::new();
    loop {
        let (events, rests) = reader.next().await.unwrap();
        names.extend(events.into_iter().map(|event| event.event));
        if rests {
            break;
        }
    }
    assert_eq!(names.last().unwrap(), "thread.run.completed");
    user.threads().delete(&run.thread_id, None).await.unwrap();
    not_found(user.runs().follow(&run.thread_id, &run.id, None).await.map(drop));
}

/// A backend that never answers is told from those that do, and is not waited for.
#[tokio::test(start_paused = true)]
async fn a_probe_ends_in_time() {
    struct Stuck;
    #[async_trait::async_trait]
    impl Queue for Stuck {
        async fn push(&self, _: QueueName, _: &SealedJob, _: Duration) -> PortResult<()> {
            Ok(())
        }

        async fn ready(&self) -> PortResult<()> {
            std::future::pending().await
        }
    }
    let world = World::with(|ports| ports.queue = Arc::new(Stuck));
    let begun = tokio::time::Instant::now();
    let answers = world.doors.probe().await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    let answers: Vec<_> = answers.into_iter().map(|(name, answered)| (name, answered.is_ok())).collect();
    let all = [("directory", true), ("keys", true), ("records", true), ("blobs", true), ("index", true)];
    assert_eq!(answers, [&all[..], &[("queue", false)]].concat());
}

/// TM-57: a tenant has a hundred unfinished runs at most, whoever of its users began them; others are not held up.
#[tokio::test(start_paused = true)]
async fn a_tenant_does_not_fill_the_line_of_runs() {
    let world = World::new();
    let (alice, bob) = (world.user("contoso", "alice").await, world.user("contoso", "bob").await);
    let agent = queued(&world, &alice, json!([])).await.agent_id;
    for n in 1..100 {
        queued(&world, if n % 2 == 0 { &alice } else { &bob }, json!([])).await;
    }
    let thread = bob.threads().create(Default::default()).await.unwrap().value.id;
    let begin = async || bob.runs().create(&thread, new_run(&agent), false).await;
    assert!(matches!(begin().await, Err(Error::Exhausted { .. })));
    queued(&world, &world.user("fabrikam", "eve").await, json!([])).await;
    world.work().await;
    begin().await.unwrap();
}
