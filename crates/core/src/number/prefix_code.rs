//! Codes that are dialled in front of a number, mostly to hide one's own or to show it.

use crate::number::Region;
use crate::number::typed::Typed;

/// Codes of digits alone: where, and which (each regulator's numbering plan, "calling line identification").
const OF_DIGITS: &[(&str, &[&str])] = &[
    ("AU", &["1831", "1832"]),
    ("ES", &["067"]),
    ("FR", &["3651"]),
    ("GB", &["141", "1470"]),
    ("GG", &["141", "1470"]),
    ("HK", &["133", "1357"]),
    ("IE", &["141", "142"]),
    ("IM", &["141", "1470"]),
    ("JE", &["141", "1470"]),
    ("JP", &["184", "186"]),
    ("NZ", &["0196", "0197"]),
];
/// Fewer digits behind a code are no number.
const NUMBER_MIN: usize = 8;

/// The codes of a region.
pub(super) fn of_digits(region: Region) -> &'static [&'static str] {
    OF_DIGITS.iter().find(|(it, _)| *it == region.code()).map_or(&[], |(_, codes)| codes)
}

/// The code of the region that a number was typed with, apart from the rest, and the rest.
pub(super) fn apart(typed: &Typed, region: Option<Region>) -> Option<(String, String)> {
    let first = typed.groups.first().and_then(|len| typed.digits.get(..*len))?;
    let rest = typed.digits.get(first.len()..).filter(|it| it.len() >= NUMBER_MIN)?;
    of_digits(region?).contains(&first).then(|| (first.to_owned(), rest.to_owned()))
}

/// The code of a star and two digits (North America: vertical service codes), if a number with its area
/// follows.
pub(super) fn of_star(digits: &str) -> Option<(&str, &str)> {
    let (code, number) = digits.split_at_checked(3)?;
    let whole = number.len() == 10 || (number.len() == 11 && number.starts_with('1'));
    let plain = code.starts_with('*') && number.bytes().all(|b| b.is_ascii_digit());
    (whole && plain).then_some((code, number))
}
