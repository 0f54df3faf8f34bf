//! Text from outside, made safe to store and to show.

use crate::contact::letters::{compose, is_composed};

/// A stranger's text, fit to be shown in a sentence: at most 80 characters, all of them visible.
pub fn excerpt(text: &str) -> String {
    let text = clean(text, 81);
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Trims a text, composes its letters (Unicode's form C), and takes out what no screen can show: control
/// characters and, so that both databases can hold it, NUL. Line breaks and tabs become single spaces.
///
/// `len_max` is in characters; what is beyond it is cut off.
pub fn clean(raw: &str, len_max: usize) -> String {
    // Nearly all texts are clean already; this keeps them at one copy.
    let trimmed = raw.trim();
    if trimmed.len() <= len_max && !trimmed.chars().any(unwanted) && is_composed(trimmed) {
        return trimmed.to_owned();
    }
    // Composing makes a text shorter, never to less than a quarter.
    let read_max = len_max.saturating_mul(4);
    let mut text = String::with_capacity(trimmed.len().min(read_max));
    let mut taken = 0;
    for c in trimmed.chars() {
        if taken == read_max {
            break;
        }
        match c {
            '\n' | '\r' | '\t' => {
                if text.is_empty() || text.ends_with(' ') {
                    continue;
                }
                text.push(' ');
            }
            c if unwanted(c) => continue,
            // What stood before it has vanished, so the trimming did not reach it.
            c if text.is_empty() && c.is_whitespace() => continue,
            c => text.push(c),
        }
        taken += 1;
    }
    let mut text: String = compose(&text).chars().take(len_max).collect();
    text.truncate(text.trim_end().len());
    text
}

fn unwanted(c: char) -> bool {
    // U+FFFE and U+FFFF are not characters and are illegal in XML 1.0.
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_vanish_and_long_texts_are_cut_between_characters() {
        assert_eq!(clean("  Ada\u{0}\u{B} Love\nlace ", 100), "Ada Love lace");
        assert_eq!(clean("äöü", 2), "äö");
        assert_eq!(clean("plain", 100), "plain");
        assert_eq!(clean("\u{FFFE}", 5), "");
    }

    #[test]
    fn letters_are_composed_before_a_text_is_cut() {
        assert_eq!(clean("Zoe\u{308}", 100), "Zoë");
        assert_eq!(clean("a\u{308}o\u{308}u\u{308}", 2), "äö");
        assert_eq!(clean("e\u{7}\u{301}", 5), "é", "what stood between them has vanished");
        assert_eq!(clean(&"\u{1112}\u{1161}\u{11AB}".repeat(50), 50), "한".repeat(50));
    }

    #[test]
    fn no_space_is_left_in_front_where_control_characters_vanished() {
        assert_eq!(clean("\u{1} Ada", 100), "Ada");
        assert_eq!(clean("\u{1}\n\u{3000}\u{2}Ada \u{3}", 100), "Ada");
        assert_eq!(clean("\u{1} Ada", 2), "Ad");
    }
}
