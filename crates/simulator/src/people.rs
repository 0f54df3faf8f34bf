//! The People API's methods, from parameters to JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::answers::{
    Reply, bad_request, fbs_exhausted, not_found, rate_limited, scope_insufficient,
};
use super::book::parse_resource_name;
use super::domain::{self, DIRECTORY_READONLY};
use super::faults::{Action, Endpoint};
use super::groups;
use super::listing::{ListRequest, Page, Rules};
use super::mask::{INCLUDE_FIELD, Language, Mask, Sources};
use super::oauth::{CONTACTS, CONTACTS_READONLY, Caller, EMAIL, PROFILE};
use super::query::Query;
use super::render::{self, Renderer};
use super::tamper;
use super::world::{Quota, State};

/// A request to the API, with its caller known.
pub(super) struct Call<'a> {
    pub(super) caller: Caller,
    pub(super) endpoint: Endpoint,
    pub(super) path: &'a str,
    pub(super) pairs: Vec<(String, String)>,
    pub(super) language: Language,
    /// What is to be wrong with a listing.
    pub(super) tampering: &'a [Action],
}

/// Most names that a batch may have.
const BATCH_MAX: usize = 200;

pub(super) fn answer(state: &mut State, call: Call) -> Reply {
    let result = match call.endpoint {
        Endpoint::List => list(state, call),
        Endpoint::Directory => list_directory(state, call),
        Endpoint::BatchGet => batch_get(state, call),
        Endpoint::Me => me(state, call),
        Endpoint::Person => person(state, call),
        Endpoint::Groups => groups::list(state, call),
        Endpoint::GroupsBatchGet => groups::batch_get(state, call),
        Endpoint::Auth | Endpoint::Token | Endpoint::Revoke => Err(not_found()),
    };
    result.unwrap_or_else(|refused| refused)
}

fn list(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let user = admit(state, &call, "ListConnections")?;
    let (request, query) = ListRequest::parse(call.pairs)?;
    if request.starts_full_sync() && !state.spend(user, Quota::FullSyncs) {
        return Err(fbs_exhausted().because("the quota for first pages of full syncs"));
    }
    let now = state.now();
    if call.tampering.contains(&Action::TouchAll) {
        state.users[user].book.touch_all(now);
    }
    state.listings += 1;
    let rules = state.rules(user);
    let renderer = Renderer {
        mask: request.mask,
        sources: request.sources,
        language: call.language,
        incremental: request.incremental(),
        in_list: true,
        salt: state.listings,
        mixed: call.tampering.contains(&Action::Reordered),
    };
    let State { users, sealer, serial, .. } = state;
    let book = &users[user].book;
    let mut page = request.page(book, sealer, &rules, serial)?;
    tamper::with_page(&mut page, call.tampering, &request, book, sealer, &rules);
    let total = page.total;
    let mut object = written(page, "connections", None, &query, &renderer, call.tampering);
    for name in ["totalPeople", "totalItems"] {
        if total > 0
            && let Some(out) = object.member(name)
        {
            let _ = write!(out, "{total}");
        }
    }
    Ok(Reply::json(200, object.close()))
}

/// Nothing is promised here about tombstones, so there are none; and nobody is counted.
fn list_directory(state: &mut State, call: Call) -> Result<Reply, Reply> {
    domain::admit(state, &call.caller)?;
    let (list, request, query) = domain::parse(call.pairs)?;
    let now = state.now();
    if call.tampering.contains(&Action::TouchAll) {
        state.domain.book_mut(list).touch_all(now);
    }
    state.listings += 1;
    let rules = Rules { user: state.domain.key(list), ..state.rules(call.caller.user) };
    let renderer = Renderer {
        mask: request.mask,
        sources: request.sources,
        language: call.language,
        incremental: false,
        in_list: true,
        salt: state.listings,
        mixed: call.tampering.contains(&Action::Reordered),
    };
    let State { domain, sealer, serial, .. } = state;
    let book = domain.book(list);
    let mut page = request.page(book, sealer, &rules, serial)?;
    tamper::with_page(&mut page, call.tampering, &request, book, sealer, &rules);
    page.people.retain(|record| !record.deleted);
    let source = Some(list.source());
    let object = written(page, "people", source, &query, &renderer, call.tampering);
    Ok(Reply::json(200, object.close()))
}

