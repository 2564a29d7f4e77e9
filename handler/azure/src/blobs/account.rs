use crate::{
    Identities, Patience, Tenants,
    error::{code, port},
    transport,
};
use azure_core::{credentials::TokenCredential, http::Url};
use azure_storage_blob::{BlobContainerClient, BlobServiceClient, BlobServiceClientOptions};
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use std::sync::Arc;

/// The storage account with the tenants' containers.
#[derive(Clone)]
pub struct BlobAccount {
    url: Url,
    identities: Arc<Identities>,
    tenants: Tenants,
    client: reqwest::Client,
    /// For one operation.
    pub(crate) patience: Patience,
}

impl BlobAccount {
    /// `url`: `https://account.blob.core.windows.net`.
    ///
    /// # Errors
    /// `Refused` if that is no `https` URL.
    pub fn new(
        url: &str,
        identities: Arc<Identities>,
        tenants: Tenants,
        client: reqwest::Client,
    ) -> PortResult<Self> {
        Ok(Self { url: base(url)?, identities, tenants, client, patience: Patience::default() })
    }

    /// The same account, asked with this patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the tenant's container, if it is not there. Making tenants is an operator's work: the identity needs a role
    /// that may.
    ///
    /// # Errors
    /// The service's.
    pub async fn create_container(&self, tenant: &TenantId) -> PortResult<()> {
        match self.patience.wait(self.container(tenant).await?.create(None)).await {
            Err(error) if code(&error) == Some("ContainerAlreadyExists") => Ok(()),
            made => made.map(drop).map_err(port),
        }
    }

    /// The tenant's container, asked with the tenant's identity.
    pub(crate) async fn container(&self, tenant: &TenantId) -> PortResult<BlobContainerClient> {
        let service = self.service(self.credential(tenant).await?)?;
        Ok(service.blob_container_client(&self.container_name(tenant).await?))
    }

    /// The account itself. A client is made of a few pointers; what is worth keeping, the credential keeps.
    pub(crate) fn service(&self, credential: Arc<dyn TokenCredential>) -> PortResult<BlobServiceClient> {
        let client_options = transport::patient(&self.client, self.patience);
        let options = BlobServiceClientOptions { client_options, ..Default::default() };
        BlobServiceClient::new(self.url.clone(), Some(credential), Some(options)).map_err(PortError::refused)
    }

    pub(crate) async fn credential(&self, tenant: &TenantId) -> PortResult<Arc<dyn TokenCredential>> {
        self.identities.of(tenant).await
    }

    pub(crate) async fn container_name(&self, tenant: &TenantId) -> PortResult<String> {
        Ok(self.tenants.get(tenant).await?.container().to_owned())
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The account's name: the first label of the host, or, where the host is an address, the path.
    pub(crate) fn name(&self) -> &str {
        let path = self.url.path().trim_matches('/');
        if path.is_empty() {
            self.url.host_str().unwrap_or_default().split('.').next().unwrap_or_default()
        } else {
            path
        }
    }
}

/// The URL of a storage service, without a slash at its end.
pub(crate) fn base(url: &str) -> PortResult<Url> {
    let mut base = Url::parse(url).map_err(PortError::refused)?;
    if base.scheme() != "https" || base.query().is_some() {
        return Err(PortError::refused("a storage account's URL begins with https and has no query"));
    }
    if let Ok(mut segments) = base.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(base)
}
