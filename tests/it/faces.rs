//! One rule, told on the API, the dashboard and the command line: all three say the same.

use reqwest::Method;
use ringbook_app::services::{
    AccountChanges, Caller, DisconnectRequest, ScheduleChange, ServiceError,
};
use ringbook_core::access::{Identity, Scope};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::program::{Ended, Program};

/// The command line on the database of a server that runs.
async fn command(app: &TestApp, args: &[&str]) -> Ended {
    let world = &app.world;
    Program::start(world.folder.path(), &world.settings, args).ended().await
}

/// The cards of a text, each whole.
fn cards(text: &str) -> Vec<String> {
    let cards = text.split_inclusive("END:VCARD\n").map(str::to_owned);
    cards.filter(|it| !it.trim().is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_the_same_vcard_in_an_export_and_as_a_download() {
    let app = TestApp::new(60).await;
    app.post("/api/sync").await.is(200);
    let listed = app.get("/api/contacts?limit=100").await.is(200);
    let ids: Vec<&str> = listed["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 60);
    for (format, version) in [("vcard", "3.0"), ("vcard4", "4.0")] {
        let mut exported = cards(&command(&app, &["export", "--format", format]).await.out);
        let mut downloaded = Vec::new();
        for id in &ids {
            let card = app.get(&format!("/api/contacts/{id}/vcard?version={version}")).await.text;
            assert!(card.contains(&format!("\r\nUID:urn:uuid:{id}\r\n")), "{card}");
            // The output of a program is read by lines here.
            downloaded.push(card.replace("\r\n", "\n"));
        }
        exported.sort();
        downloaded.sort();
        assert_eq!(exported, downloaded, "{format}");
    }
    // The dashboard links to the same download.
    let page = app.get(&format!("/contacts/{}", ids[0])).await.text;
    assert!(page.contains(&format!("/api/contacts/{}/vcard", ids[0])), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_account_is_paused_on_every_face_whoever_paused_it() {
    let app = TestApp::with(3, &[("SYNC_SCHEDULER_ENABLED", "true")]).await;
    app.post("/api/sync").await.is(200);
    command(&app, &["status"]).await.assert(0, &["up to date"]);
    assert!(app.get("/").await.text.contains("Up to date"));

    command(&app, &["accounts", "pause", "Google"]).await.assert(0, &["is paused"]);
    command(&app, &["status"]).await.assert(0, &["Status", "paused"]);
    command(&app, &["accounts"]).await.assert(0, &["paused"]);
    command(&app, &["schedule"]).await.assert(0, &["paused"]);
    let accounts = app.get("/api/accounts").await.is(200);
    assert_eq!(accounts["accounts"][0]["state"], "paused");
    let page = app.get("/").await.text;
    assert!(page.contains("Paused") && !page.contains("Up to date"), "{page}");

    let id = accounts["accounts"][0]["id"].as_str().unwrap();
    let body = json!({ "paused": false }).to_string();
    let headers = [("content-type", "application/json")];
    app.send(Method::PATCH, &format!("/api/accounts/{id}"), &headers, Some(&body)).await.is(200);
    command(&app, &["status"]).await.assert(0, &["up to date"]);
    let acts = app.get("/api/audit?limit=3").await.is(200);
    let acts: Vec<&str> =
        acts["acts"].as_array().unwrap().iter().map(|it| it["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["account.resume", "account.pause", "sync.start"], "the same on all faces");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_changed_for_all_accounts_or_for_none() {
    let app = TestApp::new(0).await;
    app.world.app.store.create_account("Second").await.unwrap();
    let long = format!("0 {} * * *", vec!["7"; 60].join(","));
    for (args, words) in [
        (&["schedule", "--cron", "* * *"][..], "`cron`"),
        (&["schedule", "--cron", "0 7 * * *", "--zone", "Mars"], "`time_zone`"),
        (&["schedule", "--cron", &long], "at most 100 characters"),
        (&["schedule", "--every", "3"], "from 5 to 1440"),
    ] {
        command(&app, args).await.assert(2, &[words]);
    }
    command(&app, &["schedule", "--every", "30"]).await.assert(0, &["30 min"]);
    let shown = app.get("/api/sync/schedule").await.is(200);
    for account in shown["accounts"].as_array().unwrap() {
        assert_eq!(account["interval_minutes"], 30, "{shown}");
    }
    let acts = app.get("/api/audit").await.is(200);
    let changes: Vec<bool> = acts["acts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["act"] == "schedule.change")
        .map(|it| it["succeeded"].as_bool().unwrap())
        .collect();
    assert_eq!(changes, [true, false, false, false, false], "{acts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_chosen_by_the_same_rule_on_every_face() {
    let app = TestApp::new(30).await;
    app.post("/api/sync").await.is(200);
    let id = app.get("/api/accounts").await.json["accounts"][0]["id"].as_str().unwrap().to_owned();
    let labels = app.get(&format!("/api/accounts/{id}/labels")).await.is(200);
    let label = &labels["labels"][0];
    let (name, resource) =
        (label["name"].as_str().unwrap(), label["resource_name"].as_str().unwrap());
    let patch = async |labels: serde_json::Value| {
        let body = json!({ "labels_shown": labels }).to_string();
        let headers = [("content-type", "application/json")];
        app.send(Method::PATCH, &format!("/api/accounts/{id}"), &headers, Some(&body)).await
    };
    patch(json!([name])).await.is(200);
    assert_eq!(
        app.get("/api/accounts").await.json["accounts"][0]["labels_shown"],
        json!([resource])
    );
    patch(json!(["Misspelt"])).await.refused(422);
    command(&app, &["accounts", "labels", "Google", "--all"]).await.assert(0, &["All contacts"]);
    for way in [name, resource] {
        command(&app, &["accounts", "labels", "Google", "--show", way]).await.assert(0, &["yes"]);
    }
    let refused = command(&app, &["accounts", "labels", "Google", "--show", "Misspelt"]).await;
    refused.assert(2, &["`Misspelt`", "ringbook accounts labels"]);
    // One that was chosen and has gone at Google since may stay chosen.
    app.world
        .app
        .store
        .set_labels_shown(app.world.account, Some(&["contactGroups/gone".to_owned()]))
        .await
        .unwrap();
    let kept =
        command(&app, &["accounts", "labels", "Google", "--show", "contactGroups/gone"]).await;
    kept.assert(0, &["Not at Google now"]);
    patch(json!(["contactGroups/gone"])).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_themselves_refuse_whom_a_face_should_have_refused() {
    let app = TestApp::new(0).await.world.app.clone();
    let account = app.store.accounts().await.unwrap().remove(0);
    let identity = Identity::Program { name: "ci".to_owned(), scope: Scope::Sync };
    let caller = Caller::new(identity, None);
    let changes = AccountChanges { paused: Some(true), ..AccountChanges::default() };
    let request = DisconnectRequest { erase: true, tell_google: false };
    let change = ScheduleChange { timing: None, paused: Some(true) };
    let id = "00000000-0000-4000-8000-000000000000";
    for refused in [
        app.add_account(&caller, "x").await.err(),
        app.change_account(&caller, &account, changes).await.err(),
        app.disconnect_account(&caller, &account, request).await.err(),
        app.remove_account(&caller, &account).await.err(),
        app.change_schedules(&caller, std::slice::from_ref(&account), change).await.err(),
        app.create_token(&caller, "x", Scope::Admin, None).await.err(),
        app.revoke_token(&caller, id).await.err(),
        app.add_phone(&caller, "x").await.err(),
        app.revoke_phone(&caller, id).await.err(),
        app.add_admin(&caller, "x", "correct horse battery".into()).await.err(),
        app.revoke_session(&caller, id).await.err(),
    ] {
        assert!(matches!(refused, Some(ServiceError::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(app.store.accounts().await.unwrap().len(), 1);
    assert!(!app.store.accounts().await.unwrap()[0].schedule.paused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_is_removed_only_on_the_command_line_and_with_a_word_for_it() {
    let app = TestApp::new(0).await;
    let folder = app.world.folder.path();
    let add = Program::reading(
        folder,
        &app.world.settings,
        &["admins", "add", "ada"],
        "correct horse battery\n",
    );
    add.ended().await.assert(0, &["is an administrator now"]);
    command(&app, &["admins", "remove", "ada"]).await.assert(2, &["pass --yes"]);
    command(&app, &["admins"]).await.assert(0, &["ada"]);
    command(&app, &["admins", "remove", "ada", "--yes"])
        .await
        .assert(0, &["no administrator any more"]);
}
