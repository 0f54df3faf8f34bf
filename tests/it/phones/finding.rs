//! Searching at a phone.

use super::{Office, called, labelled, number, people, person};
use crate::support::phone::{Model, Phone, Screen};

async fn crowd() -> Office {
    let mut contacts: Vec<_> = ["Łukasz", "Élodie", "Иван", "Öztürk", "Иванна Öz"]
        .iter()
        .enumerate()
        .map(|(at, name)| called(name, &number(at)))
        .collect();
    contacts.push(person("José", "Muñoz", "+34911234567"));
    contacts.push(person("Josephine", "Baker", "+33142345678"));
    contacts.push(person("Majo", "Sé", "+33142345670"));
    Office::of(contacts).await
}

async fn search(phone: &mut Phone, root: &str, field: &str, text: &str) -> Vec<String> {
    phone.open(&format!("{root}/search")).await;
    phone.types(field, text).submit().await;
    match phone.screen() {
        Screen::Menu { .. } => phone.names(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_as_written_and_without_their_accents() {
    let office = crowd().await;
    for model in [Model::Cisco7965, Model::Spa504] {
        let mut phone = office.desk(model).await;
        for (typed, first) in [
            ("Łukasz", "Łukasz"),
            ("lukasz", "Łukasz"),
            ("Élodie", "Élodie"),
            ("elod", "Élodie"),
            ("Иван", "Иван"),
            ("ivan", "Иван"),
            ("Öztürk", "Öztürk"),
            ("ozturk", "Öztürk"),
            ("munoz jose", "José Muñoz"),
        ] {
            let found = search(&mut phone, &office.root(), "Name", typed).await;
            assert_eq!(found.first().map(String::as_str), Some(first), "{typed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_by_one_press_for_each_letter() {
    let office = crowd().await;
    let mut phone = office.desk(Model::Cisco7965).await;
    let found = search(&mut phone, &office.root(), "By keys", "5673").await;
    assert_eq!(found, ["José Muñoz", "Josephine Baker"]);
    let found = search(&mut phone, &office.root(), "By keys", "5673068669").await;
    assert_eq!(found, ["José Muñoz"], "a 0 stands for the gap between two words");
    let found = search(&mut phone, &office.root(), "By keys", "567368669").await;
    assert_eq!(found, ["José Muñoz"], "which nobody has to type");
    assert!(search(&mut phone, &office.root(), "By keys", "5673999").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_found_by_a_part_and_never_in_another_country() {
    let office = Office::of(vec![
        person("Berlin", "", "+493012345678"),
        person("Bethesda", "", "+13012345678"),
        person("Short", "", "+4930101"),
    ])
    .await;
    let mut phone = office.desk(Model::Cisco8845).await;
    let mut found = async |typed: &str| search(&mut phone, &office.root(), "Name", typed).await;
    assert_eq!(found("3012345678").await, ["Berlin", "Bethesda"], "no country was named");
    assert_eq!(found("+49 30 12345678").await, ["Berlin"]);
    assert_eq!(found("+1 301 2345678").await, ["Bethesda"]);
    assert_eq!(found("+49 30 1234").await, ["Berlin"]);
    assert_eq!(found("0049 30 101").await, ["Short"]);
    assert_eq!(found("030 101").await, ["Short"], "the zero before an area is nobody's");
    assert!(found("+44 12345678").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_a_search_are_there() {
    let office = Office::of(people(100)).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        let mut found = search(&mut phone, &office.root(), "Name", "person").await;
        assert_eq!(phone.prompt(), "1-32 of 100");
        while phone.turn_over().await {
            found.extend(phone.names());
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 100, "{model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_phone_has_its_own_recent_searches() {
    let office = crowd().await;
    let server = office.app.address;
    let mut one = Phone::at("127.0.0.2", Model::Cisco7965, server);
    let mut other = Phone::at("127.0.0.3", Model::Cisco7965, server);
    for text in ["jose", "ivan", "jose", "nobody at all"] {
        search(&mut one, &office.root(), "Name", text).await;
    }
    search(&mut one, &office.root(), "By keys", "5673").await;
    search(&mut other, &office.root(), "Name", "baker").await;
    one.open(&format!("{}/search", office.root())).await;
    one.press("Recent").await;
    assert_eq!(one.names(), ["5673", "jose", "ivan"], "each once, and none that found nobody");
    one.select(2).await;
    assert_eq!(one.names(), ["José Muñoz", "Josephine Baker"]);
    other.open(&format!("{}/search", office.root())).await;
    other.press("Recent").await;
    assert_eq!(other.names(), ["baker"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_behind_one_proxy_have_each_their_own_recent_searches() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.0/8")];
    let office = Office::with(vec![person("Ada", "", &number(1))], &settings).await;
    let behind = |ip: &str| office.phone(Model::Cisco8845).sends("X-Forwarded-For", ip);
    let mut one = behind("10.0.0.1");
    search(&mut one, &office.root(), "Name", "ada").await;
    let mut other = behind("10.0.0.2");
    other.open(&format!("{}/search/recent", office.root())).await;
    assert!(other.text().contains("Nothing was searched"));
    one.open(&format!("{}/search/recent", office.root())).await;
    assert_eq!(one.names(), ["ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_several_numbers_is_found_once() {
    let mut ada = person("Ada", "Ada", "+442079460018");
    ada.phone_numbers.push(labelled("home", "+442079460019"));
    ada.nicknames = vec!["Ada".to_owned(), "Adaline".to_owned()];
    let office = Office::of(vec![ada]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    for (field, text) in [("Name", "ada"), ("Name", "20794600"), ("By keys", "232")] {
        let found = search(&mut phone, &office.root(), field, text).await;
        assert_eq!(found, ["Ada Ada"], "{text}");
    }
}
