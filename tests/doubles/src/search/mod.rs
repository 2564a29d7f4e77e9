//! Azure AI Search, as far as an index of passages needs it: index definitions, batches of documents, searches by words,
//! by vector and by both, with filters that are really evaluated, over the documents of all tenants.
//!
//! It refuses what the service refuses, with the service's statuses. Weights of words are those of the whole index, as in
//! the service; what is written is found at once, as it is not in the service.

mod documents;
mod odata;
mod query;
mod schema;
mod simple;
mod text;

pub use odata::{Expr, Literal, Op, parse};

use crate::{Asked, Audit, Ca, Claims, Identity, Server};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header::ETAG},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use schema::Schema;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// The one version of the API that is spoken.
pub const VERSION: &str = "2026-04-01";
/// Whom tokens must be for.
pub const AUDIENCE: &str = "https://search.azure.com";
/// The service's largest request.
const LARGEST: usize = 16 << 20;

/// A document.
type Document = Map<String, Value>;

/// The service.
pub struct Search {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    identity: Identity,
    audit: Audit,
    indexes: Mutex<BTreeMap<String, Stored>>,
    /// What the next actions on documents are answered, instead of being done.
    refusals: Mutex<VecDeque<u16>>,
}

#[derive(Default)]
struct Stored {
    definition: Value,
    schema: Schema,
    version: u64,
    documents: BTreeMap<String, Document>,
}

/// A request that is refused: the status, and what was wrong, for whoever reads a failing test.
type Refused = (StatusCode, String);

fn bad(message: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, message.into())
}

impl Search {
    /// Starts one without an index. It believes `identity`'s tokens.
    pub async fn start(ca: &Ca, identity: &Identity, audit: &Audit) -> Self {
        let shared = Arc::new(Shared {
            identity: identity.clone(),
            audit: audit.clone(),
            indexes: Mutex::default(),
            refusals: Mutex::default(),
        });
        let router = Router::new()
            .route("/{index}", get(index).put(index).delete(index))
            .route("/{index}/docs/{operation}", post(docs))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(shared.clone());
        Self { server: Server::tls(ca, router).await, shared }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The next actions on documents are not done, but answered these statuses, one each; then all is well again.
    pub fn refuse(&self, statuses: impl IntoIterator<Item = u16>) {
        self.shared.refusals.lock().unwrap().extend(statuses);
    }

    /// All documents of an index.
    pub fn documents(&self, index: &str) -> Vec<Map<String, Value>> {
        let indexes = self.shared.indexes.lock().unwrap();
        indexes.get(index).map(|index| index.documents.values().cloned().collect()).unwrap_or_default()
    }

    /// Changes a document behind everybody's back.
    pub fn tamper(&self, index: &str, change: impl FnMut(&mut Map<String, Value>)) {
        let mut indexes = self.shared.indexes.lock().unwrap();
        indexes.get_mut(index).unwrap().documents.values_mut().for_each(change);
    }

    /// The names of all indexes.
    pub fn indexes(&self) -> Vec<String> {
        self.shared.indexes.lock().unwrap().keys().cloned().collect()
    }

    /// The definition of an index.
    pub fn definition(&self, index: &str) -> Value {
        self.shared.indexes.lock().unwrap()[index].definition.clone()
    }
}

impl Shared {
    /// Who asks, if they may.
    fn admit(&self, headers: &HeaderMap, query: Option<&str>) -> Result<Claims, Refused> {
        let claims = self.identity.check(headers, AUDIENCE);
        let claims = claims.ok_or((StatusCode::UNAUTHORIZED, "no token for search".to_owned()))?;
        if query != Some(&format!("api-version={VERSION}")) {
            return Err(bad("the api-version is not known"));
        }
        Ok(claims)
    }

