//! The words of a query, and where they are in a text.

use std::collections::BTreeSet;

/// Characters that the service's query language knows, in either of its forms.
const OPERATORS: &[char] = &[
    '+', '-', '&', '|', '!', '(', ')', '{', '}', '[', ']', '^', '"', '~', '*', '?', ':', '\\', '/', '<', '>',
    '=',
];
/// A query's most words and characters: the service bounds what a query may cost.
const MOST_WORDS: usize = 256;
const MOST_CHARACTERS: usize = 2_000;
/// What is looked for in a passage, and how often: it is done for each hit.
const MOST_PIECES: usize = 32;
const MOST_PLACES: usize = 200;
/// Characters of a snippet, at most, and before its first word.
const LENGTH: usize = 280;
const LEAD: usize = 40;

/// The words of a text, each once, with a space between: no operator is left. Empty, if there are none.
pub(super) fn query(text: &str) -> String {
    let mut seen = BTreeSet::new();
    let mut left = MOST_CHARACTERS;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || OPERATORS.contains(&c));
    let words = words.filter(|word| word.contains(char::is_alphanumeric) && seen.insert(*word));
    let fits = |word: &&str| {
        left = left.saturating_sub(word.chars().count() + 1);
        left > 0
    };
    words.take(MOST_WORDS).take_while(fits).collect::<Vec<_>>().join(" ")
}

/// The part of a text, as it stands there, that holds the most of a query's words; its beginning, if it holds none.
pub(super) fn snippet<'a>(text: &'a str, query: &str) -> &'a str {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if starts.len() <= LENGTH {
        return text;
    }
    let wanted = pieces(query);
    // Each place of a word, by the number of its character.
    let lower: Vec<char> = text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    let mut places = Vec::new();
    for (n, piece) in wanted.iter().enumerate() {
        let here = |at: &usize| lower[*at..].starts_with(piece) && begins_word(&lower, *at);
        places.extend((0..lower.len()).filter(here).take(50).map(|at| (at, n)));
    }
    places.sort_unstable();
    places.truncate(MOST_PLACES);
    let distinct = |from: usize| {
        let inside = places.iter().filter(|(at, _)| (from..from + LENGTH - LEAD).contains(at));
        inside.map(|(_, n)| n).collect::<BTreeSet<_>>().len()
    };
    // The first of the best.
    let best = places.iter().rev().max_by_key(|(at, _)| distinct(*at)).map_or(0, |(at, _)| *at);
    let from = best.saturating_sub(LEAD);
    let end = starts.get(from + LENGTH).map_or(text.len(), |at| *at);
    text[starts[from]..end].trim()
}

/// What to look for: words in lower case; where a script has no spaces, pairs of letters.
fn pieces(query: &str) -> Vec<Vec<char>> {
    let mut pieces = BTreeSet::new();
    for word in query.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let letters: Vec<char> = word.chars().collect();
        if word.is_ascii() || letters.len() == 1 {
            pieces.insert(letters);
        } else {
            pieces.extend(letters.windows(2).map(<[char]>::to_vec));
        }
    }
    pieces.into_iter().take(MOST_PIECES).collect()
}

fn begins_word(text: &[char], at: usize) -> bool {
    !text[at].is_ascii_alphanumeric() || at == 0 || !text[at - 1].is_alphanumeric()
}
