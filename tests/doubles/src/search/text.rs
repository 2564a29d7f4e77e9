//! Words in texts, and what they weigh: BM25 over the whole index, whosesoever its documents are.

use super::Document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Words in lower case, roughly as `standard.lucene` finds them: letters of scripts without spaces stand alone.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.to_lowercase().chars() {
        let alone =
            matches!(c, '\u{3041}'..='\u{309f}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}');
        if !alone && (c.is_alphanumeric() || c == '_') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if alone {
            words.push(c.to_string());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The words of all documents of an index, in the fields that are searched.
pub(super) struct Corpus<'a> {
    pub(super) texts: BTreeMap<&'a str, Vec<Vec<String>>>,
    /// In how many documents each word of each field is.
    spread: Vec<HashMap<String, usize>>,
    average: Vec<f64>,
}

impl<'a> Corpus<'a> {
    pub(super) fn new(documents: &'a BTreeMap<String, Document>, fields: &[String]) -> Self {
        let text = |document: &Document, field: &String| {
            words(document.get(field).and_then(Value::as_str).unwrap_or_default())
        };
        let texts: BTreeMap<&str, Vec<Vec<String>>> = documents
            .iter()
            .map(|(key, document)| (key.as_str(), fields.iter().map(|field| text(document, field)).collect()))
            .collect();
        let mut spread = vec![HashMap::new(); fields.len()];
        let mut average = vec![0.0; fields.len()];
        for text in texts.values() {
            for (field, words) in text.iter().enumerate() {
                average[field] += words.len() as f64 / texts.len() as f64;
                for word in words.iter().collect::<BTreeSet<_>>() {
                    *spread[field].entry(word.clone()).or_default() += 1;
                }
            }
        }
        Self { texts, spread, average }
    }

    /// What a word weighs in a document; 0 if it is not there.
    pub(super) fn weight(&self, key: &str, word: &str) -> f64 {
        let count = self.texts.len() as f64;
        let one = |(field, words): (usize, &Vec<String>)| {
            let times = words.iter().filter(|other| *other == word).count() as f64;
            let spread = self.spread[field].get(word).copied().unwrap_or_default() as f64;
            let rarity = (1.0 + (count - spread + 0.5) / (spread + 0.5)).ln();
            let length = words.len() as f64 / self.average[field].max(1.0);
            rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length))
        };
        self.texts[key].iter().enumerate().map(one).sum()
    }
}
