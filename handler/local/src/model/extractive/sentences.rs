//! Text cut into sentences.

const MAX_CHARS: usize = 400;
const TERMINALS: [char; 6] = ['.', '!', '?', '。', '！', '？'];
const CLOSERS: [char; 9] = ['"', '\'', ')', '”', '’', '」', '』', '）', '］'];

/// The sentences of a text, in order, each trimmed and with its white space made single.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut current = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' || c == '\r' {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            // A line that goes on in lower case was wrapped, not ended.
            if chars.peek().is_some_and(|next| next.is_lowercase()) {
                current.push(' ');
            } else {
                end(&mut current, &mut sentences);
            }
            continue;
        }
        current.push(c);
        if TERMINALS.contains(&c) {
            while let Some(closer) = chars.next_if(|next| TERMINALS.contains(next) || CLOSERS.contains(next))
            {
                current.push(closer);
            }
            // "12.5" and "policy.pdf" are no ends; 。 needs no space after it.
            if !c.is_ascii() || chars.peek().is_none_or(|next| next.is_whitespace()) {
                end(&mut current, &mut sentences);
            }
        }
    }
    end(&mut current, &mut sentences);
    sentences
}

/// Whether a sentence only leads to the next: a question, or a line without an end, such as a heading.
pub(super) fn leads_on(sentence: &str) -> bool {
    let sentence = sentence.trim_end_matches(CLOSERS);
    sentence.ends_with(['?', '？', ':', '：']) || !sentence.ends_with(TERMINALS)
}

fn end(current: &mut String, sentences: &mut Vec<String>) {
    let mut sentence = String::new();
    for word in current.split_whitespace() {
        // What has no end, such as a table, is cut where it grows too long to quote.
        if !sentence.is_empty() && sentence.chars().count() + word.chars().count() >= MAX_CHARS {
            sentences.push(std::mem::take(&mut sentence));
        }
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
    }
    current.clear();
    // Rules under headings and between the rows of tables say nothing.
    if !sentence.chars().any(char::is_alphanumeric) {
        return;
    }
    let chars: Vec<char> = sentence.chars().collect();
    sentences.extend(chars.chunks(MAX_CHARS).map(String::from_iter));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_and_lines() {
        assert_eq!(
            sentences("Travel policy\nIt costs 12.50 EUR. See a.pdf! \"Really?\"  Yes"),
            ["Travel policy", "It costs 12.50 EUR.", "See a.pdf!", "\"Really?\"", "Yes"]
        );
        assert_eq!(
            sentences("日当は三千円です。「本当？」はい！\n以上"),
            ["日当は三千円です。", "「本当？」", "はい！", "以上"]
        );
        assert_eq!(
            sentences("A line that was\n  wrapped here.\r\n\r\nNext"),
            ["A line that was wrapped here.", "Next"]
        );
        assert_eq!(sentences("| a | b |\n|---|---|\n| 1 | 2 |"), ["| a | b |", "| 1 | 2 |"]);
        assert_eq!(sentences(" \n \n"), Vec::<String>::new());
    }

    #[test]
    fn endless_text_is_cut() {
        for text in ["word ".repeat(1000), "x".repeat(5000), "あ".repeat(5000)] {
            let cut = sentences(&text);
            assert!(cut.len() >= 12 && cut.iter().all(|sentence| sentence.chars().count() <= MAX_CHARS));
        }
    }
}
