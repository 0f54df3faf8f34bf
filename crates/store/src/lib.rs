//! The database: accounts, leases, runs and the mirrored contacts.
//!
//! All SQL of the program is below this folder, each text beside the function that asks it, and one
//! text serves SQLite and PostgreSQL. Every transaction that writes synced data checks the fencing
//! token of its run first.

mod access;
mod accounts;
mod alarms;
mod approval;
mod audit;
mod browsers;
mod commit_page;
mod consents;
mod contacts;
mod db;
mod deleted_contacts;
mod diff;
mod erase;
mod finish;
mod foreign;
mod grants;
mod held;
mod history;
mod ids;
mod imported;
mod instance;
mod lease;
mod migrate;
mod phases;
mod private;
mod proxies;
mod prune;
mod reform;
mod runs;
pub mod secret;
mod secrets;
mod sources;
pub mod vault;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use access::{
    AdminError, AdminRow, DeviceRow, MadeTokens, Maker, RevokedToken, SessionRow, TokenRow,
    name_key,
};
pub use accounts::{Account, AccountError, Counts, LatestRun, NeedsReauth, ScheduleRow};
pub use alarms::{AlarmEvent, AlarmRow};
pub use approval::DecisionError;
pub use audit::{Act, AuditQuery, AuditRow};
pub use browsers::BROWSER_KEPT;
pub use commit_page::Tally;
pub use consents::{CONSENT_TIME, CallbackOrigin, ConsentError, ConsentState};
pub use contacts::{Changed, ContactQuery, ContactRow, Sort, Version};
pub use db::blocking;
pub use db::{DatabaseFacts, DatabaseTrouble, DbError};
pub use deleted_contacts::{ContactChangeRow, DeletedQuery, KeptContact, Tombstone};
pub use erase::{Erasing, Erasure};
pub use foreign::{ForeignError, ImportedApp, ImportedState, ImportedSync, read_previous_app};
pub use grants::{
    ConnectError, GrantFacts, GrantRow, NewTokens, Notice, Service, ServiceFacts, Target,
};
pub use held::{HeldQuery, HeldRow};
pub use history::{HistoryPlace, HistoryQuery, OutcomeWanted};
pub use ids::{ContactId, Ids};
pub use instance::Instance;
pub use lease::{
    Holder, Lease, Note, Renewed, Request, Slot, StartError, StartedRun, Wait, WriteError,
};
pub use migrate::OpenError;
pub use phases::PhaseRow;
pub use prune::{Pruned, Retention};
pub use runs::{ChangeRow, RunCounts, RunRow, RunSums, SetAsideRow};
pub use secrets::{KeyStatus, KeyUse, Rotated};
pub use sources::{AddError, Origin, service_key_name};

use tokio::sync::watch;

use crate::db::Db;
use crate::vault::Vault;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::run::Policy;
use ringbook_runtime::SystemClock;
use ringbook_runtime::files;

/// A database that is ready. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    clock: Arc<dyn Clock>,
    instance: Arc<Instance>,
    ids: Ids,
    vault: Arc<Vault>,
    /// Ticks whenever this process has written something that people may be watching.
    pulse: Arc<watch::Sender<u64>>,
}

/// How often the database is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(2);
/// After so long without a write a SQLite file is brought to rest.
const QUIET: Duration = Duration::from_secs(5);

/// The settings that the gate and the runs depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How long a lease lasts without renewal. Another machine can take over when it is over.
    pub lease: Duration,
    /// Age of the full run at which a new one is made.
    pub full_after: Duration,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            lease: Duration::from_secs(10),
            full_after: Duration::from_secs(5 * 86400),
            policy: Policy::default(),
        }
    }
}

