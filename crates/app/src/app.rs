//! Puts the parts together: the same for the server, the commands and the tests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::alarms::Alarms;
use crate::auth::AuthService;
use crate::config::{Config, DatabaseUrl};
use crate::connect::{AccountClient, AtGoogle, ConnectProblem, Connector};
use crate::directory::{Directory, NameFormatter, Rules};
use crate::telemetry::Metrics;
use ringbook_core::clock::{Clock, after, between};
use ringbook_core::sync::backoff::RetryPolicy;
use ringbook_core::sync::guard::Guard;
use ringbook_core::sync::run::{Policy, Stop};
use ringbook_core::sync::schedule::{Cadence, Plan};
use ringbook_core::sync::{AccountId, Trigger};
use ringbook_engine::engine::{Engine, EngineDeps, Finished};
use ringbook_engine::supervisor::{Launcher, Observer, Options, StartRequest, Supervisor};
use ringbook_google::{SetupError, request_fingerprint};
use ringbook_runtime::SystemClock;
use ringbook_runtime::outbound::ClientError;
use ringbook_runtime::tasks::Keeper;
use ringbook_store::DbError;
use ringbook_store::vault::{Vault, VaultError};
use ringbook_store::{
    Account, AccountError, Erasing, OpenError, Retention, RunRow, Settings, StartError, StartedRun,
    Store,
};

/// How often the directory follows the database where no phone asks.
const DIRECTORY_READ_EVERY: Duration = Duration::from_secs(30);
/// After how long it is read again when the database did not answer.
const DIRECTORY_READ_AGAIN: Duration = Duration::from_secs(1);

/// Everything that the faces need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub store: Store,
    pub connector: Arc<Connector>,
    pub supervisor: Supervisor,
    pub directory: Arc<Directory>,
    pub metrics: Arc<Metrics>,
    pub access: Arc<AuthService>,
    pub alarms: Arc<Alarms>,
}

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenAppError {
    #[error(transparent)]
    Database(#[from] OpenError),
    #[error(transparent)]
    Google(#[from] SetupError),
    #[error(transparent)]
    Key(#[from] VaultError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl App {
    /// Opens the database and puts everything in place. Nothing runs yet.
    ///
    /// # Errors
    /// When the database cannot be used, or an address in the configuration is none.
    pub async fn open(config: Config) -> Result<App, OpenAppError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vault = Vault::open(config.secret_key.clone())?;
        let store = match &config.database_url {
            DatabaseUrl::Sqlite { path } => Store::open_sqlite(path, clock.clone(), vault).await?,
            DatabaseUrl::Postgres { url } => {
                Store::open_postgres(url.expose_secret(), clock.clone(), vault).await?
            }
        };
        let connector = Arc::new(Connector::new(&config, store.clone())?);
        let metrics = Arc::new(Metrics::new());
        let options = options(&config);
        let launcher = Arc::new(GoogleLauncher {
            store: store.clone(),
            connector: connector.clone(),
            options: options.clone(),
        });
        let (webhook, zone) = (config.alert_webhook_url.clone(), config.timezone.clone());
        let alarms = Arc::new(Alarms::new(store.clone(), webhook, zone)?);
        let observer = Arc::new(Reporter { metrics: metrics.clone(), alarms: alarms.clone() });
        let supervisor = Supervisor::new(store.clone(), launcher, observer, options);
        let naming = NameFormatter::new(
            config.directory_names,
            config.directory_name_particles,
            &config.directory_locale,
        );
        let rules = Rules {
            naming,
            merge: config.directory_merge_duplicates,
            digits_min: config.lookup_min_digits,
            dial: config.dial.clone(),
        };
        let directory = Arc::new(Directory::new(store.clone(), rules));
        let access = Arc::new(AuthService::new(store.clone(), &config));
        let config = Arc::new(config);
        Ok(App { access, alarms, config, clock, store, connector, supervisor, directory, metrics })
    }
}

/// Who asks for an account's first sync, in the history.
pub const WELCOMED_BY: &str = "the account was connected";

impl App {
    /// Starts the first sync of an account that was just connected, also where nothing is synced by
    /// schedule: whoever connects an account wants its contacts.
    pub async fn welcome(&self, account: AccountId) {
        let wish = StartRequest {
            account,
            kind: None,
            trigger: Trigger::Startup,
            asked_by: Some(WELCOMED_BY.to_owned()),
        };
        match self.supervisor.start(&wish).await {
            Ok(_) => {}
            Err(StartError::Busy(_) | StartError::AlreadyServed | StartError::Closing) => {}
            Err(problem) => {
                warn!(account = account.0, %problem, "the first sync could not start");
            }
        }
        self.supervisor.nudge();
    }
}

impl App {
    /// Starts what goes on for as long as the server does.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn keep(&self, keeper: &Keeper) {
        let supervisor = self.supervisor.clone();
        keeper.keep_to_its_end("the schedule", move || {
            let supervisor = supervisor.clone();
            async move { supervisor.supervise().await }
        });
        let store = self.store.clone();
        keeper.keep("looking after the database", move || {
            let store = store.clone();
            async move { store.look_after().await }
        });
        // A phone that asks for the first time may do so while the database is away.
        let (directory, clock) = (self.directory.clone(), self.clock.clone());
        keeper.keep("reading the directory", move || {
            let (directory, clock) = (directory.clone(), clock.clone());
            async move {
                loop {
                    let wait = match directory.view().await {
                        Ok(_) => DIRECTORY_READ_EVERY,
                        Err(_) => DIRECTORY_READ_AGAIN,
                    };
                    clock.sleep_until(after(clock.now(), wait)).await;
                }
            }
        });
        let alarms = self.alarms.clone();
        keeper.keep("the alarms", move || {
            let alarms = alarms.clone();
            async move { alarms.watch().await }
        });
    }

    /// Forgets the permission of an account, takes it back at Google (`tell_google`) where that is possible, and
    /// erases the contacts if that is wanted. Returns how many were, and what became of the permission at Google;
    /// `None`: there was none, or Google was not to be told.
    ///
    /// # Errors
    /// When it has none of its own: what it is lent, only the lender can give up.
    pub async fn disconnect(
        &self,
        account: &Account,
        erase: bool,
        tell_google: bool,
    ) -> Result<(u64, Option<AtGoogle>), ConnectProblem> {
        if let Some(lender) = account.grant_of {
            let lender = self.store.account(lender).await?.map(|it| it.name).unwrap_or_default();
            return Err(ConnectProblem::Conflict(format!(
                "`{}` uses the permission of `{lender}`: disconnect that one, or pause or remove this one",
                account.name
            )));
        }
        let at_google = if tell_google {
            self.connector.disconnect(account).await?
        } else {
            self.connector.forget(account).await?;
            None
        };
        info!(account = account.id.0, "account {} was disconnected", account.id.0);
        let erased = match erase {
            true => self.supervisor.erase(account.id, Erasing::Contacts).await.map_err(unerased)?,
            false => 0,
        };
        Ok((erased, at_google))
    }

    /// Removes an account with all that belongs to it. Returns how many contacts were erased.
    ///
    /// # Errors
    /// When another one uses its permission; nothing is changed then.
    pub async fn remove(&self, account: &Account) -> Result<u64, ConnectProblem> {
        // Asked before anything is done: what is refused must not have taken the permission away.
        let accounts = self.store.accounts().await?;
        if let Some(borrower) = accounts.into_iter().find(|it| it.grant_of == Some(account.id)) {
            return Err(unerased(AccountError::Lends(borrower.name)));
        }
        if account.grant_of.is_none() {
            self.connector.disconnect(account).await?;
        }
        let erased = self.supervisor.erase(account.id, Erasing::Account).await.map_err(unerased)?;
        self.metrics.forget(account.id);
        info!(account = account.id.0, "account {} was removed", account.id.0);
        Ok(erased)
    }

    /// Whether Google would hear us for this account: by an OAuth client, or by a service account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn can_speak_for(&self, account: &Account) -> Result<bool, DbError> {
        if self.connector.is_configured().await {
            return Ok(true);
        }
        let giver = account.grant_of.unwrap_or(account.id);
        Ok(self.store.grant_facts(giver).await?.is_some_and(|it| it.service.is_some()))
    }
}

