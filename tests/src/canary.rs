//! Words that tell whose text it is: 128 random bits a tenant, in all that is written for the tenant.

use aho_corasick::AhoCorasick;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use std::sync::LazyLock;

/// The tenants that `handler dev` starts with.
pub const TENANTS: [&str; 3] = ["contoso", "fabrikam", "northwind"];

/// How many tenants have a word: [`TENANTS`], and those that a test adds.
const MANY: usize = 50;

/// Each tenant and its word.
static WORDS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let more = (TENANTS.len()..MANY).map(|n| format!("tenant-{n}"));
    let word = |tenant| {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("randomness");
        (tenant, bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    TENANTS.map(str::to_owned).into_iter().chain(more).map(word).collect()
});

/// Every spelling of every word, [`SPELLINGS`] a tenant.
static SCANNER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let spelled = WORDS.iter().flat_map(|(_, word)| {
        let once = encoded(word.as_bytes());
        // A message is sealed, and Azure's queues take it in base64.
        let twice: Vec<_> = once.iter().flat_map(|once| encoded(once)).collect();
        [vec![word.clone().into_bytes()], once.to_vec(), twice].concat()
    });
    AhoCorasick::builder().ascii_case_insensitive(true).build(spelled).expect("a scanner")
});
const SPELLINGS: usize = 1 + 3 + 9;

/// All tenants that have a word, [`TENANTS`] first.
pub fn all() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(tenant, _)| &**tenant)
}

/// A tenant's word. A tenant that is not one of [`all`] has none.
pub fn of(tenant: &str) -> &'static str {
    WORDS.iter().find(|(known, _)| known == tenant).map_or("", |(_, word)| word)
}

/// The tenants whose words are in `bytes`, in any case, or in base64 once or twice, as they come.
pub fn whose(bytes: &[u8]) -> impl Iterator<Item = &'static str> {
    let found = SCANNER.find_overlapping_iter(bytes);
    found.map(|word| &*WORDS[word.pattern().as_usize() / SPELLINGS].0)
}

/// A tenant whose word is in `bytes`, if there is one that is not `allowed`.
pub fn foreign(bytes: &[u8], allowed: Option<&str>) -> Option<&'static str> {
    whose(bytes).find(|tenant| Some(*tenant) != allowed)
}

/// What base64 makes of a word that begins at any of the three places in a group; the ends, which depend on what is
/// beside the word, are left off.
fn encoded(word: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|shift| {
        let text = BASE64.encode([vec![b' '; shift], word.to_vec()].concat());
        text.as_bytes()[if shift == 0 { 0 } else { 4 }..text.len() - 4].to_vec()
    })
}

/// Whether `needle` is anywhere in `hay`.
pub fn contains(hay: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_word_is_found_in_any_spelling() {
        let word = of("contoso");
        for shift in 0..3 {
            let text = format!("{}{word} and more", "x".repeat(shift));
            let once = BASE64.encode(&text);
            let twice = BASE64.encode(format!("{}.{once}", "k".repeat(shift)));
            for spelled in [text.clone(), text.to_uppercase(), once, twice] {
                assert_eq!(foreign(spelled.as_bytes(), Some("fabrikam")), Some("contoso"), "{spelled}");
                assert_eq!(foreign(spelled.as_bytes(), None), Some("contoso"), "{spelled}");
            }
        }
    }

    #[test]
    fn a_tenants_own_word_and_other_text_pass() {
        let own = format!("{} {}", of("contoso"), "0123456789abcdef".repeat(8));
        assert_eq!(foreign(own.as_bytes(), Some("contoso")), None);
        assert_eq!(foreign(b"", Some("contoso")), None);
        assert_eq!(foreign(&of("contoso").as_bytes()[1..], Some("fabrikam")), None);
    }
}
