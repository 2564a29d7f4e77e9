//! What has happened since the user last spoke.

use pool::ports::{Item, Role, ToolCall};

/// The last message of the user, and what followed it.
pub(super) struct Turn<'a> {
    pub(super) question: &'a str,
    calls: Vec<&'a ToolCall>,
    outputs: Vec<(&'a str, &'a str)>,
}

impl<'a> Turn<'a> {
    /// `None` when the user has said nothing yet.
    pub(super) fn of(items: &'a [Item]) -> Option<Self> {
        let (at, question) = items.iter().enumerate().rev().find_map(|(at, item)| match item {
            Item::Message { role: Role::User, text } => Some((at, text.trim())),
            _ => None,
        })?;
        let mut turn = Self { question, calls: Vec::new(), outputs: Vec::new() };
        for item in items.iter().skip(at) {
            match item {
                Item::Message { .. } => {}
                Item::Call(call) => turn.calls.push(call),
                Item::Output { call_id, output } => turn.outputs.push((call_id, output)),
            }
        }
        Some(turn)
    }

    /// Whether this tool has been called.
    pub(super) fn called(&self, tool: &str) -> bool {
        self.calls.iter().any(|call| call.name == tool)
    }

    /// What this tool has answered.
    pub(super) fn outputs_of(&self, tool: &str) -> impl Iterator<Item = &'a str> {
        self.outputs.iter().filter_map(move |(id, output)| {
            self.calls.iter().any(|call| call.name == tool && call.id == *id).then_some(*output)
        })
    }
}
