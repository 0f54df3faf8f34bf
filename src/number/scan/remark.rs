//! Digits beside a number that are no part of it: remarks behind it, and labels in front of it.

use crate::number::extension;
use crate::number::scan::Scan;
use crate::number::text::Token;
use crate::number::typed::DIGITS_WHOLE;

/// More digits in brackets are a part of the number, or another one.
const REMARK_MAX: usize = 4;
/// Postal codes before the name of a town.
const POSTAL_CODE: std::ops::RangeInclusive<usize> = 4..=5;
/// In front of these digits: `Handy2`, `2. 0221 …`, `1) 0221 …`.
const COUNT_MAX: usize = 2;
/// A number without anything dialled in front of it.
const BARE_MIN: usize = 9;
/// Customers' numbers and the like.
const REFERENCE_MAX: usize = 8;
/// Words that a number of something else follows.
const REFERENCES: &[&str] = &[
    "nr",
    "no",
    "num",
    "nummer",
    "number",
    "numero",
    "número",
    "numéro",
    "id",
    "kd",
    "kdnr",
    "kundennr",
    "kundennummer",
    "plz",
    "pin",
];

impl Scan<'_> {
    /// `(24/7)`, `(2. OG)`, `(2024)` behind a whole number. Returns where the bracket closes.
    pub(super) fn remark_in_brackets(&self) -> Option<usize> {
        if self.national_len() < DIGITS_WHOLE {
            return None;
        }
        let from = self.at + 1;
        let len = self.tokens[from..].iter().position(|it| *it == Token::Mark(')'))?;
        let inside = &self.tokens[from..from + len];
        let digits: Vec<&str> = inside.iter().filter_map(Token::digits).collect();
        let count: usize = digits.iter().map(|it| it.len()).sum();
        let with_words = inside.iter().any(|it| matches!(it, Token::Word(_) | Token::Mark('/')))
            && (from..from + len).all(|at| self.extension(at).is_none());
        let alone = matches!(digits.as_slice(), [one] if one.len() == 1 || is_year(one));
        let remark = (1..=REMARK_MAX).contains(&count) && (with_words || alone);
        remark.then_some(from + len)
    }

    /// `, 10115 Berlin`, `, 2. Stock` behind a whole number.
    pub(super) fn remark_behind_comma(&self) -> bool {
        let token = |ahead: usize| self.token(self.at + ahead);
        let (Some(Token::Mark(' ')), Some(Token::Digits(digits))) = (token(1), token(2)) else {
            return false;
        };
        let remark = match (token(3), token(4), token(5)) {
            (Some(Token::Mark(' ')), Some(Token::Word(word)), _) => {
                POSTAL_CODE.contains(&digits.len()) && is_name(word)
            }
            (Some(Token::Mark('.')), Some(Token::Mark(' ')), Some(Token::Word(_))) => {
                digits.len() <= COUNT_MAX
            }
            _ => false,
        };
        remark && self.national_len() >= DIGITS_WHOLE
    }

    /// Whether these digits only count or name the number that follows: `1) 0221 …`, `Handy2 0171 …`,
    /// `Kd-Nr. 4711 0221 …`, `Hauptstr. 5, 0221 …`.
    pub(super) fn is_label(&self, digits: &str) -> bool {
        if self.begun() || self.part.plus || !self.part.prefix.is_empty() || digits.starts_with('0')
        {
            return false;
        }
        let token = |ahead: usize| self.token(self.at + ahead);
        let behind = |ahead: usize| {
            let next = self.next(self.at + ahead);
            let zero =
                next.plus || next.bracket || next.first.is_some_and(|it| it.starts_with('0'));
            (next.digits >= DIGITS_WHOLE).then_some((next.digits, zero))
        };
        let counts = digits.len() <= COUNT_MAX;
        let word = self.word_before();
        match (token(1), token(2)) {
            // `21)8939845` is an area whose bracket is open at the front.
            (Some(Token::Mark(')')), Some(Token::Mark(' ' | '+' | '('))) => {
                let opened = self.at.checked_sub(1).is_some_and(|at| self.is_mark(at, '('));
                let whole = behind(2).is_some_and(|(_, zero)| zero || digits.len() == 1);
                counts && !opened && whole
            }
            (Some(Token::Mark('.')), Some(Token::Mark(' '))) => {
                counts && behind(3).is_some_and(|(_, zero)| zero)
            }
            (Some(Token::Mark(',')), Some(Token::Mark(' '))) => {
                let whole = behind(3).is_some_and(|(_, zero)| zero || digits.len() > 1);
                word.is_some() && digits.len() <= *POSTAL_CODE.end() && whole
            }
            (Some(Token::Mark(' ')), _) => match (word, behind(2)) {
                (Some((word, touching)), Some((len, zero))) => {
                    let reference = REFERENCES.contains(&word.to_lowercase().as_str());
                    let one = digits.len() == 1;
                    // Behind an 8 Belarus dials a 0 (`8 029 …`), and behind a 1 North America its numbers.
                    (zero && reference && digits.len() <= REFERENCE_MAX)
                        || (zero && touching && counts)
                        || (zero && one && digits != "8")
                        || (touching && one && digits != "1" && len >= BARE_MIN)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The word before the token that is read, and whether nothing is between them.
    fn word_before(&self) -> Option<(&str, bool)> {
        let before = &self.tokens[..self.at];
        let is_between = |it: &&Token<'_>| matches!(it, Token::Mark(' ' | '.' | ':'));
        let between = before.iter().rev().take_while(is_between).count();
        match before.get(before.len().checked_sub(between + 1)?)? {
            Token::Word(word) if !extension::is_word(word) => Some((word, between == 0)),
            _ => None,
        }
    }
}

fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
}

/// A capital letter and small ones.
fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase)
}
