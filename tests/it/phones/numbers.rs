//! One reading of numbers: what is dialled, who is calling and what is found follow from the same.

use ringbook_simulator::{Contact, Organization, PhoneNumber};

use super::{Office, person};
use crate::support::phone::{Model, Screen, encoded};

/// A contact with one field for a number, as somebody typed it.
fn with(name: &str, typed: &str, canonical: Option<&str>) -> Contact {
    let mut contact = person(name, "", "");
    contact.phone_numbers = vec![PhoneNumber {
        value: typed.to_owned(),
        canonical: canonical.map(str::to_owned),
        label: Some("work".to_owned()),
    }];
    contact
}

fn of(company: &str, name: &str, number: &str) -> Contact {
    let organization = Organization { name: company.to_owned(), ..Organization::default() };
    Contact { organizations: vec![organization], ..person(name, "", number) }
}

impl Office {
    async fn caller(&self, number: &str) -> String {
        self.app.get(&format!("/lookup?number={}", encoded(number))).await.text
    }

    /// Whoever is found on all four ways: on a phone by text and by keys, in the API, on the dashboard.
    async fn found(&self, asked: &str) -> [bool; 4] {
        let typed = encoded(asked);
        let digits: String = asked.chars().filter(char::is_ascii_digit).collect();
        let api = self.app.get(&format!("/api/contacts/search/by-phone?q={typed}")).await.is(200);
        let text = self.app.get(&format!("/directory/search?q={typed}")).await.text;
        let keys = self.app.get(&format!("/directory/search?keys={digits}")).await.text;
        let page = self.app.get(&format!("/contacts?q={typed}")).await.text;
        [
            text.contains("Zelda"),
            digits.is_empty() || keys.contains("Zelda"),
            api["results"].to_string().contains("Zelda"),
            page.contains("Zelda"),
        ]
    }

