//! The pages on the way to Google and back.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::web::pages::language::said;
use crate::web::pages::{Place, Visit, page};

pub(crate) const CONNECTED: &str = said("Connected");
pub(crate) const NOT_CONNECTED: &str = said("Not connected");
pub(crate) const NOT_BACK: &str = said("Google would not let you back");

/// One thing that is said.
#[derive(Template)]
#[template(path = "told.html")]
struct Told {
    visit: Visit,
    here: Place,
    good: bool,
    title: &'static str,
    /// In English: they name what Google, or an administrator, has to do.
    words: Vec<String>,
}

/// For a browser on another machine, where Google sends it to its own.
#[derive(Template)]
#[template(path = "before_leaving.html")]
struct BeforeLeaving {
    visit: Visit,
    here: Place,
    redirect_uri: String,
    auth_url: String,
    port: u16,
}

/// How it ended, or why it cannot begin.
pub(crate) fn told(
    visit: Visit,
    status: StatusCode,
    title: &'static str,
    words: Vec<String>,
) -> Response {
    let (here, good, title) = (Place::Nowhere, status.is_success(), visit.say(title));
    let mut response = page(&Told { visit: without_code(visit), here, good, title, words });
    *response.status_mut() = status;
    response
}

/// How to come back from Google to a machine that is not the browser's.
pub(crate) fn before_leaving(
    visit: Visit,
    redirect_uri: &str,
    auth_url: String,
    port: u16,
) -> Response {
    let (here, redirect_uri) = (Place::Nowhere, redirect_uri.to_owned());
    let visit = without_code(visit);
    page(&BeforeLeaving { visit, here, redirect_uri, auth_url, port })
}

/// The address holds a code that is good for one time: no link leads back to it.
fn without_code(visit: Visit) -> Visit {
    Visit { path: "/".to_owned(), ..visit }
}
