//! `phones`: setting up the desk phones, and which may ask.

mod snippet;

use clap::Subcommand;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::{Context, access};

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

    /// Give a phone a token of its own; it is shown this once
    Add {
        /// What to call it
        name: String,
        /// Where phones find this server, such as http://10.0.0.5:8080
        #[arg(long)]
        url: Option<String>,
    },
    /// The phones with a token of their own, and when they asked last
    List,
    /// Give a phone another token; the one before opens nothing any more
    Renew {
        /// Its name or its id
        phone: String,
        #[arg(long)]
        url: Option<String>,
    },
    /// Call a phone something else
    Rename {
        /// Its name or its id
        phone: String,
        /// What to call it from now on
        name: String,
    },
    /// Revoke a phone's token
    Revoke {
        /// Its name or its id
        phone: String,
    },
}

pub(crate) async fn phones(desk: &Context, command: PhonesCommand) -> Result<Exit, CommandError> {
    match command {
        PhonesCommand::Snippet(args) => snippet::snippet(desk, &args),
        PhonesCommand::Add { name, url } => access::add_phone(desk, &name, url.as_deref()).await,
        PhonesCommand::List => access::list_phones(desk).await,
        PhonesCommand::Renew { phone, url } => {
            access::renew_phone(desk, &phone, url.as_deref()).await
        }
        PhonesCommand::Rename { phone, name } => access::rename_phone(desk, &phone, &name).await,
        PhonesCommand::Revoke { phone } => access::revoke_phone(desk, &phone).await,
    }
}
