//! Consents that go wrong on the way or bring less than they should, and what is said of them; and the endpoints
//! under /auth, as front ends use them.

use std::time::Duration;

use reqwest::Method;
use ringbook_app::connect::{Ask, CallbackParams, ConnectProblem};
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_core::sync::{Outcome, Source};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{CONTACTS_READONLY, Canned, Endpoint, Fault};
use ringbook_store::{CallbackOrigin, ConsentState, NewTokens};
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::both::on_both;
use crate::support::world::World;

/// Goes to Google's page, and gives the address that the browser is sent back to.
async fn ends_at(url: &str) -> String {
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(url).send().await.unwrap();
    page.headers()["location"].to_str().unwrap().to_owned()
}

/// As [`ends_at`], of a Google that does not ask the person again, and so gives no refresh token.
async fn without_refresh_token(url: &str) -> String {
    ends_at(&url.replace("prompt=consent", "prompt=select_account")).await
}

fn scope() -> [String; 1] {
    [CONTACTS_READONLY.to_owned()]
}

on_both! {
    async fn a_consent_that_brings_no_refresh_token_keeps_the_working_one(database) {
        let world = World::new(database, 3).await;
        let connector = &world.app.connector;
        let again = async || {
            let begun = connector.begin(&Ask::default(), None).await.unwrap();
            let back = CallbackParams::parse(&without_refresh_token(&begun.url).await).unwrap();
            connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
            world.app.store.grant_facts(world.account).await.unwrap().unwrap()
        };
        let facts = again().await;
        assert!(facts.has_refresh_token && !facts.lacks_refresh_token());
        world.google.expire_access_tokens();
        connector.refresh(&world.status().await).await.unwrap();
        world.converge(None).await;
        // One that is known to be dead is not worth keeping.
        let grant = world.app.store.grant(world.account).await.unwrap().unwrap();
        world.app.store.condemn_grant(world.account, grant.generation, "dead").await.unwrap();
        let facts = again().await;
        assert!(facts.lacks_refresh_token());
        let end = world.app.store.unrenewable().await.unwrap();
        assert_eq!(end, [(world.account, facts.expires_at)]);
    }

    async fn trouble_at_the_exchange_is_tried_again_and_then_the_sign_in_stays_usable(database) {
        let world = World::new(database, 3).await;
        let connector = &world.app.connector;
        let asked = |endpoint| world.google.counted(endpoint).requests;
        for endpoint in [Endpoint::Token, Endpoint::Me] {
            for canned in [Canned::BadGateway, Canned::Unavailable, Canned::RateLimit, Canned::HtmlPage] {
                let begun = connector.begin(&Ask::default(), Some("browser")).await.unwrap();
                let back = CallbackParams::parse(&ends_at(&begun.url).await).unwrap();
                let browser = CallbackOrigin::Browser(Some("browser"));
                // For good: several tries, then the person may try.
                world.google.add_fault(Fault::answer(canned).on(endpoint).forever());
                let before = asked(endpoint);
                let refused = connector.come_back(&back, browser).await.unwrap_err();
                assert!(matches!(refused, ConnectProblem::Unfinished(_)), "{refused}");
                assert_eq!(asked(endpoint) - before, 4, "{canned:?}");
                let words = refused.to_string();
                let found = Diagnosis::read(&words).unwrap_or_else(|| panic!("{words}"));
                assert!(found.remedy().contains("try again with the same address"), "{words}");
                assert!(!words.contains("tries again by itself"), "{words}");
                let state = connector.consent(&begun.state).await.unwrap();
                assert_eq!(state, Some(ConsentState::Waiting));
                world.google.clear_faults();
                let exchanged = asked(Endpoint::Token);
                // Also without the code, which no page's link should hold, and with it.
                let next = match canned {
                    Canned::BadGateway => CallbackParams::again(begun.state.clone()),
                    _ => back,
                };
                let account = connector.come_back(&next, browser).await.unwrap();
                assert_eq!(account, world.account);
                // A code is good once: what came for it was kept.
                let exchanges = u64::from(endpoint == Endpoint::Token);
                assert_eq!(asked(Endpoint::Token) - exchanged, exchanges, "{canned:?}");
                // A hiccup is not even seen.
                world.google.add_fault(Fault::answer(canned).on(endpoint).times(2));
                let begun = connector.begin(&Ask::default(), None).await.unwrap();
                let back = CallbackParams::parse(&ends_at(&begun.url).await).unwrap();
                connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
                world.google.clear_faults();
            }
        }
        world.converge(None).await;
    }

    async fn an_answer_that_is_opened_twice_at_once_connects_once_and_says_so_twice(database) {
        let world = World::new(database, 3).await;
        let other = world.other_process().await;
        let begun = world.app.connector.begin(&Ask::default(), Some("browser")).await.unwrap();
        let back = CallbackParams::parse(&ends_at(&begun.url).await).unwrap();
        let browser = CallbackOrigin::Browser(Some("browser"));
        let (one, two) = tokio::join!(
            world.app.connector.arrive(&back, browser),
            other.connector.arrive(&back, browser),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.account, two.account), (world.account, world.account));
        assert!(one.again != two.again, "{one:?} {two:?}");
    }

    async fn a_permission_that_google_refuses_from_the_start_is_kept_and_says_that_no_other_helps(database) {
        let world = World::new(database, 3).await;
        for endpoint in [Endpoint::Me, Endpoint::List, Endpoint::Groups] {
            world.google.add_fault(Fault::answer(Canned::Unauthenticated).on(endpoint).forever());
        }
        let begun = world.app.connector.begin(&Ask::default(), None).await.unwrap();
        let back = CallbackParams::parse(&ends_at(&begun.url).await).unwrap();
        world.app.connector.come_back(&back, CallbackOrigin::Trusted).await.unwrap();
        let run = world.sync(None).await;
        let message = run.error_message.unwrap();
        for words in ["connecting again will not help if the account was connected just now", "administrator", "Cloud project"] {
            assert!(message.contains(words), "{words}: {message}");
        }
        world.google.clear_faults();
    }

    async fn a_source_that_can_never_work_is_refused_when_it_is_added(database) {
        let world = World::new(database, 3).await;
        world.google.directory().generate(2);
        let connector = &world.app.connector;
        let account = world.status().await;
        for source in [Source::Directory, Source::Shared] {
            world.google.add_fault(Fault::answer(Canned::NoDomain).on(Endpoint::Directory).forever());
            let grant = world.app.store.grant(world.account).await.unwrap().unwrap();
            let scopes = ringbook_app::connect::SERVICE_SCOPES.map(str::to_owned);
            let tokens = world.google.grant(&scopes);
            let tokens = NewTokens {
                access_token: tokens.access_token.into(),
                expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
                refresh_token: Some(tokens.refresh_token.into()),
                refresh_expires_at: None,
                scopes: scopes.to_vec(),
            };
            assert!(grant.service.is_none());
            world.app.store.connect(Some(world.account), None, &tokens).await.unwrap();
            let refused = connector.add_source(&account, source, "Office").await.unwrap_err();
            let words = refused.to_string();
            assert!(words.contains("nothing was added") && words.contains("gmail.com"), "{words}");
            assert!(matches!(refused, ConnectProblem::Conflict(_)), "{words}");
            assert_eq!(world.app.store.accounts().await.unwrap().len(), 1);
            world.google.clear_faults();
        }
        // What only an administrator has not allowed yet is added all the same.
        world.google.add_fault(Fault::answer(Canned::Forbidden).on(Endpoint::Directory).forever());
        let added = connector.add_source(&account, Source::Directory, "Office").await.unwrap();
        assert!(added.check.unwrap().unwrap_err().contains("External Directory Sharing"));
    }

    async fn a_rule_that_forbids_it_ends_no_permission_and_when_it_is_lifted_all_is_well(database) {
        let world = World::new(database, 3).await;
        world.converge(None).await;
        for (canned, words) in [
            (Canned::PolicyEnforced, "Advanced Protection"),
            (Canned::AdminPolicyEnforced, "have the administrator trust"),
            (Canned::AccountDeleted, "remove the account here"),
            (Canned::InvalidClient, "`ringbook auth client`"),
        ] {
            world.google.expire_access_tokens();
            world.google.add_fault(Fault::answer(canned).on(Endpoint::Token).forever());
            let run = world.sync(None).await;
            let message = run.error_message.unwrap_or_default();
            assert_eq!(run.outcome, Some(Outcome::Failed), "{message}");
            assert!(message.contains(words), "{canned:?}: {message}");
            assert!(world.status().await.needs_reauth.is_none(), "{canned:?}: {message}");
            world.google.clear_faults();
            world.converge(None).await;
        }
    }
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A browser of its own: begins, goes to Google and comes back.
struct Browser<'a> {
    app: &'a TestApp,
    cookie: String,
    back: String,
}

