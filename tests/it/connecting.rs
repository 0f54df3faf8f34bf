//! The way to Google and back, as people walk it: in a browser, by pasting, from a terminal, and with
//! everything that goes wrong on the way.

use std::time::Duration;

use reqwest::Method;
use ringbook_app::App;
use ringbook_app::connect::{Ask, CallbackParams, ConnectProblem};
use ringbook_core::clock::Clock;
use ringbook_core::sync::{FailureCode, Kind, Outcome};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Consent, Options};
use ringbook_store::{CallbackOrigin, ConsentError, ConsentState, NewTokens, Notice, Target};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::app::{Answer, TestApp};
use crate::support::both::on_both;
use crate::support::program::{Program, free_port};
use crate::support::world::{Database, World, renewed_tokens, until};

/// Goes to Google's page for an account, and comes back with the answer.
async fn consent(url: &str) -> CallbackParams {
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(url).send().await.unwrap();
    CallbackParams::parse(page.headers()["location"].to_str().unwrap()).unwrap()
}

fn new_account(name: &str) -> Ask {
    let target = Target::New { name: Some(name.to_owned()) };
    Ask { target, directory: false, return_to: None }
}

async fn names(app: &App) -> Vec<String> {
    app.store.accounts().await.unwrap().into_iter().map(|it| it.name).collect()
}

