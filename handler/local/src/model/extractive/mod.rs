//! The offline model.

mod answer;
mod command;
mod passages;
mod phrases;
mod quotes;
mod sentences;
mod terms;
mod turn;

use super::segments::{count_tokens, segments};
use answer::{Reply, reply};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use pool::{
    TenantId,
    ports::{Item, Model, ModelEvent, ModelStream, PortResult, StepRequest, Usage},
};
use std::time::Duration;

/// A model without a language model in it: it answers with sentences of the tenant's documents, word for word, and
/// with nothing else.
///
/// It searches with the user's message as the query, then quotes the sentences that share words with the question.
/// A message `/tool NAME {json}` makes it call that tool instead. It needs no network and no key, and the same
/// conversation gets the same answer.
///
/// Its tokens are words, numbers and punctuation marks; in Japanese, the words of a dictionary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extractive {
    /// How long it waits before each word. Zero, the default, but for demonstrations.
    pub pace: Duration,
}

#[async_trait]
impl Model for Extractive {
    async fn step(&self, _tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream> {
        let events = events(&request);
        let pace = self.pace;
        Ok(stream::iter(events)
            .then(move |event| async move {
                if !pace.is_zero() {
                    tokio::time::sleep(pace).await;
                }
                Ok(event)
            })
            .boxed())
    }
}

fn events(request: &StepRequest) -> Vec<ModelEvent> {
    let (mut events, completion_tokens) = match reply(request) {
        Reply::Call(call) => {
            let tokens = count_tokens(&call.name) + count_tokens(&call.arguments);
            (vec![ModelEvent::Call(call)], tokens)
        }
        Reply::Text(text) => (words(&text).into_iter().map(ModelEvent::Text).collect(), count_tokens(&text)),
    };
    let usage = Usage { prompt_tokens: prompt_tokens(request), completion_tokens };
    events.push(ModelEvent::Done { usage, truncated: false });
    events
}

/// A word each, with the punctuation and space that follow it. A citation's marker `[1]` stays whole.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut current = String::new();
    let mut has_word = false;
    for piece in segments(text) {
        if piece.word && has_word && !current.ends_with('[') {
            words.push(std::mem::take(&mut current));
        }
        has_word = piece.word || (has_word && !current.is_empty());
        current.push_str(piece.text);
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}

fn prompt_tokens(request: &StepRequest) -> u64 {
    let items = request.items.iter().map(|item| match item {
        Item::Message { text, .. } => count_tokens(text),
        Item::Call(call) => count_tokens(&call.name) + count_tokens(&call.arguments),
        Item::Output { output, .. } => count_tokens(output),
    });
    let tools = request.tools.iter().map(|tool| {
        count_tokens(&tool.name)
            + count_tokens(&tool.description)
            + count_tokens(&tool.parameters.to_string())
    });
    count_tokens(&request.instructions) + items.sum::<u64>() + tools.sum::<u64>()
}
