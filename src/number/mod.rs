//! Telephone numbers: what people typed, and what a phone dials for it.
//!
//! [`Number::read`] makes of a text either a number of a known country, or digits that only make sense
//! where the phone is, or says why it is neither. [`DialRules`] turn a number into the [`DialString`] for
//! the phones of one installation, and explain each step.

mod dial_string;
mod keypad;
mod region;
mod resolve;
mod rules;
mod step;
mod token;
mod typed;

pub use dial_string::{DialString, NotADialString};
pub use region::Region;
pub use rules::{Dial, DialRules, DialSettings, National, Pauses, Plus, RulesConflict};
pub use step::Step;

use std::fmt;

use typed::Typed;

/// What somebody typed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// A number that means the same everywhere.
    International {
        number: E164,
        /// The digits as they were typed, without a country, when they are so few that they may as well be
        /// an extension: Google makes a full number of many a short one.
        short: Option<String>,
        then: Then,
    },
    /// Digits whose country is not known: an extension such as 101, a code such as `*97`, an emergency
    /// number, or a number that was typed without its area.
    Local {
        digits: String,
        then: Then,
    },
    NotDialable(NotDialable),
}

impl Number {
    /// Reads a number as it was typed.
    ///
    /// `canonical` is what Google makes of it (`canonicalForm`, E.164). If it is there it is believed, and
    /// only an extension, pauses and codes are taken from `value`. `region` is the country in which the
    /// number was typed, for numbers without a country of their own.
    pub fn read(value: &str, canonical: Option<&str>, region: Option<Region>) -> Number {
        let canonical = canonical.and_then(|it| E164::parse(it.trim()));
        let typed = match typed::scan(value) {
            Ok(typed) => typed,
            Err(why) => {
                return match canonical {
                    // A word on the keys, and no digit beside it.
                    Some(number) if why == NotDialable::NoDigits => {
                        Number::International { number, short: None, then: Then::default() }
                    }
                    _ => Number::NotDialable(why),
                };
            }
        };
        match canonical {
            Some(number) if !typed.code => {
                // Digits that are not the end of what Google read are a part of what was typed: of
                // 1-800-FLOWERS only the beginning.
                let all = number.digits().ends_with(typed.digits.trim_start_matches('0'));
                let short = all && !typed.plus && typed.digits.len() <= SHORT_MAX;
                Number::International {
                    number,
                    short: short.then_some(typed.digits),
                    then: typed.spelled.map_or(typed.then, |word| word.then),
                }
            }
            _ => resolve::resolve(typed, region),
        }
    }

    /// `None` if the country is not known.
    pub fn e164(&self) -> Option<&E164> {
        match self {
            Number::International { number, .. } => Some(number),
            _ => None,
        }
    }

    pub fn extension(&self) -> Option<&str> {
        match self {
            Number::International { then, .. } | Number::Local { then, .. } => {
                then.extension.as_deref()
            }
            Number::NotDialable(_) => None,
        }
    }

    fn local(typed: Typed) -> Number {
        Number::Local { digits: typed.digits, then: typed.then }
    }
}

/// No extension has more digits than this.
pub(crate) const SHORT_MAX: usize = 10;

/// A number with its country, as ITU-T E.164 has it: at most 15 digits, the calling code first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(String);

impl E164 {
    /// The longest number there can be, in digits.
    pub const LEN_MAX: usize = 15;
    /// Shorter than any number of any country, with its code.
    const LEN_MIN: usize = 4;

    /// `+` and digits, nothing else.
    pub fn parse(raw: &str) -> Option<E164> {
        let digits = raw.strip_prefix('+')?;
        let legal = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let fits = (Self::LEN_MIN..=Self::LEN_MAX).contains(&digits.len());
        (legal && fits).then(|| E164(digits.to_owned()))
    }

    /// Without the `+`.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// What follows the `+`; `None` if no country has it.
    pub fn calling_code(&self) -> Option<u16> {
        let len = region::calling_code_len(&self.0)?;
        self.0[..len].parse().ok()
    }

