//! The directory as desk phones meet it: walked screen by screen, by a phone that refuses what a real one
//! would refuse.

mod callers;
mod finding;
mod links;
mod numbers;
mod places;
mod schema;
mod screens;
mod walks;

use ringbook_core::sync::{Kind, Outcome};
use ringbook_simulator::{Contact, Name, PhoneNumber};

use crate::support::app::TestApp;
use crate::support::phone::{Model, Phone};

/// A server with contacts, and phones on the desks around it.
pub(super) struct Office {
    pub(super) app: TestApp,
}

impl Office {
    pub(super) async fn of(contacts: Vec<Contact>) -> Office {
        Office::with(contacts, &[]).await
    }

    pub(super) async fn with(contacts: Vec<Contact>, settings: &[(&str, &str)]) -> Office {
        let mut all = vec![("SYNC_BATCH_SIZE", "1000")];
        all.extend_from_slice(settings);
        let office = Office { app: TestApp::with(0, &all).await };
        for contact in contacts {
            office.app.world.google.add(contact);
        }
        office.sync(Kind::Full).await;
        office
    }

    pub(super) async fn sync(&self, kind: Kind) {
        let row = self.app.world.sync(Some(kind)).await;
        assert_eq!(row.outcome, Some(Outcome::Succeeded), "{:?}", row.error_message);
    }

    pub(super) fn root(&self) -> String {
        self.app.url("/directory")
    }

    pub(super) fn phone(&self, model: Model) -> Phone {
        Phone::new(model, self.app.address)
    }

    /// A phone that shows the menu.
    pub(super) async fn desk(&self, model: Model) -> Phone {
        let mut phone = self.phone(model);
        phone.directories(&self.root()).await;
        phone
    }
}

pub(super) fn person(given: &str, family: &str, number: &str) -> Contact {
    Contact::named(given, family, number)
}

/// So many ordinary people, each with a number of their own.
pub(super) fn people(count: usize) -> Vec<Contact> {
    (0..count).map(|at| person("Person", &format!("{at:06}"), &number(at))).collect()
}

/// A number that nobody else has.
pub(super) fn number(at: usize) -> String {
    format!("+4930{:08}", 10_000_000 + at)
}

/// Somebody whose name was never taken apart.
pub(super) fn called(name: &str, number: &str) -> Contact {
    let mut contact = person("", "", number);
    contact.name = Some(Name { unstructured: name.to_owned(), ..Name::default() });
    contact
}

pub(super) fn labelled(label: &str, number: &str) -> PhoneNumber {
    PhoneNumber {
        value: number.to_owned(),
        canonical: Some(number.to_owned()),
        label: Some(label.to_owned()),
    }
}

/// Names on which screens break.
pub(super) fn hostile_names() -> Vec<String> {
    vec![
        "A\u{0}d\u{1}a\u{b} Love\u{1f}lace\u{7f}\u{85}".to_owned(),
        "<b>Tom</b> & \"Jerry's\" ]]> --> &amp; <!-- <![CDATA[".to_owned(),
        "Langer Name ".repeat(417),
        "x".repeat(5000),
        "👩‍👩‍👧‍👦".repeat(12),
        "\u{202e}drowkcab\u{202c} \u{200f}כהן".to_owned(),
        "\u{200f}\u{200e}\u{202e}".to_owned(),
        "\u{fffe}\u{ffff}".to_owned(),
        "A\u{fffe}B\u{feff}".to_owned(),
        "\u{e000}\u{e001}".to_owned(),
        "\u{0}".to_owned(),
        "\u{200b}\u{200d}".to_owned(),
        "   ".to_owned(),
        "…".repeat(40),
        "½¼€™".repeat(10),
        "Жанна Щукина-Переяславская-Залесская".to_owned(),
        "Ξένος Παπαδόπουλος".to_owned(),
        "王小明".to_owned(),
        "محمد بن سلمان".to_owned(),
        "𝓕𝓪𝓷𝓬𝔂 ﬁnancial Ⅳ".to_owned(),
        "\u{2028}Zeile\u{2029}zwei\r\ndrei\t".to_owned(),
        "Z̶̡͝a̷̛l̴g̸o̵̕ e\u{301}\u{301}\u{301}".repeat(9),
        "%00%ff?page=2&x=y#z".to_owned(),
        "SoftKey:Exit".to_owned(),
    ]
}

/// So many contacts that make trouble, all of them with numbers that a phone can dial.
pub(super) fn troublemakers(count: usize) -> Vec<Contact> {
    let names = hostile_names();
    let trouble = |at: usize| {
        let mut contact = called(&names[at % names.len()], &number(at));
        match at % 31 {
            7 => contact.name = None,
            11 => {
                let numbers =
                    (0..40).map(|more| labelled("work", &number(900_000 + at * 50 + more)));
                contact.phone_numbers = numbers.collect();
            }
            13 => {
                let label = format!("<{}&>\u{1}", "Zweitwohnung ".repeat(40));
                contact.phone_numbers[0].label = Some(label);
            }
            17 => contact = person("Person", &format!("{at:06}"), &number(at)),
            _ => {}
        }
        contact
    };
    (0..count).map(trouble).collect()
}
