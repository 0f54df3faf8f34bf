//! What the characters of a text are to people: which can be seen, which are pictures, and the one form in
//! which a letter with marks is kept.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    DefaultIgnorableCodePoint, EmojiModifier, EmojiPresentation, ExtendedPictographic,
    GeneralCategory, RegionalIndicator,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Asks for a picture in place of the character before it (VS16).
const AS_EMOJI: char = '\u{FE0F}';
/// The key drawn around a digit.
const KEYCAP: char = '\u{20E3}';
/// Joins pictures into one.
const JOINER: char = '\u{200D}';

/// A text in Unicode's form C: each letter with its marks as one character where there is one.
///
/// macOS, and whatever imports from it, writes `e` and a loose accent instead (form D). Both look alike,
/// compare as different, and old phones and charsets know only the first.
pub fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether a text is in form C already.
pub(super) fn is_composed(text: &str) -> bool {
    text.is_ascii() || ComposingNormalizerBorrowed::new_nfc().is_normalized(text)
}

/// Whether there is anything to see. Blanks, fillers, joiners, soft hyphens, marks of direction and loose
/// combining marks alone are not.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_graphic() || (!c.is_ascii() && shows(c)))
}

fn shows(c: char) -> bool {
    use GeneralCategory as Is;
    let empty = matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        Is::Control
            | Is::Format
            | Is::Unassigned
            | Is::Surrogate
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::NonspacingMark
            | Is::SpacingMark
            | Is::EnclosingMark
    );
    // Symbols and letters that are drawn as nothing: the empty Braille pattern, the place of a lost object,
    // the null note, and the blanks between hieroglyphs.
    let drawn_empty =
        matches!(c, '\u{2800}' | '\u{FFFC}' | '\u{1D159}' | '\u{13441}' | '\u{13442}');
    !empty && !drawn_empty && !is_ignorable(c)
}

/// Whether a character only says how others are shown (Unicode's `Default_Ignorable_Code_Point`): joiners,
/// fillers, variation selectors, soft hyphens, tags, marks of direction.
pub fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a cluster of characters that are shown as one is a picture: an emoji, several joined, a flag,
/// a keycap. `©` and its like are letters, unless a picture is asked for.
pub fn is_emoji(cluster: &str) -> bool {
    let Some(first) = cluster.chars().next() else { return false };
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    if CodePointSetData::new::<EmojiPresentation>().contains(first)
        || CodePointSetData::new::<RegionalIndicator>().contains(first)
        || CodePointSetData::new::<EmojiModifier>().contains(first)
        || cluster.contains(KEYCAP)
    {
        return true;
    }
    pictures.contains(first) && cluster.contains([AS_EMOJI, JOINER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_which_nothing_can_be_seen_is_none() {
        for unseen in [
            "",
            " ",
            "\u{A0}",
            "\u{2003}\u{202F}",
            "\u{3000}",
            "\u{200B}",
            "\u{200C}\u{200D}",
            "\u{2060}",
            "\u{FEFF}",
            "\u{3164}",
            "\u{115F}",
            "\u{1160}",
            "\u{FFA0}",
            "\u{AD}",
            "\u{34F}",
            "\u{61C}",
            "\u{180E}",
            "\u{17B4}",
            "\u{2062}",
            "\u{202E}\u{202C}",
            "\u{2066}\u{2069}",
            "\u{200F}\u{200E}",
            "\u{FE0F}",
            "\u{E0100}",
            "\u{E0067}\u{E007F}",
            "\u{301}",
            "\u{301}\u{308}",
            "\u{20E3}",
            "\u{2800}",
            "\u{FFFC}",
            "\u{1D159}",
            "\u{2028}",
            "\u{85}",
            "\u{7}\t\n",
            "\u{FFFE}",
            "\u{93E}",
        ] {
            assert!(!is_visible(unseen), "{unseen:?}");
        }
        for seen in [
            "a",
            ".",
            "'",
            "é",
            "e\u{301}",
            "\u{200B}a",
            "王",
            "한",
            "عمر",
            "❤",
            "😀",
            "1",
            "\u{E000}",
            "\u{2019}",
        ] {
            assert!(is_visible(seen), "{seen:?}");
        }
    }

    #[test]
    fn pictures_are_told_from_letters_and_signs() {
        for picture in [
            "😀",
            "👍🏽",
            "🏽",
            "👩‍👩‍👧‍👦",
            "❤️",
            "❤️‍🔥",
            "🇩🇪",
            "🇩",
            "1️⃣",
            "#⃣",
            "☎️",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "🧑‍💻",
            "⌚",
            "🏳️‍🌈",
            "©️",
        ] {
            assert!(is_emoji(picture), "{picture}");
        }
        for letter in [
            "a",
            "é",
            "1",
            "#",
            "©",
            "®",
            "™",
            "ℹ",
            "☎",
            "♥",
            "★",
            "王",
            "",
            "\u{200D}",
            "ä\u{FE0F}",
        ] {
            assert!(!is_emoji(letter), "{letter:?}");
        }
    }

    #[test]
    fn letters_with_loose_marks_become_one_character() {
        for (loose, one) in [
            ("Zoe\u{308}", "Zoë"),
            ("A\u{30A}ngstro\u{308}m", "Ångström"),
            ("i\u{306}", "ĭ"),
            ("И\u{306}", "Й"),
            ("が", "が"),
            ("\u{1112}\u{1161}\u{11AB}", "한"),
            ("\u{212B}", "Å"),
            ("q\u{303}", "q\u{303}"),
            ("plain", "plain"),
        ] {
            assert_eq!(compose(loose), one);
            assert!(is_composed(one));
        }
        assert!(!is_composed("e\u{301}"));
    }
}
