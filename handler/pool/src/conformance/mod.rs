//! The law of each port, as code: public functions that run against any adapter and panic where it breaks the law.
//!
//! * [`records`], [`index`], [`blobs`], [`links`], [`queue`], [`directory`], [`model`], [`embedder`], [`extractor`], [`secrets`],
//!   [`keys`]: one suite a port.
//!   Those of data use two or three tenants, because the first law of every port is that a tenant's data is out of every other tenant's reach.
//! * [`memory`]: the smallest adapters that obey, for unit tests.
//! * [`lying`]: wrappers that break the law in a chosen way, to prove that what stands above a port notices.

pub mod lying;
pub mod memory;

mod blobs;
mod directory;
mod embedder;
mod extractor;
mod index;
mod keys;
mod links;
mod model;
mod naughty;
mod queries;
mod queue;
mod records;
mod secrets;

pub use blobs::blobs;
pub use directory::directory;
pub use embedder::embedder;
pub use extractor::extractor;
pub use index::index;
pub use keys::keys;
pub use links::{Sender, links};
pub use model::model;
pub use naughty::NAUGHTY;
pub use queries::sort_key;
pub use queue::{QueueReader, queue};
pub use records::{new_row, records};
pub use secrets::secrets;

/// The fields that [`index`]'s entries have, for indexes that want them declared. One has two types, as it has while its
/// declaration changes.
pub const INDEX_FIELDS: [(&str, crate::FieldType); 6] = [
    ("year", crate::FieldType::Number),
    ("year", crate::FieldType::Text),
    ("team", crate::FieldType::Text),
    ("open", crate::FieldType::Bool),
    ("absent", crate::FieldType::Text),
    ("f", crate::FieldType::Text),
];
