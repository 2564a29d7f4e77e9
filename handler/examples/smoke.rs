//! `make smoke-azure`: the law of each port, held against a real subscription.
//!
//! It is told what the service is told (`COSMOS_ENDPOINT`, `STORAGE_ACCOUNT_URL`, …; whoever is signed in to `az` asks,
//! unless `AZURE_CREDENTIAL` says otherwise), and works as the tenants `conf-a`, `conf-a-eu`, `conf-b` and `conf-c`, which no
//! real tenant may be called. It makes their containers, an index `smoke` and a queue `smoke`, and leaves them. What is not set
//! is not run, and said to be so.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a check on a terminal: it fails by panicking")]

use async_trait::async_trait;
use azure::{
    AzureBlobs, AzureHostQueues, AzureIndex, AzureLinks, AzureQueue, BlobAccount, Cosmos, CosmosRecords,
    Encoding, FoundryModel, Identities, IndexSettings, Tenants, Vault,
};
use handler::config::{AzureConfig, Config};
use local::OsEntropy;
use pool::{
    TenantId, TenantRecord,
    conformance::{
        self, Sender,
        memory::{ManualClock, MemoryDirectory},
    },
    ports::{Entry, EntryKey, Hit, Index, Link, PortResult, SearchQuery, SystemClock},
    testing::tenant,
};
use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

/// What the service is told and these checks do not need.
const FILLERS: [(&str, &str); 9] = [
    ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"),
    ("POOL_BACKEND", "azure"),
    ("AZURE_CREDENTIAL", "developer"),
    ("JWT_ISSUER", "-"),
    ("JWT_AUDIENCE", "-"),
    ("JWT_JWKS_FILE", "-"),
    ("SEARCH_INDEX", "smoke"),
    ("SEAL_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("NAMING_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
];

/// The service's index is found a little later than it is written.
struct Patient(AzureIndex, Duration);

#[async_trait]
impl Index for Patient {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        let written = self.0.upsert(tenant, entries).await;
        tokio::time::sleep(self.1).await;
        written
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        let deleted = self.0.delete(tenant, keys).await;
        tokio::time::sleep(self.1).await;
        deleted
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        self.0.search(tenant, query).await
    }
}

struct Http(reqwest::Client);

#[async_trait]
impl Sender for Http {
    async fn send(&self, link: &Link, bytes: &[u8]) -> bool {
        let request = self.0.request(link.method.parse().unwrap(), &link.url).body(bytes.to_vec());
        let request = link.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.is_ok_and(|answer| answer.status() == 201)
    }
}

/// What all adapters stand on.
struct World {
    config: Config,
    azure: AzureConfig,
    client: reqwest::Client,
    tenants: Tenants,
    identities: Arc<Identities>,
    lag: Duration,
}

impl World {
    fn new(settings: &BTreeMap<String, String>) -> Result<Self, String> {
        let config = Config::read(|name| {
            let filler =
                FILLERS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            settings.get(name).cloned().or(filler)
        });
        let config = config.map_err(|faults| faults.join("\n"))?;
        let azure = config.azure.clone().ok_or("POOL_BACKEND must be `azure`")?;
        let client = azure::transport().map_err(|fault| fault.to_string())?;
        let names = ["conf-a", "conf-a-eu", "conf-b", "conf-c"].map(|name| TenantRecord::new(name, name));
        let tenants = Tenants::new(Arc::new(MemoryDirectory::new(names)));
        let maker = azure.who.maker(client.clone());
        let identities = Arc::new(Identities::new(azure.client_id.clone(), tenants.clone(), maker));
        let lag = settings.get("SMOKE_LAG_MS").and_then(|text| text.parse().ok()).unwrap_or(3_000);
        Ok(Self { config, azure, client, tenants, identities, lag: Duration::from_millis(lag) })
    }

    async fn records(self: Arc<Self>) {
        let (own, maker) = (self.azure.client_id.clone(), self.azure.who.maker(self.client.clone()));
        let cosmos = Cosmos::new(self.azure.cosmos.clone(), &self.azure.database, own, maker);
        let clock = Arc::new(ManualClock::default());
        let identities = self.identities.clone();
        let records = CosmosRecords::new(Arc::new(cosmos), identities, clock.clone(), Arc::new(OsEntropy));
        conformance::records(&records, &clock).await;
    }

