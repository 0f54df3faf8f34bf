//! What a contact is called: its name as Google shows it, or the best there is in its place.

use std::borrow::Cow;

use crate::contact::letters::is_visible;
use crate::contact::{Content, Names};

/// What is shown of a contact that has nothing to be called by.
const NAMELESS: &str = "(no name)";

impl Names {
    /// The name in full, in reading order; `None` when no part of it can be seen.
    ///
    /// Google leaves `displayName` out of some contacts: those of a Workspace's directory, and those that
    /// programs wrote. Given and family name together are better than one of them, and a name that is
    /// only written as it sounds is better than none.
    pub fn full(&self) -> Option<Cow<'_, str>> {
        let has = |part: &str| is_visible(part);
        for whole in [&self.display, &self.unstructured] {
            if has(whole) {
                return Some(Cow::Borrowed(whole));
            }
        }
        let Names { prefix, given, middle, family, suffix, last_first, .. } = self;
        if has(last_first) && !(has(given) && has(family)) {
            return Some(Cow::Borrowed(last_first));
        }
        if has(given) || has(middle) || has(family) {
            return joined(&[prefix, given, middle, family, suffix]);
        }
        if has(&self.phonetic_full) {
            return Some(Cow::Borrowed(&self.phonetic_full));
        }
        joined(&[&self.phonetic_given, &self.phonetic_middle, &self.phonetic_family])
    }
}

impl Content {
    /// What to call this contact: its name, or the next best thing of which anything can be seen.
    pub fn display_name(&self) -> Cow<'_, str> {
        if let Some(name) = self.names.full() {
            return name;
        }
        let organization = self.organization.as_ref();
        let of_work = |pick: fn(&crate::contact::Organization) -> &String| {
            organization.map(|it| pick(it).as_str())
        };
        let seen = |text: &str| is_visible(text);
        let people = self.nicknames.iter().map(String::as_str).chain(of_work(|it| &it.name));
        if let Some(best) = people.into_iter().find(|it| seen(it)) {
            return Cow::Borrowed(best);
        }
        // `Dr.` alone says little, and still more than an address.
        if let Some(title) = joined(&[&self.names.prefix, &self.names.suffix]) {
            return title;
        }
        let rest = of_work(|it| &it.title)
            .into_iter()
            .chain(of_work(|it| &it.department))
            .chain(self.emails.iter().map(|it| it.value.as_str()))
            .chain(self.phones.iter().map(|it| it.value.as_str()));
        Cow::Borrowed(rest.into_iter().find(|it| seen(it)).unwrap_or(NAMELESS))
    }
}

/// The parts that can be seen, with a space between them.
pub(crate) fn joined<'a>(parts: &[&str]) -> Option<Cow<'a, str>> {
    let seen: Vec<&str> = parts.iter().copied().filter(|it| is_visible(it)).collect();
    (!seen.is_empty()).then(|| Cow::Owned(seen.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Email, Organization, Phone};

    /// Fields as `field=value`, `|` between them.
    fn contact(fields: &str) -> Content {
        let mut content = Content::default();
        let mut work = Organization::default();
        for field in fields.split('|').filter(|it| !it.is_empty()) {
            let (name, value) = field.split_once('=').unwrap();
            let value = value.to_owned();
            let names = &mut content.names;
            match name {
                "display" => names.display = value,
                "last-first" => names.last_first = value,
                "unstructured" => names.unstructured = value,
                "prefix" => names.prefix = value,
                "given" => names.given = value,
                "middle" => names.middle = value,
                "family" => names.family = value,
                "suffix" => names.suffix = value,
                "sound" => names.phonetic_full = value,
                "sound-given" => names.phonetic_given = value,
                "sound-family" => names.phonetic_family = value,
                "nickname" => content.nicknames.push(value),
                "company" => work.name = value,
                "title" => work.title = value,
                "department" => work.department = value,
                "email" => content.emails.push(Email { value, ..Email::default() }),
                "phone" => content.phones.push(Phone { value, ..Phone::default() }),
                other => panic!("{other}"),
            }
        }
        content.organization = Some(work).filter(|it| *it != Organization::default());
        content
    }

    #[test]
    fn a_contact_is_called_by_the_best_there_is() {
        for (fields, called) in [
            ("", "(no name)"),
            ("phone=1820", "1820"),
            ("phone=1820|email=a@b.example", "a@b.example"),
            ("email=a@b.example|title=Clerk", "Clerk"),
            ("department=Sales|email=a@b.example", "Sales"),
            ("phone=1820|company=City Taxi", "City Taxi"),
            ("company=City Taxi|nickname=Al", "Al"),
            ("display=Ada|given=Augusta|family=King", "Ada"),
            ("unstructured=Ada King", "Ada King"),
            // Parts of a name, where Google says no whole one.
            ("given=Ada|family=Lovelace|email=a@b.example", "Ada Lovelace"),
            (
                "prefix=Dr.|given=Ada|middle=K.|family=Lovelace|suffix=III",
                "Dr. Ada K. Lovelace III",
            ),
            ("prefix=Dr.|family=Lovelace|email=a@b.example", "Dr. Lovelace"),
            ("given=Ada", "Ada"),
            ("family=Lovelace|company=Engines", "Lovelace"),
            ("last-first=Lovelace, Ada|email=a@b.example", "Lovelace, Ada"),
            ("last-first=Lovelace, Ada|given=Ada", "Lovelace, Ada"),
            ("last-first=Lovelace, Ada|given=Ada|family=Lovelace", "Ada Lovelace"),
            ("sound-given=たろう|sound-family=たかはし|company=Acme", "たろう たかはし"),
            ("sound=Takahashi Taro|email=a@b.example", "Takahashi Taro"),
            ("prefix=Dr.|email=a@b.example|phone=1820", "Dr."),
            ("prefix=Dr.|suffix=jr.|email=a@b.example", "Dr. jr."),
            ("prefix=Frau|company=Meier GmbH", "Meier GmbH"),
            // Names that cannot be seen.
            ("display=\u{200B}|company=Acme", "Acme"),
            ("display=\u{2060}|given=\u{3164}|nickname=Al", "Al"),
            ("display=\u{3164}|email=a@b.example", "a@b.example"),
            ("display=\u{AD}|phone=1820", "1820"),
            ("display=\u{202E}\u{202C}|family=Lovelace|company=Acme", "Lovelace"),
            ("given=\u{200B}|family=Lovelace", "Lovelace"),
            ("display=\u{301}|unstructured= |company=\u{FEFF}|title=Boss", "Boss"),
            ("display=\u{2800}\u{FFA0}|nickname=\u{200D}|nickname=Al", "Al"),
            ("display=\u{200B}|phone=\u{200B}", "(no name)"),
            ("display=\u{200B}Ada", "\u{200B}Ada"),
        ] {
            assert_eq!(contact(fields).display_name(), called, "{fields:?}");
        }
    }
}
