//! TM-48: the model is hostile. Whatever it asks for, it sees what the run's user may see.

use super::*;
use pool::ports::Item;
use serde_json::json;

/// Runs one call in alice's run, while bob of the same tenant and a user of another have secrets; answers its output.
async fn asks(name: &'static str, arguments: &str) -> String {
    let world = World::new();
    let alice = world.user("contoso", "alice").await;
    let bob = world.user("contoso", "bob").await;
    let eve = world.user("fabrikam", "alice").await;
    indexed(&world, &alice, "mine.txt", "the plan is mine").await;
    let file = indexed(&world, &bob, "canary-bob.txt", "the plan is hush-bob").await;
    let foreign = indexed(&world, &eve, "canary-eve.txt", "the plan is hush-eve").await;
    eve.search().upsert(vec![json!({"id": "d", "content": "the plan is hush-eve"})]).await.unwrap();
    bob.records().create("items", json!({"plan": "hush-bob"}).as_object().unwrap().clone()).await.unwrap();
    let arguments = arguments.replace("BOBS", &file.id).replace("EVES", &foreign.id);
    world.work().await;
    let run = queued(&world, &alice, json!([{"type": "file_search"}])).await;
    world.model.does(move |request, _| match request.items.last() {
        Some(Item::Output { output, .. }) => says(&format!("I found [1] [2] [3]: {output}")),
        _ => done(vec![call(name, &arguments)]),
    });
    world.fuse.calls();
    let secrets = |world: &World| {
        let rows = world.records.rows().into_iter().filter(|row| row.row.body.contains("hush"));
        rows.map(|row| (row.tenant, row.row.kind, row.row.id)).collect::<Vec<_>>()
    };
    let before = secrets(&world);
    world.work().await;
    assert!(world.fuse.calls().iter().all(|(tenant, _)| tenant == "contoso" || tenant == "_queue"));
    assert_ended(&world, &alice, &run, Status::Completed).await;
    assert_eq!(secrets(&world), before, "no secret is written anywhere");
    match &world.model.asked()[1].1.items.last() {
        Some(Item::Output { output, .. }) => output.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_finds_what_the_user_may_see() {
    let output = asks("file_search", r#"{"query": "plan"}"#).await;
    assert!(output.contains("the plan is mine"), "{output}");
}

#[tokio::test(start_paused = true)]
async fn arguments_cannot_widen_a_search() {
    for arguments in [
        r#"{"query": "plan", "tenantId": "fabrikam"}"#,
        r#"{"query": "plan", "user_id": "bob"}"#,
        r#"{"query": "plan", "file_id": "BOBS"}"#,
        r#"{"query": "plan", "filter": {"or": []}}"#,
        r#"{"query": "plan", "top": 1000}"#,
        r#"{"query": "plan", "query": "canary"}"#,
        r#"{"query": ["plan"]}"#,
        r#"{"Query": "plan"}"#,
        "{}",
        "[]",
        "null",
        "",
        "plan",
        "{\"query\": \"plan\"",
        "{\"query\": \"plan\"}}",
    ] {
        let output = asks("file_search", arguments).await;
        assert!(output.contains("the arguments must be"), "{arguments}: {output}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_is_words_and_never_operators() {
    for query in [
        "canary-bob OR canary-eve",
        "*",
        "tenantId:fabrikam",
        "plan') or (true",
        "BOBS",
        "EVES",
        "owner:bob plan",
        "",
    ] {
        let output = asks("file_search", &json!({"query": query}).to_string()).await;
        assert!(output.contains("results") && !output.contains("hush"), "{query}: {output}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_the_agent_does_not_have_is_not_there() {
    for name in [
        "FILE_SEARCH",
        "file_search ",
        "records_get",
        "file_read",
        "http_get",
        "",
        "../file_search",
        "weather",
    ] {
        let output = asks(name, r#"{"query": "plan", "file_id": "BOBS"}"#).await;
        assert!(output.contains("there is no such tool"), "{name}: {output}");
    }
    let long = json!({"query": "x".repeat(70_000)}).to_string();
    assert!(asks("file_search", &long).await.contains("too long"));
}

/// Of two calls with one id, each gets its own answer: ids are ours.
#[tokio::test(start_paused = true)]
async fn calls_are_named_by_us() {
    let world = World::new();
    let alice = world.user("contoso", "alice").await;
    let run = queued(&world, &alice, json!([{"type": "file_search"}])).await;
    world.model.does(|_, n| match n {
        0 => done(vec![call("file_search", "{\"query\":\"a\"}"), call("file_search", "{\"query\":\"b\"}")]),
        _ => says("done"),
    });
    world.work().await;
    let asked = world.model.asked()[1].1.items.clone();
    let ids = asked.iter().filter_map(|item| match item {
        Item::Call(call) => Some(call.id.clone()),
        Item::Output { call_id, .. } => Some(call_id.clone()),
        Item::Message { .. } => None,
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!(ids, ["call_1", "call_2", "call_1", "call_2"]);
    assert_ended(&world, &alice, &run, Status::Completed).await;
}
