//! What a run did, step by step.

use crate::{Metadata, ports::Kind, store::Document};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its name within the tenant.
    pub id: String,
    /// `thread.run.step`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// The run.
    pub run_id: String,
    /// The thread.
    pub thread_id: String,
    /// The agent.
    pub agent_id: String,
    /// `message_creation` or `tool_calls`.
    pub r#type: String,
    /// `in_progress`, `completed`, `cancelled` or `expired`.
    pub status: String,
    /// The message's id, or the calls and their outputs.
    pub step_details: Value,
    /// `tenantId`.
    pub metadata: Metadata,
}

impl Document for Step {
    const KIND: Kind = Kind::Step;

    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.run_id
    }
}
