//! A step's response, as it comes: words, and at the end calls, the session and the usage.

use super::{
    Upstream,
    answer::{Response, failure},
    session::Session,
    sse::Parser,
};
use crate::rest::Repeat;
use async_stream::try_stream;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use pool::{
    TenantId,
    ports::{ModelEvent, PortError, PortResult, StepRequest},
};
use reqwest::Method;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

/// The most bytes of an answer's text.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// Pauses between looks at a response whose stream was cut off.
const LOOK: Duration = Duration::from_millis(500);

/// A step under way.
pub(super) struct Step {
    pub(super) upstream: Arc<Upstream>,
    pub(super) tenant: TenantId,
    pub(super) request: StepRequest,
    pub(super) conversation: String,
    pub(super) deadline: Instant,
}

impl Step {
    /// The model's events. A stream that is cut off is no failure: the response goes on upstream, and is asked for.
    pub(super) fn events(
        self,
        body: BoxStream<'static, PortResult<Bytes>>,
    ) -> impl Stream<Item = PortResult<ModelEvent>> + Send + 'static {
        try_stream! {
            let mut running = Running { step: &self, id: None };
            let (mut said, mut ended) = (String::new(), None);
            // The body, and with it the tenant's place, is let go before the response is asked for.
            {
                let mut events = std::pin::pin!(wire(body));
                while let Some(event) = events.next().await {
                    // What is cut off, and what is garbage, alike.
                    let Ok(event) = event else { break };
                    match event["type"].as_str().unwrap_or_default() {
                        "response.output_text.delta" | "response.refusal.delta" => {
                            let words = event["delta"].as_str().unwrap_or_default();
                            said.push_str(words);
                            if said.len() > MAX_TEXT {
                                Err(PortError::unavailable("an answer that is longer than any should be"))?;
                            }
                            yield ModelEvent::Text(words.to_owned());
                        }
                        "error" => Err(failure(event["code"].as_str().unwrap_or_default()))?,
                        kind if kind.starts_with("response.") && event["response"].is_object() => {
                            let Ok(response) = serde_json::from_value::<Response>(event["response"].clone()) else { break };
                            running.id = Some(response.id.clone());
                            if response.ended() {
                                ended = Some(response);
                                break;
                            }
                        }
                        // Other events tell nothing that the response does not.
                        _ => {}
                    }
                }
            }
            let response = match ended {
                Some(response) => response,
                None => self.look(running.id.as_deref()).await?,
            };
            running.id = None;
            for event in self.end(&response, &said)? {
                yield event;
            }
        }
    }

    /// What is left to tell of a response that has ended.
    fn end(&self, response: &Response, said: &str) -> PortResult<Vec<ModelEvent>> {
        let truncated = response.truncated()?;
        let text = response.text();
        let untold = text.strip_prefix(said);
        let untold =
            untold.ok_or_else(|| PortError::unavailable("the words that came are not the answer's"))?;
        let mut events = Vec::new();
        if !untold.is_empty() {
            events.push(ModelEvent::Text(untold.to_owned()));
        }
        // Where a cut answer's calls end, nobody can say.
        if !truncated {
            let calls = response.calls()?;
            let pending = calls.iter().map(|call| call.id.clone()).collect();
            events.extend(calls.into_iter().map(ModelEvent::Call));
            if let Some(last) = response.last() {
                let session = Session::after(&self.conversation, last, &self.request, &text, pending);
                events.push(ModelEvent::Session(session.seal(
                    &self.upstream.names,
                    &self.tenant,
                    &self.request,
                )));
            }
        }
        events.push(ModelEvent::Done { usage: response.usage(), truncated });
        Ok(events)
    }

    /// Asks until the response has ended.
    async fn look(&self, id: Option<&str>) -> PortResult<Response> {
        let id = id.ok_or_else(|| PortError::unavailable("the stream was cut off before it began"))?;
        loop {
            let call = self.call(Method::GET, &["responses", id])?;
            let answer = self.upstream.rest.send(call).await?;
            let response: Response =
                answer.ok_or_else(|| PortError::unavailable("the response is gone"))?.json()?;
            if response.ended() {
                return Ok(response);
            }
            if Instant::now() + LOOK >= self.deadline {
                return Err(PortError::unavailable("the response does not end"));
            }
            sleep(LOOK).await;
        }
    }

    fn call(&self, method: Method, path: &[&str]) -> PortResult<crate::rest::Call<'_>> {
        self.upstream.call_for(&self.tenant, &self.request.user, method, path, &[])
    }
}

/// The events in the body.
fn wire(mut body: BoxStream<'static, PortResult<Bytes>>) -> impl Stream<Item = PortResult<Value>> + Send {
    try_stream! {
        let mut parser = Parser::default();
        while let Some(piece) = body.next().await {
            for event in parser.push(&piece?)? {
                yield event;
            }
        }
    }
}

/// A response that goes on upstream. If nobody waits for it any more, it is cancelled.
struct Running<'a> {
    step: &'a Step,
    id: Option<String>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let (upstream, tenant) = (self.step.upstream.clone(), self.step.tenant.clone());
        let user = self.step.request.user.clone();
        runtime.spawn(async move {
            let path = ["responses", id.as_str(), "cancel"];
            let cancelled = match upstream.call_for(&tenant, &user, Method::POST, &path, &[]) {
                Ok(call) => upstream.rest.send(call.repeat(Repeat::Safe)).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = cancelled {
                tracing::debug!(%tenant, %error, "a response that nobody waits for was not cancelled");
            }
        });
    }
}
