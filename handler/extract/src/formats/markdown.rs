//! Markdown: plain text that knows its headings. The marks stay in: they carry meaning and cost little.

use crate::blocks::{Blocks, one_line};
use crate::formats::number;
use crate::formats::text::Paragraph;
use crate::{Document, Kind, Limits, Rejected};

/// A block a paragraph, list or fenced code; the title is the first heading.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Document, Rejected> {
    let mut blocks = Blocks::new(limits);
    let mut paragraph = Paragraph::default();
    let mut heading: Option<String> = None;
    let mut title = None;
    let mut fence: Option<&str> = None;
    for (index, line) in text.split('\n').enumerate() {
        let bare = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            _ => {}
        }
        if let Some(words) = atx_heading(line).filter(|_| fence.is_none()) {
            paragraph.flush(&mut blocks, heading.as_deref())?;
            title.get_or_insert_with(|| words.to_owned());
            heading = Some(one_line(words, 120));
        }
        // A blank line inside a fence does not end the code.
        if bare.is_empty() && fence.is_none() {
            paragraph.flush(&mut blocks, heading.as_deref())?;
        } else {
            paragraph.add(line, number(index + 1));
        }
    }
    paragraph.flush(&mut blocks, heading.as_deref())?;
    blocks.finish(Kind::Md, title, "The file holds no text.")
}

/// The words of `## Heading ##`.
fn atx_heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let words = rest.strip_prefix([' ', '\t'])?.trim().trim_end_matches('#').trim_end();
    (1..=6).contains(&level).then_some(words).filter(|words| !words.is_empty())
}
