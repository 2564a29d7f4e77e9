//! The answer of `file_search`, read with distrust: what is not a passage is not there.

use serde_json::Value;
use std::collections::BTreeSet;

const MAX_OUTPUT: usize = 1024 * 1024;
const MAX_PASSAGES: usize = 20;
const MAX_PASSAGE_CHARS: usize = 8000;

/// A piece of a document that the search found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// What it is cited by.
    pub(super) reference: u64,
    /// The document's title.
    pub(super) title: String,
    pub(super) text: String,
}

/// The passages of a search's answer, best first. Garbage holds none.
pub(super) fn passages<'a>(outputs: impl Iterator<Item = &'a str>) -> Vec<Passage> {
    let mut seen = BTreeSet::new();
    outputs
        .filter(|output| output.len() <= MAX_OUTPUT)
        .filter_map(|output| serde_json::from_str::<Value>(output).ok())
        .flat_map(|output| output.get("results").and_then(Value::as_array).cloned().unwrap_or_default())
        .filter_map(|result| passage(&result))
        .filter(|passage| seen.insert(passage.reference))
        .take(MAX_PASSAGES)
        .collect()
}

fn passage(result: &Value) -> Option<Passage> {
    Some(Passage {
        reference: result.get("ref")?.as_u64()?,
        title: result.get("title").and_then(Value::as_str).unwrap_or_default().chars().take(200).collect(),
        text: result.get("text")?.as_str()?.chars().take(MAX_PASSAGE_CHARS).collect(),
    })
}

/// Makes the brackets wide of each marker that would cite one of the `references`: a document or a tool may hold
/// the text `[1]`, and a quotation must not cite by accident, or by an author's design, what it does not come from.
pub(super) fn without_markers(text: &str, references: &[u64]) -> String {
    references.iter().fold(text.to_owned(), |text, reference| {
        text.replace(&format!("[{reference}]"), &format!("［{reference}］"))
    })
}
