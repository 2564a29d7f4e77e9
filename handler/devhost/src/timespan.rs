//! .NET `TimeSpan` strings, the durations of host.json: `[d.]hh:mm[:ss[.fraction]]`, or a bare number of
//! **days**.

use std::time::Duration;

/// Reads a non-negative TimeSpan; `None` when .NET would throw (or the span is negative).
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (first, minutes, seconds) = match text.split(':').collect::<Vec<_>>()[..] {
        [days] => return Some(Duration::from_secs(number(days, 10_675_198)? * 86_400)),
        [first, minutes] => (first, minutes, "0"),
        [first, minutes, seconds] => (first, minutes, seconds),
        _ => return None,
    };
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let (days, hours) = (number(days, 10_675_198)?, number(hours, 23)?);
    let (minutes, seconds, nanos) = (number(minutes, 59)?, number(seconds, 59)?, nanos(fraction)?);
    Some(Duration::new(days * 86_400 + hours * 3_600 + minutes * 60 + seconds, nanos))
}

fn number(digits: &str, max: u64) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|value| *value <= max)
}

fn nanos(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || fraction.len() > 7 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dot_net_reads() {
        for (text, millis) in [
            ("00:00:02", 2_000),
            ("00:30:00", 1_800_000),
            ("1.02:03:04", 93_784_000),
            ("00:00:00.25", 250),
            ("01:30", 5_400_000),
            ("2", 172_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in
            ["", "-00:00:01", "24:00:00", "00:60:00", "1:2:3:4", "abc", "00:00:00.12345678", "1.", ":"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
