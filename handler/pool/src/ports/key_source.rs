use super::PortResult;
use crate::token::KeyUrl;
use async_trait::async_trait;

/// What issuers publish. When it is asked, and what is believed of its answers, is `token/published.rs`'s business.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The document that is at this URL, which is an operator's or was named by a document from the same origin.
    /// Redirects are not followed; an answer other than 200, or of more than `limit` bytes, is an error, and what goes
    /// beyond the limit is not read.
    async fn get(&self, url: &KeyUrl, limit: usize) -> PortResult<Vec<u8>>;
}
