//! Names for callers, for switchboards.

use std::time::Duration;

use any_ascii::any_ascii;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::Web;
use crate::input::{Lenient, text_of};
use crate::phones::wants_json;
use crate::problem::Problem;
use ringbook_app::read::SEARCHED_MAX;
use ringbook_app::wire::Caller;
use ringbook_core::phone::{Charset, Limited};
use ringbook_store::ContactId;

/// Characters of a name; a display shows fewer, and some switchboards take no more.
const NAME_MAX: usize = 80;

/// A switchboard is answered within a second.
const PATIENCE: Duration = Duration::from_millis(600);

/// Whose number this is
///
/// The name as plain text, without a line break; empty when nobody is known. Of several people of one
/// organization that have the number, the name is the organization's; of others all their names, with commas.
/// With `Accept: application/json` the name and the contacts' ids.
#[utoipa::path(
    get, path = "/lookup", tag = "phones", operation_id = "lookup",
    params(
        ("number" = Option<String>, Query,
            description = "As it is shown on a display: `+49 30 1234567`, `0049301234567`, `0301234567`, `101`"),
        ("charset" = Option<String>, Query,
            description = "`utf-8`, `iso-8859-1` or `ascii`; goes before `Accept-Charset`. Names in other letters are transliterated"),
    ),
    responses((status = 200, content((String = "text/plain"), (Caller = "application/json")))),
)]
pub(crate) async fn lookup(State(web): State<Web>, parts: Parts) -> Result<Response, Problem> {
    // A switchboard shows whatever comes as the caller's name, so a bad number is nobody's.
    let query = Lenient::of(parts.uri.query());
    let number = Lenient::number(parts.uri.query()).unwrap_or_default();
    let letters = Letters::wanted(
        query.text("charset").unwrap_or_default(),
        &text_of(&parts.headers, header::ACCEPT_CHARSET.as_str()),
    );
    let json = wants_json(&parts.headers);
    let view = match web.app.directory.view_within(PATIENCE).await {
        Ok(view) => view,
        Err(problem) if !json => {
            error!(%problem, "a caller could not be looked up");
            return Ok(letters.answer(""));
        }
        Err(problem) => return Err(problem.into()),
    };
    let caller = web.app.directory.rules().who_has(&view.contacts, &number);
    if json {
        let places = caller.as_ref().map(|it| it.places.as_slice()).unwrap_or_default();
        let id = |place: &u32| web.out.contact(ContactId(view.contacts.id(*place)));
        let told = Caller {
            number: number.chars().take(SEARCHED_MAX).collect(),
            contact_id: places.first().map(id),
            contact_ids: places.iter().map(id).collect(),
            name: caller.map(|it| it.name),
        };
        return Ok(Json(told).into_response());
    }
    let name = caller.map(|it| it.name).unwrap_or_default();
    Ok(letters.answer(&name))
}

/// The letters that a switchboard takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    Utf8,
    Latin1,
    Ascii,
}

impl Letters {
    /// By the query, else by `Accept-Charset`, whose first wins where several are wanted as much.
    fn wanted(asked: &str, accept: &str) -> Letters {
        if let Some(letters) = Letters::named(asked) {
            return letters;
        }
        let mut best = (Letters::Utf8, 0.0);
        for part in accept.split(',') {
            let mut pieces = part.split(';');
            let Some(letters) = Letters::named(pieces.next().unwrap_or_default()) else { continue };
            let quality =
                pieces.find_map(|it| it.trim().strip_prefix("q=")?.trim().parse::<f32>().ok());
            let quality = quality.unwrap_or(1.0);
            if quality > best.1 {
                best = (letters, quality);
            }
        }
        best.0
    }

    fn named(name: &str) -> Option<Letters> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "*" => Letters::Utf8,
            "iso-8859-1" | "latin1" | "latin-1" | "windows-1252" => Letters::Latin1,
            "us-ascii" | "ascii" => Letters::Ascii,
            _ => return None,
        })
    }

    fn answer(self, name: &str) -> Response {
        let name = Limited::<NAME_MAX>::new(name);
        let latin = || name.in_letters_of(Charset::Latin1);
        let cut = |text: String| text.chars().take(NAME_MAX).collect::<String>();
        let (charset, body) = match self {
            Letters::Utf8 => ("utf-8", name.as_str().as_bytes().to_vec()),
            Letters::Latin1 => {
                let bytes =
                    latin().chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
                ("iso-8859-1", bytes)
            }
            Letters::Ascii => ("us-ascii", cut(any_ascii(&latin())).into_bytes()),
        };
        ([(header::CONTENT_TYPE, format!("text/plain; charset={charset}"))], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switchboard_gets_the_letters_that_it_asks_for() {
        for (asked, accept, letters) in [
            ("", "", Letters::Utf8),
            ("ascii", "", Letters::Ascii),
            ("US-ASCII", "utf-8", Letters::Ascii),
            ("nonsense", "us-ascii", Letters::Ascii),
            ("", "us-ascii", Letters::Ascii),
            ("", "iso-8859-1;q=0.5, us-ascii;q=0.9", Letters::Ascii),
            ("", "utf-8, us-ascii", Letters::Utf8),
            ("", "us-ascii;q=0, *", Letters::Utf8),
            ("latin1", "", Letters::Latin1),
        ] {
            assert_eq!(Letters::wanted(asked, accept), letters, "{asked} {accept}");
        }
    }
}
