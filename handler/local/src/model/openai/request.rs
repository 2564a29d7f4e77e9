//! A step, in the words of `/chat/completions`.

use crate::model::segments::count_tokens;
use pool::ports::{Item, Role, StepRequest, ToolCall};
use serde_json::{Value, json};

/// The body of the request.
pub(super) fn body(model: &str, request: &StepRequest) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(request),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    // An empty list is an error to some servers.
    if let (false, Some(body)) = (request.tools.is_empty(), body.as_object_mut()) {
        body.insert("tools".to_owned(), tools(request));
    }
    body
}

/// What the request takes, by our own count.
pub(super) fn prompt_tokens(body: &Value) -> u64 {
    match body {
        Value::String(text) => count_tokens(text),
        Value::Array(values) => values.iter().map(prompt_tokens).sum(),
        Value::Object(members) => members.values().map(prompt_tokens).sum(),
        _ => 0,
    }
}

fn messages(request: &StepRequest) -> Vec<Value> {
    let mut messages = Vec::new();
    if !request.instructions.is_empty() {
        messages.push(json!({ "role": "system", "content": request.instructions }));
    }
    let mut items = request.items.iter().peekable();
    while let Some(item) = items.next() {
        // What the assistant says and the calls that follow it were one message, and servers want it so again.
        let mut calls: Vec<Value> = match item {
            Item::Call(call) => vec![tool_call(call)],
            _ => Vec::new(),
        };
        if !matches!(item, Item::Message { role: Role::User, .. } | Item::Output { .. }) {
            while let Some(Item::Call(call)) = items.next_if(|next| matches!(next, Item::Call(_))) {
                calls.push(tool_call(call));
            }
        }
        messages.push(match item {
            Item::Message { role: Role::User, text } => json!({ "role": "user", "content": text }),
            Item::Message { role: Role::Assistant, text } if calls.is_empty() => {
                json!({ "role": "assistant", "content": text })
            }
            Item::Message { role: Role::Assistant, text } => {
                json!({ "role": "assistant", "content": text, "tool_calls": calls })
            }
            Item::Call(_) => json!({ "role": "assistant", "content": null, "tool_calls": calls }),
            Item::Output { call_id, output } => {
                json!({ "role": "tool", "tool_call_id": call_id, "content": output })
            }
        });
    }
    messages
}

fn tool_call(call: &ToolCall) -> Value {
    // Servers that parse the arguments refuse the whole conversation over one call that was garbage.
    let valid = serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok();
    let arguments = if valid { &call.arguments } else { "{}" };
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
}

fn tools(request: &StepRequest) -> Value {
    request
        .tools
        .iter()
        .map(|tool| {
            json!({
                "type": "function",
                "function": { "name": tool.name, "description": tool.description, "parameters": tool.parameters },
            })
        })
        .collect()
}
