//! The law of the pool, proved from outside: doors, tenants, users, and what is left when things go wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod agents;
mod bounds;
mod doors;
mod files;
mod forged;
mod idempotency;
mod late;
mod lies;
mod model;
mod ownership;
mod records;
mod runs;
mod search;
