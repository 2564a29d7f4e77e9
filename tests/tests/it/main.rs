//! The whole service, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod absent;
mod cancel;
mod contract;
mod corpus;
mod crash;
mod crates;
mod documents;
mod endpoint;
mod job;
mod matrix;
mod naming;
mod oidc;
mod otlp;
mod package;
mod paging;
mod runs;
mod security;
mod shaky;
mod spellings;
mod swap;
mod table;
mod telemetry;
mod texts;
mod triggers;
mod versions;
mod world;
