//! What stands in for Azure on this machine: Azurite, the Cosmos DB driver's emulator, and doubles of the rest.

use crate::canary;
use ::azure::{AzureHostQueues, AzureQueue, Cosmos, CosmosDirectory, Encoding, transport_trusting};
use doubles::{
    Asked, Audit, Ca, Identity, Noted, cosmos,
    foundry::{self, Foundry},
    search::{self, Search},
    storage::{self, Storage},
    vault::{self, Vault},
};
use pool::{TenantRecord, ports::Directory};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The app's own identity.
const APP: &str = "id-of-the-app";
/// Tenants that have an identity of their own. `northwind` has none: the app's does its work.
const OWN: [(&str, &str, &str); 2] =
    [("contoso", "Contoso Ltd.", "id-of-contoso"), ("fabrikam", "Fabrikam, Inc.", "id-of-fabrikam")];

/// Whether the suite runs on the Azure backend: `TESTS_BACKEND=azure`.
#[expect(clippy::disallowed_methods, reason = "a harness is told by its caller")]
pub fn chosen() -> bool {
    match std::env::var("TESTS_BACKEND").as_deref() {
        Ok("azure") => true,
        Ok("local") | Err(_) => false,
        Ok(other) => panic!("TESTS_BACKEND is `local` or `azure`, not `{other}`"),
    }
}

/// The services behind one `dev`.
pub struct Stack {
    ca: Ca,
    audit: Audit,
    identity: Identity,
    cosmos: cosmos::Cosmos,
    storage: Storage,
    search: Search,
    foundry: Foundry,
    vault: Vault,
}

impl Stack {
    /// The stack of a state folder: what a `dev` on the same folder finds again when it is started again.
    pub async fn of(state: &Path) -> Arc<Self> {
        static STACKS: OnceLock<Mutex<HashMap<PathBuf, Arc<Stack>>>> = OnceLock::new();
        let stacks = STACKS.get_or_init(Mutex::default);
        let known = stacks.lock().unwrap_or_else(PoisonError::into_inner).get(state).cloned();
        if let Some(stack) = known {
            return stack;
        }
        let stack = Arc::new(Self::start().await);
        stacks.lock().unwrap_or_else(PoisonError::into_inner).insert(state.to_owned(), stack.clone());
        stack
    }

    async fn start() -> Self {
        doubles::read_with(|text| canary::whose(text).collect());
        let (ca, audit) = (Ca::new(), Audit::default());
        let identity = Identity::start(&[APP, OWN[0].2, OWN[1].2], &audit).await;
        let cosmos = cosmos::Cosmos::start(&identity, &audit).await;
        let storage = Storage::start(&ca, &identity, &audit).await;
        let search = Search::start(&ca, &identity, &audit).await;
        let foundry = Foundry::start(&ca, &identity, &audit).await;
        let vault = Vault::start(&ca, &identity, &audit).await;
        let stack = Self { ca, audit, identity, cosmos, storage, search, foundry, vault };
        stack.seed().await;
        stack
    }

    /// Writes tenants with identities of their own, as an operator does.
    async fn seed(&self) {
        let directory = self.directory();
        for (id, name, identity) in OWN {
            let managed_identity_client_id = Some(identity.to_owned());
            let record = TenantRecord { managed_identity_client_id, ..TenantRecord::new(id, name) };
            directory.put(&record).await.expect("a tenant");
        }
    }

