//! The settings of the dial rules.

use crate::number::{OutsideNumbers, OwnNumbers, Region};

/// What the rules are made of; each field is a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialSettings {
    /// The country that the phones are in.
    pub region: Option<Region>,
    pub plus: Plus,
    /// What is dialled instead of a `+`; that of the region unless it is set.
    pub international_prefix: Option<String>,
    pub national: National,
    /// In front of everything that is not internal: digits, `*`, `#`, `,`. May be empty.
    pub outside_prefix: String,
    /// Digits that are at most so many are an extension, if they are of no country.
    pub extension_digits: usize,
    pub pauses: Pauses,
    /// The area code of the installation, without a trunk prefix, for numbers within its town.
    pub area: Option<String>,
    pub own_numbers: OwnNumbers,
    pub outside_numbers: OutsideNumbers,
}

impl Default for DialSettings {
    fn default() -> DialSettings {
        DialSettings {
            region: None,
            plus: Plus::Keep,
            international_prefix: None,
            national: National::International,
            outside_prefix: String::new(),
            extension_digits: 5,
            pauses: Pauses::Keep,
            area: None,
            own_numbers: OwnNumbers::default(),
            outside_numbers: OutsideNumbers::default(),
        }
    }
}

/// What becomes of the `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    Keep,
    /// The international prefix takes its place.
    Prefix,
    Drop,
}

/// How the numbers of the phones' own country are dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum National {
    /// Like those of any other.
    International,
    /// With the trunk prefix: 030….
    Trunk,
    /// Without either: 30….
    Bare,
}

/// What becomes of extensions, and of what follows a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pauses {
    /// They are dialled after a comma.
    Keep,
    Cut,
}

/// Settings that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesConflict {
    /// A `+` can only stand in front, and so can a prefix for the outside line.
    OutsideBeforePlus,
    /// Nothing says what the `+` is replaced by. `Some` is a region that has several prefixes.
    NoInternationalPrefix(Option<Region>),
    /// Nothing says which country is the own one.
    NoRegion,
    /// Nothing says which country the area code is of.
    AreaWithoutRegion,
}
