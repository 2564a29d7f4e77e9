use super::time;
use crate::{
    Patience,
    blobs::{absent, base},
    error::{chain, code, port, status},
    transport,
};
use azure_core::{credentials::TokenCredential, http::StatusCode};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions, models::BlobClientDownloadOptions};
use futures::TryStreamExt;
use jiff::Timestamp;
use pool::ports::{PortError, PortResult};
use std::sync::Arc;

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBlob {
    /// The name inside its container.
    pub name: String,
    /// Its version.
    pub etag: String,
    /// Its length, in bytes.
    pub len: u64,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Its content type.
    pub content_type: String,
}

/// The containers.
pub struct AzureHostBlobs {
    service: BlobServiceClient,
    patience: Patience,
}

impl AzureHostBlobs {
    /// `url`: `https://account.blob.core.windows.net`.
    ///
    /// # Errors
    /// `Refused` if that is no `https` URL.
    pub fn new(
        url: &str,
        credential: Arc<dyn TokenCredential>,
        client: &reqwest::Client,
    ) -> PortResult<Self> {
        let patience = Patience::default();
        let client_options = transport::patient(client, patience);
        let options = BlobServiceClientOptions { client_options, ..Default::default() };
        let service = BlobServiceClient::new(base(url)?, Some(credential), Some(options));
        Ok(Self { service: service.map_err(PortError::refused)?, patience })
    }

    /// Makes this container, if it is not there: an operator's work, or a developer's.
    ///
    /// # Errors
    /// The service's.
    pub async fn create(&self, container: &str) -> PortResult<()> {
        let container = self.service.blob_container_client(container);
        match self.patience.port(container.create(None)).await {
            Ok(_) | Err(PortError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Every blob of a container; one that is not there has none.
    ///
    /// # Errors
    /// The service's.
    pub async fn list(&self, container: &str) -> PortResult<Vec<HostBlob>> {
        let container = self.service.blob_container_client(container);
        let mut pages = container.list_blobs(None).map_err(port)?.into_pages();
        let mut blobs = Vec::new();
        loop {
            let page = match self.patience.wait(pages.try_next()).await {
                Err(error) if code(&error) == Some("ContainerNotFound") => return Ok(Vec::new()),
                page => page.map_err(port)?,
            };
            let Some(page) = page else { return Ok(blobs) };
            let items = page.into_model().map_err(port)?.blob_items;
            blobs.extend(items.into_iter().filter_map(|item| {
                let known = item.properties?;
                Some(HostBlob {
                    name: item.name?,
                    etag: known.etag?.as_ref().trim_matches('"').to_owned(),
                    len: known.content_length?,
                    modified: time(known.last_modified?),
                    content_type: known.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                })
            }));
        }
    }

    /// The bytes; `None` when the blob is gone, or in another version.
    ///
    /// # Errors
    /// The service's.
    pub async fn read(&self, container: &str, name: &str, etag: &str) -> PortResult<Option<Vec<u8>>> {
        let if_match = Some(format!("\"{etag}\"").into());
        let options = BlobClientDownloadOptions { if_match, ..Default::default() };
        let blob = self.service.blob_client(container, name);
        let found = match self.patience.wait(blob.download(Some(options))).await {
            Err(error) if absent(&error) || status(&error) == Some(StatusCode::PreconditionFailed) => {
                return Ok(None);
            }
            found => found.map_err(port)?,
        };
        let bytes = found.body.collect().await;
        bytes.map(|bytes| Some(bytes.to_vec())).map_err(|error| PortError::unavailable(chain(&error)))
    }
}
