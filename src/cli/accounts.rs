//! The accounts: which there are, and what a person wants done with one.

use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::{Screen, Table};
use crate::cli::sources;
use crate::cli::status::schedule;
use crate::cli::{Context, Times, account, caller, local_url, not_connected, sure};
use ringbook_app::App;
use ringbook_app::read;
use ringbook_app::services::{AccountChanges, DisconnectRequest};
use ringbook_app::wire::{AccountDone, ApiEncoder, Labels, connect_url};
use ringbook_core::humanize;
use ringbook_core::sync::AccountId;
use ringbook_core::sync::account::AccountState;
use ringbook_store::Account;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add an account, which then waits to be connected
    Add {
        /// 1 to 100 characters, such as Office
        name: String,
    },
    /// Give an account another name
    Rename {
        /// Its name, number or id
        account: String,
        name: String,
    },
    /// Stop what is done by itself for an account; what somebody asks for is still done
    Pause {
        /// Its name, number or id
        account: String,
    },
    /// Go on with what is done by itself for an account
    Resume {
        /// Its name, number or id
        account: String,
    },
    /// Forget Google's permission; the contacts are kept or erased
    Disconnect {
        /// Its name, number or id
        account: String,
        /// What becomes of the contacts here; Google has them still
        #[arg(long, value_enum)]
        contacts: Keep,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove an account with its contacts, its history and its settings
    Remove {
        /// Its name, number or id
        account: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// The labels of an account, and which of them reach the phones
    Labels {
        /// Its name, number or id
        account: String,
        /// Only contacts with this label reach the phones, and those with others that are named so
        #[arg(long, value_name = "LABEL", conflicts_with = "all")]
        show: Vec<String>,
        /// All contacts reach the phones
        #[arg(long)]
        all: bool,
    },
    /// Let a service account speak for a mailbox, instead of a person's consent
    ServiceAccount(sources::ServiceAccountArgs),
    /// Mirror a list of the Google Workspace domain, too
    AddSource(sources::AddSourceArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Keep {
    /// The phones go on showing them
    Keep,
    /// They go for good, also from the history
    Erase,
}

pub(crate) async fn accounts(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let app = match &args.command {
        Some(Command::Add { .. }) => desk.open_or_make().await?,
        _ => desk.open().await?,
    };
    let screen = desk.screen;
    match args.command {
        Some(command) => dispatch(&app, screen, command).await,
        None => list(&app, screen).await,
    }
}

async fn dispatch(app: &App, screen: Screen, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::Add { name } => {
            let added = app.add_account(&caller(), &name).await?;
            let at = connect_at(app, &added);
            let said = format!("Added {}. Connect it: ringbook serve, then {at}", added.name);
            show(app, added.id, &said, screen).await
        }
        Command::Rename { account: which, name } => {
            let it = account(app, Some(&which)).await?;
            let changes = AccountChanges { name: Some(name), ..AccountChanges::default() };
            let renamed = app.change_account(&caller(), &it, changes).await?;
            show(app, it.id, &format!("It is called {} now.", renamed.name), screen).await
        }
        Command::Pause { account: which } => {
            let it = account(app, Some(&which)).await?;
            app.pause_account(&caller(), &it).await?;
            let said = format!("{} is paused; `ringbook sync` still syncs it.", it.name);
            show(app, it.id, &said, screen).await
        }
        Command::Resume { account: which } => {
            let it = account(app, Some(&which)).await?;
            let it = app.resume_account(&caller(), &it).await?;
            let said = match app.supervisor.plan(&it) {
                Some(_) => format!("{} is synced by schedule again.", it.name),
                None => format!(
                    "{} is no longer paused, but nothing is synced by schedule: \
                     SYNC_SCHEDULER_ENABLED is false.",
                    it.name
                ),
            };
            show(app, it.id, &said, screen).await
        }
        Command::Disconnect { account: which, contacts, yes } => {
            let it = account(app, Some(&which)).await?;
            disconnect(app, &it, contacts, yes, screen).await
        }
        Command::Remove { account: which, yes } => {
            let it = account(app, Some(&which)).await?;
            remove(app, &it, yes, screen).await
        }
        Command::Labels { account: which, show, all } => {
            let it = account(app, Some(&which)).await?;
            labels(app, it, &show, all, screen).await
        }
        Command::ServiceAccount(args) => sources::service_account(app, screen, args).await,
        Command::AddSource(args) => sources::add_source(app, screen, args).await,
    }
}

fn connect_at(app: &App, account: &Account) -> String {
    let out = ApiEncoder::new(&app.store, &app.config);
    format!("{}{}", local_url(&app.config), connect_url(&out, account))
}

/// Says what was done, or shows the account to programs.
async fn show(app: &App, id: AccountId, said: &str, screen: Screen) -> Result<Exit, CommandError> {
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        screen.json(&read::account(app, &out, id).await?)?;
    }
    screen.say(said)?;
    Ok(Exit::Ok)
}

async fn list(app: &App, screen: Screen) -> Result<Exit, CommandError> {
    let accounts = app.store.accounts().await?;
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        screen.json(&read::accounts(app, &out, accounts).await?)?;
        return Ok(Exit::Ok);
    }
    if accounts.is_empty() {
        return Err(not_connected(app));
    }
    let times = Times::of(app);
    let mut table =
        Table::new(&["NAME", "STATE", "GOOGLE", ">CONTACTS", "LAST SUCCESS", "SCHEDULE", "ID"]);
    let mut conditions = Vec::with_capacity(accounts.len());
    for account in &accounts {
        let condition = account.condition(app.can_speak_for(account).await?);
        let last = account.last_success_at.map(|at| humanize::relative(at, times.now));
        table.row(vec![
            account.name.clone(),
            condition.state().to_string(),
            account.google_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            humanize::count(account.counts.live),
            last.unwrap_or_else(|| "never".to_owned()),
            schedule(app, account),
            app.store.ids().account(account.id),
        ]);
        conditions.push(condition);
    }
    screen.table(&table)?;
    for (account, condition) in accounts.iter().zip(conditions) {
        if screen.terminal && condition.state() != AccountState::Connected {
            let what = condition.in_words(&connect_at(app, account));
            screen.say(format!("{}: {what}", screen.paint.bold(&account.name)))?;
        }
    }
    Ok(Exit::Ok)
}

