//! Text as terms: the same for what is written and for what is asked.
//!
//! NFKC, then words by Unicode's rules and a dictionary (so that Japanese has words too), lower case, and English stems.
//! A term holds letters, digits and `_` only: nothing in it is an operator of the index.

use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed, options::WordBreakInvariantOptions};
use rust_stemmers::{Algorithm, Stemmer};
use std::{borrow::Cow, collections::HashSet, ops::Range};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// A query's further words are not looked for.
const MOST_TERMS: usize = 64;
/// A longer word is cut, in bytes.
const LONGEST: usize = 120;

/// Words that are in most texts, so that finding them says nothing. Texts keep them; queries lose them, if others remain.
const STOP: [&str; 106] = [
    "a",
    "about",
    "after",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "may",
    "me",
    "my",
    "no",
    "not",
    "of",
    "on",
    "or",
    "our",
    "should",
    "so",
    "some",
    "such",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "to",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "will",
    "with",
    "would",
    "you",
    "your",
    "の",
    "に",
    "は",
    "を",
    "た",
    "が",
    "で",
    "て",
    "と",
    "し",
    "れ",
    "さ",
    "ある",
    "いる",
    "も",
    "する",
    "から",
    "な",
    "こと",
    "い",
    "や",
    "など",
    "なに",
    "何",
    "です",
    "ます",
    "ました",
    "ください",
    "か",
    "へ",
    "まで",
    "より",
    "この",
    "その",
    "よう",
];

/// A text's terms, joined by spaces.
pub(crate) fn terms(text: &str) -> String {
    let text = nfkc(text);
    let mut joined = String::with_capacity(text.len());
    for range in words(&text) {
        if let Some((term, _)) = term(&text[range]) {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(&term);
        }
    }
    joined
}

/// A query's different terms, without stop words if others remain.
pub(crate) fn query_terms(text: &str) -> Vec<String> {
    let text = nfkc(text);
    let (mut seen, mut kept, mut stopped) = (HashSet::new(), Vec::new(), Vec::new());
    for range in words(&text) {
        let Some((term, stop)) = term(&text[range]) else { continue };
        if seen.insert(term.clone()) {
            if stop { stopped.push(term) } else { kept.push(term) }
        }
        if kept.len() >= MOST_TERMS {
            break;
        }
    }
    if kept.is_empty() {
        stopped.truncate(MOST_TERMS);
        stopped
    } else {
        kept
    }
}

/// Where the words stand in a text as it is, each with its term.
pub(crate) fn located(text: &str) -> impl Iterator<Item = (Range<usize>, String)> + '_ {
    words(text).filter_map(|range| term(&nfkc(&text[range.clone()])).map(|(term, _)| (range, term)))
}

fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}

fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    // The data is part of the program's image: making a segmenter costs nothing, and pages are read when first used.
    let segmenter: WordSegmenterBorrowed<'static> =
        WordSegmenter::new_dictionary(WordBreakInvariantOptions::default());
    let mut segments = segmenter.segment_str(text).iter_with_word_type();
    let (mut end, mut word) = (0, 0..0);
    std::iter::from_fn(move || {
        loop {
            if !word.is_empty() {
                let piece = word.start..(word.clone().find(|at| parts(text, *at)).unwrap_or(word.end));
                word.start = word.end.min(piece.end + 1);
                if !piece.is_empty() {
                    return Some(piece);
                }
                continue;
            }
            let (next, kind) = segments.next()?;
            if kind.is_word_like() {
                word = end..next;
            }
            end = next;
        }
    })
}

/// Unicode has one word in `title:word` and in `example.com`, and so it has in `3.14`, which alone shall stay one.
fn parts(text: &str, at: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    let byte = text.as_bytes()[at];
    let joint = byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'_' | b'\'');
    let number = digit(at.checked_sub(1)) && digit(Some(at + 1));
    !(joint || number)
}

/// A word's term, and whether it is a stop word.
fn term(word: &str) -> Option<(String, bool)> {
    let mut term = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            '\'' | '’' => {
                // What follows an apostrophe in English is an ending: 's, 't, 'll.
                if term.is_ascii() && !term.is_empty() {
                    break;
                }
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => term.push('_'),
            c => term.push(c),
        }
        if term.len() >= LONGEST {
            break;
        }
    }
    if !term.chars().any(char::is_alphanumeric) {
        return None;
    }
    let stop = STOP.contains(&term.as_str());
    if term.bytes().all(|b| b.is_ascii_lowercase()) {
        term = Stemmer::create(Algorithm::English).stem(&term).into_owned();
    }
    Some((term, stop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_stemmed_and_folded() {
        assert_eq!(terms("Employees' receipts, REFUNDED twice."), "employe receipt refund twice");
        assert_eq!(terms("Alice's 3.14 C++ snake_case e-mail"), "alic 3_14 c snake_case e mail");
        assert_eq!(terms("ＡＢＣ ﬁnal"), "abc final");
        assert_eq!(terms("title:word www.example.com 1,000.5"), "titl word www exampl com 1_000_5");
        assert_eq!(terms(" ?! \u{0} 👩‍👩‍👧‍👦"), "");
    }

    #[test]
    fn japanese_has_words() {
        assert_eq!(terms("有給休暇を取得できます。"), "有給 休暇 を 取得 でき ます");
        assert_eq!(terms("ｶﾀｶﾅとカタカナ"), "カタカナ と カタカナ");
    }

    #[test]
    fn queries_lose_what_says_nothing() {
        assert_eq!(query_terms("How many days of vacation do I have?"), ["mani", "day", "vacat"]);
        assert_eq!(query_terms("what is it"), ["what", "is", "it"]);
        assert_eq!(query_terms("休暇は何日ですか"), query_terms("休暇 日"));
        assert_eq!(query_terms(&"word ".repeat(9_999)), ["word"]);
    }

    #[test]
    fn terms_are_plain() {
        for text in pool::conformance::NAUGHTY {
            let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '_' || c == ' ';
            assert!(terms(text).chars().all(plain), "{text:?}");
        }
    }
}
