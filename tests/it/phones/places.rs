//! Paths and parameters that no link of ours has.

use super::{Office, number, person};
use crate::support::phone::{Model, Screen};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_the_answer_is_a_screen() {
    let office = Office::of(vec![person("Ada", "Lovelace", &number(1))]).await;
    let long = "x".repeat(200);
    let wide = "%E2%80%8F%C3%A9".repeat(60);
    for path in [
        "/",
        "//",
        "/groups",
        "/groups/",
        "/groups/%00",
        "/groups/%ff",
        "/groups/ABC",
        "/groups/2ABC/x",
        "/groups/2ABC?page=-1",
        "/groups/2ABC?page=0",
        "/groups/2ABC?page=99999999999999999999",
        "/groups/2ABC?page=18446744073709551615",
        "/groups/2ABC?page=%00",
        "/groups/2ABC?page=1&page=2",
        "/groups/2ABC?",
        "/groups/2ABC?%ff=%ff&&=&%",
        "/contacts",
        "/contacts/",
        "/contacts/%00",
        "/contacts/1",
        "/contacts/00000000-0000-0000-0000-000000000000",
        "/contacts/x/details",
        "/contacts/x/y/z",
        "/labels/%ff",
        "/labels/0123456789ab",
        "/labels",
        "/favourites",
        "/favourites?page=7",
        "/search?q=%00",
        "/search?q=%ff",
        "/search?q=%",
        "/search?q=&keys=",
        "/search?keys=abc",
        "/search?keys=%00%ff",
        "/search?keys=0",
        "/search?q=*",
        "/search?q=%25",
        "/search?q=' or 1=1",
        "/search?q=<script>",
        "/search/recent",
        "/search/x",
        "/help",
        "/help/x",
        "/search?q=+",
        "/search?q=1",
        "/search?q=%2B",
        "/../api/accounts",
        "/..%2f..%2fetc",
        "/%",
        "/groups/2abc",
        "/groups/2",
        "/🦀",
        "/search?q=Ada&page=99",
        "/search?keys=232&page=-5",
        &format!("/search?q={long}"),
        &format!("/search?keys={}", "5".repeat(200)),
        &format!("/{long}"),
        &format!("/search?q={wide}"),
    ] {
        for model in [Model::Cisco7940, Model::Cisco8845, Model::Spa504] {
            let path = path.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E");
            let path = path.replace('🦀', "%F0%9F%A6%80");
            office.phone(model).open(&format!("{}{path}", office.root())).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_search_matches_nobody_rather_than_everybody() {
    let office = Office::of(vec![person("Ada", "Lovelace", &number(1))]).await;
    let mut phone = office.desk(Model::Cisco8845).await;
    for query in
        ["q=%00", "q=%2A", "q=%25", "q=_", "keys=%00", "keys=x", "q=%01%02", "keys=00000000"]
    {
        phone.open(&format!("{}/search?{query}", office.root())).await;
        let nobody = matches!(phone.screen(), Screen::Text { .. } | Screen::Input { .. });
        assert!(nobody, "{query}: {:?}", phone.screen());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_writes_latin1_finds_what_it_typed() {
    let office = Office::of(vec![person("Élodie", "Ré", &number(1))]).await;
    let mut phone = office.desk(Model::Cisco7940).await;
    phone.open(&format!("{}/search?q=%E9lodie", office.root())).await;
    assert_eq!(phone.names(), ["Élodie Ré"]);
}
