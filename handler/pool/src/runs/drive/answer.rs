//! What the model says: streamed as events, kept as a message with its citations.

use super::{Driver, Stop};
use crate::{
    Error,
    messages::{Citation, Content, Message, Passage, Text},
    ports::{Item, ModelEvent, ModelStream, PortError, Role, ToolCall, Usage},
    rules::{Metadata, marked},
    steps::Step,
    store,
};
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The longest answer of one step, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// Passages that an answer may cite.
const MAX_CITATIONS: usize = 64;
/// Words that come within this time go out, and are written, together.
const GATHER: Duration = Duration::from_millis(40);
/// A silent model's run is renewed this often.
const RENEW: Duration = Duration::from_secs(7);

/// A step's answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) usage: Usage,
    pub(super) session: Option<String>,
    /// The limit at which it was cut.
    pub(super) cut: Option<&'static str>,
}

impl Driver<'_> {
    /// Takes the model's words as they come.
    pub(super) async fn listen(
        &mut self,
        mut stream: ModelStream,
    ) -> Result<Result<Answer, PortError>, Stop> {
        let mut answer = Answer::default();
        let mut untold = String::new();
        let mut save_at = Instant::now() + RENEW;
        loop {
            let next = tokio::select! {
                biased;
                () = tokio::time::sleep_until(save_at) => None,
                next = stream.next() => Some(next),
            };
            match next {
                None if self.overdue() => return Err(Stop::Overdue),
                None => {
                    self.tell_words(&mut untold);
                    self.save().await?;
                    save_at = Instant::now() + RENEW;
                }
                Some(Some(Ok(ModelEvent::Text(words)))) => {
                    if untold.is_empty() {
                        save_at = Instant::now() + GATHER;
                    }
                    answer.text.push_str(&words);
                    untold.push_str(&words);
                    if answer.text.len() > MAX_ANSWER {
                        answer.cut = Some("max_answer");
                        break;
                    }
                }
                Some(Some(Ok(ModelEvent::Call(call)))) => answer.calls.push(call),
                Some(Some(Ok(ModelEvent::Session(session)))) => answer.session = Some(session),
                Some(Some(Ok(ModelEvent::Done { usage, truncated }))) => {
                    answer.usage = usage;
                    answer.cut = truncated.then_some("max_output_tokens");
                    break;
                }
                Some(Some(Err(fault))) => return Ok(Err(fault)),
                Some(None) => return Ok(Err(PortError::unavailable("the model's stream was cut off"))),
            }
        }
        self.tell_words(&mut untold);
        Ok(Ok(answer))
    }

    fn tell_words(&mut self, untold: &mut String) {
        if untold.is_empty() {
            return;
        }
        let id = match &self.run.draft {
            Some(id) => id.clone(),
            None => {
                let id = self.scope.new_id("msg");
                self.run.draft = Some(id.clone());
                let run = &self.run.run;
                let created = json!({"id": id, "object": "thread.message", "thread_id": run.thread_id,
                    "run_id": run.id, "agent_id": run.agent_id, "role": "assistant", "status": "in_progress",
                    "content": []});
                self.tell("thread.message.created", created);
                id
            }
        };
        let part = json!({"index": 0, "type": "text", "text": {"value": std::mem::take(untold)}});
        let delta = json!({"id": id, "object": "thread.message.delta", "delta": {"content": [part]}});
        self.tell("thread.message.delta", delta);
    }

    /// Makes the words a message, to be written with the step.
    pub(super) fn say(&mut self, answer: &Answer) -> Result<(), Error> {
        let Some(id) = self.run.draft.take() else { return Ok(()) };
        let annotations = citations(&answer.text, &self.run.passages);
        let text = Text { value: answer.text.clone(), annotations };
        let run = &self.run.run;
        let message = Message {
            id: id.clone(),
            object: "thread.message".into(),
            created_at: self.scope.seconds(),
            thread_id: run.thread_id.clone(),
            role: Role::Assistant,
            content: vec![Content::Text { text }],
            attachments: Vec::new(),
            agent_id: Some(run.agent_id.clone()),
            run_id: Some(run.id.clone()),
            user_id: run.user_id.clone(),
            metadata: marked(Metadata::new(), self.scope.tenant()),
        };
        let details = json!({"type": "message_creation", "message_creation": {"message_id": id}});
        let step = self.new_step("message_creation", "completed", details);
        self.writes.push(store::create(&message)?);
        self.writes.push(store::create(&step)?);
        self.tell("thread.message.completed", serde_json::to_value(&message).unwrap_or_default());
        self.tell("thread.run.step.completed", serde_json::to_value(&step).unwrap_or_default());
        self.run.items.push(Item::Message { role: Role::Assistant, text: answer.text.clone() });
        Ok(())
    }

    pub(super) fn new_step(&self, r#type: &str, status: &str, step_details: serde_json::Value) -> Step {
        Step {
            id: self.scope.new_id("step"),
            object: "thread.run.step".into(),
            created_at: self.scope.seconds(),
            run_id: self.run.run.id.clone(),
            thread_id: self.run.run.thread_id.clone(),
            agent_id: self.run.run.agent_id.clone(),
            r#type: r#type.into(),
            status: status.into(),
            step_details,
            metadata: marked(Metadata::new(), self.scope.tenant()),
        }
    }
}

/// The first mark `[n]` in a text of each passage that was found. A model can cite nothing else.
fn citations(text: &str, passages: &[Passage]) -> Vec<Citation> {
    let mut found = Vec::new();
    let mut mark: Option<(usize, String)> = None;
    for (at, c) in text.chars().enumerate() {
        match (&mut mark, c) {
            (_, '[') => mark = Some((at, String::new())),
            (Some((_, digits)), '0'..='9') if digits.len() < 4 => digits.push(c),
            (Some((start, digits)), ']') => {
                let passage = digits.parse::<usize>().ok().and_then(|n| passages.get(n.checked_sub(1)?));
                let cited =
                    |passage: &Passage| found.iter().any(|it: &Citation| it.file_citation == *passage);
                if let Some(passage) = passage.filter(|passage| !cited(passage)) {
                    found.push(Citation {
                        r#type: "file_citation".into(),
                        text: format!("[{digits}]"),
                        start_index: *start,
                        end_index: at + 1,
                        file_citation: passage.clone(),
                    });
                    if found.len() == MAX_CITATIONS {
                        break;
                    }
                }
                mark = None;
            }
            _ => mark = None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_can_be_cited() {
        let passage = |n: u32| Passage {
            file_id: format!("file_{n}"),
            filename: "a.txt".into(),
            position: "line 1".into(),
            quote: "q".into(),
        };
        let passages = [passage(1), passage(2)];
        let found = citations("「休暇」[2] and [1], not [3], [0], [x], [], [12345] or [[1]]", &passages);
        let marks: Vec<_> = found
            .iter()
            .map(|c| (c.text.as_str(), c.start_index, c.file_citation.file_id.as_str()))
            .collect();
        assert_eq!(marks, [("[2]", 4, "file_2"), ("[1]", 12, "file_1")]);
        assert!(found.iter().all(|c| c.end_index == c.start_index + 3));
        let many: Vec<_> = (0..80).map(passage).collect();
        let text: String = (1..=80).map(|n| format!("[{n}]").repeat(1_000)).collect();
        assert_eq!(citations(&text, &many).len(), MAX_CITATIONS);
    }
}
