//! The OpenAI dialect: chat completions, streamed, and embeddings. Many servers speak it, hosted and local.

mod answer;
mod chat;
mod embeddings;
mod endpoint;
mod fault;
mod request;
mod sse;
#[cfg(test)]
mod tests;
mod wire;

pub use chat::OpenAiCompatible;
pub use embeddings::OpenAiEmbeddings;
pub use endpoint::{Endpoint, EndpointError, Tokens};
pub use fault::Fault;
