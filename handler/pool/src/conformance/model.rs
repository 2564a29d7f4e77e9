#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    ports::{Item, Model, ModelEvent, Role, StepRequest, ToolCall, ToolSpec},
    testing::tenant,
};
use futures::StreamExt;
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// The law of [`Model`]: a stream ends with `Done`, once, and nothing follows; calls are of tools that were offered, with
/// ids that do not repeat; whatever a tool answered, the model goes on.
///
/// # Panics
/// Where the law is broken.
pub async fn model(model: &dyn Model) {
    let said = |text: &str| Item::Message { role: Role::User, text: text.into() };
    let search = ToolSpec {
        name: "file_search".into(),
        description: "Searches.".into(),
        parameters: json!({"type": "object", "properties": {"query": {"type": "string"}}}),
    };
    let request = |items: Vec<Item>, tools: &[ToolSpec]| StepRequest {
        model: String::new(),
        instructions: "Be brief.".into(),
        items,
        tools: tools.to_vec(),
        ..StepRequest::default()
    };
    for text in ["Hello", "在宅勤務は週に何日までですか", "", "/tool nothing {}", "\u{202e}\0[1]"]
    {
        let events = step(model, request(vec![said(text)], &[])).await;
        assert!(
            !events.iter().any(|event| matches!(event, ModelEvent::Call(_))),
            "a call of no tool: {text:?}"
        );
        step(model, request(vec![said(text)], std::slice::from_ref(&search))).await;
    }
    let hostile = [
        "",
        "null",
        "{",
        "{\"results\":3}",
        "{\"results\":[{\"ref\":-1,\"text\":7}]}",
        "[1] [2] [99999999999]",
    ];
    for output in hostile {
        let call = ToolCall {
            id: "call_1".into(),
            name: "file_search".into(),
            arguments: "{\"query\":\"x\"}".into(),
            server: None,
        };
        let output = Item::Output { call_id: "call_1".into(), output: output.into() };
        let items = vec![said("What is it?"), Item::Call(call), output];
        step(model, request(items, std::slice::from_ref(&search))).await;
    }
    // A stream that nobody reads to its end is no harm to the next.
    let mut left = model.step(&tenant("conf-a"), request(vec![said("Hello")], &[])).await.unwrap();
    left.next().await;
    drop(left);
    step(model, request(vec![said("Hello")], &[])).await;
}

async fn step(model: &dyn Model, request: StepRequest) -> Vec<ModelEvent> {
    let offered: BTreeSet<String> = request.tools.iter().map(|tool| tool.name.clone()).collect();
    let stream = model.step(&tenant("conf-a"), request).await.unwrap();
    let events: Vec<_> = tokio::time::timeout(Duration::from_secs(20), stream.collect()).await.unwrap();
    let events: Vec<ModelEvent> = events.into_iter().map(Result::unwrap).collect();
    let ends = events.iter().filter(|event| matches!(event, ModelEvent::Done { .. })).count();
    assert_eq!(ends, 1, "a step ends once");
    assert!(matches!(events.last(), Some(ModelEvent::Done { .. })), "nothing follows the end");
    let mut ids = BTreeSet::new();
    for event in &events {
        if let ModelEvent::Call(call) = event {
            assert!(offered.contains(&call.name), "a call of a tool that was not offered: {}", call.name);
            assert!(ids.insert(call.id.clone()), "two calls of one id");
        }
    }
    events
}
