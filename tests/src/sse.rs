//! Server-sent events.

use serde_json::Value;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id; empty if it has none.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it carries, if that is JSON.
    pub data: Value,
}

/// The whole events in a stream's text, and how many bytes they take.
pub(crate) fn events(text: &str) -> (Vec<Event>, usize) {
    let end = text.rfind("\n\n").map_or(0, |at| at + 2);
    let field = |frame: &str, name: &str| {
        let line = frame.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let frames = text[..end].split("\n\n").filter(|frame| frame.contains("event:"));
    let event = |frame: &str| Event {
        id: field(frame, "id:"),
        name: field(frame, "event:"),
        data: serde_json::from_str(&field(frame, "data:")).unwrap_or_default(),
    };
    (frames.map(event).collect(), end)
}
