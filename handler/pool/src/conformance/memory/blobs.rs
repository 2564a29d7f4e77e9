use crate::{
    TenantId,
    ports::{BlobInfo, BlobName, Blobs, ByteStream, Etag, PortError, PortResult},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// [`Blobs`] in a map.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<State>);

#[derive(Default)]
struct State {
    blobs: BTreeMap<(String, String), (BlobInfo, Bytes)>,
    writes: u64,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every blob: tenant, name, bytes.
    pub fn all(&self) -> Vec<(String, String, Bytes)> {
        let state = self.state();
        state
            .blobs
            .iter()
            .map(|((tenant, name), (_, bytes))| (tenant.clone(), name.clone(), bytes.clone()))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        limit: u64,
        mut body: ByteStream,
    ) -> PortResult<BlobInfo> {
        let mut bytes = BytesMut::new();
        while let Some(part) = body.next().await {
            bytes.extend_from_slice(&part.map_err(PortError::unavailable)?);
            if bytes.len() as u64 > limit {
                return Err(PortError::TooLarge { limit });
            }
        }
        let mut state = self.state();
        state.writes += 1;
        let info = BlobInfo {
            etag: Etag(format!("b{}", state.writes)),
            len: bytes.len() as u64,
            content_type: content_type.to_owned(),
        };
        let key = (tenant.to_string(), name.as_str().to_owned());
        state.blobs.insert(key, (info.clone(), bytes.freeze()));
        Ok(info)
    }

    async fn get(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        if_match: Option<&Etag>,
    ) -> PortResult<Option<(BlobInfo, ByteStream)>> {
        let found = self.state().blobs.get(&(tenant.to_string(), name.as_str().to_owned())).cloned();
        Ok(found.filter(|(info, _)| if_match.is_none_or(|etag| *etag == info.etag)).map(|(info, bytes)| {
            let parts: Vec<_> = bytes.chunks(64 * 1024).map(|part| Ok(bytes.slice_ref(part))).collect();
            (info, stream::iter(parts).boxed())
        }))
    }

    async fn head(&self, tenant: &TenantId, name: &BlobName) -> PortResult<Option<BlobInfo>> {
        Ok(self
            .state()
            .blobs
            .get(&(tenant.to_string(), name.as_str().to_owned()))
            .map(|(info, _)| info.clone()))
    }

    async fn delete(&self, tenant: &TenantId, name: &BlobName) -> PortResult<bool> {
        Ok(self.state().blobs.remove(&(tenant.to_string(), name.as_str().to_owned())).is_some())
    }
}
