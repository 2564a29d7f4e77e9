use super::{Etag, PortResult};
use crate::TenantId;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// Bytes as they come.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// A blob's name within its tenant's container. Only the pool makes one, from ids that it minted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobName(pub(crate) String);

impl BlobName {
    /// The name: `[a-z0-9_/]`, at most 128 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct BlobInfo {
    /// Its version.
    pub etag: Etag,
    /// Its length, in bytes.
    pub len: u64,
    /// Its content type, as it was put.
    pub content_type: String,
}

/// A permission to send or fetch one blob without a token, for a short time.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Where to send it. It carries the permission: never log it.
    pub url: String,
    /// The verb.
    pub method: &'static str,
    /// Headers that must be sent with it.
    pub headers: BTreeMap<String, String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Bytes, under one container a tenant.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a stream, atomically: until it ends well, the old blob (or none) is what others see. More than `limit`
    /// bytes: [`PortError::TooLarge`](super::PortError::TooLarge), and nothing is stored.
    async fn put(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<BlobInfo>;

    /// The blob's bytes; `None` if it is absent, or in another version than `if_match`.
    async fn get(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        if_match: Option<&Etag>,
    ) -> PortResult<Option<(BlobInfo, ByteStream)>>;

    /// What is known of the blob.
    async fn head(&self, tenant: &TenantId, name: &BlobName) -> PortResult<Option<BlobInfo>>;

    /// Deletes the blob; `false` if there was none.
    async fn delete(&self, tenant: &TenantId, name: &BlobName) -> PortResult<bool>;
}

/// Signed links, an ability that not every backend has.
#[async_trait]
pub trait Links: Send + Sync {
    /// A link that can write this one blob, and nothing else, for `lifetime`: more than ten minutes is refused.
    async fn upload(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        lifetime: Duration,
    ) -> PortResult<Link>;
}
