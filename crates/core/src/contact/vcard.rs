//! Contacts as vCards, for programs that import them (RFC 6350, and RFC 2426 for the older ones).

use jiff::Timestamp;

use crate::contact::{Content, STARRED};

/// Which vCard is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VcardVersion {
    /// RFC 2426. Google Contacts imports it, and so does nearly everything else.
    #[default]
    Three,
    /// RFC 6350.
    Four,
}

/// In octets, without the line break (RFC 6350, 3.2).
const LINE_MAX: usize = 75;

/// What is written of one contact.
#[derive(Clone, Copy, Debug)]
pub struct Vcard<'a> {
    /// A UUID. An address book that imports the card again finds its contact by it.
    pub uid: &'a str,
    pub content: &'a Content,
    /// The names of its labels.
    pub labels: &'a [String],
    pub changed_at: Timestamp,
}

impl Vcard<'_> {
    /// The card, with its line breaks.
    pub fn write(&self, version: VcardVersion) -> String {
        let mut card = Card { text: String::new(), version, groups: 0 };
        card.line("BEGIN:VCARD");
        card.line(match version {
            VcardVersion::Three => "VERSION:3.0",
            VcardVersion::Four => "VERSION:4.0",
        });
        card.line(&format!("UID:urn:uuid:{}", self.uid));
        self.names(&mut card);
        if let Some(it) = &self.content.organization {
            let unit = escaped(&it.department);
            let unit = if unit.is_empty() { unit } else { format!(";{unit}") };
            if !it.name.is_empty() || !unit.is_empty() {
                card.line(&format!("ORG:{}{unit}", escaped(&it.name)));
            }
            card.texts("TITLE", &[&it.title]);
        }
        for it in &self.content.phones {
            card.item("TEL", &it.kind, it.primary, &it.value);
        }
        for it in &self.content.emails {
            card.item("EMAIL", &it.kind, it.primary, &it.value);
        }
        let starred = self.content.labels.iter().any(|it| it == STARRED).then_some("starred");
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).chain(starred).collect();
        card.texts("CATEGORIES", &labels);
        let format = match version {
            VcardVersion::Three => "REV:%Y-%m-%dT%H:%M:%SZ",
            VcardVersion::Four => "REV:%Y%m%dT%H%M%SZ",
        };
        card.line(&self.changed_at.strftime(format).to_string());
        card.line("END:VCARD");
        card.text
    }

    fn names(&self, card: &mut Card) {
        let names = &self.content.names;
        let full = self.content.display_name();
        let parts = [&names.family, &names.given, &names.middle, &names.prefix, &names.suffix];
        let parts = parts.map(|it| escaped(it));
        // Mandatory in 3.0. Phones that read nothing else would show no name for a company.
        if parts.iter().all(String::is_empty) {
            card.line(&format!("N:{};;;;", escaped(&full)));
        } else {
            card.line(&format!("N:{}", parts.join(";")));
        }
        card.texts("FN", &[&full]);
        // Not of the standard: Google, Apple and Android write and read them.
        card.texts("X-PHONETIC-FIRST-NAME", &[&names.phonetic_given]);
        card.texts("X-PHONETIC-MIDDLE-NAME", &[&names.phonetic_middle]);
        card.texts("X-PHONETIC-LAST-NAME", &[&names.phonetic_family]);
        let nicknames: Vec<&str> = self.content.nicknames.iter().map(String::as_str).collect();
        card.texts("NICKNAME", &nicknames);
    }
}

struct Card {
    text: String,
    version: VcardVersion,
    /// Lines that belong together so far.
    groups: usize,
}

impl Card {
    /// Writes a line, folded so that no part is longer than allowed and no character is cut.
    fn line(&mut self, line: &str) {
        let mut length = 0;
        for c in line.chars() {
            if length + c.len_utf8() > LINE_MAX {
                self.text.push_str("\r\n ");
                // The space that marks the fold counts.
                length = 1;
            }
            self.text.push(c);
            length += c.len_utf8();
        }
        self.text.push_str("\r\n");
    }

    /// A property with a list of texts; nothing if there are none.
    fn texts(&mut self, name: &str, texts: &[&str]) {
        let texts: Vec<String> =
            texts.iter().map(|it| escaped(it)).filter(|it| !it.is_empty()).collect();
        if !texts.is_empty() {
            self.line(&format!("{name}:{}", texts.join(",")));
        }
    }

    /// A number or an address, with its kind. A kind that somebody made up stands in a line of its own,
    /// as Google and Apple write it: in a parameter it could be anything.
    fn item(&mut self, name: &str, kind: &str, primary: bool, value: &str) {
        let pref = match (primary, self.version) {
            (false, _) => "",
            (true, VcardVersion::Three) => ";TYPE=pref",
            (true, VcardVersion::Four) => ";PREF=1",
        };
        let value = escaped(value);
        match types(kind) {
            Some(types) => self.line(&format!("{name}{types}{pref}:{value}")),
            None => {
                self.groups += 1;
                let group = self.groups;
                self.line(&format!("item{group}.{name}{pref}:{value}"));
                self.line(&format!("item{group}.X-ABLabel:{}", escaped(kind)));
            }
        }
    }
}

