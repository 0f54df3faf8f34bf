//! What a contact is called on a phone, where it stands among the others, and on which key.

use icu_collator::options::CollatorOptions;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

use crate::directory::particles::Parting;
use ringbook_core::contact::{
    Content, Initial, Keypad, NameOrder, Names, Particles, fold, is_ignorable, is_visible,
};

/// How names are shown and sorted.
pub struct NameFormatter {
    order: NameOrder,
    parting: Parting,
    collator: Option<CollatorBorrowed<'static>>,
}

/// A contact's name as phones show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName {
    pub shown: String,
    /// Names are in order when these bytes are.
    pub sort_key: Vec<u8>,
    pub keypad: Keypad,
    /// The letter that people look for it under.
    pub initial: Initial,
}

impl NameFormatter {
    /// Sorts as people of a language do; by the root of all languages where that one is not known.
    pub fn new(order: NameOrder, particles: Particles, locale: &Locale) -> NameFormatter {
        let collator = CollatorBorrowed::try_new(
            CollatorPreferences::from(locale),
            CollatorOptions::default(),
        );
        NameFormatter { order, parting: Parting::new(particles, locale), collator: collator.ok() }
    }

    pub fn name(&self, content: &Content) -> DisplayName {
        let shown = self.shown(content);
        // Who says how a name sounds wants it sorted so; without that, nobody could find 高橋 under T.
        let sounds = self.sound(&content.names);
        let sorted = sounds.as_deref().unwrap_or(&shown);
        // What cannot be seen has no place in an order: a filler in front is a letter to Unicode.
        let sorted: String = sorted.chars().filter(|c| !is_ignorable(*c)).collect();
        let sorted = sorted.trim_start_matches(|c: char| !c.is_alphanumeric());
        let folded = fold(sorted, 64);
        DisplayName {
            sort_key: self.sort_key(sorted),
            keypad: Keypad::of_folded(&folded),
            initial: Initial::of_folded(&folded),
            shown,
        }
    }

    fn shown(&self, content: &Content) -> String {
        let last_first = match self.order {
            NameOrder::FirstLast => None,
            NameOrder::LastFirst => self.last_first(&content.names),
        };
        last_first.unwrap_or_else(|| content.display_name().into_owned())
    }

    /// The name with its family name in front; `None` without one.
    fn last_first(&self, names: &Names) -> Option<String> {
        let Names { prefix, given, middle, family, suffix, last_first, .. } = names;
        let has = |text: &str| is_visible(text);
        let (particles, main) = self.parting.part(family.trim());
        if has(last_first) {
            if has(family) && particles.is_empty() {
                return Some(last_first.clone());
            }
            if !has(family) {
                // `van der Berg, Jan`, of a name that Google did not take apart.
                let (family, first) = last_first.split_once(", ").unwrap_or((last_first, ""));
                let (particles, main) = self.parting.part(family);
                return Some(arranged(main, &[first, particles], &[]));
            }
        }
        has(family).then(|| arranged(main, &[prefix, given, middle, particles], &[suffix]))
    }

    fn sound(&self, names: &Names) -> Option<String> {
        let Names { phonetic_given: given, phonetic_family: family, phonetic_full: full, .. } =
            names;
        let both = match self.order {
            NameOrder::FirstLast => format!("{given} {family}"),
            NameOrder::LastFirst => format!("{family} {given}"),
        };
        let sound = if is_visible(&both) { both.trim() } else { full.as_str() };
        is_visible(sound).then(|| sound.to_owned())
    }

    fn sort_key(&self, text: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        match &self.collator {
            Some(collator) => {
                let Ok(()) = collator.write_sort_key_to(text, &mut key);
            }
            None => key.extend(fold(text, 120).bytes()),
        }
        key
    }
}

