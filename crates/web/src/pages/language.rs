//! What the dashboard says, in the reader's language.
//!
//! English texts stand in the pages and templates themselves, where they can be read in their place.
//! Every other language is one folder beside this file, with a line for each text in one of its files,
//! `English = Translated`. What a language lacks is said in English; a test names what is missing.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use ringbook_core::clock::between;

/// A language that the dashboard speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

type Texts = HashMap<&'static str, &'static str>;

/// By the pages that say them. What several pages say stands in the first.
const GERMAN: &[&str] = &[
    include_str!("german/frame.txt"),
    include_str!("german/contacts.txt"),
    include_str!("german/phones.txt"),
    include_str!("german/accounts.txt"),
    include_str!("german/access.txt"),
    include_str!("german/settings.txt"),
];
static TEXTS_GERMAN: LazyLock<Texts> = LazyLock::new(|| read(GERMAN));

fn read(files: &[&'static str]) -> Texts {
    pairs(files).collect()
}

fn pairs(files: &[&'static str]) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = files.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" = "))
}

/// Marks a text that is said later, so that the test below finds it.
pub(crate) const fn said(english: &'static str) -> &'static str {
    english
}

impl Language {
    /// All of them, each by its code (BCP 47) and its own name.
    pub(crate) const ALL: [(Language, &'static str, &'static str); 2] =
        [(Language::English, "en", "English"), (Language::German, "de", "Deutsch")];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|(_, known, _)| *known == code).map(|(it, ..)| it)
    }

    /// The first language of a browser's wishes that is spoken here (`Accept-Language`, RFC 9110,
    /// 12.5.4). Browsers send them in the order of liking, so the weights need not be read.
    pub(crate) fn wished(header: &str) -> Language {
        let codes = header.split(',').map(|part| {
            let tag = part.split(';').next().unwrap_or_default().trim();
            tag.split('-').next().unwrap_or_default().to_ascii_lowercase()
        });
        codes.into_iter().find_map(|code| Language::parse(&code)).unwrap_or(Language::English)
    }

    /// A text in this language.
    pub(crate) fn say(self, english: &'static str) -> &'static str {
        match self {
            Language::English => english,
            Language::German => TEXTS_GERMAN.get(english).copied().unwrap_or(english),
        }
    }

    /// A text that another part of the program said in English; that may be one that no file has.
    pub(crate) fn say_known(self, english: &'static str) -> &'static str {
        self.say(english)
    }

    /// A text with values in place of its `{}`.
    pub(crate) fn fill(self, english: &'static str, values: &[&str]) -> String {
        let mut parts = self.say(english).split("{}");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (at, part) in parts.enumerate() {
            text.push_str(values.get(at).copied().unwrap_or_default());
            text.push_str(part);
        }
        text
    }

    /// `one` for 1, else `many`; the number takes the place of `{}`.
    pub(crate) fn count(self, number: u64, one: &'static str, many: &'static str) -> String {
        self.fill(if number == 1 { one } else { many }, &[&self.number(number)])
    }

    /// `10,001`; `10.001` in German.
    pub(crate) fn number(self, number: u64) -> String {
        let separator = match self {
            Language::English => ',',
            Language::German => '.',
        };
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    fn decimal(self, value: f64) -> String {
        let text = format!("{value:.1}");
        match self {
            Language::English => text,
            Language::German => text.replace('.', ","),
        }
    }

    /// `820 kB`, `12.4 MB`, `3.1 GB`.
    pub(crate) fn bytes(self, bytes: u64) -> String {
        match bytes {
            0..1_000_000 => format!("{} kB", self.number(bytes.div_ceil(1000))),
            1_000_000..1_000_000_000 => format!("{} MB", self.decimal(bytes as f64 / 1e6)),
            _ => format!("{} GB", self.decimal(bytes as f64 / 1e9)),
        }
    }

    /// `9 ms`, `1.2 s`, `48 s`, `2 min 3 s`, `1 h 2 min`, `5 days`.
    pub(crate) fn duration(self, it: Duration) -> String {
        let seconds = it.as_secs();
        let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
            0 => format!("{large} {unit}"),
            small => format!("{large} {unit} {small} {smaller}"),
        };
        match seconds {
            0 => format!("{} ms", it.as_millis()),
            1..10 => format!("{} s", self.decimal(it.as_secs_f64())),
            10..60 => format!("{seconds} s"),
            60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
            3600..172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
            _ => self.count(seconds / 86_400, "{} day", "{} days"),
        }
    }

    /// `4 minutes ago`, `in 2 hours`, `just now`: as exact as anybody wants to know.
    pub(crate) fn relative(self, then: Timestamp, now: Timestamp) -> String {
        let later = then > now;
        let span = if later { between(now, then) } else { between(then, now) };
        let seconds = span.as_secs();
        const DAY: u64 = 86_400;
        let days = seconds / DAY;
        let amount = match seconds {
            0..5 => return self.say(if later { "in a moment" } else { "just now" }).to_owned(),
            5..60 => self.count(seconds, "{} second", "{} seconds"),
            60..3600 => self.count(seconds / 60, "{} minute", "{} minutes"),
            3600..172_800 => self.count(seconds / 3600, "{} hour", "{} hours"),
            _ if days < 60 && later => self.count(days, "{} day", "{} days"),
            // German days, months and years take another ending after "vor".
            _ if days < 60 => return self.count(days, "{} day ago", "{} days ago"),
            // A month has 30.4 days, a year 365.25, on the average; told to the nearest.
            _ if days < 730 && later => {
                self.count((days * 10 + 152) / 304, "{} month", "{} months")
            }
            _ if days < 730 => {
                return self.count((days * 10 + 152) / 304, "{} month ago", "{} months ago");
            }
            _ if later => self.count((days * 4 + 730) / 1461, "{} year", "{} years"),
            _ => return self.count((days * 4 + 730) / 1461, "{} year ago", "{} years ago"),
        };
        if later { self.fill("in {}", &[&amount]) } else { self.fill("{} ago", &[&amount]) }
    }

    /// `7 Mar 2026, 12:04:31 +01:00`.
    pub(crate) fn exact(self, at: Timestamp, zone: &TimeZone) -> String {
        let at = at.to_zoned(zone.clone());
        match self {
            Language::English => at.strftime("%-d %b %Y, %H:%M:%S %:z").to_string(),
            Language::German => at.strftime("%d.%m.%Y, %H:%M:%S %:z").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_app::services::AuditAction;
    use ringbook_core::sync::account::SyncHealth;

    #[test]
    fn the_first_language_that_is_spoken_here_is_taken() {
        for (header, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("fr-FR, en;q=0.5, de;q=0.3", Language::English),
            ("", Language::English),
            ("*", Language::English),
            ("DE", Language::German),
        ] {
            assert_eq!(Language::wished(header), language, "{header}");
        }
    }

    #[test]
    fn numbers_and_times_are_written_as_their_readers_write_them() {
        let now: Timestamp = "2026-03-07T12:00:00Z".parse().unwrap();
        let then = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
        let (en, de) = (Language::English, Language::German);
        assert_eq!((en.number(10_001), de.number(10_001)), ("10,001".into(), "10.001".into()));
        assert_eq!(en.relative(then(4), now), "4 minutes ago");
        assert_eq!(de.relative(then(4), now), "vor 4 Minuten");
        assert_eq!(de.relative(then(60 * 24 * 6), now), "vor 6 Tagen");
        assert_eq!(en.relative(then(-90), now), "in 1 hour");
        assert_eq!(en.relative(then(60 * 24 * 59), now), "59 days ago");
        assert_eq!(de.relative(then(60 * 24 * 100), now), "vor 3 Monaten");
        assert_eq!(en.relative(then(60 * 24 * 2137), now), "6 years ago");
        assert_eq!(en.relative(then(-60 * 24 * 89), now), "in 3 months");
        assert_eq!(en.duration(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(de.duration(Duration::from_millis(1234)), "1,2 s");
    }

    /// Every text that the pages and templates say, by reading them.
    fn all_texts() -> Vec<String> {
        let mut texts = Vec::new();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if !path.extension().is_some_and(|it| it == "rs" || it == "html") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                for call in ["say(", "fill(", "count(", "said("] {
                    for (at, _) in text.match_indices(call) {
                        texts.extend(strings(&text[at + call.len()..]));
                    }
                }
            }
        }
        texts.extend(meanings());
        texts.extend(SyncHealth::ALL.iter().map(|it| it.words().to_owned()));
        texts.extend(AuditAction::ALL.iter().map(|it| it.words().to_owned()));
        texts
    }

    /// What the settings mean, from their table: the last text on each of its lines.
    fn meanings() -> Vec<String> {
        let file =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/config/table.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("setting(\""));
        lines.filter_map(|line| strings(&format!("\"{line}")).pop()).collect()
    }

    /// The string literals among a call's arguments.
    fn strings(rest: &str) -> Vec<String> {
        let (mut texts, mut depth, mut open) = (Vec::new(), 1, None::<String>);
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match (&mut open, c) {
                (Some(text), '"') => {
                    texts.push(std::mem::take(text));
                    open = None;
                }
                (Some(text), '\\') => text.extend(chars.next()),
                (Some(text), c) => text.push(c),
                (None, '"') => open = Some(String::new()),
                (None, '(' | '[') => depth += 1,
                (None, ')' | ']') => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                (None, _) => {}
            }
        }
        texts
    }

    #[test]
    fn every_text_is_there_in_german_with_the_same_places_for_values() {
        let said = all_texts();
        assert_eq!(pairs(GERMAN).count(), TEXTS_GERMAN.len(), "a text stands there twice");
        let blanks = |text: &str| text.matches("{}").count();
        let missing: Vec<&String> = said
            .iter()
            .filter(|text| text.chars().any(char::is_alphabetic))
            .filter(|text| {
                TEXTS_GERMAN.get(text.as_str()).is_none_or(|it| blanks(it) != blanks(text))
            })
            .collect();
        assert!(missing.is_empty(), "add to german/: {missing:#?}");
        let unused: Vec<&&str> =
            TEXTS_GERMAN.keys().filter(|key| !said.iter().any(|text| text == *key)).collect();
        assert!(unused.is_empty(), "nobody says this any more: {unused:#?}");
    }
}
