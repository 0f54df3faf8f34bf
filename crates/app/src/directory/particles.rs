//! Words in front of a family name that do not count where names are sorted by it: `van der Berg` stands
//! under B in the Netherlands, and under V in Belgium.
//!
//! The customs are those of "Names of Persons: National Usages for Entry in Catalogues" (IFLA, 4th edition),
//! which agree with the Dutch telephone books (voorvoegsels go behind), with DIN 5007 for German, and with the
//! style guides for the Romance languages.

use icu_locale_core::Locale;

use ringbook_core::contact::Particles;

/// The particles that stand behind in a language: those that may come first, and those that may follow.
#[derive(Clone, Copy, Debug)]
struct Custom {
    first: &'static [&'static str],
    then: &'static [&'static str],
}

const DUTCH: &[&str] = &[
    "aan", "af", "bij", "d'", "da", "de", "del", "della", "den", "der", "des", "di", "do", "dos",
    "du", "en", "het", "in", "l'", "la", "le", "les", "los", "lo", "onder", "op", "over", "'s",
    "s", "'t", "t", "te", "ten", "ter", "tot", "uit", "uijt", "v.", "v.d.", "v/d", "vd", "d.",
    "van", "vanden", "vander", "vom", "von", "voor", "vor", "zu", "zum", "zur",
];
const PORTUGUESE: &[&str] = &["da", "das", "de", "do", "dos", "d'", "e"];

/// Prepositions go behind; `Vom Ende`, `Zum Busch` and `Am Thym` are names of their own.
const GERMAN: Custom = Custom {
    first: &["von", "zu", "van", "v.", "v.d."],
    then: &["der", "dem", "den", "de", "d.", "und", "zu", "von", "u."],
};
const NORDIC: Custom = Custom {
    first: &["af", "av", "von", "van", "zu"],
    then: &["der", "dem", "den", "de", "und", "zu"],
};
/// The preposition goes behind, the article stays: `La Fontaine, Jean de`.
const FRENCH: Custom = Custom { first: &["de", "d'"], then: &[] };
/// A preposition goes behind, with its article; an article alone stays: `Las Heras`.
const SPANISH: Custom =
    Custom { first: &["de", "del"], then: &["la", "las", "los", "el", "lo", "l'"] };
const ALL: Custom = Custom { first: DUTCH, then: DUTCH };

fn of_language(locale: &Locale) -> Option<Custom> {
    let region = locale.id.region.as_ref().map(|it| it.as_str());
    // Belgium enters all of them under the particle.
    if region == Some("BE") {
        return None;
    }
    Some(match locale.id.language.as_str() {
        "nl" | "fy" => ALL,
        "de" => GERMAN,
        "da" | "nb" | "nn" | "no" | "sv" | "fi" => NORDIC,
        "fr" => FRENCH,
        "es" | "ca" => SPANISH,
        "pt" | "gl" => Custom { first: PORTUGUESE, then: PORTUGUESE },
        // English, Italian, Afrikaans: `De Amicis` and `Van Buren` stand under D and V.
        _ => return None,
    })
}

/// How one directory parts family names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parting(Option<Custom>);

impl Parting {
    pub(super) fn new(particles: Particles, locale: &Locale) -> Parting {
        Parting(match particles {
            Particles::InFront => None,
            Particles::ByLanguage => of_language(locale),
            Particles::Behind => Some(of_language(locale).unwrap_or(ALL)),
        })
    }

    /// The particles and the rest of a family name; the particles are empty where none goes behind.
    /// Something is always left.
    pub(super) fn part<'a>(&self, family: &'a str) -> (&'a str, &'a str) {
        let Some(custom) = self.0 else { return ("", family) };
        let mut rest = family;
        let mut known = custom.first;
        while let Some((word, behind)) = first_word(rest) {
            let plain: String = word.chars().map(plain_letter).collect();
            if behind.is_empty() || !known.contains(&plain.as_str()) {
                break;
            }
            rest = behind;
            known = custom.then;
        }
        (family[..family.len() - rest.len()].trim_end(), rest)
    }
}

/// The first word and what follows it; an elided one ends with its apostrophe: `d'` of `d'Aubigné`.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let elided = text.char_indices().nth(1).filter(|(_, c)| plain_letter(*c) == '\'');
    if let Some((at, apostrophe)) = elided
        && text.starts_with(['d', 'D', 'l', 'L'])
    {
        let (word, behind) = text.split_at(at + apostrophe.len_utf8());
        return Some((word, behind.trim_start()));
    }
    let (word, behind) = text.split_once(char::is_whitespace)?;
    Some((word, behind.trim_start()))
}

