//! The pool's ports on this machine: SQLite for documents, search, queues and the directory; files for blobs and keys.
//!
//! ```text
//! <root>/platform.db                      the directory and the queues
//! <root>/keys.json                        seal and link keys, mode 0600
//! <root>/tenants/<tenant>/tenant.db       the tenant's documents and search index
//! <root>/tenants/<tenant>/blobs/<name>    the tenant's blobs; `/` in a name is `-`
//! <root>/tenants/<tenant>/parts/          blobs on their way
//! <root>/tenants/<tenant>/vault/          the tenant's secrets and its wrapping key, mode 0600
//! ```
//!
//! A tenant leaves by the deletion of its folder. Several processes may open one root at once, and any of them may be
//! killed at any instant: what was acknowledged is there when the root is opened again.

pub mod model;

mod blobs;
mod db;
mod directory;
mod entropy;
mod error;
mod files;
mod index;
mod keys;
mod links;
mod queue;
mod records;
mod render;
mod root;
mod schema;
mod snippet;
mod tenants;
mod tokens;
mod vault;
mod vector;
mod writer;

pub use blobs::LocalBlobs;
pub use directory::LocalDirectory;
pub use entropy::OsEntropy;
pub use error::{Error, Result};
pub use index::LocalIndex;
pub use keys::Keys;
pub use links::{LocalLinks, Upload, Uploaded};
pub use queue::{LocalQueue, Message, QueueCount};
pub use records::LocalRecords;
pub use root::{Local, Options};
pub use vault::LocalVault;
