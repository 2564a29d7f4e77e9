//! Blobs, links and queues against Azurite: the law of each port, and what becomes of an operation when the network or
//! the service fails.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blobs;
mod faults;
mod front;
mod host;
mod links;
mod queue;
mod support;
