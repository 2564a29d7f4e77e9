use super::PortResult;
use crate::TenantId;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person.
    User,
    /// The agent.
    Assistant,
}

/// A call that the model asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The call's name, unique within the run.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments: JSON text, as the model wrote it. Not to be trusted.
    pub arguments: String,
    /// The label of the MCP server that upstream would call, once the client approves: the call's output is then
    /// `{"approve":true}` or `{"approve":false}`. `None`: a call of a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// A part of the conversation that the model is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Something said.
    Message {
        /// By whom.
        role: Role,
        /// What.
        text: String,
    },
    /// A call that the model asked for.
    Call(ToolCall),
    /// What the call answered.
    Output {
        /// The call.
        call_id: String,
        /// Its answer.
        output: String,
    },
}

impl Item {
    /// Its size, in bytes of text.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Message { text, .. } => text.len(),
            Self::Call(call) => call.name.len() + call.arguments.len(),
            Self::Output { output, .. } => output.len(),
        }
    }
}

/// A tool that the model may ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name: `[A-Za-z0-9_-]`, 1 to 64.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// The agent whose step it is, as it was made: what an upstream service may keep of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentRef {
    /// Its name within the tenant.
    pub id: String,
    /// The version that the run began with.
    pub version: u32,
    /// What this version is told to be: how [`StepRequest::instructions`] begins.
    pub instructions: String,
}

/// One step of an agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRequest {
    /// The agent.
    pub agent: AgentRef,
    /// The user whose thread it is.
    pub user: String,
    /// The thread.
    pub thread: String,
    /// What the adapter gave last time in [`ModelEvent::Session`], if a step of this thread gave something and was kept.
    pub session: Option<String>,
    /// The model or deployment; empty: the adapter's default.
    pub model: String,
    /// What the agent is told to be, and what this run adds to it.
    pub instructions: String,
    /// The conversation, oldest first.
    pub items: Vec<Item>,
    /// The tools it may ask for.
    pub tools: Vec<ToolSpec>,
    /// The labels of the MCP servers whose tools upstream may call for it, each call with the client's approval.
    pub servers: Vec<String>,
}

/// Tokens that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
}

/// What the model sends. A stream ends with [`ModelEvent::Done`]; one that does not was cut off.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelEvent {
    /// Some words more.
    Text(String),
    /// A call, whole.
    Call(ToolCall),
    /// What an adapter wants to be given at the thread's next step. It is kept if the step is, and of a step that fails
    /// nothing is: whoever relies on it must find out whether it still holds.
    Session(String),
    /// The end of the step.
    Done {
        /// What it took.
        usage: Usage,
        /// Whether the answer was cut at a length limit.
        truncated: bool,
    },
}

/// What a model's step streams.
pub type ModelStream = BoxStream<'static, PortResult<ModelEvent>>;

/// A language model.
#[async_trait]
pub trait Model: Send + Sync {
    /// One step: the conversation in, words and calls out.
    async fn step(&self, tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream>;
}

/// An embedding model.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The length of its vectors.
    fn dimensions(&self) -> usize;

    /// One vector of unit length for each text.
    async fn embed(&self, tenant: &TenantId, texts: &[String]) -> PortResult<Vec<Vec<f32>>>;
}
