use crate::server::{KEY, Server, hello, sse, streamed};
use local::model::OpenAiCompatible;
use pool::ports::{Item, ModelEvent, Role, StepRequest, ToolCall, ToolSpec, Usage};
use serde_json::{Value, json};

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), server: None }
}

async fn events(events: &[&str]) -> Vec<ModelEvent> {
    let wire = sse(events);
    let server = Server::start(move |_, _| streamed(vec![wire.clone()])).await;
    server.step().await.expect("a stream").into_iter().map(|event| event.expect("an event")).collect()
}

fn done(prompt_tokens: u64, completion_tokens: u64, truncated: bool) -> ModelEvent {
    ModelEvent::Done { usage: Usage { prompt_tokens, completion_tokens }, truncated }
}

#[tokio::test]
async fn words_stream_and_usage_ends_them() {
    let wire = sse(&[
        r#"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"日当は"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"another choice"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":" 3000 [1]","reasoning_content":"secret thoughts"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":17,"completion_tokens":4,"total_tokens":21}}"#,
        "[DONE]",
    ]);
    let server = Server::start(move |_, _| streamed(wire.chunks(7).map(<[u8]>::to_vec).collect())).await;
    let events: Vec<_> =
        server.step().await.expect("a stream").into_iter().map(|e| e.expect("an event")).collect();
    assert_eq!(
        events,
        [ModelEvent::Text("日当は".into()), ModelEvent::Text(" 3000 [1]".into()), done(17, 4, false)]
    );
    let [sent] = server.sent().try_into().unwrap_or_else(|_| panic!("one request"));
    assert_eq!(sent.uri, "/v1/chat/completions");
    assert_eq!(sent.authorization, Some(format!("Bearer {KEY}")));
    assert_eq!(
        sent.body,
        json!({
            "model": "default-model", "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        }),
        "no tools, no list of tools; and no word of the tenant"
    );
}

#[tokio::test]
async fn parallel_calls_are_put_together() {
    let events = events(&[
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"file_search","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"now"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"que"}},{"index":2,"id":"call_c","function":{"name":"wea","arguments":"{\"a\""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"function":{"name":"ther","arguments":":[1]}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","function":{"name":"file_search","arguments":"ry\":\"x\"}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_z","function":{"arguments":"[]"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        "[DONE]",
    ])
    .await;
    assert_eq!(
        events,
        [
            ModelEvent::Call(call("call_a", "file_search", "{\"query\":\"x\"}")),
            ModelEvent::Call(call("call_b", "now", "[]")),
            ModelEvent::Call(call("call_c", "weather", "{\"a\":[1]}")),
            done(1, 2, false),
        ]
    );
}

#[tokio::test]
async fn servers_that_do_not_number_their_calls_are_understood() {
    for index in ["", r#""index":0,"#] {
        let event = |id: &str, name: &str| {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{{index}"id":"{id}","function":{{"name":"{name}","arguments":"{{}}"}}}}]}}}}]}}"#
            )
        };
        let finish = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        let events = events(&[&event("a", "one"), &event("b", "two"), finish, "[DONE]"]).await;
        let calls = [ModelEvent::Call(call("a", "one", "{}")), ModelEvent::Call(call("b", "two", "{}"))];
        assert_eq!(events, [&calls[..], &[done(1, 2, false)]].concat(), "{index}");
    }
}

#[tokio::test]
async fn a_cut_answer_says_so_and_makes_no_half_calls() {
    let events = events(&[
        r#"{"choices":[{"delta":{"content":"Well, "}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"one","arguments":"{\"x"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
    .await;
    assert_eq!(events, [ModelEvent::Text("Well, ".into()), done(1, 2, true)]);
}

#[tokio::test]
async fn a_refusal_is_what_the_model_says_and_unreported_usage_is_estimated() {
    let events = events(&[
        r#"{"choices":[{"delta":{"refusal":"I will not."}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
    .await;
    let [ModelEvent::Text(text), ModelEvent::Done { usage, truncated: false }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(text, "I will not.");
    assert_eq!(usage.completion_tokens, 4);
    assert!(usage.prompt_tokens >= 5, "{usage:?}");
}

#[tokio::test]
async fn a_conversation_becomes_messages() {
    let wire = sse(&[r#"{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}"#, "[DONE]"]);
    let server = Server::start(move |_, _| streamed(vec![wire.clone()])).await;
    let say = |role, text: &str| Item::Message { role, text: text.into() };
    let output = |id: &str| Item::Output { call_id: id.into(), output: format!("of {id}") };
    let request = StepRequest {
        model: "other-model".into(),
        instructions: String::new(),
        items: vec![
            say(Role::User, "q1"),
            Item::Call(call("a", "one", "{\"x\":1}")),
            Item::Call(call("b", "two", "garbage{")),
            output("a"),
            output("b"),
            say(Role::Assistant, "let me see"),
            Item::Call(call("c", "one", "")),
            output("c"),
            say(Role::Assistant, "a1"),
            say(Role::User, "q2"),
        ],
        tools: vec![ToolSpec {
            name: "one".into(),
            description: "d".into(),
            parameters: json!({"type": "object"}),
        }],
        ..StepRequest::default()
    };
    let events = server.step_with(request).await.expect("a stream");
    assert!(matches!(events.last(), Some(Ok(ModelEvent::Done { .. }))));
    let wire_call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let body = &server.sent()[0].body;
    assert_eq!(body["model"], "other-model");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "q1"},
            {"role": "assistant", "content": null, "tool_calls": [wire_call("a", "one", "{\"x\":1}"), wire_call("b", "two", "{}")]},
            {"role": "tool", "tool_call_id": "a", "content": "of a"},
            {"role": "tool", "tool_call_id": "b", "content": "of b"},
            {"role": "assistant", "content": "let me see", "tool_calls": [wire_call("c", "one", "{}")]},
            {"role": "tool", "tool_call_id": "c", "content": "of c"},
            {"role": "assistant", "content": "a1"},
            {"role": "user", "content": "q2"},
        ])
    );
    let expected: Value = json!([{"type": "function", "function": {"name": "one", "description": "d", "parameters": {"type": "object"}}}]);
    assert_eq!(body["tools"], expected);
}

#[tokio::test]
async fn no_model_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| streamed(Vec::new())).await;
    let model = local::model::OpenAiCompatible::new(server.endpoint(), "");
    let refused = pool::ports::Model::step(&model, &pool::testing::tenant("contoso"), hello()).await;
    assert!(refused.is_err_and(|error| !error.transient()));
    assert!(server.sent().is_empty());
}

/// A server that calls a tool when it is offered one and has not called it yet, and speaks otherwise.
#[tokio::test]
async fn it_steps_as_a_model_must() {
    let call = sse(&[
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"file_search","arguments":"{\"query\":\"x\"}"}}]},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let words = sse(&[
        r#"{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let server = Server::start(move |_, body| {
        let answered = body["messages"].as_array().is_some_and(|all| all.iter().any(|m| m["role"] == "tool"));
        let offered = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        streamed(vec![if offered && !answered { call.clone() } else { words.clone() }])
    })
    .await;
    pool::conformance::model(&OpenAiCompatible::new(server.endpoint(), "m")).await;
}
