//! Several accounts: each is synced, paused, erased and removed without the others noticing.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use ringbook_app::App;
use ringbook_app::config::DatabaseUrl;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::{AccountId, Kind, Outcome, Trigger};
use ringbook_engine::supervisor::StartRequest;
use ringbook_runtime::SystemClock;
use ringbook_simulator::{
    Action, CONTACTS_READONLY, Canned, Contact, Control, Endpoint, Fault, When,
};
use ringbook_store::{
    Account, AccountError, ConnectError, ContactId, Erasing, HistoryQuery, NewTokens, RunRow,
    StartError,
};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::app::TestApp;
use crate::support::both::on_both;
use crate::support::never::NEVER;
use crate::support::program::{Ended, Program};
use crate::support::world::{Database, World, until};

const BOB: &str = "bob@example.com";

/// Tokens for another person's address book.
fn tokens(google: &Control) -> NewTokens {
    let tokens = google.grant(&[CONTACTS_READONLY.to_owned()]);
    NewTokens {
        access_token: tokens.access_token.into(),
        expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
        refresh_token: Some(tokens.refresh_token.into()),
        refresh_expires_at: None,
        scopes: vec![CONTACTS_READONLY.to_owned()],
    }
}

/// Another account, connected and never synced, and the levers of its address book.
async fn second(world: &World, name: &str, contacts: usize) -> (AccountId, Control) {
    let google = world.google.of(BOB);
    google.generate(contacts);
    let id = world.app.store.create_account(name).await.unwrap();
    world.app.store.connect(Some(id), None, &tokens(&google)).await.unwrap();
    (id, google)
}

async fn sync(app: &App, account: AccountId, kind: Option<Kind>) -> RunRow {
    let wish = StartRequest { account, kind, trigger: Trigger::Api, asked_by: None };
    let started = app.supervisor.start(&wish).await.unwrap();
    let run = started.run;
    started.finished().await;
    app.store.run(run).await.unwrap().unwrap()
}

/// Syncs the first account, and compares its part of the mirror with Google.
async fn ada_converges(world: &World, kind: Option<Kind>) -> RunRow {
    let run = sync(&world.app, world.account, kind).await;
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.error_message);
    let mirrored = mirrored(&world.app, world.account).await;
    assert_eq!(mirrored, at_google(&world.google));
    run
}

async fn row(app: &App, account: AccountId) -> Account {
    app.store.account(account).await.unwrap().unwrap()
}

/// The names of an account's contacts here.
async fn mirrored(app: &App, account: AccountId) -> BTreeSet<String> {
    let rows = app.store.contacts_of(Some(account), ContactId(0), 1000).await.unwrap();
    rows.into_iter().map(|row| row.resource_name).collect()
}

fn at_google(google: &Control) -> BTreeSet<String> {
    google.truth().into_iter().map(|it| it.resource_name).collect()
}

/// What no step of anything may leave behind. Only SQLite is looked into.
fn assert_sound(app: &App) {
    let DatabaseUrl::Sqlite { path } = &app.config.database_url else { return };
    let connection = rusqlite::Connection::open(path).unwrap();
    for (what, sql) in NEVER {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{what}");
    }
}

/// Waits until no account is marked any more, as a server that finds the marks would bring about.
async fn gone_on_with(app: &App) {
    let deadline = after(SystemClock.now(), PATIENCE);
    while !app.store.erasures().await.unwrap().is_empty() {
        app.supervisor.look().await.unwrap();
        assert!(SystemClock.now() < deadline, "nobody went on");
        tokio::task::yield_now().await;
    }
}

/// Bob's permission lacks what it takes to list contacts.
fn scope_missing() -> Fault {
    listing(BOB, Action::Answer { answer: Canned::ScopeInsufficient, retry_after: None })
}

/// Everything that an account says of itself, but for the times that pass.
fn told(account: &Account) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        account.counts,
        account.token,
        account.failing_since,
        account.standing,
        account.schedule,
        account.needs_reauth
    )
}