fn unerased(problem: AccountError) -> ConnectProblem {
    match problem {
        AccountError::Db(problem) => problem.into(),
        other => ConnectProblem::Conflict(other.to_string()),
    }
}

/// The part of the configuration that a supervisor needs.
fn options(config: &Config) -> Options {
    let policy = Policy {
        page_size: config.sync_batch_size,
        pause: config.sync_delay,
        retry: RetryPolicy {
            base: config.sync_retry_base,
            rate_limit: config.sync_retry_rate_limit,
            attempts_max: config.sync_retry_attempts,
            waits_max: config.sync_retry_total,
        },
        guard: Guard {
            contacts: config.sync_guard_contacts,
            percent: config.sync_guard_percent as f64,
        },
    };
    let minutes = i64::try_from(config.sync_interval.as_secs() / 60).unwrap_or(i64::MAX);
    let default_plan = Cadence::every(minutes)
        .ok()
        .filter(|_| config.sync_scheduler_enabled)
        .map(|cadence| Plan { cadence, paused: false });
    Options {
        settings: Settings { lease: config.lease, full_after: config.sync_full_after, policy },
        request: request_fingerprint(config.sync_batch_size),
        default_plan,
        zone: config.timezone.iana_name().unwrap_or("UTC").to_owned(),
        retention: Retention {
            runs: config.history_keep_runs,
            age: config.history_keep,
            tombstones: config.tombstone_keep,
        },
        alert_after: config.alert_after,
    }
}

/// Random bits for the spread of waits.
pub fn chance() -> u64 {
    let mut bits = [0; 8];
    // Without random numbers waits are merely less spread.
    let _ = getrandom::fill(&mut bits);
    u64::from_le_bytes(bits)
}

struct GoogleLauncher {
    store: Store,
    connector: Arc<Connector>,
    options: Options,
}

impl Launcher for GoogleLauncher {
    fn launch(
        &self,
        beginning: StartedRun,
        stop: watch::Receiver<Option<Stop>>,
    ) -> BoxFuture<'static, Finished> {
        let account = beginning.lease.account();
        let tools = EngineDeps {
            store: self.store.clone(),
            book: Arc::new(AccountClient { connector: self.connector.clone(), account }),
            settings: self.options.settings,
            request: self.options.request.clone(),
            chance: Box::new(chance),
            fetch_ahead: true,
        };
        Box::pin(Engine::new(tools, beginning).run(stop))
    }
}

/// Counts runs, and has the alarm delivered when an account falls silent.
struct Reporter {
    metrics: Arc<Metrics>,
    alarms: Arc<Alarms>,
}

impl Observer for Reporter {
    fn run_ended(&self, _: &Account, run: &RunRow) {
        if let (Some(outcome), Some(ended)) = (run.outcome, run.ended_at) {
            let took = between(run.started_at, ended);
            self.metrics.run_ended(run.id.account(), run.kind, outcome, took);
        }
    }

    fn silent(&self, _: &Account, _: Timestamp) {
        self.alarms.nudge();
    }
}
