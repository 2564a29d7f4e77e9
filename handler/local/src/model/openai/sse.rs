//! Server-sent events, read as the WHATWG's HTML standard says, with limits.

use super::fault::Fault;

/// The longest line, and the longest event.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// Finds the events in a stream of bytes, wherever it is cut.
#[derive(Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: Option<String>,
    begun: bool,
    /// The last byte was a CR that ended a line: an LF right after it belongs to it.
    after_cr: bool,
}

impl Parser {
    /// The data of the events that these bytes complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, Fault> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = tail;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (head, tail) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + head.len() > MAX_LINE {
                return Err(Fault::new("line_too_long"));
            }
            self.line.extend_from_slice(head);
            rest = match tail.split_first() {
                None => tail,
                Some((&ending, tail)) => {
                    self.after_cr = ending == b'\r';
                    events.extend(self.end_of_line()?);
                    tail
                }
            };
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Result<Option<String>, Fault> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let line = if std::mem::replace(&mut self.begun, true) {
            &line
        } else {
            line.trim_start_matches('\u{feff}')
        };
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) if data.len() + value.len() < MAX_LINE => {
                    data.push('\n');
                    data.push_str(value);
                }
                Some(_) => return Err(Fault::new("event_too_long")),
            }
        }
        Ok(None)
    }
}
