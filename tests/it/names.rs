//! What contacts are called, how they are ordered, and by which spellings they are found.

use ringbook_app::config::DatabaseUrl;
use ringbook_core::sync::Kind;
use ringbook_simulator::{Contact, Name, Organization, PhoneNumber};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::both::on_both;
use crate::support::phone::{Model, Phone, Screen, encoded};
use crate::support::world::World;

/// A number with what it is called.
fn number(value: &str, label: &str) -> PhoneNumber {
    PhoneNumber { value: value.to_owned(), canonical: None, label: Some(label.to_owned()) }
}

fn called(name: &str, number: &str) -> Contact {
    let mut contact = Contact::named("", "", number);
    contact.name = Some(Name { unstructured: name.to_owned(), ..Name::default() });
    contact
}

async fn app_with(contacts: Vec<Contact>, settings: &[(&str, &str)]) -> TestApp {
    let app = TestApp::with(0, settings).await;
    for contact in contacts {
        app.world.google.add(contact);
    }
    app.post("/api/sync").await.is(200);
    app
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items.map(|it| it[field].as_str().unwrap_or_default().to_owned()).collect()
}

async fn script(world: &World, sql: &str) {
    match &world.app.config.database_url {
        DatabaseUrl::Sqlite { path } => {
            rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
        }
        DatabaseUrl::Postgres { url } => {
            let (client, connection) =
                tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        }
    }
}

