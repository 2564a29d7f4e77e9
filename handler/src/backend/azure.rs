//! The services of Azure.

use super::{Backend, Fault, entropy, extractor, models};
use crate::config::{AzureConfig, Config};
use azure::{
    AzureBlobs, AzureHostBlobs, AzureHostQueues, AzureIndex, AzureLinks, AzureQueue, BlobAccount, Cosmos,
    CosmosDirectory, CosmosRecords, Encoding, FoundryModel, Identities, IndexSettings, Maker, Tenants,
};
use futures::FutureExt;
use local::model::Tokens;
use pool::{
    SealKeys, TenantId,
    ports::{Directory, Model, Ports, SystemClock},
};
use std::sync::Arc;

/// What all adapters have in common: one HTTP client, one directory, the identities.
pub(crate) struct Services {
    client: reqwest::Client,
    maker: Maker,
    own: Option<String>,
    cosmos: Arc<Cosmos>,
    /// The tenants.
    pub(crate) directory: Arc<dyn Directory>,
    tenants: Tenants,
    identities: Arc<Identities>,
    blobs: String,
    queues: String,
}

impl Services {
    pub(crate) fn new(config: &AzureConfig) -> Result<Self, Fault> {
        let client = azure::transport()?;
        let (maker, own) = (config.who.maker(client.clone()), config.client_id.clone());
        let cosmos = Cosmos::new(config.cosmos.clone(), &config.database, own.clone(), maker.clone());
        let cosmos = Arc::new(cosmos);
        let directory: Arc<dyn Directory> = Arc::new(CosmosDirectory::new(cosmos.clone()));
        let tenants = Tenants::new(directory.clone());
        let identities = Arc::new(Identities::new(own.clone(), tenants.clone(), maker.clone()));
        let (blobs, queues) = (config.blobs.to_string(), config.queues.to_string());
        Ok(Self { client, maker, own, cosmos, directory, tenants, identities, blobs, queues })
    }

    /// The storage account, as tenants' identities see it.
    pub(crate) fn blobs(&self) -> Result<BlobAccount, Fault> {
        let identities = self.identities.clone();
        Ok(BlobAccount::new(&self.blobs, identities, self.tenants.clone(), self.client.clone())?)
    }

    /// Tokens for Azure OpenAI, of each tenant's identity.
    fn tokens(&self) -> Tokens {
        let identities = self.identities.clone();
        Arc::new(move |tenant: TenantId| {
            let identities = identities.clone();
            async move { identities.token(&tenant, "https://cognitiveservices.azure.com/.default").await }
                .boxed()
        })
    }

    /// The queues, as the app itself sees them.
    pub(crate) fn queue(&self) -> Result<AzureQueue, Fault> {
        let credential = (self.maker)(self.own.as_deref())?;
        Ok(AzureQueue::new(&self.queues, credential, self.client.clone())?)
    }

    /// The queues as a Functions host on this machine sees them.
    pub(crate) fn host_queues(&self) -> Result<AzureHostQueues, Fault> {
        Ok(AzureHostQueues::new(self.queue()?, Encoding::Base64))
    }

    /// The blobs as a Functions host on this machine sees them.
    pub(crate) fn host_blobs(&self) -> Result<AzureHostBlobs, Fault> {
        let credential = (self.maker)(self.own.as_deref())?;
        Ok(AzureHostBlobs::new(&self.blobs, credential, &self.client)?)
    }
}

pub(super) fn open(config: &Config, azure: &AzureConfig) -> Result<Backend, Fault> {
    let services = Services::new(azure)?;
    let (current, keys) = &azure.seal;
    let keys =
        SealKeys::new(current, keys.clone(), azure.naming).ok_or("SEAL_KEYS has no key to seal with")?;
    let (model, embedder) = models(config, Some(services.tokens()))?;
    let model: Arc<dyn Model> = match &azure.foundry {
        None => model,
        Some(project) => {
            let model = FoundryModel::new(
                services.client.clone(),
                services.identities.clone(),
                project.clone(),
                entropy(),
                azure.naming,
                config.model_name.clone(),
            );
            Arc::new(model.with_servers(config.mcp_servers.clone()))
        }
    };
    let settings = IndexSettings {
        endpoint: azure.search.clone(),
        index: azure.index.clone(),
        dimensions: embedder.as_ref().map_or(config.dimensions, |embedder| embedder.dimensions()),
        fields: config.settings.search_fields.clone().into_iter().collect(),
    };
    let account = services.blobs()?;
    let index = AzureIndex::new(services.client.clone(), services.identities.clone(), entropy(), settings)?;
    let records = CosmosRecords::new(
        services.cosmos.clone(),
        services.identities.clone(),
        Arc::new(SystemClock),
        entropy(),
    );
    let ports = Ports {
        records: Arc::new(records),
        blobs: Arc::new(AzureBlobs::new(account.clone())),
        links: Some(Arc::new(AzureLinks::new(account, Arc::new(SystemClock)))),
        index: Arc::new(index),
        queue: Arc::new(services.queue()?),
        directory: services.directory.clone(),
        model,
        embedder,
        extractor: extractor()?,
        clock: Arc::new(SystemClock),
        entropy: entropy(),
    };
    Ok(Backend { name: "azure", ports, keys })
}
