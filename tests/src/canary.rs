//! Words that tell whose text it is: 128 random bits a tenant, in all that is written for the tenant.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use std::sync::OnceLock;

/// The tenants that `handler dev` starts with.
pub const TENANTS: [&str; 3] = ["contoso", "fabrikam", "northwind"];

/// A tenant's word. A tenant that is not one of [`TENANTS`] has none.
pub fn of(tenant: &str) -> &'static str {
    static WORDS: OnceLock<[String; 3]> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        TENANTS.map(|_| {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).expect("randomness");
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        })
    });
    TENANTS.iter().position(|known| *known == tenant).map_or("", |at| &words[at])
}

/// The tenant whose word is in `bytes`, in any case or in base64, if there is one that is not `allowed`.
pub fn foreign(bytes: &[u8], allowed: Option<&str>) -> Option<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    TENANTS.into_iter().filter(|tenant| Some(*tenant) != allowed).find(|tenant| {
        let word = of(tenant).as_bytes();
        contains(&lower, word) || spellings(word).iter().any(|other| contains(bytes, other))
    })
}

/// What base64 makes of a word that begins at any of the three places in a group; the ends, which depend on what is
/// beside the word, are left off.
fn spellings(word: &[u8]) -> [Vec<u8>; 3] {
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
            for spelled in [text.clone(), text.to_uppercase(), BASE64.encode(&text)] {
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
