//! The ways in which one name is written with the letters of a keyboard, so that each of them finds it.
//!
//! Accents are left out (`Muller`), or written as the language writes them without its own letters:
//! `Mueller`, `Joergensen`, `Aase`. The pairs are those of ICAO 9303 (part 3, section 6), which passports
//! follow, and `dj` of the languages that have `đ`.

use any_ascii::any_ascii_char;

use crate::contact::letters::{compose, is_ignorable};

/// Different words of a question that may be spelled in two ways; more of them are taken as typed.
const ASKED_MAX: usize = 8;

/// A text in lower-case ASCII, for comparing and searching: `Élodie O'Brien-Łuk` becomes
/// `elodie obrien luk`. Letters of other scripts are transliterated (`Жанна`: `zhanna`).
///
/// What is beyond `len_max` bytes is cut off.
pub fn fold(text: &str, len_max: usize) -> String {
    folded(text, len_max, Marks::Dropped, Apostrophe::Joins)
}

/// All spellings by which a text shall be found: folded, with `oe` for `ö`, and with a gap for an
/// apostrophe or a dot (`d arcy`). The first is [`fold`]'s.
pub fn spellings(text: &str, len_max: usize) -> Vec<String> {
    let mut all = vec![fold(text, len_max)];
    if text.is_ascii() && !text.contains(['\'', '.', '`']) {
        return all;
    }
    for (marks, apostrophe) in [
        (Marks::Written, Apostrophe::Joins),
        (Marks::Dropped, Apostrophe::Parts),
        (Marks::Written, Apostrophe::Parts),
    ] {
        let other = folded(text, len_max, marks, apostrophe);
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

/// All spellings that somebody may mean who types this: `Jørgen Møller` also finds `Joergen Moller`. The
/// first is [`fold`]'s.
pub fn asked_spellings(text: &str, len_max: usize) -> Vec<String> {
    let plain = fold(text, len_max);
    if text.is_ascii() {
        return vec![plain];
    }
    let mut all = vec![String::new()];
    for word in text.split_whitespace() {
        let mut ways = vec![fold(word, len_max)];
        let written = folded(word, len_max, Marks::Written, Apostrophe::Joins);
        if written != ways[0] && all.len() * 2 <= ASKED_MAX {
            ways.push(written);
        }
        ways.retain(|it| !it.is_empty());
        if !ways.is_empty() {
            let gap = |before: &String| if before.is_empty() { "" } else { " " };
            all = ways
                .iter()
                .flat_map(|way| all.iter().map(move |it| format!("{it}{}{way}", gap(it))))
                .collect();
        }
    }
    all.retain(|it| *it != plain && !it.is_empty() && it.len() <= len_max);
    all.insert(0, plain);
    all
}

/// What becomes of the marks on a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    Dropped,
    /// As a second letter, where that is the custom.
    Written,
}

/// What an apostrophe and a dot are within a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apostrophe {
    Joins,
    Parts,
}

fn folded(text: &str, len_max: usize, marks: Marks, apostrophe: Apostrophe) -> String {
    let text = compose(text);
    let mut folded = String::with_capacity(text.len().min(len_max));
    let mut gap = false;
    for c in text.chars() {
        if is_ignorable(c) {
            continue;
        }
        let written = if marks == Marks::Written { two_letters(c) } else { None };
        for c in written.unwrap_or_else(|| any_ascii_char(c)).chars() {
            if c.is_ascii_alphanumeric() {
                if gap && !folded.is_empty() {
                    folded.push(' ');
                }
                gap = false;
                folded.push(c.to_ascii_lowercase());
            } else {
                // Apostrophes and dots join, everything else separates: O'Brien, J.R., Smith-Jones.
                let joins = apostrophe == Apostrophe::Joins && matches!(c, '\'' | '.' | '`');
                gap |= !joins;
            }
            if folded.len() >= len_max {
                return folded;
            }
        }
    }
    folded
}

