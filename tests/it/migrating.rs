//! Coming from the app that many people use today: a Python app (FastAPI, SQLAlchemy, SQLite) that keeps
//! Google contacts for Cisco phones. Its database and its token file are made here as it makes them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ringbook_simulator::CONTACTS_READONLY;
use serde_json::{Value, json};

use crate::support::both::on_both;
use crate::support::program::{Ended, Program, free_port};
use crate::support::world::{Database, World};

/// The tables of its latest version, as SQLAlchemy makes them.
const SCHEMA: &str = "
    create table alembic_version (version_num varchar(32) not null primary key);
    create table contacts (
        id char(32) not null, resource_name varchar not null, etag varchar, given_name varchar,
        family_name varchar, display_name varchar not null, organization varchar, job_title varchar,
        created_at datetime not null, updated_at datetime not null, deleted boolean not null,
        synced_at datetime, primary key (id)
    );
    create unique index idx_contact_resource_name on contacts (resource_name);
    create table sync_states (
        id char(32) not null, sync_token varchar, last_sync_at datetime, sync_status varchar not null,
        error_message varchar, primary key (id)
    );
    create table phone_numbers (
        id char(32) not null, contact_id char(32) not null, value varchar not null,
        display_value varchar not null, type varchar, \"primary\" boolean not null, primary key (id),
        foreign key(contact_id) references contacts (id)
    );
    create table email_addresses (
        id char(32) not null, contact_id char(32) not null, value varchar not null, type varchar,
        \"primary\" boolean not null, primary key (id), foreign key(contact_id) references contacts (id)
    );
    insert into alembic_version values ('22dad42c8d24');";

/// Its syncs: when, state, sync token, error.
type SyncRow = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

const SYNCS: &[SyncRow] = &[
    ("2026-01-04 06:15:46.415818", "IDLE", Some("token-1"), None),
    ("2026-01-04 07:15:46.000001", "IDLE", Some("token-2"), None),
    ("2026-01-05 07:15:46", "ERROR", None, Some("Sync failed\n[parameters: ('Ada Lovelace',)]")),
    ("2026-01-06 07:15:46", "SYNCING", None, None),
];

/// The app's folder: `contacts.db`, and `token.json` if it is connected.
struct AppBefore {
    folder: tempfile::TempDir,
}

impl AppBefore {
    fn new(syncs: &[SyncRow]) -> AppBefore {
        let folder = tempfile::tempdir().unwrap();
        let connection = rusqlite::Connection::open(folder.path().join("contacts.db")).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        for (number, (at, state, token, error)) in syncs.iter().enumerate() {
            let sql = "insert into sync_states values (?1, ?2, ?3, ?4, ?5)";
            let id = format!("{number:032x}");
            connection.execute(sql, (id, token, at, state, error)).unwrap();
        }
        for (id, deleted) in [("c1", false), ("c2", false), ("c3", true)] {
            let sql = "insert into contacts values (?1, ?2, null, 'Ada', null, 'Ada', null, null,
                '2026-01-04 06:15:46', '2026-01-04 06:15:46', ?3, null)";
            connection.execute(sql, (id, format!("people/{id}"), deleted)).unwrap();
            let sql = "insert into phone_numbers values (?1, ?1, '+442079460018', '', 'mobile', 1)";
            connection.execute(sql, [id]).unwrap();
        }
        AppBefore { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("contacts.db")
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token.json")
    }

    /// As if a person had connected it at this Google.
    fn connect(&self, world: &World) {
        let tokens = world.google.grant(&[CONTACTS_READONLY.to_owned()]);
        let setting = |wanted: &str| {
            let found = world.settings.iter().find(|(key, _)| key == wanted);
            found.map(|(_, value)| value.clone()).unwrap()
        };
        let file = json!({
            "token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "token_uri": "https://oauth2.googleapis.com/token",
            "client_id": setting("GOOGLE_CLIENT_ID"),
            "client_secret": setting("GOOGLE_CLIENT_SECRET"),
            "scopes": [CONTACTS_READONLY],
            "universe_domain": "googleapis.com",
            "account": "",
            "expiry": "2026-01-04T06:15:46.415818Z",
        });
        std::fs::write(self.token_file(), file.to_string()).unwrap();
    }

