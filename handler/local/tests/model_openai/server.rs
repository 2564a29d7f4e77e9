//! A server that answers what a test tells it to, and keeps what it was sent.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use local::model::{Endpoint, OpenAiCompatible, Secret};
use pool::ports::{Clock, Item, Model as _, ModelEvent, PortResult, Role, StepRequest};
use serde_json::Value;
use std::{
    io,
    sync::{Arc, Mutex},
};

pub(crate) const KEY: &str = "sk-canary-1234";

/// A request, as it came.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) uri: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

type Script = Arc<dyn Fn(usize, &Value) -> Response + Send + Sync>;

pub(crate) struct Server {
    pub(crate) base: String,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Server {
    /// Answers each request by its number and its body.
    pub(crate) async fn start(script: impl Fn(usize, &Value) -> Response + Send + Sync + 'static) -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(script);
        let app = Router::new().fallback(answer).with_state((sent.clone(), script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, sent }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no panic").clone()
    }

    pub(crate) fn endpoint(&self) -> Arc<Endpoint> {
        endpoint(&self.base)
    }

    /// One step of a short conversation, to its end.
    pub(crate) async fn step(&self) -> PortResult<Vec<PortResult<ModelEvent>>> {
        self.step_with(hello()).await
    }

    pub(crate) async fn step_with(&self, request: StepRequest) -> PortResult<Vec<PortResult<ModelEvent>>> {
        let model = OpenAiCompatible::new(self.endpoint(), "default-model");
        Ok(model.step(&pool::testing::tenant("contoso"), request).await?.collect().await)
    }
}

pub(crate) fn endpoint(base: &str) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(base, Some(&Secret::new(KEY)), Arc::new(Noon)).expect("an endpoint"))
}

pub(crate) fn hello() -> StepRequest {
    StepRequest {
        instructions: "Be brief.".into(),
        items: vec![Item::Message { role: Role::User, text: "Hello?".into() }],
        ..StepRequest::default()
    }
}

/// A stream of events that comes in these pieces.
pub(crate) fn streamed(pieces: Vec<Vec<u8>>) -> Response {
    body(Body::from_stream(stream::iter(pieces).map(|piece| Ok::<_, io::Error>(Bytes::from(piece)))))
}

/// A stream that breaks after these pieces.
pub(crate) fn broken(pieces: Vec<Vec<u8>>) -> Response {
    let pieces = stream::iter(pieces).map(|piece| Ok(Bytes::from(piece)));
    let reset = stream::once(async {
        // The pieces must be out first, or there is nothing to break off.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Err(io::Error::other("reset"))
    });
    body(Body::from_stream(pieces.chain(reset)))
}

pub(crate) fn body(body: Body) -> Response {
    Response::builder().header("content-type", "text/event-stream").body(body).expect("a response")
}

/// Data lines, each an event.
pub(crate) fn sse(events: &[&str]) -> Vec<u8> {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into_bytes()
}

async fn answer(State((sent, script)): State<(Arc<Mutex<Vec<Sent>>>, Script)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 24).await.expect("a body");
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let authorization =
        parts.headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
    let number = {
        let mut sent = sent.lock().expect("no panic");
        sent.push(Sent { uri: parts.uri.to_string(), authorization, body: body.clone() });
        sent.len() - 1
    };
    script(number, &body)
}

/// It is always the same noon.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-01T12:00:00Z".parse().expect("a time")
    }
}
