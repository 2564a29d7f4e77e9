//! Language models: one that works offline, and any that speaks the OpenAI dialect.

mod extractive;
mod openai;
mod secret;
mod segments;

pub use extractive::Extractive;
pub use openai::{Endpoint, EndpointError, Fault, OpenAiCompatible, OpenAiEmbeddings};
pub use secret::Secret;
