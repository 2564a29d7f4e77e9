//! The only place of this crate that asks what time it is.

use jiff::Timestamp;

/// The wall clock. Timers, receipts and envelopes carry it; durations are measured with
/// `tokio::time::Instant` instead.
#[expect(clippy::disallowed_methods, reason = "a host keeps real time; this is its one clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// ISO-8601 as the host writes dates on the wire: whole seconds, numeric offset.
pub(crate) fn wire(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// What Json.NET makes of a string that looks like an ISO date once .NET prints it again: another text.
/// `None` when the string would be left alone.
pub(crate) fn mangled(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || bytes[10] != b'T' {
        return None;
    }
    let civil = match text.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?,
    };
    Some(civil.strftime("%m/%d/%Y %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_on_the_wire_have_whole_seconds() {
        let time: Timestamp = "2026-11-22T08:00:00.9Z".parse().unwrap();
        assert_eq!(wire(time), "2026-11-22T08:00:00+00:00");
    }

    #[test]
    fn only_full_iso_dates_are_mangled() {
        assert_eq!(mangled("2026-11-22T08:00:00Z").unwrap(), "11/22/2026 08:00:00");
        assert_eq!(mangled("2026-11-22T08:00:00+02:00").unwrap(), "11/22/2026 06:00:00");
        assert_eq!(mangled("2026-11-22T08:00:00").unwrap(), "11/22/2026 08:00:00");
        assert_eq!(mangled("2026-11-22"), None);
        assert_eq!(mangled("The quick brown fox"), None);
    }
}
