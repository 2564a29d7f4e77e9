//! A small client of a running `dev`.

use super::Fault;
use futures::{Stream, StreamExt};
use serde_json::Value;

/// A caller of the API.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub(super) fn new(base: &str, token: String) -> Self {
        Self { http: reqwest::Client::new(), base: base.trim_end_matches('/').to_owned(), token }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Fault> {
        let request = self.http.get(format!("{}/{path}", self.base));
        Ok(self.send(request).await?.json().await?)
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let request = self.http.post(format!("{}/{path}", self.base)).json(body);
        Ok(self.send(request).await?.json().await?)
    }

    /// The server-sent events that a request is answered with: name and data.
    pub(super) async fn events(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<impl Stream<Item = Result<(String, String), Fault>> + Unpin + use<>, Fault> {
        let request = self.http.post(format!("{}/{path}", self.base)).json(body);
        let mut bytes = self.send(request).await?.bytes_stream();
        Ok(Box::pin(async_stream::try_stream! {
            let mut buffer = Vec::new();
            while let Some(chunk) = bytes.next().await {
                buffer.extend_from_slice(&chunk?);
                while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let frame: Vec<u8> = buffer.drain(..end + 2).collect();
                    let frame = String::from_utf8_lossy(&frame).into_owned();
                    let field = |name: &str| {
                        frame.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                    };
                    yield (field("event:"), field("data:"));
                }
            }
        }))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Fault> {
        let request = request.bearer_auth(&self.token);
        let response = request
            .send()
            .await
            .map_err(|_| format!("nothing answers at {}: is `handler dev` running?", self.base))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Value = response.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or_default();
        Err(format!("{status}: {detail}").into())
    }
}
