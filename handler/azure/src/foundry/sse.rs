//! Server-sent events, as far as Foundry uses them: an event's data is JSON on one line.

use pool::ports::{PortError, PortResult};
use serde_json::Value;

/// The longest line: it can hold a whole response.
const LONGEST: usize = 8 * 1024 * 1024;

/// Finds the events in a stream of bytes, wherever it is cut.
#[derive(Default)]
pub(super) struct Parser(Vec<u8>);

impl Parser {
    /// The events that these bytes complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> PortResult<Vec<Value>> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.0.len() + piece.len() > LONGEST {
                return Err(PortError::unavailable("an event that is longer than any should be"));
            }
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.0);
                events.extend(line.strip_prefix(b"data:").map(event).transpose()?.flatten());
            }
        }
        Ok(events)
    }
}

/// `[DONE]`, which some servers send at the end, is none.
fn event(data: &[u8]) -> PortResult<Option<Value>> {
    let data = data.trim_ascii();
    if data == b"[DONE]" {
        return Ok(None);
    }
    // The fault's text could quote the data.
    serde_json::from_slice(data).map(Some).map_err(|_| PortError::unavailable("an event that is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_stream_is_cut_means_nothing() {
        let wire = "event: a\r\ndata: {\"x\":\"日\"}\r\n\r\n: ping\n\ndata:{\"y\":1}\nid: 7\n\ndata: [DONE]\n\ndata: {\"cut";
        let whole = Parser::default().push(wire.as_bytes()).unwrap();
        assert_eq!(whole, [serde_json::json!({"x": "日"}), serde_json::json!({"y": 1})]);
        for size in 1..wire.len() {
            let mut parser = Parser::default();
            let pieces = wire.as_bytes().chunks(size).flat_map(|piece| parser.push(piece).unwrap());
            assert_eq!(pieces.collect::<Vec<_>>(), whole, "{size}");
        }
    }

    #[test]
    fn garbage_and_endless_lines_are_errors() {
        assert!(Parser::default().push(b"data: {canary\n").unwrap_err().transient());
        let mut parser = Parser::default();
        assert!(parser.push(&vec![b'x'; LONGEST]).is_ok());
        assert!(parser.push(b"x").is_err());
    }
}