    /// The number within its country, without a trunk prefix. All of it, if the country is not known.
    pub fn national(&self) -> &str {
        &self.0[region::calling_code_len(&self.0).unwrap_or(0)..]
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// What is dialled when the call has been answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Then {
    /// Digits of an extension that was named as one (`x12`, `;ext=12`).
    pub extension: Option<String>,
    /// Begins with a comma, as every pause in it is one, whatever was typed: `,,1234#`. Or empty.
    pub tones: String,
}

/// Why a text cannot be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDialable {
    #[error("it is empty")]
    Empty,
    #[error("it has no digit")]
    NoDigits,
    #[error("it is an address, not a number")]
    Address,
    #[error("a `+` stands in the middle of it")]
    PlusInside,
    #[error("it has {0} digits; no number has more than {max}", max = E164::LEN_MAX)]
    TooLong(usize),
    #[error("it is too short for a number with its country")]
    TooShort,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `+49301234567 (GB)`: the number, and what follows.
    fn read(value: &str, canonical: Option<&str>, region: &str) -> String {
        let then = |then: Then| {
            let extension = then.extension.map(|it| format!(" x{it}")).unwrap_or_default();
            format!("{extension}{}", then.tones)
        };
        match Number::read(value, canonical, Region::parse(region)) {
            Number::International { number, then: tail, .. } => format!("{number}{}", then(tail)),
            Number::Local { digits, then: tail } => format!("{digits}{}", then(tail)),
            Number::NotDialable(why) => why.to_string(),
        }
    }

    #[track_caller]
    fn all(region: &str, cases: &[(&str, &str)]) {
        for (value, wanted) in cases {
            assert_eq!(read(value, None, region), *wanted, "{value:?} typed in `{region}`");
        }
    }

    #[test]
    fn a_number_with_a_plus_is_the_same_wherever_it_was_typed() {
        for region in ["", "US", "DE", "AR", "IT"] {
            all(
                region,
                &[
                    ("+44 20 7946 0958", "+442079460958"),
                    ("+44 (0)20 7946 0018", "+442079460018"),
                    ("+49 (0) 30 1234567", "+49301234567"),
                    ("+54 11 2345-6789", "+541123456789"),
                    ("+54 9 11 2345-6789", "+5491123456789"),
                    ("+54 11 15 2345-6789", "+5491123456789"),
                    ("+39 06 1234 5678", "+390612345678"),
                    ("+39 (0)6 1234 5678", "+390612345678"),
                    ("+1-800-FLOWERS", "+18003569377"),
                    ("+1 800 MATTRESS", "+18006288737"),
                    ("+800 1234 5678", "+80012345678"),
                    ("+999 123456", "+999123456"),
                    ("+1 555 0100", "+15550100"),
                    ("+44 20 7946 0958 ext. 12", "+442079460958 x12"),
                    ("+44 20 7946 0958,,12#", "+442079460958,,12#"),
                ],
            );
        }
    }

    #[test]
    fn a_number_without_a_country_is_one_of_the_region_if_it_has_its_area() {
        all(
            "DE",
            &[
                ("030 1234567", "+49301234567"),
                ("(030) 12 34 567", "+49301234567"),
                ("(0)30 1234567", "+49301234567"),
                ("0171 1234567", "+491711234567"),
                ("171 1234567", "+491711234567"),
                ("7654321", "7654321"),
                ("49 30 12345678", "+493012345678"),
                ("0800 REIMANN", "+498007346266"),
                ("1-800-FLOWERS", "+18003569377"),
                ("1-800-356-9377", "18003569377"),
            ],
        );
        all(
            "US",
            &[
                ("(801) 520-4769", "+18015204769"),
                ("1 801 520 4769", "+18015204769"),
                ("801-520-4769 - noel cell", "+18015204769"),
                ("520-4769", "5204769"),
                ("1-800-FLOWERS", "+18003569377"),
                ("800-flowers", "+18003569377"),
            ],
        );
        all("IT", &[("06 1234 5678", "+390612345678"), ("312 345 6789", "+393123456789")]);
        all("RU", &[("8 912 345-67-89", "+79123456789"), ("(912) 345-67-89", "+79123456789")]);
        all("HU", &[("06 1 234 5678", "+3612345678")]);
        all("IN", &[("98765 43210", "+919876543210")]);
        all("AR", &[("011 15 2345-6789", "+5491123456789"), ("11 2345-6789", "1123456789")]);
        all("AU", &[("1800 REVERSE", "+611800738377"), ("13 CATS", "+61132287")]);
        all("BR", &[("(11) 91234-5678", "+5511912345678")]);
        all("DK", &[("32 12 34 56", "+4532123456")]);
    }

    #[test]
    fn international_prefixes_are_those_of_the_region_and_00_everywhere() {
        all(
            "DE",
            &[("0049 30 1234567", "+49301234567"), ("0044 (0)20 7946 0018", "+442079460018")],
        );
        all("US", &[("011 49 30 1234567", "+49301234567"), ("0049 30 1234567", "+49301234567")]);
        all("JP", &[("010 49 30 1234567", "+49301234567")]);
        all("AU", &[("0011 49 30 1234567", "+49301234567")]);
        all("RU", &[("8 10 49 30 1234567", "+49301234567")]);
        all("", &[("0049 30 1234567", "+49301234567"), ("011 4930 1234567", "01149301234567")]);
        all("", &[("00 1 2", "0012"), ("000000000", "000000000")]);
    }

