//! `key`: which keys seal the secrets in the database, and a new one.

use serde_json::json;

use crate::cli::Context;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::record;
use crate::cli::screen::Table;
use ringbook_app::services::AuditAction;
use ringbook_core::humanize;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Which keys there are, and how much is sealed with each; never the keys themselves
    Status,
    /// Make a new key, seal everything with it, and take the old ones away
    Rotate,
}

pub(crate) async fn key(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let app = desk.open().await?;
    match args.command {
        KeyCommand::Status => {
            let status = app.store.key_status().await?;
            let whole = status.lost.is_empty();
            if desk.screen.json {
                let keys: Vec<_> = status
                    .keys
                    .iter()
                    .map(|it| json!({ "key": it.key.as_str(), "seals": it.seals, "values": it.values }))
                    .collect();
                let (home, lost) = (&status.home, &status.lost);
                desk.screen.json(&json!({ "source": home, "keys": keys, "lost": lost }))?;
            } else {
                desk.screen.say(format!("The keys come from {}.", status.home))?;
                let mut table = Table::new(&["KEY", ">SECRETS", ""]);
                for it in &status.keys {
                    let what = if it.seals { "seals" } else { "opens" };
                    table.row(vec![
                        it.key.to_string(),
                        humanize::count(it.values),
                        what.to_owned(),
                    ]);
                }
                for (key, values) in &status.lost {
                    table.row(vec![
                        key.clone(),
                        humanize::count(*values),
                        "is not there".to_owned(),
                    ]);
                }
                desk.screen.table(&table)?;
                if !whole {
                    desk.screen.say(
                        "Put the missing key back. If it is lost, connect the Google accounts again; \
                         nothing else is lost.",
                    )?;
                }
            }
            Ok(if whole { Exit::Ok } else { Exit::Failed })
        }
        KeyCommand::Rotate => {
            let done = app.store.rotate_key().await.map_err(|problem| match problem {
                ringbook_store::DbError::Vault(problem) => CommandError::usage(problem.to_string()),
                other => other.into(),
            })?;
            record(&app, AuditAction::KeyRotated, done.key.as_str(), None).await;
            if desk.screen.json {
                desk.screen.json(&json!({
                    "key": done.key.as_str(),
                    "resealed": done.resealed,
                    "lost": done.lost,
                    "retired": done.retired,
                }))?;
            } else {
                let number = humanize::many(done.resealed, "secret");
                desk.screen.say(format!("{number} sealed with the new key {}.", done.key))?;
                if done.lost > 0 {
                    let lost = humanize::many(done.lost, "secret");
                    desk.screen
                        .say(format!("{lost} left as they are: their keys are not there."))?;
                }
                desk.screen.say(
                    "Copies of the database from before open only with the key from before; connect \
                     the Google accounts again after restoring one.",
                )?;
            }
            Ok(Exit::Ok)
        }
    }
}
