//! Numbers that are words on the keys of a telephone.

use crate::number::Then;
use crate::number::text::Token;

/// A number with letters in it (`1-800-FLOWERS`), as digits by the keypad of ITU-T E.161.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) digits: String,
    /// Digits before the first letter.
    pub(super) before: usize,
    /// Letters at the end. Advertisements like words that are longer than the number.
    pub(super) after: usize,
    /// What follows the word.
    pub(super) then: Then,
    /// In small letters with a blank before them, as remarks are written: it must be a number that is
    /// advertised.
    pub(super) loose: bool,
    /// Other words stand in front of the digits: it must be a number that callers do not pay for, since a
    /// department may follow an extension (`Tel 4711 EINKAUF`).
    pub(super) labelled: bool,
    /// Its last digits stand behind it: `FLOWERS (356-9377)`.
    pub(super) repeated: bool,
}

/// Fewer digits behind a word do not repeat it.
const REPEATED_MIN: usize = 5;

impl Spelled {
    /// Whether the digits in front of the next word are the last ones of this, or of what is dialled of it.
    pub(super) fn is_repeated_by(&self, tokens: &[Token<'_>]) -> bool {
        let numeric = tokens.iter().take_while(|it| !matches!(it, Token::Word(_)));
        let digits: String = numeric.filter_map(Token::digits).collect();
        let cut = |len: usize| self.digits.get(..self.digits.len() - len.min(self.digits.len()));
        let mut dialled = (0..=self.after).filter_map(cut);
        digits.len() >= REPEATED_MIN && dialled.any(|it| it.ends_with(&digits))
    }
}

/// Reads the whole text as digits and letters of the keypad: mostly in capitals (`0800 REIMANN`), or with its
/// letters tied to the digits (`1-800-flowers`).
pub(super) fn spelled(text: &str) -> Option<Spelled> {
    let text = text.trim();
    let (mut digits, mut before, mut after, mut letters) = (String::new(), None, 0, 0);
    let (mut capitals, mut tied, mut last) = (true, true, ' ');
    for c in text.chars() {
        match c {
            '0'..='9' => {
                digits.push(c);
                after = 0;
            }
            'a'..='z' | 'A'..='Z' => {
                capitals &= c.is_ascii_uppercase();
                tied &= last != ' ';
                before.get_or_insert(digits.len());
                digits.push(key(c));
                after += 1;
                letters += 1;
            }
            ' ' | '-' | '.' | '/' | '(' | ')' | '+' | '\'' => {}
            _ => return None,
        }
        last = c;
    }
    let before = before.filter(|before| *before >= 2)?;
    let (then, loose) = (Then::default(), !capitals && !tied);
    let word = Spelled { digits, before, after, then, loose, labelled: false, repeated: false };
    (letters >= 3).then_some(word)
}

/// ITU-T E.161.
fn key(letter: char) -> char {
    match letter.to_ascii_uppercase() {
        'A'..='C' => '2',
        'D'..='F' => '3',
        'G'..='I' => '4',
        'J'..='L' => '5',
        'M'..='O' => '6',
        'P'..='S' => '7',
        'T'..='V' => '8',
        _ => '9',
    }
}
