//! The model behind the agents: the offline model of this service, and commands for what it never does.
//!
//! `/fail CODE` fails, `/cut` ends at a length limit, `/filter` at a filter, `/odd` says something between items of unknown
//! types, `/refuse` refuses, `/many NAME` calls a tool twice, `/approve LABEL NAME` asks for an approval and then says
//! what came of it, `/wait` never ends.

use futures::StreamExt;
use local::model::Extractive;
use pool::ports::{Item, Model, ModelEvent, Role, StepRequest, ToolCall, ToolSpec};
use serde_json::{Value, json};

/// What the model makes of what it is given.
pub(super) enum Thought {
    /// Output items without ids; words of messages apart.
    Says(Vec<Said>),
    Fails(String),
    /// Says this, and is cut for this reason.
    Cut(String, &'static str),
    NeverEnds,
}

/// A piece of output.
pub(super) enum Said {
    Words(Vec<String>),
    Refusal(String),
    Call { name: String, arguments: String },
    Item(Value),
}

/// Thinks. `definition` is the agent's.
pub(super) async fn think(definition: &Value, context: &[Value]) -> Thought {
    let last = context.iter().rfind(|item| item["role"] == "user").map(text).unwrap_or_default();
    let spoken: Vec<&str> = last.split_whitespace().collect();
    let say = |words: &str| Said::Words(vec![words.to_owned()]);
    let answer = context.iter().rfind(|item| item["type"] == "mcp_approval_response");
    match spoken.as_slice() {
        ["/fail", code] => Thought::Fails((*code).to_owned()),
        ["/cut"] => Thought::Cut("Once upon".into(), "max_output_tokens"),
        ["/filter"] => Thought::Cut(String::new(), "content_filter"),
        ["/wait"] => Thought::NeverEnds,
        ["/refuse"] => Thought::Says(vec![Said::Refusal("I will not.".into())]),
        ["/odd"] => {
            let odd = |r#type: &str| Said::Item(json!({"type": r#type, "status": "completed", "x": [1]}));
            Thought::Says(vec![
                odd("reasoning"),
                odd("quantum_tool_call"),
                say("Well."),
                odd("memory_search_call"),
            ])
        }
        ["/many", name] => {
            let call =
                |n: u8| Said::Call { name: (*name).to_owned(), arguments: json!({"n": n}).to_string() };
            match outputs(context).as_slice() {
                [] => Thought::Says(vec![call(1), call(2)]),
                outputs => Thought::Says(vec![say(&outputs.join(" and "))]),
            }
        }
        ["/approve", label, name] => Thought::Says(match answer {
            None => {
                vec![Said::Item(json!({"type": "mcp_approval_request", "server_label": label, "name": name,
                "arguments": "{\"sure\":true}"}))]
            }
            Some(answer) => vec![say(&format!("approved: {}", answer["approve"]))],
        }),
        _ => extractive(definition, context).await,
    }
}

/// What functions answered since the user last spoke.
fn outputs(context: &[Value]) -> Vec<String> {
    let since = context.iter().rposition(|item| item["role"] == "user").unwrap_or_default();
    let outputs = context[since..].iter().filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn extractive(definition: &Value, context: &[Value]) -> Thought {
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let empty = Vec::new();
    let tools =
        definition["tools"].as_array().unwrap_or(&empty).iter().filter(|tool| tool["type"] == "function");
    let tools = tools.map(|tool| ToolSpec {
        name: text_of(&tool["name"]),
        description: text_of(&tool["description"]),
        parameters: tool["parameters"].clone(),
    });
    let items = context.iter().filter_map(|item| match item["type"].as_str()? {
        "message" => match item["role"].as_str()? {
            "user" => Some(Item::Message { role: Role::User, text: text(item) }),
            "assistant" => Some(Item::Message { role: Role::Assistant, text: text(item) }),
            _ => None,
        },
        "function_call" => Some(Item::Call(ToolCall {
            id: text_of(&item["call_id"]),
            name: text_of(&item["name"]),
            arguments: text_of(&item["arguments"]),
            server: None,
        })),
        "function_call_output" => {
            Some(Item::Output { call_id: text_of(&item["call_id"]), output: text_of(&item["output"]) })
        }
        _ => None,
    });
    let request = StepRequest {
        instructions: text_of(&definition["instructions"]),
        items: items.collect(),
        tools: tools.collect(),
        ..StepRequest::default()
    };
    let stream = Extractive::default().step(&pool::testing::tenant("nobody"), request).await.unwrap();
    let events: Vec<_> = stream.map(Result::unwrap).collect().await;
    let mut words = Vec::new();
    let mut said = Vec::new();
    for event in events {
        match event {
            ModelEvent::Text(word) => words.push(word),
            ModelEvent::Call(call) => said.push(Said::Call { name: call.name, arguments: call.arguments }),
            _ => {}
        }
    }
    if !words.is_empty() {
        said.insert(0, Said::Words(words));
    }
    Thought::Says(said)
}

/// The text of a message.
fn text(item: &Value) -> String {
    let parts = item["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}
