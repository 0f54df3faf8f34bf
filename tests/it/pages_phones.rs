//! The phones' part of the dashboard: who asked, tokens, what to enter, and the phone on the page.

use reqwest::Method;
use ringbook_app::config::Config;
use ringbook_app::snippet::{Family, make};
use ringbook_core::access::Scope;
use ringbook_core::emulator::Model as Drawn;
use ringbook_core::sync::Kind;
use ringbook_simulator::Contact;
use ringbook_store::AuditQuery;
use ringbook_store::secret::Secret;
use secrecy::SecretString;

use crate::support::app::{Answer, TestApp};
use crate::support::phone::{Model, Phone, Screen};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn office(contacts: Vec<Contact>, settings: &[(&str, &str)]) -> TestApp {
    let app = TestApp::with(0, settings).await;
    for contact in contacts {
        app.world.google.add(contact);
    }
    app.world.converge(Some(Kind::Full)).await;
    app
}

fn three() -> Vec<Contact> {
    vec![
        Contact::named("Ada", "Lovelace", "+442079460018"),
        Contact::named("Åsa", "Ångström", "+46812345678"),
        Contact::named("José", "Muñoz", "+34911234567"),
    ]
}

/// A page, and what a person without scripts can do on it.
struct Seen(String);

impl Seen {
    /// The start tag of what has this id.
    fn tag(&self, id: &str) -> &str {
        let at = self.0.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id}: {}", self.0));
        let begin = self.0[..at].rfind('<').unwrap();
        let end = at + self.0[at..].find('>').unwrap();
        &self.0[begin..=end]
    }

    fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let rest = self.tag(id).split(&format!(" {name}=\"")).nth(1)?;
        Some(plain(rest.split('"').next().unwrap()))
    }

    /// What stands between two pieces of the page, without tags.
    fn between(&self, begin: &str, end: &str) -> String {
        let rest = self.0.split_once(begin).unwrap_or_else(|| panic!("{begin}: {}", self.0)).1;
        words(rest.split(end).next().unwrap())
    }

    fn title(&self) -> String {
        self.between("<p class=\"title\" lang=\"en\">", "</strong>")
    }

    fn rows(&self) -> Vec<String> {
        let lines = self.0.split("<li value=").skip(1);
        lines
            .map(|line| words(line.split_once('>').unwrap().1.split("</li>").next().unwrap()))
            .collect()
    }

    fn labels(&self) -> Vec<String> {
        let list =
            self.0.split("<ul class=\"labels\"").nth(1).unwrap().split("</ul>").next().unwrap();
        list.split("<li>").skip(1).map(words).collect()
    }

    /// The key below the display that is called so.
    fn soft(&self, name: &str) -> String {
        let at = self.labels().iter().position(|it| it == name);
        format!("soft-{}", at.unwrap_or_else(|| panic!("{name} in {:?}", self.labels())) + 1)
    }
}

fn plain(text: &str) -> String {
    let text = text.replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">");
    text.replace("&#34;", "\"").replace("&#39;", "'")
}

/// A piece of a page without its tags, and with single spaces.
fn words(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, rest)| rest));
        text.push(' ');
    }
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The phone on the page, in the hand of somebody without scripts.
struct Hand<'a> {
    app: &'a TestApp,
    page: Seen,
}

