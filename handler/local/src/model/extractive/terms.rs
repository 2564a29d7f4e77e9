//! The words of a text that say what it is about.

use crate::model::segments::segments;
use rust_stemmers::{Algorithm, Stemmer};
use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};
use unicode_normalization::UnicodeNormalization as _;

/// Words that every text has, and those that only make a sentence a question.
const STOP: &str = "a about after all am an and any are as at be been before but by can could did do does doing \
    document documents each file files find for from get give had has have he her here him his how \
    i if in into is it its it's kindly know let like many may me might more most much must my no \
    not now of off on one only or our out over please say says shall she should show so some such \
    tell than thank thanks that the their them then there these they this those to too under up us \
    very want was we were what what's when where which who whom whose why will with would you your \
    誰 何 教え";

/// The like in Japanese, written in hiragana, where the dictionary's cuts are not to be trusted.
const PHRASES: &[&str] = &[
    "どのくらい",
    "どれくらい",
    "について",
    "に関して",
    "でしょう",
    "ください",
    "下さい",
    "教えて",
    "おしえて",
    "あります",
    "ありません",
    "いただけ",
    "いただき",
    "できます",
    "できません",
    "という",
    "どんな",
    "どなた",
    "いくつ",
    "いくら",
    "および",
    "または",
    "くらい",
    "ぐらい",
    "られる",
    "られた",
    "ました",
    "ません",
    "ますか",
    "ですか",
];

static STOPS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP.split_whitespace().collect());

/// The terms of a text: words in lower case and without their endings, stop words left out.
pub(super) fn terms(text: &str) -> BTreeSet<String> {
    let folded: String = text.nfkc().collect::<String>().to_lowercase().replace('’', "'");
    let folded = PHRASES
        .iter()
        .fold(folded, |text, phrase| if text.contains(phrase) { text.replace(phrase, " ") } else { text });
    let stemmer = Stemmer::create(Algorithm::English);
    segments(&folded)
        .filter(|piece| piece.word && !STOPS.contains(piece.text) && !is_grammar(piece.text))
        .map(|piece| stemmer.stem(piece.text).into_owned())
        .collect()
}

/// Whether a question asks for a quantity, so that a sentence with a number is the likelier answer.
pub(super) fn asks_quantity(question: &str) -> bool {
    let question = question.to_lowercase();
    [
        "how many",
        "how much",
        "how long",
        "how often",
        "when ",
        "what time",
        "limit",
        "maximum",
        "minimum",
        "cost",
    ]
    .iter()
    .chain(&["いくつ", "いくら", "どのくらい", "どれくらい", "いつ", "何", "上限", "金額"])
    .any(|word| question.contains(word))
}

/// One or two hiragana are particles, endings and the like: grammar, and seldom a word of meaning.
fn is_grammar(word: &str) -> bool {
    word.chars().count() <= 2 && word.chars().all(|c| matches!(c, '\u{3040}'..='\u{309f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        terms(text).into_iter().collect()
    }

    #[test]
    fn words_meet_in_their_stems() {
        assert_eq!(of("Which HOTELS are reimbursed?"), of("the hotel reimburses"));
        assert_eq!(of("ＷｉＦｉ"), ["wifi"]);
    }

    #[test]
    fn question_words_are_no_terms() {
        assert_eq!(of("What is it? How many are there?"), Vec::<String>::new());
        assert_eq!(of("いくつですか？"), Vec::<String>::new());
        assert_eq!(of("それは何についてですか。教えてください。"), Vec::<String>::new());
        assert_eq!(of("出張の日当はいくらですか？"), ["出張", "日当"]);
        assert_eq!(of("りんごはいくつありますか"), ["りんご"]);
        assert_eq!(of("有給休暇はいくつありますか"), ["休暇", "有給"]);
    }
}
