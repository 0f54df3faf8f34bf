//! Passwords that are tried first.
//!
//! A list of the commonest, and what people make of one of them when they are asked for more characters. It
//! takes 30 KB; an estimate of strength (zxcvbn, a megabyte of dictionaries) would tell little more of what can
//! be guessed here, where a guess takes half a minute.

use std::collections::HashSet;
use std::sync::LazyLock;

/// In lower case. From the passwords that leaked most often, as gathered by the project zxcvbn (MIT licence): all
/// of ten characters or more among the first 30,000, and the words among the first 4,000.
const LIST: &str = include_str!("guessable.txt");

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| LIST.lines().collect());

/// Whether a password is one of the first that are tried for somebody of this name.
pub(super) fn is_guessable(password: &str, name: &str) -> bool {
    let text = password.to_lowercase();
    let name = name.to_lowercase();
    let is_known = |word: &str| KNOWN.contains(word) || (word == name && !name.is_empty());
    let letters: Vec<char> = text.chars().collect();
    let kinds = letters.iter().collect::<HashSet<_>>().len();
    if kinds <= 2 || is_straight(&letters) || is_known(&text) {
        return true;
    }
    let block = period(&letters);
    if block < letters.len() {
        let once: String = letters[..block].iter().collect();
        if block <= 6 || is_known(&once) {
            return true;
        }
    }
    // A word with digits and signs around it, or in place of letters.
    let word = text.trim_matches(|c: char| !c.is_alphabetic() && !matches!(c, '@' | '$'));
    let word = word.trim_end_matches(['@', '$']);
    is_known(word) || is_known(&spelled(word)) || is_known(&spelled(text.trim_end_matches(is_tail)))
}

fn is_tail(c: char) -> bool {
    c.is_ascii_digit() || c.is_ascii_punctuation() || c == ' '
}

/// Each character follows the one before in one direction: `abcdef`, `987654`.
fn is_straight(letters: &[char]) -> bool {
    let step = |pair: &[char]| match pair {
        ['9', '0'] => 1,
        ['0', '9'] => -1,
        [a, b] => i64::from(u32::from(*b)) - i64::from(u32::from(*a)),
        _ => 0,
    };
    let mut steps = letters.windows(2).map(step);
    let first = steps.next().unwrap_or_default();
    first.abs() <= 1 && steps.all(|it| it == first)
}

/// After how many characters the text repeats itself; all of them if it does not.
fn period(letters: &[char]) -> usize {
    let repeats = |size: &usize| letters.iter().skip(*size).zip(letters).all(|(a, b)| a == b);
    (1..=letters.len() / 2).find(repeats).unwrap_or(letters.len())
}

/// With the letters that digits and signs stand for.
fn spelled(word: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    word.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_known_and_what_is_not_is_let_be() {
        for password in [
            "password123",
            "Password1234",
            "P@ssw0rd123!",
            "passwordpassword",
            "1234567890",
            "12345678901234",
            "0987654321",
            "abcdefghijkl",
            "aaaaaaaaaaaa",
            "1212121212",
            "abc123abc123",
            "qwertyuiop",
            "1q2w3e4r5t",
            "letmein12345",
            "LetMeIn!!!!!",
            "iloveyou2024",
            "Ringbook2024!",
            "administrator1",
            "  password  ",
            "123456password",
            "ada!1815-1852",
            "adaadaadaada",
            "q1w2e3r4t5y6",
            "dr4gon123456",
        ] {
            assert!(is_guessable(password, "Ada"), "{password}");
        }
        for password in [
            "correct horse battery",
            "tangerine dream 1",
            "another password",
            "a third password",
            "hunter of 3 foxes",
            "Kx7#mP2$vLq9",
            "ada and grace 4ever",
            "8571029364",
            "ünïcödé wörds",
            "wrong password",
            "password of the house",
        ] {
            assert!(!is_guessable(password, "Ada"), "{password}");
            assert!(!is_guessable(password, ""), "{password}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_that_is_looked_up() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() > 2000 && lines.is_sorted());
        assert!(
            lines.iter().all(|it| *it == it.to_lowercase() && !it.contains(char::is_whitespace))
        );
    }
}
