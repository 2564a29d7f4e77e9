//! Ids of spans and operations: no two alike, which is all that is asked of them.

use pool::ports::Entropy;
use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64 from a random start: a question to the system for each id would cost more than all else of a span.
pub(super) struct Ids(AtomicU64);

impl Ids {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let mut start = [0; 8];
        entropy.fill(&mut start);
        Self(AtomicU64::new(u64::from_le_bytes(start)))
    }

    pub(super) fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Zero is no id.
        (z ^ (z >> 31)).max(1)
    }
}
