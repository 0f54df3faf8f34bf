//! Pieces of numbers, as people type them to find one.

use crate::number::address::without_addresses;
use crate::number::region::{calling_code_len, trunk_prefix_of};
use crate::number::text::plain;
use crate::number::{DialRules, Kind, Line, extension};

/// Fewer digits are found in too many numbers to be of use.
const DIGITS_MIN: usize = 3;
/// So many digits behind an international prefix are a country.
const COUNTRY_MIN: usize = 2;
/// A text with words in it is looked for among the numbers if it holds a whole one.
const WHOLE_MIN: usize = 7;

impl DialRules {
    /// What a text may be the beginning or a part of: numbers with their countries are beginnings, others may be
    /// anywhere in one. Empty if it is no number and no piece of one.
    pub fn pieces(&self, text: &str) -> Vec<Line> {
        let mut found: Vec<Line> = Vec::new();
        let mut add = |digits: &str, international: bool| {
            let line = Line { digits: digits.to_owned(), international };
            let long = digits.len() >= if international { 1 } else { DIGITS_MIN };
            if long && !found.contains(&line) {
                found.push(line);
            }
        };
        let flat = plain(text);
        let (flat, _) = without_addresses(&flat, extension::is_word);
        let numeric = |c: char| c.is_ascii_digit() || " +-/().~*#,[]".contains(c);
        let flat = flat.trim();
        let is_numeric = flat.chars().all(numeric);
        // A whole number is what it is read as, in any notation.
        for number in self.read(text).unwrap_or_default() {
            let whole = match &number.kind {
                Kind::International { number, .. } => {
                    is_numeric || number.digits().len() >= WHOLE_MIN
                }
                Kind::Code(_) => is_numeric,
                Kind::Local(digits) => !is_numeric && digits.len() >= WHOLE_MIN,
            };
            if whole {
                self.lines(&number).iter().for_each(|it| add(&it.digits, it.international));
            }
        }
        if !is_numeric {
            return found;
        }
        // +44 (0)20: nobody abroad dials the zero in brackets.
        let flat = flat.replace("(0)", "");
        let digits: String = flat.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return found;
        }
        if flat.trim_start_matches(['(', '[', ' ']).starts_with('+') {
            abroad(&digits, &mut add);
            return found;
        }
        let own = self.region().and_then(|it| it.international_prefix());
        for prefix in ["00"].into_iter().chain(own.filter(|it| *it != "00")) {
            if let Some(rest) = digits.strip_prefix(prefix).filter(|it| it.len() >= COUNTRY_MIN) {
                abroad(rest, &mut add);
                if prefix == "00" {
                    return found;
                }
            }
        }
        // The keys of +43 (0) 660: there is none for the plus.
        let own = self.region().map_or(String::new(), |it| it.calling_code().to_string());
        let trunk = self.region().map_or("", |it| it.trunk_prefix());
        let behind = digits.strip_prefix(&own).and_then(|it| it.strip_prefix(trunk));
        if !own.is_empty() && !trunk.is_empty() && behind.is_some_and(|it| it.len() >= WHOLE_MIN) {
            abroad(&digits, &mut add);
        }
        // What is dialled before an area is not part of the number as it is kept.
        let long = |it: &&str| it.len() >= DIGITS_MIN;
        let trunk = self.region().map_or("0", |it| it.trunk_prefix());
        let zero = digits.strip_prefix('0').filter(long);
        let bare = Some(trunk).filter(|it| !matches!(*it, "" | "0"));
        if let Some(rest) = bare.and_then(|it| digits.strip_prefix(it)).filter(long) {
            add(rest, false);
        }
        add(zero.unwrap_or(&digits), false);
        found
    }
}

/// With the country in front, and without a zero that is not dialled behind it.
fn abroad(digits: &str, add: &mut impl FnMut(&str, bool)) {
    add(digits, true);
    let code = calling_code_len(digits);
    let trunk = code.and_then(|at| digits[..at].parse().ok()).map_or("", trunk_prefix_of);
    if let Some((code, rest)) = code.map(|at| digits.split_at(at))
        && !trunk.is_empty()
        && let Some(rest) = rest.strip_prefix(trunk).filter(|it| !it.is_empty())
    {
        add(&format!("{code}{rest}"), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{DialSettings, Region};

    #[test]
    fn what_people_type_to_find_a_number_is_a_beginning_or_a_part() {
        for (region, typed, pieces) in [
            ("", "+111", &["+111", "+11"][..]),
            ("", "+1", &["+1"]),
            ("", "0012", &["+12"]),
            ("", "+49030", &["+49030", "+4930"]),
            ("", "+49 (0)30", &["+49030", "+4930"]),
            ("AT", "4306601234567", &["+4306601234567", "+436601234567", "4306601234567"]),
            ("", "030 99", &["3099"]),
            ("", "012", &["012"]),
            ("", "12", &[]),
            ("", "Zelda", &[]),
            ("US", "01143", &["+43", "1143"]),
            ("US", "1800", &["800", "1800"]),
        ] {
            let region = Region::parse(region);
            let settings = DialSettings { region, ..DialSettings::default() };
            let found = DialRules::new(settings).unwrap().pieces(typed);
            let shown =
                |it: &Line| format!("{}{}", if it.international { "+" } else { "" }, it.digits);
            assert_eq!(
                found.iter().map(shown).collect::<Vec<_>>(),
                pieces,
                "{typed} in {region:?}"
            );
        }
    }
}
