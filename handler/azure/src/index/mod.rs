//! The index in Azure AI Search, by its REST API.
//!
//! What one tenant may find is decided three times: by the name of each document's key, which holds its tenant's; by the
//! filter, whose first and outermost term is the tenant; and by a look at each hit. Tenants share one index, or have one of
//! their own, as their record says; in both they are told apart in the same way.
//!
//! What the service gives, and no more:
//! * What is written is found a little later, usually within a second or two.
//! * A batch is not written as a whole. Keys that fail are sent again, alone; if some fail still, the answer is an error,
//!   and writing all of it again makes it whole, because each write replaces.
//! * The weights of words are those of the whole index. So a hit's score is its rank, which tells less of other tenants'
//!   texts; a tenant that must not share even the weights has an index of its own.

mod batch;
mod document;
mod filter;
mod schema;
#[cfg(test)]
mod tests;
mod words;

pub use schema::{IndexSettings, is_index_name};

use crate::{
    Identities, Tenants,
    rest::{Answer, Call, Fault, Repeat, Rest},
};
use async_trait::async_trait;
use document::Found;
use pool::{
    SecurityEvent, TenantId,
    ports::{Entropy, Entry, EntryKey, Hit, Index, PortError, PortResult, SearchMode, SearchQuery},
};
use reqwest::Method;
use schema::Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use url::Url;

const VERSION: &str = "2026-04-01";
const SCOPE: &str = "https://search.azure.com/.default";
/// How long a search may take, and a batch of a write.
const TOTAL: Duration = Duration::from_secs(30);
/// How deep the list by vector is read before it is fused with the list by words.
const DEPTH: usize = 50;
/// What a vector's rank counts beside a word's. Words are the primary signal: weak vectors push good passages out.
const VECTOR_WEIGHT: f64 = 0.4;

/// [`Index`] in Azure AI Search.
pub struct AzureIndex {
    rest: Rest,
    total: Duration,
    tenants: Tenants,
    shared: String,
    schema: Schema,
    /// The indexes whose columns were compared with ours, and when.
    compared: Mutex<BTreeMap<String, Instant>>,
    entropy: Arc<dyn Entropy>,
}

impl AzureIndex {
    /// The index or indexes at `settings.endpoint`. `client` is [`transport`](crate::transport)'s.
    ///
    /// # Errors
    /// `Refused`, if a setting is not one that the service takes.
    pub fn new(
        client: reqwest::Client,
        identities: Arc<Identities>,
        entropy: Arc<dyn Entropy>,
        settings: IndexSettings,
    ) -> PortResult<Self> {
        let schema = Schema::new(&settings)?;
        let tenants = identities.tenants().clone();
        let rest = Rest::new(client, identities, settings.endpoint, SCOPE, entropy.clone());
        Ok(Self {
            rest,
            total: TOTAL,
            tenants,
            shared: settings.index,
            schema,
            compared: Mutex::default(),
            entropy,
        })
    }

    /// With other times: after `each` an attempt is given up and another begun, and after `total` a search, or a batch of
    /// a write. Without: 15 and 30 seconds.
    pub fn within(mut self, each: Duration, total: Duration) -> Self {
        (self.rest, self.total) = (self.rest.with_attempt(each), total);
        self
    }

    async fn index_of(&self, tenant: &TenantId) -> PortResult<String> {
        let record = self.tenants.get(tenant).await?;
        let name = match record.search_index_prefix.as_str() {
            "" => self.shared.clone(),
            prefix => format!("{prefix}-{}", self.shared),
        };
        if is_index_name(&name) {
            return Ok(name);
        }
        Err(PortError::refused("the tenant's search_index_prefix makes no name that an index can have"))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.rest.url(path);
        url.query_pairs_mut().append_pair("api-version", VERSION);
        url
    }

    /// An operation on documents. `None`: there is no index.
    async fn docs(
        &self,
        tenant: &TenantId,
        index: &str,
        operation: &str,
        body: &(impl Serialize + Sync),
        deadline: Instant,
    ) -> PortResult<Option<Answer>> {
        let url = self.url(&[&format!("indexes('{index}')"), "docs", operation]);
        // Reading changes nothing, and a write replaces: both may be done twice.
        let call = Call::new(tenant, Method::POST, url).repeat(Repeat::Safe).by(deadline).json(body)?;
        let begun = Instant::now();
        let answer = self.rest.send(call.clone()).await;
        let unknown = |error| Fault::of(error).is_some_and(|fault| fault.status == 400);
        if !answer.as_ref().is_err_and(unknown) {
            return answer;
        }
        // Perhaps a field was declared since the index was made.
        let compared = self.compared().get(index).copied();
        match compared {
            Some(at) if at < begun => return answer,
            Some(_) => {}
            None => {
                self.ensure(tenant, index, deadline).await?;
                self.compared().insert(index.to_owned(), Instant::now());
            }
        }
        self.rest.send(call).await
    }

