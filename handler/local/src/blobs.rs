use crate::{entropy::token, files, tenants::Tenants};
use async_trait::async_trait;
use pool::{
    TenantId,
    ports::{BlobInfo, BlobName, Blobs, ByteStream, Entropy, Etag, PortError, PortResult},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// [`Blobs`] as files in the tenants' folders.
pub struct LocalBlobs {
    tenants: Arc<Tenants>,
    entropy: Arc<dyn Entropy>,
}

impl LocalBlobs {
    pub(crate) fn new(tenants: Arc<Tenants>, entropy: Arc<dyn Entropy>) -> Self {
        Self { tenants, entropy }
    }

    /// By name: for what a link of ours allows.
    pub(crate) async fn store(
        &self,
        tenant: &str,
        blob: &str,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<BlobInfo> {
        let folder = self.tenants.folder(tenant)?;
        files::put(&folder, blob, token(&*self.entropy), content_type, limit, body).await
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn put(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<BlobInfo> {
        self.store(tenant.as_str(), name.as_str(), content_type, limit, body).await
    }

    async fn get(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        if_match: Option<&Etag>,
    ) -> PortResult<Option<(BlobInfo, ByteStream)>> {
        let (folder, name) = (self.tenants.folder(tenant.as_str())?, name.clone());
        let opened = spawn_blocking(move || files::open(&folder, name.as_str()));
        let found = opened.await.map_err(PortError::unavailable)??;
        Ok(found.filter(|(info, _)| if_match.is_none_or(|etag| *etag == info.etag)).map(|(info, file)| {
            let len = info.len;
            (info, files::stream(file, len))
        }))
    }

    async fn head(&self, tenant: &TenantId, name: &BlobName) -> PortResult<Option<BlobInfo>> {
        let (folder, name) = (self.tenants.folder(tenant.as_str())?, name.clone());
        let opened = spawn_blocking(move || files::open(&folder, name.as_str()));
        Ok(opened.await.map_err(PortError::unavailable)??.map(|(info, _)| info))
    }

    async fn delete(&self, tenant: &TenantId, name: &BlobName) -> PortResult<bool> {
        let (folder, name) = (self.tenants.folder(tenant.as_str())?, name.clone());
        spawn_blocking(move || files::delete(&folder, name.as_str())).await.map_err(PortError::unavailable)?
    }
}
