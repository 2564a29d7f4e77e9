//! The pool's [`Extractor`] over the child process of the `extract` crate.

use async_trait::async_trait;
use extract::{Failure, Limits};
use pool::ports::{ByteStream, Extracted, Extraction, Extractor, Passage, PortError, PortResult};
use std::path::Path;

/// The hidden subcommand of this binary that the child is.
pub const SUBCOMMAND: &str = "extract-child";

/// Reads files in a child of this binary.
pub struct ChildExtractor(extract::Extractor);

impl ChildExtractor {
    /// A reader whose child is `program`, an absolute path.
    pub fn new(program: &Path) -> Self {
        Self(extract::Extractor::new(program, [SUBCOMMAND], Limits::default()))
    }
}

#[async_trait]
impl Extractor for ChildExtractor {
    async fn extract(
        &self,
        file_name: &str,
        content_type: &str,
        len: u64,
        body: ByteStream,
    ) -> PortResult<Extraction> {
        let input = tokio_util::io::StreamReader::new(body);
        match self.0.run(file_name, Some(content_type), len, input).await {
            Ok(found) => {
                if !found.confined.limits || !found.confined.filter {
                    tracing::warn!(confined = ?found.confined, "the extraction child is not fully confined on this system");
                }
                let passage =
                    |chunk: extract::Chunk| Passage { text: chunk.text, place: chunk.place.to_string() };
                Ok(Extraction::Text(Extracted {
                    kind: word(&found.kind),
                    title: found.title,
                    passages: found.chunks.into_iter().map(passage).collect(),
                }))
            }
            Err(Failure::Rejected(rejected)) => {
                Ok(Extraction::Rejected { code: word(&rejected.code), reason: rejected.reason })
            }
            Err(Failure::Unavailable(fault)) => Err(PortError::unavailable(fault)),
        }
    }
}

/// An enumeration's word, as it is written in JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
