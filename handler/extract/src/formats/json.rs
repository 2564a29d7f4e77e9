//! JSON: the file's own lines, with escapes made readable.

use crate::blocks::Blocks;
use crate::formats::number;
use crate::formats::text::Paragraph;
use crate::{Document, Kind, Limits, Rejected};

/// Lines of one block. Chunks are cut inside blocks too, so this only bounds how far a place is off.
const LINES: usize = 20;

/// The text as it stands, so that line numbers hold, a block every few lines.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Document, Rejected> {
    let mut blocks = Blocks::new(limits);
    let mut paragraph = Paragraph::default();
    for (index, line) in text.split('\n').enumerate() {
        if !line.trim().is_empty() {
            paragraph.add(&readable(line), number(index + 1));
        }
        if (index + 1) % LINES == 0 {
            paragraph.flush(&mut blocks, None)?;
        }
    }
    paragraph.flush(&mut blocks, None)?;
    blocks.finish(Kind::Json, None, "The file holds no text.")
}

/// Turns `\u3042` into the character it stands for: many writers escape all but ASCII, and nobody searches
/// for escapes. Escapes of quotes, backslashes and control characters stay.
fn readable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let (character, used) = match escaped(rest) {
            Some((character, used)) if !character.is_control() && !matches!(character, '"' | '\\') => {
                (Some(character), used)
            }
            // The backslash and what it escapes go through together, so `\\u0041` stays a backslash and text.
            _ => (None, rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at)),
        };
        match character {
            Some(character) => out.push(character),
            None => out.push_str(rest.get(..used).unwrap_or_default()),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The character a leading `\uXXXX` (or surrogate pair of them) stands for, and its length.
fn escaped(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 6));
    }
    let character = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((character, 12))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn escapes_become_characters_unless_they_carry_structure() {
        assert_eq!(readable(r#"{"a":"\u5c31\u696d \ud83d\ude00"}"#), r#"{"a":"就業 😀"}"#);
        assert_eq!(
            readable(r#"\\u0041 \" \u0022 \u0000 \n \ud83d x"#),
            r#"\\u0041 \" \u0022 \u0000 \n \ud83d x"#
        );
        assert_eq!(readable(r"trailing \"), r"trailing \");
        assert_eq!(readable(r"\u12"), r"\u12");
    }
}
