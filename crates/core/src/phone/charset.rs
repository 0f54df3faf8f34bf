//! Which charset a phone reads, and texts in it.

use any_ascii::any_ascii_char;
use icu_normalizer::properties::{
    CanonicalCompositionBorrowed, CanonicalDecompositionBorrowed, Decomposed,
};
use unicode_segmentation::UnicodeSegmentation;

use crate::contact::{compose, is_emoji, is_ignorable, is_visible};

/// The two charsets that phones ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Charset {
    #[default]
    Utf8,
    /// ISO 8859-1. Older phones (7905, 7912, 7940, 7960) draw nothing else.
    Latin1,
}

impl Charset {
    /// The one that is wanted most, by a request's `Accept-Charset` (RFC 9110, 12.5.2). UTF-8 where
    /// nothing is said, or nothing that we can write.
    pub fn wanted(accept: Option<&str>) -> Charset {
        let mut best = (Charset::Utf8, 0.0);
        for (at, part) in accept.unwrap_or_default().split(',').enumerate() {
            let mut pieces = part.split(';');
            let name = pieces.next().unwrap_or_default().trim();
            let quality =
                pieces.find_map(|it| it.trim().strip_prefix("q=")?.trim().parse::<f32>().ok());
            // What is said first wins among equals; browsers order them so.
            let quality = quality.unwrap_or(1.0).clamp(0.0, 1.0) - at as f32 * 1e-5;
            let charset = match name.to_ascii_lowercase().as_str() {
                "utf-8" | "utf8" | "*" => Charset::Utf8,
                "iso-8859-1" | "latin1" | "us-ascii" => Charset::Latin1,
                _ => continue,
            };
            if quality > best.1 {
                best = (charset, quality);
            }
        }
        best.0
    }

    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "utf-8",
            Charset::Latin1 => "iso-8859-1",
        }
    }

    /// Whether it can write a text as it is.
    pub(super) fn has_all(self, text: &str) -> bool {
        self == Charset::Utf8 || text.chars().all(|c| latin1(c).is_some())
    }

    /// A text in letters that it has: `Łukasz` becomes `Lukasz`, `Жанна` becomes `Zhanna`, and of a letter
    /// with several marks those stay that it has. Emoji, flags and keycaps are left out, with the blank
    /// beside them.
    pub(super) fn transliterate(self, text: &str) -> String {
        if self == Charset::Utf8 {
            return text.to_owned();
        }
        let mut written = String::with_capacity(text.len());
        let mut left_out = false;
        for cluster in compose(text).graphemes(true) {
            let before = written.len();
            if !is_emoji(cluster) || latin1_sign(cluster).is_some() {
                let letters = cluster.chars().filter(|c| !is_ignorable(*c));
                letters.for_each(|c| write_latin1(c, &mut written));
            }
            let after_blank = written[..before].ends_with(' ') || before == 0;
            match &written[before..] {
                "" => left_out |= is_visible(cluster),
                " " if left_out && after_blank => written.truncate(before),
                _ => left_out = false,
            }
        }
        if left_out {
            written.truncate(written.trim_end_matches(' ').len());
        }
        written
    }

    /// The bytes of a text that was written in its letters.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Latin1 => text.chars().map(|c| latin1(c).unwrap_or(b'?')).collect(),
        }
    }
}

/// Its byte in ISO 8859-1, whose upper control characters no text has. Phones draw a soft hyphen as a hyphen,
/// in the middle of a line, so that is none of its letters.
fn latin1(c: char) -> Option<u8> {
    u8::try_from(u32::from(c)).ok().filter(|byte| !(0x80..0xA0).contains(byte) && *byte != 0xAD)
}

/// `©` and `®`, which stay even where a picture of them is asked for.
fn latin1_sign(cluster: &str) -> Option<u8> {
    cluster.chars().next().filter(|c| !c.is_ascii()).and_then(latin1)
}

