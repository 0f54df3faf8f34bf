//! The real program, as a person at a terminal, a script and a service manager meet it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use ringbook_core::clock::{Clock, between};
use ringbook_core::sync::{Kind, Outcome, Trigger};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, Canned, Endpoint, Fault};
use ringbook_store::RunRow;

use crate::support::TRIES;
use crate::support::program::{Ended, Program, free_port};
use crate::support::world::{Database, World};

/// Of a holder that only fell silent, nobody takes over for so long: who syncs before found it dead.
const LONG_LEASE: &[(&str, &str)] = &[("LEASE_SECONDS", "60")];

/// An installation on a SQLite file, and the program as it is called there.
struct Place {
    world: World,
}

impl Place {
    async fn new(contacts: usize) -> Place {
        Place::with(contacts, &[]).await
    }

    async fn with(contacts: usize, extra: &[(&str, &str)]) -> Place {
        Place { world: World::with(Database::Sqlite, contacts, extra).await }
    }

    fn start(&self, args: &[&str]) -> Program {
        Program::start(self.world.folder.path(), &self.world.settings, args)
    }

    async fn run_typing(&self, args: &[&str], typed: &str) -> Ended {
        let world = &self.world;
        Program::reading(world.folder.path(), &world.settings, args, typed).ended().await
    }

    async fn run(&self, args: &[&str]) -> Ended {
        self.start(args).ended().await
    }

    /// From its third page on, the listing is never answered.
    fn hang(&self) {
        self.world.google.add_fault(Fault::new(Action::Hang).on(Endpoint::List).page(3).forever());
    }

    async fn latest(&self) -> Option<RunRow> {
        self.world.app.store.latest_run(self.world.account).await.unwrap()
    }

    /// Cancels a sync of another process. Returns how long it went on.
    async fn cancel(&self, sync: Program) -> Duration {
        self.run(&["cancel"]).await.assert(0, &["Stopped after", "20 contacts"]);
        sync.ended().await.assert(130, &["cancelled", "on the command line"]);
        let row = self.latest().await.unwrap();
        assert_eq!(row.outcome, Some(Outcome::Cancelled));
        between(row.cancel_at.unwrap(), row.ended_at.unwrap())
    }