    #[test]
    fn without_a_region_digits_stay_as_they_were_typed() {
        all(
            "",
            &[
                ("101", "101"),
                ("112", "112"),
                ("*97", "*97"),
                ("#31#0171 1234567", "#31#01711234567"),
                ("030 1234567", "0301234567"),
                ("1-800-FLOWERS", "+18003569377"),
                ("1-800-MATTRESS", "+18006288737"),
                ("0800 REIMANN", "08007346266"),
                ("101 reception", "101"),
                ("ext 101", "101"),
                ("٠٣٠ ١٢٣٤٥٦٧", "0301234567"),
            ],
        );
        all("DE", &[("101", "101"), ("112", "112"), ("*97", "*97"), ("110 POLIZEI", "110")]);
    }

    #[test]
    fn what_cannot_be_dialled_says_why() {
        all(
            "US",
            &[
                ("", "it is empty"),
                ("\u{7}\u{0}", "it is empty"),
                ("call me", "it has no digit"),
                ("ada@99.example", "it is an address, not a number"),
                (&"7".repeat(40), "it has 40 digits; no number has more than 15"),
                ("+1234567890123456", "it has 16 digits; no number has more than 15"),
                ("+1", "it is too short for a number with its country"),
                ("#31#+49 30 1234567", "a `+` stands in the middle of it"),
            ],
        );
    }

    #[test]
    fn what_google_read_is_believed_and_only_the_rest_is_taken_from_the_text() {
        for (value, canonical, wanted) in [
            ("020 7946 0958 x12", "+442079460958", "+442079460958 x12"),
            ("020 7946 0958,,3", "+442079460958", "+442079460958,,3"),
            ("1-800-FLOWERS", "+18003569377", "+18003569377"),
            ("1-800-FLOWERS,,42#", "+18003569377", "+18003569377,,42#"),
            ("CALL-ME-NOW", "+12255636669", "+12255636669"),
            ("*31#020 7946 0958", "+442079460958", "*31#02079460958"),
            ("030 1234567", "nonsense", "+49301234567"),
            ("030 1234567", "+12345678901234567", "+49301234567"),
        ] {
            assert_eq!(read(value, Some(canonical), "DE"), wanted, "{value}");
        }
    }

    #[test]
    fn a_number_knows_its_calling_code_and_the_rest() {
        let number = E164::parse("+390612345678").unwrap();
        assert_eq!((number.calling_code(), number.national()), (Some(39), "0612345678"));
        let unknown = E164::parse("+999123456").unwrap();
        assert_eq!((unknown.calling_code(), unknown.national()), (None, "999123456"));
        for bad in ["", "+", "49301234567", "+049", "+49 30", "+1234567890123456", "+123"] {
            assert_eq!(E164::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_country_can_read_its_own_numbers() {
        use rlibphonenumber::PHONE_NUMBER_UTIL as LIBRARY;
        for region in LIBRARY.get_supported_regions() {
            let number = LIBRARY.get_example_number(region).unwrap().to_string();
            assert_eq!(read(&number, None, ""), number);
            let ours = Region::parse(&region.to_string()).unwrap();
            let digits = E164::parse(&number).unwrap().national().to_owned();
            let typed = format!("{}{digits}", ours.trunk_prefix());
            let found = read(&typed, None, ours.code());
            // Where an island's numbers are as short as extensions, they stay as they are.
            let wanted = if typed.len() > 5 { &number } else { &typed };
            assert_eq!(found, *wanted, "{typed} typed in {region}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_typed_breaks_the_reader(
            value in "([+#*(),;./ \u{7}xpwP0-9٠-٩０-９A-Za-z@:=-]|ext|;phone-context=|\\PC){0,60}",
            canonical in proptest::option::of("[+]?[0-9]{0,20}"),
            region in "[A-Z]{2}",
        ) {
            let region = Region::parse(&region);
            let number = Number::read(&value, canonical.as_deref(), region);
            let settings = DialSettings {
                region,
                plus: Plus::Prefix,
                international_prefix: Some("00".to_owned()),
                outside_prefix: "0".to_owned(),
                ..DialSettings::default()
            };
            for settings in [settings, DialSettings::default()] {
                let rules = DialRules::new(settings).unwrap();
                let dial = rules.dial(&number);
                // Words can be made of everything that was found.
                assert!(dial.steps.iter().all(|step| !step.to_string().is_empty()));
                assert!(!dial.steps.is_empty());
                if let Some(string) = &dial.string {
                    assert_eq!(DialString::parse(string.as_str()).as_ref(), Ok(string));
                }
            }
            if let Some(number) = number.e164() {
                assert_eq!(E164::parse(&number.to_string()).as_ref(), Some(number));
            }
        }
    }
}
