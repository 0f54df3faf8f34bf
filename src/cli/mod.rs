//! The commands: what a person types, and what is answered.
//!
//! Each command works on the database itself and goes through the same gate as the server, so it needs
//! no server to be running, and does no harm when one is.

mod access;
mod accounts;
mod auth;
mod background_runtime;
mod decide;
mod deleted;
mod demo;
mod dial;
mod doctor;
mod exit;
mod export;
mod find;
mod health;
mod import;
mod key;
mod phone;
mod phones;
mod progress;
mod schedule;
mod screen;
mod serve;
mod signals;
mod sources;
mod status;
mod sync;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use ringbook_app::App;
use ringbook_app::app::OpenAppError;
use ringbook_app::config::{Config, ConfigTable, DatabaseUrl, Flags, url_at, wants_json_log};
use ringbook_app::services::{AuditAction, AuditSubject, Caller};
use ringbook_app::telemetry;
use ringbook_app::telemetry::LogStyle;
use ringbook_core::humanize;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::account::same_name;
use ringbook_store::{Account, Store};

use exit::{CommandError, Exit};
use screen::{Screen, Style};

/// Keeps the directory on desk phones in step with Google Contacts.
#[derive(Debug, Parser)]
#[command(
    name = "ringbook",
    version,
    max_term_width = 100,
    after_help = format!("\
Curious? `ringbook demo` shows everything with made-up contacts: no Google account, no network.
In earnest? `ringbook doctor` says what is still missing, and how to fix it.

{}", exit::LIST)
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Answer in JSON, in the shapes of the REST API
    #[arg(long, global = true, help_heading = "Settings, for every command")]
    json: bool,
    #[command(flatten, next_help_heading = "Settings, for every command")]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, and sync by itself when the schedule is on
    #[command(after_help = "\
Example:
  ringbook serve --set SYNC_SCHEDULER_ENABLED=true --set PHONES_LISTEN=0.0.0.0:8080

SIGTERM or Ctrl-C parks a sync in progress and stops within ten seconds; the next sync goes on
with it, by itself when the schedule is on. A second signal stops at once, which is safe too.")]
    Serve,

    /// Show everything, with made-up contacts: no Google account, no network
    #[command(after_help = "\
Example:
  ringbook demo --contacts 25000 --changes-per-minute 120

A simulated Google is started, its contacts are mirrored into a temporary folder, and the two are
kept in step while the simulated people move house and change their numbers.")]
    Demo(demo::Args),

    /// Sync now, and watch it
    #[command(after_help = "\
Examples:
  ringbook sync              what is right: the changes if that is possible, else everything
  ringbook sync --dry-run    say what would happen, and change nothing
  ringbook sync --full       list everything anew
  ringbook sync --account Office

Several accounts are synced side by side, those that are not connected left out. Works beside a running server and without one: there is never more than one sync of an account at
a time. Ctrl-C cancels; what was stored until then stays, and the next sync makes good for the rest.")]
    Sync(sync::Args),

    /// How things stand: the last sync, the next one, and what is wrong
    #[command(after_help = "\
Example:
  ringbook status --json | jq -r .status

Exits with 1 when the last sync failed, 4 when the account must be connected, 5 when a sync is on
hold; so a script needs no more than `ringbook status || …`.")]
    Status(AccountArg),

    /// The syncs that were, newest first; or one of them in full
    #[command(after_help = "\
Examples:
  ringbook history --limit 50
  ringbook history --outcome failed --since 2026-03-01
  ringbook history latest    what the latest sync changed, and what it set aside
  ringbook history --clear   forget all but the latest of each account")]
    History(status::HistoryArgs),

    /// Contacts, numbers and syncs, counted
    #[command(after_help = "\
Example:
  ringbook statistics --json | jq .contacts.active")]
    Statistics(AccountArg),

    /// Stop the sync in progress, in whichever process it runs
    #[command(after_help = "\
Example:
  ringbook cancel

What was stored until then stays. It does not start again by itself before its next regular time.")]
    Cancel(decide::CancelArgs),

    /// Let a sync on hold delete what it wanted to delete
    #[command(after_help = "\
Example:
  ringbook approve           shows what would be deleted, and asks

A sync that would delete suspiciously much stops before deleting, and waits for your word.")]
    Approve(decide::ApproveArgs),

    /// Whom a sync on hold would delete
    #[command(after_help = "\
Examples:
  ringbook held
  ringbook held --search angstrom")]
    Held(decide::HeldArgs),

    /// Keep what a sync on hold wanted to delete
    #[command(after_help = "\
Example:
  ringbook reject")]
    Reject(decide::RejectArgs),

    /// When accounts are synced by themselves; or change it
    #[command(after_help = "\
Examples:
  ringbook schedule
  ringbook schedule --every 15
  ringbook schedule --cron '0 7-19 * * 1-5' --zone Europe/Berlin --account Office
  ringbook schedule --pause")]
    Schedule(schedule::Args),

    /// Connect a Google account from this terminal, also over SSH
    #[command(after_help = "\
Examples:
  ringbook auth client --file client_secret.json   once: the OAuth client of your Google Cloud project
  ringbook auth                                    print the address to open, and wait for the answer
  ringbook auth --account new --name Reception     add another account

Open the address in any browser, on any machine. If the browser ends at a page that it cannot open, paste
that page's address here: it holds the answer.")]
    Auth(auth::Args),

    /// Take over what another app for Cisco phones kept: its history, and its permission at Google
    #[command(after_help = "\
Examples:
  ringbook import-from data/contacts.db --dry-run
  ringbook import-from data/contacts.db --token data/token.json

FILE is the SQLite database of the Python app that keeps Google contacts for Cisco phones (tables contacts,
phone_numbers, sync_states). It is only read, and so is the token file. Contacts are not copied: the first
sync fetches them from Google. docs/migrating.md has every step.")]
    ImportFrom(import::Args),

    /// The key that seals tokens and other secrets in the database
    #[command(after_help = "\
Examples:
  ringbook key status
  ringbook key rotate        make a new key, and seal everything with it

Works beside running servers; they notice the new key. Keep a copy of the key file, apart from the copies
of the database.")]
    Key(key::Args),

    /// The Google accounts; or add, name, pause, disconnect and remove one
    #[command(after_help = "\
Examples:
  ringbook accounts
  ringbook accounts add Office
  ringbook accounts labels Office --show Customers --show Suppliers
  ringbook accounts disconnect Office --contacts erase
  ringbook accounts service-account Reception --key key.json --subject phones@example.com
  ringbook accounts add-source Google --source directory")]
    Accounts(accounts::Args),

    /// Whose number is this?
    #[command(after_help = "\
Example:
  ringbook lookup '+49 30 1234567'

Spaces and punctuation do not matter, nor whether the country code is there. Exits with 1 when
nobody is found.")]
    Lookup(find::LookupArgs),

    /// What do the phones dial for this number, and why?
    #[command(after_help = "\
Example:
  ringbook dial '+44 20 7946 0958' --set DIAL_REGION=DE --set DIAL_PLUS=prefix

The rules are the settings DIAL_…; --set tries others out. The first line is what is dialled. Exits
with 1 when nothing is.")]
    Dial(dial::Args),

    /// Find contacts by a part of their name, or of a number
    #[command(after_help = "\
Example:
  ringbook search angstrom   finds Ångström, too")]
    Search(find::SearchArgs),

    /// Contacts that Google deleted and that are still kept
    #[command(after_help = "\
Examples:
  ringbook deleted                        the latest ones, and how long they are kept
  ringbook deleted --vcard > deleted.vcf  a file to import at Google")]
    Deleted(deleted::DeletedArgs),

    /// Write all contacts to a file
    #[command(after_help = "\
Examples:
  ringbook export --format vcard --output contacts.vcf
  ringbook export --format csv > contacts.csv

A file is complete or not there: it appears under its name when everything is in it.")]
    Export(export::Args),

    /// The directory as a phone shows it, to walk through in the terminal
    #[command(after_help = "\
Examples:
  ringbook phone
  ringbook phone --model 7965 --url http://10.0.0.5:8000
  printf '/angstrom\\n1\\n' | ringbook phone

A number selects a line; a key is pressed by its name or the beginning of it; /text searches, b goes
back, q ends. With --url everything comes over HTTP, as for a phone; without it no server is needed.")]
    Phone(phone::Args),

    /// Set up the desk phones
    #[command(subcommand)]
    Phones(phones::PhonesCommand),

    /// Who may administer; add, remove, give another password
    #[command(after_help = "\
Examples:
  ringbook admins
  ringbook admins add ada
  echo 'correct horse battery' | ringbook admins add ada")]
    Admins {
        #[command(subcommand)]
        command: Option<access::AdminsCommand>,
    },

    /// What programs show to get in; make one, revoke one
    #[command(after_help = "\
Examples:
  ringbook tokens
  ringbook tokens add prometheus --scope read
  ringbook tokens revoke prometheus")]
    Tokens {
        #[command(subcommand)]
        command: Option<access::TokensCommand>,
    },

    /// What was administered: who, what, when, from where
    #[command(after_help = "\
Example:
  ringbook audit --limit 20")]
    Audit(access::AuditArgs),

    /// What is wrong, and how to fix it
    #[command(after_help = "\
Example:
  ringbook doctor")]
    Doctor,

    /// Ask the running server how it is, for health checks
    #[command(after_help = "\
Examples:
  ringbook health          0 when it works, also when there is something to look into
  ringbook health --live   0 when the process answers
  HEALTHCHECK CMD [\"ringbook\", \"health\", \"--live\"]

Asks at HOST and PORT, over HTTPS where that is set; exits with 1 when the server is not well or does not
answer within 5 s.")]
    Health(health::Args),

    /// The settings in force, and where each comes from
    #[command(after_help = "\
Example:
  ringbook config --set SYNC_INTERVAL_MINUTES=15

Settings come from environment variables, a file .env, a file ringbook.toml and flags; of these a
later one wins: so .env overrules the environment, and a note says where it does. NAME_FILE names a
file with the value of NAME, for every secret and for DATABASE_URL. Secrets are masked.")]
    Config,

    /// Play Google: an address book with OAuth in front, on this machine
    #[command(after_help = "\
Example:
  ringbook simulate-google --contacts 25000 --latency-ms 150 --port 9000

The same seed gives the same people. Prints the settings that point a ringbook at it.")]
    SimulateGoogle(serve::SimulateArgs),
}

/// The whole program.
pub(crate) fn main() -> ExitCode {
    // Memory holds secrets and contacts; a crash must not write them to a disk. Whoever cannot have it so
    // still has everything else.
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    );
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too. If nobody listens, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let screen = Screen::new(cli.json);
    let serves = matches!(cli.command, Some(Command::Serve)).then(|| cli.flags.clone());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(2))
        .max_blocking_threads(16)
        .thread_name("ringbook")
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(dispatch(cli, screen));
            // Whoever asked for an end at once does not wait for what is still under way.
            runtime.shutdown_timeout(Duration::from_millis(100));
            done
        }
        Err(error) => Err(CommandError::failed(format!("cannot start: {error}"))),
    };
    match done {
        Ok(exit) => exit.into(),
        // Whoever collects the lines of a server in JSON wants the last one so, too.
        Err(trouble) if !screen.json && serves.as_ref().is_some_and(wants_json_log) => {
            if !trouble.silent {
                let line = telemetry::json_line("ERROR", &trouble.message);
                let _ = writeln!(io::stderr(), "{line}");
            }
            trouble.exit.into()
        }
        Err(trouble) => {
            complain(&trouble, screen);
            trouble.exit.into()
        }
    }
}