on_both! {
    async fn an_account_that_fails_disturbs_no_other(database) {
        let world = World::new(database, 25).await;
        let (bob, _) = second(&world, "Bob", 12).await;
        ada_converges(&world, None).await;
        sync(&world.app, bob, None).await;
        let before = told(&world.status().await);
        world.google.add_fault(scope_missing());
        let failed = sync(&world.app, bob, None).await;
        assert_eq!(failed.outcome, Some(Outcome::Failed));
        let dead = row(&world.app, bob).await;
        assert_eq!(dead.condition(true).state().as_str(), "needs_reauth");
        assert!(dead.failing_since.is_some());
        assert_eq!(told(&world.status().await), before);
        assert_eq!(world.status().await.condition(true).state().as_str(), "connected");
        world.google.add(Contact::named("Ada", "Lovelace", "+442079460001"));
        let run = sync(&world.app, world.account, None).await;
        assert_eq!((run.outcome, run.counts.created), (Some(Outcome::Succeeded), 1));
        assert_eq!(mirrored(&world.app, bob).await.len(), 12, "its contacts are still served");
        assert_sound(&world.app);
    }

    async fn an_account_on_hold_or_slow_keeps_no_other_waiting(database) {
        let world = World::new(database, 100).await;
        let (bob, google) = second(&world, "Bob", 100).await;
        ada_converges(&world, None).await;
        sync(&world.app, bob, None).await;
        google.delete_many(50);
        assert_eq!(sync(&world.app, bob, None).await.outcome, Some(Outcome::Held));
        assert_eq!(row(&world.app, bob).await.condition(true).state().as_str(), "held");
        assert_eq!(ada_converges(&world, None).await.counts.deleted, 0);
        assert!(world.status().await.held_run.is_none());
        // Bob's listing hangs; Ada's does not wait for it.
        let when = When { user: Some(BOB.to_owned()), endpoint: Some(Endpoint::List), ..When::default() };
        world.google.add_fault(Fault { when, ..Fault::new(Action::Hang).forever() });
        let wish = StartRequest { account: bob, kind: Some(Kind::Full), trigger: Trigger::Api, asked_by: None };
        let hanging = world.app.supervisor.start(&wish).await.unwrap();
        ada_converges(&world, Some(Kind::Full)).await;
        assert!(world.app.store.is_leased(bob).await.unwrap(), "it hangs still");
        let cancelled = world.app.supervisor.cancel(world.account, "test").await.unwrap();
        assert_eq!(cancelled, None, "a cancel of one is no cancel of the other");
        world.app.supervisor.cancel(bob, "test").await.unwrap();
        hanging.finished().await;
    }

    async fn names_are_unique_and_numbers_are_never_used_again(database) {
        let world = World::new(database, 0).await;
        let store = &world.app.store;
        let office = store.create_account("Büro").await.unwrap();
        assert!(matches!(store.create_account("BURO").await, Err(AccountError::Taken(_))));
        assert!(matches!(store.rename_account(world.account, "buro").await, Err(AccountError::Taken(_))));
        store.rename_account(office, "büro").await.unwrap();
        assert_eq!(store.account_named("Buro").await.unwrap().unwrap().id, office);
        world.app.supervisor.erase(office, Erasing::Account).await.unwrap();
        assert!(store.account(office).await.unwrap().is_none());
        assert!(store.account_named("büro").await.unwrap().is_none());
        let next = store.create_account("Büro").await.unwrap();
        assert!(next > office, "{next:?} is not {office:?}");
        let connected = store.connect(None, None, &tokens(&world.google)).await.unwrap();
        assert!(connected > next);
        let refused = store.connect(Some(office), None, &tokens(&world.google)).await;
        assert!(matches!(refused, Err(ConnectError::Gone)));
        assert!(matches!(store.rename_account(office, "Elsewhere").await, Err(AccountError::Gone)));
        let erased = world.app.supervisor.erase(office, Erasing::Contacts).await;
        assert!(matches!(erased, Err(AccountError::Gone)));
        let wish = StartRequest { account: office, kind: None, trigger: Trigger::Api, asked_by: None };
        assert!(matches!(world.app.supervisor.start(&wish).await, Err(StartError::NotConnected)));
        assert_sound(&world.app);
    }

    async fn of_many_who_take_a_name_at_once_one_gets_it(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let asked = [&world.app, &other, &world.app, &other].map(|app| app.store.create_account("Office"));
        let asked = futures_util::future::join_all(asked).await;
        assert_eq!(asked.iter().filter(|it| it.is_ok()).count(), 1);
        assert_eq!(world.app.store.accounts().await.unwrap().len(), 2);
    }

    async fn an_erasure_that_is_cut_off_after_any_step_is_gone_on_with(database) {
        let world = World::new(database, 15).await;
        let (bob, google) = second(&world, "Bob", 25).await;
        ada_converges(&world, None).await;
        // No follow-up is left that a look would start.
        ada_converges(&world, None).await;
        let ada = told(&world.status().await);
        for steps in 0..6 {
            assert_eq!(sync(&world.app, bob, None).await.outcome, Some(Outcome::Succeeded));
            google.delete_many(1);
            google.add(Contact::named("Grace", "Hopper", "+15550100"));
            let run = sync(&world.app, bob, None).await.id;
            assert_eq!(mirrored(&world.app, bob).await, at_google(&google));
            world.app.store.begin_erasing(bob, Erasing::Contacts).await.unwrap();
            let mut erasure = world.app.store.erasure(bob);
            for _ in 0..steps {
                erasure.step().await.unwrap();
            }
            drop(erasure);
            assert_sound(&world.app);
            let wish = StartRequest { account: bob, kind: None, trigger: Trigger::Api, asked_by: None };
            let begun = world.app.supervisor.start(&wish).await;
            if !world.app.store.erasures().await.unwrap().is_empty() {
                assert!(matches!(begun, Err(StartError::Erasing)), "after {steps} steps");
                let view = world.app.directory.view().await.unwrap();
                assert_eq!(view.contacts.len(), 15, "phones see all of it or nothing");
            } else if let Ok(begun) = begun {
                begun.finished().await;
                world.app.supervisor.erase(bob, Erasing::Contacts).await.unwrap();
            }
            gone_on_with(&world.other_process().await).await;
            let after = row(&world.app, bob).await;
            assert_eq!(after.counts, Default::default());
            assert!(after.token.is_none() && !after.erasing && after.grant.is_some());
            assert!(mirrored(&world.app, bob).await.is_empty());
            let row = world.app.store.run(run).await.unwrap().unwrap();
            assert_eq!((row.counts.created, row.counts.deleted), (1, 1), "the numbers stay");
            for change in world.app.store.changes(run, 0, 100).await.unwrap() {
                assert_eq!((change.display_name.as_str(), change.fields.len()), ("", 0));
            }
            assert_sound(&world.app);
            assert_eq!(told(&world.status().await), ada);
        }
        assert_eq!(sync(&world.app, bob, None).await.kind, Kind::Full);
        assert_eq!(mirrored(&world.app, bob).await, at_google(&google));
    }

    async fn a_removal_that_is_cut_off_after_any_step_is_gone_on_with(database) {
        let world = World::new(database, 15).await;
        ada_converges(&world, None).await;
        // No follow-up is left that a look would start.
        ada_converges(&world, None).await;
        let ada = told(&world.status().await);
        for steps in 0..6 {
            let (bob, _) = second(&world, "Bob", 5).await;
            let run = sync(&world.app, bob, None).await.id;
            world.app.store.set_labels_shown(bob, Some(&["contactGroups/x".to_owned()])).await.unwrap();
            world.app.store.begin_erasing(bob, Erasing::Account).await.unwrap();
            assert!(world.app.store.account(bob).await.unwrap().is_none(), "gone for people at once");
            assert!(world.app.store.grant(bob).await.unwrap().is_none(), "and so is its permission");
            let mut erasure = world.app.store.erasure(bob);
            for _ in 0..steps {
                erasure.step().await.unwrap();
            }
            drop(erasure);
            gone_on_with(&world.other_process().await).await;
            assert!(world.app.store.run(run).await.unwrap().is_none());
            assert!(mirrored(&world.app, bob).await.is_empty());
            assert_eq!(world.app.store.accounts().await.unwrap().len(), 1);
            assert_eq!(world.app.directory.view().await.unwrap().contacts.len(), 15);
            assert_sound(&world.app);
            assert_eq!(told(&world.status().await), ada);
        }
        assert_eq!(world.app.store.history(&HistoryQuery {
            limit: 100, ..Default::default()
        }).await.unwrap().len(), 2, "only the other account's runs are left");
    }

    async fn a_run_in_progress_writes_nothing_into_an_account_that_is_erased(database) {
        let world = World::new(database, 35).await;
        world.google.add_fault(Fault::new(Action::Hang).on(Endpoint::List).page(3).forever());
        let other = world.other_process().await;
        let wish = world.wish(None);
        let started = other.supervisor.start(&wish).await.unwrap();
        until(&world.app, world.account, |run| run.counts.pages == 2).await;
        let erased = world.app.supervisor.erase(world.account, Erasing::Contacts).await.unwrap();
        assert_eq!(erased, 20);
        world.google.clear_faults();
        other.supervisor.shut_down(PATIENCE).await;
        let run = started.run;
        started.finished().await;
        let row = world.app.store.run(run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Interrupted));
        assert!(mirrored(&world.app, world.account).await.is_empty());
        assert_sound(&world.app);
        world.converge(None).await;
    }

    async fn an_account_that_another_process_syncs_can_be_removed(database) {
        let world = World::new(database, 35).await;
        let (bob, _) = second(&world, "Bob", 4).await;
        world.google.add_fault(Fault::new(Action::Hang).on(Endpoint::List).page(3).forever());
        let other = world.other_process().await;
        let started = other.supervisor.start(&world.wish(None)).await.unwrap();
        until(&world.app, world.account, |run| run.counts.pages == 2).await;
        world.app.supervisor.erase(world.account, Erasing::Account).await.unwrap();
        assert!(world.app.store.account(world.account).await.unwrap().is_none());
        world.google.clear_faults();
        other.supervisor.shut_down(PATIENCE).await;
        started.finished().await;
        assert!(world.app.store.account(world.account).await.unwrap().is_none());
        assert!(mirrored(&world.app, world.account).await.is_empty());
        assert_eq!(world.app.store.history(&HistoryQuery {
            limit: 100, ..Default::default()
        }).await.unwrap().len(), 0, "nothing is left of its runs");
        assert_sound(&world.app);
        let run = sync(&world.app, bob, None).await;
        assert_eq!((run.outcome, run.counts.created), (Some(Outcome::Succeeded), 4));
    }

    async fn an_account_without_contacts_and_grant_may_be_connected_as_another_person(database) {
        let world = World::new(database, 5).await;
        world.converge(None).await;
        let ada = world.status().await.google_id;
        assert!(ada.is_some());
        world.app.store.disconnect(world.account).await.unwrap();
        let bob = world.google.of(BOB);
        bob.generate(3);
        let id = ringbook_core::contact::ResourceName::parse("people/999").unwrap();
        let refused = world.app.store.connect(Some(world.account), Some(&id), &tokens(&bob)).await;
        assert!(refused.is_err(), "Ada's contacts are here still");
        world.app.supervisor.erase(world.account, Erasing::Contacts).await.unwrap();
        world.app.store.connect(Some(world.account), None, &tokens(&bob)).await.unwrap();
        let run = sync(&world.other_process().await, world.account, None).await;
        assert_eq!((run.outcome, run.counts.created), (Some(Outcome::Succeeded), 3));
        assert_ne!(world.status().await.google_id, ada);
    }

    async fn a_paused_account_is_synced_only_when_somebody_asks(database) {
        let settings = [("SYNC_SCHEDULER_ENABLED", "true")];
        let world = World::with(database, 5, &settings).await;
        let (bob, _) = second(&world, "Bob", 5).await;
        world.app.store.set_paused(bob, true).await.unwrap();
        world.app.supervisor.look().await.unwrap();
        until(&world.app, world.account, |run| run.outcome.is_some()).await;
        assert!(world.app.store.latest_run(bob).await.unwrap().is_none(), "not by itself");
        assert_eq!(sync(&world.app, bob, None).await.outcome, Some(Outcome::Succeeded));
        let paused = row(&world.app, bob).await;
        assert!(paused.standing.follow_up_at.is_some(), "the follow-up waits as well");
        assert_eq!(paused.condition(true).state().as_str(), "paused");
        assert_eq!(world.app.supervisor.next_due(&paused, world.app.clock.now()), None);
        world.app.store.set_paused(bob, false).await.unwrap();
        assert_eq!(row(&world.app, bob).await.condition(true).state().as_str(), "connected");
    }

    async fn which_labels_reach_the_phones_is_followed_at_once(database) {
        let world = World::new(database, 0).await;
        let (family, work) = (world.google.add_group("Family"), world.google.add_group("Work"));
        let add = |given: &str, number: &str, groups: &[&String]| {
            let mut contact = Contact::named(given, "Lovelace", number);
            contact.groups = groups.iter().map(|it| (*it).clone()).collect();
            world.google.add(contact);
        };
        add("Ada", "+442079460001", &[&family]);
        add("Ben", "+442079460002", &[&work]);
        add("Cy", "+442079460003", &[&family, &work]);
        add("Dora", "+442079460004", &[]);
        world.converge(None).await;
        let on_phones = async |app: &App| {
            let view = app.directory.view().await.unwrap();
            let places = 0..view.contacts.len() as u32;
            let shown = places.filter(|at| view.contacts.is_on_phones(*at));
            let names = shown.map(|at| view.contacts.name(at).replace(" Lovelace", ""));
            let labels = view.contacts.labels().count();
            (names.collect::<Vec<_>>().join(" "), labels)
        };
        let whose = async |app: &App, number: &str| {
            let view = app.directory.view().await.unwrap();
            app.directory.rules().who_has(&view.contacts, number).is_some()
        };
        let app = &world.app;
        let known = app.store.labels(world.account).await.unwrap();
        let resource = |name: &str| {
            known.iter().find(|(_, it, _)| it == name).map(|(resource, ..)| resource.clone()).unwrap()
        };
        assert_eq!(on_phones(app).await, ("Ada Ben Cy Dora".to_owned(), 2));
        let only = [resource("Family")];
        app.store.set_labels_shown(world.account, Some(&only)).await.unwrap();
        assert_eq!(on_phones(app).await, ("Ada Cy".to_owned(), 1));
        assert!(whose(app, "+442079460001").await && !whose(app, "+442079460002").await);
        let other = world.other_process().await;
        assert_eq!(on_phones(&other).await, ("Ada Cy".to_owned(), 1));
        // It holds for who comes later, too.
        add("Eve", "+442079460005", &[&work]);
        add("Fay", "+442079460006", &[&family]);
        world.converge(None).await;
        assert_eq!(on_phones(app).await, ("Ada Cy Fay".to_owned(), 1));
        other.store.set_labels_shown(world.account, Some(&[])).await.unwrap();
        while !on_phones(app).await.0.is_empty() {
            tokio::task::yield_now().await;
        }
        app.store.set_labels_shown(world.account, None).await.unwrap();
        assert_eq!(on_phones(app).await, ("Ada Ben Cy Dora Eve Fay".to_owned(), 2));
        assert_eq!(mirrored(app, world.account).await.len(), 6, "the mirror is whole all the time");
        assert_sound(app);
    }
}

