//! The text of a field in plain characters, and cut into digits, words and marks.

use std::fmt;

use any_ascii::any_ascii_char;

use crate::contact::is_ignorable;

/// In characters. No number needs more; what is beyond it is not read.
const READ_MAX: usize = 250;

/// Digits of all scripts as ASCII, every dash, slash, blank and full-width form as its ASCII relative,
/// nothing invisible, line ends as `|`.
///
/// The marks are those that libphonenumber accepts within a number (`VALID_PUNCTUATION`), and a few more.
pub fn plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len().min(READ_MAX));
    for c in value.chars().take(READ_MAX) {
        match c {
            '\n'
            | '\r'
            | '\u{B}'
            | '\u{C}'
            | '\u{1C}'..='\u{1F}'
            | '\u{85}'
            | '\u{2028}'
            | '\u{2029}' => text.push('|'),
            '\t' => text.push_str("  "),
            '\\' | '\u{FF3C}' | '\u{2044}' | '\u{2215}' => text.push('/'),
            '\u{FF01}'..='\u{FF5E}' => text.extend(char::from_u32(u32::from(c) - 0xFEE0)),
            '\u{2010}'..='\u{2015}'
            | '\u{2043}'
            | '\u{2212}'
            | '\u{30FC}'
            | '\u{FE58}'
            | '\u{FE63}' => {
                text.push('-');
            }
            '\u{2053}' | '\u{223C}' | '\u{301C}' => text.push('~'),
            '\u{B7}' | '\u{2022}' | '\u{2024}' | '\u{2027}' | '\u{30FB}' => text.push('.'),
            '\u{FE62}' | '\u{207A}' | '\u{208A}' => text.push('+'),
            '\u{60C}' | '\u{3001}' | '\u{FE50}' => text.push(','),
            // A letter's accent, written behind it.
            '\u{300}'..='\u{36F}' => {}
            c if is_invisible(c) => {}
            c if c.is_whitespace() => text.push(' '),
            c if !c.is_ascii() && c.is_numeric() => {
                let digit = any_ascii_char(c);
                let one = digit.len() == 1 && digit.bytes().all(|b| b.is_ascii_digit());
                text.push_str(if one { digit } else { " " });
            }
            c => text.push(c),
        }
    }
    text
}

/// Marks of direction are pasted along with many numbers; the frame of a keycap surrounds some digits.
fn is_invisible(c: char) -> bool {
    c.is_control() || c == '\u{20E3}' || is_ignorable(c)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Digits(&'a str),
    Word(&'a str),
    Mark(char),
}

impl<'a> Token<'a> {
    pub(super) fn digits(&self) -> Option<&'a str> {
        if let Token::Digits(digits) = self { Some(digits) } else { None }
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Digits(text) | Token::Word(text) => f.write_str(text),
            Token::Mark(mark) => write!(f, "{mark}"),
        }
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = |kind: fn(char) -> bool| rest.find(|c| !kind(c)).unwrap_or(rest.len());
        let (token, len) = if c.is_ascii_digit() {
            let len = run(|c| c.is_ascii_digit());
            (Token::Digits(&rest[..len]), len)
        } else if c.is_alphabetic() {
            let len = run(char::is_alphabetic);
            (Token::Word(&rest[..len]), len)
        } else {
            (Token::Mark(c), c.len_utf8())
        };
        found.push(token);
        rest = &rest[len..];
    }
    found
}