on_both! {
    async fn contacts_that_an_older_version_stored_are_brought_into_the_normal_form(database) {
        let world = World::new(database, 0).await;
        let mut zoe = Contact::named("Zo\u{eb}", "Quist", "+49 30 123456");
        zoe.phone_numbers.push(number("see notes", "main"));
        zoe.phone_numbers.push(number("12:30", "other"));
        world.google.add(zoe);
        let mut unseen = called("\u{3164}", "+49 30 654321");
        unseen.organizations.push(Organization { name: "City Taxi".into(), ..Organization::default() });
        world.google.add(unseen);
        world.google.add(Contact::named("Bob", "", "+49 30 7"));
        world.sync(Some(Kind::Full)).await;
        // As it was before: loose marks, raw labels, a blank name, and words counted as a number.
        let old = "
            update contact_content set content = replace(content, 'Zo\u{eb}', 'Zoe\u{308}');
            update contact_content set content = replace(content, '\"main\"', '\"_$!<Main>!$_\"');
            update contact set display_name = 'Zoe\u{308} Quist', phones = 2 where display_name = 'Zo\u{eb} Quist';
            update contact set display_name = '\u{3164}' where display_name = 'City Taxi';
            update account set phones = phones + 1;
            update install set content_form = 0;";
        script(&world, old).await;
        let upgraded = world.other_process().await;
        let rows = upgraded.store.contacts_after(ringbook_store::ContactId(0), 10).await.unwrap();
        let mut names: Vec<&str> = rows.iter().map(|it| it.display_name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["Bob", "City Taxi", "Zo\u{eb} Quist"]);
        let zoe = rows.iter().find(|it| it.display_name.starts_with('Z')).unwrap();
        assert_eq!(zoe.content.names.given, "Zo\u{eb}");
        let kinds: Vec<&str> = zoe.content.phones.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(kinds, ["mobile", "main", "other"]);
        let counts = world.status().await.counts;
        assert_eq!((counts.phones, counts.with_phone), (3, 3));
        // Nothing of it is a change at Google.
        let run = world.sync(Some(Kind::Full)).await;
        assert_eq!((run.counts.unchanged, run.counts.updated), (3, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_get_names_by_the_alphabet_of_the_language_and_numbers_in_googles_order() {
    let mut zoe = called("Zoe\u{308}", "+46 8 100");
    zoe.phone_numbers = ["+46 8 101", "+46 8 103", "callto:zoe77", "+46 8 102", "+46 8 100"]
        .into_iter()
        .zip(["work", "mobile", "home", "homeFax", "_$!<Main>!$_"])
        .map(|(value, label)| number(value, label))
        .collect();
    let names = ["Ängla", "Anna", "Åsa", "Öst", "Bo"];
    let mut contacts: Vec<Contact> = names.iter().map(|it| called(it, "+46 8 1")).collect();
    contacts.push(zoe);
    contacts.extend((0..30).map(|at| called(&format!("Carl {at:02}"), "+46 8 2")));
    let app = app_with(contacts, &[("DIRECTORY_LOCALE", "sv")]).await;
    let first = app.get("/api/contacts").await.is(200);
    assert_eq!(
        (first["limit"].as_u64(), first["contacts"].as_array().unwrap().len()),
        (Some(30), 30)
    );
    assert_eq!((first["total"].as_u64(), first["has_more"].as_bool()), (Some(36), Some(true)));
    let all = app.get("/api/contacts?limit=100").await.is(200);
    let all = texts(&all["contacts"], "display_name");
    assert_eq!(all[..2], ["Anna", "Bo"]);
    assert_eq!(all[32..], ["Zo\u{eb}", "Åsa", "Ängla", "Öst"]);
    let a = app.get("/api/contacts?group=A").await.is(200);
    assert_eq!(texts(&a["contacts"], "display_name"), ["Anna", "Åsa", "Ängla"]);
    assert_eq!(a["total"], 3);
    let end = app.get("/api/contacts?offset=35").await.is(200);
    assert_eq!(
        (texts(&end["contacts"], "display_name"), &end["has_more"]),
        (vec!["Öst".to_owned()], &Value::from(false))
    );

    let zoe = app.get("/api/search?q=zoe").await.is(200)["results"][0].clone();
    let numbers = &zoe["phone_numbers"];
    let values = texts(numbers, "display_value");
    assert_eq!(values, ["+46 8 101", "+46 8 103", "callto:zoe77", "+46 8 102", "+46 8 100"]);
    assert_eq!(texts(numbers, "type"), ["work", "mobile", "home", "homeFax", "main"]);
    let is_number: Vec<&Value> =
        numbers.as_array().unwrap().iter().map(|it| &it["is_number"]).collect();
    assert_eq!(is_number, [true, true, false, true, true]);
    let stats = app.get("/api/contacts/stats").await.is(200);
    assert_eq!(stats["total_phone_numbers"], 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_customary_spelling_finds_a_name_everywhere() {
    let names = [
        "Anna Möller",
        "Karl Goethe",
        "Per J\u{f8}rgensen",
        "Ole Joergensen",
        "Siv Jorgensen",
        "Jean D\u{2019}Arcy",
        "Shaun O'Neil",
        "Jean-Luc Petit",
        "Ian St. John",
        "Ivo Đokovi\u{107}",
        "Kim Weiß",
    ];
    let contacts = names.iter().enumerate().map(|(at, it)| called(it, &format!("+4930100{at:02}")));
    let app = app_with(contacts.collect(), &[]).await;
    let mut phone = Phone::new(Model::Cisco8845, app.address);
    for (typed, found) in [
        ("Moeller", vec![0]),
        ("Mo\u{308}ller", vec![0]),
        ("MÖLLER", vec![0]),
        ("Göthe", vec![1]),
        ("Joergensen", vec![2, 3]),
        ("Jørgensen", vec![2, 3, 4]),
        ("Jorgensen", vec![2, 4]),
        ("Jørgensen Per", vec![2]),
        ("D'Arcy", vec![5]),
        ("darcy", vec![5]),
        ("arcy", vec![5]),
        ("O\u{2019}Neil", vec![6]),
        ("Djokovic", vec![9]),
        ("Weiss", vec![10]),
    ] {
        let wanted: Vec<&str> = found.iter().map(|at| names[*at]).collect();
        let api = app.get(&format!("/api/search?q={}", encoded(typed))).await.is(200);
        let mut by_api = texts(&api["results"], "display_name");
        by_api.sort_unstable();
        let mut sorted = wanted.clone();
        sorted.sort_unstable();
        assert_eq!(by_api, sorted, "{typed}");
        phone.open(&format!("{}?q={}", app.url("/directory/search"), encoded(typed))).await;
        let mut on_phone = phone.names();
        on_phone.sort_unstable();
        assert_eq!(on_phone, sorted, "{typed} on a phone");
        let page = app.get(&format!("/contacts?q={}", encoded(typed))).await.text;
        let count = wanted.len();
        let words =
            if count == 1 { ">1 contact<".to_owned() } else { format!(">{count} contacts<") };
        assert!(page.contains(&words), "{typed} in the dashboard");
    }
    // One press for each letter; 1 for an apostrophe, a dot, a hyphen.
    for (keys, found) in [
        ("6635537", vec![0]),
        ("663557", vec![]),
        ("3127 29", vec![5]),
        ("32729", vec![5]),
        ("616345", vec![6]),
        ("5326158", vec![7]),
        ("532601582", vec![]),
        ("532 658 20", vec![7]),
        ("781 5646", vec![8]),
        ("7811 5646", vec![8]),
        ("7810 5646", vec![8]),
        ("78 5646", vec![8]),
    ] {
        let keys: String = keys.chars().filter(char::is_ascii_digit).collect();
        let wanted: Vec<&str> = found.iter().map(|at| names[*at]).collect();
        phone.open(&format!("{}?keys={keys}", app.url("/directory/search"))).await;
        let found = match phone.screen() {
            Screen::Menu { .. } => phone.names(),
            _ => Vec::new(),
        };
        assert_eq!(found, wanted, "{keys}");
    }
    let by_number = "/api/search?q=4930100";
    assert_eq!(app.get(by_number).await.is(200)["count"], names.len());
    for (word, count) in [("false", 0), ("False", 0), ("0", 0), ("true", names.len())] {
        let answer = app.get(&format!("{by_number}&include_phone_search={word}")).await.is(200);
        assert_eq!(answer["count"], count, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_show_what_their_charset_has_and_nobody_without_a_name() {
    let mut unseen = called("\u{2060}\u{3164}", "+49 30 10001");
    unseen.organizations.push(Organization { name: "City Taxi".into(), ..Organization::default() });
    let contacts = vec![
        unseen,
        called("Zoe\u{308} 😀 Quist", "+49 30 10002"),
        called("Nguyễn Thế", "+49 30 10003"),
        called("Bar 🏴\u{E0067}\u{E0062}\u{E007F} 1\u{FE0F}\u{20E3} ❤\u{FE0F}", "+49 30 10004"),
    ];
    let app = app_with(contacts, &[]).await;
    let list = format!("{}?q=4930", app.url("/directory/search"));
    let mut latin = Phone::new(Model::Cisco7940, app.address);
    latin.open(&list).await;
    let mut shown = latin.names();
    shown.sort_unstable();
    assert_eq!(shown, ["Bar", "City Taxi", "Nguyên Thê", "Zo\u{eb} Quist"]);
    let mut new = Phone::new(Model::Cisco8845, app.address);
    new.open(&list).await;
    assert!(new.names().contains(&"Zo\u{eb} 😀 Quist".to_owned()), "{:?}", new.names());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fax_machines_come_last_on_phones_or_not_at_all() {
    let contacts = || {
        let mut ada = Contact::named("Ada", "Lovelace", "");
        ada.phone_numbers = ["101", "102", "103", "104", "105"]
            .into_iter()
            .zip(["workFax", "pager", "work", "Telefax", "mobile"])
            .map(|(value, label)| number(value, label))
            .collect();
        let mut fax = Contact::named("Fax", "Only", "");
        fax.phone_numbers = vec![number("106", "homeFax")];
        let mut one = Contact::named("Grace", "Hopper", "");
        one.phone_numbers = vec![number("Fax 0221 7654322, Tel. 0221 7654321", "work")];
        vec![ada, fax, one]
    };
    for (setting, wanted) in
        [("last", vec!["103", "105", "101", "102", "104"]), ("hide", vec!["103", "105"])]
    {
        let app = app_with(contacts(), &[("DIRECTORY_FAX_NUMBERS", setting)]).await;
        let mut phone = Phone::new(Model::Cisco8845, app.address);
        phone.open(&format!("{}?q=lovelace", app.url("/directory/search"))).await;
        phone.select(1).await;
        let dialled: Vec<String> =
            (1..=wanted.len()).map(|at| phone.dials(at).to_owned()).collect();
        assert_eq!(dialled, wanted, "{setting}");
        assert_eq!(phone.entries().len(), wanted.len(), "{setting}");
        phone.open(&format!("{}?q=hopper", app.url("/directory/search"))).await;
        phone.select(1).await;
        assert_eq!(phone.dials(1), "02217654321", "{setting}");
        assert_eq!(phone.entries().len(), if setting == "hide" { 1 } else { 2 }, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_names_stand_under_the_letter_that_the_language_has_them_under() {
    let people = || {
        vec![
            Contact::named("Jan", "van der Berg", "+31 20 1000001"),
            Contact::named("Piet", "Vos", "+31 20 1000002"),
            Contact::named("Ann", "Adema", "+31 20 1000003"),
        ]
    };
    for (locale, particles, wanted) in [
        ("nl", "by-language", ["Adema, Ann", "Berg, Jan van der", "Vos, Piet"]),
        ("nl-BE", "by-language", ["Adema, Ann", "van der Berg, Jan", "Vos, Piet"]),
        ("nl", "in-front", ["Adema, Ann", "van der Berg, Jan", "Vos, Piet"]),
        ("en", "behind", ["Adema, Ann", "Berg, Jan van der", "Vos, Piet"]),
    ] {
        let settings = [
            ("DIRECTORY_LOCALE", locale),
            ("DIRECTORY_NAMES", "last-first"),
            ("DIRECTORY_NAME_PARTICLES", particles),
        ];
        let app = app_with(people(), &settings).await;
        let mut phone = Phone::new(Model::Cisco8845, app.address);
        phone.open(&format!("{}?keys=", app.url("/directory/groups/2ABC"))).await;
        let on_two = if particles == "behind" || (locale, particles) == ("nl", "by-language") {
            2
        } else {
            1
        };
        assert_eq!(phone.names(), wanted[..on_two], "{locale} {particles}");
        // As it is shown, as it is spoken, and by the name alone.
        for keys in ["8670 7438", "8677438", "7438 0867", "867"] {
            let keys: String = keys.chars().filter(char::is_ascii_digit).collect();
            phone.open(&format!("{}?keys={keys}", app.url("/directory/search"))).await;
            assert_eq!(phone.names(), ["Vos, Piet"], "{keys}");
        }
        for typed in ["Vos, Piet", "vos piet", "Piet Vos"] {
            phone.open(&format!("{}?q={}", app.url("/directory/search"), encoded(typed))).await;
            assert_eq!(phone.names(), ["Vos, Piet"], "{typed}");
        }
        let api = app.get("/api/contacts").await.is(200);
        let families = texts(&api["contacts"], "family_name");
        assert_eq!(families, ["Adema", "van der Berg", "Vos"], "{locale} {particles}");
    }
}
