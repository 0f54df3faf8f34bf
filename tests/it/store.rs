//! What the store promises, on both databases: one holder, no stale write, safe starts.

use std::time::Duration;

use ringbook_app::App;
use ringbook_app::config::DatabaseUrl;
use ringbook_core::contact::{Contact, Content, Names, ResourceName};
use ringbook_core::sync::book::{Entry, SyncToken};
use ringbook_core::sync::run::{Batch, Deletions, Place, Remarks, RunEnd};
use ringbook_core::sync::{Kind, Outcome, Phase};
use ringbook_store::{
    Note, OpenError, Request, Settings, Slot, StartError, StartedRun, WriteError,
};
use secrecy::ExposeSecret;

use crate::support::both::on_both;
use crate::support::runs::{self, settings};
use crate::support::vault::vault;
use crate::support::world::World;

const LONG: Settings = settings(Duration::from_secs(60));
const SHORT: Settings = settings(Duration::from_millis(1));

fn request(world: &World) -> Request {
    runs::request(world.account)
}

/// Begins a run as soon as the lease of another has run out.
async fn take_over(app: &App, request: &Request) -> StartedRun {
    loop {
        match app.store.begin_run(request, &LONG).await {
            Ok(beginning) => return beginning,
            Err(StartError::Busy(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

fn person(id: &str) -> Entry {
    Entry::Person(Box::new(Contact {
        resource_name: ResourceName::parse(&format!("people/{id}")).unwrap(),
        previous_names: Vec::new(),
        etag: None,
        edited_at: None,
        content: Content {
            names: Names { display: id.to_owned(), ..Names::default() },
            ..Content::default()
        },
    }))
}

fn page(ids: &[&str]) -> Batch {
    Batch {
        entries: ids.iter().map(|id| person(id)).collect::<Vec<_>>().into(),
        place: Place::Listing { first: true, next: None, total: None },
    }
}

fn complete() -> RunEnd {
    RunEnd::Complete {
        token: SyncToken::new("token"),
        labels: None,
        identity: None,
        deletions: Deletions { hold: false, keep: Vec::new(), renamed: Vec::new() },
        remarks: Remarks::default(),
    }
}

on_both! {
    async fn of_many_who_ask_at_once_one_gets_the_lease(database) {
        let world = World::new(database, 0).await;
        let others = [world.other_process().await, world.other_process().await];
        for round in 1..=10 {
            let request = request(&world);
            let asked = futures_util::future::join_all(
                [&world.app, &others[0], &others[1], &world.app, &others[0], &others[1]]
                    .map(|app| app.store.begin_run(&request, &LONG)),
            );
            let mut begun = Vec::new();
            for answer in asked.await {
                match answer {
                    Ok(beginning) => begun.push(beginning),
                    Err(StartError::Busy(holder)) => assert!(holder.host.contains("process")),
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(begun.len(), 1);
            assert_eq!(begun[0].lease.run.fence(), round, "the fence grows by one");
            let ended = world.app.store
                .finish(&begun[0].lease, Kind::Full, &RunEnd::Cancelled, "", 0, &LONG).await;
            // Only the holder's own process may end it; that one is not always ours.
            if ended.is_err() {
                for other in &others {
                    let _ = other.store
                        .finish(&begun[0].lease, Kind::Full, &RunEnd::Cancelled, "", 0, &LONG).await;
                }
            }
        }
    }

    async fn a_holder_that_was_paused_past_its_lease_cannot_write_one_row(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let old = world.app.store.begin_run(&request(&world), &SHORT).await.unwrap();
        world.app.store.commit_page(&old.lease, &page(&["a"]), &SHORT, "", 0).await.unwrap();
        let new = take_over(&other, &request(&world)).await;
        assert!(new.lease.run > old.lease.run);

        let store = &world.app.store;
        let note = Note { phase: Phase::Waiting, kind: Kind::Full, wait: None, requests: 0 };
        let lost = |result: Result<(), WriteError>| {
            assert!(matches!(result, Err(WriteError::LeaseLost)), "{result:?}");
        };
        lost(store.commit_page(&old.lease, &page(&["b"]), &LONG, "", 0).await.map(|_| ()));
        lost(store.renew(&old.lease, &LONG).await.map(|_| ()));
        lost(store.note(&old.lease, &note, &LONG).await.map(|_| ()));
        lost(store.sweep(&old.lease, &LONG).await.map(|_| ()));
        lost(store.finish(&old.lease, Kind::Full, &complete(), "", 0, &LONG).await.map(|_| ()));
        assert_eq!(world.mirror().await.len(), 1);
        let row = store.run(old.lease.run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Interrupted), "whoever took over closed it");

        // A late release did not end the new term either.
        assert!(matches!(store.begin_run(&request(&world), &LONG).await, Err(StartError::Busy(_))));
        let done = other.store.finish(&new.lease, Kind::Full, &complete(), "", 0, &LONG).await;
        assert_eq!(done.unwrap(), Outcome::Succeeded);
    }

    async fn a_lease_that_ran_out_and_was_not_taken_is_still_good(database) {
        let world = World::new(database, 0).await;
        let run = world.app.store.begin_run(&request(&world), &SHORT).await.unwrap();
        for _ in 0..3 {
            world.app.store.commit_page(&run.lease, &page(&["a"]), &SHORT, "", 0).await.unwrap();
        }
        let ended = world.app.store.finish(&run.lease, Kind::Full, &complete(), "", 0, &SHORT).await;
        assert_eq!(ended.unwrap(), Outcome::Succeeded);
    }

    async fn a_renewal_never_shortens_a_lease(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let run = world.app.store.begin_run(&request(&world), &LONG).await.unwrap();
        world.app.store.renew(&run.lease, &SHORT).await.unwrap();
        for _ in 0..20 {
            let refused = other.store.begin_run(&request(&world), &LONG).await;
            assert!(matches!(refused, Err(StartError::Busy(_))), "{refused:?}");
        }
    }

    async fn a_due_time_is_served_once(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let slot = Slot { at: world.app.clock.now(), after: None };
        let due = Request { slot: Some(slot), ..request(&world) };
        let run = world.app.store.begin_run(&due, &LONG).await.unwrap();
        world.app.store.finish(&run.lease, Kind::Full, &complete(), "", 0, &LONG).await.unwrap();
        let slot = Slot { after: Some(run.lease.run), ..slot };
        let due = Request { slot: Some(slot), ..due };
        for app in [&world.app, &other] {
            let again = app.store.begin_run(&due, &LONG).await;
            assert!(matches!(again, Err(StartError::AlreadyServed)), "{again:?}");
        }
        let history = world.app.store.latest_run(world.account).await.unwrap().unwrap();
        assert_eq!(history.id, run.lease.run, "a refusal leaves no trace");
    }

    async fn what_a_crash_left_open_is_closed_and_what_is_finished_stays(database) {
        let world = World::new(database, 0).await;
        let run = world.app.store.begin_run(&request(&world), &LONG).await.unwrap();
        let other = world.other_process().await;
        assert!(!other.store.close_orphans(world.account).await.unwrap(), "its holder lives");
        world.app.store.finish(&run.lease, Kind::Full, &complete(), "", 0, &LONG).await.unwrap();
        let crashed = world.app.store.begin_run(&request(&world), &SHORT).await.unwrap();
        while !other.store.close_orphans(world.account).await.unwrap() {
            tokio::task::yield_now().await;
        }
        let outcome = async |run| other.store.run(run).await.unwrap().unwrap().outcome;
        assert_eq!(outcome(run.lease.run).await, Some(Outcome::Succeeded));
        assert_eq!(outcome(crashed.lease.run).await, Some(Outcome::Interrupted));
        assert_eq!(other.supervisor.cancel(world.account, "test").await.unwrap(), None);
    }

    async fn a_run_that_was_cancelled_and_then_crashed_stays_cancelled(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let run = world.app.store.begin_run(&request(&world), &SHORT).await.unwrap();
        world.app.store.request_cancel(world.account, "test").await.unwrap();
        while !other.store.close_orphans(world.account).await.unwrap() {
            tokio::task::yield_now().await;
        }
        let row = other.store.run(run.lease.run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Cancelled));
        assert!(world.status().await.standing.cancelled, "it does not start again by itself");
    }

    async fn a_run_that_was_cancelled_while_its_server_shut_down_stays_cancelled(database) {
        let world = World::new(database, 0).await;
        let other = world.other_process().await;
        let run = world.app.store.begin_run(&request(&world), &LONG).await.unwrap();
        other.store.request_cancel(world.account, "test").await.unwrap();
        let parked = world.app.store
            .finish(&run.lease, Kind::Full, &RunEnd::Interrupted, "", 0, &LONG).await;
        assert_eq!(parked.unwrap(), Outcome::Cancelled);
        assert!(world.status().await.standing.cancelled, "it does not start again by itself");
    }

    async fn a_new_consent_after_a_disconnection_is_never_taken_for_the_old_one(database) {
        let world = World::new(database, 0).await;
        let old = world.app.store.grant(world.account).await.unwrap().unwrap();
        world.app.store.disconnect(world.account).await.unwrap();
        world.connect().await;
        let new = world.app.store.grant(world.account).await.unwrap().unwrap();
        assert!(new.number > old.number && new.generation > old.generation);
    }

    async fn a_failed_run_keeps_the_token_and_the_next_one_uses_it(database) {
        let world = World::new(database, 5).await;
        world.converge(None).await;
        let token = world.status().await.token;
        let request = Request { request: world.app.supervisor.options().request.clone(),
            ..request(&world) };
        let run = world.app.store.begin_run(&request, &LONG).await.unwrap();
        assert_eq!(run.orders.kind, Kind::Incremental);
        let failed = RunEnd::Failed {
            code: ringbook_core::sync::FailureCode::Unavailable,
            message: "trouble".to_owned(),
            not_before: None,
        };
        world.app.store
            .finish(&run.lease, Kind::Incremental, &failed, "", 0, &LONG).await.unwrap();
        let account = world.status().await;
        assert_eq!(account.token, token);
        assert_eq!(account.standing.failures, 1);
        assert_eq!(world.converge(None).await.kind, Kind::Incremental);
        assert_eq!(world.status().await.standing.failures, 0);
    }

    async fn changed_request_parameters_ask_for_a_full_sync(database) {
        let world = World::new(database, 5).await;
        world.converge(None).await;
        let run = world.app.store.begin_run(&request(&world), &LONG).await.unwrap();
        assert_eq!(run.orders.kind, Kind::Full);
        assert_eq!(run.full_reason.unwrap().as_str(), "request_parameters_changed");
    }

    async fn contacts_that_hand_their_names_round_in_a_circle_keep_their_ids(database) {
        let world = World::new(database, 0).await;
        let run = world.app.store.begin_run(&request(&world), &LONG).await.unwrap();
        world.app.store.commit_page(&run.lease, &page(&["a", "b"]), &LONG, "", 0).await.unwrap();
        let before = world.mirror().await;
        let renamed = |id: &str, former: &str| {
            let Entry::Person(mut contact) = person(former) else { unreachable!() };
            contact.resource_name = ResourceName::parse(&format!("people/{id}")).unwrap();
            contact.previous_names = vec![ResourceName::parse(&format!("people/{former}")).unwrap()];
            Entry::Person(contact)
        };
        let swap = Batch {
            entries: vec![renamed("c", "a"), renamed("a", "b")].into(),
            place: Place::Changes { first: true },
        };
        world.app.store.commit_page(&run.lease, &swap, &LONG, "", 0).await.unwrap();
        let after = world.mirror().await;
        let id = |mirror: &std::collections::BTreeMap<_, (_, _)>, name: &str| {
            let (id, _): &(ringbook_store::ContactId, Content) = &mirror[name];
            *id
        };
        assert_eq!(id(&after, "people/c"), id(&before, "people/a"));
        assert_eq!(after.len(), 2);
    }

    async fn many_processes_may_start_at_once(database) {
        let world = World::new(database, 0).await;
        let fresh = World::fresh_url(database);
        let opened = futures_util::future::join_all(
            (0..6).map(|_| world.process_on(&fresh.0)),
        ).await;
        let ids: Vec<String> = opened
            .iter()
            .map(|app| app.store.ids().account(world.account))
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "one installation: {ids:?}");
    }

    async fn a_database_of_a_newer_version_is_refused_in_clear_words(database) {
        let world = World::new(database, 0).await;
        match &world.app.config.database_url {
            DatabaseUrl::Sqlite { path } => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute("insert into schema_version values (999)", []).unwrap();
            }
            DatabaseUrl::Postgres { url } => {
                let (client, connection) =
                    tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.execute("insert into schema_version values (999)", &[]).await.unwrap();
            }
        }
        let clock = world.app.clock.clone();
        let refused = match &world.app.config.database_url {
            DatabaseUrl::Sqlite { path } => {
                ringbook_store::Store::open_sqlite(path, clock, vault()).await.err()
            }
            DatabaseUrl::Postgres { url } => {
                ringbook_store::Store::open_postgres(url.expose_secret(), clock, vault()).await.err()
            }
        };
        let refused = refused.unwrap();
        assert!(matches!(refused, OpenError::Newer { found: 999, .. }));
        assert!(refused.to_string().contains("use a newer ringbook"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_file_that_others_could_read_becomes_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbook.db");
    let url = format!("sqlite:///{}", path.display());
    let open = async || {
        let config = ringbook_app::config::Config::of(&[("DATABASE_URL", &url)]).unwrap();
        ringbook_app::App::open(config).await.unwrap()
    };
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(open().await);
    for wide in [0o644, 0o664, 0o666, 0o640, 0o600] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wide)).unwrap();
        drop(open().await);
        assert_eq!(mode(), 0o600, "{wide:o}");
    }
    // Widened while it is in use, the doctor says so.
    let app = open().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = ringbook_app::doctor::look(&app).await.unwrap();
    let database = found.iter().find(|it| it.check == "database").unwrap();
    assert!(database.message.contains("0644"), "{database:?}");
    assert!(database.way_out.as_deref().unwrap().starts_with("chmod 600"), "{database:?}");
}
