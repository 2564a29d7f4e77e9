//! Plain text: a block a paragraph, with the lines it covers.

use crate::blocks::Blocks;
use crate::formats::number;
use crate::{Document, Kind, Limits, Place, Rejected};

/// Paragraphs are parted by blank lines.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Document, Rejected> {
    let mut blocks = Blocks::new(limits);
    let mut paragraph = Paragraph::default();
    for (index, line) in text.split(['\n', '\u{0C}']).enumerate() {
        if line.trim().is_empty() {
            paragraph.flush(&mut blocks, None)?;
        } else {
            paragraph.add(line, number(index + 1));
        }
    }
    paragraph.flush(&mut blocks, None)?;
    blocks.finish(Kind::Txt, None, "The file holds no text.")
}

/// Lines gathered until a paragraph ends.
#[derive(Default)]
pub(super) struct Paragraph {
    text: String,
    from: u32,
    to: u32,
}

impl Paragraph {
    /// Adds a line; `line` counts from 1.
    pub(super) fn add(&mut self, text: &str, line: u32) {
        if self.text.is_empty() {
            self.from = line;
        } else {
            self.text.push('\n');
        }
        self.to = line;
        self.text.push_str(text.trim_end());
    }

    /// Ends the paragraph.
    pub(super) fn flush(&mut self, blocks: &mut Blocks, heading: Option<&str>) -> Result<(), Rejected> {
        let place = Place::Lines { from: self.from, to: self.to, heading: heading.map(str::to_owned) };
        blocks.push(&std::mem::take(&mut self.text), place)
    }
}
