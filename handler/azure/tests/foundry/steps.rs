//! One step: what comes of it, and what becomes of it if nobody waits or the wire breaks.

use crate::{World, adapter, asks, tried, user};
use doubles::faults::{Fault, Faults};
use futures::StreamExt;
use pool::{
    ports::{Item, Model, ModelEvent, PortError, StepRequest, ToolCall},
    testing::tenant,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn endings_are_told_apart() {
    let world = World::new().await;
    let step = async |text: &str| tried(&world.ours, "conf-a", asks(vec![user(text)])).await;
    let cut = step("/cut").await.unwrap();
    assert_eq!((cut.text.as_str(), cut.truncated, cut.session), ("Once upon", true, None));
    assert!(matches!(step("/filter").await, Err(PortError::Refused(_))));
    assert!(matches!(step("/fail rate_limit_exceeded").await, Err(PortError::Exhausted { .. })));
    assert!(matches!(step("/fail invalid_prompt").await, Err(PortError::Refused(_))));
    for code in ["server_error", "something_new"] {
        assert!(matches!(step(&format!("/fail {code}")).await, Err(PortError::Unavailable(_))));
    }
    assert_eq!(step("/refuse").await.unwrap().text, "I will not.");
    let told = step("Hello").await.unwrap();
    assert!(told.tokens.0 > 0 && told.tokens.1 > 0 && !told.truncated);
}

#[tokio::test]
async fn items_and_events_of_unknown_types_harm_nobody() {
    let world = World::new().await;
    let first = world.step(asks(vec![user("/odd")])).await;
    assert_eq!((first.text.as_str(), first.calls.len()), ("Well.", 0));
    let items = vec![user("/odd"), crate::assistant("Well."), user("Go on")];
    let second = world.step(StepRequest { session: first.session, ..asks(items) }).await;
    assert!(!second.text.is_empty());
    assert_eq!(
        world.foundry.conversations().len(),
        1,
        "they stay where they are, and the conversation goes on"
    );
}

#[tokio::test]
async fn words_come_as_they_are_said() {
    let world = World::new().await;
    world.foundry.pace(Duration::from_millis(50));
    let mut stream = world.ours.step(&tenant("conf-a"), asks(vec![user("Hello there")])).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert!(matches!(first, ModelEvent::Text(_)));
    assert_eq!(world.foundry.responses()[0]["status"], "in_progress");
    let rest: Vec<_> = stream.collect().await;
    assert!(rest.len() > 3 && matches!(rest.last(), Some(Ok(ModelEvent::Done { .. }))));
}

#[tokio::test]
async fn a_step_that_nobody_waits_for_is_cancelled() {
    let world = World::new().await;
    let mut stream = world.ours.step(&tenant("conf-a"), asks(vec![user("/wait")])).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), stream.next()).await.is_err());
    drop(stream);
    for _ in 0..100 {
        if world.foundry.responses()[0]["status"] == "cancelled" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", world.foundry.responses());
}

/// The wire breaks after the first words: the response goes on upstream, and its rest is fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_off_is_made_whole_by_asking() {
    let world = World::new().await;
    let whole = world.step(asks(vec![user("Hello")])).await;
    let proxy = Faults::start(&world.ca, world.foundry.address()).await;
    let project =
        world.foundry.url().replace(&world.foundry.address().to_string(), &proxy.address().to_string());
    let ours = adapter(&world.ca, &world.identity, &project);
    proxy.plan_for(Fault::Truncated, 1, |request| request.uri.path().ends_with("/responses"));
    let told = tried(&ours, "conf-a", asks(vec![user("Hello")])).await.unwrap();
    assert_eq!(told.text, whole.text);
    assert!(
        proxy.seen().iter().any(|line| line.starts_with("GET") && line.contains("/responses/resp_")),
        "{:?}",
        proxy.seen()
    );

    // It cannot be asked for either: an error, not the half as if it were all.
    let path = |request: &http::request::Parts| request.uri.path().contains("/responses");
    proxy.plan_for(Fault::Truncated, usize::MAX, path);
    let told = tried(&ours.within(Duration::from_secs(2)), "conf-a", asks(vec![user("Hello")])).await;
    assert!(matches!(told, Err(PortError::Unavailable(_))), "{told:?}");
}

