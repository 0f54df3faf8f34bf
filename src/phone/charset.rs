//! Which charset a phone reads, and texts in it.

use any_ascii::any_ascii_char;

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

    /// A text in letters that it has: `Łukasz` becomes `Lukasz`, and `Жанна` becomes `Zhanna`.
    pub(super) fn transliterate(self, text: &str) -> String {
        let mut written = String::with_capacity(text.len());
        for c in text.chars() {
            match latin1(c) {
                None if self == Charset::Latin1 => written.push_str(any_ascii_char(c)),
                _ => written.push(c),
            }
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

/// Its byte in ISO 8859-1, whose upper control characters no text has.
fn latin1(c: char) -> Option<u8> {
    u8::try_from(u32::from(c)).ok().filter(|byte| !(0x80..0xA0).contains(byte))
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
        assert_eq!(Charset::Utf8.encode("Zoë"), "Zoë".as_bytes());
    }
}