    fn compared(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the index, or adds the columns that it lacks. It is the app that does: an index is shared, and a tenant's
    /// identity has a right to documents alone.
    async fn ensure(&self, tenant: &TenantId, index: &str, deadline: Instant) -> PortResult<()> {
        let url = self.url(&[&format!("indexes('{index}')")]);
        let call = |method| Call::new(tenant, method, url.clone()).as_app().by(deadline);
        let put = match self.rest.send(call(Method::GET)).await? {
            None => call(Method::PUT).header("if-none-match", "*")?.json(&self.schema.definition(index))?,
            Some(answer) => {
                let mut found: Value = answer.json()?;
                let etag = found["@odata.etag"].as_str().unwrap_or("*").to_owned();
                if !self.schema.complete(&mut found)? {
                    return Ok(());
                }
                call(Method::PUT).header("if-match", &etag)?.json(&found)?
            }
        };
        match self.rest.send(put).await {
            // Another instance of the service was quicker.
            Ok(_) | Err(PortError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The body of a search; `None` where nothing can be found.
    fn ask(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Option<Value>> {
        let words = words::query(&query.text);
        let (by_words, by_vector) = match (query.mode, &query.vector) {
            (SearchMode::Text, _) => (true, None),
            (_, None) => return Err(PortError::refused("a search by vector needs a vector")),
            (mode, Some(vector)) => (mode == SearchMode::Hybrid, self.schema.comparable(vector)),
        };
        let by_words = by_words && !words.is_empty();
        if !by_words && by_vector.is_none() {
            return Ok(None);
        }
        let mut body = json!({
            "filter": filter::render(&self.schema, tenant, &query.visibility, query.filter.as_ref())?,
            "select": document::SELECT,
            "top": query.top,
        });
        if by_words {
            // Without `search`, the service searches by vector alone; with an empty one, it finds everything.
            body["search"] = words.into();
            body["searchFields"] = "title,content".into();
            body["queryType"] = "simple".into();
            body["searchMode"] = "any".into();
        }
        if let Some(vector) = by_vector {
            // Filtered after, the nearest would be others', and the answer would tell that there are such.
            body["vectorFilterMode"] = "preFilter".into();
            let (k, weight) = if by_words { (query.top.max(DEPTH), VECTOR_WEIGHT) } else { (query.top, 1.0) };
            body["vectorQueries"] =
                json!([{"kind": "vector", "vector": vector, "fields": "vector", "k": k, "weight": weight}]);
        }
        Ok(Some(body))
    }
}

#[async_trait]
impl Index for AzureIndex {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        let upload = |entry: &Entry| document::upload(&self.schema, tenant, entry);
        self.write(tenant, entries.iter().map(upload).collect::<PortResult<_>>()?, true).await
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        let delete = |key: &EntryKey| document::delete(tenant, key);
        self.write(tenant, keys.iter().map(delete).collect::<PortResult<_>>()?, false).await
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        #[derive(Deserialize)]
        struct Answered {
            value: Vec<Found>,
        }
        let Some(body) = self.ask(tenant, query)? else { return Ok(Vec::new()) };
        let by_vector = body.get("search").is_none();
        let index = self.index_of(tenant).await?;
        let deadline = Instant::now() + self.total;
        let answer = self.docs(tenant, &index, "search.post.search", &body, deadline).await?;
        let Some(answer) = answer else { return Ok(Vec::new()) };
        let found: Answered = answer.json()?;
        if found.value.iter().any(|found| found.tenant_id != tenant.as_str()) {
            SecurityEvent::StoreLied.raise(Some(tenant), "search");
            return Err(PortError::refused("the index answered with another tenant's passage"));
        }
        let hit = |(rank, found): (usize, Found)| {
            let score = if by_vector { found.cosine() } else { 1.0 / (rank + 1) as f64 };
            found.hit(score, &query.text)
        };
        found.value.into_iter().enumerate().map(hit).collect()
    }
}