/// Streams that end without an end, contradict themselves, or are no streams.
#[tokio::test]
async fn a_stream_that_lies_is_an_error() {
    let event = |value: serde_json::Value| format!("data: {value}\n\n");
    let created =
        event(json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}));
    let delta = event(json!({"type": "response.output_text.delta", "delta": "Yes"}));
    let said = json!([{"type": "message", "id": "m", "content": [{"type": "output_text", "text": "No"}]}]);
    let other = event(json!({"type": "response.completed",
        "response": {"id": "resp_1", "status": "completed", "output": said}}));
    let nameless =
        event(json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed",
        "output": [{"type": "function_call", "name": "f", "arguments": "{}"}]}}));
    let error = event(json!({"type": "error", "code": "server_error", "message": "canary"}));
    for stream in [
        String::new(),
        "canary".into(),
        "data: {canary\n\n".into(),
        created.clone(),
        format!("{created}{delta}"),
        format!("{created}{delta}{other}"),
        format!("{created}{nameless}"),
        format!("{created}{error}"),
        delta,
    ] {
        let world = World::new().await;
        let answered = stream.clone();
        let router =
            axum::Router::new().fallback(async move |method: axum::http::Method, uri: axum::http::Uri| {
                use axum::response::IntoResponse;
                let path = uri.path();
                if path.ends_with("/responses") {
                    return answered.into_response();
                }
                if path.contains("/responses/") {
                    return axum::http::StatusCode::NOT_FOUND.into_response();
                }
                let version = json!({"version": "1"});
                axum::Json(match (method.as_str(), path) {
                    ("GET", _) => json!({"data": [], "has_more": false}),
                    (_, path) if path.contains("agents") => {
                        json!({"version": "1", "versions": {"latest": version}})
                    }
                    _ => json!({"id": "conv_1"}),
                })
                .into_response()
            });
        let server = crate::scripted(&world.ca, router).await;
        let ours = adapter(&world.ca, &world.identity, &format!("{}/api/projects/pool", server.url()));
        let told = tried(&ours, "conf-a", asks(vec![user("Hello")])).await;
        let Err(PortError::Unavailable(cause)) = told else { panic!("{stream:?}: {told:?}") };
        assert!(!cause.to_string().contains("canary"), "{cause}");
    }
}

#[tokio::test]
async fn a_call_of_an_mcp_server_waits_for_the_clients_word() {
    let servers = [("tickets".to_owned(), "https://tickets.example/mcp".parse().unwrap())];
    for (answer, heard) in [
        ("{\"approve\":true}", "approved: true"),
        ("{\"approve\":false}", "approved: false"),
        ("{\"error\":\"there is no such tool\"}", "approved: false"),
        ("yes", "approved: false"),
    ] {
        let world = World::new().await;
        let ours =
            adapter(&world.ca, &world.identity, &world.foundry.url()).with_servers(servers.clone().into());
        let question = user("/approve tickets close");
        let request =
            StepRequest { servers: vec!["tickets".into(), "gone".into()], ..asks(vec![question.clone()]) };
        let first = tried(&ours, "conf-a", request.clone()).await.unwrap();
        let asked = &first.calls[0];
        assert_eq!((asked.name.as_str(), asked.server.as_deref()), ("close", Some("tickets")));
        assert_eq!(asked.arguments, "{\"sure\":true}");
        let items = vec![
            question,
            Item::Call(ToolCall { id: "call_1".into(), ..asked.clone() }),
            crate::output(1, answer),
        ];
        let again = StepRequest { items, ..request };
        let second = StepRequest { session: first.session, ..again.clone() };
        let second = tried(&ours, "conf-a", second).await.unwrap();
        assert_eq!((second.text.as_str(), second.calls.len()), (heard, 0));
        // In a conversation that knows nothing of the approval, it is asked for again.
        let third = tried(&ours, "conf-a", again).await.unwrap();
        assert_eq!(third.calls[0].server.as_deref(), Some("tickets"));

        let (name, _) = world.foundry.agents().remove(0);
        let made = world.raw("GET", &format!("agents/{name}?api-version=v1"), json!(null)).await.1;
        let tools = &made["versions"]["latest"]["definition"]["tools"];
        let mcp = json!({"type": "mcp", "server_label": "tickets", "server_url": "https://tickets.example/mcp",
            "require_approval": "always"});
        assert_eq!((&tools[1], tools.as_array().unwrap().len()), (&mcp, 2));
    }
}
