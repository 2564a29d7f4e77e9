//! When a timer fires: NCRONTAB in UTC, or a fixed interval.

use std::time::Duration;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::timespan;

/// A timer's `schedule`.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    Cron(Box<Cron>),
    Every(Duration),
}

impl Schedule {
    /// Six fields (seconds first), five fields (at second 0), or a TimeSpan.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.contains(char::is_whitespace) {
            return match timespan::parse(text) {
                Some(interval) if !interval.is_zero() => Ok(Self::Every(interval)),
                _ => Err(format!("{text:?} is neither a cron expression nor a time span")),
            };
        }
        if !matches!(text.split_whitespace().count(), 5 | 6) {
            return Err(format!("{text:?} has neither five nor six fields"));
        }
        // croner knows more than NCRONTAB: L, W, #, + and ? would work here and fail in Azure.
        let upper = text.to_ascii_uppercase();
        let nameless = upper.replace("JUL", "7").replace("WED", "3");
        if nameless.contains(['#', '?', '+', '@', 'L', 'W']) {
            return Err(format!("{text:?} uses an extension that NCRONTAB does not have"));
        }
        // NCRONTAB demands day-of-month AND day-of-week; most crons take either.
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .dom_and_dow(true)
            .sloppy_ranges(true)
            .build();
        parser.parse(text).map(Box::new).map(Self::Cron).map_err(|error| format!("{text:?}: {error}"))
    }

    /// The first occurrence strictly after `after`; `None` when there is none (30 February).
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => after.checked_add(SignedDuration::try_from(*interval).ok()?).ok(),
            Self::Cron(cron) => {
                let civil = after.to_zoned(TimeZone::UTC).datetime();
                let next = cron.find_next_occurrence(&civil, false).ok()?;
                next.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
            }
        }
    }

    /// Whether the host keeps a status for it: not when it fires more often than once a minute.
    pub(crate) fn monitored(&self, now: Timestamp) -> bool {
        let Some(first) = self.next(now) else { return true };
        self.next(first).is_none_or(|second| second.duration_since(first) >= SignedDuration::from_secs(60))
    }

    pub(crate) fn adjusts_for_dst(&self) -> bool {
        matches!(self, Self::Cron(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str) -> String {
        Schedule::parse(schedule).unwrap().next(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn occurrences() {
        for (schedule, after, expected) in [
            ("0 */5 * * * *", "2026-11-22T08:01:00Z", "2026-11-22T08:05:00Z"),
            ("*/5 * * * *", "2026-11-22T08:01:30Z", "2026-11-22T08:05:00Z"),
            ("0 */5 * * * *", "2026-11-22T08:05:00Z", "2026-11-22T08:10:00Z"),
            ("0 30 9 * Jan Mon", "2026-11-22T08:00:00Z", "2027-01-04T09:30:00Z"),
            ("0 0 0 * JUL WED", "2026-11-22T08:00:00Z", "2027-07-07T00:00:00Z"),
            ("00:10:00", "2026-11-22T08:01:00Z", "2026-11-22T08:11:00Z"),
            ("* * * * * *", "2026-11-22T08:01:00.4Z", "2026-11-22T08:01:01Z"),
        ] {
            assert_eq!(next(schedule, after), expected, "{schedule}");
        }
    }

    #[test]
    fn day_of_month_and_day_of_week_must_both_fit() {
        // Friday the 13th. A cron that takes either would fire on Friday 27 November 2026.
        assert_eq!(next("0 0 0 13 * 5", "2026-11-22T00:00:00Z"), "2027-08-13T00:00:00Z");
    }

    #[test]
    fn only_ncrontab_is_taken() {
        for schedule in
            ["", "0 0 0 L * *", "0 0 0 15W * *", "0 0 0 * * 5#2", "@daily", "0 0 ? * *", "61 * * * * *"]
        {
            assert!(Schedule::parse(schedule).is_err(), "{schedule}");
        }
        assert!(Schedule::parse("1 2 3 4 5 6 2030").is_err());
        assert!(Schedule::parse("00:00:00").is_err());
        let never = Schedule::parse("0 0 0 30 2 *").unwrap();
        assert_eq!(never.next("2026-11-22T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn frequent_schedules_are_not_monitored() {
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        assert!(!Schedule::parse("*/30 * * * * *").unwrap().monitored(now));
        assert!(Schedule::parse("0 * * * * *").unwrap().monitored(now));
    }
}
