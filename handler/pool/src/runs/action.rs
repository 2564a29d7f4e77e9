//! What a run waits for: outputs of the client's functions, and approvals of what MCP servers would be asked.

use crate::ports::ToolCall;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequiredAction {
    /// `submit_tool_outputs`; or `submit_tool_approval`, if it waits for approvals alone.
    pub r#type: String,
    /// The calls of functions, whose outputs it waits for.
    #[serde(default, skip_serializing_if = "RequiredCalls::is_empty")]
    pub submit_tool_outputs: RequiredCalls,
    /// The calls of MCP servers' tools, whose approval or refusal it waits for.
    #[serde(default, skip_serializing_if = "RequiredApprovals::is_empty")]
    pub submit_tool_approval: RequiredApprovals,
}

impl RequiredAction {
    pub(super) fn new(functions: Vec<FunctionCall>, approvals: Vec<McpCall>) -> Self {
        let r#type = if functions.is_empty() { "submit_tool_approval" } else { "submit_tool_outputs" };
        Self {
            r#type: r#type.into(),
            submit_tool_outputs: RequiredCalls { tool_calls: functions },
            submit_tool_approval: RequiredApprovals { tool_calls: approvals },
        }
    }
}

/// Calls of MCP servers' tools that the client approves or refuses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequiredApprovals {
    /// The calls.
    pub tool_calls: Vec<McpCall>,
}

impl RequiredApprovals {
    fn is_empty(&self) -> bool {
        self.tool_calls.is_empty()
    }
}

/// A call of an MCP server's tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct McpCall {
    /// Its name within the run.
    pub id: String,
    /// `mcp`.
    pub r#type: String,
    /// The server.
    pub server_label: String,
    /// The tool.
    pub name: String,
    /// Its arguments: JSON text, as the model wrote it.
    pub arguments: String,
}

/// Calls of the client's functions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequiredCalls {
    /// The calls.
    pub tool_calls: Vec<FunctionCall>,
}

impl RequiredCalls {
    fn is_empty(&self) -> bool {
        self.tool_calls.is_empty()
    }
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionCall {
    /// Its name within the run.
    pub id: String,
    /// `function`.
    pub r#type: String,
    /// What is called.
    pub function: CalledFunction,
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalledFunction {
    /// The function.
    pub name: String,
    /// Its arguments: JSON text, as the model wrote it.
    pub arguments: String,
}

impl From<&ToolCall> for FunctionCall {
    fn from(call: &ToolCall) -> Self {
        let function = CalledFunction { name: call.name.clone(), arguments: call.arguments.clone() };
        Self { id: call.id.clone(), r#type: "function".into(), function }
    }
}
