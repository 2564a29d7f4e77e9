//! Cosmos DB: the emulator of Microsoft's own driver, behind HTTP.
//!
//! It keeps partitions apart as the service does. What it lets pass and the service does not is refused here: requests
//! without a token, documents without a partition key, queries across partitions. What the service does and it does not,
//! the [sweeper](Cosmos::sweep) does: it drops documents whose time to live is over.

use crate::{
    Identity, Server,
    audit::{Asked, Audit},
    faults::Fault,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use azure_core::http::{
    Method, Request as CoreRequest, Url,
    headers::{HeaderName, HeaderValue},
};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;

/// The audience of tokens for the account: what the driver asks for where it cannot have one of the account's own.
pub const AUDIENCES: [&str; 2] = ["https://cosmos.azure.com", "https://127.0.0.1.documents.azure.com"];

/// A Cosmos DB account with one database, `pool`, and the containers `documents` and `tenants`.
pub struct Cosmos {
    server: Server,
    account: Arc<Account>,
}

struct Account {
    emulator: OnceLock<Arc<InMemoryEmulatorHttpClient>>,
    base: OnceLock<String>,
    identity: Identity,
    audit: Audit,
    /// What happens to the next requests of documents, and to how many.
    plan: Mutex<Option<(Fault, usize)>>,
    seen: AtomicUsize,
    /// Whose partition is answered from, instead of whose.
    lie: Mutex<Option<(String, String)>>,
}

impl Cosmos {
    /// Starts one that believes the tokens of `identity`.
    pub async fn start(identity: &Identity, audit: &Audit) -> Self {
        let account = Arc::new(Account {
            emulator: OnceLock::new(),
            base: OnceLock::new(),
            identity: identity.clone(),
            audit: audit.clone(),
            plan: Mutex::default(),
            seen: AtomicUsize::new(0),
            lie: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(account.clone());
        let server = Server::plain(router).await;
        let base = server.url();
        let region = VirtualRegion::new("East US", Url::parse(&base).unwrap());
        let config = VirtualAccountConfig::new(vec![region]).unwrap();
        let config = config.with_consistency(ConsistencyLevel::Session);
        let emulator = Arc::new(InMemoryEmulatorHttpClient::new(config));
        emulator.store().create_database("pool");
        emulator.store().create_container("pool", "documents", "/tenantId".into());
        emulator.store().create_container("pool", "tenants", "/kind".into());
        let _ = account.emulator.set(emulator);
        let _ = account.base.set(base);
        Self { server, account }
    }

    /// `COSMOS_ENDPOINT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The next `times` requests of documents meet this fault.
    pub fn plan(&self, fault: Fault, times: usize) {
        *self.account.plan.lock().unwrap() = Some((fault, times));
        self.account.seen.store(0, Ordering::SeqCst);
    }

    /// From now on, requests in the partition `of` are done in the partition `from`, as if no partition and no
    /// predicate were heeded.
    pub fn lie(&self, of: &str, from: &str) {
        *self.account.lie.lock().unwrap() = Some((of.to_owned(), from.to_owned()));
    }

    /// How many requests of documents came since the last plan.
    pub fn seen(&self) -> usize {
        self.account.seen.load(Ordering::SeqCst)
    }

    /// Every document of a partition, as stored; by a way that no client has.
    pub async fn documents(&self, container: &str, partition: &str) -> Vec<Value> {
        let query = r#"{"query":"SELECT * FROM c","parameters":[]}"#;
        let headers = [
            ("x-ms-documentdb-partitionkey", serde_json::json!([partition]).to_string()),
            ("x-ms-documentdb-isquery", "True".to_owned()),
            ("content-type", "application/query+json".to_owned()),
            ("x-ms-max-item-count", "-1".to_owned()),
        ];
        let path = format!("/dbs/pool/colls/{container}/docs");
        let (status, _, body) = self.account.send(Method::Post, &path, &headers, query.as_bytes()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["Documents"].as_array().unwrap().clone()
    }

    /// Writes a document that no client would; by a way that no client has.
    pub async fn put(&self, container: &str, partition: &str, document: &Value) {
        let key = serde_json::json!([partition]).to_string();
        let headers =
            [("x-ms-documentdb-partitionkey", key), ("x-ms-documentdb-is-upsert", "True".to_owned())];
        let (path, body) = (format!("/dbs/pool/colls/{container}/docs"), document.to_string());
        let (status, ..) = self.account.send(Method::Post, &path, &headers, body.as_bytes()).await;
        assert!(matches!(status, 200 | 201), "{status}");
    }

    /// Drops the documents of a partition whose `ttl` has passed since `_ts`, as the service does by and by.
    pub async fn sweep(&self, container: &str, partition: &str, now: i64) -> usize {
        let mut dropped = 0;
        for document in self.documents(container, partition).await {
            let over = document["ttl"].as_i64().is_some_and(|ttl| {
                ttl > 0 && document["_ts"].as_i64().unwrap_or(i64::MAX).saturating_add(ttl) <= now
            });
            if over {
                let path = format!("/dbs/pool/colls/{container}/docs/{}", document["id"].as_str().unwrap());
                let key = serde_json::json!([partition]).to_string();
                let headers = [("x-ms-documentdb-partitionkey", key)];
                self.account.send(Method::Delete, &path, &headers, b"").await;
                dropped += 1;
            }
        }
        dropped
    }
}

impl Account {
    /// The request that is done instead, where a lie is told.
    fn lied(&self, headers: &mut HeaderMap, body: Bytes) -> Bytes {
        const PARTITION: &str = "x-ms-documentdb-partitionkey";
        let Some((of, from)) = self.lie.lock().unwrap().clone() else { return body };
        let quoted = serde_json::json!(of).to_string();
        if !header(headers, PARTITION).is_some_and(|key| key.contains(&quoted)) {
            return body;
        }
        headers.insert(PARTITION, serde_json::json!([from]).to_string().parse().unwrap());
        if header(headers, "x-ms-documentdb-isquery").is_none() {
            return body;
        }
        let text = String::from_utf8_lossy(&body);
        Bytes::from(text.replace(&quoted, &serde_json::json!(from).to_string()))
    }

    fn fault(&self) -> Option<Fault> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.plan.lock().unwrap();
        let (fault, left) = plan.as_mut().filter(|(_, left)| *left > 0)?;
        *left -= 1;
        Some(*fault)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> (u16, Vec<(String, String)>, Bytes) {
        let base = self.base.get().unwrap();
        let mut request = CoreRequest::new(Url::parse(&format!("{base}{path}")).unwrap(), method);
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value.clone()));
        }
        self.execute(request, body).await
    }

    async fn execute(&self, mut request: CoreRequest, body: &[u8]) -> (u16, Vec<(String, String)>, Bytes) {
        request.set_body(body.to_vec());
        // A query over many documents takes its time, and a server that answers no ping meanwhile is taken for dead.
        let (emulator, runtime) = (self.emulator.get().unwrap().clone(), Handle::current());
        let execute = move || runtime.block_on(async move { emulator.execute_request(&request).await });
        match tokio::task::spawn_blocking(execute).await.unwrap() {
            Ok(answer) => {
                let raw = answer.try_into_raw_response().await.unwrap();
                let headers = raw.headers().iter();
                let headers =
                    headers.map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
                (u16::from(raw.status()), headers.collect(), Bytes::copy_from_slice(raw.body().as_ref()))
            }
            Err(fault) => (503, Vec::new(), Bytes::from(fault.to_string())),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token in `type=aad&ver=1.0&sig=…`.
fn token(headers: &HeaderMap) -> Option<String> {
    let decoded = percent_decode_str(header(headers, "authorization")?).decode_utf8().ok()?.into_owned();
    decoded.strip_prefix("type=aad&ver=1.0&sig=").map(str::to_owned)
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({"code": code, "message": message}))).into_response()
}

async fn answer(State(account): State<Arc<Account>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4 << 20).await.unwrap_or_default();
    let Some(claims) = token(&parts.headers).and_then(|token| {
        AUDIENCES.iter().find_map(|audience| account.identity.check_token(&token, audience))
    }) else {
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "the token is not for this account");
    };
    let partition = header(&parts.headers, "x-ms-documentdb-partitionkey").map(str::to_owned);
    let partition = partition.as_deref();
    if let Some(refusal) = strict(&parts, partition, &body) {
        return refusal;
    }
    let documents = parts.uri.path().contains("/docs");
    if documents {
        let tenant = partition.and_then(|key| serde_json::from_str::<Vec<String>>(key).ok()?.pop());
        let container = parts.uri.path().split('/').nth(4).unwrap_or_default();
        account.audit.note(Asked {
            service: "cosmos",
            identity: claims.identity,
            audience: claims.audience,
            tenant,
            what: format!("{} {container}", parts.method),
        });
    }
    let body = account.lied(&mut parts.headers, body);
    let method = match parts.method.as_str() {
        "GET" => Method::Get,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        _ => Method::Post,
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = Url::parse(&format!("{}{path}", account.base.get().unwrap())).unwrap();
    let mut request = CoreRequest::new(url, method);
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            request
                .headers_mut()
                .insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    let fault = if documents { account.fault() } else { None };
    match fault {
        Some(Fault::Status(status, header)) => {
            let answer = Response::builder().status(status);
            let answer = header.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value));
            return answer.body(Body::from(r#"{"code":"Fault","message":"as planned"}"#)).unwrap();
        }
        // The connection ends without an answer.
        Some(Fault::Reset) => std::panic::resume_unwind(Box::new("as planned")),
        Some(Fault::HalfOpen) => std::future::pending().await,
        _ => {}
    }
    let (status, headers, body) = account.execute(request, &body).await;
    let body = match fault {
        Some(Fault::Lost | Fault::Garbage) => std::panic::resume_unwind(Box::new("as planned")),
        Some(Fault::Truncated) => {
            let half = [Ok(body.slice(..body.len() / 2)), Err(std::io::Error::other("as planned"))];
            Body::from_stream(futures::stream::iter(half))
        }
        Some(Fault::Noise) => Body::from(body.iter().map(|byte| byte ^ 0x95).collect::<Vec<_>>()),
        Some(Fault::Slow) => {
            let bytes = futures::stream::iter(body.to_vec()).then(|byte| async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok::<_, std::io::Error>(vec![byte])
            });
            Body::from_stream(bytes)
        }
        _ => Body::from(body),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        if !["content-length", "transfer-encoding"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response.body(body).unwrap()
}

/// What the service refuses and the emulator does not, and what no request of a pool may do.
fn strict(parts: &Parts, partition: Option<&str>, body: &[u8]) -> Option<Response> {
    let path: Vec<_> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let documents = path.first() == Some(&"dbs") && path.get(4) == Some(&"docs");
    let plan = header(&parts.headers, "x-ms-cosmos-is-query-plan-request") == Some("True");
    if !documents || plan {
        return None;
    }
    if header(&parts.headers, "x-ms-documentdb-query-enablecrosspartition").is_some_and(|on| on == "True")
        || partition.is_none_or(|key| key == "[]")
    {
        return Some(refuse(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "x-ms-documentdb-partitionkey must name a partition",
        ));
    }
    (body.len() > 2 << 20)
        .then(|| refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "a request is at most 2 MB"))
}
