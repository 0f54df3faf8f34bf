//! Who gets in, in the dashboard: people, programs and the audit log.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ringbook_app::auth::AuthService;
use ringbook_app::config::Config;
use ringbook_store::Store;
use secrecy::SecretString;

use crate::support::app::{Answer, TestApp};
use crate::support::clock::ManualClock;
use crate::support::vault::vault;
use crate::support::world::{Database, World};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An administrator at a browser.
struct Reader<'a> {
    app: &'a TestApp,
    cookie: String,
    csrf: String,
}

impl<'a> Reader<'a> {
    async fn first(app: &'a TestApp) -> Reader<'a> {
        let access = &app.world.app.access;
        let password = SecretString::from("correct horse battery");
        let hash = access.hash("ada", &password).await.unwrap();
        app.world.app.store.add_person("ada", &hash, true).await.unwrap();
        access.forget();
        Reader::signed_in(app, "ada", "correct horse battery").await
    }

    async fn signed_in(app: &'a TestApp, name: &str, password: &str) -> Reader<'a> {
        let answer = sign_in(app, name, password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Reader { app, cookie, csrf: answer.json["csrf_token"].as_str().unwrap().to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("accept", "text/html")];
        self.app.send(Method::GET, path, &headers, None).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields = [fields, &[("csrf", self.csrf.as_str())]].concat();
        let form = reqwest::Url::parse_with_params("http://form/", &fields).unwrap();
        let headers = [FORM, ("cookie", self.cookie.as_str()), ("accept", "text/html")];
        self.app.send(Method::POST, path, &headers, form.query()).await
    }

    /// Sends a form, and reads the page that it leads to.
    async fn led(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        self.get(answer.header("location")).await.text
    }

    async fn id(&self, list: &str, name: &str) -> String {
        let answer = self.get(&format!("/api/{list}")).await;
        let rows = answer.json[list].as_array().unwrap();
        let found = rows.iter().find(|it| it["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    }
}

async fn sign_in(app: &TestApp, name: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    let json = [("content-type", "application/json")];
    app.send(Method::POST, "/api/session", &json, Some(&body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_added_given_another_password_and_removed_but_not_the_last() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    let short = ada
        .post(
            "/do/access/people/add",
            &[("name", "Grace"), ("password", "short"), ("current", "correct horse battery")],
        )
        .await;
    assert_eq!(short.status, 422);
    assert!(
        short.text.contains("at least 10 characters") && short.text.contains("value=\"Grace\"")
    );
    assert!(!short.text.contains("value=\"short\""), "a password is never shown again");
    let unproven = ada
        .post("/do/access/people/add", &[("name", "Grace"), ("password", "tangerine dream 1")])
        .await;
    assert_eq!(unproven.status, 403, "an open browser is not enough");
    assert!(unproven.text.contains("name=\"current\""), "{}", unproven.text);
    let proof = ("current", "correct horse battery");
    let fields = [("name", "Grace"), ("password", "tangerine dream 1"), proof];
    let page = ada.led("/do/access/people/add", &fields).await;
    assert!(page.contains(">Grace</a>"), "{page}");
    let twice = ada
        .post(
            "/do/access/people/add",
            &[("name", "grace"), ("password", "tangerine dream 1"), proof],
        )
        .await;
    assert_eq!(twice.status, 409);

    let grace = Reader::signed_in(&app, "Grace", "tangerine dream 1").await;
    let own = ada.id("people", "ada").await;
    let change = format!("/do/access/people/{own}/password");
    let wrong = ada.post(&change, &[("current", "no"), ("password", "another password")]).await;
    assert_eq!(wrong.status, 401, "an open browser is not enough");
    let fields = [("current", "correct horse battery"), ("password", "another password")];
    assert_eq!(ada.post(&change, &fields).await.status, 303);
    let hers = ada.id("people", "Grace").await;
    let change = format!("/do/access/people/{hers}/password");
    assert_eq!(ada.post(&change, &[("password", "a third password")]).await.status, 403);
    let proof = ("current", "another password");
    assert_eq!(ada.post(&change, &[("password", "a third password"), proof]).await.status, 303);
    assert_eq!(grace.get("/access").await.status, 303, "their sessions have ended");
    let grace = Reader::signed_in(&app, "Grace", "a third password").await;
    grace.post("/do/access/tokens/add", &[("name", "her program"), ("scope", "read")]).await;

    let asked = ada.get(&format!("/access/people/{hers}?ask=remove")).await.text;
    assert!(asked.contains("Let this person administer no longer?"), "{asked}");
    assert!(asked.contains("her program") && asked.contains("value=\"keep\""), "{asked}");
    let page = ada.led(&format!("/do/access/people/{hers}/remove"), &[]).await;
    assert!(!page.contains(">Grace</a>"), "{page}");
    let tokens = ada.get("/access/tokens").await.text;
    assert!(tokens.contains("her program") && tokens.contains("Revoked"), "{tokens}");
    let last = ada.post(&format!("/do/access/people/{own}/remove"), &[]).await;
    assert_eq!(last.status, 409);
    assert!(last.text.contains("the last administrator cannot be removed"), "{}", last.text);
    assert_eq!(ada.get("/access/people/00000000-0000-4000-8000-000000000000").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_seen_and_ended() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    let other = Reader::signed_in(&app, "ada", "correct horse battery").await;
    let page = ada.get("/access").await.text;
    assert_eq!(page.matches("/end\"").count(), 2, "{page}");
    assert_eq!(page.matches("this browser").count(), 1, "{page}");
    let sessions = ada.get("/api/sessions").await.json["sessions"].clone();
    let theirs = sessions.as_array().unwrap().iter().find(|it| it["current"] == false).unwrap();
    let end = format!("/do/access/sessions/{}/end", theirs["id"].as_str().unwrap());
    let page = ada.led(&end, &[]).await;
    assert_eq!(page.matches("/end\"").count(), 1, "{page}");
    assert_eq!(other.get("/").await.status, 303, "it leads to the door");
    assert_eq!(ada.post(&end, &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_programs_token_is_shown_once_and_opens_nothing_when_it_is_revoked() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    let wrong = ada.post("/do/access/tokens/add", &[("name", "pbx"), ("days", "many")]).await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("`days`") && wrong.text.contains("value=\"pbx\""),
        "{}",
        wrong.text
    );
    let fields = [("name", "pbx"), ("scope", "read"), ("days", "30")];
    let made = ada.post("/do/access/tokens/add", &fields).await;
    assert_eq!(made.status, 201);
    let token = made.text.split("<code id=\"token\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let ask = async || {
        app.send(Method::GET, "/api/contacts", &[("authorization", &bearer)], None).await.status
    };
    assert_eq!(ask().await, 200);
    let list = ada.get("/access/tokens").await.text;
    assert!(list.contains("pbx") && !list.contains(&token), "it was shown once");
    let id = ada.id("tokens", "pbx").await;
    let asked = ada.get(&format!("/access/tokens?revoke={id}")).await.text;
    assert!(asked.contains("Revoke the token pbx?"), "{asked}");
    let page = ada.led(&format!("/do/access/tokens/{id}/revoke"), &[]).await;
    assert!(page.contains("Revoked"), "{page}");
    assert_eq!(ask().await, 401);
    assert!(!ada.get("/access/audit").await.text.contains(&token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_speaks_in_words_and_names_what_is_gone() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    let bob = app.world.app.store.create_account("Bob & Co").await.unwrap();
    let id = app.world.app.store.ids().account(bob).to_string();
    let path = format!("/do/accounts/{id}/remove");
    assert_eq!(ada.post(&path, &[("confirm", "nobody")]).await.status, 422);
    assert_eq!(ada.post(&path, &[("confirm", "Bob & Co")]).await.status, 303);
    let page = ada.get("/access/audit").await.text;
    let rows: Vec<&str> =
        page.split("<tr>").filter(|row| row.contains("Removed an account")).collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert!(rows.iter().all(|row| row.contains("Bob &#38; Co") && !row.contains(&id)), "{rows:?}");
    let audit = ada.get("/api/audit").await.json["acts"][0].clone();
    assert_eq!(audit["subject"], id.as_str(), "a program is told the id");
    assert_eq!(
        (&audit["subject_name"], &audit["act_in_words"]),
        (&"Bob & Co".into(), &"Removed an account".into())
    );

    let failed = ada.get("/access/audit?succeeded=false").await.text;
    assert_eq!(failed.matches("Removed an account").count(), 1, "{failed}");
    let nobody = ada.get("/access/audit?actor=grace").await.text;
    assert!(nobody.contains("Nothing fits."), "{nobody}");
    let before = ada.get("/api/audit?until=2001-01-01").await.json["acts"].clone();
    assert_eq!(before.as_array().unwrap().len(), 0);
    assert_eq!(ada.get("/access/audit?since=yesterday").await.status, 422);
    let first = ada.get("/api/audit?limit=1&actor=ada").await.json;
    let older = first["next_before"].as_i64().unwrap();
    let second = ada.get(&format!("/api/audit?limit=1&actor=ada&before={older}")).await.json;
    assert_ne!(first["acts"][0]["id"], second["acts"][0]["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_are_counted_where_they_are_not_told_one_by_one() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    for _ in 0..4 {
        sign_in(&app, "ada", "wrong password").await;
    }
    let acts = ada.get("/api/audit").await.json["acts"].clone();
    let told = |acts: &serde_json::Value| {
        let acts = acts.as_array().unwrap().iter();
        acts.filter(|it| it["act"] == "session.start" && it["succeeded"] == false).count()
    };
    assert_eq!(told(&acts), 1);
    // A minute later the next one says how many there were.
    let clock = Arc::new(ManualClock::at("2026-03-07T12:00:00Z"));
    let (url, _folder) = World::fresh_url(Database::Sqlite);
    let path = url.strip_prefix("sqlite://").unwrap();
    let store = Store::open_sqlite(path.as_ref(), clock.clone(), vault()).await.unwrap();
    let access = AuthService::new(store, &Config::of(&[]).unwrap());
    let noted: Vec<_> =
        (0..4).map(|_| access.is_worth_noting("sign in in vain from ada")).collect();
    assert_eq!(noted, [Some(0), None, None, None]);
    assert_eq!(access.is_worth_noting("sign in in vain from bob"), Some(0), "another address");
    clock.advance(Duration::from_secs(61));
    assert_eq!(access.is_worth_noting("sign in in vain from ada"), Some(3));
    clock.advance(Duration::from_secs(61));
    assert_eq!(access.is_worth_noting("sign in in vain from ada"), Some(0));
    // However many addresses there are, they cause a few lines a minute.
    clock.advance(Duration::from_secs(61));
    let from = |number: u32| access.is_refusal_worth_noting("sign in", &format!("from {number}"));
    let lines: Vec<u32> = (0..1000).filter_map(from).collect();
    assert_eq!(lines.len(), 21);
    clock.advance(Duration::from_secs(61));
    assert_eq!((0..22).filter_map(from).last(), Some(979), "the last line counts the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_proxy_signs_in_without_a_right_is_told_so() {
    let settings = [
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("AUTH_PROXY_HEADER", "Remote-User"),
        ("AUTH_PROXY_ADMINS", "grace"),
    ];
    let app = TestApp::with(0, &settings).await;
    let ask = async |who: &str| {
        let headers =
            [("remote-user", who), ("accept", "text/html"), ("x-forwarded-for", "192.0.2.7")];
        app.send(Method::GET, "/access", &headers, None).await
    };
    let bob = ask("bob").await;
    assert_eq!(bob.status, 403);
    assert!(bob.text.contains("AUTH_PROXY_ADMINS does not name you"), "{}", bob.text);
    assert!(ask("grace").await.text.contains("those whom the proxy signs in"));
    for (wrong, words) in [
        ([("AUTH_PROXY_HEADER", "Host"), ("TRUSTED_PROXIES", "127.0.0.1")], "AUTH_PROXY_HEADER"),
        (
            [("AUTH_PROXY_HEADER", "X-Forwarded-For"), ("TRUSTED_PROXIES", "127.0.0.1")],
            "AUTH_PROXY_HEADER",
        ),
        ([("AUTH_PROXY_ADMINS", "grace"), ("TRUSTED_PROXIES", "127.0.0.1")], "AUTH_PROXY_ADMINS"),
    ] {
        let problem = ringbook_app::config::Config::of(&wrong).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_about_what_went_wrong_has_the_readers_menu() {
    let app = TestApp::new(0).await;
    let ada = Reader::first(&app).await;
    let gone = ada.get("/runs/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(gone.status, 404);
    assert!(
        gone.text.contains("href=\"/accounts\"") && gone.text.contains("/do/sign-out"),
        "{}",
        gone.text
    );
}
