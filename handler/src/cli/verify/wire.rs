//! Requests and answers. Every answer is kept for the checks that look at all of them, and everything that an answer
//! says was made is remembered, so that it can be removed.

use super::super::Fault;
use crate::route;
use axum::http::Method;
use futures::StreamExt;
use reqwest::{Client, redirect::Policy};
use serde_json::Value;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The most of a body that is read.
const MAX_BODY: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a request that is told to come again does so.
const TRIES: usize = 4;
/// The longest that it waits, in seconds: gateways count by the minute.
const LONGEST_WAIT: u64 = 60;

/// A caller.
#[derive(Clone)]
pub(super) struct Who {
    /// What evidence calls it.
    pub(super) name: &'static str,
    /// What it proves itself with. Never shown.
    pub(super) token: String,
}

/// What is sent with a request.
#[derive(Clone)]
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// A JSON value.
    Json(Value),
    /// Bytes of a type.
    Bytes(&'static str, Vec<u8>),
    /// Fields of a form and, at its index, a file.
    Form(Vec<(&'static str, String)>, usize),
}

/// A request.
#[derive(Clone)]
pub(super) struct Ask {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    who: Option<Who>,
    content: Content,
    titled: bool,
    again: bool,
}

impl Ask {
    /// A request of the API: `path` is what follows `/api/`. Anything that begins with a slash is a path of its own, and
    /// anything with a scheme a URL.
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        let (headers, content) = (Vec::new(), Content::Empty);
        Self { method, url: path.into(), headers, who: None, content, titled: false, again: true }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path).with(Content::Json(body))
    }

    pub(super) fn by(mut self, who: &Who) -> Self {
        self.who = Some(who.clone());
        self
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn with(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// With header names in Title-Case, as old clients write them.
    pub(super) fn titled(mut self) -> Self {
        self.titled = true;
        self
    }

    /// Sent once, whatever the answer.
    pub(super) fn once(mut self) -> Self {
        self.again = false;
        self
    }
}

/// An answer.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The id of the one thing that it gives.
    pub(super) fn id(&self) -> Option<String> {
        Some(self.json().get("id")?.as_str()?.to_owned())
    }
}

/// An answer that was seen, for the checks of all answers.
pub(super) struct Seen {
    /// Who answered: a function of the service, or something in front of it.
    pub(super) function: Option<&'static str>,
    /// The request, without ids.
    pub(super) label: String,
    pub(super) answer: Answer,
}

/// Something that was made, and how to remove it.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) path: String,
    pub(super) who: Option<Who>,
}

/// The way to the deployment.
pub(super) struct Wire {
    plain: Client,
    titled: Client,
    root: String,
    extra: Vec<(String, String)>,
    seen: Mutex<Vec<Seen>>,
    made: Mutex<Vec<Made>>,
    stopped: AtomicBool,
}

