//! The ways in which other programs write when something is due, brought to five fields or an interval. Pure.

/// What an expression means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Minute, hour, day, month, weekday.
    Fields(String),
    Every {
        minutes: i64,
    },
}

const FIVE: &str = "minute hour day month weekday";

/// Reads five fields, six or seven whose seconds are 0, a nickname such as `@daily`, or `@every 15m`.
///
/// # Errors
/// Why it cannot be taken, and what to write.
pub fn read(expression: &str) -> Result<Written, String> {
    let text = expression.trim();
    if text.starts_with('@') {
        return nickname(&text.to_ascii_lowercase());
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let with_seconds = match fields.as_slice() {
        [_, _, _, _, _] => return Ok(Written::Fields(fields.join(" "))),
        [seconds, rest @ .., year] if fields.len() == 7 && matches!(*year, "*" | "?") => {
            (*seconds, rest)
        }
        [seconds, rest @ ..] if fields.len() == 6 => (*seconds, rest),
        _ => return Err(format!("it needs five fields: {FIVE}")),
    };
    let (seconds, rest) = with_seconds;
    let rest = rest.join(" ");
    match seconds {
        "0" | "00" => Ok(Written::Fields(rest)),
        _ => Err(format!("write `{rest}`: six fields begin with seconds, syncs with a minute")),
    }
}

fn nickname(text: &str) -> Result<Written, String> {
    let fields = |fields: &str| Ok(Written::Fields(fields.to_owned()));
    match text {
        "@yearly" | "@annually" => fields("0 0 1 1 *"),
        "@monthly" => fields("0 0 1 * *"),
        "@weekly" => fields("0 0 * * 0"),
        "@daily" | "@midnight" => fields("0 0 * * *"),
        "@hourly" => fields("0 * * * *"),
        _ => match text.strip_prefix("@every").filter(|it| it.starts_with(char::is_whitespace)) {
            Some(span) => every(span.trim()),
            // No longer: reasons are cut where they are shown.
            None => {
                Err("known are @hourly, @daily, @weekly, @monthly, @yearly, @every 15m".to_owned())
            }
        },
    }
}

/// A span as Go writes it, such as `15m` or `1h30m`.
fn every(span: &str) -> Result<Written, String> {
    let wrong =
        || "`@every` takes hours and minutes, such as `@every 15m` or `@every 1h30m`".to_owned();
    let mut seconds: i64 = 0;
    let mut rest = span;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits).and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
        let behind = rest.get(digits..).unwrap_or_default();
        let unit = match behind.bytes().next() {
            Some(b'd') => 86_400,
            Some(b'h') => 3600,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(wrong()),
        };
        let more = number.checked_mul(unit).and_then(|more| seconds.checked_add(more));
        seconds = more.ok_or_else(wrong)?;
        rest = behind.get(1..).unwrap_or_default().trim_start();
    }
    if seconds == 0 || seconds % 60 != 0 {
        Err(wrong())
    } else {
        Ok(Written::Every { minutes: seconds / 60 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_taken_as_other_programs_write_them() {
        for (text, fields) in [
            ("*/15 7-19 * * 1-5", "*/15 7-19 * * 1-5"),
            ("  0  7 * * * ", "0 7 * * *"),
            ("0 0 7 * * *", "0 7 * * *"),
            ("00 */5 * * * *", "*/5 * * * *"),
            ("0 0 7 * * 1 *", "0 7 * * 1"),
            ("@daily", "0 0 * * *"),
            ("@Midnight", "0 0 * * *"),
            ("@hourly", "0 * * * *"),
            ("@weekly", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"),
            ("@annually", "0 0 1 1 *"),
        ] {
            assert_eq!(read(text), Ok(Written::Fields(fields.to_owned())), "{text}");
        }
        for (text, minutes) in [
            ("@every 15m", 15),
            ("@every  1h30m", 90),
            ("@every 1h 30m", 90),
            ("@EVERY 2h", 120),
            ("@every 900s", 15),
            ("@every 1d", 1440),
        ] {
            assert_eq!(read(text), Ok(Written::Every { minutes }), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_taken_is_told_with_what_to_write() {
        for (text, word) in [
            ("30 0 7 * * *", "write `0 7 * * *`"),
            ("*/10 * * * * *", "write `* * * * *`"),
            ("* * * *", "five fields"),
            ("", "five fields"),
            ("0 0 7 * * 1 2027", "five fields"),
            ("@reboot", "@daily"),
            ("@every", "@every 15m"),
            ("@every15m", "@every 15m"),
            ("@every x", "@every 15m"),
            ("@every 90s", "@every 15m"),
            ("@every 0m", "@every 15m"),
            ("@every 15", "@every 15m"),
            ("@every 99999999999999999999h", "@every 15m"),
            ("@every 9223372036854775807d", "@every 15m"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(word) && why.len() <= 100, "{text}: {why}");
        }
    }
}
