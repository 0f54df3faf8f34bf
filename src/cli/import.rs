//! `import-from`: takes over what can be taken over from the previous app. Its files are only read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::record;
use crate::cli::{Context, account, whoami};
use ringbook_app::App;
use ringbook_app::config::{Config, DatabaseUrl};
use ringbook_app::connect::{ConnectProblem, TokenFile};
use ringbook_app::services::AuditAction;
use ringbook_core::sync::AccountId;
use ringbook_store::{Account, ImportedApp, Target, read_previous_app};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database of the previous app, such as data/contacts.db
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its token file; unless given, token.json beside the database, if there is one
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// The account that is meant, by its name; else the only one, or a new one
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Say what would be taken over, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What came of it, and what `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    dry_run: bool,
    /// Of the previous app. They are not copied: the first sync fetches them from Google.
    contacts: u64,
    phone_numbers: u64,
    history: History,
    permission: Permission,
    dial_plus: String,
    /// The account that it was taken over for.
    account: Option<String>,
    next: &'static str,
}

#[derive(Debug, Serialize)]
struct History {
    found: u64,
    unreadable: u64,
    taken_over: u64,
    /// Why nothing was, if nothing was.
    reason: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Permission {
    file: Option<String>,
    taken_over: bool,
    /// Whether its OAuth client was entered here, too.
    client_entered: bool,
    reason: Option<String>,
}

pub(crate) async fn import_from(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let before = read_previous_app(&args.file);
    let before = before.map_err(|error| CommandError::usage(error.to_string()))?;
    let config = desk.config()?;
    refuse_own(&config, &args.file)?;
    let (path, token) = token(&args)?;
    let mut report = Report::of(&args, &config, &before, path);
    // A rehearsal must not make a database either.
    let app = match &config.database_url {
        DatabaseUrl::Sqlite { path } if args.dry_run && !path.exists() => None,
        _ => Some(desk.open_or_make().await?),
    };
    let chosen = match &app {
        Some(app) => choose(app, args.account.as_deref()).await?,
        None => None,
    };
    let mut target = chosen.as_ref().map(|it| it.id);
    match token {
        Ok(token) => {
            let planned =
                adopt(app.as_ref(), &config, chosen.as_ref(), &token, &mut report).await?;
            if let Some(app) = app.as_ref().filter(|_| planned && !args.dry_run) {
                let new = || Target::New { name: args.account.clone() };
                let meant = target.map_or_else(new, Target::Account);
                target = Some(app.connector.adopt(&token, &meant).await?);
            }
        }
        Err(reason) => report.permission.reason = Some(reason),
    }
    let target = take_history(app.as_ref(), &args, chosen.as_ref(), target, &before, &mut report);
    if let (Some(app), Some(account)) = (&app, target.await?) {
        report.account = app.store.account(account).await?.map(|it| it.name);
    }
    if let Some(app) = app.as_ref().filter(|_| !args.dry_run)
        && (report.permission.taken_over || report.history.taken_over > 0)
    {
        record(app, AuditAction::Imported, &report.file, None).await;
    }
    report.next = report.next(app.as_ref().is_some_and(|it| it.config.sync_scheduler_enabled));
    if desk.screen.json {
        desk.screen.json(&report)?;
    }
    report.say(&desk)?;
    Ok(Exit::Ok)
}

/// What is in force must not be the file of the previous app: that one stays as it is.
fn refuse_own(config: &Config, file: &Path) -> Result<(), CommandError> {
    let DatabaseUrl::Sqlite { path } = &config.database_url else { return Ok(()) };
    let same = match (path.canonicalize(), file.canonicalize()) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        _ => path == file,
    };
    if !same {
        return Ok(());
    }
    Err(CommandError::usage(format!(
        "DATABASE_URL is `{}` itself, which stays as it is: set DATABASE_URL to a file of Ringbook's own, \
         such as sqlite:///./data/ringbook.db, or remove the setting, and run this again",
        file.display()
    )))
}

/// The token file and where it is; or why there is none to take over.
type Found = Result<TokenFile, String>;

fn token(args: &Args) -> Result<(Option<PathBuf>, Found), CommandError> {
    let path = match &args.token {
        Some(path) => path.clone(),
        None => args.file.with_file_name("token.json"),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let token = TokenFile::parse(&text).map_err(|problem| problem.to_string());
            Ok((Some(path), token))
        }
        Err(error) if args.token.is_none() && error.kind() == ErrorKind::NotFound => Ok((
            None,
            Err("there is no token.json beside the database; name it with --token".to_owned()),
        )),
        Err(error) => {
            Err(CommandError::usage(format!("cannot read `{}`: {error}", path.display())))
        }
    }
}

/// The account that is there and meant; `None`: a new one.
async fn choose(app: &App, named: Option<&str>) -> Result<Option<Account>, CommandError> {
    let accounts = app.store.accounts().await?;
    match named {
        Some(named) if app.store.account_named(named).await?.is_some() => {
            Ok(Some(account(app, Some(named)).await?))
        }
        // One of that name is made.
        Some(_) => Ok(None),
        None if accounts.is_empty() => Ok(None),
        None => Ok(Some(account(app, None).await?)),
    }
}

/// Whether the grant can be taken over, and notes what would come of it.
async fn adopt(
    app: Option<&App>,
    config: &Config,
    chosen: Option<&Account>,
    token: &TokenFile,
    report: &mut Report,
) -> Result<bool, CommandError> {
    let permission = &mut report.permission;
    if let Some(account) = chosen.filter(|it| it.grant.is_some()) {
        permission.reason = Some(format!("`{}` is connected already", account.name));
        return Ok(false);
    }
    let lacks = match app {
        Some(app) => app.connector.lacks_client_of(token).await,
        None => token.lacks_client_in(config),
    };
    match lacks {
        Ok(lacks) => permission.client_entered = lacks,
        Err(ConnectProblem::Conflict(reason)) => {
            permission.reason = Some(reason);
            return Ok(false);
        }
        Err(other) => return Err(other.into()),
    }
    permission.taken_over = true;
    Ok(true)
}

/// Returns the account that it was taken over for.
async fn take_history(
    app: Option<&App>,
    args: &Args,
    chosen: Option<&Account>,
    target: Option<AccountId>,
    before: &ImportedApp,
    report: &mut Report,
) -> Result<Option<AccountId>, CommandError> {
    let history = &mut report.history;
    if before.syncs.is_empty() {
        history.reason = Some("there is none".to_owned());
        return Ok(target);
    }
    if let Some(account) = chosen.filter(|it| it.latest_run.is_some()) {
        history.reason = Some(format!("`{}` has a history of its own already", account.name));
        return Ok(target);
    }
    let Some(app) = app.filter(|_| !args.dry_run) else {
        history.taken_over = history.found;
        return Ok(target);
    };
    let account = match target {
        Some(account) => account,
        None => {
            let name = args.account.as_deref().unwrap_or("Google");
            app.store.create_account(name).await?
        }
    };
    let by = format!("{}, from {}", whoami(), report.file);
    history.taken_over = app.store.import_history(account, &before.syncs, &by).await?;
    Ok(Some(account))
}

/// What phones dial instead of a `+`, by the word of the setting.
fn dial_plus(config: &Config) -> String {
    let line = config.report().into_iter().find(|line| line.key == "DIAL_PLUS");
    line.map(|line| line.value).unwrap_or_default()
}

impl Report {
    fn of(args: &Args, config: &Config, before: &ImportedApp, token: Option<PathBuf>) -> Report {
        let name = |path: &Path| path.display().to_string();
        Report {
            file: name(&args.file),
            dry_run: args.dry_run,
            contacts: before.contacts,
            phone_numbers: before.phone_numbers,
            history: History {
                found: before.syncs.len() as u64,
                unreadable: before.unreadable,
                taken_over: 0,
                reason: None,
            },
            permission: Permission { file: token.as_deref().map(name), ..Permission::default() },
            dial_plus: dial_plus(config),
            account: None,
            next: "",
        }
    }

    fn next(&self, by_itself: bool) -> &'static str {
        match (self.dry_run, self.permission.taken_over, by_itself) {
            (true, ..) => "run it without --dry-run",
            (_, false, _) => "ringbook auth",
            (_, true, true) => "ringbook serve",
            (_, true, false) => "ringbook sync",
        }
    }

    fn say(&self, desk: &Context) -> Result<(), CommandError> {
        use ringbook_core::humanize::count;
        let would = if self.dry_run { "would be " } else { "" };
        let history = match (&self.history.reason, self.history.taken_over) {
            (Some(reason), _) => format!("not taken over: {reason}"),
            (None, 1) => format!("1 sync {would}taken over"),
            (None, many) => format!("{} syncs {would}taken over", count(many)),
        };
        let history = match self.history.unreadable {
            0 => history,
            some => format!("{history}; {} rows cannot be read", count(some)),
        };
        let permission = match &self.permission {
            Permission { reason: Some(reason), .. } => format!("not taken over: {reason}"),
            Permission { file: Some(file), client_entered: true, .. } => {
                format!("{would}taken over from {file}, with its OAuth client")
            }
            Permission { file, .. } => {
                format!("{would}taken over from {}", file.as_deref().unwrap_or_default())
            }
        };
        let dialled = match self.dial_plus.as_str() {
            "keep" => {
                "with their +, such as +442079460018; DIAL_PLUS=prefix or DIAL_PLUS=drop if the phone system \
                 does not take it"
            }
            "prefix" => "with the international prefix instead of their + (DIAL_PLUS=prefix)",
            _ => "without their + (DIAL_PLUS=drop)",
        };
        let contacts = format!(
            "{}, not copied: the first sync fetches them from Google",
            count(self.contacts)
        );
        let mut facts =
            vec![("History", history), ("Permission", permission), ("Contacts", contacts)];
        facts.push(("Phones", "keep their URL, /directory".to_owned()));
        facts.push(("Numbers", dialled.to_owned()));
        if let Some(account) = &self.account {
            facts.push(("Account", account.clone()));
        }
        desk.screen.say(format!("{} is a database of the previous app.", self.file))?;
        desk.screen.facts(&facts)?;
        let unchanged =
            if self.dry_run { "Nothing was changed." } else { "The file was not changed." };
        desk.screen.say(unchanged)?;
        Ok(desk.screen.say(format!("Next: {}", self.next))?)
    }
}
