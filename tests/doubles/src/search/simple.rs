//! The simple query syntax: words, and the operators `+ | - " * ( )`. A backslash takes an operator for a character.
//! Brackets are read over here. <https://learn.microsoft.com/azure/search/query-simple-syntax>

use super::text::{Corpus, words};
use std::{iter::Peekable, str::Chars};

/// A query: one of these, each of which is all of those.
#[derive(Debug, PartialEq)]
pub(super) struct Simple(Vec<Vec<Clause>>);

#[derive(Debug, PartialEq)]
enum Clause {
    /// `*`.
    All,
    /// Some of a word's parts.
    Word(Vec<String>),
    /// Words that begin so.
    Prefix(String),
    /// Words in this order.
    Phrase(Vec<String>),
    /// With `searchMode` `any`, this adds every document without it.
    Not(Box<Clause>),
}

impl Simple {
    pub(super) fn parse(query: &str) -> Self {
        let mut any: Vec<Vec<Clause>> = Vec::new();
        let mut characters = query.chars().peekable();
        let (mut joined, mut negated) = (false, false);
        while let Some(c) = characters.next() {
            let clause = match c {
                '+' => {
                    joined = true;
                    continue;
                }
                '-' => {
                    negated = true;
                    continue;
                }
                '"' => {
                    Clause::Phrase(words(&characters.by_ref().take_while(|c| *c != '"').collect::<String>()))
                }
                '|' | '(' | ')' => continue,
                c if c.is_whitespace() => continue,
                c => word(c, &mut characters),
            };
            let clause = if std::mem::take(&mut negated) { Clause::Not(Box::new(clause)) } else { clause };
            match any.last_mut() {
                Some(all) if std::mem::take(&mut joined) => all.push(clause),
                _ => any.push(vec![clause]),
            }
        }
        Self(any)
    }

    /// What a document scores, if it is found.
    pub(super) fn score(&self, corpus: &Corpus<'_>, key: &str) -> Option<f64> {
        let all = |clauses: &Vec<Clause>| {
            clauses.iter().try_fold(0.0, |sum, clause| Some(sum + clause.score(corpus, key)?))
        };
        self.0.iter().filter_map(all).reduce(|a, b| a + b)
    }
}

fn word(first: char, rest: &mut Peekable<Chars<'_>>) -> Clause {
    let (mut text, mut star) = (String::new(), false);
    let mut next = Some(first);
    while let Some(c) = next {
        star = c == '*';
        match c {
            '\\' => text.extend(rest.next()),
            '*' => {}
            c => text.push(c),
        }
        next = rest.next_if(|c| !c.is_whitespace() && !"\"()|+".contains(*c));
    }
    match (star, text.is_empty()) {
        (true, true) => Clause::All,
        (true, false) => Clause::Prefix(text.to_lowercase()),
        (false, _) => Clause::Word(words(&text)),
    }
}

impl Clause {
    fn score(&self, corpus: &Corpus<'_>, key: &str) -> Option<f64> {
        let texts = &corpus.texts[key];
        match self {
            Self::All => Some(1.0),
            Self::Word(parts) => {
                Some(parts.iter().map(|part| corpus.weight(key, part)).sum()).filter(|score| *score > 0.0)
            }
            Self::Prefix(prefix) => {
                texts.iter().flatten().any(|word| word.starts_with(prefix)).then_some(1.0)
            }
            Self::Phrase(phrase) => {
                let there = |words: &Vec<String>| words.windows(phrase.len()).any(|window| window == phrase);
                (!phrase.is_empty() && texts.iter().any(there)).then_some(1.0)
            }
            Self::Not(clause) => clause.score(corpus, key).is_none().then_some(0.0),
        }
    }
}
