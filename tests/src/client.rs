//! A caller of the API. Whatever is answered, on whatever path, passes the scanner.

use crate::{
    answer::{Answer, Scan},
    canary,
    dev::Dev,
    sse::{Event, events},
};
use futures::StreamExt;
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use std::sync::Arc;

/// Routes whose things take `metadata`: the harness puts the tenant's word in.
const MARKED: [&str; 6] = ["agents", "threads", "messages", "runs", "files", "cosmos"];

/// A user of a tenant.
#[derive(Clone)]
pub struct Caller {
    dev: Arc<Dev>,
    /// The tenant.
    pub tenant: String,
    /// The user.
    pub user: String,
    token: Option<String>,
}

impl Caller {
    pub(crate) fn new(dev: Arc<Dev>, tenant: &str, user: &str, token: Option<String>) -> Self {
        Self { dev, tenant: tenant.to_owned(), user: user.to_owned(), token }
    }

    /// Text with the tenant's word in it.
    pub fn mark(&self, text: &str) -> String {
        format!("{text} {}", canary::of(&self.tenant))
    }

    /// A request, to be filled: `path` is below `/api`, or a whole URL.
    pub fn request(&self, method: Method, path: &str) -> Sending {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}/{path}", self.dev.base()) };
        let request = self.dev.http.request(method, url);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Sending { request, caller: self.clone() }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }

    /// POST of JSON, with the tenant's word in its metadata.
    pub async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path).json(&self.marked(path, body)).send().await
    }

    /// PATCH of JSON.
    pub async fn patch_json(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PATCH, path).json(&body).send().await
    }

    /// PUT of JSON.
    pub async fn put_json(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PUT, path).json(&body).send().await
    }

    /// Uploads a file as the raw body.
    pub async fn upload(&self, filename: &str, content_type: &str, bytes: Vec<u8>) -> Answer {
        let name = filename.replace('%', "%25").replace('&', "%26").replace('#', "%23").replace('+', "%2B");
        let sending = self.request(Method::POST, &format!("files?filename={name}"));
        sending.header("content-type", content_type).body(bytes).send().await
    }

    /// POST of JSON that is answered with events.
    pub async fn post_events(&self, path: &str, body: Value) -> Vec<Event> {
        self.request(Method::POST, path).json(&self.marked(path, body)).events(usize::MAX).await
    }

    fn marked(&self, path: &str, mut body: Value) -> Value {
        let word = canary::of(&self.tenant);
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
        let takes = MARKED.iter().any(|end| path.ends_with(end)) || path.starts_with("cosmos/");
        if let Some(members) = body.as_object_mut().filter(|_| takes && !word.is_empty()) {
            members.entry("metadata").or_insert_with(|| json!({"canary": word}));
        }
        body
    }
}

/// A multipart form with one file.
///
/// # Panics
/// If the content type is none.
pub fn form(filename: &str, content_type: &str, bytes: Vec<u8>) -> multipart::Form {
    let part = multipart::Part::bytes(bytes).file_name(filename.to_owned());
    multipart::Form::new().part("file", part.mime_str(content_type).expect("a content type"))
}

/// A request on its way.
pub struct Sending {
    request: RequestBuilder,
    caller: Caller,
}

impl Sending {
    fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { request: change(self.request), ..self }
    }

    /// A header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value.as_bytes()))
    }

    /// A JSON body, as it is.
    pub fn json(self, body: &Value) -> Self {
        self.with(|request| request.json(body))
    }

    /// A body of JSON text, however bad.
    pub fn text(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(body.into())
    }

    /// A body.
    pub fn body(self, body: Vec<u8>) -> Self {
        self.with(|request| request.body(body))
    }

    /// A form.
    pub fn form(self, form: multipart::Form) -> Self {
        self.with(|request| request.multipart(form))
    }

    /// Sends it, and scans the answer.
    ///
    /// # Panics
    /// If nothing answers, or the answer holds what it must not.
    pub async fn send(self) -> Answer {
        self.attempt().await.unwrap_or_else(|fault| panic!("no answer: {fault}"))
    }

    /// Sends it; a connection that breaks is an answer too.
    ///
    /// # Errors
    /// The connection's failure.
    pub async fn attempt(self) -> Result<Answer, reqwest::Error> {
        let scan = self.scan();
        let response = self.request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let answer = Answer { status, headers, body: body.to_vec() };
        scan.pass(&answer);
        if let Some(url) = answer.value()["upload"]["url"].as_str() {
            self.caller.dev.log().secret(url.rsplit('/').next().unwrap_or(url));
        }
        Ok(answer)
    }

    /// Sends it, and reads events: at most so many, then the connection is dropped.
    ///
    /// # Panics
    /// If it is not answered with events.
    pub async fn events(self, most: usize) -> Vec<Event> {
        let scan = self.scan();
        let response = self.request.send().await.expect("an answer");
        let mut answer =
            Answer { status: response.status(), headers: response.headers().clone(), body: Vec::new() };
        let mut stream = response.bytes_stream();
        while let Some(Ok(chunk)) = stream.next().await {
            answer.body.extend_from_slice(&chunk);
            if events(&String::from_utf8_lossy(&answer.body)).0.len() >= most {
                break;
            }
        }
        scan.pass(&answer);
        let kind = answer.header("content-type");
        assert_eq!((answer.status.as_u16(), kind), (200, "text/event-stream"), "{}", answer.text());
        let mut found = events(&answer.text()).0;
        found.truncate(most);
        found
    }

    fn scan(&self) -> Scan {
        Scan {
            tenant: self.caller.tenant.clone(),
            log: self.caller.dev.log().clone(),
            lenient: self.caller.dev.lenient,
        }
    }
}
