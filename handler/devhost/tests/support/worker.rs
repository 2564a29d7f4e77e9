//! A custom handler that writes down what it receives and misbehaves on request. A trigger function's name
//! says how it answers.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, time::sleep};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[derive(Clone)]
struct Worker {
    env: Arc<HashMap<String, String>>,
    go: Arc<Notify>,
}

#[expect(clippy::disallowed_methods, reason = "a custom handler learns its port from the environment")]
fn environment() -> HashMap<String, String> {
    std::env::vars().collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let env = Arc::new(environment());
    let worker = Worker { env: env.clone(), go: Arc::new(Notify::new()) };
    worker.record(&json!({ "event": "start" }))?;
    for (key, stream) in [("SAY_OUT", 1), ("SAY_ERR", 2)] {
        for line in env.get(key).iter().flat_map(|lines| lines.split('|')) {
            if stream == 1 { writeln!(io::stdout(), "{line}")? } else { writeln!(io::stderr(), "{line}")? }
        }
    }
    std::thread::spawn(|| {
        // Held open by the host; its end means that the host is gone.
        let _bytes = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(98)
    });
    match env.get("START").map(String::as_str) {
        Some("silent") => sleep(Duration::from_secs(60)).await,
        Some(code) => std::process::exit(code.parse().unwrap_or(99)),
        None => {}
    }
    let port = env.get("FUNCTIONS_CUSTOMHANDLER_PORT").and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, Router::new().fallback(answer).with_state(worker)).await
}

impl Worker {
    /// One JSON line in the file that outlives this process.
    fn record(&self, what: &Value) -> io::Result<()> {
        let Some(path) = self.env.get("RECORD") else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{what}\n").as_bytes())
    }
}

async fn answer(State(worker): State<Worker>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let mut seen = json!({ "event": "request", "method": head.method.as_str(), "uri": head.uri.to_string(), "headers": headers });
    match path.as_str() {
        "/" => return StatusCode::NOT_FOUND.into_response(),
        "/__go" => {
            worker.go.notify_one();
            return StatusCode::OK.into_response();
        }
        "/api/upload" => return upload(&worker, body).await,
        "/api/sse" => return events(worker),
        _ => {}
    }
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    seen["body"] = String::from_utf8_lossy(&body).into();
    if worker.record(&seen).is_err() {
        return StatusCode::INSUFFICIENT_STORAGE.into_response();
    }
    if path.to_ascii_lowercase().starts_with("/api/") {
        http(&path, seen).await
    } else {
        trigger(&head.method, &path[1..], &body).await
    }
}

async fn http(path: &str, seen: Value) -> Response {
    if let Some(code) = path.strip_prefix("/api/exit/") {
        std::process::exit(code.parse().unwrap_or(99));
    }
    if path == "/api/slow" {
        sleep(Duration::from_secs(60)).await;
    }
    let headers = [("set-cookie", "a=1"), ("connection", "x-hop"), ("x-hop", "1"), ("x-kept", "1")];
    let mut response = (JSON, seen.to_string()).into_response();
    for (name, value) in headers.into_iter().chain([("set-cookie", "b=2")]) {
        response.headers_mut().append(name, http::HeaderValue::from_static(value));
    }
    response
}

async fn trigger(method: &Method, name: &str, body: &[u8]) -> Response {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    let first = envelope["Metadata"]["DequeueCount"] == "1";
    let ok = |json: &str| (JSON, json.to_owned()).into_response();
    match name {
        "fail" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "fail_once" if first => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "hang_once" if first => {
            sleep(Duration::from_secs(60)).await;
            ok("{}")
        }
        "linger" => {
            sleep(Duration::from_millis(400)).await;
            ok("{}")
        }
        "empty" => StatusCode::OK.into_response(),
        "text" => "{}".into_response(),
        "redirect" => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        "elsewhere" if *method != Method::GET => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        "away" => (StatusCode::FOUND, [("location", "http://example.com/")]).into_response(),
        "outputs" => ok(r#"{"Outputs":{"outq":["one",{"two":2}],"other":"dropped"},"Logs":["a line"]}"#),
        "guessed" => ok(r#"{"Outputs":{"outq":"test"}}"#),
        "exit0" => std::process::exit(0),
        _ => ok("{}"),
    }
}

/// Says when the first bytes are here, which is before the last ones are when somebody streams.
async fn upload(worker: &Worker, body: Body) -> Response {
    let mut chunks = body.into_data_stream();
    let mut length = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        if length == 0 && worker.record(&json!({ "event": "upload began" })).is_err() {
            return StatusCode::INSUFFICIENT_STORAGE.into_response();
        }
        length += chunk.len();
    }
    length.to_string().into_response()
}

/// One event, then silence until `/__go`, then another; says when the reader has left.
fn events(worker: Worker) -> Response {
    struct Left(Worker);
    impl Drop for Left {
        fn drop(&mut self) {
            let _told = self.0.record(&json!({ "event": "reader left" }));
        }
    }
    let rest = stream::unfold((0, Left(worker)), |(count, left)| async move {
        match count {
            0 => {}
            1 => left.0.go.notified().await,
            _ => return None,
        }
        Some((Ok::<_, io::Error>(format!("data: {count}\n\n")), (count + 1, left)))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(rest)).into_response()
}
