//! Telephone numbers: what people typed, and what a phone dials for it.
//!
//! [`Place::read`] is the one reading of a text: it makes of a [`Field`] the numbers that it holds, each of a
//! known country, or digits that only make sense where the phone is, or says why there is none. What is
//! dialled, who is calling and what is found all follow from it. [`DialRules`] turn a number into the
//! [`DialString`] for the phones of one installation, and explain each step; [`DialRules::lines`] says what it
//! is known by.

mod address;
mod canonical;
mod dial_string;
mod extension;
mod field;
mod keypad;
mod lengths;
mod lines;
mod lookalike;
mod own;
mod pieces;
mod prefix_code;
mod region;
mod renumbering;
mod resolve;
mod rules;
mod scan;
mod settings;
mod step;
#[cfg(test)]
mod tests;
mod text;
mod typed;

pub use dial_string::{DialString, NotADialString};
pub use field::{field_of, number_count};
pub use lines::Line;
pub use own::{OutsideNumbers, OwnNumbers};
pub use region::Region;
pub use rules::{Dial, DialRules, Dialled};
pub use settings::{DialSettings, National, Pauses, Plus, RulesConflict};
pub use step::Step;
pub use text::plain;

use std::fmt;

use typed::Typed;

/// Where numbers were typed that do not say it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub region: Option<Region>,
    /// The area code of the installation, without a trunk prefix: numbers within a town are of it.
    pub area: Option<String>,
    /// What is dialled for an outside line; may be empty.
    pub outside: String,
}

/// A text that is meant to be a number, and what Google says of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    pub value: &'a str,
    /// Google's reading (`canonicalForm`): E.164.
    pub canonical: Option<&'a str>,
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(value: &'a str) -> Field<'a> {
        Field { value, canonical: None }
    }
}

/// One number of a text, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Number {
    /// What is dialled in front of it, such as `*31#`; mostly empty.
    pub prefix: String,
    pub kind: Kind,
    pub then: Then,
    /// The part of the text that it stands in.
    pub text: String,
    /// A word of the text says that a fax machine or a pager answers there.
    pub machine: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that means the same everywhere.
    International {
        number: E164,
        /// The digits as they were typed, without a country, when they are so few that they may as well be
        /// an extension.
        typed: Option<String>,
    },
    /// Digits whose country is not known: an extension such as 101, an emergency number, or a number that
    /// was typed without its area.
    Local(String),
    /// Digits with `*` or `#`, such as `*97`: dialled as they stand.
    Code(String),
}

impl Default for Kind {
    fn default() -> Kind {
        Kind::Local(String::new())
    }
}

impl Place {
    /// Reads a text: every number in it, the first that was typed first; never an empty list.
    ///
    /// # Errors
    /// Says why there is no number in it.
    pub fn read(&self, field: Field<'_>) -> Result<Vec<Number>, NotDialable> {
        if let Some(number) = canonical::plainly(field.value, field.canonical) {
            return Ok(vec![number]);
        }
        let canonical = field.canonical.and_then(E164::of_canonical);
        let mut value = field.value;
        let found = match typed::scan(value) {
            Ok(found) => found,
            // Nothing, or nothing that anybody can see.
            Err(NotDialable::Empty) if field.canonical.is_some() => {
                value = field.canonical.unwrap_or_default();
                typed::scan(value)?
            }
            // A word on the keys, and no digit beside it.
            Err(NotDialable::NoDigits) if canonical.is_some() => vec![Typed::default()],
            Err(why) => return Err(why),
        };
        let several = found.len() > 1;
        let mut numbers: Vec<Number> = Vec::with_capacity(found.len());
        let mut refusal = NotDialable::NoDigits;
        for typed in found {
            let ending = typed.ending;
            match resolve::resolve(typed, canonical.as_ref(), several, self) {
                Ok(number) => {
                    let number = match numbers.last().filter(|_| ending) {
                        Some(before) => number.in_place_of_the_end_of(before),
                        None => number,
                    };
                    numbers.push(number);
                }
                Err(why) => refusal = why,
            }
        }
        if numbers.is_empty() {
            return Err(refusal);
        }
        if !several {
            numbers[0].text = value.trim().to_owned();
        }
        Ok(numbers)
    }
}

/// With its country where that is known.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::International { number, .. } => number.fmt(f),
            Kind::Local(digits) | Kind::Code(digits) => f.write_str(digits),
        }
    }
}

impl Number {
    /// `None` if the country is not known.
    pub fn e164(&self) -> Option<&E164> {
        match &self.kind {
            Kind::International { number, .. } => Some(number),
            _ => None,
        }
    }

    /// `0221 7654321 / 7654322`: the second number has the area of the first.
    fn in_place_of_the_end_of(self, before: &Number) -> Number {
        let Kind::Local(digits) = &self.kind else { return self };
        let longer = |known: &str| {
            let kept = known.len().checked_sub(digits.len())?;
            Some(format!("{}{digits}", &known[..kept]))
        };
        let kind = match &before.kind {
            Kind::International { number, .. } => longer(number.digits())
                .and_then(|it| E164::parse(&format!("+{it}")))
                .map(|number| Kind::International { number, typed: None }),
            Kind::Local(known) => longer(known).map(Kind::Local),
            Kind::Code(_) => None,
        };
        match kind {
            Some(kind) => Number { kind, ..self },
            None => self,
        }
    }
}

/// No extension has more digits than this.
pub(crate) const SHORT_MAX: usize = 10;

/// A number with its country, as ITU-T E.164 has it: the calling code first, and at most 15 digits, but for
/// some longer ones that exist all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(String);

impl E164 {
    /// The longest number there can be, in digits.
    pub const LEN_MAX: usize = 15;
    /// libphonenumber's limit, for the sake of Germany: three digits of a code, and 17.
    const LEN_LONGEST: usize = 20;
    /// Shorter than any number of any country, with its code.
    const LEN_MIN: usize = 4;

    /// `+` and digits, nothing else.
    pub fn parse(raw: &str) -> Option<E164> {
        E164::parse_long(raw).filter(|it| it.0.len() <= Self::LEN_MAX)
    }

    /// The same, and no limit but that of libphonenumber, which is greater.
    fn parse_long(raw: &str) -> Option<E164> {
        let digits = raw.strip_prefix('+')?;
        let legal = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let fits = (Self::LEN_MIN..=Self::LEN_LONGEST).contains(&digits.len());
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

/// Why there is no number in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDialable {
    #[error("it is empty")]
    Empty,
    #[error("it has no digit")]
    NoDigits,
    #[error("it is an address, not a number")]
    Address,
    #[error("it is a date, not a number")]
    Date,
    #[error("it is a time, not a number")]
    Time,
    #[error("it is a price, not a number")]
    Price,
    #[error("it is a bank account, not a number")]
    Iban,
    #[error(
        "a spreadsheet destroyed the number: format its column as text, and enter the number again at Google"
    )]
    Spreadsheet,
    #[error("it has {0} digits; no number has more than {max}", max = E164::LEN_MAX)]
    TooLong(usize),
    #[error("it is too short for a number with its country")]
    TooShort,
}
