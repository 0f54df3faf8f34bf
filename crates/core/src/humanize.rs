//! Numbers, durations and times as people say them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::between;

/// `10,001`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 contact`, `2 contacts`.
pub fn many(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {thing}{s}", count(number))
}

/// `9 ms`, `1.2 s`, `48 s`, `2 min 3 s`, `1 h 2 min`, `5 days`.
pub fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    match seconds {
        0 if it.as_millis() < 1000 => format!("{} ms", it.as_millis()),
        0..10 => format!("{:.1} s", it.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// As [`duration`], for a time that is still to come: whole seconds, rounded up.
pub fn remaining(it: Duration) -> String {
    let seconds = it.as_secs() + u64::from(it.subsec_millis() > 0);
    if seconds < 10 { format!("{seconds} s") } else { duration(Duration::from_secs(seconds)) }
}

fn two(large: u64, unit: &str, small: u64, smaller: &str) -> String {
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {smaller}") }
}

/// `12 min 3 s ago`, `in 24 s`, `just now`.
pub fn relative(then: Timestamp, now: Timestamp) -> String {
    if then > now {
        return format!("in {}", remaining(between(now, then)));
    }
    let age = between(then, now);
    match age.as_secs() {
        0 => "just now".to_owned(),
        1..10 => format!("{} s ago", age.as_secs()),
        600..3600 => format!("{} min ago", age.as_secs() / 60),
        _ => format!("{} ago", duration(age)),
    }
}

/// `2026-03-07 12:04:31`, with the zone's offset from UTC.
pub fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// `12:04:31`.
pub fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// How many columns of a terminal a text takes. East Asian letters and emoji take two, what is set
/// onto another letter none.
pub fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1F64F
            | 0x1F900..=0x1F9FF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(many(1, "contact"), "1 contact");
        assert_eq!(many(2000, "contact"), "2,000 contacts");
    }

    #[test]
    fn durations_are_as_exact_as_anybody_wants_them() {
        let of = |millis| duration(Duration::from_millis(millis));
        let said = [9, 1234, 48_900, 60_000, 123_000, 3_720_000, 100_000_000, 500_000_000].map(of);
        let words =
            ["9 ms", "1.2 s", "48 s", "1 min", "2 min 3 s", "1 h 2 min", "27 h 46 min", "5 days"];
        assert_eq!(said, words);
        assert_eq!(remaining(Duration::from_millis(23_100)), "24 s");
    }

    #[test]
    fn times_are_told_from_now() {
        let now: Timestamp = "2026-03-07T12:00:00Z".parse().unwrap();
        let said = |at: &str| relative(at.parse().unwrap(), now);
        assert_eq!(said("2026-03-07T12:00:24Z"), "in 24 s");
        assert_eq!(said("2026-03-07T12:00:00Z"), "just now");
        assert_eq!(said("2026-03-07T11:40:21Z"), "19 min ago");
        assert_eq!(said("2026-03-01T11:40:21Z"), "6 days ago");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(exact(now, &berlin), "2026-03-07 13:00:00 +01:00");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(columns("Ada"), 3);
        assert_eq!(columns("山田"), 4);
        assert_eq!(columns("Zoe\u{308}"), 3);
    }
}