fn complain(trouble: &CommandError, screen: Screen) {
    if trouble.silent {
        return;
    }
    if screen.json {
        // Programs read standard output.
        let _ = screen.json(&json!({ "detail": trouble.message }));
    } else {
        let paint = Style::on(io::stderr().is_terminal());
        // If nobody listens, the exit code says it still.
        let _ = writeln!(io::stderr(), "{} {}", paint.bad("ringbook:"), trouble.message);
    }
}

async fn dispatch(cli: Cli, screen: Screen) -> Result<Exit, CommandError> {
    let desk = Context { flags: cli.flags, screen };
    match cli.command {
        None => {
            use clap::CommandFactory;
            Cli::command().print_help()?;
            Ok(Exit::Ok)
        }
        Some(Command::Serve) => serve::serve(desk).await,
        Some(Command::Demo(args)) => demo::demo(desk, args).await,
        Some(Command::Sync(args)) => sync::sync(desk, args).await,
        Some(Command::Status(whose)) => status::status(desk, whose).await,
        Some(Command::History(args)) => status::history(desk, args).await,
        Some(Command::Statistics(whose)) => status::statistics(desk, whose).await,
        Some(Command::Cancel(args)) => decide::cancel(desk, args).await,
        Some(Command::Approve(args)) => decide::approve(desk, args).await,
        Some(Command::Held(args)) => decide::list(desk, args).await,
        Some(Command::Reject(args)) => decide::reject(desk, args).await,
        Some(Command::Schedule(args)) => schedule::schedule(desk, args).await,
        Some(Command::Auth(args)) => auth::auth(desk, args).await,
        Some(Command::ImportFrom(args)) => import::import_from(desk, args).await,
        Some(Command::Key(args)) => key::key(desk, args).await,
        Some(Command::Accounts(args)) => accounts::accounts(desk, args).await,
        Some(Command::Lookup(args)) => find::lookup(desk, args).await,
        Some(Command::Dial(args)) => dial::dial(desk, args),
        Some(Command::Search(args)) => find::search(desk, args).await,
        Some(Command::Deleted(args)) => deleted::deleted(desk, args).await,
        Some(Command::Export(args)) => export::export(desk, args).await,
        Some(Command::Phone(args)) => phone::phone(desk, args).await,
        Some(Command::Phones(command)) => phones::phones(&desk, command).await,
        Some(Command::Admins { command }) => access::admins(desk, command).await,
        Some(Command::Tokens { command }) => access::tokens(desk, command).await,
        Some(Command::Audit(args)) => access::audit(desk, args).await,
        Some(Command::Doctor) => doctor::doctor(desk).await,
        Some(Command::Health(args)) => health::health(desk, args).await,
        Some(Command::Config) => config(desk),
        Some(Command::SimulateGoogle(args)) => serve::simulate(desk, args).await,
    }
}

