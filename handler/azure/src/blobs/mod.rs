//! [`Blobs`] in Blob Storage: a container a tenant, asked with the tenant's identity.

mod account;
mod info;
mod upload;

pub use account::BlobAccount;
pub(crate) use account::base;
pub(crate) use info::{absent, headers};

use crate::error::{chain, port, status};
use async_stream::try_stream;
use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_storage_blob::{
    BlobClient,
    models::{BlobClientDeleteOptions, BlobClientDownloadOptions, DeleteSnapshotsOptionType},
};
use futures::StreamExt;
use pool::{
    TenantId,
    ports::{BlobInfo, BlobName, Blobs, ByteStream, Etag, PortResult},
};
use std::{io, num::NonZero};

/// One answer carries the whole blob: a blob that is replaced while it is read is never mixed.
const WHOLE: NonZero<usize> = NonZero::new(i64::MAX as usize).unwrap();

/// [`Blobs`] in a storage account.
pub struct AzureBlobs(BlobAccount);

impl AzureBlobs {
    /// Blobs in `account`.
    pub fn new(account: BlobAccount) -> Self {
        Self(account)
    }

    async fn blob(&self, tenant: &TenantId, name: &BlobName) -> PortResult<BlobClient> {
        Ok(self.0.container(tenant).await?.blob_client(name.as_str()))
    }
}

#[async_trait]
impl Blobs for AzureBlobs {
    async fn put(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<BlobInfo> {
        let blob = self.blob(tenant, name).await?.block_blob_client();
        let (etag, len) =
            upload::Upload::new(blob, self.0.patience, tenant, content_type, limit, body)?.run().await?;
        Ok(BlobInfo { etag, len, content_type: content_type.to_owned() })
    }

    async fn get(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        if_match: Option<&Etag>,
    ) -> PortResult<Option<(BlobInfo, ByteStream)>> {
        let options = BlobClientDownloadOptions {
            if_match: if_match.map(|etag| format!("\"{}\"", etag.0).into()),
            partition_size: Some(WHOLE),
            parallel: Some(NonZero::<usize>::MIN),
            ..Default::default()
        };
        let blob = self.blob(tenant, name).await?;
        let found = match self.0.patience.wait(blob.download(Some(options))).await {
            Err(error) if absent(&error) => return Ok(None),
            Err(error) if if_match.is_some() && status(&error) == Some(StatusCode::PreconditionFailed) => {
                return Ok(None);
            }
            found => found.map_err(port)?,
        };
        let info = info::downloaded(tenant, found.properties)?;
        Ok(Some((info.clone(), exactly(info.len, found.body))))
    }

    async fn head(&self, tenant: &TenantId, name: &BlobName) -> PortResult<Option<BlobInfo>> {
        match self.0.patience.wait(self.blob(tenant, name).await?.get_properties(None)).await {
            Err(error) if absent(&error) => Ok(None),
            found => info::found(tenant, &found.map_err(port)?).map(Some),
        }
    }

    async fn delete(&self, tenant: &TenantId, name: &BlobName) -> PortResult<bool> {
        let snapshots = Some(DeleteSnapshotsOptionType::Include);
        let options = BlobClientDeleteOptions { delete_snapshots: snapshots, ..Default::default() };
        match self.0.patience.wait(self.blob(tenant, name).await?.delete(Some(options))).await {
            Err(error) if absent(&error) => Ok(false),
            deleted => deleted.map(|_| true).map_err(port),
        }
    }
}

/// The body, which ends with an error unless it is as long as it should be.
fn exactly(
    len: u64,
    mut body: impl futures::Stream<Item = azure_core::Result<bytes::Bytes>> + Send + Unpin + 'static,
) -> ByteStream {
    try_stream! {
        let mut seen = 0;
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| io::Error::other(chain(&error)))?;
            seen += part.len() as u64;
            yield part;
        }
        if seen != len {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is longer or shorter than was said"))?;
        }
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::{TryStreamExt, stream};

    #[tokio::test]
    async fn a_body_of_another_length_than_was_said_is_an_error() {
        for (said, good) in [(5, false), (6, true), (7, false)] {
            let parts = stream::iter(["abc", "def"].map(|part| Ok(Bytes::from_static(part.as_bytes()))));
            let read: io::Result<Vec<_>> = exactly(said, parts).try_collect().await;
            assert_eq!(read.is_ok(), good, "{said}");
        }
    }
}