    fn account(&self) -> BlobAccount {
        let (identities, tenants) = (self.identities.clone(), self.tenants.clone());
        BlobAccount::new(self.azure.blobs.as_str(), identities, tenants, self.client.clone()).unwrap()
    }

    async fn blobs(self: Arc<Self>) {
        let account = self.account();
        for name in ["conf-a", "conf-b"] {
            account.create_container(&tenant(name)).await.unwrap();
        }
        let blobs = AzureBlobs::new(account.clone());
        conformance::blobs(&blobs).await;
        let links = AzureLinks::new(account, Arc::new(SystemClock));
        conformance::links(&links, &blobs, &Http(self.client.clone())).await;
    }

    /// The host would take jobs out of the service's own queues; this one is the check's.
    async fn queue(self: Arc<Self>) {
        let credential = self.identities.of(&tenant("conf-a")).await.unwrap();
        let queue = AzureQueue::new(self.azure.queues.as_str(), credential, self.client.clone()).unwrap();
        let queues = AzureHostQueues::new(queue, Encoding::Base64);
        queues.push("smoke", b"a job".to_vec()).await.unwrap();
        let received = queues.receive("smoke", 32, Duration::from_secs(30)).await.unwrap();
        assert!(received.iter().any(|message| message.body == b"a job"), "{received:?}");
        for message in received {
            queues.delete("smoke", &message.id, &message.pop_receipt).await.unwrap();
        }
    }

    async fn index(self: Arc<Self>) {
        let settings = IndexSettings {
            endpoint: self.azure.search.clone(),
            index: self.azure.index.clone(),
            // As the suite's.
            dimensions: 4,
            fields: conformance::INDEX_FIELDS.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        };
        let entropy = Arc::new(OsEntropy);
        let index = AzureIndex::new(self.client.clone(), self.identities.clone(), entropy, settings).unwrap();
        conformance::index(&Patient(index, self.lag)).await;
    }

    async fn vault(self: Arc<Self>) {
        let shared = self.azure.vault.clone().unwrap();
        let (tenants, identities) = (self.tenants.clone(), self.identities.clone());
        let vault = Vault::new(shared, tenants, identities, self.client.clone()).unwrap();
        conformance::secrets(&vault).await;
        // The keys `conf-a--data` and `conf-a-eu--data` are an operator's to make.
        conformance::keys(&vault).await;
    }

    async fn model(self: Arc<Self>) {
        let project = self.azure.foundry.clone().unwrap();
        let (identities, name) = (self.identities.clone(), self.config.model_name.clone());
        let entropy = Arc::new(OsEntropy);
        let (client, naming) = (self.client.clone(), self.azure.naming);
        conformance::model(&FoundryModel::new(client, identities, project, entropy, naming, name)).await;
    }
}

/// Runs a suite; whether it passed.
async fn hold(name: &str, suite: impl Future<Output = ()> + Send + 'static) -> bool {
    let begun = tokio::time::Instant::now();
    let passed = tokio::spawn(suite).await.is_ok();
    let verdict = if passed { "ok" } else { "FAILED" };
    println!("{name:10} {verdict:8} {:.1} s", begun.elapsed().as_secs_f64());
    passed
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a program of its own is told by its environment")]
async fn main() -> ExitCode {
    let world = match World::new(&std::env::vars().collect()) {
        Ok(world) => Arc::new(world),
        Err(faults) => {
            println!("smoke-azure wants the settings of a deployment:\n{faults}");
            return ExitCode::from(2);
        }
    };
    let mut passed = hold("records", world.clone().records()).await;
    passed &= hold("blobs", world.clone().blobs()).await;
    passed &= hold("queue", world.clone().queue()).await;
    passed &= hold("index", world.clone().index()).await;
    if world.azure.vault.is_some() {
        passed &= hold("vault", world.clone().vault()).await;
    } else {
        println!("vault      not run  KEYVAULT_URL is not set");
    }
    if world.azure.foundry.is_some() {
        passed &= hold("model", world.clone().model()).await;
    } else {
        println!("model      not run  FOUNDRY_ENDPOINT is not set");
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
