use super::{ByteStream, PortResult};
use async_trait::async_trait;

/// A passage of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// Where it stands, for people: "page 3", "lines 10–24".
    pub place: String,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// The type that was found: `pdf`, `docx`, …
    pub kind: String,
    /// The document's own title.
    pub title: Option<String>,
    /// Its text, in reading order.
    pub passages: Vec<Passage>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Extraction {
    /// It has text.
    Text(Extracted),
    /// It has none that can be had, for good.
    Rejected {
        /// One of a closed list: `malformed`, `encrypted`, `no_text`, …
        code: String,
        /// What to do about it, for the tenant's people.
        reason: String,
    },
}

/// Text out of tenants' bytes, done where a hostile file harms nobody.
#[async_trait]
pub trait Extractor: Send + Sync {
    /// Reads a file of `len` bytes. `Err` only if another try can help.
    async fn extract(
        &self,
        file_name: &str,
        content_type: &str,
        len: u64,
        body: ByteStream,
    ) -> PortResult<Extraction>;
}
