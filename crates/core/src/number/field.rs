//! The field of a contact that a number is read from.

use crate::contact::{Content, Phone};
use crate::number::{Field, Place};

pub fn field_of(phone: &Phone) -> Field<'_> {
    Field { value: &phone.value, canonical: phone.canonical.as_deref() }
}

/// How many of a contact's fields for numbers hold one. `see notes` and `12:30` are typed into the same field,
/// and are none. It does not depend on the place: that only says which number it is.
pub fn number_count(content: &Content) -> u64 {
    let place = Place::default();
    content.phones.iter().filter(|it| place.read(field_of(it)).is_ok()).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Region;

    #[test]
    fn what_is_no_number_is_not_counted_as_one_wherever_it_was_typed() {
        let count = |value: &str, canonical: Option<&str>| {
            let phone = Phone {
                value: value.into(),
                canonical: canonical.map(Into::into),
                ..Phone::default()
            };
            for region in ["AT", "US", "IT"] {
                let place = Place { region: Region::parse(region), ..Place::default() };
                let is_read = place.read(field_of(&phone)).is_ok();
                let content = Content { phones: vec![phone.clone()], ..Content::default() };
                assert_eq!(number_count(&content), u64::from(is_read), "{value} in {region}");
            }
            number_count(&Content { phones: vec![phone], ..Content::default() })
        };
        for words in [
            "see notes",
            "ask Marta",
            "-",
            "n/a",
            "keine",
            "?",
            "unbekannt",
            "callto:maxi77",
            "12:30",
            "€12,50",
            "AT61 1904 3002 3457 3201",
            "31.12.1999",
            "6.04E+11",
            "ada99@example.org",
            "192.168.0.1",
            "max_m77",
        ] {
            assert_eq!(count(words, None), 0, "{words}");
        }
        for digits in [
            "1820",
            "+49 30 1",
            "٠٣٠",
            "７",
            "801-520-4769 - noel cell",
            "1-800-GO-CARS",
            "*97",
            "22#",
            "0221 7654321, 0160 1234567",
        ] {
            assert_eq!(count(digits, None), 1, "{digits}");
        }
        assert_eq!(
            count("CALL-ME-NOW", Some("+12255636669")),
            1,
            "Google reads the word on the keys"
        );
        assert_eq!(count("\u{200B}", Some("+12255636669")), 1);
    }
}