impl Wire {
    /// To the deployment at `root`, which is what comes before `/api`; `extra` headers go with every request.
    pub(super) fn new(root: &str, extra: Vec<(String, String)>) -> Result<Self, Fault> {
        // A redirect is an answer, to be judged; and a proxy of the environment would be judged with it.
        let client = || Client::builder().redirect(Policy::none()).timeout(PATIENCE).no_proxy();
        Ok(Self {
            plain: client().build()?,
            titled: client().http1_only().http1_title_case_headers().build()?,
            root: root.to_owned(),
            extra,
            seen: Mutex::default(),
            made: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    /// What comes before `/api`.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Sends a request; one that is told to come again later comes again.
    pub(super) async fn send(&self, ask: Ask) -> Result<Answer, Fault> {
        let mut tries = if ask.again { TRIES } else { 1 };
        loop {
            let answer = self.exchange(&ask).await?;
            tries -= 1;
            if tries == 0 || !matches!(answer.status, 429 | 503) {
                self.keep(&ask, &answer);
                return Ok(answer);
            }
            let later = answer.header("retry-after").and_then(|after| after.parse().ok()).unwrap_or(1);
            tokio::time::sleep(Duration::from_secs(later.min(LONGEST_WAIT))).await;
        }
    }

    /// Whether requests are refused from now on. Those that are under way are answered: what they made is known.
    pub(super) fn stop(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, Fault> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err("it was broken off".into());
        }
        let url = match &ask.url {
            url if url.contains("://") => url.clone(),
            path if path.starts_with('/') => format!("{}{path}", self.root),
            path => format!("{}/{}/{path}", self.root, route::PREFIX),
        };
        let client = if ask.titled { &self.titled } else { &self.plain };
        let mut request = client.request(ask.method.clone(), &url);
        // What lies elsewhere, such as a storage account, is not given the deployment's keys.
        if url.starts_with(&self.root) {
            for (name, value) in &self.extra {
                request = request.header(name, value);
            }
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(who) = &ask.who {
            request = request.bearer_auth(&who.token);
        }
        request = match &ask.content {
            Content::Empty => request,
            Content::Json(value) => request.json(value),
            Content::Bytes(kind, bytes) => request.header("content-type", *kind).body(bytes.clone()),
            Content::Form(fields, at) => request.multipart(form(fields, *at)),
        };
        let began = Instant::now();
        let silent = |fault: reqwest::Error| {
            format!("{} {}: {}", ask.method, label(&ask.url), super::super::explain(&fault.without_url()))
        };
        let response = request.send().await.map_err(silent)?;
        let status = response.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(silent)?);
            if body.len() > MAX_BODY {
                break;
            }
        }
        Ok(Answer { status, headers, body, took: began.elapsed() })
    }

    fn keep(&self, ask: &Ask, answer: &Answer) {
        let path = ask.url.split('?').next().unwrap_or_default();
        let api = !ask.url.starts_with('/') && !ask.url.contains("://");
        let found = api.then(|| route::find(&ask.method, &format!("/{}/{path}", route::PREFIX))).flatten();
        let function = found.map(|found| found.function.name);
        if let (Some(function), true) = (function, answer.ok()) {
            let said = answer.json();
            let removable = paths(function, path, &said).into_iter();
            let mut made = lock(&self.made);
            made.extend(removable.map(|path| Made { path, who: ask.who.clone() }));
        }
        let label = format!("{} {}", ask.method, function.map_or_else(|| label(&ask.url), str::to_owned));
        let mut answer = answer.clone();
        answer.body.truncate(16 * 1024);
        lock(&self.seen).push(Seen { function, label, answer });
    }

    /// Everything that was seen so far.
    pub(super) fn seen<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&lock(&self.seen))
    }

    /// Everything that was made so far; it is not told again.
    pub(super) fn made(&self) -> Vec<Made> {
        std::mem::take(&mut *lock(&self.made))
    }
}

/// A URL for people: no query, for that is where signatures are, and no long segment.
fn label(url: &str) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let short = |part: &str| if part.len() > 48 { "…".to_owned() } else { part.to_owned() };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

/// Where the things are that an answer says were made.
fn paths(function: &str, path: &str, said: &Value) -> Vec<String> {
    let id = |value: &Value| value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = |id: &str| match id.split('_').next() {
        Some("agent") => Some(format!("agents/{id}")),
        Some("thread") => Some(format!("threads/{id}")),
        Some("file") => Some(format!("files/{id}")),
        Some("rec") => Some(format!("{path}/{id}")),
        _ => None,
    };
    match (function, said) {
        ("search_upsert", Value::Array(documents)) => documents
            .iter()
            .filter(|document| document["status"] == "indexed")
            .map(|document| format!("search/documents/{}", id(document)))
            .collect(),
        (name, Value::Object(_)) if name.contains("create") => kind(&id(said)).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn form(fields: &[(&'static str, String)], at: usize) -> reqwest::multipart::Form {
    use reqwest::multipart::{Form, Part};
    let file = || Part::bytes(b"verify".to_vec()).file_name("verify.txt");
    let mut form = Form::new();
    for index in 0..=fields.len() {
        if index == at {
            form = form.part("file", file());
        }
        if let Some((name, value)) = fields.get(index) {
            form = form.text(*name, value.clone());
        }
    }
    form
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
