//! What a phone dials for a number. Asks nobody: the settings are enough.

use crate::cli::Context;
use crate::cli::exit::{CommandError, Exit};
use ringbook_app::wire::Dialling;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As it stands in Google Contacts, or as one writes it
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    number: String,
}

pub(crate) fn dial(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let config = desk.config()?;
    let dialling = Dialling::of(&config.dial, &args.number);
    let exit = if dialling.dial.is_some() { Exit::Ok } else { Exit::Failed };
    if desk.screen.json {
        desk.screen.json(&dialling)?;
        return Ok(exit);
    }
    let Some(string) = &dialling.dial else {
        let why = dialling.steps.join("; ");
        return Err(CommandError::failed(format!("`{}` {why}", dialling.number)));
    };
    desk.screen.say(desk.screen.paint.bold(string))?;
    for step in &dialling.steps {
        desk.screen.say(format!("  {step}"))?;
    }
    Ok(exit)
}
