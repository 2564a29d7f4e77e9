//! The whole service, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod absent;
mod contract;
mod corpus;
mod crash;
mod crates;
mod documents;
mod endpoint;
mod job;
mod naming;
mod paging;
mod runs;
mod security;
mod table;
mod telemetry;
mod texts;
mod triggers;
mod versions;
mod world;
