//! A streamed answer, put together.

use super::{
    fault::{Fault, known_code},
    wire::{CallDelta, Choice, Chunk, WireUsage},
};
use crate::model::segments::count_tokens;
use pool::ports::{ModelEvent, PortError, PortResult, ToolCall, Usage};
use std::time::Duration;

/// The most that an answer's text and calls may be.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
const MAX_CALLS: usize = 128;

/// What has come of an answer so far.
pub(super) struct Answer {
    /// What the request took by our count, should the server not say.
    prompt_tokens: u64,
    text: String,
    calls: Vec<Slot>,
    size: usize,
    finish: Option<Finish>,
    usage: WireUsage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Whole,
    Cut,
}

struct Slot {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Slot {
    fn add(&mut self, id: String, name: &str, arguments: &str) {
        if self.id.is_empty() {
            self.id = id;
        }
        // A server that repeats the name in each piece does not mean it twice.
        if self.name != name {
            self.name.push_str(name);
        }
        self.arguments.push_str(arguments);
    }
}

impl Answer {
    pub(super) fn new(prompt_tokens: u64) -> Self {
        let usage = WireUsage::default();
        Self { prompt_tokens, text: String::new(), calls: Vec::new(), size: 0, finish: None, usage }
    }

    /// The words in an event's data.
    pub(super) fn feed(&mut self, data: &str) -> PortResult<Option<ModelEvent>> {
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|_| PortError::unavailable(Fault::new("bad_event")))?;
        if let Some(error) = chunk.error {
            return Err(if error.throttled() {
                PortError::Exhausted { retry_after: Duration::from_secs(5) }
            } else {
                PortError::unavailable(Fault::new(known_code(error.code())))
            });
        }
        self.usage = chunk.usage.unwrap_or(self.usage);
        let mut text = String::new();
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            self.choice(choice, &mut text)?;
        }
        self.text.push_str(&text);
        Ok((!text.is_empty()).then_some(ModelEvent::Text(text)))
    }

    /// The calls and the end, once the server says `[DONE]`.
    pub(super) fn finish(self) -> PortResult<Vec<ModelEvent>> {
        let finish = self.finish.ok_or_else(|| PortError::unavailable(Fault::new("no_finish_reason")))?;
        let truncated = finish == Finish::Cut;
        // The arguments of a cut answer's calls are cut too, nobody can say where.
        let calls: Vec<ToolCall> = if truncated {
            Vec::new()
        } else {
            self.calls.into_iter().map(whole).collect::<PortResult<_>>()?
        };
        let usage = Usage {
            prompt_tokens: self.usage.prompt_tokens.unwrap_or(self.prompt_tokens),
            completion_tokens: self.usage.completion_tokens.unwrap_or_else(|| {
                count_tokens(&self.text)
                    + calls.iter().map(|call| count_tokens(&call.arguments) + 1).sum::<u64>()
            }),
        };
        let done = ModelEvent::Done { usage, truncated };
        Ok(calls.into_iter().map(ModelEvent::Call).chain([done]).collect())
    }

    fn choice(&mut self, choice: Choice, text: &mut String) -> PortResult<()> {
        let delta = choice.delta.unwrap_or_default();
        for words in [delta.content, delta.refusal].into_iter().flatten() {
            self.grow(words.len())?;
            text.push_str(&words);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(call)?;
        }
        match choice.finish_reason.as_deref() {
            None | Some("") => {}
            Some("length") => self.finish = Some(Finish::Cut),
            Some("content_filter") => return Err(PortError::refused(Fault::new("content_filter"))),
            // `stop`, `tool_calls`, and what servers of their own invention say.
            Some(_) => self.finish = self.finish.or(Some(Finish::Whole)),
        }
        Ok(())
    }

    fn call(&mut self, delta: CallDelta) -> PortResult<()> {
        let id = delta.id.unwrap_or_default();
        let function = delta.function.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = function.arguments.unwrap_or_default();
        self.grow(id.len() + name.len() + arguments.len())?;
        // Some servers give no index, or the same to all calls; there a new id with a name begins a new call.
        let same = |slot: &Slot| {
            (delta.index.is_none() || slot.index == delta.index)
                && (id.is_empty() || slot.id.is_empty() || slot.id == id || name.is_empty())
        };
        let full = self.calls.len() >= MAX_CALLS;
        let known = self.calls.iter().rposition(same);
        match known.and_then(|at| self.calls.get_mut(at)) {
            Some(slot) => slot.add(id, &name, &arguments),
            None if full => return Err(PortError::unavailable(Fault::new("too_many_calls"))),
            None => self.calls.push(Slot { index: delta.index, id, name, arguments }),
        }
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> PortResult<()> {
        self.size += bytes;
        if self.size > MAX_ANSWER {
            Err(PortError::unavailable(Fault::new("answer_too_long")))
        } else {
            Ok(())
        }
    }
}

fn whole(slot: Slot) -> PortResult<ToolCall> {
    if slot.id.is_empty() || slot.name.is_empty() {
        return Err(PortError::unavailable(Fault::new("bad_tool_call")));
    }
    // A tool without parameters is often called with no text at all.
    let arguments = if slot.arguments.trim().is_empty() { "{}".to_owned() } else { slot.arguments };
    Ok(ToolCall { id: slot.id, name: slot.name, arguments, server: None })
}
