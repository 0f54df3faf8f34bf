//! The HTTP face keeps its contract: asked over real HTTP, with a simulated Google behind it.

use std::collections::BTreeSet;

use reqwest::Method;
use ringbook_core::access::Scope;
use ringbook_simulator::{
    Action, Canned, Consent, Contact, Defect, Endpoint, Fault, RetryAfter, Sync,
};
use ringbook_store::secret::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{Answer, TestApp};

fn listing(action: Action) -> Fault {
    Fault::new(action).on(Endpoint::List)
}

fn slow_down(seconds: u64) -> Fault {
    let retry_after = Some(RetryAfter::Seconds(seconds));
    listing(Action::Answer { answer: Canned::RateLimit, retry_after })
}

/// The names of an object's members.
fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn has(value: &Value, wanted: &[&str]) {
    let names = names(value);
    for name in wanted {
        assert!(names.contains(name), "`{name}` is missing from {names:?}");
    }
}

/// Waits until the run in progress is as wanted.
async fn until(app: &TestApp, wanted: impl Fn(&Value) -> bool) -> Value {
    app.events(None).await.until(|event| event.name == "progress" && wanted(&event.data)).await.data
}

mod contract {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn status_tells_how_syncing_stands() {
        let app = TestApp::new(23).await;
        let before = app.get("/api/sync/status").await.is(200);
        assert_eq!(before["status"], "never_synced");
        assert_eq!(before["last_sync_at"], Value::Null);
        app.post("/api/sync").await.is(200);
        let status = app.get("/api/sync/status").await.is(200);
        has(&status, &["needs_reauth", "held", "backing_off", "failing_since", "accounts"]);
        assert_eq!(status["status"], "idle");
        assert_eq!(status["has_sync_token"], true);
        assert_eq!(status["error_message"], Value::Null);
        assert_eq!((&status["contact_count"], &status["total_contacts"]), (&json!(23), &json!(23)));
        assert_eq!(status["last_outcome"], "succeeded");
        assert_eq!(status["connected"], true);
        assert_eq!(status["accounts"][0]["contact_count"], 23);
        let at: jiff::Timestamp = status["last_sync_at"].as_str().unwrap().parse().unwrap();
        assert!(at > jiff::Timestamp::UNIX_EPOCH);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_sync_answers_when_it_is_done() {
        let app = TestApp::new(23).await;
        let full = app.post("/api/sync").await.is(200);
        assert_eq!(full["status"], "success");
        assert_eq!(full["message"], "Full sync completed successfully");
        let statistics = &full["statistics"];
        for (name, value) in [
            ("total_fetched", json!(23)),
            ("created", json!(23)),
            ("updated", json!(0)),
            ("deleted", json!(0)),
            ("errors", json!(0)),
            ("pages", json!(3)),
            ("sync_type", json!("full")),
        ] {
            assert_eq!(statistics[name], value, "{name}");
        }
        assert!(statistics["duration_seconds"].as_f64().unwrap() > 0.0);
        app.world.google.add(Contact::named("Ada", "Lovelace", "+44 20 7946 0958"));
        let next = app.post("/api/sync/incremental").await.is(200);
        assert_eq!(next["message"], "Incremental sync completed successfully");
        assert_eq!(next["statistics"]["created"], 1);
        assert_eq!(app.post("/api/sync/full").await.is(200)["statistics"]["sync_type"], "full");
        assert_eq!(app.post("/api/sync/safe").await.is(200)["status"], "success");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn contacts_are_listed_with_the_names_that_programs_know() {
        let app = TestApp::new(30).await;
        let mut ada = Contact::named("Ada", "Lovelace", "020 7946 0958");
        ada.phone_numbers[0].canonical = Some("+442079460958".to_owned());
        app.world.google.add(ada);
        app.post("/api/sync").await.is(200);
        let page = app.get("/api/contacts?limit=10&offset=20").await.is(200);
        assert_eq!(
            (&page["total"], &page["offset"], &page["limit"], &page["has_more"]),
            (&json!(31), &json!(20), &json!(10), &json!(true))
        );
        assert_eq!(page["contacts"].as_array().unwrap().len(), 10);
        let end = app.get("/api/contacts?offset=99999999999999999999999").await.is(200);
        assert_eq!((&end["contacts"], &end["has_more"]), (&json!([]), &json!(false)));
        let recent = app.get("/api/contacts?sort=recent&group=a&limit=500").await.is(200);
        let ada = recent["contacts"].as_array().unwrap();
        let ada = ada.iter().find(|it| it["family_name"] == "Lovelace").unwrap().clone();
        has(&ada, &["id", "resource_name", "display_name", "given_name", "family_name"]);
        has(&ada, &["phone_numbers", "email_addresses", "updated_at", "created_at", "starred"]);
        let phone = &ada["phone_numbers"][0];
        assert_eq!(phone["value"], "+442079460958");
        assert_eq!(phone["display_value"], "020 7946 0958");
        has(phone, &["id", "type", "primary"]);
        let id = ada["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/api/contacts/{id}")).await.is(200), ada);
        let stats = app.get("/api/contacts/stats").await.is(200);
        assert_eq!(stats["total_contacts"], 31);
        has(&stats, &["contacts_with_phone", "contacts_with_email"]);
        has(&stats, &["total_phone_numbers", "total_emails"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_phone_would_dial_is_answered_with_the_reasons() {
        let app = TestApp::new(1).await;
        let number = "%2B44+%280%2920+7946+0958+ext.+12";
        assert_eq!(
            app.get(&format!("/api/dial?number={number}")).await.is(200),
            json!({
                "number": "+44 (0)20 7946 0958 ext. 12",
                "readable": true,
                "e164": "+442079460958",
                "extension": "12",
                "dial": "+442079460958,12",
                "steps": [
                    "read as +44 20 7946 0958, a number of GB",
                    "the `+` stays in front",
                    "extension 12 is dialled after a pause",
                ],
            })
        );
        assert_eq!(
            app.get("/api/dial?number=call+me").await.is(200),
            json!({
                "number": "call me",
                "readable": false,
                "e164": null,
                "extension": null,
                "dial": null,
                "steps": ["cannot be dialled: it has no digit"],
            })
        );
        let odd = app.get("/api/dial?number=%00%E2%80%AA%2A97%07").await.is(200);
        assert_eq!(odd["dial"], "*97");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn statistics_equal_the_sum_of_the_runs() {
        let app = TestApp::new(30).await;
        app.post("/api/sync").await.is(200);
        app.world.google.delete_many(4);
        app.world.google.change_at_random(10);
        app.post("/api/sync").await.is(200);
        let bad = Canned::ScopeInsufficient;
        app.world.google.add_fault(listing(Action::Answer { answer: bad, retry_after: None }));
        app.post("/api/sync").await.refused(401);
        let statistics = app.get("/api/sync/statistics").await.is(200);
        let runs = app.get("/api/sync/history?limit=100").await.is(200);
        let runs = runs["history"].as_array().unwrap();
        let sum = |name: &str| runs.iter().map(|run| run[name].as_u64().unwrap()).sum::<u64>();
        for name in ["total_fetched", "created", "updated", "deleted", "errors", "pages"] {
            assert_eq!(statistics["runs"][name], sum(name), "{name}");
        }
        assert_eq!(statistics["runs"]["count"], runs.len());
        let active = sum("created") + sum("restored") - sum("deleted");
        assert_eq!(statistics["contacts"]["active"], active);
        has(&statistics["contacts"], &["total", "deleted"]);
        assert_eq!(statistics["sync_history"], json!({ "idle": 2, "error": 1 }));
        assert_eq!(statistics["sync"]["status"], "error");
        has(&statistics["sync"], &["last_sync_at", "has_sync_token", "error_message"]);
        assert!(statistics["phone_numbers"].as_u64().unwrap() > 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_sync_is_needed_until_there_was_one() {
        let app = TestApp::new(3).await;
        let before = app.get("/api/sync/needs-sync").await.is(200);
        assert_eq!(before["needs_full_sync"], true);
        assert_eq!(before["reason"], "No sync has succeeded yet");
        app.post("/api/sync").await.is(200);
        let after = app.get("/api/sync/needs-sync").await.is(200);
        assert_eq!(after["needs_full_sync"], false);
        assert!(after["reason"].as_str().unwrap().starts_with("No full sync is needed"));
    }
}

mod history {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pages_follow_each_other_and_miss_nothing() {
        let app = TestApp::new(3).await;
        for _ in 0..5 {
            app.post("/api/sync").await.is(200);
        }
        let whole = app.get("/api/sync/history").await.is(200);
        let whole = whole["history"].as_array().unwrap();
        assert_eq!(whole.len(), 5);
        let mut found = Vec::new();
        let mut path = "/api/sync/history?limit=2".to_owned();
        loop {
            let page = app.get(&path).await.is(200);
            found.extend(page["history"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/sync/history?limit=2&cursor={cursor}");
        }
        assert_eq!(&found, whole);
        let run = &whole[0];
        has(run, &["id", "status", "last_sync_at", "has_sync_token", "error_message", "outcome"]);
        has(run, &["kind", "trigger", "started_at", "ended_at", "created", "duration_seconds"]);
        assert_eq!(
            (&run["status"], &run["trigger"], &run["asked_by"]),
            (&json!("idle"), &json!("api"), &json!("127.0.0.1"))
        );
        let id = run["id"].as_str().unwrap();
        assert_eq!(&app.get(&format!("/api/sync/runs/{id}")).await.is(200), run);
        let cleared = app.send(Method::DELETE, "/api/sync/history", &[], None).await.is(200);
        assert_eq!(cleared, json!({ "status": "success", "deleted_count": 4 }));
        let all = "/api/sync/history?keep_latest=false";
        assert_eq!(app.send(Method::DELETE, all, &[], None).await.is(200)["deleted_count"], 1);
        app.get(&format!("/api/sync/runs/{id}")).await.refused(404);
        assert_eq!(app.get("/api/sync/status").await.is(200)["status"], "idle");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_run_tells_what_it_changed_and_what_it_could_not_read() {
        let app = TestApp::new(12).await;
        let defect = Action::BadPerson { defect: Defect::NamesIsAString, index: 3, count: 1 };
        app.world.google.add_fault(listing(defect));
        let done = app.post("/api/sync").await.is(200);
        assert_eq!(done["run"]["outcome"], "partial");
        assert_eq!(done["statistics"]["errors"], 1);
        let run = done["run"]["id"].as_str().unwrap();
        let errors = app.get(&format!("/api/sync/runs/{run}/errors")).await.is(200);
        has(&errors["errors"][0], &["resource_name", "reason", "at"]);
        let first = app.get(&format!("/api/sync/runs/{run}/changes?limit=7")).await.is(200);
        let after = first["next_after"].as_i64().unwrap();
        let rest = app.get(&format!("/api/sync/runs/{run}/changes?after={after}")).await.is(200);
        let count = |page: &Value| page["changes"].as_array().unwrap().len();
        assert_eq!((count(&first), count(&rest), &rest["next_after"]), (7, 4, &Value::Null));
        let change = &first["changes"][0];
        assert_eq!(change["kind"], "created");
        has(&change["fields"][0], &["field", "before", "after"]);
    }
}

mod sync {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_sync_is_refused_and_told_who_holds_the_lease_and_since_when() {
        // Half an hour beside the full hours, so that no other zone is taken for it.
        let app = TestApp::with(3, &[("TIMEZONE", "Asia/Kolkata")]).await;
        app.world.google.add_fault(listing(Action::Hang));
        let first = app.post_meanwhile("/api/sync");
        let progress = until(&app, |it| it["running"] == true).await;
        let answer = app.post("/api/sync/full").await;
        let body = answer.json.clone();
        let since = body["since"].as_str().unwrap();
        assert!(since.ends_with("+05:30"), "{since}");
        let told = format!("a sync has been in progress since {since}, held by ");
        assert!(answer.refused(409).starts_with(&told));
        has(&body, &["holder", "since"]);
        assert_eq!(body["run_id"], progress["run"]["id"]);
        let safe = app.post("/api/sync/safe").await.is(409);
        assert_eq!(
            (&safe["status"], &safe["message"], &safe["statistics"]),
            (&json!("skipped"), &json!("Sync already in progress"), &json!({}))
        );
        let cancelled = app.post("/api/sync/cancel").await;
        assert_eq!(cancelled.json["id"], body["run_id"]);
        cancelled.is(202);
        assert!(first.await.unwrap().refused(409).contains("cancelled by 127.0.0.1"));
        assert_eq!(app.post("/api/sync/cancel").await.refused(404), "no sync is in progress");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_is_not_connected_is_told_so_and_where_to_connect() {
        let app = TestApp::new(3).await;
        app.post("/auth/disconnect").await.is(200);
        for path in ["/api/sync", "/api/sync/full", "/api/sync/incremental", "/api/sync/safe"] {
            assert!(app.post(path).await.refused(401).contains("/auth/google"), "{path}");
        }
        let status = app.get("/auth/status").await.is(200);
        assert_eq!(status["authenticated"], false);
        app.post("/auth/refresh").await.refused(401);
        // There is nothing to give back, which is no error.
        for path in ["/auth/revoke", "/auth/disconnect"] {
            assert_eq!(app.post(path).await.is(200)["success"], false, "{path}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_does_not_want_to_wait_gets_the_place_of_the_run_at_once() {
        let app = TestApp::new(3).await;
        app.world.google.add_fault(listing(Action::Hang));
        let headers = [("prefer", "wait=1, respond-async"), ("x-requested-by", "night shift")];
        let answer = app.send(Method::POST, "/api/sync", &headers, None).await;
        assert_eq!(answer.header("preference-applied"), "respond-async");
        let place = answer.header("location").to_owned();
        assert_eq!(answer.is(202)["status"], "accepted");
        let run = app.get(&place).await.is(200);
        assert_eq!((&run["status"], &run["outcome"]), (&json!("syncing"), &Value::Null));
        assert_eq!(run["asked_by"], "night shift");
        app.post("/api/sync/cancel").await.is(202);
        until(&app, |it| it["running"] == false).await;
        assert_eq!(app.get(&place).await.is(200)["outcome"], "cancelled");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_client_that_goes_away_does_not_stop_the_run() {
        let app = TestApp::new(30).await;
        app.world.google.add_fault(listing(Action::Delay { ms: 300 }));
        let client = app.post_meanwhile("/api/sync");
        until(&app, |it| it["running"] == true).await;
        client.abort();
        let end = until(&app, |it| it["running"] == false).await;
        assert_eq!(end["run"]["outcome"], "succeeded");
        app.world.assert_equal().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_failed_sync_is_never_a_200() {
        let app = TestApp::with(3, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        for (answer, status) in [
            (Canned::Unavailable, 503),
            (Canned::RateLimit, 503),
            (Canned::ServiceDisabled, 502),
            (Canned::ScopeInsufficient, 401),
        ] {
            let fault = listing(Action::Answer { answer, retry_after: None });
            app.world.google.add_fault(fault.forever());
            let answer = app.post("/api/sync").await;
            assert_eq!(answer.json["run"]["outcome"], "failed");
            assert_eq!(status == 503, !answer.header("retry-after").is_empty());
            answer.refused(status);
            assert_eq!(app.get("/api/sync/status").await.is(200)["status"], "error");
            app.world.google.clear_faults();
        }
        let status = app.get("/api/sync/status").await.is(200);
        assert_eq!(status["needs_reauth"], true);
        assert_eq!(app.get("/health").await.is(200)["status"], "degraded");
        // Google's API does not end a grant, it only said so. Now it says otherwise.
        app.post("/api/sync").await.is(200);
        assert_eq!(app.get("/api/sync/status").await.is(200)["needs_reauth"], false);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cancel_ends_a_run_that_waits_for_google() {
        let app = TestApp::new(3).await;
        app.world.google.add_fault(slow_down(600));
        let sync = app.post_meanwhile("/api/sync");
        let progress = until(&app, |it| it["waiting"] != Value::Null).await;
        let message = progress["waiting"]["message"].as_str().unwrap();
        assert!(message.starts_with("Google said slow down: next try in "), "{message}");
        assert_eq!(progress["waiting"]["reason"], "rate_limited");
        app.post("/api/sync/cancel").await.is(202);
        assert!(sync.await.unwrap().refused(409).contains("cancelled"));
        assert_eq!(app.get("/api/sync/progress").await.is(200)["running"], false);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_run_on_hold_waits_for_a_word() {
        let app = TestApp::new(40).await;
        app.post("/api/sync").await.is(200);
        for word in ["reject", "approve"] {
            if word == "reject" {
                app.world.google.delete_many(20);
            }
            let held = app.post("/api/sync/full").await;
            assert!(held.header("location").starts_with("/api/sync/runs/"));
            let held = held.is(202);
            assert_eq!(held["status"], "held");
            let status = app.get("/api/sync/status").await.is(200);
            assert_eq!((&status["held"], &status["held_run"]), (&json!(true), &held["run"]["id"]));
            let part = app.get(held["links"]["held"].as_str().unwrap()).await.is(200);
            assert_eq!(
                (part["contacts"].as_array().unwrap().len(), &part["total"]),
                (20, &json!(20))
            );
            let link = held["links"][word].as_str().unwrap();
            let decided = app.post(link).await.is(200);
            let outcome = if word == "reject" { "rejected" } else { "succeeded" };
            assert_eq!(decided["run"]["outcome"], outcome);
            assert_eq!(decided["run"]["decided_by"], "127.0.0.1");
            assert!(app.post(link).await.refused(409).contains("not on hold"));
        }
        app.world.assert_equal().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_schedule_can_be_set_looked_at_and_given_back() {
        let app = TestApp::new(3).await;
        // From here on the next due time does not move.
        app.post("/api/sync").await.is(200);
        let path = "/api/sync/schedule";
        let json = [("content-type", "application/json")];
        let before = app.get(path).await.is(200);
        assert_eq!((&before["source"], &before["enabled"]), (&json!("config"), &json!(false)));
        let body = r#"{"mode":"cron","cron":"*/15 7-19 * * 1-5","time_zone":"Europe/Berlin"}"#;
        let set = app.send(Method::PUT, path, &json, Some(body)).await.is(200);
        assert_eq!(set, app.get(path).await.is(200));
        assert_eq!((&set["mode"], &set["source"]), (&json!("cron"), &json!("own")));
        assert_eq!((&set["time_zone"], &set["enabled"]), (&json!("Europe/Berlin"), &json!(true)));
        assert!(set["next_due_at"].is_string());
        let back = set.to_string();
        assert_eq!(app.send(Method::PUT, path, &json, Some(&back)).await.is(200), set);
        let body = r#"{"mode":"interval","interval_minutes":15,"paused":true}"#;
        let set = app.send(Method::PUT, path, &json, Some(body)).await.is(200);
        assert_eq!((&set["interval_minutes"], &set["enabled"]), (&json!(15), &json!(false)));
        app.send(Method::PUT, path, &json, Some(r#"{"mode":null}"#)).await.is(200);
        assert_eq!(app.get(path).await.is(200), before);
    }
}

mod events {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn progress_comes_as_it_happens_and_the_end_of_a_run_is_told() {
        let app = TestApp::new(45).await;
        app.world.google.add_fault(listing(Action::Delay { ms: 120 }).forever());
        let mut events = app.events(None).await;
        assert_eq!(events.next().await.unwrap().data["running"], false);
        let sync = app.post_meanwhile("/api/sync");
        let mut ids = Vec::new();
        let mut pages = Vec::new();
        let end = events
            .until(|event| {
                // Nothing but growing ids, pages and contacts.
                assert!(event.name != "progress" || event.data["running"].is_boolean());
                event.name == "run"
            })
            .await;
        assert_eq!(end.data["outcome"], "succeeded");
        ids.push(end.id.clone());
        let last = events.next().await.unwrap();
        assert_eq!((last.name.as_str(), &last.data["running"]), ("progress", &json!(false)));
        ids.push(last.id);
        pages.push(last.data["pages"].as_u64().unwrap());
        assert!(ids.is_sorted() && pages == [5], "{ids:?} {pages:?}");
        sync.await.unwrap().is(200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_watcher_sees_contacts_rise_and_never_fall() {
        let app = TestApp::new(60).await;
        app.world.google.add_fault(listing(Action::Delay { ms: 150 }).forever());
        let mut events = app.events(None).await;
        let sync = app.post_meanwhile("/api/sync");
        let (mut seen, mut last_id) = (Vec::new(), String::new());
        loop {
            let event = events.next().await.unwrap();
            assert!(event.id >= last_id, "{} after {last_id}", event.id);
            last_id.clone_from(&event.id);
            if event.name == "run" {
                break;
            }
            if event.data["running"] == true {
                seen.push(event.data["contacts"].as_u64().unwrap());
                assert!(event.data["percent"].as_f64().unwrap_or(0.0) <= 100.0);
            }
        }
        assert!(seen.is_sorted() && seen.len() >= 3, "{seen:?}");
        sync.await.unwrap().is(200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_comes_back_with_the_last_id_hears_of_the_runs_that_ended_meanwhile() {
        let app = TestApp::new(3).await;
        app.post("/api/sync").await.is(200);
        let last = app.events(None).await.next().await.unwrap().id;
        let mut runs = Vec::new();
        for _ in 0..2 {
            runs.push(app.post("/api/sync").await.is(200)["run"]["id"].clone());
        }
        let mut events = app.events(Some(&last)).await;
        let first = events.next().await.unwrap();
        let second = events.next().await.unwrap();
        assert_eq!((first.name.as_str(), second.name.as_str()), ("run", "run"));
        assert_eq!([first.data["id"].clone(), second.data["id"].clone()], runs[..]);
        assert_eq!(events.next().await.unwrap().name, "progress");
        let mut again = app.events(Some(&first.id)).await;
        assert_eq!(again.next().await.unwrap().data["id"], runs[1]);
        let mut odd = app.events(Some("no id of ours")).await;
        assert_eq!(odd.next().await.unwrap().name, "progress");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_another_process_does_is_seen_too() {
        let app = TestApp::new(3).await;
        let mut events = app.events(None).await;
        events.next().await.unwrap();
        let other = app.world.other_process().await;
        let started = other.supervisor.start(&app.world.wish(None)).await.unwrap();
        started.finished().await;
        let end = events.until(|event| event.name == "run").await;
        assert_eq!(end.data["outcome"], "succeeded");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_ends_ends_its_streams() {
        let mut app = TestApp::new(3).await;
        let mut events = app.events(None).await;
        events.next().await.unwrap();
        app.stop().await;
        assert!(events.next().await.is_none());
    }
}

mod sign_in {
    use super::*;

    fn cookie(answer: &Answer) -> String {
        let cookie = answer.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Follows Google's consent page, and gives the path of the way back.
    async fn consent(app: &TestApp, url: &str) -> String {
        let page = Answer::of(app.client.get(url).send().await.unwrap()).await;
        let back = page.header("location");
        back.strip_prefix(&app.url("")).unwrap_or_else(|| panic!("{back:?}")).to_owned()
    }

    async fn come_back(app: &TestApp, path: &str, cookie: &str, accept: &str) -> Answer {
        let mut headers = vec![("accept", accept)];
        if !cookie.is_empty() {
            headers.push(("cookie", cookie));
        }
        app.send(Method::GET, path, &headers, None).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_browser_connects_an_account() {
        let app = TestApp::new(3).await;
        app.post("/auth/revoke").await.is(200);
        let away = app.get("/auth/google").await;
        assert_eq!(away.status, 302);
        let (cookie, to) = (cookie(&away), away.header("location").to_owned());
        assert!(to.contains("code_challenge_method=S256"), "{to}");
        let back = consent(&app, &to).await;
        let page = come_back(&app, &back, &cookie, "text/html,*/*").await;
        assert!(page.header("content-type").starts_with("text/html"));
        assert_eq!(page.status, 200, "{}", page.text);
        let status = app.get("/auth/status").await.is(200);
        for name in ["authenticated", "has_token_file", "credentials_valid", "has_refresh_token"] {
            assert_eq!(status[name], true, "{name}");
        }
        assert_eq!(status["credentials_expired"], false);
        let scope = "https://www.googleapis.com/auth/contacts.readonly";
        assert!(status["scopes"].as_array().unwrap().contains(&json!(scope)));
        assert_eq!(app.post("/auth/refresh").await.is(200)["success"], true);
        // The first sync has started by itself.
        app.world.until(|run| run.outcome.is_some()).await;
        app.post("/api/sync").await.is(200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_forged_or_replayed_state_changes_nothing() {
        let app = TestApp::new(3).await;
        app.post("/auth/disconnect").await.is(200);
        let begun = app.get("/auth/url").await;
        let cookie = cookie(&begun);
        let begun = begun.is(200);
        let back = consent(&app, begun["auth_url"].as_str().unwrap()).await;
        let state = begun["state"].as_str().unwrap();
        assert!(back.contains(state));
        let json = "application/json";
        let other = format!("ringbook_oauth={}", "A".repeat(43));
        for (path, cookie) in [
            (back.replace(state, "forged"), cookie.as_str()),
            (back.replace("state=", "nostate="), cookie.as_str()),
            (back.clone(), ""),
            (back.clone(), other.as_str()),
            ("/auth/callback".to_owned(), cookie.as_str()),
            ("/auth/callback?error=access_denied".to_owned(), cookie.as_str()),
        ] {
            let detail = come_back(&app, &path, cookie, json).await.refused(400);
            assert!(detail.contains("/auth/google"), "{detail}");
            assert_eq!(app.get("/auth/status").await.is(200)["authenticated"], false);
        }
        assert_eq!(come_back(&app, &back, &cookie, json).await.is(200)["success"], true);
        app.post("/auth/disconnect").await.is(200);
        come_back(&app, &back, &cookie, json).await.refused(400);
        assert_eq!(app.get("/auth/status").await.is(200)["authenticated"], false);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_no_at_google_is_told_with_the_way_out() {
        let app = TestApp::new(3).await;
        app.world.google.set_consent(Consent { deny: true, scopes: None });
        let begun = app.get("/auth/google").await;
        let back = consent(&app, begun.header("location")).await;
        let page = come_back(&app, &back, &cookie(&begun), "text/html").await;
        assert_eq!(page.status, 400);
        assert!(page.text.contains("<h1>Not connected</h1>"), "{}", page.text);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_revoked_grant_does_not_look_connected() {
        let app = TestApp::new(3).await;
        app.world.google.revoke_grants();
        app.post("/auth/refresh").await.refused(401);
        let status = app.get("/auth/status").await.is(200);
        assert_eq!(
            (&status["authenticated"], &status["needs_reauth"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(status["credentials_valid"], false);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_client_id_sign_in_says_what_to_set() {
        let secrets = [("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", "")];
        let app = TestApp::with(3, &secrets).await;
        for path in ["/auth/url", "/auth/google"] {
            assert!(app.get(path).await.refused(503).contains("GOOGLE_CLIENT_ID"));
        }
        assert_eq!(app.get("/auth/status").await.is(200)["configured"], false);
    }
}

mod robustness {
    use super::*;

    const NIL: &str = "00000000-0000-0000-0000-000000000000";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn malformed_input_is_named_and_never_a_500() {
        let app = TestApp::new(12).await;
        app.post("/api/sync").await.is(200);
        let long = "x".repeat(9000);
        let unknown = |path: &str| path.replace("NIL", NIL);
        for (method, path, status, word) in [
            ("GET", "/api/sync/history?limit=0", 422, "`limit`: found `0`"),
            ("GET", "/api/sync/history?limit=101", 422, "`limit`"),
            ("GET", "/api/sync/history?limit=ten", 422, "`limit`: found `ten`"),
            ("GET", "/api/sync/history?limit=-1", 422, "`limit`"),
            ("GET", "/api/sync/history?limit=", 422, "`limit`"),
            ("GET", "/api/sync/history?limit=1&limit=2", 422, "`limit`"),
            ("GET", "/api/sync/history?limit=99999999999999999999", 422, "`limit`"),
            ("GET", "/api/sync/history?cursor=x", 422, "`cursor`"),
            ("GET", "/api/sync/history?account=x", 404, "account"),
            ("GET", "/api/sync/history?account=", 422, "`account`"),
            ("GET", "/api/sync/history?account=NIL", 404, "account"),
            ("GET", "/api/sync/history?limit=%00", 422, "`limit`"),
            ("GET", "/api/sync/history?limit=%ff", 422, "`limit`"),
            ("GET", "/api/sync/history?%ff=1", 422, "query"),
            ("DELETE", "/api/sync/history?keep_latest=maybe", 422, "`keep_latest`"),
            ("GET", "/api/sync/progress?account=%00", 404, "account"),
            ("GET", "/api/sync/events?account=NIL", 404, "account"),
            ("POST", "/api/sync?account=no", 404, "account"),
            ("POST", "/api/sync?account=NIL", 404, "account"),
            ("POST", "/api/sync/cancel?account=NIL", 404, "account"),
            ("GET", "/api/sync/runs/x", 422, "`id`"),
            ("GET", "/api/sync/runs/%00", 422, "`id`"),
            ("GET", "/api/sync/runs/%ff", 422, "`id`"),
            ("GET", "/api/sync/runs/NIL", 404, "run"),
            ("GET", "/api/sync/runs/NIL/changes", 404, "run"),
            ("GET", "/api/sync/runs/x/changes?limit=5", 422, "`id`"),
            ("GET", "/api/sync/runs/NIL/changes?limit=0", 404, "run"),
            ("POST", "/api/sync/runs/NIL/approve", 404, "run"),
            ("POST", "/api/sync/runs/x/reject", 422, "`id`"),
            ("GET", "/api/search?q=", 400, "at least 2 characters"),
            ("GET", "/api/search?q=a", 400, "at least 2 characters"),
            ("GET", "/api/search?q=%20%20%20", 400, "at least 2 characters"),
            ("GET", "/api/search?q=a%CC%88", 400, "found `ä`"),
            ("GET", "/api/search", 422, "`q` is missing"),
            ("GET", "/api/search?q=ada&include_phone_search=maybe", 422, "`include_phone_search`"),
            ("GET", "/api/contacts?limit=501", 422, "`limit`"),
            ("GET", "/api/contacts?offset=-5", 422, "`offset`"),
            ("GET", "/api/contacts?offset=1e3", 422, "`offset`"),
            (
                "GET",
                "/api/contacts?sort=age",
                422,
                "`sort`: found `age`; allowed is name or recent",
            ),
            ("GET", "/api/contacts?group=AB", 422, "`group`"),
            ("GET", "/api/contacts?group=%00", 422, "`group`"),
            ("GET", "/api/contacts?group=%C3%84", 422, "`group`"),
            ("GET", "/api/contacts?group=", 422, "`group`"),
            ("GET", "/api/dial", 422, "`number`"),
            ("GET", "/api/dial?number=", 422, "`number`"),
            ("GET", "/api/dial?number=1&number=2", 422, "`number`"),
            ("GET", "/api/dial?number=%ff", 422, "`number`"),
            ("GET", "/api/contacts/x", 422, "`id`"),
            ("GET", "/api/contacts/%C3%28", 422, "`id`"),
            ("GET", "/api/contacts/NIL", 404, "contact"),
            ("GET", "/api/nothing", 404, "/api/nothing"),
            ("GET", "/%ff/%00", 404, "nothing at"),
            ("PATCH", "/api/sync/status", 405, "`PATCH`"),
            ("GET", "/api/sync", 405, "`GET`"),
            (
                "BREW",
                "/health",
                405,
                "`/health` does not take `BREW`; the header `Allow` says what it takes",
            ),
            ("GET", "/auth/callback?state=%ff", 422, "`state`"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = app.send(method.clone(), &unknown(path), &[], None).await;
            let allow = answer.header("allow").to_owned();
            assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
            let detail = answer.refused(status);
            assert!(detail.contains(word), "{method} {path}: {detail}");
            assert_eq!(status == 405, !allow.is_empty(), "{method} {path}");
        }
        let digits = "7".repeat(201);
        app.get(&format!("/api/dial?number={digits}")).await.refused(422);
        app.get(&format!("/api/dial?number={}", &digits[1..])).await.is(200);
        app.get(&format!("/api/contacts?group={long}")).await.refused(414);
        app.get(&format!("/{long}")).await.refused(414);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bodies_that_cannot_be_used_are_refused_in_words() {
        let app = TestApp::new(3).await;
        let huge = " ".repeat(70_000);
        let deep = "[".repeat(5000);
        for (kind, body, status, word) in [
            ("application/json", "", 422, "missing"),
            ("application/json", "{", 422, "not JSON"),
            ("application/json", "\u{0}", 422, "not JSON"),
            ("application/json", deep.as_str(), 422, "not JSON"),
            ("application/json", "[]", 422, "`body`"),
            ("application/json", "{}", 422, "`mode`"),
            (
                "application/json",
                r#"{"mode":"interval","interval_minutes":1e99}"#,
                422,
                "`interval",
            ),
            ("application/json", r#"{"mode":"cron","cron":"\u0000"}"#, 422, "`cron`"),
            ("text/plain", "{}", 415, "`Content-Type`"),
            ("", "{}", 415, "`Content-Type`"),
            ("application/json", huge.as_str(), 413, "larger"),
        ] {
            let headers = [("content-type", kind)];
            let headers = if kind.is_empty() { &[][..] } else { &headers };
            let answer = app.send(Method::PUT, "/api/sync/schedule", headers, Some(body)).await;
            let detail = answer.refused(status);
            assert!(detail.contains(word), "{detail}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_page_of_another_site_cannot_make_a_browser_act_here() {
        let app = TestApp::new(3).await;
        for headers in [
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            [("origin", "https://evil.example"), ("accept", "*/*")],
            [("origin", "null"), ("accept", "*/*")],
        ] {
            let detail = app.send(Method::POST, "/api/sync", &headers, None).await.refused(403);
            for word in
                [headers[1].1, &app.address.to_string(), "TRUSTED_PROXIES", "AUTH_PROXY_HEADER"]
            {
                assert!(detail.contains(word) || word == "*/*", "`{word}` in {detail}");
            }
        }
        let own = [("origin", &*app.url("")), ("sec-fetch-site", "same-origin")];
        app.send(Method::POST, "/api/sync", &own, None).await.is(200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_front_end_behind_a_proxy_may_act_by_the_proxys_sign_in_or_by_a_token_that_it_adds() {
        let settings = [
            ("TRUSTED_PROXIES", "127.0.0.1"),
            ("AUTH_PROXY_HEADER", "Remote-User"),
            ("ALLOWED_HOSTS", "front.lan"),
        ];
        let app = TestApp::with(3, &settings).await;
        let token = Secret::for_program().unwrap();
        let store = &app.world.app.store;
        store.add_token(token.hash(), "front end", Scope::Sync, "test", None).await.unwrap();
        let token = format!("Bearer {}", token.expose());
        let page = [("origin", "http://front.lan"), ("x-forwarded-for", "192.0.2.7")];
        let by_proxy = [("x-forwarded-host", "front.lan"), ("x-forwarded-proto", "http")];
        let signed_in = [("remote-user", "ada"), ("accept", "*/*")];
        let with_token = [("authorization", token.as_str()), ("accept", "*/*")];
        for who in [signed_in, with_token] {
            let headers = [page, by_proxy, who].concat();
            app.send(Method::POST, "/api/sync", &headers, None).await.is(200);
            // A page of another site in the same browser, to which the proxy adds the same.
            let evil = [("origin", "http://evil.example"), ("x-forwarded-for", "192.0.2.7")];
            let headers = [evil, by_proxy, who].concat();
            app.send(Method::POST, "/api/sync", &headers, None).await.refused(403);
        }
        let nobody = [page, by_proxy].concat();
        app.send(Method::POST, "/api/sync", &nobody, None).await.refused(401);
        // Only of a proxy that is trusted its word on the name counts.
        let alone = TestApp::with(3, &[("ALLOWED_HOSTS", "front.lan")]).await;
        let headers = [page, by_proxy, signed_in].concat();
        alone.send(Method::POST, "/api/sync", &headers, None).await.refused(403);
    }

    /// One request on a connection that stays open; the whole answer.
    async fn ask(stream: &mut TcpStream, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        loop {
            let mut part = [0; 4096];
            let count = stream.read(&mut part).await.unwrap();
            assert!(count > 0, "the server closed the connection");
            answer.extend_from_slice(&part[..count]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.unwrap().parse().unwrap() {
                    return text;
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_keep_alive_clients_are_all_answered_while_a_sync_hangs() {
        let app = TestApp::new(12).await;
        app.post("/api/sync").await.is(200);
        app.world.google.add_fault(listing(Action::Hang));
        let sync = app.post_meanwhile("/api/sync");
        until(&app, |it| it["running"] == true).await;
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(TcpStream::connect(app.address).await.unwrap());
        }
        // Some never finish a request, and must not be waited for.
        let mut sleepy = Vec::new();
        for _ in 0..32 {
            let mut stream = TcpStream::connect(app.address).await.unwrap();
            stream.write_all(b"GET /api/sync/status HTTP/1.1\r\nhost:").await.unwrap();
            sleepy.push(stream);
        }
        for _ in 0..3 {
            for client in &mut clients {
                let answer = ask(client, "/api/sync/status").await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                assert!(answer.contains("\"status\":\"syncing\""), "{answer}");
                assert!(ask(client, "/api/contacts?limit=5").await.starts_with("HTTP/1.1 200 "));
            }
        }
        app.post("/api/sync/cancel").await.is(202);
        sync.await.unwrap().refused(409);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everything_that_only_reads_answers_while_google_hangs() {
        let app = TestApp::new(12).await;
        app.world.google.add_fault(listing(Action::Hang).sync(Sync::Full));
        let sync = app.post_meanwhile("/api/sync");
        let run = until(&app, |it| it["running"] == true).await["run"]["id"].clone();
        let run = format!("/api/sync/runs/{}", run.as_str().unwrap());
        for path in [
            "/api/sync/status",
            "/api/sync/progress",
            "/api/sync/needs-sync",
            "/api/sync/history",
            "/api/sync/statistics",
            "/api/sync/schedule",
            "/api/contacts",
            "/api/contacts/stats",
            "/api/dial?number=101",
            "/auth/status",
            "/health",
            "/health/live",
            "/health/ready",
            &run,
        ] {
            app.get(path).await.is(200);
        }
        assert_eq!(app.get("/api/sync/status").await.is(200)["status"], "syncing");
        let metrics = app.get("/metrics").await;
        assert!(metrics.text.contains(r#"ringbook_lease{account="1",state="ours"} 1"#));
        app.post("/api/sync/cancel").await.is(202);
        sync.await.unwrap().refused(409);
    }
}

mod operations {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn health_and_metrics_tell_how_the_service_is() {
        let app = TestApp::new(7).await;
        app.post("/api/sync").await.is(200);
        let health = app.get("/health").await.is(200);
        assert_eq!(health["status"], "healthy");
        has(&health, &["checks", "last_success_at", "age_seconds", "version", "uptime_seconds"]);
        assert_eq!(health["checks"]["database"]["status"], "healthy");
        assert_eq!(
            (&health["debug"], &health["config_valid"], &health["config_errors"]),
            (&json!(false), &json!(true), &json!([]))
        );
        app.get("/api/nothing").await.refused(404);
        let open = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
        let metrics = app.send(Method::GET, "/metrics", &open, None).await;
        assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
        assert!(metrics.text.ends_with("# EOF\n"));
        let metrics = app.get("/metrics").await;
        assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        assert!(metrics.text.contains("# TYPE ringbook_http_requests_total counter\n"));
        assert!(metrics.text.contains("# TYPE ringbook_build_info gauge\n"));
        for line in [
            r#"ringbook_contacts{account="1",state="active"} 7"#,
            r#"ringbook_lease{account="1",state="free"} 1"#,
            r#"ringbook_http_requests_total{route="/api/sync",method="POST",status="200"} 1"#,
            r#"ringbook_http_requests_total{route="none",method="GET",status="404"} 1"#,
        ] {
            assert!(metrics.text.lines().any(|it| it == line), "{line}\n{}", metrics.text);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn health_says_which_settings_are_missing_and_when_it_is_talkative() {
        let bare = [("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", ""), ("LOG_LEVEL", "debug")];
        let app = TestApp::with(1, &bare).await;
        let health = app.get("/health").await.is(200);
        assert_eq!((&health["debug"], &health["config_valid"]), (&json!(true), &json!(false)));
        let missing = ["GOOGLE_CLIENT_ID is not set", "GOOGLE_CLIENT_SECRET is not set"];
        assert_eq!(health["config_errors"], json!(missing));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_document_speaks_of_every_route_and_the_docs_need_no_network() {
        let app = TestApp::new(3).await;
        let document = app.get("/api/openapi.json").await.is(200);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 30, "{}", paths.len());
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let place = format!("{method} {path}");
                let error = &operation["responses"]["503"];
                assert!(error.is_object(), "{place} does not say that it may fail");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let schema = &parameter["schema"];
                    assert!(!schema.to_string().contains("null"), "{place}: {parameter}");
                }
            }
        }
        let zones = &document["components"]["schemas"]["ByCron"]["properties"]["time_zone"]["enum"];
        assert!(zones.as_array().unwrap().contains(&json!("Europe/Berlin")));
        assert!(document["components"]["schemas"]["Problem"].is_object());
        // Every reference leads somewhere.
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let docs = app.get("/docs/").await;
        assert_eq!(docs.status, 200);
        assert!(docs.text.contains("swagger-ui"));
        assert!(!docs.text.contains("https://"), "{}", docs.text);
    }
}