/// What every command has before it.
struct Context {
    flags: Flags,
    screen: Screen,
}

impl Context {
    fn config(&self) -> Result<Config, CommandError> {
        Ok(Config::load(&self.flags)?)
    }

    /// Opens what is there, for a command that answers and ends. Where there is no database it makes none: that
    /// would be the wrong folder, and its answer about an empty one. It logs only with `--log-level`: what
    /// matters is in its answer, and LOG_LEVEL in the environment is meant for the server.
    async fn open(&self) -> Result<App, CommandError> {
        let config = self.config()?;
        if let Some(why) = no_database(&config).await? {
            return Err(CommandError::usage(why));
        }
        self.open_with(config).await
    }

    /// The same for a command that begins an installation: it makes the database.
    async fn open_or_make(&self) -> Result<App, CommandError> {
        self.open_with(self.config()?).await
    }

    async fn open_with(&self, config: Config) -> Result<App, CommandError> {
        let wished = self.flags.log_level.is_some();
        let level = if wished { config.log_level.as_str() } else { "off" };
        telemetry::start(level, &LogStyle::of(&config))?;
        Ok(App::open(config).await?)
    }
}

/// That there is no database, and where it would be; `None` where there is one.
async fn no_database(config: &Config) -> Result<Option<String>, CommandError> {
    let (is_there, place) = match &config.database_url {
        DatabaseUrl::Sqlite { path } => {
            let place = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            (Store::is_at(path), place.display().to_string())
        }
        DatabaseUrl::Postgres { url } => {
            let found = Store::is_in_postgres(url.expose_secret()).await;
            (found.map_err(OpenAppError::from)?, "PostgreSQL".to_owned())
        }
    };
    if is_there {
        return Ok(None);
    }
    let report = config.report();
    let line = report.iter().find(|it| it.key == "DATABASE_URL");
    let source = line.map_or("default", |it| it.source.as_str());
    Ok(Some(format!(
        "no database at {place} (DATABASE_URL: {source}). Start this where the server's settings are, or name the \
         server's database with --database-url; `ringbook serve` makes a new one"
    )))
}