    async fn dials(&self) -> Vec<String> {
        let mut phone = self.desk(Model::Cisco8845).await;
        phone.choose("9 WXYZ").await;
        phone.choose("Zelda").await;
        // Where nothing can be dialled, the numbers are a text.
        match phone.screen() {
            Screen::Directory { entries, .. } => {
                entries.iter().map(|it| it.telephone.clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

const AUSTRIA: &[(&str, &str)] = &[("DIAL_REGION", "AT")];

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_number_is_the_same_to_dial_to_be_called_by_and_to_find() {
    let spellings = [
        "+43 660 1234567",
        "+436601234567",
        "0660 1234567",
        "0660/1234567",
        "0660-123 45 67",
        "0660.1234567",
        "(0660) 1234567",
        "0043 660 1234567",
        "00 43 660 1234567",
        "+43 (0) 660 1234567",
        "+43 0 660 1234567",
        "0043 (0) 660 1234567",
        "+43(0)660/123 45 67",
        "43 660 1234567",
        "＋４３　６６０　１２３４５６７",
        "٠٦٦٠ ١٢٣٤٥٦٧",
        "\u{202a}+43 660 1234567\u{202c}",
        "+43\u{a0}660\u{202f}123\u{2009}45\u{200b}67",
        "+43–660–1234567",
        "+43‑660‑1234567",
        "tel:+43-660-1234567",
        "Tel. 0660 1234567",
        "mobil: 0660 1234567 (privat)",
    ];
    for typed in spellings {
        let office = Office::with(vec![with("Zelda", typed, None)], AUSTRIA).await;
        assert_eq!(office.dials().await, ["+436601234567"], "{typed}");
        for asked in ["+436601234567", "06601234567", "0043 660 1234567", typed] {
            assert_eq!(office.caller(asked).await, "Zelda", "{typed:?} called as {asked:?}");
            assert_eq!(office.found(asked).await, [true; 4], "{typed:?} searched by {asked:?}");
        }
    }
    let office = Office::with(vec![with("Zelda", "+43 660 1234567", None)], AUSTRIA).await;
    for asked in spellings {
        assert_eq!(office.caller(asked).await, "Zelda", "{asked:?}");
        assert_eq!(office.found(asked).await, [true; 4], "{asked:?}");
    }
    // The extension and the tones are the callee's business; the caller has none.
    for typed in [
        "+43 660 1234567 ext. 12",
        "0660 1234567 x12",
        "tel:+43-660-1234567;ext=12",
        "0660 1234567 Klappe 12",
    ] {
        let office = Office::with(vec![with("Zelda", typed, None)], AUSTRIA).await;
        assert_eq!(office.dials().await, ["+436601234567,12"], "{typed}");
        assert_eq!(office.caller("+436601234567").await, "Zelda", "{typed}");
        // Among keys there is nothing to tell an extension by.
        let [text, _, api, page] = office.found(typed).await;
        assert_eq!([text, api, page], [true; 3], "{typed}");
        assert_eq!(office.found("0660 1234567").await, [true; 4], "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_found_as_it_stands_in_the_contact_and_as_one_dials_it() {
    for (region, stands, asked) in [
        ("US", "+43 1 5550177", &["011 43 1 5550177", "011431555", "0043 1 5550177"][..]),
        ("RU", "+43 1 5550177", &["8 10 43 1 5550177", "8~10 43 1 5550177"]),
        ("AU", "1-800-GO-CARS", &["1800 462 277", "1800 GO CARS", "1800 go cars"]),
        ("AT", "*31#0660 1234567", &["0660 1234567", "+43 660 123"]),
        ("AT", "0221 7654321, 0160 1234567", &["0160 1234567"]),
        ("AT", "callto:zelda77", &[]),
        ("AT", "22#", &[]),
        ("AT", "sip:zelda77@pbx.example", &[]),
        ("", "0660 1234567", &["0660 1234567", "660 123"]),
    ] {
        let settings: &[(&str, &str)] =
            if region.is_empty() { &[] } else { &[("DIAL_REGION", region)] };
        let office = Office::with(vec![with("Zelda", stands, None)], settings).await;
        for asked in asked.iter().chain([&stands]) {
            let [text, keys, api, page] = office.found(asked).await;
            // Letters, codes and two numbers at once cannot be typed as keys.
            let plain = !asked.contains(|c: char| c.is_alphabetic() || "*#,".contains(c));
            assert!(text && page && (keys || !plain), "{asked} in {region}: {text} {keys} {page}");
            assert!(api || !plain, "{asked} in {region}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_numbers_of_one_field_are_listed_and_known_each() {
    for between in [
        ", ", "; ", " / ", " ::: ", "\n", "  ", "\t", "\u{B}", "\u{C}", "\u{85}", "\u{2028}",
        " - ", "\\",
    ] {
        let typed = format!("0221 7654321{between}0160 1234567");
        let settings = &[("DIAL_REGION", "DE")];
        let office =
            Office::with(vec![with("Zelda", &typed, Some("+492217654321"))], settings).await;
        assert_eq!(office.dials().await, ["+492217654321", "+491601234567"], "{typed:?}");
        for number in ["+492217654321", "+491601234567", "01601234567"] {
            assert_eq!(office.caller(number).await, "Zelda", "{typed:?} {number}");
        }
        let found = office.app.get("/api/search?q=Zelda").await.is(200);
        let numbers = &found["results"][0]["phone_numbers"][0];
        assert_eq!(numbers["value"], "+492217654321");
        assert_eq!(numbers["numbers"], serde_json::json!(["+492217654321", "+491601234567"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_is_not_dialled_and_names_nobody() {
    for (typed, caller) in [
        ("callto:maxi77", "77"),
        ("wa.me/marta42", "42"),
        ("signal:tom9", "9"),
        ("6.04E+11", "604"),
        ("31.12.1999", "31121999"),
        ("sip:zelda77@pbx.example", "77"),
    ] {
        let office = Office::with(vec![with("Zelda", typed, None)], AUSTRIA).await;
        assert_eq!(office.dials().await.concat(), "", "{typed}");
        assert_eq!(office.caller(caller).await, "", "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_known_by_the_one_reading_of_both_numbers() {
    for (settings, stands, canonical, caller, name) in [
        (&[("DIAL_REGION", "US")][..], "555-0177", None, "+43 1 5550177", ""),
        (&[("DIAL_REGION", "US")], "555-0177", None, "+1 212 555 0177", "Zelda"),
        (&[("DIAL_REGION", "AT")], "205", Some("+43205"), "205", "Zelda"),
        (&[("DIAL_REGION", "AT")], "7654321", Some("+437654321"), "7654321", "Zelda"),
        (&[("DIAL_REGION", "AT")], "+43 0 660 1234567", None, "+436601234567", "Zelda"),
        (&[("DIAL_REGION", "AT")], "*31#0660 1234567", None, "+436601234567", "Zelda"),
        (&[("DIAL_REGION", "AT")], "*97", None, "97", ""),
        (&[], "+52 33 1234 5678", None, "+5213312345678", "Zelda"),
        (&[], "+52 1 33 1234 5678", None, "+523312345678", "Zelda"),
        (&[], "+54 9 11 2345-6789", None, "+541123456789", "Zelda"),
        (&[], "+54 11 2345-6789", None, "+5491123456789", "Zelda"),
        (&[], "+55 11 98765-4321", None, "+551187654321", "Zelda"),
        (&[], "+55 11 8765-4321", None, "+5511987654321", "Zelda"),
        (&[], "+229 97 12 34 56", None, "+2290197123456", "Zelda"),
        (&[("DIAL_REGION", "AT"), ("DIAL_AREA", "1")], "5550177", None, "+43 1 5550177", "Zelda"),
        (&[("DIAL_REGION", "AT"), ("DIAL_AREA", "1")], "5550177", None, "+43 316 5550177", ""),
        (&[("DIAL_OWN_NUMBERS", "+43 1 2345-0..99")], "+43 1 2345 17", None, "17", "Zelda"),
        (&[("DIAL_OWN_NUMBERS", "+43 1 2345-0..99")], "17", None, "+43 1 2345 17", "Zelda"),
        (&[], "", Some("+436601234567"), "+436601234567", "Zelda"),
    ] {
        let office = Office::with(vec![with("Zelda", stands, canonical)], settings).await;
        assert_eq!(office.caller(caller).await, name, "{stands} called by {caller} {settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_for_the_outside_line_in_front_of_a_caller_is_looked_through() {
    let contacts = || vec![person("Zelda", "", "+436601234567"), person("Desk", "", "12")];
    for (prefix, callers) in [
        ("0", ["006601234567", "00043 660 1234567", "0+436601234567"]),
        ("9", ["906601234567", "90043 660 1234567", "9+436601234567"]),
    ] {
        let settings =
            &[("DIAL_REGION", "AT"), ("DIAL_PLUS", "prefix"), ("DIAL_OUTSIDE_PREFIX", prefix)];
        let office = Office::with(contacts(), settings).await;
        for caller in callers {
            assert_eq!(office.caller(caller).await, "Zelda", "{caller}");
        }
        assert_eq!(office.caller(&format!("{prefix}12")).await, "", "no extension has it");
        assert_eq!(office.caller("12").await, "Desk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_several_is_the_organizations_or_else_all_theirs() {
    let shared = "+4315550177";
    let office = Office::of(vec![
        of("Acme", "Zelda", shared),
        of("ACME", "Anna", shared),
        of("Acme", "Bob", shared),
        person("Carl", "", "+4315550188"),
        person("Dora", "", "+4315550188"),
        of("Acme", "Emil", "+4315550199"),
        person("Fay", "", "+4315550199"),
        person("Gus", "", "+4315550111"),
        person("Gus", "", "+4315550111"),
    ])
    .await;
    for (caller, name) in [
        (shared, "ACME"),
        ("+4315550188", "Carl, Dora"),
        ("+4315550199", "Emil, Fay"),
        ("+4315550111", "Gus"),
    ] {
        assert_eq!(office.caller(caller).await, name, "{caller}");
    }
    let accept = [("accept", "application/json")];
    let path = "/lookup?number=%2B4315550177";
    let told = office.app.send(reqwest::Method::GET, path, &accept, None).await.is(200);
    assert_eq!(
        (told["name"].as_str(), told["contact_ids"].as_array().unwrap().len()),
        (Some("ACME"), 3)
    );
    assert_eq!(told["contact_id"], told["contact_ids"][0]);
    // Where names have commas, semicolons are between them.
    let shared = vec![person("Carl", "Berg", "+4315550188"), person("Dora", "Adam", "+4315550188")];
    let office = Office::with(shared, &[("DIRECTORY_NAMES", "last-first")]).await;
    assert_eq!(office.caller("+4315550188").await, "Adam, Dora; Berg, Carl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchboard_that_reads_ascii_gets_the_name_in_it() {
    let office = Office::of(vec![person("Σωτήρης", "Müller", "+4315550177")]).await;
    let path = "/lookup?number=%2B4315550177";
    let send = async |path: &str, charset: &str| {
        let headers = [("accept-charset", charset)];
        let answer = office.app.send(reqwest::Method::GET, path, &headers, None).await;
        (answer.header("content-type").to_owned(), answer.text)
    };
    let utf8 = ("text/plain; charset=utf-8".to_owned(), "Σωτήρης Müller".to_owned());
    let ascii = ("text/plain; charset=us-ascii".to_owned(), "Sotiris Muller".to_owned());
    assert_eq!(send(path, "utf-8").await, utf8);
    assert_eq!(send(path, "us-ascii").await, ascii);
    assert_eq!(send(&format!("{path}&charset=ascii"), "utf-8").await, ascii);
    assert_eq!(send(&format!("{path}&charset=nonsense"), "utf-8").await, utf8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_number_names_nobody() {
    let mut contacts = vec![person("Zelda", "", "1"), person("Yves", "", "+266696687")];
    for contact in &mut contacts {
        contact.phone_numbers[0].canonical = None;
    }
    let office = Office::of(contacts).await;
    assert_eq!(office.caller("1").await, "Zelda");
    for withheld in [
        "-1",
        "-2",
        "anonymous",
        "Anonymous",
        "unavailable",
        "restricted",
        "private",
        "Private Number",
        "unknown",
        "+266696687",
        "266696687",
        "sip:anonymous@anonymous.invalid",
        "withheld",
        "No Caller ID",
        "sip:-1@pbx",
        "sips:-1@pbx.example",
        "\"-1\" <sip:-1@pbx>",
        "<sip:-1@pbx;user=phone>",
        "\u{2212}1",
        "\u{FF0D}１",
        "\u{2013}1",
        "- 1",
        "<-1>",
        "tel:-1",
        "sip:266696687@pbx",
        "\"Anonymous\" <sip:+266696687@pbx>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "P",
        "O",
        "",
    ] {
        assert_eq!(office.caller(withheld).await, "", "{withheld}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_the_sip_field_is_dialled_if_its_user_is_a_number() {
    let address = |value: &str| ringbook_simulator::EmailAddress {
        value: value.to_owned(),
        label: Some("work".to_owned()),
    };
    for (value, dialled) in [
        ("sip:+436601234567@pbx.example;user=phone", "+436601234567"),
        ("06601234567@pbx.example", "+436601234567"),
        ("sip:205@pbx.example", "205"),
        ("zelda77@pbx.example", ""),
    ] {
        let mut contact = person("Zelda", "", "");
        contact.phone_numbers.clear();
        contact.sip_addresses = vec![address(value)];
        let office = Office::with(vec![contact], AUSTRIA).await;
        assert_eq!(office.dials().await.concat(), dialled, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_no_country_code_reaches_are_dialled_as_in_their_country() {
    for (region, typed, dialled) in [
        ("AU", "1300 123 456", "1300123456"),
        ("IN", "1800 123 4567", "18001234567"),
        ("BR", "0800 123 4567", "08001234567"),
        ("AU", "+61 1300 123 456", "1300123456"),
        ("DE", "+61 1300 123 456", "+611300123456"),
        ("AU", "02 9374 4000", "+61293744000"),
    ] {
        let office =
            Office::with(vec![with("Zelda", typed, None)], &[("DIAL_REGION", region)]).await;
        assert_eq!(office.dials().await, [dialled], "{typed} in {region}");
    }
}