impl<'a> Hand<'a> {
    async fn takes(app: &'a TestApp, model: &str) -> Hand<'a> {
        let mut hand = Hand { app, page: Seen(String::new()) };
        hand.goes(&format!("/phones/try?model={model}")).await;
        hand
    }

    async fn goes(&mut self, href: &str) -> &Seen {
        let answer = self.app.get(href).await;
        assert_eq!(answer.status, 200, "{href}: {}", answer.text);
        self.page = Seen(answer.text);
        &self.page
    }

    /// Presses a key: a link is followed, and a button sends the form with what was typed.
    async fn presses(&mut self, id: &str, typed: &[(&str, &str)]) -> &Seen {
        if let Some(href) = self.page.attribute(id, "href") {
            return self.goes(&href).await;
        }
        let (name, value) = (self.page.attribute(id, "name"), self.page.attribute(id, "value"));
        let mut query = vec![(name.unwrap_or_else(|| panic!("{id} does nothing")), value.unwrap())];
        let form = self.page.0.split("<form class=\"display").nth(1).unwrap();
        for input in form.split("</form>").next().unwrap().split("<input ").skip(1) {
            let input = Seen(format!("<input id=\"it\" {}>", input.split('>').next().unwrap()));
            let name = input.attribute("it", "name").unwrap();
            let value = typed.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            query.push((name, value.unwrap_or_else(|| input.attribute("it", "value").unwrap())));
        }
        let url = reqwest::Url::parse_with_params("http://x/phones/try", &query).unwrap();
        let href = format!("{}?{}", url.path(), url.query().unwrap());
        self.goes(&href).await
    }

    async fn soft(&mut self, name: &str) -> &Seen {
        let id = self.page.soft(name);
        self.presses(&id, &[]).await
    }
}

const TWINS: [(&str, Model); 5] = [
    ("7940", Model::Cisco7940),
    ("7965", Model::Cisco7965),
    ("8845", Model::Cisco8845),
    ("8851", Model::Mpp8851),
    ("spa504", Model::Spa504),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_on_the_page_shows_what_a_phone_of_its_model_is_sent() {
    let mut contacts = three();
    contacts.push(Contact::named("王", "小明", "+8613800138000"));
    let app = office(contacts, &[]).await;
    assert_eq!(Drawn::ALL.map(Drawn::word), TWINS.map(|it| it.0));
    for (word, model) in TWINS {
        let mut phone = Phone::new(model, app.address);
        phone.open(&app.url("/directory")).await;
        let mut hand = Hand::takes(&app, word).await;
        for step in 0..3 {
            assert_eq!(hand.page.title(), phone.title(), "{word}");
            let lines: Vec<String> = match phone.screen() {
                Screen::Menu { items, .. } => items.iter().map(|it| it.name.clone()).collect(),
                Screen::Directory { entries, .. } => {
                    entries.iter().map(|it| format!("{} {}", it.name, it.telephone)).collect()
                }
                other => panic!("{other:?}"),
            };
            for (at, row) in hand.page.rows().iter().enumerate() {
                assert_eq!(*row, format!("{} {}", at + 1, lines[at]), "{word}");
            }
            if step < 2 {
                phone.select(1).await;
                hand.presses("key-1", &[]).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stand_where_the_model_has_them_and_the_rest_behind_more() {
    let app = office(three(), &[]).await;
    let menu = Hand::takes(&app, "8845").await;
    assert_eq!(menu.page.labels(), ["Exit", "Select", "", "more"]);
    let mut menu = Hand::takes(&app, "7965").await;
    assert_eq!(menu.page.labels(), ["Select", "", "Exit", "more"]);
    menu.soft("more").await;
    assert_eq!(menu.page.labels(), ["", "Search", "", "more"]);
    menu.soft("Search").await;
    assert_eq!(menu.page.labels(), ["Submit", "<<", "Exit", ""]);
    let spa = Hand::takes(&app, "spa504").await;
    assert_eq!(spa.page.labels(), ["Update", "Select", "Exit", ""], "its own keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_reached_by_links_alone_and_nothing_is_dialled() {
    let app = office(three(), &[]).await;
    let mut hand = Hand::takes(&app, "8845").await;
    hand.presses("key-select", &[]).await;
    assert_eq!((hand.page.title(), hand.page.rows().len()), ("2 ABC".to_owned(), 2));
    hand.presses("key-down", &[]).await;
    hand.soft("Select").await;
    assert_eq!(hand.page.title(), "Åsa Ångström", "the second line was selected");
    hand.soft("Dial").await;
    assert!(hand.page.0.contains("<p class=\"dialled\">+46812345678</p>"), "{}", hand.page.0);
    assert!(hand.page.0.contains("nothing is dialled"));
    hand.soft("EndCall").await;
    hand.soft("EditDial").await;
    assert_eq!(hand.page.attribute("f-number", "value").as_deref(), Some("+46812345678"));
    hand.presses("key-9", &[]).await;
    hand.soft("Dial").await;
    assert!(hand.page.0.contains("<p class=\"dialled\">+468123456789</p>"), "{}", hand.page.0);
    hand.presses("key-end", &[]).await;
    hand.soft("Exit").await;
    assert_eq!(hand.page.title(), "2 ABC");
    hand.presses("key-back", &[]).await;
    assert_eq!(hand.page.title(), "Ringbook");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_found_by_typing_and_by_the_keypad() {
    let app = office(three(), &[]).await;
    for (model, _) in TWINS {
        let mut hand = Hand::takes(&app, model).await;
        hand.goes(&format!("/phones/try?model={model}&at=/search")).await;
        let submit = hand.page.soft("Submit");
        hand.presses(&submit, &[("f-q", "munoz")]).await;
        assert_eq!(hand.page.rows(), ["1 José Muñoz"], "{model}");
        hand.presses("key-back", &[]).await;
        for key in ["5", "6", "7", "7"] {
            hand.presses(&format!("key-{key}"), &[]).await;
        }
        hand.soft("<<").await;
        hand.presses("key-3", &[]).await;
        assert_eq!(hand.page.attribute("f-keys", "value").as_deref(), Some("5673"), "{model}");
        hand.presses("key-select", &[]).await;
        assert_eq!(hand.page.rows(), ["1 José Muñoz"], "{model}");
        hand.goes(&format!("/phones/try?model={model}&at=/search")).await;
        hand.presses(&submit, &[("f-q", "nobody at all")]).await;
        assert!(hand.page.between("id=\"words\"", "</div>").contains("Nobody was found"));
        hand.presses("key-back", &[]).await;
        assert_eq!(hand.page.title(), "Search", "back passes over what found nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_turned_by_keys_and_by_refresh_and_lists_scroll() {
    let many = (0..70).map(|at| Contact::named("Ada", &format!("No{at:02}"), "+442079460018"));
    let app = office(many.collect(), &[]).await;
    for (model, rows) in [("8845", 7), ("7965", 7), ("spa504", 4)] {
        let mut hand = Hand::takes(&app, model).await;
        hand.presses("key-1", &[]).await;
        assert_eq!(hand.page.rows().len(), rows, "{model}");
        for _ in 0..rows {
            hand.presses("key-down", &[]).await;
        }
        assert!(hand.page.rows().contains(&format!("{} Ada No{rows:02}", rows + 1)), "{model}");
        hand.soft("Next").await;
        assert_eq!(hand.page.rows()[0], "1 Ada No32", "{model}");
        hand.soft("Next").await;
        assert_eq!(hand.page.rows()[0], "1 Ada No64", "{model}");
        assert!(!hand.page.labels().contains(&"Next".to_owned()), "{model}");
        hand.presses("key-back", &[]).await;
        assert_eq!(hand.page.rows()[0], "1 Ada No32", "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said_on_the_display_and_strange_addresses_do_no_harm() {
    let app = office(three(), &[("PUBLIC_URL", "http://phones.example/rb")]).await;
    let mut hand = Hand::takes(&app, "8845").await;
    hand.presses("key-1", &[]).await;
    assert_eq!(hand.page.title(), "2 ABC", "links of another name lead on, too");
    for at in ["/nowhere", "/contacts/x", "/../api/contacts", "//evil.example/"] {
        hand.goes(&format!("/phones/try?at={at}")).await;
        assert_eq!(hand.page.title(), "Not found", "{at}");
        hand.soft("Menu").await;
        assert_eq!(hand.page.title(), "Ringbook");
    }
    for bad in ["model=3310", "at=help", "line=x", "at=/%0d%0aX"] {
        let answer = app.get(&format!("/phones/try?{bad}")).await;
        assert!(answer.status.is_client_error(), "{bad}: {}", answer.status);
    }
    app.get("/phones/try?line=999&call=998&number=%3Cb%3E").await;
    hand.goes("/phones/try?number=%3Cb%3E").await;
    assert!(!hand.page.0.contains("<b>\u{3c}") && hand.page.0.contains("&#60;b&#62;"));
}

/// An administrator, and their cookie and proof.
async fn administrator(app: &TestApp) -> (String, String) {
    let access = &app.world.app.access;
    let hash = access.hash("ada", &SecretString::from("correct horse battery")).await.unwrap();
    app.world.app.store.add_person("ada", &hash, true).await.unwrap();
    access.forget();
    let body = r#"{"name":"ada","password":"correct horse battery"}"#;
    let json = [("content-type", "application/json")];
    let answer = app.send(Method::POST, "/api/session", &json, Some(body)).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    (cookie, answer.json["csrf_token"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_on_the_page_takes_the_readers_right_and_opens_no_door() {
    let app = office(three(), &[("PHONE_NETWORKS", "10.9.9.0/24")]).await;
    let (cookie, _) = administrator(&app).await;
    let shown = [("cookie", cookie.as_str())];
    let answer = app.send(Method::GET, "/phones/try?at=/groups/2ABC", &shown, None).await;
    assert_eq!(Seen(answer.text).rows().len(), 2);
    let directory = app.send(Method::GET, "/directory", &shown, None).await;
    assert!(directory.text.contains("CiscoIPPhone"), "a person may read it in a browser, too");
    for path in ["/phones", "/phones/try", "/phones/setup"] {
        let stranger = app.get(path).await;
        assert_eq!(stranger.status, 401, "{path}");
        assert!(!stranger.text.contains("Lovelace"));
    }
    assert!(app.get("/directory").await.text.contains("Not allowed"));
    // Nor do phones learn what was searched here, whatever they call themselves.
    let search = "/phones/try?model=8845&at=/search%3Fq%3Dlovelace%26keys%3D";
    let found = app.send(Method::GET, search, &shown, None).await;
    assert_eq!(Seen(found.text).rows(), ["1 Ada Lovelace"]);
    let mine = app.send(Method::GET, "/phones/try?at=/search/recent", &shown, None).await;
    assert_eq!(Seen(mine.text).rows(), ["1 lovelace"]);
    let name = "the%20phone%20on%20the%20page,%20in%20the%20hand%20of%20ada";
    let path = format!("/directory/search/recent?name={name}");
    let others = app.send(Method::GET, &path, &shown, None).await.text;
    assert!(others.contains("Nothing was searched"), "{others}");
    // A program that may read sees the phone, and neither who asks nor tokens.
    let token = Secret::for_program().unwrap();
    let store = &app.world.app.store;
    store.add_token(token.hash(), "reader", Scope::Read, "test", None).await.unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let reader = [("authorization", bearer.as_str())];
    let answer = app.send(Method::GET, "/phones/try?at=/groups/2ABC", &reader, None).await;
    assert_eq!(Seen(answer.text).rows().len(), 2);
    let list = app.send(Method::GET, "/phones", &reader, None).await.text;
    assert!(list.contains("/phones/try") && !list.contains("/do/phones/add"), "{list}");
    assert!(!list.contains("Seen without a token"), "{list}");
}

/// A form as a browser sends it.
async fn sends(app: &TestApp, admin: &(String, String), path: &str, fields: &str) -> Answer {
    let body = format!("csrf={}&{fields}", admin.1);
    let headers = [FORM, ("cookie", admin.0.as_str())];
    app.send(Method::POST, path, &headers, Some(&body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_shown_once_renewed_and_revoked_and_each_act_is_noted() {
    let app = office(three(), &[("PHONE_NETWORKS", "10.9.9.0/24")]).await;
    let admin = administrator(&app).await;
    let sees = async |path: &str| {
        let answer = app.send(Method::GET, path, &[("cookie", &admin.0)], None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        Seen(answer.text)
    };
    let told = sends(&app, &admin, "/do/phones/add", "name=Front+%3Cdesk%3E").await;
    assert_eq!(told.status, 201, "{}", told.text);
    assert_eq!(told.header("cache-control"), "no-store");
    let url = Seen(told.text).between("<code id=\"directory\">", "</code>");
    let mut phone = Phone::new(Model::Cisco8845, app.address);
    phone.open(&url).await;
    let token = url.split("/p/").nth(1).unwrap().split('/').next().unwrap().to_owned();

    let list = sees("/phones").await;
    assert!(!list.0.contains(&token) && list.0.contains("Front &#60;desk&#62;"), "{}", list.0);
    assert!(list.0.contains("<td data-label=\"Last screen\">Menu</td>"), "{}", list.0);
    let id = list.0.split("/phones/devices/").nth(1).unwrap()[..36].to_owned();
    let one = format!("/phones/devices/{id}");
    assert!(!sees(&one).await.0.contains("/revoke\""), "it is asked first");
    let renamed = sends(&app, &admin, &format!("/do/phones/{id}/rename"), "name=Lobby").await;
    assert_eq!((renamed.status.as_u16(), renamed.header("location")), (303, one.as_str()));
    assert!(sees(&one).await.0.contains("<h1>Lobby</h1>"));
    let unnamed = sends(&app, &admin, &format!("/do/phones/{id}/rename"), "name=++").await;
    assert!(unnamed.status.is_client_error() && unnamed.text.contains("1 to 100 characters"));

    let asked = sees(&format!("{one}?ask=renew")).await;
    assert!(asked.0.contains(&format!("action=\"/do/phones/{id}/renew\"")));
    let renewed = sends(&app, &admin, &format!("/do/phones/{id}/renew"), "").await;
    let fresh = Seen(renewed.text).between("<code id=\"directory\">", "</code>");
    assert_ne!(fresh, url);
    assert!(app.client.get(&url).send().await.unwrap().text().await.unwrap().contains("not valid"));
    phone.open(&fresh).await;

    let asked = sees(&format!("{one}?ask=revoke")).await;
    assert!(asked.0.contains(&format!("action=\"/do/phones/{id}/revoke\"")));
    assert_eq!(sends(&app, &admin, &format!("/do/phones/{id}/revoke"), "").await.status, 303);
    assert!(sees(&one).await.0.contains("Revoked"));
    let refused = app.client.get(&fresh).send().await.unwrap().text().await.unwrap();
    assert!(refused.contains("not valid"), "{refused}");
    let again = sends(&app, &admin, &format!("/do/phones/{id}/revoke"), "").await;
    assert_eq!(again.status, 404);

    let acts =
        app.world.app.store.acts(&AuditQuery { limit: 10, ..Default::default() }).await.unwrap();
    let acts: Vec<(String, bool)> = acts.into_iter().map(|it| (it.act, it.succeeded)).collect();
    for act in ["add", "rename", "renew", "revoke"] {
        let noted = format!("phone.{act}");
        assert!(acts.contains(&(noted, true)), "{act}: {acts:?}");
    }
    let body = "name=x";
    let headers = [FORM, ("cookie", admin.0.as_str())];
    let forged = app.send(Method::POST, "/do/phones/add", &headers, Some(body)).await;
    assert_eq!(forged.status, 403, "without a proof it is nobody's form");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_without_a_token_are_listed_with_what_they_looked_at_and_nobodys_name() {
    let app = office(three(), &[("PHONE_NETWORKS", "127.0.0.0/8")]).await;
    let (cookie, _) = administrator(&app).await;
    let sees = async |path: &str| {
        let answer = app.send(Method::GET, path, &[("cookie", cookie.as_str())], None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer
    };
    assert!(sees("/phones").await.text.contains("None has asked yet"));
    let mut phone = Phone::at("127.0.0.21", Model::Cisco7965, app.address);
    phone.open(&app.url("/directory")).await;
    phone.select(1).await;
    phone.select(1).await;
    let page = sees("/phones").await.text;
    for word in ["127.0.0.21", "CP-7965G", "A contact"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(!page.contains("Lovelace"), "{page}");
    let seen = sees("/api/devices").await.json;
    let asker = &seen["askers"][0];
    assert_eq!(
        (&asker["address"], &asker["last_screen"]),
        (&"127.0.0.21".into(), &"contact".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_the_piece_that_the_command_prints() {
    let settings = [("PUBLIC_URL", "http://phones.example:8080"), ("DIRECTORY_TITLE", "A & <B>")];
    let app = office(Vec::new(), &settings).await;
    let config = Config::of(&settings).unwrap();
    for family in Family::ALL {
        let page = Seen(app.get(&format!("/phones/setup?family={}", family.word())).await.text);
        let begin = "<pre id=\"snippet\" tabindex=\"0\">";
        let shown = page.0.split_once(begin).unwrap().1.split("</pre>").next().unwrap();
        assert_eq!(plain(shown), make(family, None, None, &config).unwrap().snippet);
        let other = "/phones/setup?family=enterprise&url=http://10.0.0.5&mac=001122334455";
        let other = app.get(other).await.text;
        assert!(other.contains("http://10.0.0.5/directory") && other.contains("SEP001122334455"));
    }
    // What no phone could use is refused with the way out.
    let here = TestApp::new(0).await;
    let page = here.get("/phones/setup?family=spa").await.text;
    assert!(page.contains("where no phone can reach it") && page.contains("PUBLIC_URL"), "{page}");
    let page = here.get("/phones/setup?family=spa&url=nonsense").await.text;
    assert!(page.contains("is no URL of a server"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_with_a_door_of_their_own_are_led_to_it() {
    let settings = [("PHONES_LISTEN", "0.0.0.0:8081"), ("ALLOWED_HOSTS", "ringbook")];
    let app = office(Vec::new(), &settings).await;
    let page = app.get("/phones").await.text;
    assert!(page.contains("is not known yet"), "an address of this machine alone: {page}");
    let secret = ringbook_store::secret::Secret::for_program().unwrap();
    let store = &app.world.app.store;
    store.add_token(secret.hash(), "x", Scope::Read, "test", None).await.unwrap();
    let bearer = format!("Bearer {}", secret.expose());
    let office = [("host", "ringbook:8000"), ("authorization", bearer.as_str())];
    let page = app.send(Method::GET, "/phones", &office, None).await.text;
    assert!(page.contains(">http://ringbook:8081/directory<"), "{page}");
    let json = [("content-type", "application/json")];
    let made =
        app.send(Method::POST, "/api/devices", &json, Some("{\"name\":\"x\"}")).await.is(201);
    assert!(made["directory_url"].as_str().unwrap().starts_with("http://127.0.0.1:8081/p/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_are_small_and_need_no_inline_style_or_script() {
    let long = |at: usize| Contact::named(&"Ä".repeat(60), &format!("{at:03}"), "+442079460018");
    let app = office((0..40).map(long).collect(), &[]).await;
    app.post("/do/phones/add").await;
    let mut parts = 0;
    for name in ["ringbook.css", "ringbook.js", "icon.svg", "phones.css", "phones.js"] {
        parts += app.get(&format!("/assets/{name}")).await.text.len();
    }
    for path in [
        "/phones",
        "/phones/setup?family=enterprise",
        "/phones/try",
        "/phones/try?at=/groups/2ABC",
        "/phones/try?at=/search",
        "/phones/try?at=/help&model=7940",
    ] {
        let page = app.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let size = page.text.len() + parts;
        assert!(size < 100_000, "{path}: {size} bytes");
        for odd in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
            assert!(!page.text.contains(odd), "{path}: {odd}");
        }
        let ids: Vec<&str> =
            page.text.split(" id=\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
        let once: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{path}: an id stands twice in {ids:?}");
        for key in page.text.split("class=\"key ").skip(1) {
            let tag = key.split('>').next().unwrap();
            let hidden =
                tag.contains("aria-hidden") || tag.contains("dumb") || tag.contains("idle");
            let named = tag.contains("aria-label=\"") && !tag.contains("aria-label=\"\"");
            assert!(hidden || named, "{path}: {tag}");
        }
    }
}