impl Store {
    /// Opens a SQLite file, creating it and its folder when they are not there.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a newer version.
    pub async fn open_sqlite(
        path: &Path,
        clock: Arc<dyn Clock>,
        vault: Vault,
    ) -> Result<Store, OpenError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let shown = |path: &Path| path.display().to_string();
        // Before anything is written to it, as opening it for ourselves does already.
        let tables = foreign::tables_of(path)
            .map_err(|error| OpenError::Open { path: shown(path), source: error.into() })?;
        if foreign::is_of_previous_app(&tables) {
            return Err(OpenError::PreviousApp { path: shown(path) });
        }
        if let Some(why) = files::closed_database(path) {
            return Err(OpenError::Closed(why));
        }
        // Before anything is changed, such as its mode.
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        migrate::judge(&format!("`{}`", shown(path)), &tables)?;
        private::folder(folder)
            .map_err(|source| OpenError::Folder { path: shown(folder), source })?;
        private::file(path);
        private::tighten(path);
        let db = Db::sqlite(path, clock.clone())
            .await
            .map_err(|source| OpenError::Open { path: shown(path), source })?;
        Store::open(db, folder, clock, vault).await
    }

    /// Whether there is a SQLite database with something in it. Makes nothing.
    pub fn is_at(path: &Path) -> bool {
        // Whatever else is wrong with the file, opening it says so.
        std::fs::metadata(path).map_or_else(
            |error| error.kind() != std::io::ErrorKind::NotFound,
            |meta| !meta.is_file() || meta.len() > 0,
        )
    }

    /// Whether a PostgreSQL database holds one of ours. Makes nothing.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn is_in_postgres(url: &str) -> Result<bool, OpenError> {
        const FOUND: &str = "select 1 where to_regclass('install') is not null";
        Ok(Db::postgres(url, Arc::new(SystemClock))?.row(FOUND, &[]).await?.is_some())
    }

    /// Connects to a PostgreSQL database.
    ///
    /// # Errors
    /// When it cannot be reached or used, or was written by a newer version.
    pub async fn open_postgres(
        url: &str,
        clock: Arc<dyn Clock>,
        vault: Vault,
    ) -> Result<Store, OpenError> {
        Store::open(Db::postgres(url, clock.clone())?, &std::env::temp_dir(), clock, vault).await
    }

    async fn open(
        db: Db,
        folder: &Path,
        clock: Arc<dyn Clock>,
        vault: Vault,
    ) -> Result<Store, OpenError> {
        const SALT: &str = "select salt from install";
        migrate::migrate(&db, &*clock).await?;
        secrets::prepare(&db, &vault).await?;
        let salt = match db.row(SALT, &[]).await? {
            Some(row) => row.int(0)?,
            None => 0,
        };
        let instance = Arc::new(Instance::start(folder));
        let pulse = Arc::new(watch::Sender::new(0));
        Ok(Store { db, clock, instance, ids: Ids::new(salt), vault: Arc::new(vault), pulse })
    }

    /// The same database, as a process sees it that starts now with a clock of its own. So a simulation
    /// can have processes come and go by the thousand without opening the database for each.
    pub fn for_new_process(&self, clock: Arc<dyn Clock>) -> Store {
        let instance = Arc::new(self.instance.successor());
        let pulse = Arc::new(watch::Sender::new(0));
        let vault = self.vault.clone();
        Store { db: self.db.clone(), clock, instance, ids: self.ids, vault, pulse }
    }

    /// Whether the database is being asked something now, by any process on these connections. So a
    /// simulation can tell who waits for the database from who waits for the world.
    pub fn is_busy(&self) -> bool {
        self.db.is_busy()
    }

    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// `sqlite` or `postgres`.
    pub fn dialect(&self) -> &'static str {
        self.db.dialect()
    }

    /// What the database says of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn facts(&self) -> Result<DatabaseFacts, DbError> {
        self.db.facts().await
    }

    /// The database file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.db.path()
    }

    /// Why nothing can be written, from the first failure on; `None` when the last write succeeded.
    pub fn trouble(&self) -> Option<DatabaseTrouble> {
        self.db.condition().trouble()
    }

    /// Asks something, for whoever has an older answer: it gives up after `patience`, and at once where the
    /// database left a question unanswered a moment ago.
    ///
    /// # Errors
    /// When the database fails, or does not answer in time.
    pub async fn hurried<T>(
        &self,
        patience: Duration,
        question: impl Future<Output = Result<T, DbError>>,
    ) -> Result<T, DbError> {
        let condition = self.db.condition();
        if condition.is_away() {
            return Err(DbError::Timeout);
        }
        let answer =
            tokio::time::timeout(patience, question).await.unwrap_or(Err(DbError::Timeout));
        let lost = answer.as_ref().err().is_some_and(|it| it.hindrance().is_some());
        condition.answered(!lost);
        answer
    }

    /// Looks after the database as long as it is left running: finds out when it can be written to again, and
    /// brings a quiet SQLite file to rest, so that a copy of the file is whole.
    pub async fn look_after(&self) {
        loop {
            self.clock.sleep_until(after(self.clock.now(), LOOK_AFTER)).await;
            // Whoever is away is noticed also where nobody asks anything.
            let answers = self.db.condition().note(self.ping().await).is_ok();
            if answers && self.trouble().is_some() {
                // What is wrong now is noted on the way.
                let _ = self.try_to_write().await;
            }
            self.db.settle(QUIET).await;
        }
    }

    /// Does the database answer?
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        // Of a table: SQLite answers `select 1` without a look at the file.
        self.db.row("select one from install", &[]).await.map(|_| ())
    }

    /// Changes whenever this process has written something about a run. Other processes' writes do not
    /// show here, so a watcher looks by itself now and then, too.
    pub fn pulse(&self) -> watch::Receiver<u64> {
        self.pulse.subscribe()
    }

    /// How often this process has written something that may change what people see.
    pub fn pulses(&self) -> u64 {
        *self.pulse.borrow()
    }

    pub(crate) fn tick(&self) {
        self.pulse.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Gives memory back after much work.
    pub async fn relax(&self) {
        self.db.relax().await;
    }
}
