//! Whose number it is, for switchboards; and searching, for programs.

use ringbook_simulator::Contact;
use serde_json::Value;

use super::{Office, called, number, person};
use crate::support::app::TestApp;
use crate::support::both::on_both;
use crate::support::phone::encoded;
use crate::support::world::World;

async fn name_of(app: &TestApp, number: &str) -> String {
    let answer = app.get(&format!("/lookup?number={}", encoded(number))).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("content-length"), answer.text.len().to_string());
    assert_eq!(answer.status, 200);
    answer.text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_finds_its_owner_however_it_is_written() {
    let mut extension = person("Reception", "", "101");
    extension.phone_numbers[0].canonical = None;
    let office = Office::of(vec![person("Åsa", "Ångström", "+46812345678"), extension]).await;
    for written in [
        "+46812345678",
        "+46 8 123 456 78",
        "0046812345678",
        "00 46-8-12345678",
        "08-12345678",
        "0812345678",
        "12345678",
        "+46 (0)8 12345678",
        "812345678",
    ] {
        assert_eq!(name_of(&office.app, written).await, "Åsa Ångström", "{written}");
    }
    assert_eq!(name_of(&office.app, "101").await, "Reception");
    // A space in a query that was meant to be a plus.
    let answer = office.app.get("/lookup?number=+46812345678").await;
    assert_eq!(answer.text, "Åsa Ångström");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_plus_in_front_of_a_number_is_one_though_a_query_means_a_blank_by_it() {
    let mut extension = person("Desk", "", "101");
    extension.phone_numbers[0].canonical = None;
    let contacts = vec![
        person("Danmark", "", "+4532123456"),
        person("Wien", "", "+4315550177"),
        person("Singapore", "", "+6561234567"),
        person("Florida", "", "+14532123456"),
        person("Morocco", "", "+212555013312"),
        person("New York", "", "+12125550133"),
        extension,
    ];
    let office = Office::with(contacts, &[("DIAL_REGION", "US")]).await;
    for (query, name) in [
        ("+4532123456", "Danmark"),
        ("+4315550177", "Wien"),
        ("+6561234567", "Singapore"),
        ("+45+32+12+34+56", "Danmark"),
        ("sip:+4532123456@pbx.example", "Danmark"),
        ("%22Wien%22+%3Csip:+4315550177@pbx.example%3E", "Wien"),
        ("tel%3A+6561234567", "Singapore"),
        ("%2B4532123456", "Danmark"),
        ("+212555013312", "Morocco"),
        // Blanks stay blanks.
        ("%204532123456", "Florida"),
        ("4532123456", "Florida"),
        ("212+555+0133", "New York"),
        ("+101", "Desk"),
        ("101+", "Desk"),
    ] {
        let answer = office.app.get(&format!("/lookup?number={query}")).await;
        assert_eq!(answer.text, name, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_is_answered_with_nothing_at_all() {
    let office = Office::of(vec![person("Ada", "", &number(1)), called("101", "+4930101")]).await;
    for nobody in [
        "+49308888888",
        "",
        "anonymous",
        "0",
        "1",
        "01",
        "000000",
        "+",
        "%00",
        "é",
        "5678901234567890",
    ] {
        assert_eq!(name_of(&office.app, nobody).await, "", "{nobody}");
    }
    for bad in
        ["/lookup", "/lookup?number=%ff", "/lookup?number", "/lookup?n=1", "/lookup?number=%"]
    {
        let answer = office.app.get(bad).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_is_given_for_another_number_with_the_same_ending() {
    let office = Office::of(vec![
        person("Berlin", "", "+493012345678"),
        person("London", "", "+442079460018"),
        person("One", "Twin", "+33142345678"),
        person("Other", "Twin", "+34142345678"),
    ])
    .await;
    for (asked, name) in [
        ("+493012345678", "Berlin"),
        ("+13012345678", ""),
        ("+12079460018", ""),
        ("2079460018", "London"),
        ("018", ""),
        ("60018", ""),
        ("5678", ""),
        ("42345678", ""),
        ("142345678", ""),
        ("+33142345678", "One Twin"),
        ("+34142345678", "Other Twin"),
    ] {
        assert_eq!(name_of(&office.app, asked).await, name, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_digits_as_the_setting_says_make_two_numbers_the_same() {
    let ada = || vec![person("Ada", "", "+493012345678")];
    let office = Office::with(ada(), &[("LOOKUP_MIN_DIGITS", "10")]).await;
    assert_eq!(name_of(&office.app, "12345678").await, "");
    assert_eq!(name_of(&office.app, "3012345678").await, "Ada");
    let office = Office::with(ada(), &[("LOOKUP_MIN_DIGITS", "4")]).await;
    assert_eq!(name_of(&office.app, "5678").await, "Ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_caller_as_json_when_it_asks_for_that() {
    let office = Office::of(vec![person("Ada", "Lovelace", "+442079460018")]).await;
    let accept = [("accept", "application/json")];
    let ask =
        async |path: &str| office.app.send(reqwest::Method::GET, path, &accept, None).await.is(200);
    let found = ask("/lookup?number=02079460018").await;
    assert_eq!(found["name"], "Ada Lovelace");
    let contact = format!("/api/contacts/{}", found["contact_id"].as_str().unwrap());
    assert_eq!(office.app.get(&contact).await.is(200)["display_name"], "Ada Lovelace");
    let nobody = ask("/lookup?number=110").await;
    assert_eq!((nobody["name"].clone(), nobody["contact_id"].clone()), (Value::Null, Value::Null));
}

fn names(found: &Value) -> Vec<&str> {
    found["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["display_name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_find_names_of_every_alphabet_as_written_and_without_accents() {
    let all = ["Łukasz", "Élodie", "Иван", "Öztürk"];
    let contacts = all.iter().enumerate().map(|(at, name)| called(name, &number(at))).collect();
    let office = Office::of(contacts).await;
    for (typed, name) in [
        ("Łukasz", "Łukasz"),
        ("lukasz", "Łukasz"),
        ("Élodie", "Élodie"),
        ("elodie", "Élodie"),
        ("Иван", "Иван"),
        ("ivan", "Иван"),
        ("Öztürk", "Öztürk"),
        ("ozturk", "Öztürk"),
        ("ukas", "Łukasz"),
    ] {
        let asked = encoded(typed);
        for path in [
            format!("/api/search?q={asked}"),
            format!("/api/contacts/search?q={asked}"),
            format!("/api/contacts/search/by-name?q={asked}"),
            format!("/api/contacts/search/by-name?name={asked}"),
        ] {
            let found = office.app.get(&path).await.is(200);
            assert_eq!(names(&found), [name], "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_all_results_says_how_many_there_are() {
    let office = Office::of(super::people(120)).await;
    let get = async |path: &str| office.app.get(path).await.is(200);
    let found = get("/api/contacts/search?q=person&limit=50&offset=100").await;
    assert_eq!((found["total_count"].clone(), names(&found).len()), (120.into(), 20));
    assert_eq!(found["has_more"], false);
    let found = get("/api/contacts/search/by-phone?q=10000&limit=7").await;
    assert_eq!((found["has_more"].clone(), names(&found).len()), (true.into(), 7));
    let beyond = get("/api/contacts/search?q=person&offset=9223372036854775807").await;
    assert_eq!((beyond["total_count"].clone(), names(&beyond).len()), (120.into(), 0));
    assert_eq!(get("/api/search?q=person").await["count"], 50, "the setting's default");
    assert_eq!(get("/api/search?q=person&limit=500").await["count"], 120);
    let nobody = get("/api/search?q=nobody").await;
    assert_eq!((nobody["count"].clone(), nobody["query"].clone()), (0.into(), "nobody".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_cannot_be_meant_is_refused_with_what_is_allowed() {
    let office = Office::of(super::people(1)).await;
    for one in ["a", "%C3%A9", "%20a%20", "", "%20%20", "e%CC%81"] {
        let detail = office.app.get(&format!("/api/search?q={one}")).await.refused(400);
        assert!(detail.contains("at least 2"), "{detail}");
    }
    for (path, word) in [
        ("/api/search", "`q`"),
        ("/api/search?q=ab&limit=0", "`limit`"),
        ("/api/search?q=ab&limit=501", "`limit`"),
        ("/api/search?q=%ff", "UTF-8"),
        ("/api/contacts/search", "`q`"),
        ("/api/contacts/search?q=ab&offset=-1", "`offset`"),
        ("/api/contacts/search/by-phone?q=", "`q`"),
    ] {
        let detail = office.app.get(path).await.refused(422);
        assert!(detail.contains(word), "{path}: {detail}");
    }
    let long = format!("/api/search?q={}", "x".repeat(201));
    office.app.get(&long).await.refused(422);
    assert_eq!(office.app.get("/api/search?q=%00%00").await.is(200)["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_by_number_says_that_it_was_the_number() {
    let office = Office::of(vec![person("Ada", "Lovelace", "+442079460018")]).await;
    let found = office.app.get("/api/search?q=%2B44%2020%207946").await.is(200);
    assert_eq!(found["results"][0]["match_type"], "phone");
    let found = office.app.get("/api/search?q=Ada%20Lovelace").await.is(200);
    let result = &found["results"][0];
    assert_eq!(
        (&result["match_type"], &result["match_field"]),
        (&"exact".into(), &"display_name".into())
    );
    let other = office.app.get("/api/contacts/search/by-phone?q=%2B1%202079460018").await.is(200);
    assert_eq!(other["total_count"], 0);
}

fn crowd() -> Vec<Contact> {
    let names =
        ["Łukasz", "Élodie", "Иван", "Öztürk", "ß", "Ada Öz", "ada öz", "王芳", "Ada\u{301}"];
    let mut crowd: Vec<Contact> =
        names.iter().enumerate().map(|(at, name)| called(name, &number(at))).collect();
    crowd.extend(super::people(20));
    crowd
}

on_both! {
    async fn a_search_finds_the_same_in_the_same_order(database) {
        let world = World::with(database, 0, &[]).await;
        for contact in crowd() {
            world.google.add(contact);
        }
        world.converge(None).await;
        let view = world.app.directory.view().await.unwrap();
        let mut lines = String::new();
        for asked in ["ada", "Łuk", "иван", "oz", "1000000", "+4930", "person 00001", "wang", "ss"] {
            let hits = world.app.directory.rules().search(&view.contacts, asked, ringbook_app::directory::Scope::Everything);
            let names: Vec<&str> = hits.iter().take(3).map(|it| view.contacts.name(it.1)).collect();
            lines.push_str(&format!("{asked}: {} {names:?}\n", hits.len()));
        }
        expect_test::expect![[r#"
            ada: 3 ["Adá", "ada öz", "Ada Öz"]
            Łuk: 1 ["Łukasz"]
            иван: 1 ["Иван"]
            oz: 3 ["ada öz", "Ada Öz", "Öztürk"]
            1000000: 19 ["Adá", "ada öz", "Ada Öz"]
            +4930: 29 ["Adá", "ada öz", "Ada Öz"]
            person 00001: 11 ["Person 000010", "Person 000011", "Person 000012"]
            wang: 1 ["王芳"]
            ss: 1 ["ß"]
        "#]].assert_eq(&lines);
    }
}
