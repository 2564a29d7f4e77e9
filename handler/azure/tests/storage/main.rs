//! Blobs, links and queues against Azurite: the law of each port, and what becomes of an operation when the network or
//! the service fails.

mod blobs;
mod faults;
mod links;
mod memory;
mod queue;
mod support;
