//! What a phone is told to dial.

use std::fmt;

/// A number that a desk phone can dial: digits, `*`, `#` and `,` (a pause of a second), with `+` only in front of
/// the number, that is at the beginning or behind a code such as `*31#`; not empty, and no longer than a
/// phone takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialString(String);

impl DialString {
    /// In characters: the limit of `Telephone` in Cisco's schema of the XML objects.
    pub const LEN_MAX: usize = 32;

    /// Takes only what can be dialled as it stands; nothing is repaired here.
    ///
    /// # Errors
    /// Says what is in the way.
    pub fn parse(raw: &str) -> Result<DialString, NotADialString> {
        let code = raw.find('+').filter(|_| raw.starts_with(['*', '#'])).unwrap_or(0);
        let (before, number) = raw.split_at(code);
        let rest = format!("{before}{}", number.strip_prefix('+').unwrap_or(number));
        let begins = rest.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '#');
        let legal = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | ',');
        if let Some(found) = rest.chars().find(|c| !legal(*c)) {
            return Err(NotADialString::Character(found));
        }
        if !begins {
            return Err(NotADialString::Empty);
        }
        if raw.len() > Self::LEN_MAX {
            return Err(NotADialString::TooLong(raw.len()));
        }
        Ok(DialString(raw.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for a `Dial:` URI, which has no `+`; `None` when there is one anywhere. (Cisco, "IP Phone Services
    /// Application Development Notes": the digits of `Dial:` are `0123456789#*ABCD,`.)
    pub fn for_uri(&self) -> Option<&str> {
        (!self.0.contains('+')).then_some(self.as_str())
    }
}

impl fmt::Display for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no [`DialString`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADialString {
    #[error("there is nothing to dial")]
    Empty,
    #[error("`{}` cannot be dialled", .0.escape_debug())]
    Character(char),
    #[error("it is {0} characters long, and a phone takes {max}", max = DialString::LEN_MAX)]
    TooLong(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_phone_can_dial_is_taken() {
        for good in [
            "101",
            "*97",
            "22#",
            "#31#0171",
            "#31#+436601",
            "+442079460958",
            "0049301234567,,12#",
            &"1".repeat(32),
        ] {
            assert_eq!(DialString::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", NotADialString::Empty),
            ("+", NotADialString::Empty),
            (",1", NotADialString::Empty),
            ("00+49", NotADialString::Character('+')),
            ("#31#+43+1", NotADialString::Character('+')),
            ("030 12", NotADialString::Character(' ')),
            ("12A", NotADialString::Character('A')),
            ("٣", NotADialString::Character('٣')),
            (&"1".repeat(33), NotADialString::TooLong(33)),
        ] {
            assert_eq!(DialString::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_dial_uri_never_gets_a_plus() {
        assert_eq!(DialString::parse("0301,2#").unwrap().for_uri(), Some("0301,2#"));
        assert_eq!(DialString::parse("+49301").unwrap().for_uri(), None);
    }
}
