//! Text cut at the boundaries of Unicode's words; Japanese by dictionary, since it writes no spaces.

use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed, options::WordBreakInvariantOptions};

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    /// A word or a number, and not punctuation or space.
    pub(super) word: bool,
}

/// The pieces of a text. Joined they are the text again.
pub(super) fn segments(text: &str) -> impl Iterator<Item = Segment<'_>> {
    const SEGMENTER: fn() -> WordSegmenterBorrowed<'static> =
        || WordSegmenter::new_dictionary(WordBreakInvariantOptions::default());
    let mut start = 0;
    SEGMENTER().segment_str(text).iter_with_word_type().filter_map(move |(end, kind)| {
        let piece = text.get(start..end).filter(|piece| !piece.is_empty());
        start = end;
        piece.map(|text| Segment { text, word: kind.is_word_like() })
    })
}

/// How many tokens a text is: its words, its numbers and its punctuation marks, one each.
///
/// No model's own count, but near enough to budget with: English prose has about four words to five tokens of a
/// real tokeniser, and a Japanese dictionary word is one or two of them.
pub(super) fn count_tokens(text: &str) -> u64 {
    segments(text).filter(|piece| piece.word || !piece.text.trim().is_empty()).count() as u64
}

/// Whether a text is Japanese: it holds kana or kanji.
pub(super) fn is_japanese(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9f}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_and_marks() {
        assert_eq!(count_tokens(""), 0);
        assert_eq!(count_tokens("  \n"), 0);
        assert_eq!(count_tokens("Don't panic, twice."), 5);
        assert_eq!(
            count_tokens("出張の日当は三千円です。"),
            8,
            "{:?}",
            segments("出張の日当は三千円です。").collect::<Vec<_>>()
        );
    }

    #[test]
    fn joined_segments_are_the_text() {
        for text in ["", " a  b\n", "日当は3,000円（税込）です。See [1]!", "\u{0}\u{301}e\u{200d}"]
        {
            assert_eq!(segments(text).map(|piece| piece.text).collect::<String>(), text);
        }
    }
}
