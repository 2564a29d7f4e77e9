//! A stream into a blob: block by block, and visible only when the list of blocks is committed.

use super::info;
use crate::{Patience, error::port};
use azure_core::error::ErrorKind;
use azure_storage_blob::{
    BlockBlobClient,
    models::{
        BlockBlobClientCommitBlockListOptions, BlockBlobClientCommitBlockListResultHeaders,
        BlockBlobClientUploadOptions, BlockLookupList, StorageErrorCode,
    },
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use pool::{
    TenantId,
    ports::{ByteStream, Etag, PortError, PortResult},
};
use std::collections::HashMap;

/// One block is all that an upload holds. Fifty thousand of them are 97 GiB.
const BLOCK: usize = 2 << 20;
/// What a small blob needs.
const SMALL: usize = 64 << 10;
/// The blob index tag that says whose it is.
const TAG: &str = "tenantId";

pub(super) struct Upload {
    blob: BlockBlobClient,
    patience: Patience,
    tag: HashMap<String, String>,
    content_type: String,
    metadata: HashMap<String, String>,
    limit: u64,
    body: ByteStream,
    /// What the body gave beyond the last block.
    rest: Bytes,
    len: u64,
    /// Makes this upload's blocks its own, though another writes the same blob.
    mark: [u8; 12],
    blocks: Vec<Vec<u8>>,
}

impl Upload {
    pub(super) fn new(
        blob: BlockBlobClient,
        patience: Patience,
        tenant: &TenantId,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<Self> {
        let (content_type, metadata) = info::headers(tenant, content_type);
        let tag = HashMap::from([(TAG.to_owned(), tenant.to_string())]);
        let mut mark = [0; 12];
        getrandom::fill(&mut mark).map_err(|error| PortError::unavailable(error.to_string()))?;
        let (rest, blocks) = (Bytes::new(), Vec::new());
        Ok(Self { blob, patience, tag, content_type, metadata, limit, body, rest, len: 0, mark, blocks })
    }

    /// The blob's new version and its length.
    pub(super) async fn run(mut self) -> PortResult<(Etag, u64)> {
        let mut block = self.next().await?;
        if block.len() < BLOCK {
            return Ok((self.whole(block).await?, self.len));
        }
        while !block.is_empty() {
            self.stage(block).await?;
            block = self.next().await?;
        }
        Ok((self.commit().await?, self.len))
    }

    /// The next block; a shorter one is the last.
    async fn next(&mut self) -> PortResult<Bytes> {
        let mut block = BytesMut::with_capacity(if self.len == 0 { SMALL } else { BLOCK });
        while block.len() < BLOCK {
            if self.rest.is_empty() {
                let Some(part) = self.body.next().await else { break };
                self.rest = part.map_err(PortError::unavailable)?;
                self.len += self.rest.len() as u64;
                if self.len > self.limit {
                    return Err(PortError::TooLarge { limit: self.limit });
                }
            }
            let part = self.rest.split_to(self.rest.len().min(BLOCK - block.len()));
            if block.capacity() - block.len() < part.len() {
                block.reserve(BLOCK - block.len());
            }
            block.extend_from_slice(&part);
        }
        Ok(block.freeze())
    }

    /// A blob of less than a block: one request.
    async fn whole(&mut self, bytes: Bytes) -> PortResult<Etag> {
        let options = BlockBlobClientUploadOptions {
            blob_content_type: Some(self.content_type.clone()),
            metadata: Some(self.metadata.clone()),
            ..Default::default()
        };
        let options = options.with_tags(self.tag.clone());
        let stored = self.patience.port(self.blob.upload(bytes.into(), Some(options)));
        info::bare(stored.await?.etag)
    }

    async fn stage(&mut self, bytes: Bytes) -> PortResult<()> {
        let number = u32::try_from(self.blocks.len()).map_err(PortError::refused)?;
        let id = [self.mark.as_slice(), &number.to_be_bytes()].concat();
        let len = bytes.len() as u64;
        self.patience.port(self.blob.stage_block(&id, len, bytes.into(), None)).await?;
        self.blocks.push(id);
        Ok(())
    }

    /// Until this is done, the old blob is what others see; the blocks of an upload that ends before are dropped by the
    /// service, after a week or with the next commit.
    async fn commit(&mut self) -> PortResult<Etag> {
        let list = BlockLookupList { latest: Some(std::mem::take(&mut self.blocks)), ..Default::default() };
        let options = BlockBlobClientCommitBlockListOptions {
            blob_content_type: Some(self.content_type.clone()),
            metadata: Some(self.metadata.clone()),
            ..Default::default()
        };
        let options = options.with_tags(self.tag.clone());
        let list = list.try_into().map_err(port)?;
        match self.patience.wait(self.blob.commit_block_list(list, Some(options))).await {
            Ok(stored) => info::bare(stored.etag().map_err(port)?),
            Err(error) if overtaken(&error) => {
                Err(PortError::unavailable("another upload of this blob ended first"))
            }
            Err(error) => Err(port(error)),
        }
    }
}

/// A commit drops all other blocks of its blob, those of a slower upload too.
fn overtaken(error: &azure_core::Error) -> bool {
    let ErrorKind::HttpResponse { error_code: Some(code), .. } = error.kind() else { return false };
    *code == *StorageErrorCode::InvalidBlockList.as_ref()
}
