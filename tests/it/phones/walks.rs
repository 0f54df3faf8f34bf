//! Walks through every screen that there is.

use std::collections::{BTreeMap, BTreeSet};

use ringbook_core::sync::Kind;
use ringbook_simulator::Contact;

use super::{Office, number, people, person, troublemakers};
use crate::support::phone::{Model, Phone, Screen};

/// What a phone saw of a directory.
#[derive(Debug, Default)]
struct Seen {
    /// How often each contact was found in the keypad groups, by its address.
    contacts: BTreeMap<String, usize>,
    /// Numbers that can be dialled, by the contact's address.
    numbers: BTreeMap<String, BTreeSet<String>>,
    screens: usize,
}

/// A page of a list, from its first to its last, with all that is on it.
async fn read_list(phone: &mut Phone, seen: &mut Seen) -> Vec<String> {
    let mut urls = Vec::new();
    loop {
        seen.screens += 1;
        let Screen::Menu { items, .. } = phone.screen() else { break };
        assert!(items.len() <= 32, "{}", items.len());
        assert!(!items.is_empty(), "an empty page: {}", phone.url());
        urls.extend(items.iter().map(|item| item.url.clone()));
        if !phone.turn_over().await {
            break;
        }
    }
    urls
}

/// Walks the menu and every list that it leads to.
async fn walk_lists(phone: &mut Phone, root: &str) -> Seen {
    let mut seen = Seen::default();
    phone.directories(root).await;
    seen.screens += 1;
    let menu = phone.items().to_vec();
    for item in &menu {
        phone.open(&item.url).await;
        let counted = item.name.rsplit_once(" (").map(|(_, count)| count.trim_end_matches(')'));
        let Some(counted) = counted.and_then(|it| it.parse::<usize>().ok()) else {
            seen.screens += 1;
            continue;
        };
        let found = read_list(phone, &mut seen).await;
        assert_eq!(found.len(), counted, "{}", item.name);
        if item.name.starts_with(|c: char| c.is_ascii_digit()) {
            for url in found {
                *seen.contacts.entry(url).or_default() += 1;
            }
        }
    }
    seen
}

/// Opens a contact: all pages of its numbers, and its details.
async fn visit(phone: &mut Phone, url: &str, seen: &mut Seen) {
    phone.open(url).await;
    loop {
        seen.screens += 1;
        if matches!(phone.screen(), Screen::Text { .. }) {
            break;
        }
        let numbers = phone.entries().iter().map(|entry| entry.telephone.clone());
        seen.numbers.entry(url.to_owned()).or_default().extend(numbers);
        if !phone.turn_over().await {
            break;
        }
    }
    if matches!(phone.screen(), Screen::Directory { .. }) {
        phone.press("Details").await;
        assert!(!phone.text().is_empty());
    }
}

/// The numbers of everybody who has one, each person once.
fn expected(contacts: &[Contact]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for contact in contacts.iter().filter(|it| !it.phone_numbers.is_empty()) {
        let numbers: BTreeSet<String> =
            contact.phone_numbers.iter().filter_map(|it| it.canonical.clone()).collect();
        all.insert(numbers.first().cloned().unwrap(), numbers);
    }
    all
}

fn found(seen: Seen) -> BTreeMap<String, BTreeSet<String>> {
    seen.numbers.into_values().map(|it| (it.first().cloned().unwrap(), it)).collect()
}

