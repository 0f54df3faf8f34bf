//! A `#` that says "number", and is no code.

use crate::number::extension;
use crate::number::scan::Scan;
use crate::number::text::Token;
use crate::number::typed::DIGITS_WHOLE;

/// Digits that count numbers (`#2`).
const COUNT_MAX: usize = 2;
/// So many digits behind a plus are a number.
const ABROAD_MIN: usize = 5;
/// Digits in front of a word on the keys (`800`), and letters of it.
const FREE_MIN: usize = 3;
const LETTERS_MIN: usize = 3;

impl Scan<'_> {
    /// `Phone# 212 …`, `# 212 …`, `#1: 212 …`: a sign that says "number", and no code. Returns the last token of
    /// it.
    pub(super) fn number_sign(&self) -> Option<usize> {
        if self.begun() || !self.part.prefix.is_empty() {
            return None;
        }
        let from = self.behind_filler(self.at + 1);
        let before = self.tokens[..self.at].iter().rev().find(|it| !is_filler(it));
        let named = matches!(before, Some(Token::Word(word)) if !extension::is_word(word));
        let apart = matches!(self.token(self.at + 1), Some(Token::Mark(' ' | ':')));
        let whole = (named || apart) && self.is_unmarked_number(from);
        let sign = whole || (named && self.is_word_on_keys(from));
        if sign { Some(self.at) } else { self.sign_of_count() }
    }

    /// `#1 212 … #2 646 …`: the sign of the next one in such a list.
    pub(super) fn next_sign(&self) -> Option<usize> {
        if self.counted { self.sign_of_count() } else { None }
    }

    /// `#1: 212 …`
    fn sign_of_count(&self) -> Option<usize> {
        let Some(Token::Digits(count)) = self.token(self.at + 1) else { return None };
        let next = self.behind_filler(self.at + 2);
        let listed = next > self.at + 2 && count.len() <= COUNT_MAX;
        // `#31 0221 …` may be a code.
        let counts = count.len() == 1 || !self.is_mark(self.at + 2, ' ');
        (listed && counts && self.is_unmarked_number(next)).then_some(next - 1)
    }

    fn behind_filler(&self, at: usize) -> usize {
        let rest = self.tokens.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|it| is_filler(it)).count()
    }

    /// A whole number, with no sign behind it that makes a code of it.
    fn is_unmarked_number(&self, at: usize) -> bool {
        let next = self.next(at);
        let whole = next.digits >= DIGITS_WHOLE || (next.plus && next.digits >= ABROAD_MIN);
        whole && !matches!(next.end, Some(Token::Mark('*'))) && !self.is_closed_by_sign(at)
    }

    /// `#31#` and `1234567#`, but not `… #2 …`.
    fn is_closed_by_sign(&self, at: usize) -> bool {
        let rest = self.tokens.get(at..).unwrap_or_default();
        let Some(sign) = rest.iter().position(|it| *it == Token::Mark('#')) else { return false };
        let apart = sign > 0 && rest[sign - 1] == Token::Mark(' ');
        let numeric = |it: &Token<'_>| {
            is_filler(it) || matches!(it, Token::Digits(_) | Token::Mark('+' | '('))
        };
        rest[..sign].iter().all(numeric) && !apart
    }

    /// `Phone# 1-800-FLOWERS`
    fn is_word_on_keys(&self, at: usize) -> bool {
        let next = self.next(at);
        let Some(Token::Word(word)) = next.end else { return false };
        let capitals = word.len() >= LETTERS_MIN && word.chars().all(|c| c.is_ascii_uppercase());
        next.digits >= FREE_MIN && capitals
    }
}

/// What stands between a sign or a count and the number.
fn is_filler(token: &Token<'_>) -> bool {
    matches!(token, Token::Mark(' ' | '.' | ':' | ')' | '-'))
}
