//! What a number is known by.

use crate::number::{DialRules, Kind, Number, renumbering};

/// Digits by which a number is found, in whatever notation it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Of a code also `*` and `#`.
    pub digits: String,
    /// They begin with the country.
    pub international: bool,
}

/// Fewer digits behind `00` are no number of another country.
const ABROAD_MIN: usize = 7;
/// In front of fewer digits a zero belongs to the number.
const LOCAL_MIN: usize = 6;

impl DialRules {
    /// What a number is known by, to callers and to searches: the first is how it is dialled from outside. An
    /// extension behind it is not part of it: a caller's number has none.
    pub fn lines(&self, number: &Number) -> Vec<Line> {
        let local = |digits: &str| Line { digits: digits.to_owned(), international: false };
        let international = |digits: &str| Line { digits: digits.to_owned(), international: true };
        let mut lines = Vec::with_capacity(1);
        match &*self.kind(number) {
            Kind::International { number, .. } => {
                lines.extend(renumbering::line(number).map(|it| international(&it)));
                lines.push(international(number.digits()));
                let extension = self.settings.own_numbers.extension_of(number);
                lines.extend(extension.map(|it| local(&it)));
            }
            Kind::Local(digits) => {
                let abroad = digits.strip_prefix("00").filter(|it| it.len() >= ABROAD_MIN);
                // The zero before an area is not part of the number as others write it.
                let bare = digits.trim_start_matches('0');
                lines.push(match abroad {
                    Some(rest) => international(rest),
                    None => local(if bare.len() < LOCAL_MIN { digits } else { bare }),
                });
                let outside = self.settings.own_numbers.number_of(digits);
                lines.extend(outside.map(|it| international(it.digits())));
            }
            Kind::Code(code) => lines.push(local(code)),
        }
        lines
    }
}