on_both! {
    async fn a_sign_in_survives_a_restart_and_any_server_takes_the_answer(database) {
        let world = World::new(database, 3).await;
        let begun = world.app.connector.begin(&Ask::default(), Some("browser")).await.unwrap();
        let back = consent(&begun.url).await;
        let other = world.other_process().await;
        let elsewhere = other.connector.come_back(&back, CallbackOrigin::Browser(Some("another"))).await;
        assert!(matches!(elsewhere, Err(ConnectProblem::Refused(_))), "{elsewhere:?}");
        assert_eq!(other.connector.consent(&begun.state).await.unwrap(), Some(ConsentState::Waiting));
        let account = other.connector.come_back(&back, CallbackOrigin::Browser(Some("browser"))).await;
        assert_eq!(account.unwrap(), world.account);
        let end = world.app.connector.consent(&begun.state).await.unwrap();
        assert_eq!(end, Some(ConsentState::Connected(world.account)));
        // Whoever brings the same answer once more is told how it ended, unless it is another browser.
        let twice = world.app.connector.arrive(&back, CallbackOrigin::Browser(Some("browser"))).await.unwrap();
        assert_eq!((twice.account, twice.again), (world.account, true));
        let elsewhere = other.connector.come_back(&back, CallbackOrigin::Browser(Some("another"))).await;
        assert!(matches!(elsewhere, Err(ConnectProblem::Refused(_))), "{elsewhere:?}");
        world.app.connector.forget(&world.status().await).await.unwrap();
        let late = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
        assert!(late.to_string().contains("used already"), "{late}");
    }

    async fn of_two_who_bring_the_same_answer_one_is_heard(database) {
        let world = World::new(database, 3).await;
        let other = world.other_process().await;
        world.app.store.remember_consent("state", None, &"asked".into()).await.unwrap();
        let (one, two) = tokio::join!(
            world.app.store.take_consent("state", CallbackOrigin::Trusted),
            other.store.take_consent("state", CallbackOrigin::Trusted),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let late = one.err().or(two.err()).unwrap();
        assert!(matches!(late, ConsentError::Used), "{late}");
    }

    async fn a_flood_of_sign_ins_takes_no_more_than_its_share(database) {
        let world = World::new(database, 3).await;
        let store = &world.app.store;
        for count in 0..1003 {
            store.remember_consent(&format!("state {count:04}"), None, &"asked".into()).await.unwrap();
        }
        let oldest = store.take_consent("state 0000", CallbackOrigin::Trusted).await;
        assert!(matches!(oldest, Err(ConsentError::Unknown)));
        store.take_consent("state 1002", CallbackOrigin::Trusted).await.unwrap();
    }

    async fn two_first_consents_of_one_person_at_once_make_one_account(database) {
        let (url, _folder) = World::fresh_url(database);
        let world = World::new(database, 3).await;
        let (one, two) = (world.process_on(&url).await, world.process_on(&url).await);
        let mut backs = Vec::new();
        for app in [&one, &two] {
            let begun = app.connector.begin(&Ask::default(), None).await.unwrap();
            backs.push(consent(&begun.url).await);
        }
        let (first, second) = tokio::join!(
            one.connector.come_back(&backs[0], CallbackOrigin::Trusted),
            two.connector.come_back(&backs[1], CallbackOrigin::Trusted),
        );
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(names(&one).await, ["Google"]);
        // The tokens are of one consent: they still work together.
        let account = one.store.accounts().await.unwrap().remove(0);
        one.connector.refresh(&account).await.unwrap();
    }

    async fn a_second_consent_of_another_person_is_refused_before_anything_is_touched(database) {
        let world = World::new(database, 3).await;
        world.converge(None).await;
        let before = world.app.store.grant(world.account).await.unwrap().unwrap();
        world.google.switch_user("grace@example.com", 5, false);

        let this = Ask { target: Target::Account(world.account), directory: false, return_to: None };
        let begun = world.app.connector.begin(&this, None).await.unwrap();
        let back = consent(&begun.url).await;
        let refused = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
        let words = refused.to_string();
        assert!(words.contains("`Google`") && words.contains("?account=new"), "{words}");
        let end = world.app.connector.consent(&begun.state).await.unwrap();
        assert_eq!(end, Some(ConsentState::Failed(words)));
        let after = world.app.store.grant(world.account).await.unwrap().unwrap();
        assert_eq!((after.number, after.generation), (before.number, before.generation));
        world.app.connector.refresh(&world.status().await).await.unwrap();

        // As an account of her own she is welcome, and then no second time.
        let begun = world.app.connector.begin(&new_account("Grace"), None).await.unwrap();
        let back = consent(&begun.url).await;
        let hers = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        assert_ne!(hers, world.account);
        assert_eq!(names(&world.app).await, ["Google", "Grace"]);
        for ask in [new_account("Grace again"), this] {
            let begun = world.app.connector.begin(&ask, None).await.unwrap();
            let back = consent(&begun.url).await;
            let refused = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
            assert!(matches!(refused, ConnectProblem::DifferentAccount(_)), "{refused}");
        }
        assert_eq!(names(&world.app).await, ["Google", "Grace"]);
        // Where nobody says which account is meant, it is that person's.
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        let account = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        assert_eq!(account, hers);
        world.google.switch_user("joan@example.com", 5, false);
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        let refused = world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
        assert!(refused.to_string().contains("several accounts"), "{refused}");
    }

    async fn a_client_that_is_entered_is_in_force_at_once_and_in_every_process(database) {
        let settings = [("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", "")];
        let options = Options::default();
        let right = (options.client_id.clone(), options.client_secret.clone());
        let world = World::playing(database, options, &settings).await;
        let (app, other) = (&world.app, world.other_process().await);
        let refused = app.connector.begin(&Ask::default(), None).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::NotConfigured), "{refused}");
        let client = |secret: &str| ringbook_app::connect::OAuthClient::new(&right.0, secret).unwrap();
        other.connector.enter_client(&client("a wrong one".replace(' ', "-").as_str())).await.unwrap();
        let account = world.status().await;
        let refused = app.connector.refresh(&account).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::Misconfigured(_)), "{refused}");
        assert!(refused.to_string().contains("`ringbook auth client`"), "{refused}");
        other.connector.enter_client(&client(&right.1)).await.unwrap();
        app.connector.refresh(&account).await.unwrap();
        world.converge(None).await;
        assert!(other.connector.forget_client().await.unwrap());
        let refused = app.connector.refresh(&account).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::NotConfigured), "{refused}");
    }

    async fn a_refresh_that_succeeded_outlives_the_slower_one_that_was_refused(database) {
        let world = World::new(database, 3).await;
        let other = world.other_process().await;
        let grant = world.app.store.grant(world.account).await.unwrap().unwrap();
        let fresh = renewed_tokens(&grant);
        other.store.condemn_grant(world.account, grant.generation, "invalid_grant").await.unwrap();
        let saved = world.app.store.save_tokens(world.account, grant.generation, &fresh).await;
        assert!(saved.unwrap());
        assert!(world.status().await.needs_reauth.is_none());
        other.store.condemn_grant(world.account, grant.generation, "invalid_grant").await.unwrap();
        assert!(world.status().await.needs_reauth.is_none(), "it spoke of an older token");
    }

    async fn a_refresh_under_way_does_not_bring_another_person_back(database) {
        let world = World::new(database, 3).await;
        world.converge(None).await;
        let grant = world.app.store.grant(world.account).await.unwrap().unwrap();
        let tokens = NewTokens {
            access_token: "late".to_owned().into(),
            expires_at: grant.expires_at,
            refresh_token: None,
            refresh_expires_at: None,
            scopes: grant.scopes.clone(),
        };
        world.google.switch_user("grace@example.com", 3, true);
        let run = world.sync(Some(Kind::Full)).await;
        assert_eq!(run.error_code, Some(FailureCode::DifferentAccount), "{:?}", run.error_message);
        world.app.store.save_tokens(world.account, grant.generation, &tokens).await.unwrap();
        assert!(world.status().await.needs_reauth.is_some(), "the newest run still says so");
        let again = world.sync(Some(Kind::Full)).await;
        assert_eq!(again.error_code, Some(FailureCode::DifferentAccount));
        assert_eq!(again.counts.listed, 0);
    }

    async fn each_end_of_a_permission_is_told_once(database) {
        let options = Options {
            refresh_token_ttl: Some(Duration::from_secs(36 * 3600)),
            ..Options::default()
        };
        let world = World::playing(database, options, &[]).await;
        let other = world.other_process().await;
        assert_eq!(world.app.store.claim_notices().await.unwrap(), []);
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        let (one, two) =
            tokio::join!(world.app.store.claim_notices(), other.store.claim_notices());
        let told: Vec<Notice> = one.unwrap().into_iter().chain(two.unwrap()).collect();
        assert!(matches!(&told[..], [Notice::Ending { .. }]), "{told:?}");
        world.google.revoke_grants();
        let refused = world.app.connector.refresh(&world.status().await).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::Refused(_)), "{refused}");
        assert!(world.start(None).await.is_err(), "nothing asks Google any more");
        let told = other.store.claim_notices().await.unwrap();
        assert!(matches!(&told[..], [Notice::Dead { .. }]), "{told:?}");
        assert_eq!(world.app.store.claim_notices().await.unwrap(), []);
        // A new permission has its own ends.
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        assert_eq!(world.app.store.claim_notices().await.unwrap().len(), 1);
    }
}

