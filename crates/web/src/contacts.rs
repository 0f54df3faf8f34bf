//! The directory, contact by contact.

use axum::Json;
use axum::extract::State;

use crate::Web;
use crate::input::{ContactInPath, Query};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::wire::{Contact, ContactStats, Contacts, ProblemBody};
use ringbook_core::contact::Initial;
use ringbook_core::sync::AccountId;
use ringbook_store::{ContactQuery, ContactRow, DbError, Sort};

/// The contacts, part by part
#[utoipa::path(
    get, path = "/api/contacts", tag = "contacts", operation_id = "list_contacts",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 500, description = "30 unless given"),
        ("offset" = Option<u64>, Query, minimum = 0, description = "0 unless given"),
        ("sort" = Option<SortWord>, Query, description = "`name` unless given"),
        ("group" = Option<String>, Query, pattern = "^[A-Za-z#]$", min_length = 1, max_length = 1,
            description = "Only names that begin with this letter; `#` for all other names"),
        ("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named"),
    ),
    responses((status = 200, body = Contacts), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn list(State(web): State<Web>, query: Query) -> Result<Json<Contacts>, Problem> {
    let limit = u32::try_from(query.whole("limit", 1..=500, 30)?).unwrap_or(500);
    let offset = query.whole("offset", 0..=u64::MAX, 0)?;
    let words = [("name", Sort::Name), ("recent", Sort::Recent)];
    let sort = query.one_of("sort", &words, Sort::Name)?;
    let initial = match query.text("group")? {
        None => None,
        Some(text) => match Initial::parse(text) {
            None => {
                return Err(Problem::value("group", text, "a letter from A to Z, or `#` (%23)"));
            }
            initial => initial,
        },
    };
    let account = web.whom(&query).await?.named;
    let (rows, total) = match sort {
        Sort::Name => by_name(&web, initial, account, offset, limit).await?,
        Sort::Recent => {
            let query = ContactQuery { sort, initial, account, offset, limit };
            web.app.store.contacts(&query).await?
        }
    };
    let labels = read::label_names(&web.app, rows.iter().map(|row| row.id.account())).await?;
    let contacts: Vec<Contact> =
        rows.iter().map(|row| Contact::of(&web.out, row, &labels)).collect();
    let has_more = offset.saturating_add(u64::from(limit)) < total;
    Ok(Json(Contacts { contacts, total, offset, limit, has_more }))
}

/// A part of the contacts in the order of the phones, which is that of the directory's language; and how many
/// there are in all.
async fn by_name(
    web: &Web,
    initial: Option<Initial>,
    account: Option<AccountId>,
    offset: u64,
    limit: u32,
) -> Result<(Vec<ContactRow>, u64), DbError> {
    let view = web.app.directory.current().await?;
    let contacts = &view.contacts;
    let wanted = |place: &u32| {
        account.is_none_or(|it| contacts.account(*place) == it.0)
            && initial.is_none_or(|it| contacts.initial(*place) == it)
    };
    let places: Vec<u32> = (0..contacts.len() as u32).filter(wanted).collect();
    let first = usize::try_from(offset).unwrap_or(usize::MAX);
    let shown = places.iter().skip(first).take(limit as usize);
    let ids: Vec<i64> = shown.map(|place| contacts.id(*place)).collect();
    Ok((web.app.store.contacts_by_id(&ids).await?, places.len() as u64))
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the document speaks of it")]
pub(crate) enum SortWord {
    /// By the alphabet of DIRECTORY_LOCALE, as on the phones.
    Name,
    /// Changed last, first.
    Recent,
}

/// How big the directory is
#[utoipa::path(
    get, path = "/api/contacts/stats", tag = "contacts", operation_id = "contact_stats",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = ContactStats), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn stats(
    State(web): State<Web>,
    query: Query,
) -> Result<Json<ContactStats>, Problem> {
    let whom = web.whom(&query).await?;
    Ok(Json(ContactStats::of(&web.out, &whom.accounts)))
}

/// One contact
#[utoipa::path(
    get, path = "/api/contacts/{id}", tag = "contacts", operation_id = "get_contact",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = Contact), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(web): State<Web>,
    ContactInPath(id): ContactInPath,
) -> Result<Json<Contact>, Problem> {
    let row = web.app.store.contact(id).await?;
    let row = row.ok_or_else(|| Problem::missing("contact", &web.out.ids().contact(id)))?;
    let labels = read::label_names(&web.app, [id.account()]).await?;
    Ok(Json(Contact::of(&web.out, &row, &labels)))
}
