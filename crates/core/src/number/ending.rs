//! A second number of a text that is only the end of one: `55 5208 1234 / 5208 1235`.

use crate::number::resolve::{has_area, is_valid};
use crate::number::scan::OR;
use crate::number::text::Token;
use crate::number::typed::Typed;
use crate::number::{E164, Kind, Number, Place};

/// Digits that stand for the end of the number before them, at least.
const ENDING_MIN: usize = 5;
/// The most and the fewest digits of a number within a town.
const WITHIN_TOWN: std::ops::RangeInclusive<usize> = 6..=8;

/// What parts an end from the number before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A slash, a dash, or an "or": it is another end of that number.
    Other,
    /// A comma or a word: it is of the same area where nothing can be dialled without one.
    Listed,
}

/// Which of the numbers of a text may be ends of those before them; of several the first is whole.
pub(super) fn note_endings(found: &mut [Typed], tokens: &[Token<'_>]) {
    let mut whole = 0;
    for at in 1..found.len() {
        let ending = ending_of(&found[at], &found[whole], found[at - 1].to, tokens);
        found[at].ending = ending;
        if ending.is_none() {
            whole = at;
        }
    }
}

fn ending_of(it: &Typed, whole: &Typed, from: usize, tokens: &[Token<'_>]) -> Option<Ending> {
    let between = tokens.get(from..it.from).filter(|_| may_be_end(it, whole))?;
    let alike = is_same_as_end(it, whole);
    let other = alike && between.iter().all(is_other) && between.iter().any(parts);
    Some(if other { Ending::Other } else { Ending::Listed })
}

fn may_be_end(it: &Typed, before: &Typed) -> bool {
    let plain = |it: &Typed| !it.code && it.prefix.is_empty() && it.spelled.is_none();
    let shorter = it.digits.len() >= ENDING_MIN && it.digits.len() < before.digits.len();
    let digits = plain(it) && plain(before) && shorter && !it.plus && !it.digits.starts_with('0');
    digits && (is_same_as_end(it, before) || WITHIN_TOWN.contains(&it.digits.len()))
}

/// As many digits as the last groups of the number before.
fn is_same_as_end(it: &Typed, before: &Typed) -> bool {
    let ends = before.groups.iter().skip(1).rev().scan(0, |sum, len| {
        *sum += len;
        Some(*sum)
    });
    ends.into_iter().any(|sum| sum == it.digits.len())
}

/// Nothing between two ends but such words, and marks that part no list.
fn is_other(token: &Token<'_>) -> bool {
    match token {
        Token::Word(word) => OR.contains(&word.to_lowercase().as_str()),
        Token::Mark(mark) => !matches!(mark, ',' | ';' | '|' | ':'),
        Token::Digits(_) => false,
    }
}

fn parts(token: &Token<'_>) -> bool {
    !matches!(token, Token::Mark(' ' | '(' | ')' | '[' | ']'))
}

/// The number with the beginning of the one before it, where it has none of its own.
pub(super) fn completed(
    number: &Number,
    before: &Number,
    ending: Ending,
    place: &Place,
) -> Option<Number> {
    let Kind::Local(digits) = &number.kind else { return None };
    let longer = |known: &str| {
        let kept = known.len().checked_sub(digits.len())?;
        Some(format!("{}{digits}", &known[..kept]))
    };
    let kind = match &before.kind {
        Kind::International { number, .. } => {
            let whole = E164::parse(&format!("+{}", longer(number.digits())?))?;
            let listed = || is_closed_and_of(place, number) && is_valid(&whole);
            let taken = has_area(number) && (ending == Ending::Other || listed());
            taken.then_some(Kind::International { number: whole, typed: None })?
        }
        Kind::Local(known) if ending == Ending::Other => Kind::Local(longer(known)?),
        _ => return None,
    };
    Some(Number { kind, ..number.clone() })
}

/// Whether a number is of the region, and numbers there are dialled with their areas.
fn is_closed_and_of(place: &Place, number: &E164) -> bool {
    place.region.is_some_and(|it| {
        number.calling_code() == Some(it.calling_code()) && matches!(it.trunk_prefix(), "" | "1")
    })
}