/// `Berg, Jan van der, III`: what can be seen of the parts behind the first.
fn arranged(main: &str, first: &[&str], suffix: &[&str]) -> String {
    let seen = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|it| is_visible(it)).collect();
        parts.join(" ")
    };
    let parts = [main.to_owned(), seen(first), seen(suffix)];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_core::contact::Organization;

    fn naming(order: NameOrder, locale: &str) -> NameFormatter {
        NameFormatter::new(order, Particles::ByLanguage, &locale.parse().unwrap())
    }

    fn person(given: &str, family: &str) -> Content {
        let names = Names {
            display: format!("{given} {family}").trim().to_owned(),
            given: given.to_owned(),
            family: family.to_owned(),
            ..Names::default()
        };
        Content { names, ..Content::default() }
    }

    fn sorted(locale: &str, names: &[&str]) -> Vec<String> {
        let naming = naming(NameOrder::FirstLast, locale);
        let mut named: Vec<DisplayName> =
            names.iter().map(|it| naming.name(&person(it, ""))).collect();
        named.sort_by(|a, b| a.sort_key.cmp(&b.sort_key));
        named.into_iter().map(|it| it.shown).collect()
    }

    #[test]
    fn names_are_sorted_by_the_alphabet_of_the_language() {
        let names = ["Zoe", "Åsa", "Anna", "Ängla", "ådel"];
        assert_eq!(sorted("en", &names), ["ådel", "Ängla", "Anna", "Åsa", "Zoe"]);
        assert_eq!(sorted("sv", &names), ["Anna", "Zoe", "ådel", "Åsa", "Ängla"]);
        assert_eq!(sorted("cs", &["Chalupa", "Hora", "Cech"]), ["Cech", "Hora", "Chalupa"]);
        assert_eq!(sorted("da", &["Aarhus", "Zulu", "Anna"]), ["Anna", "Zulu", "Aarhus"]);
        assert_eq!(sorted("de-u-co-phonebk", &["Mueller", "Muller", "Müller"])[2], "Muller");
    }

    #[test]
    fn an_unknown_language_still_sorts() {
        assert_eq!(sorted("tlh", &["b", "a"]), ["a", "b"]);
    }

    #[test]
    fn names_of_every_script_are_found_on_a_key_where_one_would_look() {
        let naming = naming(NameOrder::FirstLast, "en");
        for (name, key) in [
            ("Ångström", "2ABC"),
            ("Жанна", "9WXYZ"),
            ("Łukasz", "5JKL"),
            ("Öztürk", "6MNO"),
            ("Élodie", "3DEF"),
            ("王芳", "9WXYZ"),
            ("Ξένος", "9WXYZ"),
            ("محمد", "6MNO"),
            ("3M", "3DEF"),
            ("'t Hooft", "8TUV"),
            ("112", "1"),
            ("***", "0"),
        ] {
            assert_eq!(naming.name(&person(name, "")).keypad.as_str(), key, "{name}");
        }
    }

    #[test]
    fn the_last_name_comes_first_where_it_is_wanted() {
        let last = naming(NameOrder::LastFirst, "en");
        let ada = last.name(&person("Ada", "Lovelace"));
        assert_eq!((ada.shown.as_str(), ada.keypad.as_str()), ("Lovelace, Ada", "5JKL"));
        assert_eq!(last.name(&person("Ada", "")).shown, "Ada");
        assert_eq!(last.name(&person("", "Lovelace")).shown, "Lovelace");
        let first = naming(NameOrder::FirstLast, "en").name(&person("Ada", "Lovelace"));
        assert_eq!((first.shown.as_str(), first.keypad.as_str()), ("Ada Lovelace", "2ABC"));
    }

    #[test]
    fn particles_stand_where_the_language_has_them() {
        let named = |locale: &str, edit: &dyn Fn(&mut Names)| {
            let mut content = person("Jan", "van der Berg");
            edit(&mut content.names);
            let named = naming(NameOrder::LastFirst, locale).name(&content);
            (named.shown, named.keypad.as_str(), named.initial.as_str())
        };
        let as_is: &dyn Fn(&mut Names) = &|_| {};
        assert_eq!(named("nl", as_is), ("Berg, Jan van der".to_owned(), "2ABC", "B"));
        assert_eq!(named("nl-BE", as_is), ("van der Berg, Jan".to_owned(), "8TUV", "V"));
        assert_eq!(named("en", as_is), ("van der Berg, Jan".to_owned(), "8TUV", "V"));
        let as_google_has_it: &dyn Fn(&mut Names) =
            &|it| it.last_first = "van der Berg, Dr. Jan, III".to_owned();
        assert_eq!(named("en", as_google_has_it).0, "van der Berg, Dr. Jan, III");
        let in_full: &dyn Fn(&mut Names) = &|it| {
            (it.prefix, it.suffix) = ("Dr.".to_owned(), "III".to_owned());
            it.last_first = "van der Berg, Dr. Jan, III".to_owned();
        };
        assert_eq!(named("nl", in_full).0, "Berg, Dr. Jan van der, III");
        let not_taken_apart: &dyn Fn(&mut Names) = &|it| {
            *it = Names { last_first: "van der Berg, Jan".to_owned(), ..Names::default() };
        };
        assert_eq!(named("nl", not_taken_apart), ("Berg, Jan van der".to_owned(), "2ABC", "B"));
        let family_alone: &dyn Fn(&mut Names) = &|it| it.given.clear();
        assert_eq!(named("nl", family_alone).0, "Berg, van der");
        let first = naming(NameOrder::FirstLast, "nl").name(&person("Jan", "van der Berg"));
        assert_eq!((first.shown.as_str(), first.keypad.as_str()), ("Jan van der Berg", "5JKL"));
    }

    #[test]
    fn a_name_that_cannot_be_seen_is_sorted_as_what_is_shown_instead() {
        for order in [NameOrder::FirstLast, NameOrder::LastFirst] {
            for unseen in ["\u{200B}", "\u{2060}", "\u{3164}", "\u{AD}", "\u{202E}", "\u{301}"] {
                let mut content = person(unseen, "");
                content.names.family = unseen.to_owned();
                content.names.last_first = unseen.to_owned();
                content.names.phonetic_full = unseen.to_owned();
                content.organization =
                    Some(Organization { name: "Taxi".into(), ..Organization::default() });
                let named = naming(order, "en").name(&content);
                assert_eq!(
                    (named.shown.as_str(), named.keypad.as_str()),
                    ("Taxi", "8TUV"),
                    "{unseen:?}"
                );
            }
            let hidden = naming(order, "en").name(&person("\u{3164}Ada", ""));
            assert_eq!(hidden.sort_key, naming(order, "en").name(&person("Ada", "")).sort_key);
        }
    }

    #[test]
    fn a_name_that_says_how_it_sounds_is_sorted_by_that() {
        let mut content = person("太郎", "高橋");
        content.names.phonetic_family = "たかはし".to_owned();
        content.names.phonetic_given = "たろう".to_owned();
        let named = naming(NameOrder::LastFirst, "ja").name(&content);
        assert_eq!((named.shown.as_str(), named.keypad.as_str()), ("高橋, 太郎", "8TUV"));
    }

    #[test]
    fn a_company_stands_under_its_name() {
        let taxi = Organization { name: "City Taxi".into(), ..Organization::default() };
        let company = Content { organization: Some(taxi), ..Content::default() };
        let named = naming(NameOrder::LastFirst, "en").name(&company);
        assert_eq!((named.shown.as_str(), named.keypad.as_str()), ("City Taxi", "2ABC"));
    }
}
