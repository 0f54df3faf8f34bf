//! The reasons for what is dialled, in words.

use std::fmt;

use crate::number::resolve::shown;
use crate::number::{E164, NotADialString, NotDialable, Then};

/// One thing that was done to a number, or found about it. Its `Display` is a sentence for people.
///
/// The words are only made when somebody wants to read them: for those of [`Step::Read`] the numbering
/// plans are unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Read(E164),
    /// Its calling code gave way to the trunk prefix, which may be empty.
    OwnCountry {
        code: u16,
        trunk: String,
    },
    /// Within its country it is another number, not only one with another beginning.
    AtHome(String),
    /// The country has changed its numbers: this is what it became.
    Renumbered(E164),
    PlusKept,
    /// `own` tells that it is no foreign number, or that nobody knows.
    PlusReplaced {
        prefix: String,
        own: bool,
    },
    PlusDropped,
    /// So many digits.
    Extension(usize),
    Code(String),
    /// Dialled in front, as it is.
    Prefix(String),
    /// A number of the installation itself leads to this extension.
    OwnNumber(String),
    /// Other countries cannot reach it, so it is dialled as in its own.
    OnlyAtHome(String),
    /// A short number that the settings say is outside.
    OutsideService(String),
    AsTyped(String),
    Outside(String),
    TailDialled(Tail),
    TailCut(Tail),
    TailTooLong(Tail),
    NotDialable(NotDialable),
    Refused(NotADialString),
}

/// What would be dialled after the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    Extension(String),
    /// May hold somebody's PIN; it is shown to whoever may see the number.
    Tones(String),
    Both(String, String),
}

impl Tail {
    pub(super) fn of(then: &Then) -> Tail {
        match &then.extension {
            None => Tail::Tones(then.tones.clone()),
            Some(extension) if then.tones.is_empty() => Tail::Extension(extension.clone()),
            Some(extension) => Tail::Both(extension.clone(), then.tones.clone()),
        }
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tail::Extension(extension) => write!(f, "extension {extension}"),
            Tail::Tones(tones) => write!(f, "`{tones}`"),
            Tail::Both(extension, tones) => write!(f, "extension {extension} and `{tones}`"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Read(number) => {
                let (text, region) = shown(number);
                match (region, number.calling_code()) {
                    (Some(region), _) => write!(f, "read as {text}, a number of {region}"),
                    (None, Some(code)) => {
                        write!(f, "read as {text}, with the country code {code}")
                    }
                    (None, None) => {
                        write!(f, "read as {text}, with a country code that nobody has")
                    }
                }
            }
            Step::OwnCountry { code, trunk } if trunk.is_empty() => {
                write!(f, "own country: `+{code}` is left out")
            }
            Step::OwnCountry { code, trunk } => {
                write!(f, "own country: `+{code}` becomes `{trunk}`")
            }
            Step::AtHome(digits) => write!(f, "own country: dialled there as {digits}"),
            Step::Renumbered(number) => {
                write!(f, "a former number, which is {} today", shown(number).0)
            }
            Step::PlusKept => f.write_str("the `+` stays in front"),
            Step::PlusReplaced { prefix, own: true } => write!(f, "the `+` becomes `{prefix}`"),
            Step::PlusReplaced { prefix, own: false } => {
                write!(f, "another country: `+` becomes `{prefix}`")
            }
            Step::PlusDropped => f.write_str("the `+` is left out"),
            Step::Extension(1) => f.write_str("1 digit: an extension, dialled as it is"),
            Step::Extension(digits) => {
                write!(f, "{digits} digits: an extension, dialled as it is")
            }
            Step::Code(code) => write!(f, "`{code}` is a code, dialled as it is"),
            Step::Prefix(code) => write!(f, "`{code}` is dialled in front of the number"),
            Step::OwnNumber(extension) => {
                write!(f, "a number of this PBX: dialled as its extension {extension}")
            }
            Step::OnlyAtHome(digits) => {
                write!(f, "own country: no country code reaches it, so it is dialled as {digits}")
            }
            Step::OutsideService(digits) => write!(f, "{digits} is a service outside"),
            Step::AsTyped(digits) => {
                write!(f, "read as {digits}; its country is not known, so it is dialled as typed")
            }
            Step::Outside(prefix) => write!(f, "outside line: `{prefix}` in front"),
            Step::TailDialled(tail) => write!(f, "{tail} is dialled after a pause"),
            Step::TailCut(tail) => write!(f, "{tail} is left out"),
            Step::TailTooLong(tail) => {
                write!(f, "{tail} is left out: there is no room for it on a phone")
            }
            Step::NotDialable(why) => write!(f, "cannot be dialled: {why}"),
            Step::Refused(why) => write!(f, "cannot be dialled: {why}"),
        }
    }
}