fn config(desk: Context) -> Result<Exit, CommandError> {
    let config = desk.config()?;
    let lines = config.report();
    if desk.screen.json {
        desk.screen.json(&lines)?;
    } else {
        desk.screen.say(ConfigTable(&lines).to_string().trim_end())?;
    }
    for note in config.notes() {
        desk.screen.remark(format!("Note: {}", note.text))?;
    }
    Ok(Exit::Ok)
}

/// Times of one answer: all told from the same moment.
struct Times<'a> {
    app: &'a App,
    now: Timestamp,
}

impl<'a> Times<'a> {
    fn of(app: &'a App) -> Times<'a> {
        Times { app, now: app.clock.now() }
    }

    /// `12 min ago (2026-03-07 12:04:31 +01:00)`.
    fn say(&self, at: Timestamp) -> String {
        format!("{} ({})", humanize::relative(at, self.now), self.exact(at))
    }

    fn exact(&self, at: Timestamp) -> String {
        humanize::exact(at, &self.app.config.timezone)
    }
}

/// Where a browser on this machine finds the server.
fn local_url(config: &Config) -> String {
    config.local_url()
}

fn not_connected(app: &App) -> CommandError {
    let message = format!(
        "no Google account is connected; `ringbook auth` connects one, or start `ringbook serve` and open \
         {}/auth/google",
        local_url(&app.config)
    );
    CommandError::new(Exit::NotConnected, message)
}

/// The account that is meant: the one that is named, or the only one.
async fn account(app: &App, named: Option<&str>) -> Result<Account, CommandError> {
    let accounts = app.store.accounts().await?;
    let Some(named) = named else {
        let mut accounts = accounts.into_iter();
        return match (accounts.next(), accounts.next()) {
            (None, _) => Err(not_connected(app)),
            (Some(only), None) => Ok(only),
            _ => Err(CommandError::usage(
                "there are several accounts; say which with --account (`ringbook accounts` lists them)",
            )),
        };
    };
    accounts.into_iter().find(|it| is_named(&app.store, it, named)).ok_or_else(|| {
        CommandError::usage(format!(
            "there is no account `{named}`; `ringbook accounts` lists them"
        ))
    })
}

/// Which accounts a command is about.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct AccountArg {
    /// Only this account: its name, number or id; all unless named
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

impl AccountArg {
    /// The accounts that are meant, oldest first.
    async fn accounts(&self, app: &App) -> Result<Vec<Account>, CommandError> {
        match &self.account {
            Some(named) => Ok(vec![account(app, Some(named)).await?]),
            None => Ok(app.store.accounts().await?),
        }
    }