async fn disconnect(
    app: &App,
    account: &Account,
    contacts: Keep,
    yes: bool,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let erase = contacts == Keep::Erase;
    let doomed = humanize::many(account.counts.live, "contact");
    let question = format!("Erase {doomed} of {} here for good?", account.name);
    if erase && !sure(&question, yes, screen)? {
        screen.say("Nothing was changed.")?;
        return Ok(Exit::Ok);
    }
    let request = DisconnectRequest { erase, tell_google: true };
    let done = app.disconnect_account(&caller(), account, request).await?;
    let (erased_count, at_google, name) = (done.erased, done.at_google, &account.name);
    let message = match erase {
        true => format!("{name} is disconnected, and its contacts are erased here."),
        false => format!("{name} is disconnected; its contacts stay."),
    };
    let message = match at_google {
        Some(at_google) => format!("{message} {}", at_google.in_words()),
        None => message,
    };
    if screen.json {
        let out = ApiEncoder::new(&app.store, &app.config);
        let account = read::account(app, &out, account.id).await?;
        screen.json(&AccountDone { status: "success", message, erased_count, account })?;
    } else {
        screen.say(message)?;
    }
    Ok(Exit::Ok)
}

async fn remove(
    app: &App,
    account: &Account,
    yes: bool,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let doomed = humanize::many(account.counts.live, "contact");
    let question = format!("Remove {} with {doomed} and its history for good?", account.name);
    if !sure(&question, yes, screen)? {
        screen.say("Nothing was changed.")?;
        return Ok(Exit::Ok);
    }
    let erased_count = app.remove_account(&caller(), account).await?;
    let message = format!("{} was removed.", account.name);
    if screen.json {
        screen.json(&AccountDone { status: "success", message, erased_count, account: None })?;
    } else {
        screen.say(message)?;
    }
    Ok(Exit::Ok)
}

async fn labels(
    app: &App,
    account: Account,
    show: &[String],
    all: bool,
    screen: Screen,
) -> Result<Exit, CommandError> {
    let labels_shown = match (all, show.is_empty()) {
        (true, _) => Some(None),
        (false, false) => Some(Some(show.to_vec())),
        (false, true) => None,
    };
    let account = match labels_shown {
        None => account,
        chosen => {
            let changes = AccountChanges { labels_shown: chosen, ..AccountChanges::default() };
            app.change_account(&caller(), &account, changes).await?
        }
    };
    let out = ApiEncoder::new(&app.store, &app.config);
    let labels: Labels = read::labels(app, &out, &account).await?;
    if screen.json {
        screen.json(&labels)?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["LABEL", ">CONTACTS", "ON PHONES", "RESOURCE"]);
    for label in &labels.labels {
        table.row(vec![
            label.name.clone(),
            humanize::count(label.contacts),
            if label.shown { "yes" } else { "no" }.to_owned(),
            label.resource_name.clone(),
        ]);
    }
    screen.table(&table)?;
    if labels.all_shown {
        screen.say("All contacts reach the phones, with and without labels.")?;
    } else if !labels.missing.is_empty() {
        screen.say(format!("Not at Google now: {}", labels.missing.join(", ")))?;
    }
    Ok(Exit::Ok)
}
