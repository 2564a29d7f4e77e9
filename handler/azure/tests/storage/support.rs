//! Azurite, an identity endpoint and clients of them.

use async_trait::async_trait;
use azure::{AzureBlobs, AzureLinks, AzureQueue, BlobAccount, Identities, Patience, Tenants};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{ClientOptions, Transport},
    time::OffsetDateTime,
};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use bytes::Bytes;
use doubles::{Audit, Ca, Identity, storage::Azurite};
use futures::{StreamExt, stream};
use pool::{
    TenantRecord,
    conformance::memory::MemoryDirectory,
    ports::{ByteStream, QueueName, SystemClock},
    testing::tenant,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// For tests of failure: all of it in a few seconds, though the machine be busy.
pub(crate) const IMPATIENT: Patience =
    Patience { tries: 4, each: Duration::from_secs(2), total: Duration::from_secs(8), pace: 1 << 20 };

pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) azurite: Azurite,
    pub(crate) audit: Audit,
    pub(crate) identity: Identity,
    pub(crate) client: reqwest::Client,
}

impl World {
    /// With the containers of `conf-a` (of another name than the tenant's) and `conf-b`, and all queues.
    pub(crate) async fn start() -> Self {
        let (ca, audit) = (Ca::new(), Audit::default());
        let azurite = Azurite::start(&ca);
        let identity = Identity::start(&["id-a"], &audit).await;
        let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
        let client = azure::transport_trusting([root]).unwrap();
        let world = Self { ca, azurite, audit, identity, client };
        let account = world.account(&world.azurite.blob_url());
        for name in ["conf-a", "conf-b"] {
            account.create_container(&tenant(name)).await.unwrap();
        }
        let queue = world.queue(&world.azurite.queue_url());
        for name in [QueueName::Ingest, QueueName::Runs, QueueName::BlobEvents] {
            queue.create(name.as_str()).await.unwrap();
        }
        world
    }

    pub(crate) fn account(&self, url: &str) -> BlobAccount {
        let a = TenantRecord {
            storage_container: "bucket-of-a".into(),
            managed_identity_client_id: Some("id-a".into()),
            ..TenantRecord::new("conf-a", "A")
        };
        let tenants = Tenants::new(Arc::new(MemoryDirectory::new([a, TenantRecord::new("conf-b", "B")])));
        let identity = self.identity.clone();
        let maker = Arc::new(move |id: Option<&str>| Ok(credential(&identity, id)));
        let identities = Arc::new(Identities::new(None, tenants.clone(), maker));
        BlobAccount::new(url, identities, tenants, self.client.clone()).unwrap()
    }

    pub(crate) fn blobs(&self) -> AzureBlobs {
        AzureBlobs::new(self.account(&self.azurite.blob_url()))
    }

    pub(crate) fn links(&self) -> AzureLinks {
        AzureLinks::new(self.account(&self.azurite.blob_url()), Arc::new(SystemClock))
    }

    pub(crate) fn queue(&self, url: &str) -> AzureQueue {
        AzureQueue::new(url, credential(&self.identity, None), self.client.clone()).unwrap()
    }
}

/// Asks the identity endpoint as a managed identity does, but takes its address from here and not from the environment.
#[derive(Debug)]
struct Managed {
    url: String,
    header: String,
    client_id: Option<String>,
    token: OnceCell<AccessToken>,
}

pub(crate) fn credential(identity: &Identity, client_id: Option<&str>) -> Arc<dyn TokenCredential> {
    let [(_, url), (_, header)] = identity.environment();
    Arc::new(Managed { url, header, client_id: client_id.map(str::to_owned), token: OnceCell::new() })
}

#[async_trait]
impl TokenCredential for Managed {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let ask = async || {
            let resource = scopes[0].strip_suffix("/.default").unwrap();
            let id = self.client_id.as_ref().map(|id| format!("&client_id={id}")).unwrap_or_default();
            let url = format!("{}?api-version=2019-08-01&resource={resource}{id}", self.url);
            let client = reqwest::Client::new();
            let answer = client.get(url).header("x-identity-header", &self.header).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            let token = answer["access_token"].as_str().unwrap().to_owned();
            let ends = answer["expires_on"].as_str().unwrap().parse().unwrap();
            let ends = OffsetDateTime::from_unix_timestamp(ends).unwrap();
            Ok::<_, ErrorKind>(AccessToken::new(token, ends))
        };
        Ok(self.token.get_or_try_init(ask).await.unwrap().clone())
    }
}

/// A client of the account that is not ours.
pub(crate) fn plain(world: &World) -> BlobServiceClient {
    let transport = Transport::new(Arc::new(world.client.clone()));
    let client_options = ClientOptions { transport: Some(transport), ..Default::default() };
    let options = BlobServiceClientOptions { client_options, ..Default::default() };
    let credential = credential(&world.identity, None);
    let url = world.azurite.blob_url().parse().unwrap();
    BlobServiceClient::new(url, Some(credential), Some(options)).unwrap()
}

pub(crate) fn body(bytes: &[u8]) -> ByteStream {
    let parts: Vec<_> = bytes.chunks(100_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts).boxed()
}

pub(crate) async fn drain(mut from: ByteStream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(part) = from.next().await {
        all.extend_from_slice(&part?);
    }
    Ok(all)
}