    /// Every file in the folder: its name, its bytes, and when it was written.
    fn state(&self) -> Vec<(String, Vec<u8>, i64, i64)> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let facts = path.metadata().unwrap();
                let bytes = std::fs::read(&path).unwrap();
                (path.display().to_string(), bytes, facts.mtime(), facts.mtime_nsec())
            })
            .collect();
        files.sort();
        files
    }
}

/// An installation that was never used, beside a Google with contacts; and the program there.
struct Fresh {
    world: World,
    settings: Vec<(String, String)>,
    _folder: tempfile::TempDir,
}

impl Fresh {
    async fn new(database: Database, contacts: usize) -> Fresh {
        let world = World::new(Database::Sqlite, contacts).await;
        let (url, folder) = World::fresh_url(database);
        let mut fresh = Fresh { settings: world.settings.clone(), world, _folder: folder };
        fresh.set("DATABASE_URL", &url);
        fresh
    }

    fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(it, _)| it != key);
        if !value.is_empty() {
            self.settings.push((key.to_owned(), value.to_owned()));
        }
    }

    async fn run(&self, args: &[&str]) -> Ended {
        Program::start(self.world.folder.path(), &self.settings, args).ended().await
    }

    async fn import(&self, file: &Path, more: &[&str]) -> Ended {
        let file = file.display().to_string();
        self.run(&[&["import-from", &file], more].concat()).await
    }

    async fn history(&self) -> Vec<Value> {
        let shown = self.run(&["history", "--json"]).await.json();
        shown["history"].as_array().unwrap().clone()
    }
}