/// A page of people, and where to go on. `source`: whence they are, if not from the caller's contacts.
fn written<'a>(
    page: Page,
    member: &str,
    source: Option<&str>,
    query: &'a Query,
    renderer: &Renderer,
    tampering: &[Action],
) -> Object<'a> {
    let Page { people, next_page_token, next_sync_token, .. } = page;
    let mut object = Object::new(query.fields.as_deref());
    if !people.is_empty()
        && let Some(out) = object.member(member)
    {
        out.reserve(people.len() * 1200);
        out.push('[');
        for (index, record) in people.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let from = out.len();
            renderer.person(out, record);
            if let Some(source) = source {
                // No value can hold this: its quotation marks would be escaped.
                let person = out.split_off(from);
                let own = format!("\"type\":\"{source}\"");
                out.push_str(&person.replace("\"type\":\"CONTACT\"", &own));
            }
            if let Some(defect) = tamper::defect_of(tampering, index) {
                let good = out.split_off(from);
                out.push_str(&tamper::spoilt(&good, defect));
            }
        }
        out.push(']');
    }
    for (name, token) in [("nextPageToken", next_page_token), ("nextSyncToken", next_sync_token)] {
        if let Some(token) = token
            && let Some(out) = object.member(name)
        {
            render::string(out, &token);
        }
    }
    object
}

fn batch_get(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let user = admit(state, &call, "GetBatchGet")?;
    let query =
        Query::parse(call.pairs, &["personFields", INCLUDE_FIELD], &["resourceNames", "sources"])?;
    let renderer = single(&query, call.language)?;
    let names: Vec<&str> = query.all("resourceNames").collect();
    if names.is_empty() {
        return Err(bad_request("Resource names list cannot be empty."));
    }
    if names.len() > BATCH_MAX {
        return Err(bad_request(&format!(
            "Resource names list is limited to {BATCH_MAX} resources."
        )));
    }
    Ok(batch(&query, &names, |out, name| {
        let found = parse_resource_name(name)
            .and_then(|name| state.users[user].book.find(name))
            .filter(|record| !record.deleted);
        match found {
            Some(record) => {
                out.push_str(",\"person\":");
                renderer.person(out, record);
            }
            None if name == "people/me" => {
                let _ = write!(out, ",\"person\":{}", profile(state, user, &call.caller));
            }
            None => out.push_str(
                ",\"httpStatusCode\":404,\"status\":{\"code\":5,\"message\":\
                 \"Requested entity was not found.\"}",
            ),
        }
    }))
}

/// The answer to a batch: the names in the order in which they were asked for, and `found` adds what
/// there is of each.
pub(super) fn batch(query: &Query, names: &[&str], found: impl Fn(&mut String, &str)) -> Reply {
    let mut object = Object::new(query.fields.as_deref());
    if let Some(out) = object.member("responses") {
        out.push('[');
        for (index, name) in names.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(out, "{comma}{{\"requestedResourceName\":");
            render::string(out, name);
            found(out, name);
            out.push('}');
        }
        out.push(']');
    }
    Reply::json(200, object.close())
}

fn person(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let user = admit(state, &call, "GetPerson")?;
    let query = Query::parse(call.pairs, &["personFields", INCLUDE_FIELD], &["sources"])?;
    let renderer = single(&query, call.language)?;
    let record = call
        .path
        .strip_prefix("/v1/")
        .and_then(parse_resource_name)
        .and_then(|name| state.users[user].book.find(name))
        .filter(|record| !record.deleted)
        .ok_or_else(not_found)?;
    let mut out = String::new();
    renderer.person(&mut out, record);
    Ok(Reply::json(200, selected(out, &query)))
}

