//! Our screens against a schema, by a validator that knows nothing of us.

use std::process::Command;

use super::{Office, number, person, troublemakers};
use crate::support::phone::{Model, Phone};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/phone/CiscoIPPhone.xsd");

/// `xmllint` on what a phone shows; what it complains about, if it does.
fn complaint(body: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("screen.xml");
    std::fs::write(&file, body).unwrap();
    let checked = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema", SCHEMA])
        .arg(&file)
        .output()
        .expect("xmllint is there; Debian has it in libxml2-utils");
    (!checked.status.success()).then(|| String::from_utf8_lossy(&checked.stderr).into_owned())
}

#[track_caller]
fn fits(phone: &Phone) {
    let body = &phone.page().body;
    if let Some(complaint) = complaint(body) {
        panic!("{}: {complaint}\n{}", phone.url(), String::from_utf8_lossy(body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn xmllint_finds_every_kind_of_screen_as_the_schema_wants_it() {
    let mut contacts = troublemakers(101);
    contacts.push(person("Ada", "Lovelace", &number(500)));
    let office = Office::of(contacts).await;
    for model in Model::ALL {
        let mut phone = office.desk(model).await;
        fits(&phone);
        for item in phone.items().to_vec() {
            phone.open(&item.url).await;
            fits(&phone);
        }
        for path in [
            "/groups/2ABC",
            "/search",
            "/search?q=ada",
            "/search?q=nobody",
            "/search/recent",
            "/help",
            "/labels",
            "/favourites",
            "/contacts/none",
            "/nothing",
            "/search?q=%3Cb%3E%26",
        ] {
            phone.open(&format!("{}{path}", office.root())).await;
            fits(&phone);
        }
        phone.open(&format!("{}/groups/2ABC", office.root())).await;
        phone.choose("Ada Love").await;
        fits(&phone);
        phone.turn_over().await;
        fits(&phone);
    }
}

#[test]
fn xmllint_refuses_what_the_schema_forbids() {
    let menu = |inner: &str| {
        format!("<CiscoIPPhoneMenu><Title>A</Title><Prompt></Prompt>{inner}</CiscoIPPhoneMenu>")
    };
    let item = "<MenuItem><Name>A</Name><URL>http://a/</URL></MenuItem>";
    let key =
        "<SoftKeyItem><Name>A</Name><Position>1</Position><URL>SoftKey:Exit</URL></SoftKeyItem>";
    assert_eq!(complaint(menu(&format!("{key}{item}")).as_bytes()), None);
    for bad in [
        menu(&format!("{item}{key}")),
        menu(&item.repeat(101)),
        menu(&item.replace(">A<", &format!(">{}<", "ü".repeat(65)))),
        menu(&item.replace("http://a/", &format!("http://a/{}", "x".repeat(248)))),
        menu(&key.repeat(9)),
        menu(&key.replace(">1<", ">9<")),
        menu(&key.replace("<Position>1</Position>", "")),
        menu("<Unknown/>"),
        menu(&item.replace("<Name>", "<Name lang=\"de\">")),
        menu("").replace(">A<", &format!(">{}<", "x".repeat(33))),
        "<CiscoIPPhoneText><Title></Title><Prompt></Prompt></CiscoIPPhoneText>".to_owned(),
        "<html/>".to_owned(),
    ] {
        assert!(complaint(bad.as_bytes()).is_some(), "{bad}");
    }
}
