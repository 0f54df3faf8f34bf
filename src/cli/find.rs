use crate::cli::Desk;
use crate::cli::exit::{Exit, Trouble};
#[derive(Debug, clap::Args)]
pub(crate) struct LookupArgs {}
#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {}
pub(crate) async fn lookup(_: Desk, _: LookupArgs) -> Result<Exit, Trouble> {
    Ok(Exit::Ok)
}
pub(crate) async fn search(_: Desk, _: SearchArgs) -> Result<Exit, Trouble> {
    Ok(Exit::Ok)
}
