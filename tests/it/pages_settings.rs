//! The dashboard's pages about settings, health, the history and runs, asked as a browser asks.

use reqwest::Method;
use ringbook_core::access::Scope;
use ringbook_core::sync::{Delay, Kind, Outcome, Phase, Trigger};
use ringbook_simulator::{Action, Canned, Contact, Endpoint, Fault};
use ringbook_store::secret::Secret;
use ringbook_store::{HeldQuery, HistoryPlace, HistoryQuery, OutcomeWanted};
use serde_json::json;

use crate::support::app::{Answer, TestApp};
use crate::support::both::on_both;
use crate::support::world::World;

/// A page, and that it is one.
#[track_caller]
fn page(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.text.len() < 100_000, "{}", answer.text.len());
    // The policy on contents allows none of these.
    for forbidden in [" style=", "<style", " onclick", "javascript:"] {
        assert!(!answer.text.contains(forbidden), "{forbidden}");
    }
    answer.text
}

async fn submit(app: &TestApp, path: &str, fields: &str) -> Answer {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    app.send(Method::POST, path, &form, Some(fields)).await
}

fn slow_down() -> Fault {
    Fault::new(Action::Answer { answer: Canned::RateLimit, retry_after: None }).on(Endpoint::List)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_told_with_their_sources_and_without_secrets() {
    let secrets = [
        ("GOOGLE_CLIENT_SECRET", "GOCSPX-nobody-reads-this"),
        ("ALERT_WEBHOOK_URL", "https://hooks.example/T000/secret-path"),
        ("DIAL_REGION", "DE"),
    ];
    let app = TestApp::with(0, &secrets).await;
    let all = page(app.get("/settings").await);
    let config = app.get("/api/config").await.is(200);
    for line in config.as_array().unwrap() {
        assert!(all.contains(&format!("<code>{}</code>", line["key"].as_str().unwrap())), "{line}");
    }
    for told in [&all, &config.to_string()] {
        for secret in ["nobody-reads-this", "secret-path", "0707070707"] {
            assert!(!told.contains(secret), "{secret}");
        }
    }
    assert!(all.contains("flag --set DIAL_REGION"), "where it comes from");
    let some = page(app.get("/settings?q=dial+region").await);
    assert!(some.contains("<code>DIAL_REGION</code>") && !some.contains("<code>PORT</code>"));
    assert!(page(app.get("/settings?q=no+such+thing").await).contains("No setting fits."));
    let german = app.send(Method::GET, "/settings", &[("accept-language", "de")], None).await;
    assert!(page(german).contains("Port, an dem gelauscht wird"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_set_on_its_page_under_the_rules_of_the_api() {
    let app = TestApp::new(3).await;
    let read = async || app.get("/api/sync/schedule").await.is(200);
    let account = read().await["accounts"][0]["account_id"].as_str().unwrap().to_owned();
    app.post("/api/sync").await.is(200);
    let path = "/settings/schedule";
    assert!(page(app.get(path).await).contains("only when asked for"));

    let fields = format!("account={account}&mode=interval&interval_minutes=15");
    let saved = submit(&app, "/do/schedule", &fields).await;
    assert_eq!(saved.header("location"), path);
    let now = read().await;
    assert_eq!((&now["interval_minutes"], &now["enabled"]), (&json!(15), &json!(true)));
    let shown = page(app.get(path).await);
    assert!(shown.contains("every 15 minutes") && shown.contains("value=\"15\""), "{shown}");
    assert_eq!(shown.matches("<li><span title=").count(), 5, "the next five");

    let nightly = "mode=cron&cron=0+3+*+*+*&time_zone=Europe%2FBerlin&paused=true";
    submit(&app, "/do/schedule", &format!("account={account}&{nightly}")).await;
    let now = read().await;
    assert_eq!((&now["cron"], &now["paused"]), (&json!("0 3 * * *"), &json!(true)));
    assert_eq!(now["time_zone"], "Europe/Berlin");
    assert!(page(app.get(path).await).contains("None by itself."));

    for (fields, field, kept) in [
        ("mode=interval&interval_minutes=4", "interval_minutes", "value=\"4\""),
        ("mode=interval&interval_minutes=soon", "interval_minutes", "value=\"soon\""),
        ("mode=interval&interval_minutes=", "interval_minutes", "value=\"interval\" checked"),
        ("mode=cron&cron=nightly&time_zone=UTC", "cron", "value=\"nightly\""),
        ("mode=cron&cron=0+3+*+*+*&time_zone=Mars", "time_zone", "value=\"Mars\""),
    ] {
        let refused = submit(&app, "/do/schedule", &format!("account={account}&{fields}")).await;
        assert_eq!(refused.status, 422, "{fields}");
        let why = format!("id=\"{field}-why-{account}\" role=\"alert\">Not saved: ");
        assert!(refused.text.contains(&why), "{fields}: {}", refused.text);
        assert!(refused.text.contains(kept), "{fields}: what was typed stays");
        assert_eq!(read().await["cron"], "0 3 * * *", "{fields}: nothing was changed");
    }
    submit(&app, "/do/schedule", &format!("account={account}&mode=config")).await;
    assert_eq!(read().await["source"], "config");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dialling_page_explains_what_the_api_answers() {
    let settings = [("DIAL_REGION", "DE"), ("DIAL_PLUS", "prefix"), ("DIAL_OUTSIDE_PREFIX", "0")];
    let app = TestApp::with(0, &settings).await;
    let number = "%2B44+20+7946+0958";
    let shown = page(app.get(&format!("/settings/dialling?number={number}")).await);
    let answer = app.get(&format!("/api/dial?number={number}")).await.is(200);
    assert!(shown.contains(&format!("<code>{}</code>", answer["dial"].as_str().unwrap())));
    let steps = answer["steps"].as_array().unwrap();
    assert!(!steps.is_empty());
    assert_eq!(
        shown.matches("<li>").count()
            - page(app.get("/settings/dialling").await).matches("<li>").count(),
        steps.len()
    );
    assert!(shown.contains("<code>DIAL_OUTSIDE_PREFIX</code>"));
    let odd = page(app.get("/settings/dialling?number=%3Cscript%3E").await);
    assert!(odd.contains("This cannot be dialled.") && !odd.contains("<script>"));
    assert!(page(app.get("/settings/directory").await).contains("<code>DIRECTORY_LOCALE</code>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_page_says_what_the_doctor_says_and_asks_google_only_on_request() {
    let app = TestApp::new(5).await;
    app.world.google.clear_log();
    let shown = page(app.get("/system").await);
    let found = app.get("/api/doctor").await.is(200);
    assert_eq!(found["verdict"], "warn", "{found}");
    for check in found["checks"].as_array().unwrap() {
        let name = check["check"].as_str().unwrap();
        assert!(shown.contains(&format!("<strong lang=\"en\">{name}</strong>")), "{name}");
        assert_eq!(check["verdict"] == "ok", check["way_out"].is_null(), "{check}");
    }
    assert!(shown.contains("no sync has succeeded yet"), "{shown}");
    assert!(shown.contains("href=\"/settings/schedule\""), "the way out is a link");
    assert!(!shown.contains("<strong lang=\"en\">Google</strong>"));
    let asked = page(app.get("/system?network=true").await);
    assert!(asked.contains("<strong lang=\"en\">Google</strong>"), "{asked}");
    let system = app.get("/api/system").await.is(200);
    assert_eq!(system["database"]["kind"], "sqlite");
    assert!(system["database"]["size_bytes"].as_u64().unwrap() > 0);
    assert!(system["database"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!(system["accounts"][0]["lease"], json!(null));
    app.post("/api/sync").await.is(200);
    assert!(!page(app.get("/system").await).contains("no sync has succeeded yet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_run_on_hold_would_delete_is_looked_through_before_the_word() {
    let app = TestApp::new(40).await;
    let names: Vec<String> = ["Ada Lovelace", "Grace Hopper", "Zoë Ångström"]
        .iter()
        .map(|name| {
            let (given, family) = name.split_once(' ').unwrap();
            app.world.google.add(Contact::named(given, family, "+44 20 7946 0958"))
        })
        .collect();
    app.post("/api/sync").await.is(200);
    for name in &names {
        app.world.google.delete(name).unwrap();
    }
    app.world.google.delete_many(17);
    let run = app.post("/api/sync/full").await.is(202)["run"]["id"].as_str().unwrap().to_owned();
    let path = format!("/runs/{run}/held");
    let all = page(app.get(&path).await);
    assert!(all.contains("It would delete 20 contacts of 43"), "{all}");
    assert!(all.contains("Approve the deletions"));
    let api = async |search: &str| {
        let path = format!("/api/sync/runs/{run}/held?limit=2&search={search}");
        app.get(&path).await.is(200)["contacts"].as_array().unwrap().len()
    };
    assert_eq!(api("ANGSTROM").await, 1);
    assert_eq!(api("7946%200958").await, 2, "a part of them");
    assert_eq!(api("nobody%20at%20all").await, 0);
    app.get(&format!("/api/sync/runs/{run}/held?search=")).await.refused(422);
    let one = page(app.get(&format!("{path}?search=hopper")).await);
    assert!(one.contains("Grace Hopper") && !one.contains("Ada Lovelace"), "{one}");
    assert!(page(app.get(&format!("{path}?search=%3Cb%3E")).await).contains("None of them fits."));

    assert!(page(app.get(&format!("/runs/{run}")).await).contains(&format!("href=\"{path}\"")));
    assert!(page(app.get("/").await).contains(&format!("href=\"{path}\"")));
    let back = format!("run={run}&word=approve&back=/runs/{run}");
    assert_eq!(submit(&app, "/do/decide", &back).await.header("location"), format!("/runs/{run}"));
    app.world.assert_equal().await;
    assert!(page(app.get(&path).await).contains("is not on hold"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_filtered_and_paged_on_its_page_as_in_the_api() {
    let app = TestApp::new(3).await;
    app.post("/api/sync").await.is(200);
    for _ in 0..4 {
        app.post("/api/sync/incremental").await.is(200);
    }
    let ids = async |path: &str| -> Vec<String> {
        let part = app.get(&format!("/api/sync/history?{path}")).await.is(200);
        let ids = part["history"].as_array().unwrap().iter();
        ids.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids("limit=100").await;
    let full = ids("kind=full").await;
    assert_eq!(full.len(), 1);
    assert_eq!(ids("outcome=succeeded&trigger=api&limit=100").await.len(), 5);
    for none in
        ["outcome=failed", "outcome=running", "trigger=cli", "until=2000-01-01", "since=2100-01-01"]
    {
        assert_eq!(ids(none).await, Vec::<String>::new(), "{none}");
        assert!(
            page(app.get(&format!("/history?{none}")).await).contains("No sync fits."),
            "{none}"
        );
    }
    for wrong in ["outcome=bad", "kind=", "trigger=me", "since=soon", "after=0"] {
        app.get(&format!("/api/sync/history?{wrong}")).await.refused(422);
    }
    // What a form sends of fields that were left empty means all.
    let shown = page(app.get("/history?account=&outcome=&kind=full&trigger=&since=&until=").await);
    let runs = |page: &str| page.matches("href=\"/runs/").count();
    assert_eq!(runs(&shown), 1);
    assert!(shown.contains("<option value=\"full\" selected>"));
    assert_eq!(runs(&page(app.get("/history").await)), all.len());

    // There and back again.
    let older = app.get("/api/sync/history?limit=2").await.is(200);
    assert!(older["newer_cursor"].is_null(), "these are the newest");
    let path = format!("limit=2&cursor={}", older["next_cursor"].as_str().unwrap());
    assert_eq!(ids(&path).await, all[2..4]);
    let second = app.get(&format!("/api/sync/history?{path}")).await.is(200);
    let back = format!("limit=2&after={}", second["newer_cursor"].as_str().unwrap());
    assert_eq!(ids(&back).await, all[..2]);
    let newest = app.get(&format!("/api/sync/history?{back}")).await.is(200);
    assert!(newest["newer_cursor"].is_null(), "{newest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_cleared_only_by_who_is_sure() {
    let app = TestApp::new(3).await;
    app.post("/api/sync").await.is(200);
    app.post("/api/sync/incremental").await.is(200);
    let count = async || {
        let all = app.get("/api/sync/history?limit=100").await.is(200);
        all["history"].as_array().unwrap().len()
    };
    let before = count().await;
    assert_eq!(submit(&app, "/do/clear-history", "keep_latest=true").await.status, 422);
    assert_eq!(count().await, before);
    let cleared = submit(&app, "/do/clear-history", "keep_latest=true&sure=true&account=").await;
    let gone = before - 1;
    assert_eq!(cleared.header("location"), format!("/history?cleared={gone}"));
    assert_eq!(count().await, 1);
    assert!(page(app.get(cleared.header("location")).await).contains("forgotten."));
    let acts = app.get("/api/audit").await.is(200);
    assert_eq!(acts["acts"][0]["act"], "history.clear", "{acts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_shows_its_phases_and_what_it_waited_for() {
    let app = TestApp::new(30).await;
    app.world.google.add_fault(slow_down().page(2));
    let run = app.post("/api/sync").await.is(200)["run"]["id"].as_str().unwrap().to_owned();
    let shown = page(app.get(&format!("/runs/{run}")).await);
    for text in ["What it did when", "Listing", "What it waited for", "Google said slow down"] {
        assert!(shown.contains(text), "{text}");
    }
    let told = app.get(&format!("/api/sync/runs/{run}/phases")).await.is(200);
    let phases = told["phases"].as_array().unwrap();
    assert_eq!(phases[0]["phase"], "starting");
    let mut before = None;
    for phase in phases {
        let (from, to) = (phase["began_at"].as_str(), phase["ended_at"].as_str());
        assert!(before.is_none_or(|it| it == from), "each begins where the one before ends");
        before = Some(to);
        assert_eq!(phase["phase"] == "waiting", phase["reason"] == "rate_limited", "{phase}");
    }
    let overview = page(app.get("/").await);
    assert!(overview.contains("30 changes today."), "{overview}");
    app.post("/api/sync").await.is(200);
    assert!(page(app.get("/").await).contains("<polyline class=\"line\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_is_shown_no_button_that_would_be_refused() {
    let app = TestApp::new(3).await;
    app.post("/api/sync").await.is(200);
    let token = Secret::for_program().unwrap();
    let store = &app.world.app.store;
    store.add_token(token.hash(), "screen", Scope::Read, "test", None).await.unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let headers = [("authorization", bearer.as_str())];
    for path in ["/", "/history", "/settings/schedule", "/settings/dialling", "/settings/directory"]
    {
        let shown = page(app.send(Method::GET, path, &headers, None).await);
        let shown = shown.replace("action=\"/do/sign-out\"", "");
        assert!(!shown.contains("action=\"/do/"), "{path}: {shown}");
        assert!(
            !shown.contains("href=\"/system\"") && !shown.contains("href=\"/settings\""),
            "{path}"
        );
    }
    for path in ["/settings", "/system", "/api/config", "/api/doctor", "/api/system"] {
        assert_eq!(app.send(Method::GET, path, &headers, None).await.status, 403, "{path}");
    }
}

on_both! {
    async fn the_store_finds_runs_by_all_that_can_be_asked(database) {
        let world = World::new(database, 25).await;
        world.google.add_fault(slow_down());
        let full = world.converge(None).await;
        let next = world.converge(Some(Kind::Incremental)).await;
        let found = async |query: HistoryQuery| -> Vec<_> {
            let query = HistoryQuery { limit: 10, ..query };
            let rows = world.app.store.history(&query).await.unwrap();
            rows.into_iter().map(|it| it.id).collect()
        };
        let any = HistoryQuery::default();
        let succeeded = Some(OutcomeWanted::Ended(Outcome::Succeeded));
        let all = found(any).await;
        assert_eq!((all.first(), all.last()), (Some(&next.id), Some(&full.id)));
        assert_eq!(found(HistoryQuery { outcome: succeeded, ..any }).await, all);
        let running = Some(OutcomeWanted::Running);
        assert_eq!(found(HistoryQuery { outcome: running, ..any }).await, []);
        assert_eq!(found(HistoryQuery { kind: Some(Kind::Full), ..any }).await, [full.id]);
        let cli = Some(Trigger::Cli);
        assert_eq!(found(HistoryQuery { trigger: cli, outcome: succeeded, ..any }).await, []);
        let since = Some(next.started_at);
        assert_eq!(found(HistoryQuery { since, ..any }).await, [next.id]);
        assert_eq!(found(HistoryQuery { until: since, ..any }).await, all[1..]);
        let from = HistoryPlace::After(full.started_at, full.id);
        assert_eq!(found(HistoryQuery { from, ..any }).await, all[..all.len() - 1]);
        let changes = world.app.store.changes_since(full.started_at).await.unwrap();
        assert_eq!(changes.get(&world.account), Some(&25));

        let phases = world.app.store.phases(full.id).await.unwrap();
        let order: Vec<Phase> = phases.iter().map(|it| it.phase).collect();
        assert_eq!(order[0], Phase::Starting);
        let waits: Vec<Delay> = phases.iter().filter_map(|it| Some(it.wait.as_ref()?.delay)).collect();
        assert_eq!(waits, [Delay::RateLimited]);
        assert!(phases.is_sorted_by_key(|it| it.began_at));
        let facts = world.app.store.facts().await.unwrap();
        assert!(facts.size.unwrap() > 0 && facts.schema > 0, "{facts:?}");
        world.app.store.clear_history(false).await.unwrap();
        assert_eq!(world.app.store.phases(full.id).await.unwrap(), []);
    }

    async fn what_is_on_hold_is_found_by_name_and_number_in_parts(database) {
        let world = World::new(database, 60).await;
        let name = world.google.add(Contact::named("Ada", "Lovelace", "(020) 7946-0958"));
        world.converge(None).await;
        world.google.delete(&name).unwrap();
        world.google.delete_many(20);
        let run = world.sync(Some(Kind::Full)).await;
        assert_eq!(run.outcome, Some(Outcome::Held));
        let found = async |search, after, limit| {
            let query = HeldQuery { search, after, limit };
            world.app.store.held(run.id, &query).await.unwrap()
        };
        assert_eq!(found(None, 0, 100).await.len(), 21);
        let first = found(None, 0, 5).await;
        let rest = found(None, first[4].contact.0, 100).await;
        assert_eq!((first.len(), rest.len()), (5, 16));
        for asked in ["lovel", "ADA love", "79460958", "7946-0958"] {
            let hits = found(Some(asked), 0, 10).await;
            assert!(hits.iter().any(|it| it.display_name == "Ada Lovelace"), "{asked}");
        }
        assert!(found(Some("no such person"), 0, 10).await.is_empty());
    }
}
