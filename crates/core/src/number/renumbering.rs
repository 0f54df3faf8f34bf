//! Numbers of one line that are written in two ways: with a token that only some callers send, or before and
//! after a country changed its numbers by a rule.
//!
//! libphonenumber knows the token of Argentina (`GetCountryMobileToken`) and the present plans, but no
//! former ones; those are from the regulators' notices, as the ITU publishes them (E.164 national numbering
//! plans, <https://www.itu.int/oth/T0202.aspx?parent=T0202>).

use std::borrow::Cow;

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
    // Vietnam, 11 February to 17 June 2017: areas get other codes (MIC, decision 2036/QĐ-BTTTT of 2016). Left
    // out are those whose former numbers are mobiles today, such as 8 of Ho Chi Minh City.
    Rule {
        code: 84,
        len: 9,
        changes: &[
            ("20", "214"),
            ("22", "212"),
            ("25", "205"),
            ("26", "206"),
            ("27", "207"),
            ("29", "216"),
            ("4", "24"),
            ("53", "233"),
            ("54", "234"),
            ("57", "257"),
            ("60", "260"),
            ("61", "251"),
            ("62", "252"),
            ("63", "263"),
            ("64", "254"),
            ("66", "276"),
            ("68", "259"),
            ("72", "272"),
            ("73", "273"),
            ("74", "294"),
            ("75", "275"),
        ],
    },
    // The same areas with codes of three digits; and, 15 September 2018, shorter prefixes of mobiles (MIC).
    Rule {
        code: 84,
        len: 10,
        changes: &[
            ("230", "215"),
            ("231", "213"),
            ("240", "204"),
            ("241", "222"),
            ("280", "208"),
            ("281", "209"),
            ("320", "220"),
            ("321", "221"),
            ("350", "228"),
            ("351", "226"),
            ("500", "262"),
            ("501", "261"),
            ("510", "235"),
            ("511", "236"),
            ("650", "274"),
            ("651", "271"),
            ("710", "292"),
            ("711", "293"),
            ("780", "290"),
            ("781", "291"),
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
    // Cameroon, 21 November 2014: 2 in front of fixed lines, 6 in front of mobiles (ART).
    Rule {
        code: 237,
        len: 8,
        changes: &[("2", "22"), ("3", "23"), ("6", "66"), ("7", "67"), ("9", "69")],
    },
    // Gabon, 1 June 2019: the 0 became a part of the number, and mobiles got a digit of their operator (ARCEP
    // Gabon). Abroad the former 0 was dialled by some and left out by others.
    Rule {
        code: 241,
        len: 8,
        changes: &[
            ("01", "11"),
            ("02", "62"),
            ("04", "74"),
            ("05", "65"),
            ("06", "66"),
            ("07", "77"),
        ],
    },
    Rule {
        code: 241,
        len: 7,
        changes: &[("1", "11"), ("2", "62"), ("4", "74"), ("5", "65"), ("6", "66"), ("7", "77")],
    },
    // Mauritius, 1 September 2013: 5 in front of mobiles (ICTA).
    Rule { code: 230, len: 7, changes: &[("7", "57"), ("9", "59")] },
];

/// What was dialled before a number within a country, and what is dialled there today.
struct Trunk {
    region: &'static str,
    /// Digits of a number behind it.
    len: usize,
    former: &'static [&'static str],
    today: &'static str,
}

const FORMER_TRUNKS: &[Trunk] = &[
    // Lithuania, 2023: 0 in place of 8 (RRT).
    Trunk { region: "LT", len: 8, former: &["8"], today: "0" },
    // Mexico, 3 August 2019: 01 between towns, 044 and 045 to mobiles (IFT, as above).
    Trunk { region: "MX", len: 10, former: &["01", "044", "045"], today: "" },
    // Ukraine, 14 October 2009: 0 in place of 8 and, after the tone, 0.
    Trunk { region: "UA", len: 9, former: &["80"], today: "0" },
];

/// The region with former trunk prefixes that stand behind this calling code, too, where nothing is dialled today.
pub(super) fn region_of_trunk(code: u16) -> Option<&'static str> {
    let is_it = |it: &&Trunk| {
        it.today.is_empty() && Region::parse(it.region).is_some_and(|it| it.calling_code() == code)
    };
    FORMER_TRUNKS.iter().find(is_it).map(|it| it.region)
}

