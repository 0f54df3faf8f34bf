//! Numbers that are words on the keys of a telephone.

use crate::number::Then;

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
    (letters >= 3).then_some(Spelled { digits, before, after, then, loose, labelled: false })
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
