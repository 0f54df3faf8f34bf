//! `phones`: setting up the desk phones.

mod snippet;

use clap::Subcommand;

use crate::cli::Desk;
use crate::cli::exit::{Exit, Trouble};

#[derive(Debug, Subcommand)]
pub(crate) enum PhonesCommand {
    /// What to enter in a phone, ready to paste; without a family, which families there are
    #[command(after_help = "\
Examples:
  ringbook phones snippet
  ringbook phones snippet --family mpp --url http://10.0.0.5:8000
  ringbook phones snippet --family enterprise --mac SEP001122334455 > part.cnf.xml

The URL is that of --url, else the setting PUBLIC_URL, else a guess from HOST and PORT. The piece
goes to standard output, what there is to know about it to standard error.")]
    Snippet(snippet::Args),
}

pub(crate) fn phones(desk: &Desk, command: PhonesCommand) -> Result<Exit, Trouble> {
    match command {
        PhonesCommand::Snippet(args) => snippet::snippet(desk, &args),
    }
}
