//! An app in a temporary directory, its events, its worker's record, and a small HTTP client.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use devhost::{FolderBlobs, Host, HostError, HostEvent, HostQueues as _, MemoryQueues, Options};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};

pub(crate) const HTTP_OUT: &str = r#"{"type":"http","direction":"out","name":"res"}"#;

pub(crate) struct App {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) events: Arc<Mutex<Vec<HostEvent>>>,
    pub(crate) options: Options,
}

impl App {
    /// An app with proxying on, quick polling and two function-independent settings; functions are added one
    /// by one.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = json!({
            "version": "2.0",
            "customHandler": {
                "description": { "defaultExecutablePath": env!("CARGO_BIN_EXE_devhost-test-worker") },
                "enableProxyingHttpRequest": true,
            },
            "extensions": { "queues": { "maxPollingInterval": "00:00:00.05" } },
        });
        std::fs::write(dir.path().join("host.json"), host.to_string()).unwrap();
        let queues = Arc::new(MemoryQueues::new());
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        let mut options = Options::new(dir.path());
        options.env = vec![("RECORD".into(), dir.path().join("record").display().to_string())];
        options.queues = queues.clone();
        options.blobs = Arc::new(FolderBlobs::new(dir.path().join("blobs")));
        options.blob_poll = Duration::from_millis(20);
        options.events = Arc::new(move |event| sink.lock().unwrap().push(event));
        Self { dir, queues, events, options }
    }

    pub(crate) fn function(self, name: &str, bindings: &str) -> Self {
        let folder = self.dir.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("function.json"), format!(r#"{{"bindings":[{bindings}]}}"#)).unwrap();
        self
    }

    /// `rest` are further members of the trigger, beginning with a comma.
    pub(crate) fn http(self, name: &str, rest: &str) -> Self {
        self.function(name, &format!(r#"{{"type":"httpTrigger","name":"req"{rest}}},{HTTP_OUT}"#))
    }

    pub(crate) fn queue(self, name: &str, rest: &str) -> Self {
        let out = r#"{"type":"queue","direction":"out","name":"outq","queueName":"out"}"#;
        let trigger = format!(r#"{{"type":"queueTrigger","name":"item","queueName":"work"{rest}}}"#);
        self.function(name, &format!("{trigger},{out}"))
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.options.env.push((key.into(), value.into()));
        self
    }

    pub(crate) fn setting(self, key: &str, value: &str) -> Self {
        self.env(&format!("AzureFunctionsJobHost__{key}"), value)
    }

    pub(crate) async fn start(&self) -> Host {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Host, HostError> {
        Host::start(self.options.clone()).await
    }

    pub(crate) async fn push(&self, body: &str) {
        self.queues.push("work", body.as_bytes().to_vec()).await.unwrap();
    }

    /// The bodies in a queue.
    pub(crate) fn queue_texts(&self, queue: &str) -> Vec<String> {
        self.queues.peek(queue).iter().map(|m| String::from_utf8_lossy(&m.body).into_owned()).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What all the worker's lives wrote down.
    pub(crate) fn record(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("record")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn starts(&self) -> usize {
        self.record().iter().filter(|entry| entry["event"] == "start").count()
    }

    /// Envelopes posted to a function, parsed, with the request around them.
    pub(crate) fn posted(&self, function: &str) -> Vec<(Value, Value)> {
        let uri = format!("/{function}");
        let entries = self.record().into_iter().filter(|entry| entry["uri"] == uri.as_str());
        entries.map(|entry| (serde_json::from_str(entry["body"].as_str().unwrap()).unwrap(), entry)).collect()
    }

    pub(crate) fn events(&self, fits: impl Fn(&HostEvent) -> bool) -> Vec<HostEvent> {
        self.events.lock().unwrap().iter().filter(|event| fits(event)).cloned().collect()
    }

    pub(crate) async fn event(&self, fits: impl Fn(&HostEvent) -> bool) -> HostEvent {
        eventually(|| self.events(&fits).into_iter().next()).await
    }
}

/// The first `Some` within ten seconds.
pub(crate) async fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn until(mut fits: impl FnMut() -> bool) {
    eventually(|| fits().then_some(())).await;
}

/// One request on a connection of its own.
pub(crate) async fn send(addr: SocketAddr, request: Request<Body>) -> Response<Incoming> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

pub(crate) async fn call(addr: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header("host", "app.test");
    let response = send(addr, request.body(Body::from(body.to_owned())).unwrap()).await;
    (response.status().as_u16(), text(response).await)
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    call(addr, "GET", path, "").await
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// SIGKILL.
pub(crate) fn kill(pid: u32) {
    let done = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}