    async fn hangs(&self) -> RunRow {
        self.world.until(|run| run.outcome.is_none() && run.counts.pages == 2).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_command_it_says_what_it_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Program::start(folder.path(), &[], &[]).ended().await;
    ended.assert(0, &["ringbook demo", "simulate-google", "Exit codes:"]);
    let ended = Program::start(folder.path(), &[], &["--version"]).ended().await;
    ended.assert(0, &[env!("CARGO_PKG_VERSION")]);
    let ended = Program::start(folder.path(), &[], &["snyc"]).ended().await;
    ended.assert(2, &["snyc", "sync"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "asking leaves no trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_setting_is_named_with_what_was_found_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("SYNC_INTERVAL_MINUTES".to_owned(), "2".to_owned()),
        ("TIMEZONE".to_owned(), "Middle-earth".to_owned()),
    ];
    for command in ["serve", "sync", "status", "config"] {
        let ended = Program::start(folder.path(), &settings, &[command]).ended().await;
        let words = ["SYNC_INTERVAL_MINUTES", "`2`", "5 to 1440", "TIMEZONE", "`Middle-earth`"];
        ended.assert(2, &words);
    }
    let ended = Program::start(folder.path(), &settings, &["status", "--json"]).ended().await;
    assert!(ended.json()["detail"].as_str().unwrap().contains("SYNC_INTERVAL_MINUTES"));
    let ended = Program::start(folder.path(), &settings, &["doctor"]).ended().await;
    ended.assert(1, &["bad", "SYNC_INTERVAL_MINUTES"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_left_alone() {
    let place = Place::new(1).await;
    let path = place.world.folder.path().join("ringbook.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute("insert into schema_version (version) values (999)", ()).unwrap();
    place.run(&["status"]).await.assert(2, &["999", "newer ringbook"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_the_way_out() {
    let place = Place::new(1).await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    place.run(&["serve", "--port", &port]).await.assert(2, &[&port, "--port", "PORT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_mirrors_everything_and_follows_up() {
    let place = Place::new(35).await;
    let ended = place.run(&["sync"]).await;
    ended.assert(0, &["Full sync done", "35 contacts listed in 4 pages", "35 created"]);
    let runs = place.world.app.store.history(&history(10)).await.unwrap();
    let kinds: Vec<Kind> = runs.iter().map(|run| run.kind).collect();
    assert_eq!(kinds, [Kind::Incremental, Kind::Full], "what changed meanwhile is fetched at once");
    assert!(runs.iter().all(|run| run.trigger == Trigger::Cli));
    assert_eq!(place.world.google.contact_count(), 35);
    place.run(&["sync", "--incremental"]).await.assert(0, &["Incremental sync done"]);
    place.run(&["status"]).await.assert(0, &["up to date", "35 contacts"]);
}

fn history(limit: u32) -> ringbook_store::HistoryQuery {
    ringbook_store::HistoryQuery { limit, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let place = Place::new(35).await;
    let ended = place.run(&["sync", "--dry-run"]).await;
    ended.assert(0, &["Full sync", "35 to create", "Nothing was changed"]);
    let plan = place.run(&["sync", "--dry-run", "--json"]).await.json();
    assert_eq!((&plan["created"], &plan["sync_type"]), (&35.into(), &"full".into()));
    assert!(place.latest().await.is_none(), "it is in no history");
    assert_eq!(place.world.app.store.totals().await.unwrap().live, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_is_refused_with_the_name_of_the_first_and_a_third_process_cancels_it() {
    let place = Place::new(100).await;
    place.hang();
    let first = place.start(&["sync"]);
    place.hangs().await;
    let holder = format!("(process {})", first.child.id());
    let refused = place.run(&["sync"]).await;
    refused.assert(3, &["already in progress", &holder, "ringbook cancel"]);
    let refused = place.run(&["sync", "--json"]).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains(&holder));
    place.run(&["status"]).await.assert(0, &["syncing", "20 of 100 contacts", &holder]);

    let mut took = place.cancel(first).await;
    for _ in 1..TRIES {
        if took <= Duration::from_secs(1) {
            break;
        }
        let again = place.start(&["sync", "--full"]);
        place.hangs().await;
        took = place.cancel(again).await;
    }
    assert!(took <= Duration::from_secs(1), "{took:?} at best");
    place.run(&["cancel"]).await.assert(1, &["no sync is in progress"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_watches_the_other_sync_and_starts_after_it() {
    let place = Place::new(100).await;
    place.hang();
    let first = place.start(&["sync"]);
    place.hangs().await;
    let mut second = place.start(&["sync", "--wait"]);
    second.says("waiting for it").await;
    place.world.google.clear_faults();
    place.run(&["cancel"]).await.assert(0, &[]);
    first.ended().await.assert(130, &[]);
    second.ended().await.assert(0, &["Full sync done"]);
    assert_eq!(place.world.app.store.totals().await.unwrap().live, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_sync_goes_on_at_once() {
    let place = Place::with(100, LONG_LEASE).await;
    place.hang();
    let first = place.start(&["sync"]);
    place.hangs().await;
    first.signal("-KILL");
    first.ended().await;
    place.world.google.clear_faults();
    // As long as the lease is held, a sync is refused.
    place.run(&["sync"]).await.assert(0, &["Full sync done", "80 contacts listed"]);
    let shown = place.run(&["history", "--json"]).await.json();
    let outcomes: Vec<&str> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["succeeded", "succeeded", "interrupted"]);
    assert_eq!(place.world.app.store.totals().await.unwrap().live, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_and_a_second_one_leaves_at_once() {
    let place = Place::with(100, LONG_LEASE).await;
    place.hang();
    let sync = place.start(&["sync"]);
    place.hangs().await;
    sync.signal("-INT");
    sync.ended().await.assert(130, &["cancelled"]);
    assert_eq!(place.latest().await.unwrap().outcome, Some(Outcome::Cancelled));

    let sync = place.start(&["sync"]);
    place.world.until(|run| run.outcome.is_none()).await;
    // Both are there when it looks next.
    for signal in ["-STOP", "-INT", "-TERM", "-CONT"] {
        sync.signal(signal);
    }
    let ended = sync.ended().await;
    assert!(matches!(ended.code, Some(130 | 143)), "{ended:?}");
    place.world.google.clear_faults();
    place.run(&["sync"]).await.assert(0, &["Full sync done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_is_not_opened_to_a_network_without_an_administrator() {
    let place = Place::new(1).await;
    let port = free_port();
    let open = ["serve", "--host", "0.0.0.0", "--port", &port];
    place
        .run(&open)
        .await
        .assert(2, &["no administrator yet", "ringbook admins add", "PHONES_LISTEN"]);
    // Phones may have an address of their own all the same.
    let phones = format!("PHONES_LISTEN=0.0.0.0:{}", free_port());
    let mut server = place.start(&["serve", "--port", &free_port(), "--set", &phones]);
    server.says("Phones find their directory at").await;
    server.signal("-TERM");
    let bare_proxy = "before you put a proxy in front";
    server.ended().await.assert(0, &["make an administrator at", bare_proxy]);
    let doctor = place.run(&["doctor"]).await;
    assert!(doctor.out.contains("everybody behind a reverse proxy on it"), "{doctor:?}");

    let weak = place.run_typing(&["admins", "add", "ada"], "short\n").await;
    weak.assert(2, &["at least 10 characters"]);
    let added = place.run_typing(&["admins", "add", "ada"], "correct horse battery\n").await;
    added.assert(0, &["`ada` is an administrator now"]);
    let mut server = place.start(&open);
    server.says("Ringbook is at").await;
    server.signal("-TERM");
    assert!(!server.ended().await.out.contains("make an administrator"));
    place.run(&["audit"]).await.assert(0, &["Added an administrator (ada)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_phones_are_made_listed_and_revoked_and_shown_once() {
    let place = Place::new(1).await;
    let made = place.run(&["tokens", "add", "metrics", "--scope", "sync"]).await;
    made.assert(0, &["rbk_", "not shown again"]);
    let token = made.out.trim().to_owned();
    let listed = place.run(&["tokens", "--json"]).await.json();
    assert_eq!(listed["tokens"][0]["scope"], "sync");
    assert!(!listed.to_string().contains(&token));
    place.run(&["tokens", "revoke", "metrics"]).await.assert(0, &["is revoked"]);
    place.run(&["tokens", "revoke", "metrics"]).await.assert(2, &["no token in use `metrics`"]);

    let url = "http://10.0.0.5:8080";
    let made = place.run(&["phones", "add", "Reception", "--url", url]).await;
    made.assert(0, &["http://10.0.0.5:8080/p/", "/directory"]);
    place.run(&["phones", "list"]).await.assert(0, &["Reception", "in use", "never seen"]);
    // As it is copied out of a phone; and nothing is made for what is no URL.
    let copied = format!("{url}/directory");
    let copied = place.run(&["phones", "add", "Copied", "--url", &copied]).await;
    assert_eq!(copied.out.matches("/directory").count(), 1, "{}", copied.out);
    place
        .run(&["phones", "add", "Nobody", "--url", "foo"])
        .await
        .assert(2, &["--url `foo` is no URL"]);
    assert!(!place.run(&["phones", "list"]).await.out.contains("Nobody"));
    let renewed = place.run(&["phones", "renew", "Reception", "--url", url]).await;
    assert_ne!(renewed.out, made.out);
    let renamed = place.run(&["phones", "rename", "Reception", "Front desk"]).await;
    renamed.assert(0, &["`Reception` is called `Front desk` now"]);
    place.run(&["phones", "rename", "Reception", "x"]).await.assert(2, &["no phone `Reception`"]);
    place.run(&["phones", "revoke", "Front desk"]).await.assert(0, &["is revoked"]);
    place.run(&["phones", "list"]).await.assert(0, &["revoked", "Front desk"]);
    // What is renewed opens again, and says so.
    let renewed = place.run(&["phones", "renew", "Front desk", "--json"]).await.json();
    assert!(renewed["revoked_at"].is_null(), "{renewed}");
    // A revoked one of the same name is not in the way.
    place.run(&["phones", "revoke", "Front desk"]).await.assert(0, &[]);
    place.run(&["phones", "add", "Front desk"]).await.assert(0, &[]);
    place.run(&["phones", "rename", "Front desk", "Hall"]).await.assert(0, &["`Hall` now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_parks_its_sync() {
    let place = Place::with(100, &[("SYNC_SCHEDULER_ENABLED", "true")]).await;
    place.hang();
    let port = free_port();
    let mut server = place.start(&["serve", "--port", &port]);
    server.says(&format!("Ringbook is at http://localhost:{port}")).await;
    place.hangs().await;
    let began = SystemClock.now();
    server.signal("-TERM");
    server.ended().await.assert(0, &[]);
    // Sooner than a request that hangs is given up.
    assert!(between(began, SystemClock.now()) < Duration::from_secs(20));
    let row = place.latest().await.unwrap();
    assert_eq!((row.outcome, row.trigger), (Some(Outcome::Interrupted), Trigger::Schedule));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_twice_stops_at_once_and_blocks_nobody() {
    let settings = [LONG_LEASE, &[("SYNC_SCHEDULER_ENABLED", "true")]].concat();
    let place = Place::with(100, &settings).await;
    place.hang();
    let server = place.start(&["serve", "--port", &free_port()]);
    place.hangs().await;
    // Both are there when it looks next.
    for signal in ["-STOP", "-TERM", "-INT", "-CONT"] {
        server.signal(signal);
    }
    let ended = server.ended().await;
    assert!(matches!(ended.code, Some(130 | 143)), "{ended:?}");
    place.world.google.clear_faults();
    place.run(&["sync"]).await.assert(0, &["Full sync done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_google_asked_for_is_shown() {
    let place = Place::with(30, &[("SYNC_RETRY_RATE_LIMIT_MS", "1500")]).await;
    place.world.google.add_fault(Fault::answer(Canned::RateLimit).on(Endpoint::List).page(2));
    let ended = place.run(&["sync"]).await;
    ended.assert(0, &["Google said slow down: next try in", "1 retry"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_with_its_reason_and_the_way_out() {
    let place = Place::new(30).await;
    place.world.google.revoke_grants();
    place.world.google.expire_access_tokens();
    let ended = place.run(&["sync"]).await;
    ended.assert(4, &["/auth/google"]);
    place.run(&["status"]).await.assert(4, &["must be connected again", "/auth/google"]);
    place.run(&["doctor"]).await.assert(1, &["bad", "account"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_in_masses_before_a_person_said_so() {
    let place = Place::new(60).await;
    place.run(&["sync"]).await.assert(0, &[]);
    place.world.google.delete_many(30);
    place.run(&["sync"]).await.assert(5, &["on hold", "30 contacts", "ringbook approve"]);
    place.run(&["status"]).await.assert(5, &["on hold"]);
    place.run(&["approve"]).await.assert(2, &["30 contacts", "and 20 more", "--yes"]);
    assert_eq!(place.world.app.store.totals().await.unwrap().live, 60);
    place.run(&["reject"]).await.assert(0, &["30 contacts kept"]);
    place.run(&["reject"]).await.assert(1, &["no sync is on hold"]);
    place.run(&["sync"]).await.assert(5, &[]);
    let approved = place.run(&["approve", "--yes", "--json"]).await;
    assert_eq!(approved.json()["deleted_count"], 30);
    assert_eq!(place.world.app.store.totals().await.unwrap().live, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_contacts_are_exported_in_every_format() {
    let place = Place::new(700).await;
    place.run(&["sync", "--set", "SYNC_BATCH_SIZE=500"]).await.assert(0, &[]);

    let json = place.run(&["export"]).await.json();
    assert_eq!(json.as_array().unwrap().len(), 700);
    assert!(json[0]["phone_numbers"].is_array());

    let file = place.world.folder.path().join("all.csv");
    let name = file.display().to_string();
    let ended = place.run(&["export", "--format", "csv", "--output", &name]).await;
    ended.assert(0, &["700 contacts written"]);
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.starts_with("id,display_name,"));
    assert_eq!(csv.matches("\r\n").count(), 701, "no cell holds a line break");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(place.world.folder.path())
        .unwrap()
        .flatten()
        .filter(|it| it.file_name().to_string_lossy().ends_with(".part"))
        .collect();
    assert!(left.is_empty());

    for (format, version) in [("vcard", "3.0"), ("vcard4", "4.0")] {
        let cards = place.run(&["export", "--format", format]).await.out;
        assert_eq!(cards.matches("BEGIN:VCARD").count(), 700);
        assert_eq!(cards.matches(&format!("VERSION:{version}")).count(), 700);
        assert!(cards.lines().all(|line| line.len() <= 75));
    }
    let nowhere = place.run(&["export", "--output", "no/such/folder/x.json"]).await;
    nowhere.assert(1, &["no/such/folder/x.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_contacts_are_listed_and_written_as_vcards() {
    let place = Place::new(40).await;
    place.run(&["sync"]).await.assert(0, &[]);
    place.run(&["deleted"]).await.assert(0, &["No deleted contact is kept"]);
    place.world.google.delete_many(3);
    place.run(&["sync"]).await.assert(0, &["3 deleted"]);
    let listed = place.run(&["deleted", "--json"]).await.json();
    let contacts = listed["contacts"].as_array().unwrap();
    assert_eq!(contacts.len(), 3);
    let name = contacts[0]["display_name"].as_str().unwrap();
    place.run(&["deleted"]).await.assert(0, &["NAME", name, "goes in"]);
    place.run(&["deleted", "nobody of that name"]).await.assert(0, &["No deleted contact"]);
    let cards = place.run(&["deleted", "--vcard"]).await.out;
    assert_eq!(cards.matches("BEGIN:VCARD").count(), 3);
    assert!(cards.contains("VERSION:3.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_number_and_by_name() {
    let place = Place::new(0).await;
    let name = ringbook_simulator::Name {
        given: "Åsa".to_owned(),
        family: "Ångström".to_owned(),
        ..Default::default()
    };
    let number = ringbook_simulator::PhoneNumber {
        value: "08-123 456 78".to_owned(),
        canonical: Some("+46812345678".to_owned()),
        ..Default::default()
    };
    place.world.google.add(ringbook_simulator::Contact {
        name: Some(name),
        phone_numbers: vec![number],
        ..Default::default()
    });
    place.run(&["sync"]).await.assert(0, &["1 created"]);
    for number in ["+46 8 123 456 78", "0812345678", "004681234 5678"] {
        assert_eq!(place.run(&["lookup", number]).await.assert(0, &[]).out, "Åsa Ångström\n");
    }
    place.run(&["lookup", "+4740123456"]).await.assert(1, &["nobody"]);
    place.run(&["search", "angstrom"]).await.assert(0, &["Åsa Ångström", "08-123 456 78"]);
    place.run(&["search", "12345"]).await.assert(0, &["Åsa Ångström"]);
    let none = place.run(&["search", "nobody", "--json"]).await;
    assert_eq!((none.code, &none.json()["count"]), (Some(1), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dialled_is_told_with_the_reasons_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DIAL_REGION".to_owned(), "DE".to_owned()),
        ("DIAL_PLUS".to_owned(), "prefix".to_owned()),
        ("DIAL_OUTSIDE_PREFIX".to_owned(), "0".to_owned()),
    ];
    let dial = async |args: &[&str]| {
        let args = [&["dial"], args].concat();
        Program::start(folder.path(), &settings, &args).ended().await
    };
    let told = dial(&["+44 (0)20 7946 0958 x12"]).await;
    assert_eq!(
        told.assert(0, &[]).out,
        "000442079460958,12\n  \
         read as +44 20 7946 0958, a number of GB\n  \
         another country: `+` becomes `00`\n  \
         outside line: `0` in front\n  \
         extension 12 is dialled after a pause\n"
    );
    let json = dial(&["-030 1234567", "--json"]).await.assert(0, &[]).json();
    assert_eq!((&json["e164"], &json["dial"]), (&"+49301234567".into(), &"00049301234567".into()));
    dial(&["call me"]).await.assert(1, &["`call me` cannot be dialled: it has no digit"]);
    let refused = dial(&["call me", "--json"]).await;
    assert_eq!((refused.code, &refused.json()["readable"]), (Some(1), &false.into()));
    dial(&["101", "--set", "DIAL_PLUS=keep"]).await.assert(2, &["DIAL_OUTSIDE_PREFIX", "`0`"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "asking leaves no trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_shapes_of_the_api() {
    let place = Place::new(30).await;
    let answer = place.run(&["sync", "--json"]).await.assert(0, &[]).json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["statistics"]["total_fetched"], 30);
    assert_eq!(answer["statistics"]["sync_type"], "full");
    let status = place.run(&["status", "--json"]).await.json();
    assert_eq!((&status["status"], &status["contact_count"]), (&"idle".into(), &30.into()));
    let history = place.run(&["history", "--json"]).await.json();
    let run = history["history"][1]["id"].as_str().unwrap().to_owned();
    let one = place.run(&["history", &run, "--json"]).await.json();
    assert_eq!(one["changes"].as_array().unwrap().len(), 30);
    let statistics = place.run(&["statistics", "--json"]).await.json();
    assert_eq!(statistics["contacts"]["active"], 30);
    let accounts = place.run(&["accounts", "--json"]).await.json();
    assert_eq!(accounts["accounts"][0]["auth"]["authenticated"], true);
    let config = place.run(&["config", "--json"]).await.json();
    let secret =
        config.as_array().unwrap().iter().find(|it| it["key"] == "GOOGLE_CLIENT_SECRET").unwrap();
    assert!(!secret["value"].as_str().unwrap().contains("simulator"), "{secret}");
    let doctor = place.run(&["doctor", "--json"]).await.json();
    assert_ne!(doctor["verdict"], "bad", "{doctor}");
    let refused = place.run(&["cancel", "--json"]).await;
    assert!(refused.json()["detail"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_the_commands_work_the_same() {
    let url = crate::support::postgres::fresh_database();
    let place = Place::with(100, &[("DATABASE_URL", &url)]).await;
    place.hang();
    let first = place.start(&["sync"]);
    place.hangs().await;
    place.run(&["sync"]).await.assert(3, &[&format!("(process {})", first.child.id())]);
    place.run(&["cancel"]).await.assert(0, &["Stopped after"]);
    first.ended().await.assert(130, &["cancelled"]);
    place.world.google.clear_faults();
    place.run(&["sync"]).await.assert(0, &["Full sync done"]);
    place.run(&["status"]).await.assert(0, &["up to date", "100 contacts"]);
    place.run(&["history", "latest"]).await.assert(0, &["Incremental sync done"]);
    assert_eq!(place.run(&["export"]).await.json().as_array().unwrap().len(), 100);
    place.run(&["doctor"]).await.assert(0, &["PostgreSQL can be read and written"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_heard_enough_is_no_error() {
    let place = Place::new(300).await;
    place.run(&["sync"]).await.assert(0, &[]);
    let pipe = "\"$0\" export --format vcard | head -n 1; echo ${PIPESTATUS[0]}";
    let told = Command::new("bash")
        .args(["-c", pipe, env!("CARGO_BIN_EXE_ringbook")])
        .envs(place.world.settings.iter().map(|(key, value)| (key, value)))
        .current_dir(place.world.folder.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout), "BEGIN:VCARD\r\n0\n");
    assert_eq!(String::from_utf8_lossy(&told.stderr), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_plain_in_a_pipe() {
    let place = Place::new(5).await;
    place.run(&["sync"]).await.assert(0, &[]);
    for command in ["history", "accounts", "statistics", "status"] {
        let ended = place.run(&[command]).await;
        ended.assert(0, &[]);
        assert!(!ended.out.contains('\u{1B}'), "{ended:?}");
    }
    let rows = place.run(&["history"]).await.out;
    let cells: Vec<usize> = rows.lines().map(|line| line.split('\t').count()).collect();
    assert_eq!(cells, [9, 9, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_everything_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--for", "3", "--contacts", "300", "--port", "0"];
    let mut demo = Program::start(folder.path(), &[], &args);
    demo.says("300 made-up contacts").await;
    demo.says("Full sync done").await;
    demo.says("up to date").await;
    let ended = demo.ended().await;
    ended.assert(0, &["300 created", "curl -s", "/docs", "both sides have", "Goodbye"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_demo_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--contacts", "50", "--keep", "kept"];
    // Where to listen is a setting as any other.
    let port = free_port();
    let settings = [("PORT".to_owned(), port.clone())];
    let mut demo = Program::start(folder.path(), &settings, &args);
    demo.says(&format!("http://localhost:{port}")).await;
    demo.says("up to date").await;
    demo.signal("-INT");
    demo.ended().await.assert(0, &["Goodbye", "The database is in"]);
    assert!(folder.path().join("kept/ringbook.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_google_says_how_to_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let args = ["simulate-google", "--contacts", "7", "--port", &port, "--gzip=false"];
    let mut google = Program::start(folder.path(), &[], &args);
    google.says("7 contacts").await;
    google.says(&format!("export GOOGLE_API_BASE_URL=http://127.0.0.1:{port}")).await;
    google.signal("-TERM");
    google.ended().await.assert(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_shown_and_set_and_a_wrong_one_is_refused() {
    let place = Place::new(3).await;
    place.run(&["schedule"]).await.assert(0, &["only when asked for"]);
    place.run(&["schedule", "--every", "15"]).await.assert(0, &["every 15 min"]);
    place.run(&["schedule", "--pause"]).await.assert(0, &["every 15 min (paused)"]);
    let cron = ["schedule", "--resume", "--cron", "0 3 * * *", "--zone", "Europe/Berlin", "--json"];
    let set = place.run(&cron).await.json();
    assert_eq!((&set["cron"], &set["paused"]), (&"0 3 * * *".into(), &false.into()));
    place.run(&["schedule", "--every", "4"]).await.assert(2, &["5 to 1440"]);
    place.run(&["schedule", "--cron", "nightly"]).await.assert(2, &["five fields"]);
    place.run(&["schedule", "--as-configured"]).await.assert(0, &["only when asked for"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_hold_and_what_was_is_looked_through_on_the_command_line() {
    let place = Place::new(40).await;
    place.run(&["sync"]).await;
    let doomed = place.world.google.delete_many(20);
    place.run(&["sync", "--full"]).await;
    place.run(&["held", "--limit", "5"]).await.assert(0, &["--limit", "20 contacts in all"]);
    let held = place.run(&["held", "--json"]).await.json();
    assert_eq!(held["contacts"].as_array().unwrap().len(), doomed.len());
    let name = held["contacts"][0]["display_name"].as_str().unwrap();
    place.run(&["held", "--search", name]).await.assert(0, &[name]);
    let filtered = place.run(&["history", "--outcome", "held", "--json"]).await.json();
    assert_eq!(filtered["history"].as_array().unwrap().len(), 1);
    place.run(&["history", "--outcome", "bad"]).await.assert(2, &["succeeded"]);
    place.run(&["history", "--since", "soon"]).await.assert(2, &["2026-03-07"]);
    place.run(&["history", "latest"]).await.assert(0, &["PHASE", "starting"]);
    place.run(&["history", "--clear"]).await.assert(2, &["--yes"]);
    place.run(&["reject"]).await.assert(0, &["kept"]);
    place.run(&["history", "--clear", "--yes"]).await.assert(0, &["forgotten"]);
    let left = place.run(&["history", "--json"]).await.json();
    assert_eq!(left["history"].as_array().unwrap().len(), 1, "the latest stays");
}
