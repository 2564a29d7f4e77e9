//! How much is tried, and from which seed: `PROVE_TIMES` multiplies, `PROVE_SEED` seeds.

/// The seed of what is tried by chance.
pub fn seed() -> u64 {
    number("PROVE_SEED", 1)
}

/// So many, or more if more is wanted.
pub fn count(usual: usize) -> usize {
    usual * number("PROVE_TIMES", 1) as usize
}

#[expect(clippy::disallowed_methods, reason = "how much is tried is for who runs the tests to say")]
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Chance that can be repeated (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Chance from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `limit` - 1.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
