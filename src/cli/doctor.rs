use crate::cli::Desk;
use crate::cli::exit::{Exit, Trouble};
pub(crate) async fn doctor(_: Desk) -> Result<Exit, Trouble> {
    Ok(Exit::Ok)
}
