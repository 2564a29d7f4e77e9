use crate::tokens;
use std::{collections::HashSet, ops::Range};

/// Characters of a snippet, at most.
const LENGTH: usize = 280;
/// Matches that are looked at: a text of nothing else would cost the square of their number.
const MATCHES: usize = 200;
/// Characters before the first match, if there are so many.
const LEAD: usize = 40;

/// The part of a text, as it stands there, that holds the most of the terms; its beginning, if it holds none.
pub(crate) fn snippet<'a>(text: &'a str, terms: &[String]) -> &'a str {
    if text.chars().count() <= LENGTH {
        return text;
    }
    let wanted: HashSet<&str> = terms.iter().map(String::as_str).collect();
    let matches: Vec<(Range<usize>, String)> = if wanted.is_empty() {
        Vec::new()
    } else {
        tokens::located(text).filter(|(_, term)| wanted.contains(term.as_str())).take(MATCHES).collect()
    };
    // A character is one to four bytes, so windows are measured in bytes by the text's own average.
    let window = (LENGTH - LEAD) * text.len() / text.chars().count();
    let score = |first: usize| {
        let from = matches[first].0.start;
        let inside = matches[first..].iter().take_while(|(range, _)| range.end <= from + window);
        let terms: Vec<&str> = inside.map(|(_, term)| term.as_str()).collect();
        (terms.iter().collect::<HashSet<_>>().len(), terms.len())
    };
    // The first of the best.
    let best = (0..matches.len()).rev().max_by_key(|first| score(*first));
    let start = best.map_or(0, |first| lead(text, matches[first].0.start));
    let rest = &text[start..];
    let end = rest.char_indices().nth(LENGTH).map_or(rest.len(), |(at, _)| at);
    // Not in the middle of a word, where the script has spaces.
    let cut = if end < rest.len() {
        rest[..end].rfind(char::is_whitespace).filter(|at| *at > end * 3 / 4)
    } else {
        None
    };
    rest[..cut.unwrap_or(end)].trim()
}

/// A little before `at`, at the beginning of a word if there is one.
fn lead(text: &str, at: usize) -> usize {
    let from = text[..at].char_indices().rev().nth(LEAD - 1).map_or(0, |(at, _)| at);
    if from == 0 {
        return 0;
    }
    text[from..at].find(char::is_whitespace).map_or(from, |space| from + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_the_best_window() {
        let filler = "nothing of note happens here ".repeat(30);
        let text = format!("{filler} quokka alone {filler} the quokka eats a walrus {filler}");
        let terms = tokens::query_terms("quokkas and walruses");
        let shown = snippet(&text, &terms);
        assert!(shown.contains("quokka eats a walrus"), "{shown}");
        assert!(shown.chars().count() <= LENGTH && text.contains(shown));
    }

    #[test]
    fn it_cuts_between_characters() {
        let text =
            "交通費の精算について説明します。".repeat(40) + "有給休暇は二十日です。" + &"日本🇯🇵".repeat(200);
        let shown = snippet(&text, &tokens::query_terms("有給休暇"));
        assert!(shown.contains("有給休暇は二十日"), "{shown}");
        assert!(shown.chars().count() <= LENGTH && text.contains(shown));
        assert!(text.starts_with(snippet(&text, &[])));
    }
}
