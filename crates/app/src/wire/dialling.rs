//! What a phone dials for a number.

use serde::Serialize;
use utoipa::ToSchema;

use ringbook_core::contact::clean;
use ringbook_core::number::{DialRules, Dialled};

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
    /// Digits, `*`, `#` and `,` for a pause, with `+` only in front of the number; null if it cannot be
    /// dialled.
    #[schema(example = "00442079460958")]
    pub dial: Option<String>,
    /// What was done, and why, in words for people.
    pub steps: Vec<String>,
    /// Every number of the text, only where it holds several; the fields above are those of the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub numbers: Vec<NumberDialled>,
}

/// One number of a text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NumberDialled {
    /// The part of the text that it stands in.
    pub text: String,
    pub e164: Option<String>,
    pub extension: Option<String>,
    pub dial: Option<String>,
    pub steps: Vec<String>,
}

impl Dialling {
    pub fn of(rules: &DialRules, typed: &str) -> Dialling {
        let numbers: Vec<NumberDialled> =
            rules.dial_all(typed).into_iter().map(NumberDialled::of).collect();
        let first = numbers.first();
        Dialling {
            number: clean(typed, typed.len()),
            readable: rules.read(typed).is_ok(),
            e164: first.and_then(|it| it.e164.clone()),
            extension: first.and_then(|it| it.extension.clone()),
            dial: first.and_then(|it| it.dial.clone()),
            steps: first.map(|it| it.steps.clone()).unwrap_or_default(),
            numbers: if numbers.len() > 1 { numbers } else { Vec::new() },
        }
    }
}

impl NumberDialled {
    fn of(it: Dialled) -> NumberDialled {
        NumberDialled {
            text: clean(&it.text, it.text.len()),
            e164: it.number.as_ref().and_then(|it| it.e164().map(ToString::to_string)),
            extension: it.number.and_then(|it| it.then.extension),
            dial: it.dial.string.map(|it| it.to_string()),
            steps: it.dial.steps.iter().map(ToString::to_string).collect(),
        }
    }
}