/// The parameters for one of Google's kinds.
fn types(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "" | "other" | "main" => "",
        "home" => ";TYPE=home",
        "work" => ";TYPE=work",
        "mobile" => ";TYPE=cell",
        "workMobile" => ";TYPE=work;TYPE=cell",
        "homeFax" => ";TYPE=home;TYPE=fax",
        "workFax" => ";TYPE=work;TYPE=fax",
        "otherFax" => ";TYPE=fax",
        "pager" => ";TYPE=pager",
        "workPager" => ";TYPE=work;TYPE=pager",
        _ => return None,
    })
}

/// A text as a value (RFC 6350, 3.4). Line breaks become `\n`, so a name cannot begin a line of its own;
/// other control characters have no place in a vCard at all.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' | ',' | ';' => escaped.extend(['\\', c]),
            '\r' => {
                chars.next_if_eq(&'\n');
                escaped.push_str("\\n");
            }
            '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\n"),
            '\t' => escaped.push(' '),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Email, Names, Organization, Phone};

    fn named(name: &str) -> Content {
        let names = Names { display: name.to_owned(), given: name.to_owned(), ..Names::default() };
        Content { names, ..Content::default() }
    }

    fn card(content: &Content, version: VcardVersion) -> String {
        with_labels(content, &[], version)
    }

    fn with_labels(content: &Content, labels: &[String], version: VcardVersion) -> String {
        let uid = "00000000-0000-4000-8000-000000000001";
        Vcard { uid, content, labels, changed_at: Timestamp::UNIX_EPOCH }.write(version)
    }

    #[test]
    fn a_contact_in_full_is_written_line_by_line() {
        let mut content = named("Ada");
        content.names.family = "Lovelace, Countess".to_owned();
        content.organization = Some(Organization {
            name: "Engines; Analytical".to_owned(),
            title: "Programmer".to_owned(),
            ..Organization::default()
        });
        let phone = |value: &str, kind: &str, primary| Phone {
            value: value.to_owned(),
            kind: kind.to_owned(),
            primary,
            ..Phone::default()
        };
        content.phones =
            vec![phone("+44 20 7946 0958", "mobile", true), phone("101", "Boat;TYPE=x:1", false)];
        content.emails = vec![Email { value: "ada@example.com".to_owned(), ..Email::default() }];
        content.names.phonetic_given = "Eida".to_owned();
        let text = with_labels(&content, &["A,B".to_owned()], VcardVersion::Three);
        let lines = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            "UID:urn:uuid:00000000-0000-4000-8000-000000000001",
            "N:Lovelace\\, Countess;Ada;;;",
            "FN:Ada",
            "X-PHONETIC-FIRST-NAME:Eida",
            "ORG:Engines\\; Analytical",
            "TITLE:Programmer",
            "TEL;TYPE=cell;TYPE=pref:+44 20 7946 0958",
            "item1.TEL:101",
            "item1.X-ABLabel:Boat\\;TYPE=x:1",
            "EMAIL:ada@example.com",
            "CATEGORIES:A\\,B",
            "REV:1970-01-01T00:00:00Z",
            "END:VCARD",
            "",
        ];
        assert_eq!(text, lines.join("\r\n"));
        let four = card(&content, VcardVersion::Four);
        assert!(four.contains("VERSION:4.0\r\n") && four.contains("TEL;TYPE=cell;PREF=1:"));
        assert!(four.contains("REV:19700101T000000Z\r\n"));
    }

    #[test]
    fn a_hostile_name_stays_within_its_line() {
        for name in ["a\r\nEND:VCARD", "a\nTEL:1", "a\rb", "\0\u{7}x", "\u{2028}b", "\\,;:\""] {
            let text = card(&named(name), VcardVersion::Three);
            let begins = |with: &str| text.split("\r\n").filter(|it| it.starts_with(with)).count();
            assert_eq!((begins("END:"), begins("TEL"), begins("FN:")), (1, 0, 1), "{name:?}");
            assert!(!text.replace("\r\n", "").contains(|c: char| c.is_control()), "{name:?}");
        }
        assert_eq!(escaped("a\r\nb\\,;"), "a\\nb\\\\\\,\\;");
    }

    #[test]
    fn long_lines_are_folded_at_75_octets_and_no_character_is_cut() {
        for name in ["ä".repeat(100), "😀".repeat(60), "x".repeat(300), "a😀é".repeat(50)] {
            let text = card(&named(&name), VcardVersion::Four);
            assert!(text.split("\r\n").all(|line| line.len() <= LINE_MAX), "{text}");
            assert!(text.replace("\r\n ", "").contains(&format!("FN:{name}\r\n")));
        }
    }

    #[test]
    fn who_has_nothing_is_a_card_all_the_same() {
        let text = card(&Content::default(), VcardVersion::Three);
        assert!(text.contains("\r\nN:(no name);;;;\r\nFN:(no name)\r\n"), "{text}");
    }
}
