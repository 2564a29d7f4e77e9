//! The pool's ports on Azure: documents in Cosmos DB, bytes and jobs in Storage, passages in AI Search, secrets and keys
//! in Key Vault, agents in Foundry. Nothing here decides whose data may be seen; everything here is asked with a
//! [`TenantId`](pool::TenantId), and works with that tenant's [identity](Identities).

mod blobs;
mod cosmos;
mod directory;
mod error;
mod foundry;
mod host;
mod identity;
mod index;
mod links;
mod patience;
mod queue;
mod records;
pub mod rest;
mod retry;
mod tenants;
mod transport;
mod vault;

pub use blobs::{AzureBlobs, BlobAccount};
pub use cosmos::Cosmos;
pub use directory::CosmosDirectory;
pub use error::chain;
pub use foundry::FoundryModel;
pub use host::{AzureHostBlobs, AzureHostQueues, Encoding, HostBlob, HostMessage};
pub use identity::{Identities, Maker, Who};
pub use index::{AzureIndex, IndexSettings, is_index_name};
pub use links::AzureLinks;
pub use patience::Patience;
pub use queue::AzureQueue;
pub use records::CosmosRecords;
pub use tenants::Tenants;
pub use transport::{transport, transport_trusting};
pub use vault::Vault;
