//! Contacts that Google deleted, as long as they are kept.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::contact_history::{part, wanted};
use crate::input::Query;
use crate::pages::contacts::query_of;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use ringbook_core::clock::after;

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "deleted.html")]
struct DeletedPage {
    visit: PageContext,
    here: Place,
    search: String,
    run: String,
    rows: Vec<Row>,
    next: Option<String>,
    vcards: String,
}

struct Row {
    href: String,
    vcard: String,
    name: String,
    at: Moment,
    run: Option<String>,
    until: Moment,
}

pub(crate) async fn deleted(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let wanted = wanted(&web, &query, ROWS)?;
    let search = wanted.search.clone();
    let run = wanted.run.map(|it| web.out.run(it).0).unwrap_or_default();
    let (rows, next) = part(&web, wanted).await?;
    let keep = web.app.config.tombstone_keep;
    let rows = rows.iter().map(|it| {
        let id = web.out.contact(it.contact.id).0;
        Row {
            href: format!("/contacts/{id}"),
            vcard: format!("/api/contacts/{id}/vcard"),
            name: it.contact.display_name.clone(),
            at: visit.ago(&it.deleted_at),
            run: it.run.map(|run| format!("/runs/{}#changes", web.out.run(run).0)),
            until: visit.ago(&after(it.deleted_at, keep)),
        }
    });
    let rows = rows.collect();
    let pairs = [("search", search.as_str()), ("run", run.as_str())];
    let vcards = format!("/api/contacts/deleted.vcf?{}", query_of(&pairs));
    let next = next.map(|it| {
        format!("/contacts/deleted?{}", query_of(&[pairs[0], pairs[1], ("before", &it)]))
    });
    Ok(page(&DeletedPage { visit, here: Place::Contacts, search, run, rows, next, vcards }))
}
