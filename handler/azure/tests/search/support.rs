//! The double, clients of it, and a client that does as it likes.

use async_trait::async_trait;
use azure::{AzureIndex, Identities, IndexSettings, Tenants};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use doubles::{
    Audit, Ca, Identity,
    search::{AUDIENCE, Search, VERSION},
};
use pool::{
    FieldType, TenantRecord,
    conformance::{
        INDEX_FIELDS as FIELDS,
        memory::{MemoryDirectory, SeededEntropy},
    },
    ports::{Entry, EntryKey, Hit, SearchMode, SearchQuery, Visibility},
};
use reqwest::Method;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) const SHARED: &str = "documents";

pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) audit: Audit,
    pub(crate) identity: Identity,
    pub(crate) search: Search,
    pub(crate) client: reqwest::Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (ca, audit) = (Ca::new(), Audit::default());
        let identity = Identity::start(&["id-of-b"], &audit).await;
        let search = Search::start(&ca, &identity, &audit).await;
        let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
        let client = azure::transport_trusting([root]).unwrap();
        Self { ca, audit, identity, search, client }
    }

    /// The index, for `conf-a`, `conf-b` (with an identity of its own) and `conf-c`, which share one.
    pub(crate) fn index(&self) -> AzureIndex {
        self.index_at(&self.search.url(), "", &FIELDS)
    }

    /// The same, at another address, with an index a tenant if there is a prefix, and with other fields.
    pub(crate) fn index_at(&self, url: &str, prefix: &str, fields: &[(&str, FieldType)]) -> AzureIndex {
        let records = ["conf-a", "conf-b", "conf-c"].map(|id| TenantRecord {
            search_index_prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}-{id}") },
            managed_identity_client_id: (id == "conf-b").then(|| "id-of-b".to_owned()),
            ..TenantRecord::new(id, id)
        });
        let tenants = Tenants::new(Arc::new(MemoryDirectory::new(records)));
        let identity = self.identity.clone();
        let maker = move |id: Option<&str>| {
            let name = id.unwrap_or("system").to_owned();
            Ok(Arc::new(Minted { identity: identity.clone(), name }) as Arc<dyn TokenCredential>)
        };
        let identities = Arc::new(Identities::new(None, tenants, Arc::new(maker)));
        let settings = IndexSettings {
            endpoint: url.parse().unwrap(),
            index: SHARED.to_owned(),
            dimensions: 4,
            fields: fields.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
        };
        AzureIndex::new(self.client.clone(), identities, Arc::new(SeededEntropy::new(5)), settings).unwrap()
    }

    /// A request of a client that does as it likes: status and body.
    pub(crate) async fn raw(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let token = self.identity.mint("system", AUDIENCE);
        self.raw_with(method, &format!("{path}?api-version={VERSION}"), &token, body).await
    }

    pub(crate) async fn raw_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
    ) -> (u16, Value) {
        let request = self.client.request(method, format!("{}/{path}", self.search.url()));
        let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn raw_search(&self, body: Value) -> (u16, Value) {
        self.raw(Method::POST, &format!("indexes('{SHARED}')/docs/search.post.search"), body).await
    }

    pub(crate) async fn raw_write(&self, body: Value) -> (u16, Value) {
        self.raw(Method::POST, &format!("indexes('{SHARED}')/docs/search.index"), body).await
    }
}

struct Minted {
    identity: Identity,
    name: String,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[async_trait]
impl TokenCredential for Minted {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.identity.mint(&self.name, scopes[0].strip_suffix("/.default").unwrap());
        Ok(AccessToken::new(token, OffsetDateTime::now_utc() + Duration::from_secs(3_600)))
    }
}

pub(crate) fn entry(source: &str, content: &str) -> Entry {
    Entry {
        key: EntryKey { source: source.to_owned(), chunk: 0 },
        owner: None,
        title: "t".to_owned(),
        content: content.to_owned(),
        place: String::new(),
        fields: BTreeMap::new(),
        vector: None,
    }
}

pub(crate) fn text(words: &str) -> SearchQuery {
    SearchQuery {
        mode: SearchMode::Text,
        text: words.to_owned(),
        vector: None,
        filter: None,
        visibility: Visibility::Tenant,
        top: 100,
    }
}

pub(crate) fn sources(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.entry.key.source.as_str()).collect()
}
