//! The pool's ports on Azure: documents in Cosmos DB, bytes and jobs in Storage, passages in AI Search, secrets and keys
//! in Key Vault, agents in Foundry. Nothing here decides whose data may be seen; everything here is asked with a
//! [`TenantId`](pool::TenantId), and works with that tenant's [identity](Identities).

mod blobs;
mod directory;
mod error;
mod foundry;
mod identity;
mod index;
mod links;
mod queue;
mod records;
pub mod rest;
mod tenants;
mod transport;
mod vault;

pub use error::chain;
pub use foundry::FoundryModel;
pub use identity::{Identities, Maker, Who};
pub use tenants::Tenants;
pub use transport::transport;
pub use vault::Vault;
