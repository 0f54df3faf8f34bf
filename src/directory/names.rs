//! What a contact is called on a phone, where it stands among the others, and on which key.

use icu_collator::options::CollatorOptions;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

use crate::contact::{Content, Initial, Keypad, NameOrder, Names, fold};

/// How names are shown and sorted.
pub struct Naming {
    order: NameOrder,
    collator: Option<CollatorBorrowed<'static>>,
}

/// A contact's name as phones show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub shown: String,
    /// Names are in order when these bytes are.
    pub sort_key: Vec<u8>,
    pub keypad: Keypad,
    /// The letter that people look for it under.
    pub initial: Initial,
}

impl Naming {
    /// Sorts as people of a language do; by the root of all languages where that one is not known.
    pub fn new(order: NameOrder, locale: &Locale) -> Naming {
        let collator = CollatorBorrowed::try_new(
            CollatorPreferences::from(locale),
            CollatorOptions::default(),
        );
        Naming { order, collator: collator.ok() }
    }

    pub fn name(&self, content: &Content) -> Named {
        let shown = self.shown(content);
        // Who says how a name sounds wants it sorted so; without that, nobody could find 高橋 under T.
        let sounds = self.sound(&content.names);
        let sorted = sounds.as_deref().unwrap_or(&shown);
        let sorted = sorted.trim_start_matches(|c: char| !c.is_alphanumeric());
        let folded = fold(sorted, 64);
        Named {
            sort_key: self.sort_key(sorted),
            keypad: Keypad::of_folded(&folded),
            initial: Initial::of_folded(&folded),
            shown,
        }
    }

    fn shown(&self, content: &Content) -> String {
        let Names { family, given, middle, last_first, .. } = &content.names;
        match self.order {
            NameOrder::LastFirst if !last_first.is_empty() => last_first.clone(),
            NameOrder::LastFirst if !family.is_empty() => {
                let first = format!("{given} {middle}");
                match first.trim() {
                    "" => family.clone(),
                    first => format!("{family}, {first}"),
                }
            }
            _ => content.display_name().to_owned(),
        }
    }

    fn sound(&self, names: &Names) -> Option<String> {
        let Names { phonetic_given: given, phonetic_family: family, phonetic_full: full, .. } =
            names;
        let both = match self.order {
            NameOrder::FirstLast => format!("{given} {family}"),
            NameOrder::LastFirst => format!("{family} {given}"),
        };
        let sound = if both.trim().is_empty() { full.as_str() } else { both.trim() };
        (!sound.is_empty()).then(|| sound.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Organization;

    fn naming(order: NameOrder, locale: &str) -> Naming {
        Naming::new(order, &locale.parse().unwrap())
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
        let mut named: Vec<Named> = names.iter().map(|it| naming.name(&person(it, ""))).collect();
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
