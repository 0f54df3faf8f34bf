//! `phones snippet`: prints what to enter in a phone.

use std::io::{self, IsTerminal, Write};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::cli::Context;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::{Style, Table};
use ringbook_app::snippet::{Family, make};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The phone's family; without it, the families are listed
    #[arg(long, value_parser = family(), value_name = "FAMILY")]
    family: Option<Family>,
    /// Where phones find this server, such as http://10.0.0.5:8000
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The phone's MAC address, with or without SEP in front
    #[arg(long, value_name = "SEP…")]
    mac: Option<String>,
}

/// Reads a family by its name.
fn family() -> impl TypedValueParser<Value = Family> {
    let names = Family::ALL.map(|it| PossibleValue::new(it.word()).help(it.phones()));
    PossibleValuesParser::new(names).try_map(|name| Family::named(&name).ok_or("not a family"))
}

pub(crate) fn snippet(desk: &Context, args: &Args) -> Result<Exit, CommandError> {
    let Some(family) = args.family else { return list(desk) };
    let config = desk.config()?;
    let made = make(family, args.url.as_deref(), args.mac.as_deref(), &config)
        .map_err(|problem| CommandError::usage(problem.to_string()))?;
    if desk.screen.json {
        desk.screen.json(&made)?;
    } else {
        desk.screen.say(made.snippet.trim_end())?;
        let paint = Style::on(io::stderr().is_terminal());
        for note in &made.notes {
            writeln!(io::stderr(), "{} {note}", paint.warn("note:"))?;
        }
    }
    Ok(Exit::Ok)
}

fn list(desk: &Context) -> Result<Exit, CommandError> {
    let families = Family::ALL.into_iter().map(|it| (it.word(), it.phones()));
    if desk.screen.json {
        let families: Vec<_> =
            families.map(|(name, phones)| json!({ "family": name, "phones": phones })).collect();
        desk.screen.json(&json!({ "families": families }))?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["FAMILY", "PHONES"]);
    for (name, phones) in families {
        table.row(vec![name.to_owned(), phones.to_owned()]);
    }
    desk.screen.table(&table)?;
    writeln!(io::stderr(), "\nSay which: ringbook phones snippet --family FAMILY")?;
    Ok(Exit::Ok)
}
