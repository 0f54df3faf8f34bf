//! What a person at a phone sees, and where the keys lead.

use std::time::Duration;

use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::Kind;
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, CONTACTS_READONLY, Contact, Endpoint, Fault, Organization};
use ringbook_store::NewTokens;

use super::{Office, called, hostile_names, labelled, number, people, person};
use crate::support::phone::{Model, Phone, Screen};

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_hides_groups_without_anybody_or_marks_them() {
    let contacts = || vec![person("Ada", "Lovelace", &number(1)), person("Zoe", "", &number(2))];
    let office = Office::of(contacts()).await;
    let phone = office.desk(Model::Cisco8845).await;
    assert_eq!(phone.names(), ["2 ABC (1)", "9 WXYZ (1)", "Search", "Help"]);
    assert_eq!((phone.title(), phone.prompt()), ("Ringbook", "2 contacts"));

    let office = Office::with(contacts(), &[("DIRECTORY_EMPTY_GROUPS", "mark")]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    assert_eq!(phone.names().len(), 12);
    assert_eq!(&phone.names()[..3], ["1 (0)", "2 ABC (1)", "3 DEF (0)"]);
    phone.choose("3 DEF").await;
    assert_eq!((phone.title(), phone.text()), ("Nobody here", "There is nobody in this list."));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_stands_under_the_key_of_their_first_letter_whatever_the_alphabet() {
    let names = [
        ("Ada", "2 ABC"),
        ("Łukasz", "5 JKL"),
        ("Élodie", "3 DEF"),
        ("Иван", "4 GHI"),
        ("Öztürk", "6 MNO"),
        ("Жанна", "9 WXYZ"),
        ("3M", "3 DEF"),
        ("***", "0"),
    ];
    let contacts =
        names.iter().enumerate().map(|(at, (name, _))| called(name, &number(at))).collect();
    let office = Office::of(contacts).await;
    for (name, group) in names {
        let mut phone = office.desk(Model::Cisco7965).await;
        phone.choose(group).await;
        assert!(phone.names().iter().any(|it| it == name), "{name} in {:?}", phone.names());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_turned_over_by_keys_and_back() {
    let office = Office::of(people(100)).await;
    let mut phone = office.desk(Model::Cisco7965).await;
    phone.choose("7 PQRS (100)").await;
    assert_eq!((phone.prompt(), phone.items().len()), ("1-32 of 100", 32));
    let first = phone.names();
    for prompt in ["33-64 of 100", "65-96 of 100", "97-100 of 100"] {
        phone.press("Next").await;
        assert_eq!(phone.prompt(), prompt);
    }
    assert_eq!(phone.next(), None, "the last page has no Next");
    for _ in 0..3 {
        phone.press("Previous").await;
    }
    assert_eq!(phone.names(), first);
    assert!(!phone.page().headers.contains_key("refresh"), "its own key would go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_keeps_its_own_keys_turns_over_by_refresh() {
    let office = Office::of(people(100)).await;
    let mut phone = office.desk(Model::Spa504).await;
    phone.choose("7 PQRS (100)").await;
    let mut pages = 1;
    while phone.turn_over().await {
        pages += 1;
    }
    assert_eq!((pages, phone.prompt()), (4, "97-100 of 100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_as_long_as_the_setting_says() {
    let office = Office::with(people(7), &[("DIRECTORY_MAX_ENTRIES_PER_PAGE", "3")]).await;
    let mut phone = office.desk(Model::Mpp8851).await;
    phone.choose("7 PQRS (7)").await;
    let mut sizes = vec![phone.items().len()];
    while phone.turn_over().await {
        sizes.push(phone.items().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    let url = format!("{}/groups/7?page=99", office.root());
    phone.open(&url).await;
    assert_eq!(phone.prompt(), "7-7 of 7", "a page that is gone is the last one");
}

#[tokio::test(flavor = "multi_thread")]
async fn last_names_come_first_where_they_are_wanted() {
    let contacts = vec![person("Ada", "Lovelace", &number(1)), person("Zoe", "Adams", &number(2))];
    let office = Office::with(contacts, &[("DIRECTORY_NAMES", "last-first")]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    assert_eq!(&phone.names()[..2], ["2 ABC (1)", "5 JKL (1)"]);
    phone.choose("5 JKL").await;
    assert_eq!(phone.names(), ["Lovelace, Ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_shows_its_numbers_with_the_primary_one_first() {
    let mut ada = person("Ada", "Lovelace", "+442079460018");
    ada.phone_numbers = vec![
        labelled("work", "+442079460018"),
        labelled("Boathouse", "+442079460020"),
        labelled("home", "+442079460019"),
        labelled("home", "+442079460018"),
    ];
    ada.phone_numbers[0].value = "+44 (0)20 7946 0018".to_owned();
    ada.organizations =
        vec![Organization { name: "Analytical Engines".into(), ..Organization::default() }];
    let office = Office::of(vec![ada]).await;
    let mut phone = office.desk(Model::Cisco7965).await;
    phone.choose("2 ABC").await;
    phone.choose("Ada").await;
    assert_eq!((phone.title(), phone.prompt()), ("Ada Lovelace", "Analytical Engines"));
    assert_eq!(phone.dials(1), "+442079460018", "the primary number, without the zero in brackets");
    let labels: Vec<&str> = phone.entries().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(labels, ["Work", "Boathouse", "Home"], "each number once");
    phone.press("Details").await;
    assert!(phone.text().contains("Work: +44 (0)20 7946 0018"), "{}", phone.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dialled_has_no_letters_no_brackets_and_no_invisible_marks() {
    for (written, canonical, dialled) in [
        ("+44 (0)20 7946 0018", Some("+442079460018"), "+442079460018"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("1-800-FLOWERS", Some("+18003569377"), "+18003569377"),
        ("1-800-FLOWERS", None, "+18003569377"),
        ("٠١٠ ١٢٣٤ ٥٦٧٨", Some("+201012345678"), "+201012345678"),
        ("\u{202a}+49 30 1234567\u{202c}", None, "+49301234567"),
        ("+1 415-555-0132;ext=77", Some("+14155550132;ext=77"), "+14155550132,77"),
        ("+49 30 5550,12", None, "+49305550,12"),
        ("*31#06 12345678", None, "*31#0612345678"),
        ("801-520-4769 - noel cell", None, "8015204769"),
        ("101", None, "101"),
    ] {
        let mut contact = person("Ada", "Lovelace", written);
        contact.phone_numbers[0].canonical = canonical.map(str::to_owned);
        let office = Office::of(vec![contact]).await;
        let mut phone = office.desk(Model::Cisco8845).await;
        phone.choose("2 ABC").await;
        phone.choose("Ada").await;
        assert_eq!(phone.dials(1), dialled, "{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_cannot_be_dialled_is_shown_and_said_to_be_so() {
    let mut contact = person("Ada", "Lovelace", "ask the neighbour");
    contact.phone_numbers[0].canonical = None;
    let office = Office::of(vec![contact]).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        phone.choose("2 ABC (1)").await;
        phone.choose("Ada").await;
        let text = phone.text();
        assert!(text.contains("ask the neighbour") && text.contains("cannot be dialled"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_numbers_that_is_not_there_is_the_last_one() {
    let office = Office::of(vec![person("Ada", "Lovelace", &number(1))]).await;
    let mut phone = office.desk(Model::Cisco7965).await;
    phone.choose("2 ABC").await;
    phone.choose("Ada").await;
    let url = format!("{}?page=99", phone.url());
    phone.open(&url).await;
    assert_eq!((phone.entries().len(), phone.prompt()), (1, "Select a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_deleted_leaves_a_screen_that_says_so() {
    let office = Office::of(vec![
        person("Ada", "Lovelace", &number(1)),
        person("Bob", "Babbage", &number(2)),
    ])
    .await;
    let mut phone = office.desk(Model::Cisco7965).await;
    phone.choose("2 ABC (2)").await;
    let google = &office.app.world.google;
    google.delete(&google.truth()[0].resource_name).unwrap();
    let gone = phone.names();
    office.sync(Kind::Incremental).await;
    phone.select(1).await;
    assert!(phone.text().contains("no longer there"), "{gone:?}: {}", phone.text());
    phone.back().await;
    assert_eq!(phone.items().len(), 1, "and the list does without it");
}

#[tokio::test(flavor = "multi_thread")]
async fn back_passes_over_screens_that_have_nothing_to_choose() {
    let office = Office::of(vec![person("Ada", "Lovelace", &number(1))]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    phone.choose("Search").await;
    phone.types("Name", "nobody at all").submit().await;
    assert!(phone.text().contains("Nobody was found"));
    phone.back().await;
    assert!(matches!(phone.screen(), Screen::Input { .. }), "the form, to try again");
    phone.open(&format!("{}/contacts/gone", office.root())).await;
    phone.open(&format!("{}/no/such/page", office.root())).await;
    phone.back().await;
    assert!(matches!(phone.screen(), Screen::Input { .. }));
    phone.press("Exit").await;
    assert_eq!(phone.title(), "Ringbook");
    phone.choose("2 ABC").await;
    phone.choose("Ada").await;
    phone.press("Details").await;
    phone.back().await;
    assert_eq!(phone.dials(1), number(1), "what one can read is not passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_and_labels_have_lists_of_their_own() {
    let office = Office::of(Vec::new()).await;
    let google = &office.app.world.google;
    let (board, choir) = (google.add_group("Board & Co"), google.add_group("Chœur Ж"));
    let with = |name: &str, at: usize, groups: &[&str]| {
        let mut contact = person(name, "", &number(at));
        contact.groups.extend(groups.iter().map(|it| (*it).to_owned()));
        contact
    };
    google.add(with("Ada", 1, &["starred", &board]));
    google.add(with("Bob", 2, &[&board, &choir]));
    let mut silent = with("Silent", 3, &["starred", &choir]);
    silent.phone_numbers.clear();
    google.add(silent);
    office.sync(Kind::Full).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        phone.choose("Favourites (1)").await;
        assert_eq!(phone.names(), ["Ada"]);
        phone.directories(&office.root()).await;
        phone.choose("Labels (2)").await;
        phone.choose("Board & Co (2)").await;
        assert_eq!(
            (phone.title(), phone.names()),
            ("Board & Co", vec!["Ada".into(), "Bob".into()])
        );
        phone.directories(&office.root()).await;
        phone.choose("Labels").await;
        phone.select(2).await;
        assert_eq!(phone.names(), ["Bob"], "who has no number is not in a label's list");
        let title = if model == Model::Cisco7940 { "Choeur Zh" } else { "Chœur Ж" };
        assert_eq!(phone.title(), title);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_phone_reads_every_name_in_letters_that_it_has() {
    let mut contacts: Vec<Contact> = ["Łukasz", "Élodie", "Жанна", "Ξένος"]
        .iter()
        .enumerate()
        .map(|(at, name)| called(name, &number(at)))
        .collect();
    contacts.push(called("王芳", &number(9)));
    let office = Office::of(contacts).await;
    let mut phone = office.desk(Model::Cisco7940).await;
    let mut names = Vec::new();
    for group in 0..3 {
        phone.select(group + 1).await;
        names.extend(phone.names());
        phone.back().await;
    }
    assert_eq!(names, ["Élodie", "Lukasz", "Xenos", "Zhanna", "WangFang"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_with_control_characters_leaves_its_group_as_it_was() {
    let mut contacts = people(5);
    contacts.push(called("P\u{0}eter\u{b}\u{1f}", &number(77)));
    let office = Office::of(contacts).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        phone.choose("7 PQRS (6)").await;
        assert!(phone.names().contains(&"Peter".to_owned()), "{:?}", phone.names());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_name_can_be_opened_and_dialled() {
    let names = hostile_names();
    let contacts = names.iter().enumerate().map(|(at, name)| called(name, &number(at))).collect();
    let office = Office::of(contacts).await;
    for model in Model::ALL {
        let mut dialled = Vec::new();
        let mut desk = office.desk(model).await;
        let groups: Vec<String> = desk.items().iter().map(|it| it.url.clone()).collect();
        for group in groups.iter().filter(|it| it.contains("/groups/")) {
            desk.open(group).await;
            for line in 0..desk.items().len() {
                let mut phone = office.phone(model);
                phone.open(group).await;
                phone.select(line + 1).await;
                dialled.push(phone.dials(1).to_owned());
            }
        }
        dialled.sort();
        assert_eq!(dialled, (0..names.len()).map(number).collect::<Vec<_>>(), "{model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_synced_again_is_never_half_empty() {
    let office = Office::with(people(60), &[("SYNC_BATCH_SIZE", "10")]).await;
    let world = &office.app.world;
    let slow = Fault::new(Action::Delay { ms: 30 }).on(Endpoint::List).forever();
    world.google.add_fault(slow);
    world.google.add(person("Person", "new", &number(99)));
    let mut phone = office.desk(Model::Cisco8845).await;
    assert_eq!(phone.prompt(), "60 contacts");
    let started = world.start(Some(Kind::Full)).await.unwrap();
    let root = office.root();
    let mut done = std::pin::pin!(started.finished());
    let mut looks = 0;
    loop {
        tokio::select! {
            biased;
            _ = &mut done => break,
            () = look(&phone, &root) => looks += 1,
        }
    }
    assert!(looks > 3, "{looks}");
    // A busy machine may take longer to make the next directory than a phone is kept waiting for it.
    while phone.prompt() != "61 contacts" {
        phone.directories(&office.root()).await;
        assert!(["60 contacts", "61 contacts"].contains(&phone.prompt()), "{}", phone.prompt());
    }
}

async fn look(phone: &Phone, root: &str) {
    // One that is cut off in the middle of an answer would read the rest of it as the next one.
    let mut fresh = phone.another();
    fresh.directories(root).await;
    assert!(["60 contacts", "61 contacts"].contains(&fresh.prompt()), "{}", fresh.prompt());
}

/// A second account with a book of its own, synced.
async fn second_account(office: &Office, contacts: Vec<Contact>) {
    let world = &office.app.world;
    world.google.switch_user("other@example.com", 0, false);
    for contact in contacts {
        world.google.add(contact);
    }
    let tokens = world.google.grant(&[CONTACTS_READONLY.to_owned()]);
    let tokens = NewTokens {
        access_token: tokens.access_token.into(),
        expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
        refresh_token: Some(tokens.refresh_token.into()),
        refresh_expires_at: None,
        scopes: vec![CONTACTS_READONLY.to_owned()],
    };
    let account = world.app.store.connect(None, None, &tokens).await.unwrap();
    let mut wish = world.wish(Some(Kind::Full));
    wish.account = account;
    world.app.supervisor.start(&wish).await.unwrap().finished().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_two_accounts_shows_once_with_all_numbers_where_that_is_wanted() {
    for (merge, total) in [("true", "3 contacts"), ("false", "4 contacts")] {
        let settings = [("DIRECTORY_MERGE_DUPLICATES", merge)];
        let ada = person("Ada", "Lovelace", "+442079460018");
        let desk = person("Bob", "Desk", "+442079460000");
        let office = Office::with(vec![ada.clone(), desk], &settings).await;
        let mut other = ada;
        other.phone_numbers.push(labelled("home", "+442079460019"));
        // The same switchboard, and another name.
        let switchboard = person("Cy", "Other", "+442079460000");
        second_account(&office, vec![other, switchboard]).await;
        let mut phone = office.desk(Model::Cisco7965).await;
        assert_eq!(phone.prompt(), total);
        phone.choose("2 ABC").await;
        phone.choose("Ada").await;
        let numbers: Vec<&str> = phone.entries().iter().map(|it| it.telephone.as_str()).collect();
        if merge == "true" {
            assert_eq!(numbers, ["+442079460018", "+442079460019"]);
        } else {
            assert_eq!(numbers, ["+442079460018"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_the_same_name_in_two_accounts_have_each_their_own_people() {
    let office = Office::of(Vec::new()).await;
    let google = office.app.world.google.clone();
    let member = |name: &str, at: usize, group: String| {
        let mut contact = person(name, "", &number(at));
        contact.groups.push(group);
        contact
    };
    google.add(member("Ada", 1, google.add_group("Friends")));
    office.sync(Kind::Full).await;
    google.switch_user("other@example.com", 0, false);
    let bob = member("Bob", 2, google.add_group("Friends"));
    second_account(&office, vec![bob]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    phone.choose("Labels (2)").await;
    let mut members = Vec::new();
    for line in 1..=2 {
        phone.select(line).await;
        members.extend(phone.names());
        phone.back().await;
    }
    members.sort();
    assert_eq!(members, ["Ada", "Bob"]);
}
