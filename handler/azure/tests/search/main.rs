//! The index against the strict double of AI Search: the law of the port, what a wrong client could do and ours cannot,
//! and what becomes of an operation when the network or the service fails.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod law;
mod leaks;
mod strict;
mod support;
mod writes;