    fn note(&self, claims: &Claims, tenants: impl IntoIterator<Item = Option<String>>, what: &str) {
        for tenant in tenants {
            self.audit.note(Asked {
                service: "search",
                identity: claims.identity.clone(),
                audience: claims.audience.clone(),
                tenant,
                what: what.to_owned(),
            });
        }
    }
}

/// The name in `indexes('name')`.
fn name(segment: &str) -> Result<String, Refused> {
    let name = segment.strip_prefix("indexes('").and_then(|rest| rest.strip_suffix("')"));
    name.map(str::to_owned).ok_or((StatusCode::NOT_FOUND, "no such path".to_owned()))
}

fn answer(result: Result<Response, Refused>) -> Response {
    result.unwrap_or_else(|(status, message)| {
        (status, Json(json!({"error": {"code": status.as_str(), "message": message}}))).into_response()
    })
}

async fn index(
    State(shared): State<Arc<Shared>>,
    method: Method,
    Path(segment): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(define(&shared, &method, &segment, query.as_deref(), &headers, &body))
}

fn define(
    shared: &Shared,
    method: &Method,
    segment: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refused> {
    let (claims, name) = (shared.admit(headers, query)?, name(segment)?);
    shared.note(&claims, [None], &format!("{method} index"));
    let mut indexes = shared.indexes.lock().unwrap();
    let etag = indexes.get(&name).map(|stored| format!("\"{}\"", stored.version));
    let condition = |header: &str| headers.get(header).and_then(|value| value.to_str().ok());
    let matched = |wanted: &str| etag.as_deref().is_some_and(|etag| wanted == "*" || wanted == etag);
    if condition("if-match").is_some_and(|wanted| !matched(wanted))
        || condition("if-none-match").is_some_and(matched)
    {
        return Err((StatusCode::PRECONDITION_FAILED, "a condition does not hold".to_owned()));
    }
    let absent = || (StatusCode::NOT_FOUND, "no such index".to_owned());
    match *method {
        Method::PUT => {
            let definition: Value = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
            let schema = Schema::read(&name, &definition)?;
            let stored = indexes.entry(name).or_default();
            schema.may_replace(&stored.schema)?;
            let status = if stored.version == 0 { StatusCode::CREATED } else { StatusCode::OK };
            (stored.definition, stored.schema, stored.version) = (definition, schema, stored.version + 1);
            Ok((status, described(stored)).into_response())
        }
        Method::DELETE => {
            indexes.remove(&name).map(|_| StatusCode::NO_CONTENT.into_response()).ok_or_else(absent)
        }
        _ => indexes.get(&name).map(|stored| described(stored).into_response()).ok_or_else(absent),
    }
}

fn described(stored: &Stored) -> impl IntoResponse + use<> {
    let (mut definition, etag) = (stored.definition.clone(), format!("\"{}\"", stored.version));
    definition["@odata.etag"] = etag.clone().into();
    ([(ETAG, HeaderValue::try_from(etag).unwrap())], Json(definition))
}

async fn docs(
    State(shared): State<Arc<Shared>>,
    Path((segment, operation)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(operate(&shared, &segment, &operation, query.as_deref(), &headers, &body))
}

fn operate(
    shared: &Shared,
    segment: &str,
    operation: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refused> {
    let (claims, name) = (shared.admit(headers, query)?, name(segment)?);
    let body: Value = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let mut indexes = shared.indexes.lock().unwrap();
    let absent = || (StatusCode::NOT_FOUND, "no such index".to_owned());
    let stored = indexes.get_mut(&name).ok_or_else(absent)?;
    let what = format!("POST docs/{operation}");
    match operation {
        "search.index" => {
            let actions = documents::actions(&stored.schema, &body)?;
            let touched: BTreeSet<Option<String>> =
                actions.iter().map(|action| action.tenant(&stored.documents)).collect();
            shared.note(&claims, touched, &what);
            let mut refusals = shared.refusals.lock().unwrap();
            let results: Vec<Value> = actions
                .into_iter()
                .map(|action| action.run(&mut stored.documents, refusals.pop_front()))
                .collect();
            let whole = results.iter().all(|result| result["status"] == true);
            let status = if whole { StatusCode::OK } else { StatusCode::MULTI_STATUS };
            Ok((status, Json(json!({"value": results}))).into_response())
        }
        "search.post.search" => {
            let query = query::Query::read(&stored.schema, &body)?;
            shared.note(&claims, [query.tenant()], &what);
            Ok(Json(json!({"value": query.run(&stored.schema, &stored.documents)})).into_response())
        }
        _ => Err((StatusCode::NOT_FOUND, "no such operation".to_owned())),
    }
}
