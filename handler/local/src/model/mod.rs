//! Language models: one that works offline, and any that speaks the OpenAI dialect.

mod extractive;
mod openai;
mod segments;

pub use extractive::Extractive;
pub use openai::{Endpoint, EndpointError, Fault, OpenAiCompatible, OpenAiEmbeddings, Tokens};
pub use pool::ports::Secret;