/// How a letter is written where there is no such key.
fn two_letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'Ä' => "ae",
        'ö' | 'Ö' | 'ő' | 'Ő' | 'ø' | 'Ø' | 'ǿ' | 'Ǿ' => "oe",
        'ü' | 'Ü' | 'ű' | 'Ű' => "ue",
        'å' | 'Å' | 'ǻ' | 'Ǻ' => "aa",
        'đ' | 'Đ' => "dj",
        'ё' | 'Ё' => "yo",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_scripts_fold_to_plain_letters() {
        for (text, folded) in [
            ("Élodie O'Brien-Łuk", "elodie obrien luk"),
            ("Жанна", "zhanna"),
            ("Zoe\u{308} И\u{306}", "zoe y"),
            ("\u{1112}\u{1161}\u{11AB}", "han"),
            ("D\u{2019}Arcy", "darcy"),
            ("J.R. Smith", "jr smith"),
            ("Straße", "strasse"),
            ("So\u{AD}phie \u{200B}x", "sophie x"),
            ("🏴󠁧󠁢󠁥󠁮󠁧󠁿 Ada", "black flag ada"),
        ] {
            let found = fold(text, 100);
            assert!(
                found == folded || text.starts_with('🏴') && found.ends_with("ada"),
                "{text} {found}"
            );
        }
        assert_eq!(fold("abcdef", 3), "abc");
    }

    #[test]
    fn each_customary_spelling_finds_a_name_and_is_found_by_it() {
        // Who is asked for by one finds the other, both ways.
        for (one, other) in [
            ("Moeller", "Möller"),
            ("Moller", "Möller"),
            ("Goethe", "Göthe"),
            ("Joergensen", "Jørgensen"),
            ("Jorgensen", "Jørgensen"),
            ("Mueller", "Müller"),
            ("Jaeger", "Jäger"),
            ("Gross", "Groß"),
            ("Aase", "Åse"),
            ("Ase", "Åse"),
            ("Aagaard", "Aagård"),
            ("Kjaer", "Kjær"),
            ("Djokovic", "Đoković"),
            ("Dokovic", "Đoković"),
            ("Fyodor", "Фёдор"),
            ("Fedor", "Фёдор"),
            ("Thor", "Þór"),
            ("Joerg Mueller", "Jörg Müller"),
            ("Jorg Mueller", "Jörg Müller"),
            ("Joerg Müller", "Jörg Mueller"),
            ("Mo\u{308}ller", "Moeller"),
            ("OERSTED", "Ørsted"),
            ("Müller-Lüdenscheidt", "Mueller-Luedenscheidt"),
            ("D'Arcy", "D\u{2019}Arcy"),
            ("Darcy", "D'Arcy"),
        ] {
            let finds = |typed: &str, name: &str| {
                let names = spellings(name, 100);
                let words: Vec<&str> = names.iter().flat_map(|it| it.split(' ')).collect();
                asked_spellings(typed, 100)
                    .iter()
                    .any(|it| it.split(' ').all(|word| words.contains(&word)))
            };
            assert!(finds(one, other), "{one} finds {other}");
            assert!(finds(other, one), "{other} finds {one}");
        }
    }

    #[test]
    fn a_name_without_such_letters_has_one_spelling() {
        assert_eq!(spellings("Joe Miller", 100), ["joe miller"]);
        assert_eq!(asked_spellings("Joe Miller", 100), ["joe miller"]);
        assert_eq!(asked_spellings("José", 100), ["jose"]);
        assert_eq!(spellings("St. John", 100), ["st john"]);
        assert_eq!(spellings("D'Arcy", 100), ["darcy", "d arcy"]);
        assert_eq!(spellings("J.R.R. Möller", 100).len(), 4);
        assert!(asked_spellings(&"ö ".repeat(50), 200).len() <= ASKED_MAX);
        assert_eq!(asked_spellings("—", 100), [""]);
    }
}
