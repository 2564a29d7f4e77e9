//! Which sentences answer the question.

use super::{
    passages::Passage,
    sentences::{leads_on, sentences},
    terms::{asks_quantity, terms},
};
use std::collections::{BTreeMap, BTreeSet};

const MAX_QUOTES: usize = 3;
const MAX_QUOTE_CHARS: usize = 600;

/// A sentence or two of a passage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) reference: u64,
    pub(super) text: String,
}

struct Candidate {
    score: f64,
    quote: Quote,
}

/// The best sentence of each passage that is about the question; the best first, three at most.
pub(super) fn quotes(question: &str, passages: &[Passage]) -> Vec<Quote> {
    let wanted = terms(question);
    if wanted.is_empty() {
        return Vec::new();
    }
    let relevant: Vec<(&Passage, Vec<String>)> = passages
        .iter()
        .filter(|passage| covers(&wanted, &format!("{}\n{}", passage.title, passage.text)))
        .map(|passage| (passage, sentences(&passage.text)))
        .collect();
    let weights = weights(&wanted, relevant.iter().flat_map(|(_, sentences)| sentences));
    let numbers = asks_quantity(question);
    let mut best: Vec<Candidate> = relevant
        .iter()
        .filter_map(|(passage, sentences)| best_of(passage, sentences, &weights, numbers))
        .collect();
    // Stable: of equals, the one that the search ranks first.
    best.sort_by(|a, b| b.score.total_cmp(&a.score));
    let floor = best.first().map_or(0.0, |first| first.score / 2.0);
    let mut seen = BTreeSet::new();
    best.into_iter()
        .take_while(|candidate| candidate.score >= floor)
        .map(|candidate| candidate.quote)
        .filter(|quote| seen.insert(quote.text.clone()))
        .take(MAX_QUOTES)
        .collect()
}

/// Whether a text speaks of at least a third of what is wanted: one common word does not make it relevant.
fn covers(wanted: &BTreeSet<String>, text: &str) -> bool {
    let found = terms(text).intersection(wanted).count();
    found > 0 && found * 3 >= wanted.len()
}

/// What it is worth to hold each term: the more sentences have it, the less.
fn weights<'a>(
    wanted: &BTreeSet<String>,
    sentences: impl Iterator<Item = &'a String>,
) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, f64> = wanted.iter().map(|term| (term.clone(), 0.0)).collect();
    let mut all = 1.0;
    for sentence in sentences {
        all += 1.0;
        for term in terms(sentence) {
            counts.entry(term).and_modify(|count| *count += 1.0);
        }
    }
    counts.into_iter().map(|(term, count)| (term, 0.5 + (all / (1.0 + count)).ln())).collect()
}

fn best_of(
    passage: &Passage,
    sentences: &[String],
    weights: &BTreeMap<String, f64>,
    numbers: bool,
) -> Option<Candidate> {
    let mut best: Option<(usize, f64)> = None;
    for (at, sentence) in sentences.iter().enumerate() {
        let mut score: f64 = terms(sentence).iter().filter_map(|term| weights.get(term)).sum();
        if numbers && sentence.chars().any(char::is_numeric) {
            score *= 1.5;
        }
        if score > best.map_or(0.0, |(_, score)| score) {
            best = Some((at, score));
        }
    }
    let (at, score) = best?;
    Some(Candidate { score, quote: Quote { reference: passage.reference, text: with_next(sentences, at) } })
}

/// A question or a heading is quoted with the sentence that follows it, which says the thing.
fn with_next(sentences: &[String], at: usize) -> String {
    let sentence = sentences.get(at).map(String::as_str).unwrap_or_default();
    match sentences.get(at + 1).filter(|_| leads_on(sentence)) {
        Some(next) if sentence.chars().count() + next.chars().count() < MAX_QUOTE_CHARS => {
            format!("{sentence} {next}")
        }
        _ => sentence.to_owned(),
    }
}
