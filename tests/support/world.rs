//! A whole installation in a test: a simulated Google, a database, and the program between them.

use std::collections::BTreeMap;
use std::time::Duration;

use ringbook_app::App;
use ringbook_app::config::Config;
use ringbook_core::clock::{Clock, after};
use ringbook_core::contact::Content;
use ringbook_core::number::number_count;
use ringbook_core::sync::{AccountId, Kind, Outcome, Trigger};
use ringbook_engine::engine::Finished;
use ringbook_engine::supervisor::{StartRequest, Started};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{CONTACTS_READONLY, Control, Options, PhoneNumber, Simulator, Truth};
use ringbook_store::{Account, ContactId, GrantRow, NewTokens, RunRow, StartError};

use super::PATIENCE;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// The key that all processes of an installation have.
const SECRET_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

pub(crate) struct World {
    _simulator: Simulator,
    pub(crate) google: Control,
    pub(crate) app: App,
    pub(crate) account: AccountId,
    /// What another process needs to be told to be one of this installation.
    pub(crate) settings: Vec<(String, String)>,
    /// Removed when the test is over.
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    /// An account that is connected and was never synced. Ten contacts a page, hardly any waits.
    pub(crate) async fn new(database: Database, contacts: usize) -> World {
        World::with(database, contacts, &[]).await
    }

    pub(crate) async fn with(database: Database, contacts: usize, extra: &[(&str, &str)]) -> World {
        World::playing(database, Options { contacts, ..Options::default() }, extra).await
    }

    /// With a Google of its own kind.
    pub(crate) async fn playing(
        database: Database,
        options: Options,
        extra: &[(&str, &str)],
    ) -> World {
        let simulator = Simulator::start(options).await.unwrap();
        let (url, folder) = World::fresh_url(database);
        let mut settings: Vec<(String, String)> =
            simulator.environment().into_iter().map(|(key, it)| (key.to_owned(), it)).collect();
        for (key, value) in [
            ("DATABASE_URL", url.as_str()),
            ("SECRET_KEY", SECRET_KEY),
            ("SYNC_BATCH_SIZE", "10"),
            ("SYNC_RETRY_BASE_MS", "1"),
            ("SYNC_RETRY_RATE_LIMIT_MS", "2"),
        ] {
            settings.push((key.to_owned(), value.to_owned()));
        }
        for (key, value) in extra {
            settings.retain(|(known, _)| known != key);
            settings.push(((*key).to_owned(), (*value).to_owned()));
        }
        let app = open(&settings).await;
        let google = simulator.control();
        let mut world =
            World { _simulator: simulator, google, app, account: AccountId(1), settings, folder };
        world.account = world.connect().await;
        world
    }

    /// Another process on the same database.
    pub(crate) async fn other_process(&self) -> App {
        open(&self.settings).await
    }

    /// The address of a database that nobody has used yet, and what keeps it there.
    pub(crate) fn fresh_url(database: Database) -> (String, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite:///{}/ringbook.db", folder.path().display()),
            Database::Postgres => super::postgres::fresh_database(),
        };
        (url, folder)
    }

    /// A process on another database.
    pub(crate) async fn process_on(&self, url: &str) -> App {
        let mut settings = self.settings.clone();
        settings.retain(|(key, _)| key != "DATABASE_URL");
        settings.push(("DATABASE_URL".to_owned(), url.to_owned()));
        open(&settings).await
    }

    /// Stores a fresh grant, as a consent would.
    pub(crate) async fn connect(&self) -> AccountId {
        let tokens = self.google.grant(&[CONTACTS_READONLY.to_owned()]);
        let tokens = NewTokens {
            access_token: tokens.access_token.into(),
            expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
            refresh_token: Some(tokens.refresh_token.into()),
            refresh_expires_at: None,
            scopes: vec![CONTACTS_READONLY.to_owned()],
        };
        let existing = self.app.store.accounts().await.unwrap().first().map(|it| it.id);
        self.app.store.connect(existing, None, &tokens).await.unwrap()
    }

    pub(crate) fn wish(&self, kind: Option<Kind>) -> StartRequest {
        StartRequest { account: self.account, kind, trigger: Trigger::Api, asked_by: None }
    }

    pub(crate) async fn start(&self, kind: Option<Kind>) -> Result<Started, StartError> {
        self.app.supervisor.start(&self.wish(kind)).await
    }

    /// Runs a sync to its end.
    pub(crate) async fn sync(&self, kind: Option<Kind>) -> RunRow {
        let started = self.start(kind).await.unwrap();
        let run = started.run;
        let finished = started.finished().await;
        assert!(matches!(finished, Finished::Ended(_)), "{finished:?}");
        let row = self.app.store.run(run).await.unwrap().unwrap();
        assert_books_balance(&row);
        row
    }

    /// Runs a sync that must succeed, and compares the mirror with Google.
    pub(crate) async fn converge(&self, kind: Option<Kind>) -> RunRow {
        let row = self.sync(kind).await;
        assert_eq!(row.outcome, Some(Outcome::Succeeded), "{:?}", row.error_message);
        self.assert_equal().await;
        row
    }

    /// The same beside other accounts, whose contacts are not looked at.
    pub(crate) async fn converge_alone(&self, kind: Option<Kind>) -> RunRow {
        let row = self.sync(kind).await;
        assert_eq!(row.outcome, Some(Outcome::Succeeded), "{:?}", row.error_message);
        row
    }

    pub(crate) async fn status(&self) -> Account {
        self.app.store.account(self.account).await.unwrap().unwrap()
    }

    /// The mirror, by resource name.
    pub(crate) async fn mirror(&self) -> BTreeMap<String, (ContactId, Content)> {
        let mut mirror = BTreeMap::new();
        let mut last = ContactId(0);
        loop {
            let rows = self.app.store.contacts_after(last, 500).await.unwrap();
            let Some(end) = rows.last() else { return mirror };
            last = end.id;
            mirror.extend(rows.into_iter().map(|row| (row.resource_name, (row.id, row.content))));
        }
    }

    /// The same live contacts with the same fields, and counters that agree with the rows.
    pub(crate) async fn assert_equal(&self) {
        let mirror = self.mirror().await;
        let truth = self.google.truth();
        let names: Vec<&String> = mirror.keys().collect();
        let mut expected: Vec<&String> = truth.iter().map(|it| &it.resource_name).collect();
        expected.sort();
        assert_eq!(names, expected);
        for person in &truth {
            assert_same(person, &mirror[&person.resource_name].1);
        }
        let counts = self.status().await.counts;
        assert_eq!(counts.live as usize, mirror.len());
        let phones: usize = mirror.values().map(|(_, it)| number_count(it) as usize).sum();
        let emails: usize = mirror.values().map(|(_, it)| it.emails.len()).sum();
        assert_eq!((counts.phones as usize, counts.emails as usize), (phones, emails));
        let with_phone = mirror.values().filter(|(_, it)| number_count(it) > 0).count();
        assert_eq!(counts.with_phone as usize, with_phone);
    }

    /// Waits until a run is in progress that satisfies `wanted`, looking as a watcher would.
    pub(crate) async fn until(&self, wanted: impl Fn(&RunRow) -> bool) -> RunRow {
        until(&self.app, self.account, wanted).await
    }
}

