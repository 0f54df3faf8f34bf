//! Life going on: random edits, additions and deletions of an address book.

use super::book::Book;
use super::contact::{Name, Organization};
use super::generate;
use super::random::Random;
use super::words::{LOCALES, TITLES};

/// Makes one change, of which most are edits and some change nothing at all.
pub(super) fn happen(book: &mut Book, random: &mut Random, now: i64) {
    let Some(name) = book.pick_live(random) else {
        book.add(generate::contact(random), now);
        return;
    };
    // The name is alive, so none of these can fail.
    let _ = match random.below(20) {
        0..=8 => edit(book, name, random, now),
        9..=12 => {
            book.add(generate::contact(random), now);
            Ok(())
        }
        13..=15 => book.delete(name, now),
        16 => book.rename(name, now).map(|_| ()),
        _ => book.touch(name, now),
    };
}

fn edit(
    book: &mut Book,
    name: u64,
    random: &mut Random,
    now: i64,
) -> Result<(), super::book::BookError> {
    let kind = random.below(6);
    let number = generate::any_phone_number(random);
    let family = {
        let locale = &LOCALES[random.below(LOCALES.len())];
        random.pick(locale.family).to_owned()
    };
    let title = random.pick(TITLES).to_owned();
    book.edit(name, now, |contact| match kind {
        0 => contact.phone_numbers.push(number),
        1 => contact.phone_numbers = vec![number],
        2 => {
            contact.phone_numbers.pop();
        }
        3 => contact.name.get_or_insert_with(Name::default).family = family,
        4 => {
            let star = contact.groups.iter().position(|group| group == "starred");
            match star {
                Some(place) => {
                    contact.groups.remove(place);
                }
                None => contact.groups.push("starred".to_owned()),
            }
        }
        _ => match contact.organizations.first_mut() {
            Some(organization) => organization.title = title,
            None => contact.organizations.push(Organization { title, ..Organization::default() }),
        },
    })
}
