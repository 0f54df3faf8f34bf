//! Numbers of one line that are written in two ways: with a token that only some callers send, or before and
//! after a country changed its numbers by a rule.
//!
//! libphonenumber knows the token of Argentina (`GetCountryMobileToken`) and the present plans, but no
//! former ones; those are from the regulators' notices, as the ITU publishes them (E.164 national numbering
//! plans, <https://www.itu.int/oth/T0202.aspx?parent=T0202>).

use crate::number::{E164, Region};

/// How former numbers of a country became those of today.
struct Rule {
    code: u16,
    /// Digits of a former number, without the country.
    len: usize,
    /// What it began with, and what that became.
    changes: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    // Mexico, 3 August 2019: mobiles are dialled without the 1 (IFT, Plan Técnico Fundamental de Numeración).
    Rule { code: 52, len: 11, changes: &[("1", "")] },
    // Colombia, 1 September 2021: fixed lines get 60 in front of the area (CRC, resolution 5826 of 2019).
    Rule {
        code: 57,
        len: 8,
        changes: &[
            ("1", "601"),
            ("2", "602"),
            ("4", "604"),
            ("5", "605"),
            ("6", "606"),
            ("7", "607"),
            ("8", "608"),
        ],
    },
    // Vietnam, 15 September 2018: mobile prefixes of four digits become shorter (MIC).
    Rule {
        code: 84,
        len: 10,
        changes: &[
            ("120", "70"),
            ("121", "79"),
            ("122", "77"),
            ("126", "76"),
            ("128", "78"),
            ("123", "83"),
            ("124", "84"),
            ("125", "85"),
            ("127", "81"),
            ("129", "82"),
            ("162", "32"),
            ("163", "33"),
            ("164", "34"),
            ("165", "35"),
            ("166", "36"),
            ("167", "37"),
            ("168", "38"),
            ("169", "39"),
            ("186", "56"),
            ("188", "58"),
            ("199", "59"),
        ],
    },
    // Benin, 30 November 2024: 01 in front of all numbers (ARCEP Bénin).
    Rule { code: 229, len: 8, changes: &[("", "01")] },
    // Mauritius, 1 September 2013: 5 in front of mobiles (ICTA).
    Rule { code: 230, len: 7, changes: &[("7", "57"), ("9", "59")] },
];

/// What was dialled before a number within a country that has no such thing any more.
const FORMER_TRUNKS: &[(&str, usize, &[&str])] = &[
    // Mexico, 3 August 2019: 01 between towns, 044 and 045 to mobiles (IFT, as below).
    ("MX", 10, &["01", "044", "045"]),
];

pub(super) fn without_former_trunk(digits: &str, region: Region) -> &str {
    let former = FORMER_TRUNKS.iter().find(|(it, ..)| *it == region.code());
    let rest = former.and_then(|(_, len, prefixes)| {
        prefixes.iter().find_map(|it| digits.strip_prefix(it).filter(|rest| rest.len() == *len))
    });
    rest.unwrap_or(digits)
}

/// The digits by which two numbers of one line are the same.
pub(super) fn line(number: &E164) -> Option<String> {
    let code = number.calling_code()?;
    let national = number.national();
    let changed = match code {
        // Argentina: mobiles have a 9 in front when they are called from abroad.
        54 if national.len() == 11 => national.strip_prefix('9').map(str::to_owned),
        // Brazil: since 2016 mobiles have a ninth digit, which some networks leave out (Anatel, resolution
        // 553 of 2010). Former ones began with 6 to 9, as no fixed line does.
        55 if national.len() == 11 && national.as_bytes()[2] == b'9' => {
            let rest = &national[3..];
            rest.starts_with(['6', '7', '8', '9']).then(|| format!("{}{rest}", &national[..2]))
        }
        _ => RULES.iter().find(|rule| rule.code == code && rule.len == national.len()).and_then(
            |rule| {
                let (old, new) = rule.changes.iter().find(|(old, _)| national.starts_with(old))?;
                Some(format!("{new}{}", &national[old.len()..]))
            },
        ),
    };
    changed.map(|national| format!("{code}{national}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_number_are_one_line() {
        let line = |number: &str| {
            let number = E164::parse(number).unwrap();
            line(&number).unwrap_or_else(|| number.digits().to_owned())
        };
        for (one, other) in [
            ("+5491123456789", "+541123456789"),
            ("+5213312345678", "+523312345678"),
            ("+5511987654321", "+551187654321"),
            ("+5712345678", "+576012345678"),
            ("+841621234567", "+84321234567"),
            ("+22997123456", "+2290197123456"),
            ("+2307123456", "+23057123456"),
        ] {
            assert_eq!(line(one), line(other), "{one} {other}");
        }
        for (one, other) in [
            ("+551132345678", "+5511932345678"),
            ("+541123456789", "+541123456780"),
            ("+493012345678", "+43012345678"),
        ] {
            assert_ne!(line(one), line(other), "{one} {other}");
        }
    }
}