/// Waits for the newest run of an account to satisfy a condition.
pub(crate) async fn until(
    app: &App,
    account: AccountId,
    wanted: impl Fn(&RunRow) -> bool,
) -> RunRow {
    let mut pulse = app.store.pulse();
    let deadline = after(SystemClock.now(), PATIENCE);
    loop {
        let row = app.store.latest_run(account).await.unwrap();
        if let Some(row) = row.as_ref().filter(|row| wanted(row)) {
            return row.clone();
        }
        assert!(SystemClock.now() < deadline, "it never came: {row:?}");
        // Another process's writes do not pulse here.
        let _ = tokio::time::timeout(Duration::from_millis(20), pulse.changed()).await;
    }
}

async fn open(settings: &[(String, String)]) -> App {
    let pairs: Vec<(&str, &str)> =
        settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    App::open(Config::of(&pairs).unwrap()).await.unwrap()
}

/// listed = created + updated + unchanged + set aside; before + created + restored − deleted = after.
/// What Google gives for a refresh token, with another refresh token in its place.
pub(crate) fn renewed_tokens(grant: &GrantRow) -> NewTokens {
    NewTokens {
        access_token: "fresh".to_owned().into(),
        expires_at: grant.expires_at,
        refresh_token: Some("next".to_owned().into()),
        refresh_expires_at: None,
        scopes: grant.scopes.clone(),
    }
}

pub(crate) fn assert_books_balance(row: &RunRow) {
    let it = row.counts;
    assert_eq!(it.listed, it.created + it.updated + it.unchanged + it.set_aside, "{row:?}");
    let after = row.before_live + it.created + it.restored - it.deleted;
    assert_eq!(Some(after), row.after_live, "{row:?}");
}

fn assert_same(person: &Truth, content: &Content) {
    let name = &person.resource_name;
    let squeeze = |text: &str| ringbook_core::contact::clean(text, 1000);
    let display = squeeze(person.display_name.as_deref().unwrap_or_default());
    assert_eq!(content.names.display, display, "{name}");
    let given = squeeze(person.given_name.as_deref().unwrap_or_default());
    assert_eq!(content.names.given, given, "{name}");
    let mut labels: Vec<String> =
        person.groups.iter().map(|id| format!("contactGroups/{id}")).collect();
    labels.sort();
    assert_eq!(content.labels, labels, "{name}");
    let number =
        |it: &PhoneNumber| (ringbook_core::contact::clean(&it.value, 500), it.canonical.clone());
    // An entry without a number cannot be dialled, and is not kept.
    let numbered = |it: &(String, _)| !it.0.is_empty();
    let mut expected: Vec<_> = person.phone_numbers.iter().map(number).filter(numbered).collect();
    let mut found: Vec<_> =
        content.phones.iter().map(|it| (it.value.clone(), it.canonical.clone())).collect();
    expected.sort();
    expected.dedup();
    found.sort();
    assert_eq!(found, expected, "{name}");
    let emails = content.emails.len();
    assert!(emails <= person.email_addresses.len(), "{name}");
    let organization = person.organizations.first().map(|it| it.name.clone()).unwrap_or_default();
    let ours = content.organization.as_ref().map(|it| it.name.clone()).unwrap_or_default();
    assert_eq!(ours, squeeze(&organization), "{name}");
}