    /// The environment of a `dev` that runs on it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let settings = [
            ("POOL_BACKEND", "azure".to_owned()),
            ("AZURE_CLIENT_ID", APP.to_owned()),
            ("COSMOS_ENDPOINT", self.cosmos.url()),
            ("STORAGE_ACCOUNT_URL", self.storage.blob_url()),
            ("STORAGE_QUEUE_URL", self.storage.queue_url()),
            ("SEARCH_ENDPOINT", self.search.url()),
            ("KEYVAULT_URL", self.vault.url()),
            ("FOUNDRY_ENDPOINT", self.foundry.url()),
            ("MODEL_NAME", "offline".to_owned()),
            ("SSL_CERT_FILE", self.ca.file().display().to_string()),
        ];
        let all = settings.into_iter().chain(self.identity.environment());
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The directory, as an operator has it.
    pub fn directory(&self) -> Arc<dyn Directory> {
        let identity = self.identity.clone();
        let maker: ::azure::Maker = Arc::new(move |id| Ok(identity.credential(id)));
        let url = self.cosmos.url().parse().expect("a URL");
        Arc::new(CosmosDirectory::new(Arc::new(Cosmos::new(url, "pool", Some(APP.to_owned()), maker))))
    }

    /// The vaults, as their operator has them.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The queues, as the host has them.
    pub fn queues(&self) -> AzureHostQueues {
        let queues =
            AzureQueue::new(&self.storage.queue_url(), self.identity.credential(Some(APP)), self.client());
        AzureHostQueues::new(queues.expect("queues"), Encoding::Base64)
    }

    /// The URL of a blob, and a token of the app's for it.
    pub fn blob(&self, path: &str) -> (String, String) {
        let url = format!("{}/{path}", self.storage.blob_url().trim_end_matches('/'));
        (url, self.identity.mint(APP, storage::AUDIENCE))
    }

    /// A client that trusts the stack.
    pub fn client(&self) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.ca.pem().as_bytes()).expect("a certificate");
        transport_trusting([root]).expect("a client")
    }

    /// Holds everything that was asked so far to what is configured: whom for which audience, and whose part of it; and
    /// what was sent along to the words of whose part it is.
    ///
    /// # Panics
    /// If an identity asked for what is not its own, or was sent along with another tenant's words.
    pub fn audited(&self) {
        let own: Vec<_> = OWN.iter().map(|(.., identity)| *identity).chain([APP]).collect();
        for Noted { asked, words } in self.audit.noted() {
            let whose = asked.tenant.as_deref().map(|tenant| tenant.trim_start_matches("uploads/"));
            // A name in Foundry that is nobody's yet does not tell whose the words have to be; but they are one tenant's.
            let known = asked.service != "foundry" || whose.is_some();
            let own_words =
                if known { words.iter().all(|word| Some(*word) == whose) } else { words.len() < 2 };
            assert!(own_words, "words of {words:?} in {asked:?}");
            let audiences: &[&str] = match asked.service {
                "cosmos" => &cosmos::AUDIENCES,
                "search" => &[search::AUDIENCE],
                "foundry" => &[foundry::AUDIENCE],
                "vault" => &[vault::AUDIENCE],
                "blob" | "queue" | "link" => &[storage::AUDIENCE],
                _ => &[
                    "https://cosmos.azure.com",
                    search::AUDIENCE,
                    foundry::AUDIENCE,
                    vault::AUDIENCE,
                    storage::AUDIENCE,
                ],
            };
            let audience = asked.audience.trim_end_matches('/');
            let known = audiences.contains(&audience) || audience.ends_with(".documents.azure.com");
            assert!(known && own.contains(&asked.identity.as_str()), "{asked:?}");
            let rightful = match asked.tenant.as_deref() {
                // Keys that sign links are of the account, and each identity asks for its own.
                None if asked.service == "blob" && asked.what == "POST account" => continue,
                // A document that is not there is nobody's, and may be deleted by anyone.
                None if asked.what == "POST docs/search.index" => continue,
                // `dev` makes the containers, as an operator does, and looks at them, as Event Grid does.
                Some(_)
                    if asked.service == "blob" && ["PUT container", "GET list"].contains(&&*asked.what) =>
                {
                    APP
                }
                // The directory is in one partition, and an index is no tenant's.
                None | Some("tenant") if !["identity", "foundry"].contains(&asked.service) => APP,
                Some(tenant) => Self::identity_of(tenant),
                // A name in Foundry that is nobody's yet tells nothing; nor does a question for a token.
                None => continue,
            };
            assert_eq!(asked.identity, rightful, "{asked:?}");
        }
    }

    /// How much was asked so far.
    pub fn count(&self) -> usize {
        self.audit.all().len()
    }

    /// What tenants' own identities have asked for since then. The app's is always at work.
    pub fn asked_since(&self, count: usize) -> Vec<Asked> {
        let since = self.audit.all().into_iter().skip(count);
        since.filter(|asked| asked.identity != APP && asked.service != "identity").collect()
    }

    /// The identity that may touch a tenant's part of a service.
    fn identity_of(tenant: &str) -> &'static str {
        OWN.iter().find(|(id, ..)| *id == tenant).map_or(APP, |(.., own)| own)
    }
}
