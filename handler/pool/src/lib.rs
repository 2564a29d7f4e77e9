//! The law of the pool: many tenants, one deployment, no way across.
//!
//! A [`Scope`] is a tenant, a caller and what that caller may do. There are four ways to get one, the [`Doors`]; all
//! else is had from it. The world is behind [`ports`]; what it answers is checked again in `store.rs` and `search.rs`.

pub mod agents;
pub mod events;
pub mod files;
pub mod filter;
pub mod idempotency;
pub mod messages;
pub mod ports;
pub mod records;
pub mod runs;
pub mod search;
pub mod steps;
pub mod strict_json;
pub mod sweep;
pub mod telemetry;
pub mod threads;
pub mod token;

mod access;
mod digest;
mod doors;
mod error;
mod ids;
mod outbox;
mod page;
mod platform;
mod rules;
mod scope;
mod seal;
mod security;
mod settings;
mod store;
mod tenant;

pub use access::{Action, Grants, Permission, Resource};
pub use digest::Digest;
pub use doors::{Doors, Owned, SweepReason};
pub use error::{Error, FieldError};
pub use ids::hex;
pub use page::{Page, PageRequest};
pub use platform::Platform;
pub use ports::SealedJob;
pub use rules::Metadata;
pub use scope::Scope;
pub use seal::{Job, Operation, SealKeys};
pub use security::SecurityEvent;
pub use settings::{FieldType, Settings};
pub use store::Versioned;
pub use tenant::{RESERVED, RESERVED_PREFIX, TenantId, TenantRecord, TenantStatus, is_tenant_name};

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod testing;
