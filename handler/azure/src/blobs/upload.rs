//! A stream into a blob: block by block, and visible only when the list of blocks is committed.

use super::info;
use crate::{
    Patience,
    error::{code, port},
};
use azure_storage_blob::{
    BlockBlobClient,
    models::{
        BlockBlobClientCommitBlockListOptions, BlockBlobClientCommitBlockListResultHeaders,
        BlockBlobClientUploadOptions, BlockLookupList,
    },
};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use pool::{
    TenantId,
    ports::{ByteStream, Etag, PortError, PortResult},
};
use std::{collections::HashMap, sync::Arc};
use tokio::{sync::Semaphore, task::JoinSet};

/// An upload holds one block, and more only while few upload. Fifty thousand of them are 97 GiB.
const BLOCK: usize = 2 << 20;
/// The blocks that one upload may send at once, beside the one that it reads.
const AHEAD: usize = 4;
/// The blocks that all uploads of this process together may hold so.
static SPARE: Semaphore = Semaphore::const_new(24);
/// What a small blob needs.
const SMALL: usize = 64 << 10;
/// The blob index tag that says whose it is.
const TAG: &str = "tenantId";

pub(super) struct Upload {
    blob: Arc<BlockBlobClient>,
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
    ahead: JoinSet<PortResult<()>>,
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
        let (blob, rest, blocks, ahead) = (Arc::new(blob), Bytes::new(), Vec::new(), JoinSet::new());
        Ok(Self {
            blob,
            patience,
            tag,
            content_type,
            metadata,
            limit,
            body,
            rest,
            len: 0,
            mark,
            blocks,
            ahead,
        })
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
        let patience = self.patience.stretched(bytes.len() as u64);
        let stored = patience.port(self.blob.upload(bytes.into(), Some(options)));
        info::bare(stored.await?.etag)
    }

    async fn stage(&mut self, bytes: Bytes) -> PortResult<()> {
        while let Some(sent) = self.ahead.try_join_next() {
            sent.map_err(PortError::unavailable)??;
        }
        let number = u32::try_from(self.blocks.len()).map_err(PortError::refused)?;
        let id = [self.mark.as_slice(), &number.to_be_bytes()].concat();
        self.blocks.push(id.clone());
        let (blob, patience) = (self.blob.clone(), self.patience.stretched(bytes.len() as u64));
        let send = async move {
            let sent = blob.stage_block(&id, bytes.len() as u64, bytes.into(), None);
            patience.port(sent).await.map(drop)
        };
        let spare = if self.ahead.len() < AHEAD { SPARE.try_acquire().ok() } else { None };
        let Some(spare) = spare else { return send.await };
        self.ahead.spawn(send.inspect(move |_| drop(spare)));
        Ok(())
    }

    /// Until this is done, the old blob is what others see; the blocks of an upload that ends before are dropped by the
    /// service, after a week or with the next commit.
    async fn commit(&mut self) -> PortResult<Etag> {
        while let Some(sent) = self.ahead.join_next().await {
            sent.map_err(PortError::unavailable)??;
        }
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
            // A commit drops all other blocks of its blob, those of a slower upload too.
            Err(error) if code(&error) == Some("InvalidBlockList") => {
                Err(PortError::unavailable("another upload of this blob ended first"))
            }
            Err(error) => Err(port(error)),
        }
    }
}
