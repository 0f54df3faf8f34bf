//! What a run on hold would delete, and the word on it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::input::{Query, RunInPath};
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use crate::runs::SEARCH_MAX;
use ringbook_app::read;
use ringbook_core::sync::Outcome;
use ringbook_store::HeldQuery;

/// So many contacts stand on one page.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "held.html")]
struct Page {
    visit: PageContext,
    here: Place,
    id: String,
    account: String,
    /// It is still on hold.
    waits: bool,
    total: String,
    of: String,
    kept: String,
    started: Moment,
    search: String,
    contacts: Vec<Row>,
    first: Option<String>,
    more: Option<String>,
}

struct Row {
    name: String,
    phones: String,
}

/// `GET /runs/{id}/held`
pub(crate) async fn held(
    State(web): State<Web>,
    visit: PageContext,
    RunInPath(id): RunInPath,
    query: Query,
) -> Result<Response, Problem> {
    let shown = web.out.run(id).0;
    let Some(run) = web.app.store.run(id).await? else {
        return Err(Problem::missing("run", &shown));
    };
    let search: String =
        query.text("search")?.unwrap_or_default().trim().chars().take(SEARCH_MAX).collect();
    let asked = query.text("after")?;
    let after = asked.and_then(|it| web.out.ids().parse_contact(it)).map_or(0, |it| it.0);
    let wanted =
        HeldQuery { search: Some(search.as_str()).filter(|it| !it.is_empty()), after, limit: ROWS };
    let part = read::held(&web.app, &web.out, &run, &wanted).await?;
    let account = web.app.store.account(id.account()).await?.map(|it| it.name).unwrap_or_default();
    let language = visit.language;
    let path = format!("/runs/{shown}/held");
    let searched = match search.as_str() {
        "" => String::new(),
        text => format!("&search={}", encoded(text)),
    };
    let contacts = part.contacts.into_iter();
    Ok(page(&Page {
        here: Place::History,
        account,
        waits: run.outcome == Some(Outcome::Held),
        total: language.count(part.total, "{} contact", "{} contacts"),
        of: language.number(run.before_live),
        kept: language.count(web.app.config.tombstone_keep.as_secs() / 86_400, "{} day", "{} days"),
        started: visit.ago(&run.started_at),
        contacts: contacts
            .map(|it| Row { name: it.display_name, phones: it.phone_numbers.join(" · ") })
            .collect(),
        first: (after > 0).then(|| format!("{path}?{}", searched.trim_start_matches('&'))),
        more: part.next_after.map(|next| format!("{path}?after={}{searched}", next.0)),
        search,
        id: shown,
        visit,
    }))
}

/// A text as it stands in an address (RFC 3986, 2.1).
pub(crate) fn encoded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                safe.push(char::from(byte));
            }
            _ => safe += &format!("%{byte:02X}"),
        }
    }
    safe
}
