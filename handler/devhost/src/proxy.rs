//! HTTP functions: the request is streamed to the worker and its answer streamed back, as the host's reverse
//! proxy does.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures::stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE_INSECURE_REQUESTS},
    request::Parts,
};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    core::Core,
    event::HostEvent,
    function::Function,
    metered::{Activity, Metered},
    wire::{self, HOST_VERSION, WorkerBody},
};

const MAX_REQUEST: u64 = 104_857_600;
const IDLE: Duration = Duration::from_secs(240);
const CONNECT_RETRIES: u32 = 10;
const HOP_BY_HOP: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "alt-svc",
    "close",
];

/// Proxies one request to the worker. `path` is the normalised path.
pub(crate) async fn proxy(
    core: &Arc<Core>,
    function: &Function,
    peer: SocketAddr,
    path: &str,
    request: Request,
) -> Response {
    let mut call = Call::new(core, function);
    let (head, body) = request.into_parts();
    if announced(&head.headers).is_some_and(|length| length > MAX_REQUEST) {
        return call.too_large();
    }
    let activity = Activity::new();
    let too_large = Arc::new(AtomicBool::new(false));
    let body = Metered::new(body, MAX_REQUEST, activity.clone(), too_large.clone());
    let upstream = match upstream(head, path, peer, core.worker.port, &call.invocation) {
        Ok(head) => http::Request::from_parts(head, body.boxed_unsync()),
        Err(reason) => return call.fail(reason),
    };
    let generation = match core.worker.ready().await {
        Ok(generation) => generation,
        Err(reason) => return call.fail(reason),
    };
    let deadline = core.host.function_timeout.and_then(|limit| Instant::now().checked_add(limit));
    let answer = tokio::select! {
        answer = wire::send(core.worker.port, upstream, CONNECT_RETRIES) => answer,
        () = activity.idle(IDLE) => return call.fail(format!("nothing was sent for {IDLE:?}")),
        () = until(deadline) => {
            let reason = call.timed_out(generation).await;
            return call.fail(reason);
        }
    };
    match answer {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            head.headers = end_to_end(&head.headers);
            head.version = Version::HTTP_11;
            call.status = Some(head.status.as_u16());
            let flow = Flow { call, body, activity, deadline, generation };
            Response::from_parts(head, Body::new(StreamBody::new(stream::unfold(Some(flow), step))))
        }
        Err(_) if too_large.load(Ordering::Relaxed) => call.too_large(),
        Err(error) => call.fail(error.to_string()),
    }
}

/// The answer's body on its way, and what can end it.
struct Flow {
    call: Call,
    body: WorkerBody,
    activity: Activity,
    deadline: Option<Instant>,
    generation: u64,
}

type Step = Result<hyper::body::Frame<bytes::Bytes>, String>;

async fn step(flow: Option<Flow>) -> Option<(Step, Option<Flow>)> {
    let mut flow = flow?;
    let reason = tokio::select! {
        frame = flow.body.frame() => match frame? {
            Ok(frame) => {
                flow.activity.touch();
                return Some((Ok(frame), Some(flow)));
            }
            Err(error) => format!("the answer broke off: {error}"),
        },
        () = flow.activity.idle(IDLE) => format!("nothing was sent for {IDLE:?}"),
        () = until(flow.deadline) => flow.call.timed_out(flow.generation).await,
    };
    flow.call.failure = Some(reason.clone());
    Some((Err(reason), None))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The head of the request to the worker.
fn upstream(head: Parts, path: &str, peer: SocketAddr, port: u16, invocation: &str) -> Result<Parts, String> {
    let host = head.headers.get(HOST).cloned();
    let mut headers = end_to_end(&head.headers);
    headers.remove(UPGRADE_INSECURE_REQUESTS);
    let set = |headers: &mut HeaderMap, name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).map_err(|error| format!("{name}: {error}"))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok::<(), String>(())
    };
    set(&mut headers, "host", &format!("127.0.0.1:{port}"))?;
    set(&mut headers, "x-forwarded-for", &peer.ip().to_canonical().to_string())?;
    set(&mut headers, "x-forwarded-proto", "http")?;
    // A header whose value is empty is not sent: without a host there is none, and a path base there never
    // is.
    headers.remove("x-forwarded-host");
    headers.remove("x-forwarded-prefix");
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    set(&mut headers, "x-azure-functions-invocationid", invocation)?;
    set(&mut headers, "x-azure-functions-hostversion", HOST_VERSION)?;
    set(&mut headers, "x-ms-invocation-id", invocation)?;
    let target = match head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let request = http::Request::builder().method(head.method).uri(target).body(());
    let mut parts = request.map_err(|error| error.to_string())?.into_parts().0;
    parts.headers = headers;
    Ok(parts)
}

/// All headers but those that concern one connection only, the ones `Connection` names included.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let kept = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        !HOP_BY_HOP.contains(&name) && !named.iter().any(|other| other == name)
    });
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One invocation's account; it reports itself when it is dropped, however the request ended.
struct Call {
    core: Arc<Core>,
    function: String,
    invocation: String,
    started: Instant,
    status: Option<u16>,
    failure: Option<String>,
}

impl Call {
    fn new(core: &Arc<Core>, function: &Function) -> Self {
        Self {
            core: core.clone(),
            function: function.info.name.clone(),
            invocation: Uuid::new_v4().to_string(),
            started: Instant::now(),
            status: None,
            failure: None,
        }
    }

    fn fail(mut self, reason: impl Into<String>) -> Response {
        self.failure = Some(reason.into());
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }

    fn too_large(mut self) -> Response {
        self.failure = Some(format!("the request body is longer than {MAX_REQUEST} bytes"));
        StatusCode::PAYLOAD_TOO_LARGE.into_response()
    }

    async fn timed_out(&self, generation: u64) -> String {
        let reason = format!("functionTimeout: {} ran longer than allowed", self.function);
        self.core.worker.restart(generation, reason.clone()).await;
        reason
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (function, invocation) = (self.function.clone(), self.invocation.clone());
        let (status, elapsed) = (self.status, self.started.elapsed());
        self.core.emit(match self.failure.take() {
            Some(reason) => HostEvent::InvocationFailed { function, invocation, reason, elapsed },
            None => HostEvent::InvocationSucceeded { function, invocation, status, elapsed },
        });
    }
}
