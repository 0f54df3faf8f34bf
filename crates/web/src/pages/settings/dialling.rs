//! The rules by which phones dial, and a place to try a number.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::dialling::NUMBER_MAX;
use crate::input::Query;
use crate::pages::settings::{Line, Tab, lines, tabs};
use crate::pages::{PageContext, Place, page};
use crate::problem::Problem;
use ringbook_app::wire::Dialling;

#[derive(Template)]
#[template(path = "dialling.html")]
struct Page {
    visit: PageContext,
    here: Place,
    tabs: Vec<Tab>,
    number: String,
    tried: Option<Dialling>,
    lines: Vec<Line>,
}

/// `GET /settings/dialling`, with `number` to try one.
pub(super) async fn dialling(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let number: String =
        query.text("number")?.unwrap_or_default().chars().take(NUMBER_MAX).collect();
    let asked = !number.trim().is_empty();
    let tried = asked.then(|| Dialling::of(&web.app.config.dial, &number));
    let lines = lines(&web, &visit, |key| key.starts_with("DIAL_"));
    let tabs = tabs(&visit, "/settings/dialling");
    Ok(page(&Page { visit, here: Place::Settings, tabs, number, tried, lines }))
}