/// A place that notices are posted to.
async fn letter_box() -> (String, tokio::sync::mpsc::UnboundedReceiver<Value>) {
    let (put, letters) = tokio::sync::mpsc::unbounded_channel();
    let take = axum::routing::post(async move |axum::Json(letter): axum::Json<Value>| {
        put.send(letter).unwrap();
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/hook/s3cret", take);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, letters)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_must_connect_again_is_told_at_the_webhook_once() {
    let (url, mut letters) = letter_box().await;
    let world = World::with(Database::Sqlite, 3, &[("ALERT_WEBHOOK_URL", &url)]).await;
    world.google.revoke_grants();
    world.app.connector.refresh(&world.status().await).await.unwrap_err();
    world.app.alarms.look().await;
    let wait = tokio::time::timeout(PATIENCE, letters.recv());
    let letter = wait.await.unwrap().unwrap();
    assert_eq!((&letter["event"], &letter["account"]), (&json!("needs_reauth"), &json!("Google")));
    let message = letter["message"].as_str().unwrap();
    assert!(message.contains("must be connected again"), "{message}");
    world.app.alarms.look().await;
    tokio::task::yield_now().await;
    assert!(letters.try_recv().is_err(), "it was said already");
}

mod in_a_browser {
    use super::*;

    /// By the name that the server has in its network.
    const LAN: &str = "pbx.lan:8000";
    const PUBLIC_URL: (&str, &str) = ("PUBLIC_URL", "http://pbx.lan:8000");

    fn cookie(answer: &Answer) -> String {
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    async fn ask(app: &TestApp, path: &str, host: &str) -> Answer {
        app.send(Method::GET, path, &[("host", host), ("accept", "text/html")], None).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_first_sync_starts_by_itself() {
        let app = TestApp::new(3).await;
        let away = app.get("/auth/google").await;
        let back = consent(away.header("location")).await;
        let path = format!(
            "/auth/callback?state={}&code={}",
            back.state,
            secrecy::ExposeSecret::expose_secret(&back.answer.unwrap()).replace('/', "%2F")
        );
        let cookie = cookie(&away);
        // An address that was cut off is no answer, and ends nothing.
        let (cut_off, _) = path.split_once("&code").unwrap();
        let cut_off = app.send(Method::GET, cut_off, &[("cookie", &cookie)], None).await;
        assert!(cut_off.refused(400).contains("cut off"));
        app.send(Method::GET, &path, &[("cookie", &cookie)], None).await.is(200);
        let run = app.world.until(|run| run.outcome == Some(Outcome::Succeeded)).await;
        assert_eq!(run.trigger.to_string(), "startup");
        app.world.assert_equal().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_another_machine_one_is_told_how_to_come_back_and_can_paste_the_address() {
        let app = TestApp::with(3, &[PUBLIC_URL]).await;
        let page = ask(&app, "/auth/google", LAN).await;
        assert_eq!(page.status, 200);
        let port = app.address.port();
        for words in [
            format!("ssh -L {port}:localhost:{port}"),
            format!("http://{}/auth/callback", app.address),
            "action=\"/auth/callback/paste\"".to_owned(),
            "HTTPS".to_owned(),
        ] {
            assert!(page.text.contains(&words), "{words}: {}", page.text);
        }
        let (_, rest) = page.text.split_once("<a href=\"http").unwrap();
        let url = format!("http{}", rest.split('"').next().unwrap());
        let url = url.replace("&amp;", "&").replace("&#38;", "&");
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let gone = browser.build().unwrap().get(url).send().await.unwrap();
        let ended_at = gone.headers()["location"].to_str().unwrap();
        // The form, as the browser sends it; the cookie is not even needed.
        let form: String = ended_at.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("host", LAN),
            ("origin", "http://pbx.lan:8000"),
        ];
        let body = format!("url={form}");
        let done = app.send(Method::POST, "/auth/callback/paste", &headers, Some(&body)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert!(done.text.contains("<h1>Connected</h1>"), "{}", done.text);
        // It counts once; the second time only says so.
        let json = [("content-type", "application/json")];
        let again = json!({ "url": ended_at }).to_string();
        let again = app.send(Method::POST, "/auth/callback/paste", &json, Some(&again)).await;
        assert!(again.is(200)["message"].as_str().unwrap().ends_with("is connected as Google."));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_pasted_and_is_no_answer_is_refused_with_what_to_paste() {
        let app = TestApp::new(3).await;
        let json = [("content-type", "application/json")];
        for (url, words) in [
            ("4/0AbCode", "whole address"),
            ("http://localhost:8000/auth/callback", "whole address"),
            ("http://localhost/?state=unknown&code=4/0Ab", "begin again at /auth/google"),
        ] {
            let body = json!({ "url": url }).to_string();
            let answer = app.send(Method::POST, "/auth/callback/paste", &json, Some(&body)).await;
            let detail = answer.refused(400);
            assert!(detail.contains(words) && !detail.contains("0Ab"), "{detail}");
        }
        let answer = app.send(Method::POST, "/auth/callback/paste", &json, Some("{}")).await;
        answer.refused(422);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_address_that_google_refuses_is_told_before_anybody_leaves() {
        let settings = [
            ("GOOGLE_AUTH_URL", "https://accounts.google.com/o/oauth2/v2/auth"),
            ("GOOGLE_REDIRECT_URI", "http://192.168.1.5:8000/auth/callback"),
            PUBLIC_URL,
        ];
        let app = TestApp::with(3, &settings).await;
        let detail = app.get("/auth/google").await.refused(409);
        assert!(detail.contains("bare numbers") && detail.contains("ssh -L 8000"), "{detail}");
        let page = ask(&app, "/auth/google", LAN).await;
        assert_eq!(page.status, 409);
        assert!(page.text.contains("Google would not let you back"), "{}", page.text);
        let client = app.get("/api/google/client").await.is(200);
        assert!(client["redirect_problem"].as_str().unwrap().contains("bare numbers"), "{client}");
        let status = app.get("/auth/status").await.is(200);
        assert_eq!(status["redirect_problem"], client["redirect_problem"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn which_account_and_what_to_ask_for_can_be_said() {
        let app = TestApp::new(3).await;
        let to = async |path: &str| app.get(path).await.header("location").to_owned();
        assert!(!to("/auth/google").await.contains("directory.readonly"));
        assert!(to("/auth/google?scopes=contacts,directory").await.contains("directory.readonly"));
        let detail = app.get("/auth/google?scopes=everything").await.refused(422);
        assert!(detail.contains("directory"), "{detail}");
        assert!(!to("/auth/google?account=Google").await.is_empty(), "by its name");
        app.get("/auth/google?account=Nobody").await.refused(404);
        app.world.google.switch_user("grace@example.com", 5, false);
        let away = app.get("/auth/google?account=new&name=Grace%20Hopper").await;
        let back = consent(away.header("location")).await;
        app.world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        assert_eq!(names(&app.world.app).await, ["Google", "Grace Hopper"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_consent_without_the_contacts_is_refused_with_the_box_to_tick() {
        let app = TestApp::new(3).await;
        let scopes = Some(vec!["openid".to_owned()]);
        app.world.google.set_consent(Consent { deny: false, scopes });
        let begun = app.world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        let refused =
            app.world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
        assert!(refused.to_string().contains("tick the box for contacts"), "{refused}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_google_says_instead_of_a_code_has_an_answer() {
        let app = TestApp::new(3).await;
        for (error, words) in [
            ("access_denied", "the permission was refused"),
            ("redirect_uri_mismatch", "add exactly this address"),
            ("invalid_client", "`ringbook auth client`"),
            ("org_internal", "user type External"),
        ] {
            let begun = app.world.app.connector.begin(&Ask::default(), None).await.unwrap();
            let path = format!("/auth/callback?state={}&error={error}", begun.state);
            let answer = app.get(&path).await;
            assert!(answer.text.contains(words), "{error}: {}", answer.text);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_day_on_which_a_testing_app_loses_its_permission_is_told() {
        let week = Some(Duration::from_secs(604_799));
        let options = Options { contacts: 3, refresh_token_ttl: week, ..Options::default() };
        let world = World::playing(Database::Sqlite, options, &[]).await;
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        let facts = world.app.store.grant_facts(world.account).await.unwrap().unwrap();
        let left = facts.refresh_expires_at.unwrap().duration_since(SystemClock.now()).as_hours();
        assert!((166..=168).contains(&left), "{left}");
        let run =
            |args: &[&str]| Program::start(world.folder.path(), &world.settings, args).ended();
        run(&["doctor"])
            .await
            .assert(0, &["the permission ends", "\"Testing\"", "\"In production\""]);
        let accounts = run(&["accounts", "--json"]).await.json();
        assert!(accounts["accounts"][0]["auth"]["permission_ends_at"].is_string(), "{accounts}");
        // Long before, nobody is woken up.
        assert_eq!(world.app.store.claim_notices().await.unwrap(), []);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_client_is_entered_and_never_told_and_what_is_configured_wins() {
        let app = TestApp::with(3, &[("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", "")]).await;
        let json = [("content-type", "application/json")];
        let put =
            async |body: &str| app.send(Method::PUT, "/api/google/client", &json, Some(body)).await;
        assert_eq!(app.get("/api/google/client").await.is(200)["client_id"], json!(null));
        assert_eq!(app.get("/auth/status").await.is(200)["configured"], false);
        app.send(Method::DELETE, "/api/google/client", &[], None).await.refused(404);
        for bad in
            ["{}", r#"{"client_id":"a"}"#, r#"{"client_id":"a b","client_secret":"c"}"#, "[]"]
        {
            put(bad).await.refused(422);
        }
        let body =
            r#"{"client_id":"1-a.apps.googleusercontent.com","client_secret":"GOCSPX-planted"}"#;
        let shown = put(body).await;
        assert!(!shown.text.contains("planted"), "{}", shown.text);
        let shown = shown.is(200);
        assert_eq!(shown["client_id"], "1-a.apps.googleusercontent.com");
        assert_eq!(shown["source"], "entered");
        assert_eq!(app.get("/auth/status").await.is(200)["configured"], true);
        let url = app.get("/auth/url").await.is(200);
        assert!(url["auth_url"].as_str().unwrap().contains("client_id=1-a.apps"), "{url}");
        app.send(Method::DELETE, "/api/google/client", &[], None).await.is(200);

        let app = TestApp::new(3).await;
        let answer = app.send(Method::PUT, "/api/google/client", &json, Some(body)).await;
        let detail = answer.refused(409);
        assert!(detail.contains("GOOGLE_CLIENT_ID") && !detail.contains("planted"), "{detail}");
    }
}

mod from_a_terminal {
    use super::*;

    struct Terminal {
        world: World,
    }

    impl Terminal {
        async fn new() -> Terminal {
            let callback = format!("http://127.0.0.1:{}/auth/callback", free_port());
            let extra = [("GOOGLE_REDIRECT_URI", callback.as_str())];
            Terminal { world: World::with(Database::Sqlite, 5, &extra).await }
        }

        fn start(&self, args: &[&str]) -> Program {
            Program::start(self.world.folder.path(), &self.world.settings, args)
        }

        fn typing(&self, args: &[&str], typed: &str) -> Program {
            Program::reading(self.world.folder.path(), &self.world.settings, args, typed)
        }
    }

    async fn browser_ends_at(url: &str) -> String {
        let browser =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let page = browser.get(url.trim()).send().await.unwrap();
        page.headers()["location"].to_str().unwrap().to_owned()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_account_is_connected_through_a_listener_of_its_own_and_synced() {
        let terminal = Terminal::new().await;
        let mut auth = terminal.start(&["auth"]);
        let url = auth.says("http").await;
        auth.says("Waiting for your browser").await;
        // Somebody else's answer is turned away, and does not end the wait.
        let back = browser_ends_at(&url).await;
        let (before, _) = back.split_once('?').unwrap();
        let stranger = reqwest::get(format!("{before}?state=other&code=4/0A")).await.unwrap();
        assert_eq!(stranger.status(), 400);
        let page = reqwest::get(back).await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("<h1>Connected</h1>"));
        auth.ended().await.assert(0, &["Google is connected", "Full sync done"]);
        terminal.world.assert_equal().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn over_ssh_the_address_is_pasted() {
        let terminal = Terminal::new().await;
        let begun =
            terminal.start(&["auth", "--begin", "--json"]).ended().await.assert(0, &[]).json();
        let back = browser_ends_at(begun["auth_url"].as_str().unwrap()).await;
        let wrong = terminal.start(&["auth", "--paste", "4/0Abc"]).ended().await;
        wrong.assert(2, &["whole address"]);
        let pasted = terminal.typing(&["auth", "--paste", "-", "--no-sync", "--json"], &back);
        let pasted = pasted.ended().await.assert(0, &[]).json();
        assert_eq!(pasted["success"], true);
        let id = terminal.world.app.store.ids().account(terminal.world.account);
        assert_eq!(pasted["account_id"], id);
        let again = ["auth", "--paste", &back, "--no-sync"];
        terminal.start(&again).ended().await.assert(0, &["Google is connected"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_is_running_takes_the_answer() {
        let terminal = Terminal::new().await;
        let uri = terminal.world.app.config.google_redirect_uri.clone();
        let port = reqwest::Url::parse(&uri).unwrap().port().unwrap().to_string();
        let mut server = terminal.start(&["serve", "--port", &port]);
        server.says("Ringbook is at").await;
        let mut auth = terminal.start(&["auth"]);
        let url = auth.says("http").await;
        auth.says("When your browser ends").await;
        let page = reqwest::get(browser_ends_at(&url).await).await.unwrap();
        assert_eq!(page.status(), 200);
        auth.ended().await.assert(0, &["the server took the answer"]);
        until(&terminal.world.app, terminal.world.account, |run| {
            run.outcome == Some(Outcome::Succeeded)
        })
        .await;
        server.signal("-TERM");
        server.ended().await.assert(0, &[]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_no_at_google_ends_it_with_the_way_out() {
        let terminal = Terminal::new().await;
        terminal.world.google.set_consent(Consent { deny: true, scopes: None });
        let mut auth = terminal.start(&["auth"]);
        let url = auth.says("http").await;
        auth.says("Waiting for your browser").await;
        let page = reqwest::get(browser_ends_at(&url).await).await.unwrap();
        assert_eq!(page.status(), 400);
        auth.ended().await.assert(4, &["the permission was refused"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_address_that_google_refuses_is_told_at_once() {
        let terminal = Terminal::new().await;
        let refused = terminal
            .start(&[
                "auth",
                "--set",
                "GOOGLE_AUTH_URL=https://accounts.google.com/o/oauth2/v2/auth",
                "--set",
                "GOOGLE_REDIRECT_URI=http://phones.lan:8000/auth/callback",
            ])
            .ended()
            .await;
        refused.assert(2, &["no public name", "ssh -L 8000:localhost:8000"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_client_is_entered_by_file_or_by_hand_and_shown_without_its_secret() {
        let mut terminal = Terminal::new().await;
        let configured = terminal.typing(
            &["auth", "client", "--id", "x"],
            "GOCSPX-planted
",
        );
        configured.ended().await.assert(2, &["GOOGLE_CLIENT_ID", "win over"]);
        terminal.world.settings.retain(|(key, _)| !key.starts_with("GOOGLE_CLIENT_"));
        let none = terminal.start(&["auth", "client"]).ended().await;
        none.assert(
            2,
            &["there is no OAuth client", "/auth/callback", "--file client_secret.json"],
        );
        let file = terminal.world.folder.path().join("client_secret.json");
        let text = r#"{"web":{"client_id":"1-a.apps.googleusercontent.com","client_secret":"GOCSPX-planted"}}"#;
        std::fs::write(&file, text).unwrap();
        let path = file.display().to_string();
        let entered = terminal.start(&["auth", "client", "--file", &path]).ended().await;
        entered.assert(
            0,
            &["1-a.apps.googleusercontent.com (entered)", "/auth/callback", "ringbook auth"],
        );
        let by_hand =
            terminal.typing(&["auth", "client", "--id", "2-b", "--json"], "GOCSPX-planted\n");
        let shown = by_hand.ended().await;
        shown.assert(0, &["2-b", "does not end in .apps.googleusercontent.com"]);
        for said in [&entered, &shown] {
            assert!(!said.out.contains("planted") && !said.err.contains("planted"), "{said:?}");
        }
        terminal.start(&["auth", "client", "--forget"]).ended().await.assert(0, &[]);
        terminal.start(&["auth", "client", "--forget"]).ended().await.assert(1, &[]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_systemd_credential_is_the_key_unless_one_is_set() {
        let mut terminal = Terminal::new().await;
        let folder = terminal.world.folder.path().join("credentials");
        std::fs::create_dir(&folder).unwrap();
        // The same key as the setting, as systemd hands it over: with a line's end.
        let at = terminal.world.settings.iter().position(|(key, _)| key == "SECRET_KEY").unwrap();
        let (_, key) = terminal.world.settings.remove(at);
        std::fs::write(folder.join("ringbook-key"), format!("{key}\n")).unwrap();
        let folder = folder.display().to_string();
        terminal.world.settings.push(("CREDENTIALS_DIRECTORY".to_owned(), folder));
        let status = terminal.start(&["key", "status"]).ended().await;
        status.assert(0, &["systemd credential ringbook-key", "seals"]);
        assert!(!status.out.contains("is not there"), "{status:?}");
        let config = terminal.start(&["config"]).ended().await;
        config.assert(0, &["systemd credential ringbook-key", "***"]);
        assert!(!config.out.contains(&key), "{config:?}");
        assert!(!terminal.world.folder.path().join("ringbook.key").exists());
        let other =
            terminal.start(&["key", "status", "--set", &format!("SECRET_KEY={}", "1".repeat(64))]);
        other.ended().await.assert(1, &["come from SECRET_KEY", "is not there"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_key_is_changed_beside_a_running_server_and_never_shown() {
        let mut terminal = Terminal::new().await;
        let refused = terminal.start(&["key", "rotate"]).ended().await;
        refused.assert(2, &["come from SECRET_KEY", "openssl rand -base64 32"]);
        terminal.world.settings.retain(|(key, _)| key != "SECRET_KEY");
        // With another key, in the file beside the database, the grant from before does not open.
        let status = terminal.start(&["key", "status", "--json"]).ended().await;
        assert_eq!(status.json()["lost"].as_object().unwrap().len(), 1, "{status:?}");
        terminal
            .start(&["doctor"])
            .ended()
            .await
            .assert(1, &["cannot be opened", "put that key back"]);
        let mut auth = terminal.start(&["auth", "--no-sync"]);
        let url = auth.says("http").await;
        auth.says("Waiting for your browser").await;
        reqwest::get(browser_ends_at(&url).await).await.unwrap();
        auth.ended().await.assert(0, &[]);

        let (port, key) = (free_port(), terminal.world.folder.path().join("ringbook.key"));
        let mut server = terminal.start(&["serve", "--port", &port]);
        server.says("Ringbook is at").await;
        let old = std::fs::read_to_string(&key).unwrap();
        let rotated = terminal.start(&["key", "rotate"]).ended().await;
        rotated.assert(0, &["2 secrets sealed with the new key"]);
        let new = std::fs::read_to_string(&key).unwrap();
        for line in old.lines().chain(new.lines()).filter(|line| !line.starts_with('#')) {
            assert!(!rotated.out.contains(line) && !status.out.contains(line));
        }
        assert_ne!(old, new);
        let client = reqwest::Client::new();
        let sync = client.post(format!("http://127.0.0.1:{port}/api/sync")).send().await.unwrap();
        assert_eq!(sync.status(), 200, "the server reads the new key");
        server.signal("-TERM");
        server.ended().await.assert(0, &[]);
    }
}

mod at_another_server {
    use super::*;
    use crate::support::node::MockServer;

    /// A code with its verifier, a wrong secret, refreshes that replace the refresh token, and giving it
    /// back: all with a server that we have not written.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_whole_way_is_gone_with_an_oauth_server_of_others_on_node() {
        let server = MockServer::start("client-1", "secret-1");
        let (auth, token) =
            (format!("{}/authorize", server.oauth), format!("{}/token", server.oauth));
        let revoke = format!("{}/revoke", server.oauth);
        let (url, folder) = World::fresh_url(Database::Sqlite);
        let key = folder.path().join("ringbook.key").display().to_string();
        let open = async |secret: &str| {
            let config = ringbook_app::config::Config::of(&[
                ("DATABASE_URL", url.as_str()),
                ("SECRET_KEY_FILE", key.as_str()),
                ("GOOGLE_CLIENT_ID", "client-1"),
                ("GOOGLE_CLIENT_SECRET", secret),
                ("GOOGLE_AUTH_URL", auth.as_str()),
                ("GOOGLE_TOKEN_URL", token.as_str()),
                ("GOOGLE_REVOKE_URL", revoke.as_str()),
                ("GOOGLE_API_BASE_URL", server.people.as_str()),
            ]);
            App::open(config.unwrap()).await.unwrap()
        };
        let ask = async |path: &str| -> serde_json::Value {
            let answer = reqwest::get(format!("{}{path}", server.people)).await.unwrap();
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
        };
        let wrong = open("secret-2").await;
        let begun = wrong.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        let refused = wrong.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::Misconfigured(_)), "{refused}");
        assert!(wrong.store.accounts().await.unwrap().is_empty());

        let app = open("secret-1").await;
        let begun = app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = consent(&begun.url).await;
        assert_eq!(back.state, begun.state);
        let account = app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        let google_id = app.store.account(account).await.unwrap().unwrap().google_id.unwrap();
        assert_eq!(google_id.as_str(), "people/117");
        app.welcome(account).await;
        let run = until(&app, account, |run| run.outcome.is_some()).await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.error_message);
        assert_eq!(run.counts.created, 1);

        // Each refresh brings another refresh token, and the next one must use it.
        let row = app.store.account(account).await.unwrap().unwrap();
        for _ in 0..3 {
            app.connector.refresh(&row).await.unwrap();
        }
        // Two processes at once: the slower one finds the newer token, and nobody is locked out.
        let other = open("secret-1").await;
        ask("/expire").await;
        let (one, two) = tokio::join!(app.connector.refresh(&row), other.connector.refresh(&row));
        assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
        app.connector.refresh(&row).await.unwrap();
        assert!(ask("/counts").await["refreshes"].as_u64().unwrap() >= 5);

        app.connector.revoke(&row).await.unwrap();
        assert_eq!(ask("/counts").await["revoked"], 1);
        let refused = app.connector.refresh(&row).await.unwrap_err();
        assert!(matches!(refused, ConnectProblem::NotConnected), "{refused}");
    }
}
