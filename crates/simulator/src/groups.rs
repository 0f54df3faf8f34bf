//! Contact groups: their list, which has a short sync token of its own, and the batch.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::answers::{Reply, bad_request, expired_sync_token, invalid_argument, invalid_value};
use super::book::{Book, Group, Record};
use super::people::{Call, Object, admit, batch};
use super::query::Query;
use super::random::fingerprint;
use super::render::{self, GroupFields};
use super::world::State;

const BATCH_MAX: usize = 200;

pub(super) fn list(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let user = admit(state, &call, "ListContactGroups")?;
    let own = ["groupFields", "pageSize", "pageToken", "syncToken"];
    let query = Query::parse(call.pairs, &own, &[])?;
    let fields = fields(&query)?;
    let size = query.page_size(30)?;
    let era = state.groups_era;
    let User { key, book } = user_of(state, user);
    let sync_key = key ^ fingerprint(query.text("groupFields").unwrap_or_default());
    let since = match query.text("syncToken") {
        None => None,
        Some(text) => match state.sealer.open_groups(text, sync_key, era) {
            Some((since, true)) => Some(since),
            Some((_, false)) => {
                return Err(expired_sync_token(state.settings.expired_spelling));
            }
            None => return Err(invalid_argument("not a sync token of this list of groups")),
        },
    };
    // A page token is an offset, sealed for everything that must not change between pages.
    let page_key = !sync_key ^ (size as u64).rotate_left(8) ^ since.map_or(u64::MAX, |at| at << 20);
    let offset = match query.text("pageToken") {
        None => 0,
        Some(text) => match state.sealer.open_groups(text, page_key, 0) {
            Some((offset, _)) => offset as usize,
            None => return Err(invalid_argument("not a page token of this list of groups")),
        },
    };
    let wanted: Vec<&Group> = book
        .groups()
        .iter()
        .filter(|group| !group.legacy)
        .filter(|group| match since {
            Some(since) => group.changed > since,
            None => !group.deleted,
        })
        .collect();
    let page = &wanted[offset.min(wanted.len())..(offset + size).min(wanted.len())];
    let members = member_counts(book, fields.member_count);
    let mut object = Object::new(query.fields.as_deref());
    if !page.is_empty()
        && let Some(out) = object.member("contactGroups")
    {
        out.push('[');
        for (index, group) in page.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            render::group(out, group, count(&members, group), &fields);
        }
        out.push(']');
    }
    if !wanted.is_empty()
        && let Some(out) = object.member("totalItems")
    {
        let _ = write!(out, "{}", wanted.len());
    }
    let delivered = offset + page.len();
    // Nobody has to ask for the sync token here, and it comes with the last page.
    let (name, token) = if delivered < wanted.len() {
        ("nextPageToken", state.sealer.groups(page_key, delivered as u64, 0))
    } else {
        ("nextSyncToken", state.sealer.groups(sync_key, book.sequence(), era))
    };
    if let Some(out) = object.member(name) {
        render::string(out, &token);
    }
    Ok(Reply::json(200, object.close()))
}

pub(super) fn batch_get(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let user = admit(state, &call, "BatchGetContactGroups")?;
    let query = Query::parse(call.pairs, &["groupFields", "maxMembers"], &["resourceNames"])?;
    let fields = fields(&query)?;
    let names: Vec<&str> = query.all("resourceNames").collect();
    if names.is_empty() || names.len() > BATCH_MAX {
        return Err(bad_request(&format!(
            "Resource names list must have between 1 and {BATCH_MAX} resources."
        )));
    }
    let members_max = match query.text("maxMembers") {
        None => 0,
        Some(text) => {
            text.parse::<usize>().map_err(|_| invalid_value("max_members", "TYPE_INT32", text))?
        }
    };
    let User { book, .. } = user_of(state, user);
    let members = member_counts(book, fields.member_count);
    Ok(batch(&query, &names, |out, name| {
        let id = name.strip_prefix("contactGroups/").unwrap_or_default();
        let found = book.groups().iter().find(|group| group.id == id && !group.deleted);
        match found {
            Some(group) => {
                out.push_str(",\"contactGroup\":");
                render::group(out, group, count(&members, group), &fields);
                add_members(out, book, group, members_max);
            }
            None => out.push_str(
                ",\"status\":{\"code\":5,\"message\":\"Requested entity was not found.\"}",
            ),
        }
    }))
}

/// Names some members in the group that was just written.
fn add_members(out: &mut String, book: &Book, group: &Group, max: usize) {
    let is_member = |record: &&Record| record.contact.groups.contains(&group.id);
    let mut members = book.live().filter(is_member).take(max).peekable();
    if members.peek().is_none() {
        return;
    }
    out.pop();
    out.push_str(",\"memberResourceNames\":[");
    for (index, record) in members.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"people/c{}\"", record.name);
    }
    out.push_str("]}");
}

struct User<'a> {
    key: u64,
    book: &'a Book,
}

fn user_of(state: &State, user: usize) -> User<'_> {
    let user = &state.users[user];
    User { key: user.key, book: &user.book }
}

fn fields(query: &Query) -> Result<GroupFields, Reply> {
    let Some(text) = query.text("groupFields") else {
        return Ok(GroupFields {
            metadata: true,
            group_type: true,
            member_count: true,
            name: true,
        });
    };
    let mut fields =
        GroupFields { metadata: false, group_type: false, member_count: false, name: false };
    for path in text.split(',') {
        match path.trim() {
            "clientData" => {}
            "groupType" => fields.group_type = true,
            "memberCount" => fields.member_count = true,
            "metadata" => fields.metadata = true,
            "name" => fields.name = true,
            other => {
                return Err(bad_request(&format!("Invalid groupFields mask path: \"{other}\".")));
            }
        }
    }
    Ok(fields)
}

fn member_counts(book: &Book, wanted: bool) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    if wanted {
        for group in book.live().flat_map(|record| &record.contact.groups) {
            *counts.entry(group.as_str()).or_default() += 1;
        }
    }
    counts
}

fn count(counts: &HashMap<&str, usize>, group: &Group) -> usize {
    counts.get(group.id.as_str()).copied().unwrap_or_default()
}