/// Every model walks every screen of the directory.
async fn every_phone_walks(contacts: Vec<Contact>) {
    let everybody = expected(&contacts);
    let office = Office::of(contacts).await;
    for model in Model::ALL {
        let mut phone = office.phone(model);
        let mut seen = walk_lists(&mut phone, &office.root()).await;
        assert_eq!(seen.contacts.len(), everybody.len(), "{model:?}");
        assert!(seen.contacts.values().all(|times| *times == 1), "{model:?} found somebody twice");
        for url in seen.contacts.keys().cloned().collect::<Vec<_>>() {
            visit(&mut phone, &url, &mut seen).await;
        }
        assert_eq!(found(seen), everybody, "{model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_walks_every_screen_of_directories_of_no_and_of_one_contact() {
    every_phone_walks(Vec::new()).await;
    every_phone_walks(troublemakers(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_walks_every_screen_around_the_end_of_a_page() {
    for count in [31, 32, 33] {
        every_phone_walks(people(count)).await;
    }
    every_phone_walks(troublemakers(33)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_walks_every_screen_around_the_longest_menu_that_a_phone_takes() {
    every_phone_walks(people(100)).await;
    every_phone_walks(troublemakers(101)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_finds_each_of_ten_thousand_contacts_once() {
    let contacts = troublemakers(10_000);
    let everybody = expected(&contacts);
    let office = Office::of(contacts).await;
    let mut all = Seen::default();
    for (turn, model) in Model::ALL.into_iter().enumerate() {
        let mut phone = office.phone(model);
        let mut seen = walk_lists(&mut phone, &office.root()).await;
        assert_eq!(seen.contacts.len(), everybody.len(), "{model:?}");
        assert!(seen.contacts.values().all(|times| *times == 1), "{model:?} found somebody twice");
        // They share the contacts among them: all phones open a contact in the same way.
        for url in
            seen.contacts.keys().skip(turn).step_by(Model::ALL.len()).cloned().collect::<Vec<_>>()
        {
            visit(&mut phone, &url, &mut seen).await;
        }
        all.numbers.append(&mut seen.numbers);
    }
    assert_eq!(found(all), everybody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_hundred_thousand_has_no_screen_that_a_phone_refuses() {
    if !crate::support::long() {
        return;
    }
    let office = Office::of(troublemakers(100_000)).await;
    for model in Model::ALL {
        let mut phone = office.phone(model);
        let seen = walk_lists(&mut phone, &office.root()).await;
        assert_eq!(seen.contacts.len(), 100_000);
        let mut some = Seen::default();
        for url in seen.contacts.keys().step_by(997) {
            visit(&mut phone, url, &mut some).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_walks_every_screen_of_an_address_book_as_untidy_as_real_ones() {
    let office = Office::of(Vec::new()).await;
    let google = &office.app.world.google;
    google.generate(600);
    office.sync(Kind::Full).await;
    let with_number = google.truth().iter().filter(|it| !it.phone_numbers.is_empty()).count();
    for model in Model::ALL {
        let mut phone = office.phone(model);
        let mut seen = walk_lists(&mut phone, &office.root()).await;
        assert_eq!(seen.contacts.len(), with_number, "{model:?}");
        assert!(seen.contacts.values().all(|times| *times == 1), "{model:?} found somebody twice");
        for url in seen.contacts.keys().cloned().collect::<Vec<_>>() {
            visit(&mut phone, &url, &mut seen).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_number_is_on_no_phone() {
    let mut silent = person("Silent", "Sam", "+1");
    silent.phone_numbers.clear();
    let office = Office::of(vec![silent, person("Ada", "Lovelace", &number(1))]).await;
    for model in Model::ALL {
        let mut phone = office.phone(model);
        assert_eq!(walk_lists(&mut phone, &office.root()).await.contacts.len(), 1);
        phone.open(&format!("{}/search?q=silent", office.root())).await;
        assert!(phone.text().contains("Nobody"), "{model:?}");
        phone.open(&format!("{}/search?keys=745368", office.root())).await;
        assert!(phone.text().contains("Nobody"), "{model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_labels_with_endless_names_lead_each_to_its_people() {
    let office = Office::of(Vec::new()).await;
    for at in 0..200 {
        let google = &office.app.world.google;
        let label = google.add_group(&format!("{at:03} {}<&>\u{1}", "Ordnung ".repeat(62)));
        let mut contact = person("Label", &format!("{at:03}"), &number(at));
        contact.groups.push(label);
        google.add(contact);
    }
    office.sync(Kind::Full).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        phone.choose("Labels (200)").await;
        let labels = read_list(&mut phone, &mut Seen::default()).await;
        assert_eq!(labels.len(), 200);
        assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), 200);
        for (at, label) in labels.iter().enumerate() {
            phone.open(label).await;
            assert_eq!(phone.names(), [format!("Label {at:03}")], "{model:?}");
            assert!(phone.title().starts_with(&format!("{at:03} Ordnung")), "{}", phone.title());
        }
    }
}
