//! Which requests become items: all, while there are few; of many, one in so many, which then stands for them all.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

/// About so many requests a second become items. Metrics count all.
const A_SECOND: u32 = 20;

/// Decides by how many there were this second and the one before. The counts need not be exact; a weight must be what it
/// was chosen by.
#[derive(Default)]
pub(super) struct Sampler {
    began: OnceLock<Instant>,
    second: AtomicU64,
    seen: AtomicU32,
    before: AtomicU32,
}

impl Sampler {
    /// How many requests this one stands for; `None`: others stand for it. `dice` is random.
    pub(super) fn weight(&self, dice: u64) -> Option<u32> {
        self.at(self.began.get_or_init(Instant::now).elapsed().as_secs(), dice)
    }

    fn at(&self, second: u64, dice: u64) -> Option<u32> {
        let last = self.second.load(Ordering::Relaxed);
        if last != second {
            self.second.store(second, Ordering::Relaxed);
            let seen = self.seen.swap(0, Ordering::Relaxed);
            self.before.store(if last + 1 == second { seen } else { 0 }, Ordering::Relaxed);
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed).max(self.before.load(Ordering::Relaxed));
        let one_in = (seen.saturating_sub(1) / A_SECOND).next_power_of_two();
        dice.is_multiple_of(u64::from(one_in)).then_some(one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_all_taken_and_many_are_stood_for() {
        let sampler = Sampler::default();
        // A generator of Lehmer's: the test must not depend on luck.
        let mut dice = 1_u64;
        let mut weights = |second: u64, requests: u32| -> Vec<u32> {
            let mut roll = || {
                dice = dice * 48_271 % 2_147_483_647;
                dice
            };
            (0..requests).filter_map(|_| sampler.at(second, roll())).collect()
        };
        for second in 1..5 {
            assert_eq!(weights(second, A_SECOND), [1; A_SECOND as usize]);
        }
        let (mut items, mut stood_for) = (0, 0);
        for second in 5..105 {
            let weights = weights(second, 10_000);
            items += weights.len();
            stood_for += weights.iter().sum::<u32>();
        }
        assert!((900_000..1_100_000).contains(&stood_for), "{stood_for}");
        assert!(items < 100 * 2 * A_SECOND as usize, "{items}");
    }
}
