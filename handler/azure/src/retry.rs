//! When a call is made again: what a service asks for, chance, and what retries may cost.

use crate::error::LONGEST_WAIT;
use jiff::fmt::rfc2822;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Attempts after the first.
pub(crate) const RETRIES: u32 = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What the retries of one tenant's calls of a service may cost: a tenth of the calls, and ten more to begin with.
/// Counted in tenths.
///
/// In an outage, then, the service is asked hardly more than in health, and comes back.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

const FULL: u32 = 100;
const RETRY: u32 = 10;

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(FULL))
    }
}

impl Budget {
    /// A call was made.
    pub(crate) fn earn(&self) {
        let more = |tenths: u32| Some((tenths + 1).min(FULL));
        // It never fails: `more` always answers.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Pays for a retry, if there is enough.
    pub(crate) fn spend(&self) -> bool {
        let less = |tenths: u32| tenths.checked_sub(RETRY);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// How long to wait before the retry after attempt `attempt`, from 0. Full jitter: anything from nothing to 200 ms,
/// twice that with each attempt, as `chance` will have it; on top of what the service asks for, so that callers do not
/// come back all at once.
pub(crate) fn pause(attempt: u32, asked: Option<Duration>, chance: [u8; 4]) -> Duration {
    let share = f64::from(u32::from_le_bytes(chance)) / f64::from(u32::MAX);
    let most = FIRST_PAUSE * 2_u32.pow(attempt.min(RETRIES));
    asked.unwrap_or_default() + most.mul_f64(share)
}

/// How long an answer asks to wait: in milliseconds, seconds, or until a date by the service's own clock. At most 30
/// seconds; `None` if it does not say, or not intelligibly.
pub(crate) fn asked<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Option<Duration> {
    let text = |name| header(name).map(str::trim);
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let millis = ["x-ms-retry-after-ms", "retry-after-ms"].iter().find_map(|name| number(text(name)?));
    let date = |text: &str| rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let after = || {
        let value = text("retry-after")?;
        number(value).map(Duration::from_secs).or_else(|| {
            let wait = date(value)?.duration_since(date(text("date")?)?);
            Some(Duration::try_from(wait).unwrap_or_default())
        })
    };
    millis.map(Duration::from_millis).or_else(after).map(|wait| wait.min(LONGEST_WAIT))
}
