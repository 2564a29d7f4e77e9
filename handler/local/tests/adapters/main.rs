//! The adapters of this machine, held to the law of their ports and to what is theirs alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod keys;
mod killed;
mod law;
mod links;
mod load;
mod memory;
mod queue;
mod render;
mod support;
mod vault;
