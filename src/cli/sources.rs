//! Service accounts, and the lists of a Google Workspace domain.

use std::path::PathBuf;

use serde_json::Value;

use crate::cli::account;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Screen;
use ringbook_app::App;
use ringbook_app::wire::{AddedSource, ApiEncoder, DomainList, ServiceAccount, SourceCheck};

#[derive(Debug, clap::Args)]
pub(crate) struct ServiceAccountArgs {
    /// The account for which it is to speak: its name or id
    pub(crate) name: String,
    /// The key's JSON file, as the Google Cloud console gives it out; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The address of the mailbox whose contacts are wanted
    #[arg(long, value_name = "EMAIL")]
    subject: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddSourceArgs {
    /// The account that lends its permission: its name or id
    pub(crate) name: String,
    /// What to mirror: the people of the domain (directory), or the contacts it shares (shared)
    #[arg(long, value_name = "SOURCE", value_parser = ["directory", "shared"])]
    source: String,
    /// What to call it
    #[arg(long = "as", value_name = "NAME")]
    called: Option<String>,
}

/// No key's file is longer.
const KEY_FILE_MAX: u64 = 64 << 10;

pub(crate) async fn service_account(
    app: &App,
    screen: Screen,
    args: ServiceAccountArgs,
) -> Result<Exit, CommandError> {
    let file = read_file(&args.key)?;
    let key: Value = serde_json::from_str(&file).map_err(|_| {
        CommandError::usage(format!("{} is not the JSON file of a key", args.key.display()))
    })?;
    let chosen = account(app, Some(&args.name)).await?;
    let new = app.connector.use_service_account(&chosen, &key, &args.subject).await?;
    let out = ApiEncoder::new(&app.store, &app.config);
    let entered = ServiceAccount::entered(&out, chosen.id, &new);
    let accepted = entered.check.as_ref().is_some_and(|it| it.ok);
    if screen.json {
        screen.json(&entered)?;
    } else {
        let said = format!("{} speaks for {} now.", entered.client_email, entered.subject);
        screen.say(said)?;
        say_check(screen, entered.check.as_ref(), "Google accepts it.")?;
    }
    Ok(if accepted { Exit::Ok } else { Exit::NotConnected })
}

pub(crate) async fn add_source(
    app: &App,
    screen: Screen,
    args: AddSourceArgs,
) -> Result<Exit, CommandError> {
    let list: DomainList = args
        .source
        .parse()
        .map_err(|_| CommandError::usage("--source is `directory` or `shared`"))?;
    let giver = account(app, Some(&args.name)).await?;
    let called = args.called.unwrap_or_else(|| format!("{} {}", giver.name, list));
    let new = app.connector.add_source(&giver, list.into(), &called).await?;
    let out = ApiEncoder::new(&app.store, &app.config);
    let added = AddedSource::of(&out, giver.id, list, &new);
    if screen.json {
        screen.json(&added)?;
    } else {
        let said = format!("`{}` mirrors it, with the permission of `{}`.", added.name, giver.name);
        screen.say(said)?;
        say_check(screen, added.check.as_ref(), "Google lets it be read.")?;
    }
    Ok(Exit::Ok)
}

fn say_check(screen: Screen, check: Option<&SourceCheck>, good: &str) -> Result<(), CommandError> {
    let paint = screen.paint;
    match check {
        None => screen.say("Not connected yet, so Google was not asked.")?,
        Some(SourceCheck { message: Some(message), .. }) => {
            screen.say(format!("{} {message}", paint.warn("Not yet:")))?;
        }
        Some(_) => screen.say(paint.good(good))?,
    }
    Ok(())
}

fn read_file(path: &std::path::Path) -> Result<String, CommandError> {
    use std::io::Read;
    let problem = |error: std::io::Error| {
        CommandError::usage(format!("{} cannot be read: {error}", path.display()))
    };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(KEY_FILE_MAX).read_to_string(&mut text).map_err(problem)?;
    } else {
        let file = std::fs::File::open(path).map_err(problem)?;
        file.take(KEY_FILE_MAX).read_to_string(&mut text).map_err(problem)?;
    }
    Ok(text)
}
