use super::{
    answer::Answer,
    endpoint::{Endpoint, pieces},
    fault::Fault,
    request::{body, prompt_tokens},
    sse::Parser,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use pool::{
    TenantId,
    ports::{Model, ModelEvent, ModelStream, PortError, PortResult, StepRequest},
};
use std::sync::Arc;

/// The most bytes that a stream may take, the frames about the words and all. An answer has a limit of its own; this
/// one ends a stream of comments.
const MAX_STREAM: usize = 32 * 1024 * 1024;

/// Any server with a streaming `/chat/completions`.
///
/// A call is made once: whoever drives the step knows whether to try again, and what a second try would cost.
#[derive(Clone, Debug)]
pub struct OpenAiCompatible {
    endpoint: Arc<Endpoint>,
    model: String,
}

impl OpenAiCompatible {
    /// A server, and the model to ask where a step names none.
    pub fn new(endpoint: Arc<Endpoint>, model: impl Into<String>) -> Self {
        Self { endpoint, model: model.into() }
    }
}

#[async_trait]
impl Model for OpenAiCompatible {
    async fn step(&self, tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream> {
        let model = if request.model.is_empty() { &self.model } else { &request.model };
        if model.is_empty() {
            return Err(PortError::refused(Fault::new("no_model")));
        }
        let body = body(model, &request);
        let response = self.endpoint.post(tenant, &["chat", "completions"], &body).await?;
        Ok(events(pieces(response), prompt_tokens(&body)).boxed())
    }
}

/// The events in a stream of bytes. The pieces' boundaries mean nothing.
pub(super) fn events(
    bytes: impl Stream<Item = PortResult<Bytes>> + Send + 'static,
    prompt_tokens: u64,
) -> impl Stream<Item = PortResult<ModelEvent>> + Send + 'static {
    async_stream::try_stream! {
        let mut bytes = std::pin::pin!(bytes);
        let mut parser = Parser::default();
        let mut answer = Answer::new(prompt_tokens);
        let mut size = 0;
        while let Some(piece) = bytes.try_next().await? {
            size += piece.len();
            if size > MAX_STREAM {
                Err(PortError::unavailable(Fault::new("stream_too_long")))?;
            }
            for data in parser.push(&piece).map_err(PortError::unavailable)? {
                if data.trim() == "[DONE]" {
                    for event in answer.finish()? {
                        yield event;
                    }
                    return;
                }
                if let Some(event) = answer.feed(&data)? {
                    yield event;
                }
            }
        }
        Err(PortError::unavailable(Fault::new("cut_short")))?;
    }
}
