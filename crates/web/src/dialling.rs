//! What a phone dials for a number.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::Query;
use crate::problem::Problem;
use ringbook_app::wire::Dialling;

/// In characters. What people type is shorter, and nobody has to read more.
pub(crate) const NUMBER_MAX: usize = 200;

/// What a phone dials for a number, and why
#[utoipa::path(
    get, path = "/api/dial", tag = "dialling", operation_id = "dial_number",
    params(
        ("number" = String, Query, min_length = 1, max_length = 200,
            description = "As somebody typed it; a `+` is sent as `%2B`"),
    ),
    responses((status = 200, body = Dialling)),
)]
pub(crate) async fn dial(State(web): State<Web>, query: Query) -> Result<Json<Dialling>, Problem> {
    let typed = query.text("number")?.unwrap_or_default();
    if typed.is_empty() || typed.chars().count() > NUMBER_MAX {
        let allowed = format!("a number of 1 to {NUMBER_MAX} characters");
        return Err(Problem::value("number", typed, &allowed));
    }
    Ok(Json(Dialling::of(&web.app.config.dial, typed)))
}
