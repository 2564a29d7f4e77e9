//! Good tokens, altered: none of them is good any more.

use super::{run::Bench, *};
use pool::{conformance::memory::SeededEntropy, ports::Entropy};
use support::proof;

const NOW: i64 = 1_780_315_200;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Chance that can be repeated.
pub(super) struct Dice(SeededEntropy);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number from 0 to `limit` - 1.
    pub(super) fn below(&self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % limit as u64) as usize
    }
}

/// A token with one thing changed, or two tokens in one.
fn altered(token: &str, other: &str, dice: &Dice) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    let letter = ALPHABET[dice.below(ALPHABET.len())];
    match dice.below(9) {
        0 => bytes[at] = letter,
        1 => bytes[at] ^= 1 << dice.below(7),
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, letter),
        4 => bytes.swap(at, dice.below(token.len())),
        5 => bytes.truncate(at),
        6 => bytes.insert(at, dice.below(128) as u8),
        7 => return spliced(token, other, dice),
        _ => return reworded(token, dice),
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Segments of two tokens.
fn spliced(token: &str, other: &str, dice: &Dice) -> String {
    let segments: Vec<_> = token.split('.').zip(other.split('.')).collect();
    let pick = |(one, other): &(&str, &str)| {
        if dice.below(2) == 0 { (*one).to_owned() } else { (*other).to_owned() }
    };
    segments.iter().map(pick).collect::<Vec<_>>().join(".")
}

/// The header or the claims with one byte changed, under the old signature.
fn reworded(token: &str, dice: &Dice) -> String {
    let mut segments: Vec<String> = token.split('.').map(str::to_owned).collect();
    let which = dice.below(2);
    let mut text = BASE64.decode(&segments[which]).unwrap();
    let at = dice.below(text.len());
    text[at] = b' ' + dice.below(95) as u8;
    segments[which] = BASE64.encode(text);
    segments.join(".")
}

#[tokio::test]
async fn no_alteration_of_a_good_token_is_accepted() {
    let (seed, count) = (proof::seed(), proof::count(10_000));
    let dice = Dice::new(seed);
    let bench = Bench::at(NOW).await;
    let calls = bench.calls();
    let admin = with(with(claims(NOW), "roles", json!(["admin"])), "sub", json!("root"));
    let good = [tenants::of(NOW, "contoso"), tenants::of(NOW, "fabrikam"), token(&header(), &admin)];
    for token in &good {
        assert!(["contoso", "fabrikam"].contains(&&*bench.verdict(token).await));
    }
    let (mut tried, mut accepted) = (0, 0);
    while tried < count {
        let token = altered(&good[dice.below(3)], &good[dice.below(3)], &dice);
        if good.contains(&token) {
            continue;
        }
        tried += 1;
        if ["contoso", "fabrikam"].contains(&&*bench.verdict(&token).await) {
            accepted += 1;
            println!("accepted: {token}");
        }
    }
    println!("forged tokens: {tried} alterations, {accepted} accepted (seed {seed})");
    assert_eq!(accepted, 0, "seed {seed}");
    assert_eq!(bench.calls(), calls, "nobody was asked");
}