fn me(state: &mut State, call: Call) -> Result<Reply, Reply> {
    let scopes = [CONTACTS, CONTACTS_READONLY, DIRECTORY_READONLY, PROFILE, EMAIL];
    if !call.caller.scopes.iter().any(|scope| scopes.contains(&scope.as_str())) {
        return Err(scope_insufficient("GetPerson"));
    }
    let query = Query::parse(call.pairs, &["personFields", INCLUDE_FIELD], &["sources"])?;
    let mask = Mask::parse(&query)?;
    Sources::parse(&query)?;
    let user = call.caller.user;
    let mut person = profile(state, user, &call.caller);
    if let Some(members) = person.as_object_mut() {
        for (name, field) in [
            ("metadata", Mask::METADATA),
            ("names", Mask::NAMES),
            ("emailAddresses", Mask::EMAIL_ADDRESSES),
        ] {
            if !mask.has(field) {
                members.remove(name);
            }
        }
    }
    Ok(Reply::json(200, selected(person.to_string(), &query)))
}

/// Lets a caller in who may read contacts and has quota left.
pub(super) fn admit(state: &mut State, call: &Call, method: &str) -> Result<usize, Reply> {
    let may = |scope: &String| scope == CONTACTS || scope == CONTACTS_READONLY;
    if !call.caller.scopes.iter().any(may) {
        return Err(scope_insufficient(method));
    }
    if !state.spend(call.caller.user, Quota::CriticalReads) {
        return Err(rate_limited().because("the quota of reads per minute and user"));
    }
    Ok(call.caller.user)
}

/// How people are shown one by one: nothing cut off, and no former names.
fn single(query: &Query, language: Language) -> Result<Renderer, Reply> {
    Ok(Renderer {
        mask: Mask::parse(query)?,
        sources: Sources::parse(query)?,
        language,
        incremental: false,
        in_list: false,
        salt: 0,
        mixed: false,
    })
}

/// The Google user's own profile, with the address only for those who may see it.
fn profile(state: &State, user: usize, caller: &Caller) -> Value {
    let user = &state.users[user];
    let source = json!({ "type": "PROFILE", "id": user.id.to_string() });
    let metadata = json!({ "primary": true, "sourcePrimary": true, "source": source });
    let given = user.email.split('@').next().unwrap_or_default();
    let mut person = json!({
        "resourceName": format!("people/{}", user.id),
        "etag": format!("%EgUBAgcJNBoEAQIFByI{:x}", user.key),
        "metadata": {
            "sources": [{
                "type": "PROFILE",
                "id": user.id.to_string(),
                "etag": format!("#{:x}", user.key),
                "profileMetadata": { "objectType": "PERSON", "userTypes": ["GOOGLE_USER"] },
            }],
            "objectType": "PERSON",
        },
        "names": [{
            "metadata": metadata,
            "displayName": given,
            "givenName": given,
            "displayNameLastFirst": given,
            "unstructuredName": given,
        }],
    });
    if caller.scopes.iter().any(|scope| scope == EMAIL) {
        person["emailAddresses"] = json!([{
            "metadata": { "primary": true, "verified": true, "sourcePrimary": true,
                "source": { "type": "ACCOUNT", "id": user.id.to_string() } },
            "value": user.email,
        }]);
    }
    person
}

/// Keeps only the members that `fields` names, in an answer that is one person.
fn selected(json: String, query: &Query) -> String {
    let (Some(fields), Ok(Value::Object(mut members))) =
        (&query.fields, serde_json::from_str(&json))
    else {
        return json;
    };
    members.retain(|name, _| fields.contains(name));
    Value::Object(members).to_string()
}

/// A JSON object on its way into text, with the members that were asked for.
pub(super) struct Object<'a> {
    out: String,
    wanted: Option<&'a [String]>,
}

impl<'a> Object<'a> {
    pub(super) fn new(wanted: Option<&'a [String]>) -> Object<'a> {
        Object { out: "{".to_owned(), wanted }
    }

    /// Where to write the value of a member; none if nobody wants it.
    pub(super) fn member(&mut self, name: &str) -> Option<&mut String> {
        if self.wanted.is_some_and(|wanted| !wanted.iter().any(|other| other == name)) {
            return None;
        }
        let comma = if self.out.len() > 1 { "," } else { "" };
        let _ = write!(self.out, "{comma}\"{name}\":");
        Some(&mut self.out)
    }

    pub(super) fn close(mut self) -> String {
        self.out.push('}');
        self.out
    }
}