on_both! {
    async fn history_and_permission_are_taken_over_and_the_first_sync_fetches_the_contacts(database) {
        let fresh = Fresh::new(database, 35).await;
        let before = AppBefore::new(SYNCS);
        before.connect(&fresh.world);
        let untouched = before.state();

        let planned = fresh.import(&before.database(), &["--dry-run"]).await;
        planned.assert(0, &["4 syncs would be taken over", "Nothing was changed", "--dry-run"]);
        let rehearsed = fresh.run(&["history", "--json"]).await;
        assert!(!rehearsed.out.contains("started_at"), "a rehearsal takes over nothing: {rehearsed:?}");

        let taken = fresh.import(&before.database(), &[]).await;
        taken.assert(0, &["4 syncs taken over", "Permission", "token.json", "2, not copied"]);
        taken.assert(0, &["keep their URL", "DIAL_PLUS", "Next: ringbook sync"]);
        assert_eq!(before.state(), untouched, "what was there stays as it was");

        let told: Vec<_> = fresh.history().await.iter().map(|it| {
            let text = |name: &str| it[name].as_str().map(str::to_owned);
            (text("started_at").unwrap(), text("kind").unwrap(), text("outcome").unwrap(), text("error_message"))
        }).collect();
        let row = |at: &str, kind: &str, outcome: &str, error: Option<&str>| {
            (at.to_owned(), kind.to_owned(), outcome.to_owned(), error.map(str::to_owned))
        };
        assert_eq!(told, [
            row("2026-01-06T07:15:46+00:00", "full", "interrupted", None),
            row("2026-01-05T07:15:46+00:00", "incremental", "failed", Some("Sync failed")),
            row("2026-01-04T07:15:46.000001+00:00", "incremental", "succeeded", None),
            row("2026-01-04T06:15:46.415818+00:00", "full", "succeeded", None),
        ]);
        assert!(!fresh.run(&["history", "--json"]).await.out.contains("Lovelace"));

        fresh.run(&["sync"]).await.assert(0, &["Full sync done", "35 contacts"]);
        let status = fresh.run(&["status", "--json"]).await.json();
        assert_eq!((&status["status"], &status["contact_count"]), (&json!("idle"), &json!(35)));
        assert!(fresh.history().await.len() >= 5);
        fresh.run(&["audit"]).await.assert(0, &["Imported the data of another app"]);

        // A second time there is nothing to do, and nothing is done.
        let again = fresh.import(&before.database(), &[]).await;
        again.assert(0, &["has a history of its own", "is connected already"]);
        assert_eq!(before.state(), untouched);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_oauth_client_is_entered_where_there_is_none_and_another_one_is_not_mixed_with_it() {
    let mut fresh = Fresh::new(Database::Sqlite, 5).await;
    let before = AppBefore::new(&[]);
    before.connect(&fresh.world);
    fresh.set("GOOGLE_CLIENT_ID", "other.apps.googleusercontent.com");
    let refused = fresh.import(&before.database(), &[]).await;
    refused.assert(0, &["not taken over", "other.apps.googleusercontent.com", "ringbook auth"]);

    fresh.set("GOOGLE_CLIENT_ID", "");
    fresh.set("GOOGLE_CLIENT_SECRET", "");
    let taken = fresh.import(&before.database(), &["--json", "--account", "Office"]).await.json();
    assert_eq!(
        taken["permission"],
        json!({
            "file": before.token_file().display().to_string(),
            "taken_over": true,
            "client_entered": true,
            "reason": null,
        })
    );
    assert_eq!(
        taken["history"],
        json!({ "found": 0, "unreadable": 0, "taken_over": 0, "reason": "there is none" })
    );
    assert_eq!((&taken["account"], &taken["contacts"]), (&json!("Office"), &json!(2)));
    fresh.run(&["sync"]).await.assert(0, &["Full sync done", "5 contacts"]);
    let all = [taken.to_string(), fresh.run(&["accounts"]).await.out].concat();
    let file = std::fs::read_to_string(before.token_file()).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    for name in ["token", "refresh_token", "client_secret"] {
        assert!(!all.contains(file[name].as_str().unwrap()), "{name} was shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_file_the_history_comes_and_the_way_to_google_is_named() {
    let fresh = Fresh::new(Database::Sqlite, 3).await;
    let before = AppBefore::new(SYNCS);
    let taken = fresh.import(&before.database(), &[]).await;
    taken.assert(
        0,
        &["no token.json beside the database", "4 syncs taken over", "Next: ringbook auth"],
    );
    let missing = before.folder.path().join("missing.json").display().to_string();
    let refused = fresh.import(&before.database(), &["--token", &missing]).await;
    refused.assert(2, &["cannot read", "missing.json"]);
    std::fs::write(before.token_file(), r#"{"client_id": "1", "token": "ya29.only"}"#).unwrap();
    let useless = fresh.import(&before.database(), &[]).await;
    useless.assert(0, &["not taken over: it holds no refresh token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted_and_costs_nothing_else() {
    let fresh = Fresh::new(Database::Sqlite, 0).await;
    let before = AppBefore::new(&[
        ("yesterday", "IDLE", None, None),
        ("2026-01-04 06:15:46", "PAUSED", None, None),
        ("2026-01-05 06:15:46", "idle", None, None),
    ]);
    let planned = fresh.import(&before.database(), &["--dry-run", "--json"]).await.json();
    assert_eq!(
        planned["history"],
        json!({ "found": 1, "unreadable": 2, "taken_over": 1, "reason": null })
    );
    assert!(!Path::new(&fresh.database_file()).exists(), "a rehearsal makes no database");
    // It promises nothing that would then be refused.
    before.connect(&fresh.world);
    let mut other = Fresh::new(Database::Sqlite, 0).await;
    other.set("GOOGLE_CLIENT_ID", "2-other.apps.googleusercontent.com");
    for more in [&["--dry-run"][..], &[]] {
        let told = other.import(&before.database(), more).await;
        told.assert(0, &["belongs to the OAuth client", "2-other.apps.googleusercontent.com"]);
    }
    std::fs::remove_file(before.token_file()).unwrap();
    fresh
        .import(&before.database(), &[])
        .await
        .assert(0, &["1 sync taken over", "2 rows cannot be read"]);
}

impl Fresh {
    fn database_file(&self) -> String {
        let (_, url) = self.settings.iter().find(|(key, _)| key == "DATABASE_URL").unwrap();
        url.trim_start_matches("sqlite:///").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_is_refused_by_what_it_is() {
    let fresh = Fresh::new(Database::Sqlite, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("text.db"), "no database at all, and longer than a header is".repeat(9))
        .unwrap();
    std::fs::write(file("empty.db"), "").unwrap();
    let other = rusqlite::Connection::open(file("other.db")).unwrap();
    other
        .execute_batch("create table contacts (id integer); create table songs (id integer)")
        .unwrap();
    fresh.run(&["tokens", "add", "mine"]).await.assert(0, &[]);
    for (path, words) in [
        (file("missing.db"), ["cannot read", "missing.db"]),
        (folder.path().to_owned(), ["cannot read", ""]),
        (file("text.db"), ["is no SQLite database", ""]),
        (file("empty.db"), ["lacks `contacts`, `phone_numbers`, `sync_states`", "no tables"]),
        (file("other.db"), ["lacks `phone_numbers`, `sync_states`", "`contacts`, `songs`"]),
        (fresh.database_file().into(), ["lacks `contacts`", "`account`"]),
    ] {
        let refused = fresh.import(&path, &[]).await;
        refused.assert(2, &words);
        assert!(!refused.err.contains("panicked"), "{refused:?}");
    }
}

/// To read such a file SQLite would make two beside it, and could not remove them.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_wal_mode_is_read_without_a_file_beside_it() {
    let mut fresh = Fresh::new(Database::Sqlite, 0).await;
    for name in ["contacts.db", "odd ?mode=rw#%41 ü.db"] {
        let before = AppBefore::new(SYNCS);
        let file = before.folder.path().join(name);
        let connection = rusqlite::Connection::open(before.database()).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.close().unwrap();
        std::fs::rename(before.database(), &file).unwrap();
        let untouched = before.state();
        assert_eq!(untouched.len(), 1, "the app was stopped cleanly");
        fresh.import(&file, &["--dry-run"]).await.assert(0, &["4 syncs", "Nothing was changed"]);
        assert!(before.state() == untouched, "{name}");
        let url = fresh.settings.iter().find(|it| it.0 == "DATABASE_URL").unwrap().1.clone();
        fresh.set(
            "DATABASE_URL",
            &format!("sqlite:///{}", before.folder.path().join("contacts.db").display()),
        );
        if name == "contacts.db" {
            let refused = fresh.run(&["status"]).await;
            assert!(refused.err.contains("ringbook import-from"), "{refused:?}");
            assert!(before.state() == untouched, "{name}");
        }
        fresh.set("DATABASE_URL", &url);
    }
    // While the app runs, what it has written last counts.
    let before = AppBefore::new(SYNCS);
    let running = rusqlite::Connection::open(before.database()).unwrap();
    running.pragma_update(None, "journal_mode", "wal").unwrap();
    running.execute("delete from sync_states where sync_status = 'ERROR'", []).unwrap();
    fresh.import(&before.database(), &["--dry-run"]).await.assert(0, &["3 syncs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_database_in_database_url_is_refused_untouched_by_every_command_and_the_move_is_named()
{
    let mut fresh = Fresh::new(Database::Sqlite, 0).await;
    let before = AppBefore::new(SYNCS);
    let untouched = before.state();
    fresh.set("DATABASE_URL", &format!("sqlite:///{}", before.database().display()));
    // The port is bound first, and another program may have the usual one.
    fresh.set("PORT", &free_port());
    for command in [&["status"][..], &["serve"], &["sync"], &["doctor"]] {
        let refused = fresh.run(command).await;
        let text = [refused.out.as_str(), refused.err.as_str()].concat();
        assert_ne!(refused.code, Some(0), "{command:?}: {refused:?}");
        assert!(text.contains("ringbook import-from"), "{command:?}: {text}");
        assert!(text.contains("`sync_states`") && text.contains("nothing was written"), "{text}");
        assert_eq!(before.state(), untouched, "{command:?}");
    }
    let own = fresh.import(&before.database(), &[]).await;
    own.assert(2, &["DATABASE_URL is", "itself", "sqlite:///./data/ringbook.db"]);
    assert_eq!(before.state(), untouched);
}
