//! A front end that breaks what is behind it, in one way.

use crate::{dev::Dev, faults::Fault};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use reqwest::Client;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A request, as a fault sees it.
#[derive(Clone)]
pub struct Asked {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// The path, after `/api/`.
    pub fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap();
        path.strip_prefix("/api/").unwrap_or(path)
    }

    pub fn token(&self) -> Option<&str> {
        let header = self.headers.get("authorization")?.to_str().ok()?;
        header.strip_prefix("Bearer ")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The same request by another one.
    pub fn by(mut self, token: &str) -> Self {
        self.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        self
    }

    pub fn without(mut self, header: &str) -> Self {
        self.headers.remove(header);
        self
    }
}

/// An answer, as a fault may change it.
#[derive(Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub fn json(body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        Self { status: 200, headers, body: body.to_string().into() }
    }

    pub fn set(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if let Ok(mut body) = serde_json::from_slice(&self.body) {
            change(&mut body);
            self.body = body.to_string().into();
        }
        self
    }
}

/// What is behind, and who is who.
pub struct Behind {
    client: Client,
    base: String,
    pub front: String,
    pub a: String,
    pub b: String,
    pub user: String,
    /// What a fault remembers.
    pub kept: Mutex<HashMap<String, Answered>>,
}

impl Behind {
    /// The good deployment's answer.
    pub async fn send(&self, asked: &Asked) -> Answered {
        let mut headers = asked.headers.clone();
        for name in ["host", "content-length", "connection", "transfer-encoding"] {
            headers.remove(name);
        }
        let url = format!("{}{}", self.base, asked.target);
        let request =
            self.client.request(asked.method.clone(), url).headers(headers).body(asked.body.clone());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answered { status, headers, body: response.bytes().await.unwrap() }
    }

    /// Whether A has what is asked for.
    pub async fn is_as(&self, asked: &Asked) -> bool {
        let ask = Asked { method: Method::GET, body: Bytes::new(), ..asked.clone() };
        self.send(&ask.by(&self.a)).await.status == 200
    }
}

/// A broken deployment.
pub struct Proxy {
    port: u16,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(dev: &Dev, fault: &'static Fault) -> Self {
        // Everywhere, so that it can also be met under a name that is not this machine's own.
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let [a, b, user] = [0, 1, 2].map(|at| dev.token(at).to_owned());
        let front = format!("http://127.0.0.1:{port}");
        let behind = Behind { client, base: dev.url(), front, a, b, user, kept: Mutex::default() };
        let router = Router::new().fallback(answer).with_state((Arc::new(behind), fault));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, task }
    }

    pub fn url(&self, host: Option<&str>) -> String {
        format!("http://{}:{}", host.unwrap_or("127.0.0.1"), self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State((behind, fault)): State<(Arc<Behind>, &'static Fault)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let asked = Asked { method: head.method, target, headers: head.headers, body };
    let answered = (fault.acts)(behind, asked).await;
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = StatusCode::from_u16(answered.status).unwrap();
    *response.headers_mut() = answered.headers;
    for name in ["content-length", "transfer-encoding", "connection"] {
        response.headers_mut().remove(name);
    }
    response
}
