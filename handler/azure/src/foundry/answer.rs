//! A response, read with distrust: what is not understood stays upstream and is nobody's failure.

use pool::ports::{PortError, PortResult, ToolCall, Usage};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The most calls of one response.
const MAX_CALLS: usize = 128;

/// A response, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Response {
    pub(super) id: String,
    status: String,
    #[serde(default)]
    output: Vec<Value>,
    #[serde(default)]
    error: Option<Fault>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input_tokens: u64,
    output_tokens: u64,
}

impl Response {
    /// Whether it will not change any more.
    pub(super) fn ended(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "in_progress")
    }

    /// Whether it was cut at a length limit. Only what this answers without an error has said something.
    pub(super) fn truncated(&self) -> PortResult<bool> {
        match self.status.as_str() {
            "completed" => Ok(false),
            "incomplete" => {
                let details = self.incomplete_details.as_ref();
                match details.and_then(|details| details.reason.as_deref()) {
                    Some("content_filter") => Err(PortError::refused("a filter upstream stopped the answer")),
                    _ => Ok(true),
                }
            }
            "failed" => {
                let code = self.error.as_ref().and_then(|error| error.code.as_deref());
                Err(failure(code.unwrap_or_default()))
            }
            "cancelled" => Err(PortError::unavailable("the response was cancelled upstream")),
            _ => Err(PortError::unavailable("the response ended in an unknown way")),
        }
    }

    /// All that its messages say.
    pub(super) fn text(&self) -> String {
        let messages = self.output.iter().filter(|item| item["type"] == "message");
        let parts = messages.flat_map(|item| item["content"].as_array().into_iter().flatten());
        parts.filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str())).collect()
    }

    /// The calls of functions, and the calls of MCP servers' tools that wait for an approval.
    pub(super) fn calls(&self) -> PortResult<Vec<ToolCall>> {
        let calls = ["function_call", "mcp_approval_request"];
        let calls = self.output.iter().filter(|item| calls.iter().any(|call| item["type"] == *call));
        let calls: Vec<ToolCall> = calls
            .map(call)
            .collect::<Option<_>>()
            .ok_or_else(|| PortError::unavailable("a call without a name or an id"))?;
        if calls.len() > MAX_CALLS {
            return Err(PortError::unavailable("more calls than there should be"));
        }
        Ok(calls)
    }

    /// The id of its last item, which is the last of the conversation.
    pub(super) fn last(&self) -> Option<&str> {
        self.output.last()?["id"].as_str()
    }

    pub(super) fn usage(&self) -> Usage {
        let Tokens { input_tokens, output_tokens } = self.usage.unwrap_or_default();
        Usage { prompt_tokens: input_tokens, completion_tokens: output_tokens }
    }
}

fn call(item: &Value) -> Option<ToolCall> {
    let text = |name: &str| item[name].as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let (id, server) = match item["type"].as_str()? {
        "function_call" => (text("call_id")?, None),
        _ => (text("id")?, Some(text("server_label")?)),
    };
    // A tool without parameters is often called with no text at all.
    let arguments = text("arguments").unwrap_or_else(|| "{}".to_owned());
    Some(ToolCall { id, name: text("name")?, arguments, server })
}

/// What a failure's code means for whoever asked.
pub(super) fn failure(code: &str) -> PortError {
    // The code is upstream's text: what is not one of these is not repeated.
    match code {
        "rate_limit_exceeded" | "too_many_requests" => {
            PortError::Exhausted { retry_after: Duration::from_secs(5) }
        }
        "content_filter" | "invalid_prompt" | "invalid_request_error" | "invalid_payload" => {
            PortError::refused("the model refuses the request")
        }
        _ => PortError::unavailable("the response failed upstream"),
    }
}
