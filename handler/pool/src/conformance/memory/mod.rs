//! Reference adapters that keep everything in memory: small, obvious, and bound by the same suites as the real ones.

mod blobs;
mod directory;
mod index;
mod keys;
mod queue;
mod records;
mod time;

pub use blobs::MemoryBlobs;
pub use directory::MemoryDirectory;
pub use index::MemoryIndex;
pub use keys::MemoryKeys;
pub use queue::MemoryQueue;
pub use records::MemoryRecords;
pub use time::{ManualClock, SeededEntropy};
