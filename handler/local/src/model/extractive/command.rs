//! `/tool NAME {json}`: a call that the user dictates.

use serde_json::{Map, Value};

/// What the user asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    pub(super) tool: &'a str,
    /// JSON text of an object, as the user wrote it; `None` when it is not that.
    pub(super) arguments: Option<&'a str>,
}

/// Reads a message. `None` when it is not a command.
pub(super) fn command(message: &str) -> Option<Command<'_>> {
    let rest = message.strip_prefix("/tool")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim();
    let (tool, arguments) = match rest.find(|c: char| c.is_whitespace() || c == '{') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let arguments = match arguments.trim() {
        "" => Some("{}"),
        text => serde_json::from_str::<Map<String, Value>>(text).is_ok().then_some(text),
    };
    Some(Command { tool, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_talk() {
        assert_eq!(command("/toolbox {}"), None);
        assert_eq!(command("use /tool x"), None);
        assert_eq!(command("/tool"), Some(Command { tool: "", arguments: Some("{}") }));
        assert_eq!(command("/tool x"), Some(Command { tool: "x", arguments: Some("{}") }));
        assert_eq!(command("/tool x{\"a\":1}"), Some(Command { tool: "x", arguments: Some("{\"a\":1}") }));
        assert_eq!(
            command("/tool  x\n {\"a\": 1} "),
            Some(Command { tool: "x", arguments: Some("{\"a\": 1}") })
        );
        for bad in ["{", "[1]", "7", "{\"a\":1} more", &"{\"a\":".repeat(10_000)] {
            assert_eq!(
                command(&format!("/tool x {bad}")).map(|command| command.arguments),
                Some(None),
                "{bad:.20}"
            );
        }
    }
}
