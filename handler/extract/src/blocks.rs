//! Collecting text under a cap.

use crate::{Block, Code, Document, Kind, Limits, Place, Rejected};

/// Blocks gathered so far. Refuses as soon as a cap is crossed, before the memory is spent: a spreadsheet of
/// a megabyte can name one long string a million times.
pub(crate) struct Blocks {
    list: Vec<Block>,
    text_left: usize,
    blocks_left: usize,
}

impl Blocks {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { list: Vec::new(), text_left: limits.text, blocks_left: limits.blocks }
    }

    /// Adds a text, cleaned. Nothing is added when nothing is left of it.
    pub(crate) fn push(&mut self, text: &str, place: Place) -> Result<(), Rejected> {
        let text = clean(text);
        if text.is_empty() {
            return Ok(());
        }
        match (self.text_left.checked_sub(text.len()), self.blocks_left.checked_sub(1)) {
            (Some(text_left), Some(blocks_left)) => {
                (self.text_left, self.blocks_left) = (text_left, blocks_left);
            }
            _ => return Err(too_much_text()),
        }
        self.list.push(Block { text, place });
        Ok(())
    }

    /// The document, or the given reason when there is no text in it.
    pub(crate) fn finish(self, kind: Kind, title: Option<String>, none: &str) -> Result<Document, Rejected> {
        if self.list.is_empty() {
            return Err(Rejected::new(Code::NoText, none));
        }
        let title = title.map(|title| one_line(&title, 200)).filter(|title| !title.is_empty());
        Ok(Document { kind, title, blocks: self.list })
    }
}

/// The refusal of a file whose text passes the cap.
pub(crate) fn too_much_text() -> Rejected {
    Rejected::new(
        Code::TooLarge,
        "The file holds more text than can be indexed; split it into smaller files.",
    )
}

/// Drops control characters (which no index or terminal wants) and the blank space around the text. Line
/// breaks inside stay one for one, so that lines can be counted; all that is dropped at the front is on the
/// first line.
fn clean(text: &str) -> String {
    let keep = |c: char| c == '\n' || c == '\t' || !(c.is_control() || c == '\u{FEFF}' || c == '\u{FFFE}');
    let blank = |c: char| c.is_whitespace() || !keep(c);
    text.trim_matches(blank).chars().filter(|c| keep(*c)).collect()
}

/// The text on one line, cut to `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}
