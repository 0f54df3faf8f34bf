//! What people write in front of an extension.

use crate::number::text::Token;

/// In small letters. The first lines are the words of libphonenumber's pattern, the others are those of more
/// languages. `#`, `~` and `;ext=` (RFC 3966) are known beside these.
const WORDS: &[&str] = &[
    "x",
    "xt",
    "xtn",
    "ext",
    "extn",
    "extensi",
    "extensin",
    "extension",
    "extensio",
    "extensió",
    "extensión",
    "extensio\u{301}n",
    "int",
    "anexo",
    "доб", //
    "ramal",
    "interno",
    "interne",
    "poste",
    "dw",
    "durchwahl",
    "durchw",
    "klappe",
    "kl",
    "nebenstelle",
    "nebenst",
    "nst",
    "apparat",
    "app",
    "toestel",
    "tst",
    "wewn",
    "wew",
    "linka",
    "klapka",
    "mellék",
    "anknytning",
    "ankn",
    "lokal",
    "lok",
    "alanumero",
    "dahili",
    "εσωτ",
    "вн",
    "внутр",
    "内線",
    "分机",
    "內線",
    "내선",
    "ต่อ",
];
/// So many digits at most, where a mark announces them that stands for other things, too.
const LEN_MAX_BEHIND_MARK: usize = 7;
/// After so many digits a `~` is no wait for a dial tone.
const BEFORE_TILDE_MIN: usize = 6;

pub(super) fn is_word(word: &str) -> bool {
    WORDS.contains(&word.to_lowercase().as_str())
}

/// Where the digits of an extension stand that is announced at `at`; `before` digits precede it.
pub(super) fn digits_at(tokens: &[Token<'_>], at: usize, before: usize) -> Option<usize> {
    let is_word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => is_word(word),
        _ => false,
    };
    // `06 1234567, App. 12` is a flat, `0221 7654321 App. 12` an extension.
    let is_flat = |at: usize| matches!(tokens.get(at), Some(Token::Word(word)) if word.eq_ignore_ascii_case("app"));
    let is_behind_comma = |at: usize| is_word(at) && !is_flat(at);
    let is_mark = |at: usize, mark| tokens.get(at) == Some(&Token::Mark(mark));
    let (from, by_mark) = match tokens.get(at)? {
        Token::Word(_) if is_word(at) => (at + 1, false),
        Token::Mark('#') => (at + 1, true),
        Token::Mark('~') if before >= BEFORE_TILDE_MIN => (at + 1, true),
        // `;ext=12`, and `, ext. 12`, where the comma is no pause.
        Token::Mark(',' | ';') if is_behind_comma(at + 1) => (at + 2, false),
        Token::Mark(',') if is_mark(at + 1, ' ') && is_behind_comma(at + 2) => (at + 3, false),
        _ => return None,
    };
    let skipped = |it: &usize| {
        matches!(tokens.get(*it), Some(Token::Mark(' ' | '.' | ':' | '=' | '-' | '#')))
    };
    let at = (from..from + 4).find(|it| !skipped(it))?;
    match tokens.get(at)? {
        Token::Digits(digits) if !by_mark || digits.len() <= LEN_MAX_BEHIND_MARK => Some(at),
        _ => None,
    }
}
