//! The text of a number in plain characters, and cut into digits, words and marks.

use std::fmt;

use any_ascii::any_ascii_char;

/// In characters. No number needs more; what is beyond it is not read.
const READ_MAX: usize = 250;
/// Digits of all scripts as ASCII, full-width forms as ASCII, nothing invisible, line ends as `|`.
pub(super) fn plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len().min(READ_MAX));
    for c in value.chars().take(READ_MAX) {
        match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => text.push('|'),
            '\u{FF01}'..='\u{FF5E}' => {
                text.extend(char::from_u32(u32::from(c) - 0xFEE0));
            }
            '\u{FE62}' => text.push('+'),
            '،' => text.push(','),
            c if c.is_whitespace() => text.push(' '),
            c if is_invisible(c) => {}
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

/// Marks of direction are pasted along with many numbers; the others come with emoji and word breaks.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{20E3}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Digits(&'a str),
    Word(&'a str),
    Mark(char),
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
