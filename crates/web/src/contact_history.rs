//! Contacts that Google deleted and that are still kept, what happened to each contact, and vCards.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use jiff::Timestamp;

use crate::Web;
use crate::input::{ContactInPath, Query, uuid};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{ContactChange, ContactChanges, Deleted, DeletedContact, ProblemBody};
use ringbook_core::contact::VcardVersion;
use ringbook_core::sync::RunId;
use ringbook_store::{ContactId, DbError, DeletedQuery, KeptContact, Tombstone};

const VERSIONS: [(&str, VcardVersion); 2] =
    [("3.0", VcardVersion::Three), ("4.0", VcardVersion::Four)];

/// Contacts that Google deleted and that are still kept
#[utoipa::path(
    get, path = "/api/contacts/deleted", tag = "contacts", operation_id = "list_deleted_contacts",
    params(
        ("search" = Option<String>, Query, description = "A part of the name"),
        ("run" = Option<String>, Query, format = "uuid", description = "Only those that this run deleted"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
        ("before" = Option<String>, Query, pattern = "^([0-7][0-9a-f]{15}){2}$", description = "`next_before` of the part before"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "50 unless given"),
    ),
    responses((status = 200, body = Deleted), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn deleted(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<Deleted>, Problem> {
    let account = web.whom(&query).await?.named;
    let limit = u32::try_from(query.whole("limit", 1..=500, 50)?).unwrap_or(500);
    let wanted = DeletedQuery { account, ..wanted(&web, &query, limit)? };
    let (rows, next_before) = part(&web, wanted).await?;
    let labels = read::label_names(&web.app, rows.iter().map(|it| it.contact.id.account())).await?;
    let keep = web.app.config.tombstone_keep;
    let contacts =
        rows.iter().map(|row| DeletedContact::of(&web.out, row, &labels, keep)).collect();
    Ok(Json(Deleted { contacts, next_before }))
}

/// What a request about deleted contacts asks for, of all accounts.
pub(crate) fn wanted(web: &Web, query: &Query, limit: u32) -> Result<DeletedQuery, Problem> {
    let run = match query.text("run")? {
        None => None,
        Some(text) => {
            uuid("run", text)?;
            let run = web.out.ids().parse_run(text);
            Some(run.ok_or_else(|| Problem::missing("run", text))?)
        }
    };
    let before = place(query)?;
    let before = before
        .map(|(at, id)| (Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX), ContactId(id)));
    let search = query.text("search")?.unwrap_or_default().trim().to_owned();
    Ok(DeletedQuery { search, account: None, run, before, limit })
}

/// A part of the deleted contacts, and where the next one begins.
pub(crate) async fn part(
    web: &Web,
    wanted: DeletedQuery,
) -> Result<(Vec<Tombstone>, Option<String>), DbError> {
    let limit = wanted.limit;
    let one_more = DeletedQuery { limit: limit.saturating_add(1), ..wanted };
    let rows = web.app.store.deleted_contacts(&one_more).await?;
    let cursor = |it: &Tombstone| pair(it.deleted_at.as_microsecond(), it.contact.id.0);
    Ok(read::part(rows, limit, cursor))
}

fn pair(first: i64, second: i64) -> String {
    format!("{first:016x}{second:016x}")
}

/// Where a list goes on.
fn place(query: &Query) -> Result<Option<(i64, i64)>, Problem> {
    let Some(text) = query.text("before")? else { return Ok(None) };
    let bad = || Problem::value("before", text, "the `next_before` of the part before");
    let hex = text.len() == 32
        && text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
    let half = |from: usize| {
        text.get(from..from + 16).and_then(|it| i64::from_str_radix(it, 16).ok()).ok_or_else(bad)
    };
    if hex { Ok(Some((half(0)?, half(16)?))) } else { Err(bad()) }
}

/// The deleted contacts as vCards, for an import
#[utoipa::path(
    get, path = "/api/contacts/deleted.vcf", tag = "contacts", operation_id = "deleted_contacts_vcards",
    params(
        ("search" = Option<String>, Query, description = "A part of the name"),
        ("run" = Option<String>, Query, format = "uuid", description = "Only those that this run deleted"),
        ("version" = Option<String>, Query, pattern = "^(3\\.0|4\\.0)$", description = "`3.0` unless given"),
    ),
    responses((status = 200, content((String = "text/vcard"))), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn deleted_vcards(
    State(web): State<Web>,
    query: Query,
) -> Result<Response, Problem> {
    const PART: u32 = 200;
    let version = query.one_of("version", &VERSIONS, VcardVersion::Three)?;
    let wanted = wanted(&web, &query, PART)?;
    let accounts = web.app.store.accounts().await?;
    let labels = read::label_names(&web.app, accounts.iter().map(|it| it.id)).await?;
    // A part is read when the one before has been sent, so any number of them takes little memory.
    let cards = try_unfold(Some(wanted), move |wanted| {
        let (web, labels) = (web.clone(), labels.clone());
        async move {
            let Some(wanted) = wanted else { return Ok::<_, DbError>(None) };
            let rows = web.app.store.deleted_contacts(&wanted).await?;
            let Some(last) = rows.last() else { return Ok(None) };
            let before = Some((last.deleted_at, last.contact.id));
            let full = rows.len() as u64 == u64::from(PART);
            let next = full.then_some(DeletedQuery { before, ..wanted });
            let texts = rows.iter().map(|it| web.app.vcard(&it.contact, &labels, version));
            Ok(Some((texts.collect::<String>(), next)))
        }
    });
    Ok(file("deleted-contacts", Body::from_stream(cards)))
}

/// A contact as a vCard, also one that was deleted
#[utoipa::path(
    get, path = "/api/contacts/{id}/vcard", tag = "contacts", operation_id = "contact_vcard",
    params(
        ("id" = String, Path, format = "uuid"),
        ("version" = Option<String>, Query, pattern = "^(3\\.0|4\\.0)$", description = "`3.0` unless given"),
    ),
    responses((status = 200, content((String = "text/vcard"))), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn vcard(
    State(web): State<Web>,
    ContactInPath(id): ContactInPath,
    query: Query,
) -> Result<Response, Problem> {
    let version = query.one_of("version", &VERSIONS, VcardVersion::Three)?;
    let kept = kept(&web, id).await?;
    let labels = read::label_names(&web.app, [id.account()]).await?;
    Ok(file("contact", Body::from(web.app.vcard(&kept.contact, &labels, version))))
}

/// A contact, live or deleted.
pub(crate) async fn kept(web: &Web, id: ContactId) -> Result<KeptContact, Problem> {
    let kept = web.app.store.kept_contact(id).await?;
    kept.ok_or_else(|| Problem::missing("contact", &web.out.ids().contact(id)))
}

fn file(name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}.vcf\"");
    let headers = [
        (header::CONTENT_TYPE, "text/vcard; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}

/// What happened to a contact, newest first
#[utoipa::path(
    get, path = "/api/contacts/{id}/changes", tag = "contacts", operation_id = "contact_changes",
    params(
        ("id" = String, Path, format = "uuid"),
        ("before" = Option<String>, Query, pattern = "^([0-7][0-9a-f]{15}){2}$", description = "`next_before` of the part before"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "50 unless given"),
    ),
    responses((status = 200, body = ContactChanges), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn changes(
    State(web): State<Web>,
    ContactInPath(id): ContactInPath,
    query: Query,
) -> Result<Json<ContactChanges>, Problem> {
    let limit = u32::try_from(query.whole("limit", 1..=500, 50)?).unwrap_or(500);
    let (rows, next_before) = history(&web, id, &query, limit).await?;
    if rows.is_empty() {
        kept(&web, id).await?;
    }
    let changes = rows.into_iter().map(|it| ContactChange::of(&web.out, it)).collect();
    Ok(Json(ContactChanges { contact_id: web.out.contact(id), changes, next_before }))
}

/// A part of what happened to a contact, and where the next one begins.
pub(crate) async fn history(
    web: &Web,
    id: ContactId,
    query: &Query,
    limit: u32,
) -> Result<(Vec<ringbook_store::ContactChangeRow>, Option<String>), Problem> {
    let before = place(query)?.map(|(run, seq)| (RunId(run), seq));
    let rows = web.app.store.contact_changes(id, before, limit + 1).await?;
    Ok(read::part(rows, limit, |it| pair(it.run.0, it.change.seq)))
}
