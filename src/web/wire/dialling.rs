//! What a phone dials for a number.

use serde::Serialize;
use utoipa::ToSchema;

use crate::contact::clean;
use crate::number::{DialRules, Number};

/// A number as it was understood, and what the phones of this installation dial for it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Dialling {
    /// As it was typed, without what no screen can show.
    pub number: String,
    /// Whether it is a number at all. One that is may still be too long to be dialled.
    pub readable: bool,
    /// With its country, if that is known.
    #[schema(example = "+442079460958")]
    pub e164: Option<String>,
    pub extension: Option<String>,
    /// Digits, `*`, `#` and `,` for a pause, with `+` only in front; null if it cannot be dialled.
    #[schema(example = "00442079460958")]
    pub dial: Option<String>,
    /// What was done, and why, in words for people.
    pub steps: Vec<String>,
}

impl Dialling {
    pub fn of(rules: &DialRules, typed: &str) -> Dialling {
        let number = rules.read(typed, None);
        let dial = rules.dial(&number);
        Dialling {
            number: clean(typed, typed.len()),
            readable: !matches!(number, Number::NotDialable(_)),
            e164: number.e164().map(ToString::to_string),
            extension: number.extension().map(str::to_owned),
            dial: dial.string.map(|it| it.to_string()),
            steps: dial.steps.iter().map(ToString::to_string).collect(),
        }
    }
}