/// In lower case, with one kind of apostrophe.
fn plain_letter(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{2BC}' | '\u{B4}' | '`' => '\'',
        c => c.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parts(particles: Particles, locale: &str, cases: &[(&str, &str, &str)]) {
        let parting = Parting::new(particles, &locale.parse().unwrap());
        for (family, behind, main) in cases {
            assert_eq!(parting.part(family), (*behind, *main), "{family} in {locale}");
        }
    }

    #[test]
    fn each_language_has_its_custom() {
        let by_language = Particles::ByLanguage;
        parts(
            by_language,
            "nl",
            &[
                ("van der Berg", "van der", "Berg"),
                ("Van den Heuvel", "Van den", "Heuvel"),
                ("de Vries", "de", "Vries"),
                ("'t Hooft", "'t", "Hooft"),
                ("\u{2019}t Hart", "\u{2019}t", "Hart"),
                ("in 't Veld", "in 't", "Veld"),
                ("van 't Hoff", "van 't", "Hoff"),
                ("ter Horst", "ter", "Horst"),
                ("v.d. Meer", "v.d.", "Meer"),
                ("van der Berg-de Vries", "van der", "Berg-de Vries"),
                ("von Siebold", "von", "Siebold"),
                ("Jansen", "", "Jansen"),
                ("Vandenberg", "", "Vandenberg"),
                ("Jansen van der Berg", "", "Jansen van der Berg"),
                ("van", "", "van"),
                ("van der", "van", "der"),
                ("d'Ancona", "d'", "Ancona"),
                ("Dekker", "", "Dekker"),
                ("", "", ""),
            ],
        );
        for belgian in ["nl-BE", "fr-BE", "de-BE"] {
            parts(
                by_language,
                belgian,
                &[("van der Berg", "", "van der Berg"), ("de Vries", "", "de Vries")],
            );
        }
        parts(
            by_language,
            "de",
            &[
                ("von Goethe", "von", "Goethe"),
                ("von und zu Guttenberg", "von und zu", "Guttenberg"),
                ("von der Leyen", "von der", "Leyen"),
                ("Von Arx", "Von", "Arx"),
                ("zu Dohna", "zu", "Dohna"),
                ("van Beethoven", "van", "Beethoven"),
                ("vom Ende", "", "vom Ende"),
                ("Zum Busch", "", "Zum Busch"),
                ("De Luca", "", "De Luca"),
                ("der Große", "", "der Große"),
            ],
        );
        parts(
            by_language,
            "fr",
            &[
                ("de Musset", "de", "Musset"),
                ("de La Fontaine", "de", "La Fontaine"),
                ("d'Aubigné", "d'", "Aubigné"),
                ("d\u{2019}Estaing", "d\u{2019}", "Estaing"),
                ("Du Bellay", "", "Du Bellay"),
                ("Le Pen", "", "Le Pen"),
                ("des Granges", "", "des Granges"),
            ],
        );
        parts(
            by_language,
            "es-MX",
            &[
                ("de la Cruz", "de la", "Cruz"),
                ("del Río", "del", "Río"),
                ("de las Casas", "de las", "Casas"),
                ("Las Heras", "", "Las Heras"),
                ("García de Paredes", "", "García de Paredes"),
            ],
        );
        parts(
            by_language,
            "pt-BR",
            &[
                ("da Silva", "da", "Silva"),
                ("dos Santos", "dos", "Santos"),
                ("de Oliveira e Costa", "de", "Oliveira e Costa"),
            ],
        );
        parts(
            by_language,
            "sv",
            &[("af Klint", "af", "Klint"), ("De la Gardie", "", "De la Gardie")],
        );
        parts(by_language, "da", &[("von Trier", "von", "Trier")]);
        for kept in ["en", "it", "af", "ja"] {
            parts(
                by_language,
                kept,
                &[("van Buren", "", "van Buren"), ("De Amicis", "", "De Amicis")],
            );
        }
    }

    #[test]
    fn a_setting_goes_before_the_language() {
        parts(Particles::InFront, "nl", &[("van der Berg", "", "van der Berg")]);
        parts(
            Particles::Behind,
            "en",
            &[("van der Berg", "van der", "Berg"), ("von Trapp", "von", "Trapp")],
        );
        parts(Particles::Behind, "nl-BE", &[("van der Berg", "van der", "Berg")]);
    }
}
