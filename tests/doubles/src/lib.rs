//! Test servers: strict stand-ins for services that cannot run on a developer's machine, and starters for those that can.
//!
//! They speak TLS, as the services do; whoever is to trust them is given [`Ca::file`] as `SSL_CERT_FILE`. They refuse
//! what the services refuse, and each believes only tokens that the [identity endpoint](Identity) made, for its own
//! audience. What was asked of them is in the [`Audit`].
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "test servers: a fault here is a test's failure, and says why by panicking"
)]

pub mod cosmos;
pub mod faults;
pub mod foundry;
pub mod install;
pub mod search;
pub mod storage;
pub mod vault;

mod audit;
mod identity;
mod refusal;
mod tls;

pub use audit::{Asked, Audit, Noted, Whose, read_with};
pub use identity::{Claims, Identity};
pub use tls::{Ca, Server};