/// The digits with what is dialled today in front of them.
pub(super) fn without_former_trunk(digits: &str, region: Region) -> Cow<'_, str> {
    let trunk = FORMER_TRUNKS.iter().find(|it| it.region == region.code());
    let found = trunk.and_then(|trunk| {
        let behind = |it: &&str| digits.strip_prefix(*it).filter(|it| it.len() == trunk.len);
        Some((trunk.today, trunk.former.iter().find_map(behind)?))
    });
    match found {
        Some(("", rest)) => Cow::Borrowed(rest),
        Some((today, rest)) => Cow::Owned(format!("{today}{rest}")),
        None => Cow::Borrowed(digits),
    }
}

/// A number of before a country changed its numbers, as it is dialled since.
pub(super) fn today(number: &E164) -> Option<E164> {
    let code = number.calling_code()?;
    let national = number.national();
    let changed = match code {
        225 if national.len() == 8 => format!("{}{national}", operator_in_ivory_coast(national)?),
        _ => changed(code, national)?,
    };
    E164::parse(&format!("+{code}{changed}"))
}

fn changed(code: u16, national: &str) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.code == code && rule.len == national.len())?;
    let (old, new) = rule.changes.iter().find(|(old, _)| national.starts_with(old))?;
    Some(format!("{new}{}", &national[old.len()..]))
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
        _ => return today(number).map(|it| it.digits().to_owned()),
    };
    changed.map(|national| format!("{code}{national}"))
}

/// Côte d'Ivoire, 31 January 2021: the two digits of the operator stand in front of all numbers (ARTCI).
fn operator_in_ivory_coast(national: &str) -> Option<&'static str> {
    let &[first, second, third, ..] = national.as_bytes() else { return None };
    Some(match (first, second, third) {
        (b'2' | b'3', _, b'0') => "25",
        (b'2' | b'3', _, b'8') => "21",
        (b'2' | b'3', _, _) => "27",
        (_, b'0'..=b'3', _) => "01",
        (_, b'4'..=b'6', _) => "05",
        _ => "07",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::resolve;

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
            ("+84436123456", "+842436123456"),
            ("+84203212345", "+842143212345"),
            ("+845113123456", "+842363123456"),
            ("+842403123456", "+842043123456"),
            ("+84613212345", "+842513212345"),
            ("+22507123456", "+2250707123456"),
            ("+22544123456", "+2250544123456"),
            ("+22541123456", "+2250141123456"),
            ("+22520212223", "+2252720212223"),
            ("+22522012223", "+2252522012223"),
            ("+22523812223", "+2252123812223"),
            ("+23777123456", "+237677123456"),
            ("+23799123456", "+237699123456"),
            ("+23722123456", "+237222123456"),
            ("+23733123456", "+237233123456"),
            ("+24107441234", "+24177441234"),
            ("+2417441234", "+24177441234"),
            ("+24106441234", "+24166441234"),
            ("+24101441234", "+24111441234"),
        ] {
            assert_eq!(line(one), line(other), "{one} {other}");
        }
        for (one, other) in [
            ("+551132345678", "+5511932345678"),
            ("+541123456789", "+541123456780"),
            ("+493012345678", "+43012345678"),
            // Ho Chi Minh City's former numbers are mobiles today.
            ("+84838123456", "+842838123456"),
            ("+84331234567", "+842031234567"),
            ("+23788123456", "+237688123456"),
        ] {
            assert_ne!(line(one), line(other), "{one} {other}");
        }
    }
    #[test]
    fn a_former_number_is_none_today_and_its_new_form_is_one_line_with_itself() {
        for rule in RULES {
            for (old, new) in rule.changes {
                let rest = &"34512345678"[..rule.len - old.len()];
                let today = E164::parse(&format!("+{}{new}{rest}", rule.code)).unwrap();
                assert_eq!(line(&today), None, "{today} would be changed twice");
                let before = E164::parse(&format!("+{}{old}{rest}", rule.code)).unwrap();
                assert_eq!(line(&before).as_deref(), Some(today.digits()), "{before}");
                // Gabon's are still in the plan in their former form, and Colombia's and Mexico's are not asked.
                if rule.code == 84 {
                    assert!(!resolve::is_valid(&before), "{before} is another number today");
                }
            }
        }
    }
}
