//! Texts within a phone's limits.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::contact::is_visible;
use crate::phone::charset::Charset;

/// A text of at most `MAX` characters that any XML 1.0 parser takes: one line, nothing that cannot be
/// shown. A longer one is cut after a whole letter, with an ellipsis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limited<const MAX: usize>(String);

/// Heading and prompt of a screen.
pub(super) type Heading = Limited<32>;
/// A line of a menu.
pub(super) type ItemName = Limited<64>;
/// The words of a text screen. Only here lines may break.
pub(super) type Prose = Limited<4000>;

impl<const MAX: usize> Limited<MAX> {
    /// In one line.
    pub fn new(text: &str) -> Limited<MAX> {
        let clean: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
        Limited(cut(clean.chars().filter(|c| is_shown(*c)).collect(), MAX))
    }

    /// With its line breaks.
    pub fn lines(text: &str) -> Limited<MAX> {
        Limited(cut(text.chars().filter(|c| *c == '\n' || is_shown(*c)).collect(), MAX))
    }

    /// In one line; the other words where nothing of the text can be seen. A line without any looks like
    /// a fault of the phone.
    pub fn seen_or(text: &str, otherwise: &str) -> Limited<MAX> {
        let seen = Limited::new(text);
        if is_visible(&seen.0) { seen } else { Limited::new(otherwise) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In the letters of a charset. Written in other letters a text may get longer, and is cut again; one
    /// of which no letter is left becomes a question mark.
    pub fn in_letters_of(&self, charset: Charset) -> Cow<'_, str> {
        if charset.has_all(&self.0) {
            return Cow::Borrowed(&self.0);
        }
        let written = charset.transliterate(&self.0);
        if !is_visible(&written) && is_visible(&self.0) {
            return Cow::Borrowed("?");
        }
        if written.chars().count() <= MAX {
            return Cow::Owned(written);
        }
        // The ellipsis of a text that was cut before, or one of the same kind.
        let kept: String = written.trim_end_matches('.').chars().take(MAX - 3).collect();
        Cow::Owned(format!("{}...", kept.trim_end()))
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// XML 1.0, production 2 (`Char`), less the control characters, and less the marks that turn the
/// direction of what follows: they would turn the rest of the screen around.
fn is_shown(c: char) -> bool {
    let turns =
        matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns && !matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{FEFF}')
}

fn cut(text: String, max: usize) -> String {
    if text.chars().count() <= max {
        return text;
    }
    let mut kept = String::new();
    let mut room = max - 1;
    for letter in text.graphemes(true) {
        let size = letter.chars().count();
        if size > room {
            break;
        }
        room -= size;
        kept.push_str(letter);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// A link of at most 256 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    pub const LEN_MAX: usize = 256;

    /// `None` when it is too long, or has what no link has.
    pub fn new(link: String) -> Option<Url> {
        let legal = link.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'));
        (legal && !link.is_empty() && link.len() <= Self::LEN_MAX).then_some(Url(link))
    }

    /// A key that the phone has by itself, such as `Select`.
    pub fn of_phone(key: &'static str) -> Url {
        Url(format!("SoftKey:{key}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text as a value of a query, percent-encoded (RFC 3986), of at most `len_max` bytes in that form.
/// What does not fit is left out letter by letter.
pub(super) fn encode(text: &str, len_max: usize) -> String {
    let mut encoded = String::new();
    for c in text.chars() {
        let mut bytes = [0; 4];
        let mut next = String::new();
        for byte in c.encode_utf8(&mut bytes).bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                next.push(char::from(byte));
            } else {
                next.push_str(&format!("%{byte:02X}"));
            }
        }
        if encoded.len() + next.len() > len_max {
            break;
        }
        encoded.push_str(&next);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_after_a_whole_letter() {
        assert_eq!(Limited::<5>::new("abcde").as_str(), "abcde");
        assert_eq!(Limited::<5>::new("abcdef").as_str(), "abcd…");
        assert_eq!(Limited::<5>::new("abc def").as_str(), "abc…", "no blank before the ellipsis");
        assert_eq!(Limited::<4>::new("äöüßa").as_str(), "äöü…", "characters count, not bytes");
        let family = "👨‍👩‍👧";
        assert_eq!(Limited::<7>::new(&format!("ab{family}{family}")).as_str(), "ab…");
        assert_eq!(Limited::<4>::new("ae\u{301}e\u{301}x").as_str(), "ae\u{301}…");
    }

    #[test]
    fn a_text_in_other_letters_is_within_the_limit_too() {
        let name = Limited::<8>::new("Щукина Жанна");
        assert_eq!(name.as_str(), "Щукина…");
        let written = name.in_letters_of(Charset::Latin1).into_owned();
        assert!(written.is_ascii() && written.chars().count() <= 8, "{written}");
        assert_eq!(Limited::<8>::new("Zoë").in_letters_of(Charset::Latin1), "Zoë");
        assert_eq!(Limited::<4>::new("abcdef").in_letters_of(Charset::Latin1), "a...");
    }

    #[test]
    fn what_no_screen_can_show_is_left_out() {
        assert_eq!(Limited::<32>::new("A\u{0}d\u{B}a\nL\u{202E}ove\u{FFFE}").as_str(), "Ada Love");
        assert_eq!(Limited::<32>::lines("a\nb\u{7}").as_str(), "a\nb");
    }

    #[test]
    fn a_line_is_never_without_anything_to_see() {
        let seen = |text| Limited::<64>::seen_or(text, "(no name)").as_str().to_owned();
        for blank in
            ["", " ", "\u{200F}\u{202E}", "\u{200B}\u{2060}", "\u{FFFE}", "\u{3164}", "\u{301}"]
        {
            assert_eq!(seen(blank), "(no name)", "{blank:?}");
        }
        assert_eq!(seen("Ada"), "Ada");
        // A letter of somebody's own font.
        let own = Limited::<64>::new("\u{E000}");
        assert_eq!(own.in_letters_of(Charset::Latin1), "?");
    }

    #[test]
    fn a_link_is_short_and_plain() {
        assert!(Url::new("http://a/b?c=d&e=f".into()).is_some());
        assert!(Url::new(format!("http://a/{}", "x".repeat(247))).is_some());
        for bad in [String::new(), "http://a b".into(), format!("http://a/{}", "x".repeat(248))] {
            assert!(Url::new(bad.clone()).is_none(), "{bad}");
        }
        assert_eq!(encode("a b&é", 100), "a%20b%26%C3%A9");
        assert_eq!(encode("éé", 7), "%C3%A9");
    }
}
