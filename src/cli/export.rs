use crate::cli::Desk;
use crate::cli::exit::{Exit, Trouble};
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
pub(crate) async fn export(_: Desk, _: Args) -> Result<Exit, Trouble> {
    Ok(Exit::Ok)
}