/// The members of an answer without those that several accounts would share.
fn without(value: &Value, names: &[&str]) -> Value {
    let mut value = value.clone();
    for name in names {
        value.as_object_mut().unwrap().remove(*name);
    }
    value
}

fn ids(app: &TestApp, account: AccountId) -> String {
    app.world.app.store.ids().account(account)
}

fn listing(user: &str, action: Action) -> Fault {
    let when =
        When { user: Some(user.to_owned()), endpoint: Some(Endpoint::List), ..When::default() };
    Fault { when, ..Fault::new(action).forever() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_account_the_sums_are_its_own() {
    let app = TestApp::new(12).await;
    app.post("/api/sync").await.is(200);
    for path in ["/api/sync/status", "/api/contacts/stats", "/api/sync/statistics"] {
        let answer = app.get(path).await.is(200);
        let only = &answer["accounts"][0];
        let more = ["id", "name", "state", "state_message"];
        let together = ["accounts", "database_problem"];
        assert_eq!(without(only, &more), without(&answer, &together), "{path}");
        assert_eq!(answer["accounts"].as_array().unwrap().len(), 1);
    }
    let schedule = app.get("/api/sync/schedule").await.is(200);
    assert_eq!(without(&schedule["accounts"][0], &["name"]), without(&schedule, &["accounts"]));
    let result = app.post("/api/sync/full").await.is(200);
    assert_eq!(result["message"], "Full sync completed successfully");
    assert_eq!(result["accounts"][0]["statistics"], result["statistics"]);
    assert_eq!(result["accounts"][0]["status"], "success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_name_all_accounts_are_meant_and_their_sums_add_up() {
    let app = TestApp::new(12).await;
    let (bob, _) = second(&app.world, "Bob", 30).await;
    app.world.app.store.create_account("Not yet").await.unwrap();
    let result = app.post("/api/sync").await.is(200);
    assert_eq!(result["message"], "2 of 2 accounts synced successfully");
    assert_eq!(result["statistics"]["created"], 42);
    assert_eq!(result["accounts"].as_array().unwrap().len(), 2, "who is not connected is left out");
    let status = app.get("/api/sync/status").await.is(200);
    assert_eq!((&status["status"], &status["contact_count"]), (&json!("idle"), &json!(42)));
    assert_eq!(status["connected"], true);
    assert!(status["last_sync_at"].is_string(), "who waits to be connected spoils nothing");
    assert_eq!(status["accounts"].as_array().unwrap().len(), 3);
    assert_eq!(status["accounts"][2]["state"], "disconnected");
    let of_bob = app.get("/api/sync/status?account=bob").await.is(200);
    assert_eq!(of_bob["contact_count"], 30);
    let statistics = app.get("/api/sync/statistics").await.is(200);
    for path in [
        "/contacts/total",
        "/phone_numbers",
        "/emails",
        "/runs/count",
        "/runs/created",
        "/runs/requests",
        "/outcomes/succeeded",
    ] {
        let number = |value: &Value| value.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let parts: u64 = statistics["accounts"].as_array().unwrap().iter().map(number).sum();
        assert_eq!(number(&statistics), parts, "{path}");
    }
    let stats = app.get("/api/contacts/stats?account=Bob").await.is(200);
    assert_eq!(
        (&stats["total_contacts"], &stats["accounts"][0]["name"]),
        (&json!(30), &json!("Bob"))
    );
    let id = ids(&app, bob);
    let list = app.get(&format!("/api/contacts?limit=500&account={id}")).await.is(200);
    assert_eq!(
        (list["total"].clone(), list["contacts"].as_array().unwrap().len()),
        (json!(30), 30)
    );
    assert!(list["contacts"].as_array().unwrap().iter().all(|it| it["account_id"] == id.as_str()));
    let first = list["contacts"][0]["given_name"].as_str().unwrap_or("a").to_lowercase();
    let found = |path: String| {
        let app = &app;
        async move { app.get(&path).await.is(200)["total_count"].as_u64().unwrap() }
    };
    let all = found(format!("/api/contacts/search?q={first}")).await;
    let bobs = found(format!("/api/contacts/search?q={first}&account={id}")).await;
    let others = found(format!("/api/contacts/search?q={first}&account=Google")).await;
    assert!(bobs > 0 && all == bobs + others);
    let runs = app.get("/api/sync/history?account=bob").await.is(200);
    assert!(runs["history"].as_array().unwrap().iter().all(|it| it["account_id"] == id.as_str()));
    let group = list["contacts"][0]["display_name"].as_str().unwrap().chars().next().unwrap();
    if group.is_ascii_alphabetic() {
        let part =
            app.get(&format!("/api/contacts?group={group}&account=bob&sort=recent")).await.is(200);
        assert!(part["total"].as_u64().unwrap() <= 30);
    }
    let needs = app.get("/api/sync/needs-sync").await.is(200);
    assert_eq!(needs["needs_full_sync"], false);
    assert!(needs["reason"].as_str().unwrap().starts_with("No full sync is needed"));
    assert_eq!(needs["accounts"][2]["needs_full_sync"], true);
    let progress = app.get("/api/sync/progress").await.is(200);
    assert_eq!(
        (&progress["running"], progress["accounts"].as_array().unwrap().len()),
        (&json!(false), 3)
    );
    app.send(Method::DELETE, "/api/sync/history?keep_latest=false&account=bob", &[], None)
        .await
        .is(200);
    assert_eq!(app.get("/api/sync/history?account=bob").await.is(200)["history"], json!([]));
    assert_ne!(app.get("/api/sync/history").await.is(200)["history"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_of_one_account_is_never_hidden_by_the_success_of_others() {
    let app = TestApp::new(12).await;
    second(&app.world, "Bob", 5).await;
    app.world.google.add_fault(scope_missing());
    let answer = app.post("/api/sync").await;
    let detail = answer.json["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("1 of 2 accounts could not be synced. `Bob`: "), "{detail}");
    let body = answer.is(401);
    assert_eq!(body["accounts"][0]["status"], "success");
    assert_eq!(body["accounts"][0]["statistics"]["created"], 12);
    assert_eq!(
        (&body["accounts"][1]["status"], &body["accounts"][1]["code"]),
        (&json!("error"), &json!(401))
    );
    assert!(body["run"]["account_id"].is_string());
    let status = app.get("/api/sync/status").await.is(200);
    assert_eq!((&status["status"], &status["needs_reauth"]), (&json!("error"), &json!(true)));
    assert_eq!(app.post("/api/sync?account=google").await.is(200)["status"], "success");
    app.post("/api/sync?account=bob").await.refused(401);
    let health = app.get("/health").await.is(200);
    assert_eq!(health["status"], "degraded");
    let message = health["checks"]["google"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("connect 1 of 2 accounts again") && !message.contains("Bob"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_busy_is_being_synced_anyway() {
    let app = TestApp::new(12).await;
    let (bob, _) = second(&app.world, "Bob", 5).await;
    app.world.google.add_fault(listing(BOB, Action::Hang));
    let accepted =
        app.send(Method::POST, "/api/sync?account=bob", &[("prefer", "respond-async")], None).await;
    assert!(accepted.header("location").starts_with("/api/sync/runs/"));
    accepted.is(202);
    let others = app.post("/api/sync/safe").await.is(200);
    assert_eq!(
        others["message"],
        "1 of 2 accounts synced successfully; in 1 a sync was in progress already"
    );
    assert_eq!(others["accounts"][1]["status"], "skipped");
    assert_eq!(others["statistics"]["created"], 12, "what another run does is not counted here");
    let ada = app.world.google.present_user();
    app.world.google.add_fault(listing(&ada, Action::Hang));
    let both = app.send(Method::POST, "/api/sync", &[("prefer", "respond-async")], None).await;
    assert_eq!(both.header("preference-applied"), "respond-async");
    let both = both.is(202);
    assert_eq!(
        (&both["accounts"][0]["status"], &both["accounts"][1]["status"]),
        (&json!("accepted"), &json!("skipped"))
    );
    let detail = app.post("/api/sync").await.refused(409);
    assert!(detail.contains("each of the 2 accounts"), "{detail}");
    let skipped = app.post("/api/sync/safe").await.is(409);
    assert_eq!((&skipped["status"], &skipped["statistics"]), (&json!("skipped"), &json!({})));
    assert_eq!(skipped["accounts"].as_array().unwrap().len(), 2);
    let progress = app.get("/api/sync/progress").await.is(200);
    assert!(
        progress["message"].as_str().unwrap().starts_with("2 accounts are being synced"),
        "{progress}"
    );
    let event = app.events(None).await.next().await.unwrap();
    assert_eq!(event.data["accounts"].as_array().unwrap().len(), 2);
    let cancelled = app.post("/api/sync/cancel").await.is(202);
    assert_eq!(cancelled["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(cancelled["id"], cancelled["accounts"][0]["run"]["id"]);
    for account in [app.world.account, bob] {
        until(&app.world.app, account, |run| run.outcome == Some(Outcome::Cancelled)).await;
    }
    app.post("/api/sync/cancel").await.refused(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_unknown_removed_or_of_elsewhere_is_not_found() {
    let app = TestApp::new(3).await;
    let (bob, _) = second(&app.world, "Bob", 3).await;
    app.post("/api/sync").await.is(200);
    let run = app.get("/api/sync/history?account=bob").await.is(200)["history"][0]["id"].clone();
    let removed = ids(&app, bob);
    let gone =
        app.send(Method::DELETE, &format!("/api/accounts/{removed}?confirm=bob"), &[], None).await;
    assert_eq!(gone.is(200)["erased_count"], 3);
    let elsewhere = TestApp::new(0).await;
    let foreign = ids(&elsewhere, elsewhere.world.account);
    let run = run.as_str().unwrap().to_owned();
    for account in [removed.as_str(), foreign.as_str(), run.as_str(), "Bob", "Nobody"] {
        for (method, path) in [
            ("GET", "/api/sync/status"),
            ("POST", "/api/sync"),
            ("POST", "/api/sync/full"),
            ("POST", "/api/sync/incremental"),
            ("POST", "/api/sync/safe"),
            ("POST", "/api/sync/cancel"),
            ("GET", "/api/sync/needs-sync"),
            ("GET", "/api/sync/history"),
            ("DELETE", "/api/sync/history"),
            ("GET", "/api/sync/statistics"),
            ("GET", "/api/sync/progress"),
            ("GET", "/api/sync/events"),
            ("GET", "/api/sync/schedule"),
            ("GET", "/api/contacts"),
            ("GET", "/api/contacts/stats"),
            ("GET", "/api/search?q=ada"),
            ("GET", "/api/contacts/search?q=ada"),
            ("GET", "/api/contacts/search/by-name?q=ada"),
            ("GET", "/api/contacts/search/by-phone?q=555"),
        ] {
            let sign = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{sign}account={account}");
            let method = method.parse().unwrap();
            let detail = app.send(method, &path, &[], None).await.refused(404);
            assert!(detail.contains("no account"), "{path}: {detail}");
        }
    }
    for path in ["", "/labels", "/disconnect"] {
        let path = format!("/api/accounts/{removed}{path}");
        let method = if path.ends_with("connect") { Method::POST } else { Method::GET };
        app.send(method, &path, &[], None).await.refused(404);
    }
    app.get(&format!("/api/sync/runs/{run}")).await.refused(404);
    app.get("/api/sync/status?account=").await.refused(422);
    assert_eq!(app.get("/api/sync/status").await.is(200)["contact_count"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_added_changed_and_removed() {
    let app = TestApp::new(3).await;
    let json_body = [("content-type", "application/json")];
    let send = |method: Method, path: String, body: Value| {
        let app = &app;
        let text = body.to_string();
        async move { app.send(method, &path, &json_body, Some(&text)).await }
    };
    let added = send(Method::POST, "/api/accounts".into(), json!({"name": " Büro "})).await;
    let location = added.header("location").to_owned();
    let added = added.is(201);
    assert_eq!((&added["name"], &added["state"]), (&json!("Büro"), &json!("disconnected")));
    let id = added["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/api/accounts/{id}"));
    assert_eq!(added["connect_url"], format!("/auth/google?account={id}"));
    assert!(added["state_message"].as_str().unwrap().contains("waits to be connected"));
    for (body, code) in [
        (json!({"name": "buro"}), 409),
        (json!({"name": "new"}), 422),
        (json!({"name": "7"}), 422),
        (json!({"name": "a\u{0}"}), 422),
        (json!({"name": 7}), 422),
        (json!({}), 422),
        (json!([]), 422),
    ] {
        send(Method::POST, "/api/accounts".into(), body).await.refused(code);
    }
    for (body, code) in [
        (json!({"name": "GOOGLE"}), 409),
        (json!({"name": null}), 422),
        (json!({"paused": "yes"}), 422),
        (json!({"labels_shown": "all"}), 422),
        (json!({"labels_shown": [1]}), 422),
        (json!({"pause": true}), 422),
    ] {
        send(Method::PATCH, location.clone(), body).await.refused(code);
    }
    let body = json!({"name": "Office", "paused": true, "labels_shown": ["contactGroups/a", "contactGroups/a"]});
    let changed = send(Method::PATCH, location.clone(), body).await.is(200);
    assert_eq!((&changed["name"], &changed["paused"]), (&json!("Office"), &json!(true)));
    assert_eq!(changed["labels_shown"], json!(["contactGroups/a"]));
    assert_eq!(changed["schedule"]["paused"], true, "pausing is one fact");
    let unpaused = json!({"mode": "interval", "interval_minutes": 30});
    send(Method::PUT, "/api/sync/schedule?account=office".into(), unpaused).await.is(200);
    assert_eq!(app.get(&location).await.is(200)["paused"], false);
    let all = json!({"mode": "interval", "interval_minutes": 45, "paused": true});
    let schedules = send(Method::PUT, "/api/sync/schedule".into(), all).await.is(200);
    assert_eq!(schedules["accounts"].as_array().unwrap().len(), 2);
    assert!(
        schedules["accounts"].as_array().unwrap().iter().all(|it| it["interval_minutes"] == 45)
    );
    assert_eq!((&schedules["account_id"], &schedules["paused"]), (&Value::Null, &json!(true)));

    let accounts = app.get("/api/accounts").await.is(200);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2);
    let google = accounts["accounts"][0].clone();
    assert_eq!(
        (&google["source"], &google["auth"]["authenticated"]),
        (&json!("contacts"), &json!(true))
    );
    app.post("/api/sync").await.is(200);
    let here = format!("/api/accounts/{}", google["id"].as_str().unwrap());
    let kept = app.post(&format!("{here}/disconnect")).await.is(200);
    assert_eq!(
        (&kept["account"]["contacts"], &kept["account"]["state"]),
        (&json!(3), &json!("disconnected"))
    );
    app.post(&format!("{here}/disconnect?contacts=some")).await.refused(422);
    let erased = app.post(&format!("{here}/disconnect?contacts=erase")).await.is(200);
    assert_eq!((&erased["erased_count"], &erased["account"]["contacts"]), (&json!(3), &json!(0)));
    for confirm in ["", "?confirm=", "?confirm=Google"] {
        app.send(Method::DELETE, &format!("{location}{confirm}"), &[], None).await.refused(422);
    }
    app.send(Method::DELETE, &format!("{location}?confirm=OFFICE"), &[], None).await.is(200);
    app.get(&location).await.refused(404);
    let metrics = app.get("/metrics").await;
    assert!(!metrics.text.contains(r#"account="2""#), "{}", metrics.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_kept_off_the_phones_is_found_by_programs_alone() {
    let app = TestApp::new(0).await;
    let google = &app.world.google;
    let shown = google.add_group("Customers");
    let mut ada = Contact::named("Ada", "Lovelace", "+442079460001");
    ada.groups = vec![shown];
    google.add(ada);
    google.add(Contact::named("Zoe", "Zimmer", "+442079460002"));
    app.post("/api/sync").await.is(200);
    let here = format!("/api/accounts/{}", ids(&app, app.world.account));
    let labels = app.get(&format!("{here}/labels")).await.is(200);
    assert_eq!(labels["all_shown"], true);
    let of = |labels: &Value, name: &str| {
        let labels = labels["labels"].as_array().unwrap();
        labels.iter().find(|it| it["name"] == name).cloned().unwrap()
    };
    let customers = of(&labels, "Customers");
    assert_eq!((&customers["contacts"], &customers["shown"]), (&json!(1), &json!(true)));
    let zoe = app.get("/api/search?q=zimmer").await.is(200)["results"][0]["id"].clone();
    let screen = format!("/directory/contacts/{}", zoe.as_str().unwrap());
    assert!(app.get(&screen).await.text.contains("442079460002"));
    let kind = [("content-type", "application/json")];
    let patch = async |labels: Value| {
        let body = json!({ "labels_shown": labels }).to_string();
        app.send(Method::PATCH, &here, &kind, Some(&body)).await
    };
    let chosen = json!([customers["resource_name"], "contactGroups/gone"]);
    let refused = patch(chosen.clone()).await.refused(422);
    assert!(refused.contains("contactGroups/gone") && refused.contains("/labels"), "{refused}");
    // It was there when it was chosen.
    let gone: Vec<String> = serde_json::from_value(chosen.clone()).unwrap();
    app.world.app.store.set_labels_shown(app.world.account, Some(&gone)).await.unwrap();
    patch(chosen).await.is(200);
    let menu = app.get("/directory").await.text;
    assert!(
        menu.contains("1 contact") && menu.contains("2 ABC (1)") && !menu.contains("9 WXYZ"),
        "{menu}"
    );
    assert!(!app.get(&screen).await.text.contains("442079460002"));
    assert!(app.get("/directory/search?q=zimmer").await.text.contains("Nobody was found"));
    assert!(app.get("/directory/search?keys=963").await.text.contains("Nobody was found"));
    assert!(app.get("/directory/search?q=ada").await.text.contains("Ada Lovelace"));
    assert_eq!(app.get("/lookup?number=%2B442079460002").await.text, "");
    assert_eq!(app.get("/lookup?number=%2B442079460001").await.text, "Ada Lovelace");
    assert_eq!(app.get("/api/search?q=zimmer").await.is(200)["count"], 1);
    assert_eq!(app.get("/api/contacts").await.is(200)["total"], 2);
    let labels = app.get(&format!("{here}/labels")).await.is(200);
    assert_eq!(
        (&labels["all_shown"], &labels["missing"]),
        (&json!(false), &json!(["contactGroups/gone"]))
    );
    assert_eq!(of(&labels, "Customers")["shown"], true);
    patch(Value::Null).await.is(200);
    assert!(app.get("/directory").await.text.contains("2 contacts"));
}

/// What the program says and answers, as it is called at a terminal.
async fn call(world: &World, args: &[&str]) -> Ended {
    Program::start(world.folder.path(), &world.settings, args).ended().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_command_line_accounts_are_managed_and_synced_together() {
    let world = World::new(Database::Sqlite, 12).await;
    let bob = world.google.of(BOB);
    bob.generate(5);
    call(&world, &["accounts", "add", "Bob"])
        .await
        .assert(0, &["Added Bob", "/auth/google?account="]);
    call(&world, &["accounts", "add", "BOB"]).await.assert(2, &["`Bob` already"]);
    call(&world, &["accounts", "add", "12"]).await.assert(2, &["taken for the id"]);
    call(&world, &["sync"]).await.assert(0, &["Full sync done", "12 created"]);
    call(&world, &["sync", "--account", "Bob"]).await.assert(4, &["connect"]);
    let id = world.app.store.account_named("bob").await.unwrap().unwrap().id;
    world.app.store.connect(Some(id), None, &tokens(&bob)).await.unwrap();
    let ended = call(&world, &["sync"]).await;
    ended.assert(0, &["Google", "Incremental sync done", "Bob", "Full sync done", "5 created"]);
    let answer = call(&world, &["sync", "--json"]).await.json();
    assert_eq!(answer["message"], "2 of 2 accounts synced successfully");
    assert_eq!(answer["accounts"].as_array().unwrap().len(), 2);
    call(&world, &["sync", "--dry-run"]).await.assert(0, &["Google", "Bob", "Nothing was changed"]);
    let status = call(&world, &["status", "--json", "--account", "Bob"]).await.json();
    assert_eq!(status["contact_count"], 5);
    call(&world, &["status"]).await.assert(0, &["Google", "12 contacts", "Bob", "5 contacts"]);
    call(&world, &["history"]).await.assert(0, &["ACCOUNT", "Google", "Bob"]);
    let statistics = call(&world, &["statistics", "--json"]).await.json();
    assert_eq!(statistics["contacts"]["active"], 17);
    let export = call(&world, &["export", "--account", "bob"]).await.json();
    assert_eq!(export.as_array().unwrap().len(), 5);

    call(&world, &["accounts", "rename", "Bob", "Büro"]).await.assert(0, &["Büro"]);
    call(&world, &["accounts", "pause", "buro"]).await.assert(0, &["paused"]);
    let accounts = call(&world, &["accounts", "--json"]).await.json();
    let over_http = accounts["accounts"][1].clone();
    assert_eq!((&over_http["name"], &over_http["state"]), (&json!("Büro"), &json!("paused")));
    call(&world, &["accounts"]).await.assert(0, &["STATE", "connected", "paused", "Büro"]);
    call(&world, &["accounts", "resume", "buro"]).await.assert(0, &["SYNC_SCHEDULER_ENABLED"]);
    call(&world, &["accounts", "labels", "buro", "--show", "Nonesuch"])
        .await
        .assert(2, &["`Nonesuch`"]);
    let labels =
        call(&world, &["accounts", "labels", "buro", "--show", "starred", "--json"]).await.json();
    assert_eq!(labels["all_shown"], false);
    call(&world, &["accounts", "labels", "buro", "--all"]).await.assert(0, &["All contacts reach"]);
    call(&world, &["doctor"]).await.assert(0, &["Büro: ", "Google: "]);

    call(&world, &["accounts", "disconnect", "buro", "--contacts", "erase"])
        .await
        .assert(2, &["--yes"]);
    let ended =
        call(&world, &["accounts", "disconnect", "buro", "--contacts", "erase", "--yes"]).await;
    ended.assert(0, &["erased"]);
    assert!(mirrored(&world.app, id).await.is_empty());
    call(&world, &["accounts", "remove", "buro"]).await.assert(2, &["--yes"]);
    call(&world, &["accounts", "remove", "buro", "--yes"]).await.assert(0, &["removed"]);
    call(&world, &["status", "--account", "buro"]).await.assert(2, &["no account `buro`"]);
    call(&world, &["status"]).await.assert(0, &["up to date", "12 contacts"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_command_line_a_failure_of_one_account_is_the_exit_code_and_others_are_synced() {
    let world = World::new(Database::Sqlite, 12).await;
    second(&world, "Bob", 5).await;
    world.google.add_fault(scope_missing());
    let ended = call(&world, &["sync"]).await;
    ended.assert(4, &["Full sync done", "12 created", "Bob", "Full sync failed"]);
    let refused = call(&world, &["sync", "--json"]).await;
    let answer = refused.json();
    assert!(answer["detail"].as_str().unwrap().contains("`Bob`"), "{answer}");
    assert_eq!(answer["accounts"][0]["status"], "success");
    refused.assert(4, &[]);
}
