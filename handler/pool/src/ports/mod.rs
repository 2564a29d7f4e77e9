//! What the pool needs of the world. An adapter implements these traits; the conformance suites
//! say what implementing them means.
//!
//! Every method that touches data takes the tenant first. Absence is `Option`; failure is [`PortError`], which says
//! whether another try can help. No query, filter, path or URL text crosses a port.

mod blobs;
mod clock;
mod directory;
mod extract;
mod index;
mod key_source;
mod keys;
mod model;
mod queue;
mod records;
mod secrets;

pub use blobs::*;
pub use clock::*;
pub use directory::*;
pub use extract::*;
pub use index::*;
pub use key_source::*;
pub use keys::*;
pub use model::*;
pub use queue::*;
pub use records::*;
pub use secrets::*;

use std::{sync::Arc, time::Duration};

/// What a port answers.
pub type PortResult<T> = Result<T, PortError>;

/// The cause of a port's failure, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a port did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// A condition of a write did not hold; nothing was written.
    #[error("a condition of the write does not hold")]
    Conflict,
    /// The backend asks for patience.
    #[error("the backend is throttling")]
    Exhausted {
        /// When to try again.
        retry_after: Duration,
    },
    /// The bytes exceed the limit that the caller set.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The backend does not answer, or not sensibly; another try can help.
    #[error("the backend is unavailable")]
    Unavailable(#[source] Cause),
    /// The backend refuses for good; another try will not help.
    #[error("the backend refuses")]
    Refused(#[source] Cause),
}

impl PortError {
    /// A transient failure.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// A permanent failure.
    pub fn refused(cause: impl Into<Cause>) -> Self {
        Self::Refused(cause.into())
    }

    /// Whether another try can help.
    pub fn transient(&self) -> bool {
        matches!(self, Self::Exhausted { .. } | Self::Unavailable(_))
    }
}

/// One adapter for each port that the pool uses: all that it knows of where it runs. [`Secrets`] and [`Keys`] are handed
/// out by the backends to whoever needs them.
#[derive(Clone)]
pub struct Ports {
    /// Documents.
    pub records: Arc<dyn Records>,
    /// Files' bytes.
    pub blobs: Arc<dyn Blobs>,
    /// Signed links to files' bytes, where the backend can make them.
    pub links: Option<Arc<dyn Links>>,
    /// The search index.
    pub index: Arc<dyn Index>,
    /// Jobs.
    pub queue: Arc<dyn Queue>,
    /// The tenants.
    pub directory: Arc<dyn Directory>,
    /// The language model.
    pub model: Arc<dyn Model>,
    /// The embedding model, if there is one.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Text out of files.
    pub extractor: Arc<dyn Extractor>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}
