//! Ids: a prefix that says what it names, then a UUID of version 7 (RFC 9562), so that they sort by time.

use crate::ports::{Clock, Entropy};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use uuid::Builder;

/// Greatest time that was used for an id, in 1/4096 ms: ids of one process are strictly increasing.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Where a scope's new ids come from.
#[derive(Clone)]
pub(crate) enum IdSource {
    Random,
    /// The same ids each time: a request that is tried again makes what it made before, not another one.
    Seeded {
        started_ms: u64,
        seed: [u8; 32],
        count: Arc<AtomicU64>,
    },
}

impl IdSource {
    pub(crate) fn seeded(started_ms: u64, seed: [u8; 32]) -> Self {
        Self::Seeded { started_ms, seed, count: Arc::default() }
    }

    /// The 32 hexadecimal digits of a new id.
    pub(crate) fn next(&self, clock: &dyn Clock, entropy: &dyn Entropy) -> String {
        let mut random = [0; 10];
        let tick = match self {
            Self::Random => {
                entropy.fill(&mut random);
                tick(clock.now().as_millisecond().max(0) as u64)
            }
            Self::Seeded { started_ms, seed, count } => {
                let n = count.fetch_add(1, Ordering::Relaxed);
                random.copy_from_slice(&blake3::keyed_hash(seed, &n.to_le_bytes()).as_bytes()[..10]);
                (started_ms << 12) + n
            }
        };
        random[..2].copy_from_slice(&((tick & 0xfff) as u16).to_be_bytes());
        Builder::from_unix_timestamp_millis(tick >> 12, &random).into_uuid().simple().to_string()
    }
}

fn tick(now_ms: u64) -> u64 {
    let after = |last: u64| (now_ms << 12).max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
    after(last.unwrap_or_default())
}

/// In hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemClock;

    struct Zero;
    impl Entropy for Zero {
        fn fill(&self, _: &mut [u8]) {}
    }

    #[test]
    fn ids_of_one_process_increase() {
        let ids: Vec<_> = (0..10_000).map(|_| IdSource::Random.next(&SystemClock, &Zero)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].len(), 32);
        assert_eq!(&ids[0][12..13], "7");
    }

    #[test]
    fn every_byte_has_its_two_digits() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(hex(&all), all.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }

    #[test]
    fn seeded_ids_repeat() {
        let make = |seed| {
            let ids = IdSource::seeded(1_700_000_000_000, [seed; 32]);
            [ids.next(&SystemClock, &Zero), ids.next(&SystemClock, &Zero)]
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1)[0], make(1)[1]);
        assert_ne!(make(1), make(2));
    }

    #[test]
    fn ids_carry_their_time() {
        const STARTED: u64 = 1_700_000_000_000;
        let seeded = IdSource::seeded(STARTED, [1; 32]);
        for n in 0..3 {
            let id = seeded.next(&SystemClock, &Zero);
            assert_eq!(&id[..16], format!("{STARTED:012x}7{n:03x}"));
        }
        // Another test's clock may be ahead of this one's, never behind it.
        let before = SystemClock.now().as_millisecond() as u64;
        let id = IdSource::Random.next(&SystemClock, &Zero);
        assert!(u64::from_str_radix(&id[..12], 16).unwrap() >= before, "{id}");
    }
}