fn write_latin1(c: char, written: &mut String) {
    if latin1(c).is_some() {
        return written.push(c);
    }
    if let Some(nearest) = fewer_marks(c) {
        return written.push(nearest);
    }
    match any_ascii_char(c) {
        // A picture's name, such as `:telephone:`, is in no name.
        words if words.len() > 2 && words.starts_with(':') && words.ends_with(':') => {}
        letters => written.push_str(letters),
    }
}

/// The same letter with as many of its marks as ISO 8859-1 has: `ế` is written `ê`, and `ǖ` is written `ü`.
fn fewer_marks(c: char) -> Option<char> {
    let decomposition = CanonicalDecompositionBorrowed::new();
    let mut marks = Vec::new();
    let mut base = c;
    while let Decomposed::Expansion(first, mark) = decomposition.decompose(base) {
        base = first;
        marks.push(mark);
    }
    latin1(base).filter(|_| !marks.is_empty())?;
    let composition = CanonicalCompositionBorrowed::new();
    for mark in marks.into_iter().rev() {
        if let Some(both) = composition.compose(base, mark)
            && latin1(both).is_some()
        {
            base = both;
        }
    }
    Some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_gets_the_charset_that_it_wants_most() {
        for (accept, wanted) in [
            (None, Charset::Utf8),
            (Some("utf-8,iso-8859-1;q=0.8"), Charset::Utf8),
            (Some("iso-8859-1, utf-8;q=0.8"), Charset::Latin1),
            (Some("iso-8859-1,utf-8"), Charset::Latin1),
            (Some("ISO-8859-1;q=0.2, UTF-8;q=0.3"), Charset::Utf8),
            (Some("koi8-r"), Charset::Utf8),
            (Some("utf-8;q=0, iso-8859-1;q=0.1"), Charset::Latin1),
            (Some(";;;q=,=\u{0},"), Charset::Utf8),
            (Some("utf-8;q=nan"), Charset::Utf8),
        ] {
            assert_eq!(Charset::wanted(accept), wanted, "{accept:?}");
        }
    }

    #[test]
    fn what_latin1_lacks_is_written_in_its_letters() {
        let latin = |text| Charset::Latin1.encode(&Charset::Latin1.transliterate(text));
        assert_eq!(latin("Zoë"), b"Zo\xEB");
        assert_eq!(latin("Łukasz Жанна"), b"Lukasz Zhanna");
        assert_eq!(latin("a…b"), b"a...b");
        for (text, written) in [
            ("Zoe\u{308}", "Zoë"),
            ("A\u{30A}sa", "Åsa"),
            ("\u{212B}ngström", "Ångström"),
            ("Nguyễn Thế", "Nguyên Thê"),
            ("Lǖ", "Lü"),
            ("Ǿrsted", "Ørsted"),
            ("Šárka Dvořák", "Sárka Dvorák"),
            ("q\u{303}", "q"),
            ("Sophie\u{AD}Marie", "SophieMarie"),
            ("D\u{2019}Arcy", "D'Arcy"),
            ("👻", ""),
            ("Ada 😀", "Ada"),
            ("😀 Ada", "Ada"),
            ("Ada 😀 Lovelace", "Ada Lovelace"),
            ("Ada😀Lovelace", "AdaLovelace"),
            ("Ada 👩‍👩‍👧‍👦 👍🏽 x", "Ada x"),
            ("Ada ❤️", "Ada"),
            ("Ada ❤ x", "Ada x"),
            ("Taxi ☎️ 🇩🇪", "Taxi"),
            ("Line 1️⃣", "Line"),
            ("🏴󠁧󠁢󠁥󠁮󠁧󠁿 Pub", "Pub"),
            ("Ä\u{FE0F}", "Ä"),
            ("Acme™ ©️ ®", "AcmeTM © ®"),
            ("a\u{200B}b\u{200D}c\u{2060}", "abc"),
            ("x 1 # *", "x 1 # *"),
        ] {
            assert_eq!(Charset::Latin1.transliterate(text), written, "{text}");
        }
        assert_eq!(Charset::Utf8.encode("Zoë"), "Zoë".as_bytes());
    }
}
