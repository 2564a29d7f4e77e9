//! The OpenAI dialect, against a server in this process that speaks the wire format, faults and all.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod chat;
mod embeddings;
mod faults;
mod server;