impl<'a> Browser<'a> {
    async fn at_google(app: &'a TestApp, begin: &str, refresh_token: bool) -> Browser<'a> {
        let away = app.get(begin).await;
        assert_eq!(away.status, 302, "{}", away.text);
        let url = away.header("location");
        let back = match refresh_token {
            true => ends_at(url).await,
            false => without_refresh_token(url).await,
        };
        let back = back.strip_prefix(&app.url("")).unwrap().to_owned();
        Browser { app, cookie: cookie(&away), back }
    }

    async fn opens(&self, path: &str, accept: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("accept", accept)];
        self.app.send(Method::GET, path, &headers, None).await
    }

    async fn comes_back(&self, accept: &str) -> Answer {
        self.opens(&self.back, accept).await
    }
}

const HTML: &str = "text/html";
const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_that_cannot_be_renewed_is_said_everywhere_with_the_way_out() {
    let app = TestApp::new(3).await;
    app.post("/auth/disconnect").await.is(200);
    // Google knows the person, and so gives no refresh token unless it asks again.
    app.world.google.grant(&scope());
    let browser = Browser::at_google(&app, "/auth/google", false).await;
    let page = browser.comes_back(HTML).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let told = browser.comes_back(JSON).await.is(200)["message"].as_str().unwrap().to_owned();
    let warning = app.get("/auth/status").await.is(200)["warning"].as_str().unwrap().to_owned();
    let way_out = "https://myaccount.google.com/connections";
    assert!(warning.contains("cannot be renewed") && warning.contains(way_out), "{warning}");
    assert!(told.contains(&warning), "{told}");
    let status = app.get("/api/sync/status").await.is(200);
    assert_eq!(status["warning"], json!(warning));
    assert_eq!(status["accounts"][0]["warning"], json!(warning));
    let accounts = app.get("/api/accounts").await.is(200);
    assert_eq!(accounts["accounts"][0]["auth"]["warning"], json!(warning));
    for page in [page.text, app.get("/").await.text] {
        assert!(page.contains("cannot be renewed") && page.contains(way_out), "{page}");
    }
    let doctor = app.get("/api/doctor").await.is(200).to_string();
    assert!(doctor.contains("no_refresh_token") && doctor.contains(way_out), "{doctor}");
    // Connected again as it says, all is well.
    let browser = Browser::at_google(&app, "/auth/google", true).await;
    assert!(!browser.comes_back(HTML).await.text.contains("cannot be renewed"));
    assert_eq!(app.get("/auth/status").await.is(200)["warning"], Value::Null);
    assert_eq!(app.get("/api/sync/status").await.is(200)["warning"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_reloaded_says_that_the_account_is_connected() {
    let app = TestApp::new(3).await;
    let browser = Browser::at_google(&app, "/auth/google", true).await;
    assert_eq!(browser.comes_back(HTML).await.status, 200);
    app.world.until(|run| run.outcome.is_some()).await;
    let runs = app.get("/api/sync/history?limit=100").await.is(200)["history"].clone();
    for _ in 0..2 {
        let page = browser.comes_back(HTML).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("<h1>Connected</h1>"), "{}", page.text);
        assert!(page.text.contains("is connected as Google."), "{}", page.text);
    }
    let after = app.get("/api/sync/history?limit=100").await.is(200)["history"].clone();
    let count = |runs: &Value| {
        let startups = runs.as_array().unwrap().iter();
        startups.filter(|it| it["asked_by"] == "the account was connected").count()
    };
    assert_eq!(count(&runs), count(&after), "looking again starts nothing");
    // Another browser learns nothing.
    let other = Browser { cookie: format!("ringbook_oauth={}", "A".repeat(43)), ..browser };
    other.comes_back(JSON).await.refused(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_google_has_trouble_the_page_offers_another_try_without_the_code() {
    let app = TestApp::new(3).await;
    let browser = Browser::at_google(&app, "/auth/google", true).await;
    let fault = Fault::answer(Canned::UnavailableHtml).on(Endpoint::Token).forever();
    app.world.google.add_fault(fault);
    let page = browser.comes_back(HTML).await;
    assert_eq!(page.status, 503, "{}", page.text);
    let (_, rest) = page
        .text
        .split_once("href=\"/auth/callback?state=")
        .unwrap_or_else(|| panic!("{}", page.text));
    let again = rest.split('"').next().unwrap();
    assert!(!again.contains("code="), "{again}");
    let again = format!("/auth/callback?state={again}").replace("&#38;", "&").replace("&amp;", "&");
    assert!(
        page.text.contains("Try again") && page.text.contains("try again with the same address")
    );
    let told = browser.comes_back(JSON).await;
    assert!(!told.header("retry-after").is_empty());
    assert!(told.refused(503).contains("within ten minutes"));
    app.world.google.clear_faults();
    assert!(browser.opens(&again, HTML).await.text.contains("<h1>Connected</h1>"));
    app.world.until(|run| run.outcome == Some(Outcome::Succeeded)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_on_to_a_path_or_a_known_origin_and_nowhere_else() {
    let known = [("AUTH_RETURN_ORIGINS", "https://phones.example.com, http://10.0.0.5:3000/")];
    let app = TestApp::with(3, &known).await;
    for to in [
        "/dashboard?tab=accounts#google",
        "/",
        "https://phones.example.com/contacts",
        "https://phones.example.com:443/",
        "http://10.0.0.5:3000/a",
    ] {
        let encoded: String = to.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let begin = format!("/auth/google?redirect_uri={encoded}");
        let browser = Browser::at_google(&app, &begin, true).await;
        let back = browser.comes_back(HTML).await;
        assert_eq!((back.status.as_u16(), back.header("location")), (302, to));
        let url = app.get(&format!("/auth/url?redirect_uri={encoded}")).await.is(200);
        let browser = Browser { back: ends_at(url["auth_url"].as_str().unwrap()).await, ..browser };
        assert!(browser.back.contains("/auth/callback?"));
    }
    for to in [
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "https://evil.example/",
        "https://phones.example.com.evil.example/",
        "https://phones.example.com@evil.example/",
        "http://phones.example.com/",
        "https://phones.example.com:8443/",
        "javascript:alert(1)",
        "dashboard",
        "/a\r\nset-cookie: x",
        "/ä",
    ] {
        let encoded: String = to.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in ["/auth/google", "/auth/url"] {
            let detail = app.get(&format!("{path}?redirect_uri={encoded}")).await.refused(422);
            assert!(detail.contains("AUTH_RETURN_ORIGINS"), "{to}: {detail}");
        }
    }
    // What fails is told here, not there.
    let browser = Browser::at_google(&app, "/auth/google?redirect_uri=/x", true).await;
    let state = browser.back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let denied = format!("/auth/callback?state={state}&error=access_denied");
    assert_eq!(browser.opens(&denied, HTML).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_tells_google_and_says_whether_that_worked() {
    let app = TestApp::new(3).await;
    let said = |answer: Answer| {
        let body = answer.is(200);
        (body["success"].as_bool().unwrap(), body["message"].as_str().unwrap().to_owned())
    };
    let (success, message) = said(app.post("/auth/disconnect").await);
    assert!(success && message.contains("Google has ended it, too"), "{message}");
    assert_eq!(app.world.google.counted(Endpoint::Revoke).requests, 1);
    // Nothing is left to give back.
    for path in ["/auth/disconnect", "/auth/revoke"] {
        let (success, message) = said(app.post(path).await);
        assert!(!success && message.contains("No Google account is connected"), "{message}");
        app.post(&format!("{path}?account=nobody")).await.refused(404);
    }
    assert_eq!(app.world.google.counted(Endpoint::Revoke).requests, 1);
    // Forgotten also when Google cannot be told.
    app.world.connect().await;
    app.world.google.add_fault(Fault::answer(Canned::Unavailable).on(Endpoint::Revoke).forever());
    let (success, message) = said(app.post("/auth/disconnect").await);
    assert!(success && message.contains("https://myaccount.google.com/connections"), "{message}");
    assert_eq!(app.get("/auth/status").await.is(200)["has_token_file"], false);
    // Where it is the point to tell Google, nothing is forgotten before Google has heard it.
    app.world.connect().await;
    app.post("/auth/revoke").await.refused(503);
    assert_eq!(app.get("/auth/status").await.is(200)["authenticated"], true);
    let id = app.world.app.store.ids().account(app.world.account);
    let done = app.post(&format!("/api/accounts/{id}/disconnect")).await.is(200);
    assert!(done["message"].as_str().unwrap().contains("myaccount.google.com"), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_valid_while_they_can_be_renewed() {
    let app = TestApp::new(3).await;
    let store = &app.world.app.store;
    let stand = async |refresh: Option<&str>, refresh_ends: Option<i64>| {
        let grant = store.grant(app.world.account).await.unwrap().unwrap();
        let tokens = NewTokens {
            access_token: "over".to_owned().into(),
            expires_at: SystemClock.now() - jiff::SignedDuration::from_hours(1),
            refresh_token: refresh.map(|it| it.to_owned().into()),
            refresh_expires_at: refresh_ends
                .map(|hours| SystemClock.now() + jiff::SignedDuration::from_hours(hours)),
            scopes: grant.scopes.clone(),
        };
        store.connect(Some(app.world.account), None, &tokens).await.unwrap();
        let status = app.get("/auth/status").await.is(200);
        [&status["authenticated"], &status["credentials_valid"], &status["credentials_expired"]]
            .map(|it| it.as_bool().unwrap())
    };
    assert_eq!(
        stand(Some("1//0e"), None).await,
        [true, true, false],
        "an hour after the last sync"
    );
    assert_eq!(stand(Some("1//0e"), Some(24)).await, [true, true, false]);
    assert_eq!(stand(Some("1//0e"), Some(-1)).await, [false, false, true], "Testing, a week later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_tested_to_its_end() {
    let app = TestApp::new(3).await;
    let tested = app.get("/api/test-connection").await.is(200);
    assert_eq!((&tested["status"], &tested["account"]), (&json!("success"), &json!("Google")));
    let message = tested["message"].as_str().unwrap();
    assert!(message.contains("Google answers for `Google` as people/"), "{message}");
    app.get("/api/test-connection?account=nobody").await.refused(404);
    for (canned, endpoint, status, words) in [
        (Canned::Unavailable, Endpoint::Me, 503, "Google has trouble"),
        (Canned::HtmlPage, Endpoint::Me, 503, "something other than Google answered"),
        // Google need not say who it is; what counts is whether it can be listed.
        (Canned::ConsumerSuspended, Endpoint::List, 502, "has suspended"),
    ] {
        app.world.google.add_fault(Fault::answer(canned).on(endpoint).forever());
        if endpoint == Endpoint::List {
            app.world.google.add_fault(Fault::answer(Canned::Forbidden).on(Endpoint::Me).forever());
        }
        let detail = app.get("/api/test-connection").await.refused(status);
        assert!(detail.contains(words), "{detail}");
        app.world.google.clear_faults();
    }
    app.post("/auth/disconnect").await.is(200);
    assert!(app.get("/api/test-connection").await.refused(401).contains("/auth/google"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_text_says_it_in_status_history_run_dashboard_and_doctor() {
    let app = TestApp::new(3).await;
    for canned in
        [Canned::ServiceDisabled, Canned::ConsumerSuspended, Canned::NoContacts, Canned::Forbidden]
    {
        app.world.google.add_fault(Fault::answer(canned).on(Endpoint::List).forever());
        let told = app.post("/api/sync").await.refused(502);
        let found = Diagnosis::read(&told).unwrap_or_else(|| panic!("{told}"));
        let status = app.get("/api/sync/status").await.is(200);
        assert_eq!(status["error_message"], json!(told));
        assert_eq!(status["diagnosis"]["cause"], json!(found.cause));
        assert_eq!(status["diagnosis"]["remedy"], json!(found.remedy()));
        let account = status["accounts"][0]["state_message"].as_str().unwrap().to_owned();
        assert!(account.contains(&told), "{account}");
        let history = app.get("/api/sync/history?limit=1").await.is(200);
        assert_eq!(history["history"][0]["error_message"], json!(told));
        let run = app.world.app.store.latest_run(app.world.account).await.unwrap().unwrap();
        let id = app.world.app.store.ids().run(run.id);
        let run = app.get(&format!("/api/sync/runs/{id}")).await.is(200);
        assert_eq!(run["error_message"], json!(told));
        assert_eq!(run["diagnosis"]["what"], json!(found.what));
        let doctor = app.get("/api/doctor").await.is(200);
        let checks = doctor["checks"].as_array().unwrap();
        let sync = checks.iter().find(|it| it["check"] == "sync").unwrap();
        assert!(sync["message"].as_str().unwrap().contains(&told), "{sync}");
        assert_eq!(sync["way_out"], json!(found.remedy()), "the way out is the one of the message");
        let head = found.what.split('\'').next().unwrap();
        for page in ["/", &format!("/runs/{id}"), "/accounts"] {
            let page = app.get(page).await.text;
            assert!(page.contains(head) && page.contains(found.cause.as_str()), "{canned:?}");
        }
        let health = app.get("/health").await.json.to_string();
        assert!(health.contains(found.cause.as_str()), "{health}");
        app.world.google.clear_faults();
    }
}
