//! `/admin`: run a function by hand, list the functions, tell the host's state.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth, blob, clock,
    core::Core,
    function::{AuthLevel, Function, Trigger, TriggerInfo},
    invoke::detached,
    queue,
    storage::QueueMessage,
    timer,
    wire::HOST_VERSION,
    worker::Status,
};

const MAX_INPUT: usize = 1 << 20;

/// `rest` is the path after `/admin`.
pub(crate) async fn handle(core: &Arc<Core>, rest: &str, request: Request) -> Response {
    let (keys, query) = (core.options.auth.as_ref(), request.uri().query());
    if !auth::allows(keys, AuthLevel::Admin, "", request.headers(), query) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let method = request.method().clone();
    let parts: Vec<String> = rest.split('/').skip(1).map(str::to_ascii_lowercase).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (method, &parts[..]) {
        (Method::GET, ["host", "status"]) => json_response(&status(core)),
        (Method::GET, ["functions"]) => {
            json_response(&core.functions.iter().map(|function| describe(function)).collect())
        }
        (Method::GET, ["functions", name]) => match find(core, name) {
            Some(function) => json_response(&describe(&function)),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (Method::POST, ["functions", name]) => match find(core, name) {
            Some(function) => invoke(core, function, request.into_body()).await,
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn json_response(json: &Value) -> Response {
    ([("content-type", "application/json; charset=utf-8")], json.to_string()).into_response()
}

fn find(core: &Core, name: &str) -> Option<Arc<Function>> {
    core.functions.iter().find(|function| function.info.name.eq_ignore_ascii_case(name)).cloned()
}

fn status(core: &Core) -> Value {
    let (state, error) = match core.worker.status() {
        Status::Starting => ("Initialized", None),
        Status::Ready { .. } => ("Running", None),
        Status::Dead => ("Running", Some("the worker exited with 0".to_owned())),
        Status::Stopped(reason) => ("Error", Some(reason)),
    };
    json!({ "id": "devhost", "state": state, "version": HOST_VERSION, "errors": error.as_slice() })
}

fn describe(function: &Function) -> Value {
    let info = &function.info;
    let (kind, detail) = match &info.trigger {
        TriggerInfo::Http { route, methods, .. } => {
            ("httpTrigger", json!({ "route": route, "methods": methods }))
        }
        TriggerInfo::Queue { queue } => ("queueTrigger", json!({ "queue": queue })),
        TriggerInfo::Blob { path } => ("blobTrigger", json!({ "path": path })),
        TriggerInfo::Timer { schedule } => ("timerTrigger", json!({ "schedule": schedule })),
    };
    let mut json = json!({ "name": info.name, "trigger": kind, "isDisabled": info.disabled });
    if let (Value::Object(members), Value::Object(detail)) = (&mut json, detail) {
        members.extend(detail);
    }
    json
}

/// 202 at once; the run's events tell what became of it.
async fn invoke(core: &Arc<Core>, function: Arc<Function>, body: Body) -> Response {
    let bad = |reason: &'static str| (StatusCode::BAD_REQUEST, reason).into_response();
    let Ok(bytes) = to_bytes(body, MAX_INPUT).await else { return bad("the body is too long") };
    let Ok(Value::Object(members)) = serde_json::from_slice(&bytes) else {
        return bad("the body must be JSON: {\"input\": …}");
    };
    let input = match members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("input")) {
        Some((_, Value::String(text))) => text,
        None | Some((_, Value::Null)) => String::new(),
        Some((_, other)) => other.to_string(),
    };
    let worker = core.clone();
    match &function.trigger {
        Trigger::Http { .. } => return bad("call an HTTP function by its route"),
        Trigger::Queue { binary, .. } => {
            let binary = *binary;
            detached(core, async move {
                let (data, metadata) = queue::parts(&worker, &function, binary, &by_hand(input));
                let _told = worker.invoke(&function, data, metadata).await;
            });
        }
        Trigger::Blob { .. } => detached(core, async move {
            if let Trigger::Blob { pattern, .. } = &function.trigger {
                blob::on_demand(&worker, &function, pattern, &input).await;
            }
        }),
        Trigger::Timer { .. } => {
            detached(core, async move { timer::fire(&worker, &function, false).await });
        }
    }
    StatusCode::ACCEPTED.into_response()
}

/// A message that never was in a queue.
fn by_hand(text: String) -> QueueMessage {
    QueueMessage {
        id: Uuid::new_v4().to_string(),
        pop_receipt: String::new(),
        body: text.into_bytes(),
        dequeue_count: 0,
        inserted: clock::now(),
        expires: Timestamp::MAX,
        next_visible: Timestamp::MAX,
    }
}
