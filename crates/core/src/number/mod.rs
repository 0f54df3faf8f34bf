//! Telephone numbers: what people typed, and what a phone dials for it.
//!
//! [`Place::read`] is the one reading of a text: it makes of a [`Field`] the numbers that it holds, each of a
//! known country, or digits that only make sense where the phone is, or says why there is none. What is
//! dialled, who is calling and what is found all follow from it. [`DialRules`] turn a number into the
//! [`DialString`] for the phones of one installation, and explain each step; [`DialRules::lines`] says what it
//! is known by.

mod address;
mod beside;
mod canonical;
mod cut;
mod dial_string;
mod ending;
mod extension;
mod field;
mod keypad;
mod lengths;
mod letters;
mod lines;
mod lookalike;
mod own;
mod pieces;
mod prefix_code;
mod region;
mod remark_words;
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
    /// Without the pause behind it.
    fn outside_line(&self) -> &str {
        self.outside.trim_end_matches(',')
    }

    /// Reads a text: every number in it, the first that was typed first; never an empty list.
    ///
    /// # Errors
    /// Says why there is no number in it.
    pub fn read(&self, field: Field<'_>) -> Result<Vec<Number>, NotDialable> {
        if let Some(number) = canonical::plainly(field.value, field.canonical) {
            return Ok(vec![number]);
        }
        if let Some(mut numbers) = self.behind_outside_line(field) {
            if let [number] = numbers.as_mut_slice() {
                number.text = field.value.trim().to_owned();
            }
            return Ok(numbers);
        }
        match letters::as_digits(&plain(field.value)) {
            Some(with_digits) => self.read_with_digits(field, &with_digits),
            None => self.read_text(field),
        }
    }

    /// `9,1-212-555-0113`: what is dialled for an outside line, a pause, and a number.
    fn behind_outside_line(&self, field: Field<'_>) -> Option<Vec<Number>> {
        let text = plain(field.value);
        let is_label = |c: char| !c.is_ascii_digit() && !matches!(c, '+' | '*' | '#');
        let number = text.trim_start_matches(is_label).strip_prefix(self.outside_line())?;
        let is_pause = |c: char| matches!(c, ',' | ';' | 'p' | 'w' | ' ');
        let behind = number.trim_start_matches(is_pause);
        let pauses = &number[..number.len() - behind.len()];
        if self.outside_line().is_empty() || pauses.trim().is_empty() {
            return None;
        }
        let numbers = self.read_text(Field { value: behind, ..field }).ok()?;
        let whole = |it: &Number| match &it.kind {
            Kind::International { .. } => true,
            Kind::Local(digits) => digits.len() >= typed::DIGITS_WHOLE,
            Kind::Code(_) => false,
        };
        let begins = behind.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '('));
        (begins && numbers.first().is_some_and(whole)).then_some(numbers)
    }

    /// A text with letters that may be digits: they are, unless only the text as it was typed is a number that there
    /// is, as behind the `O` of an office.
    fn read_with_digits(
        &self,
        field: Field<'_>,
        with_digits: &str,
    ) -> Result<Vec<Number>, NotDialable> {
        let as_digits = self.read_text(Field { value: with_digits, ..field });
        let as_typed = self.read_text(field);
        let exists = |read: &Result<Vec<Number>, NotDialable>| {
            let first = read.as_ref().ok().and_then(|it| it.first());
            first.and_then(Number::e164).is_some_and(resolve::exists)
        };
        let typed = !exists(&as_digits) && exists(&as_typed);
        let mut numbers = if typed || as_digits.is_err() { as_typed } else { as_digits }?;
        if let [number] = numbers.as_mut_slice() {
            number.text = field.value.trim().to_owned();
        }
        Ok(numbers)
    }

    fn read_text(&self, field: Field<'_>) -> Result<Vec<Number>, NotDialable> {
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
        let mut numbers = self.resolved(found, canonical.as_ref())?;
        if let [number] = numbers.as_mut_slice() {
            number.text = value.trim().to_owned();
        }
        Ok(numbers)
    }

    /// The numbers of a text; not an empty list.
    fn resolved(
        &self,
        found: Vec<Typed>,
        canonical: Option<&E164>,
    ) -> Result<Vec<Number>, NotDialable> {
        let several = found.len() > 1;
        let mut numbers: Vec<Number> = Vec::with_capacity(found.len());
        let mut refusal = NotDialable::NoDigits;
        for typed in found {
            let ending = typed.ending;
            match resolve::resolve(typed, canonical, several, self) {
                Ok(number) => {
                    let of =
                        numbers.last().and_then(|it| ending::completed(&number, it, ending?, self));
                    numbers.push(of.unwrap_or(number));
                }
                Err(why) => refusal = why,
            }
        }
        if numbers.is_empty() { Err(refusal) } else { Ok(numbers) }
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
    #[error("letters stand in it where digits should be")]
    Letters,
}
