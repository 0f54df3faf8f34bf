//! Where the links of a screen lead, and whom the server believes about itself.

use super::{Office, number, people, person};
use crate::support::phone::{Model, Phone, Screen};

/// All addresses on a screen.
fn links(phone: &Phone) -> Vec<String> {
    let mut links: Vec<String> =
        phone.screen().frame().keys.iter().map(|it| it.url.clone()).collect();
    match phone.screen() {
        Screen::Menu { items, .. } => links.extend(items.iter().map(|it| it.url.clone())),
        Screen::Input { url, .. } => links.push(url.clone()),
        _ => {}
    }
    links.retain(|it| !it.starts_with("SoftKey:"));
    assert!(!links.is_empty());
    links
}

#[track_caller]
fn all_begin(phone: &Phone, beginning: &str) {
    for link in links(phone) {
        assert!(link.starts_with(beginning), "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_where_the_phone_found_the_server() {
    let settings = [("ALLOWED_HOSTS", "ringbook.example"), ("PHONE_NETWORKS", "127.0.0.0/8")];
    let office = Office::with(people(1), &settings).await;
    for host in ["ringbook.example", "ringbook.example:8000", "10.0.0.5:8000", "[fe80::1]:80"] {
        let mut phone = office.phone(Model::Cisco7965).sends("Host", host);
        phone.directories(&office.root()).await;
        all_begin(&phone, &format!("http://{host}/directory"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_url_stands_in_every_link_whatever_the_request_says() {
    let settings = [
        ("PUBLIC_URL", "https://phones.example"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
        ("ALLOWED_HOSTS", "elsewhere.example"),
    ];
    let office = Office::with(people(1), &settings).await;
    let phone = office.phone(Model::Cisco8845).sends("Host", "elsewhere.example");
    let mut phone =
        phone.sends("X-Forwarded-Host", "elsewhere.example").sends("X-Forwarded-For", "10.0.0.7");
    phone.directories(&office.root()).await;
    all_begin(&phone, "https://phones.example/directory");
    phone.open(&format!("{}/search", office.root())).await;
    all_begin(&phone, "https://phones.example/directory");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_under_which_name_it_was_asked() {
    for (trusted, beginning) in [
        ("127.0.0.0/8", "https://phones.example/directory"),
        ("10.0.0.0/8", "http://inside:8000/directory"),
        ("", "http://inside:8000/directory"),
    ] {
        let hosts = "inside, phones.example, inner.example";
        let settings = [("TRUSTED_PROXIES", trusted), ("ALLOWED_HOSTS", hosts)];
        let office = Office::with(people(1), &settings).await;
        // A proxy that is not believed speaks for a stranger, who has to show a token.
        let secret = ringbook_store::secret::Secret::for_device().unwrap();
        office.app.world.app.store.add_device(secret.hash(), "desk", "test").await.unwrap();
        let root = office.app.url(&format!("/p/{}/directory", secret.expose()));
        let beginning =
            beginning.replace("/directory", &format!("/p/{}/directory", secret.expose()));
        let mut phone = office
            .phone(Model::Cisco7965)
            .sends("Host", "inside:8000")
            .sends("X-Forwarded-Host", "phones.example, inner.example")
            .sends("X-Forwarded-Proto", "https");
        if trusted.starts_with("127") {
            phone = phone.sends("X-Forwarded-For", "10.0.0.7");
        }
        phone.directories(&root).await;
        all_begin(&phone, &beginning);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_host_gets_into_no_link() {
    let office = Office::with(people(1), &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let long = "x".repeat(500);
    for host in [
        "a/b",
        "a?b=c",
        "a#b",
        "a b",
        "<a>",
        "a\"b",
        "a&b",
        "user@evil",
        "evil\\x",
        "é",
        "",
        "%41",
        &long,
    ] {
        for header in ["Host", "X-Forwarded-Host"] {
            let mut phone = office
                .phone(Model::Cisco8845)
                .sends(header, host)
                .sends("X-Forwarded-For", "10.0.0.7");
            let url = office.root();
            // What is no host at all is no request.
            if phone.try_open(&url).await.is_ok() {
                all_begin(&phone, "http://127.0.0.1:");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_speaks_http_1_0_is_served() {
    let settings = [("PUBLIC_URL", "http://phones.example")];
    let office = Office::with(vec![person("Ada", "", &number(1))], &settings).await;
    let mut phone = office.phone(Model::Cisco7940).speaks_http_1_0();
    phone.directories(&office.root()).await;
    phone.open(&format!("{}/groups/2ABC", office.root())).await;
    assert_eq!(phone.names(), ["Ada"]);
    // Without the setting there is no name to go by, and yet a screen.
    let office = Office::of(vec![person("Ada", "", &number(1))]).await;
    office.phone(Model::Cisco7940).speaks_http_1_0().directories(&office.root()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_name_of_a_server_leaves_room_in_every_link() {
    let host = format!("{}.example:65535", "x".repeat(86));
    let name = host.split(':').next().unwrap();
    let settings = [("ALLOWED_HOSTS", name), ("PHONE_NETWORKS", "127.0.0.0/8")];
    let office = Office::with(people(40), &settings).await;
    for model in Model::ALL {
        let mut phone = office.phone(model).sends("Host", &host);
        phone.directories(&office.root()).await;
        assert_eq!(phone.names(), ["7 PQRS (40)", "Search", "Help"]);
        phone.open(&format!("{}/search?q={}", office.root(), "person%20".repeat(20))).await;
        assert!(phone.next().is_some(), "{model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_around_the_screens_is_a_screen_as_well() {
    let office = Office::of(people(1)).await;
    let root = office.root();
    let http = reqwest::Client::new();
    let long = format!("{root}/{}", "x".repeat(9000));
    for request in [http.post(&root), http.delete(format!("{root}/help")), http.get(long)] {
        let answer = request.header("Accept-Charset", "iso-8859-1").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/xml; charset=iso-8859-1");
        let xml = answer.text().await.unwrap();
        assert!(xml.contains("<CiscoIPPhoneText>") && xml.contains("back to the menu"), "{xml}");
    }
}

#[test]
fn a_public_url_that_would_break_links_is_refused_and_the_directory_behind_it_is_let_go() {
    use ringbook_app::config::Config;
    let config = Config::of(&[("PUBLIC_URL", "http://10.0.0.5:8000/directory/")]).unwrap();
    assert_eq!(config.public_url.as_deref(), Some("http://10.0.0.5:8000"));
    for bad in ["http://h?x=1", &format!("http://h/{}", "x".repeat(100)), "10.0.0.5:8000"] {
        let problem = Config::of(&[("PUBLIC_URL", bad)]).unwrap_err().to_string();
        assert!(problem.contains("PUBLIC_URL") && problem.contains("http://10.0.0.5"), "{problem}");
    }
}