    /// The one account that is named.
    async fn only(&self, app: &App) -> Result<Option<AccountId>, CommandError> {
        match &self.account {
            Some(named) => Ok(Some(account(app, Some(named)).await?.id)),
            None => Ok(None),
        }
    }
}

/// By its id, its number or its name.
fn is_named(store: &Store, account: &Account, named: &str) -> bool {
    store.ids().parse_account(named) == Some(account.id)
        || named.parse().ok().map(AccountId) == Some(account.id)
        || same_name(&account.name, named)
}

/// Who sits at this terminal, for the history.
/// The user who runs the command.
fn caller() -> Caller {
    Caller::command_line(whoami())
}

/// Records what was done by a command that no service does yet.
async fn record(app: &App, action: AuditAction, subject: &str, name: Option<&str>) {
    let about = AuditSubject { id: Some(subject.to_owned()), name: name.map(str::to_owned) };
    app.record(&caller(), action, about, true).await;
}

/// Asks before something that cannot be undone. Without a terminal only `--yes` confirms.
fn sure(question: &str, yes: bool, screen: Screen) -> Result<bool, CommandError> {
    if yes {
        return Ok(true);
    }
    if screen.json || !io::stdin().is_terminal() {
        return Err(CommandError::usage("not a terminal: pass --yes to confirm"));
    }
    Ok(decide::confirmed(&format!("{question} [y/N] "))?)
}

fn whoami() -> String {
    format!(
        "{} on the command line",
        ringbook_runtime::files::user_name(rustix::process::getuid().as_raw())
    )
}
