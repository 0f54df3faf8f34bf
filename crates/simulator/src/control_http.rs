//! The same levers over HTTP, for everyone else.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::book::BookError;
use super::contact::Contact;
use super::control::Control;
use super::faults::Fault;
use super::oauth::{CONTACTS_READONLY, Consent, find};
use super::server::Asked;
use super::world::World;

/// What went wrong with a control request: the status and a sentence.
struct Refused(u16, String);

impl From<BookError> for Refused {
    fn from(error: BookError) -> Refused {
        let status = match error {
            BookError::Unknown(_) | BookError::UnknownGroup(_) => 404,
            BookError::NotDeleted(_) | BookError::Same => 409,
        };
        Refused(status, error.to_string())
    }
}

pub(super) fn answer(world: &Arc<World>, asked: &Asked) -> Response {
    let (status, value) = match act(world, asked) {
        Ok(value) => (200, value),
        Err(Refused(status, detail)) => (status, json!({ "detail": detail })),
    };
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Count {
    count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    keep: String,
    drop: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchUser {
    email: String,
    #[serde(default)]
    contacts: usize,
    #[serde(default = "yes")]
    grants_too: bool,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Grant {
    scopes: Vec<String>,
}

impl Default for Grant {
    fn default() -> Grant {
        Grant {
            scopes: vec![CONTACTS_READONLY.to_owned(), "email".to_owned(), "openid".to_owned()],
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Delegation {
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sharing {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

fn yes() -> bool {
    true
}

fn act(world: &Arc<World>, asked: &Asked) -> Result<Value, Refused> {
    let mut control = Control::new(world);
    if let Some(email) = find(&asked.query, "user") {
        control = control.of(email);
    }
    control = match find(&asked.query, "list") {
        None => control,
        Some("directory") => control.directory(),
        Some("shared") => control.shared(),
        Some(other) => {
            return Err(Refused(
                400,
                format!("`list`: found `{other}`; allowed is directory or shared"),
            ));
        }
    };
    let path = asked.path.trim_start_matches("/simulator").trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    let done = || Ok(json!({ "done": true }));
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", [""]) => Ok(json!({ "endpoints": ENDPOINTS })),
        ("POST", ["contacts"]) => {
            Ok(json!({ "resourceName": control.add(body::<Contact>(asked)?) }))
        }
        ("POST", ["contacts", "generate"]) => {
            Ok(json!({ "resourceNames": control.generate(body::<Count>(asked)?.count) }))
        }
        ("POST", ["contacts", "delete-many"]) => {
            Ok(json!({ "resourceNames": control.delete_many(body::<Count>(asked)?.count) }))
        }
        ("POST", ["contacts", "touch-all"]) => {
            control.touch_all();
            done()
        }
        ("POST", ["contacts", "merge"]) => {
            let Merge { keep, drop } = body(asked)?;
            control.merge(&keep, &drop)?;
            done()
        }
        (method, ["contacts", rest @ ..]) => {
            // Both `contacts/c12` and `contacts/people/c12` are understood.
            let rest = rest.strip_prefix(&["people"]).unwrap_or(rest);
            let Some((id, rest)) = rest.split_first() else { return Err(nowhere()) };
            contact(&control, method, &format!("people/{id}"), rest, asked)
        }
        ("POST", ["groups"]) => Ok(json!({ "id": control.add_group(&body::<Named>(asked)?.name) })),
        ("PATCH", ["groups", id]) => {
            control.rename_group(id, &body::<Named>(asked)?.name)?;
            done()
        }
        ("DELETE", ["groups", id]) => {
            control.delete_group(id)?;
            done()
        }
        ("POST", ["changes"]) => {
            control.change_at_random(body::<Count>(asked)?.count);
            done()
        }
        ("GET", ["truth"]) => {
            let contacts = control.truth();
            Ok(json!({ "count": contacts.len(), "contacts": contacts }))
        }
        _ => machinery(&control, asked, &segments),
    }
}

fn contact(
    control: &Control,
    method: &str,
    name: &str,
    rest: &[&str],
    asked: &Asked,
) -> Result<Value, Refused> {
    match (method, rest) {
        ("GET", []) => {
            let contact =
                control.contact(name).ok_or_else(|| BookError::Unknown(name.to_owned()))?;
            Ok(json!(contact))
        }
        ("PATCH", []) => {
            let contact =
                control.contact(name).ok_or_else(|| BookError::Unknown(name.to_owned()))?;
            let patched = patched(&contact, body(asked)?)?;
            control.edit(name, |contact| *contact = patched)?;
            Ok(json!({ "resourceName": name }))
        }
        ("DELETE", []) => {
            control.delete(name)?;
            Ok(json!({ "resourceName": name }))
        }
        ("POST", ["restore"]) => {
            control.restore(name)?;
            Ok(json!({ "resourceName": name }))
        }
        ("POST", ["touch"]) => {
            control.touch(name)?;
            Ok(json!({ "resourceName": name }))
        }
        ("POST", ["rename"]) => Ok(json!({ "resourceName": control.rename(name)? })),
        _ => Err(nowhere()),
    }
}

fn machinery(control: &Control, asked: &Asked, segments: &[&str]) -> Result<Value, Refused> {
    let done = || Ok(json!({ "done": true }));
    match (asked.method.as_str(), segments) {
        ("POST", ["expire-sync-tokens"]) => control.expire_sync_tokens(),
        ("POST", ["expire-page-tokens"]) => control.expire_page_tokens(),
        ("POST", ["expire-access-tokens"]) => control.expire_access_tokens(),
        ("POST", ["revoke-grants"]) => control.revoke_grants(),
        ("GET", ["service-account"]) => return Ok(control.service_key()),
        ("POST", ["delegation"]) => {
            let scopes = body::<Delegation>(asked)?.scopes;
            control.delegate(&scopes.iter().map(String::as_str).collect::<Vec<_>>());
        }
        ("POST", ["directory-sharing"]) => control.share_directory(body::<Sharing>(asked)?.on),
        ("GET", ["user"]) => return Ok(json!({ "email": control.present_user() })),
        ("POST", ["user"]) => {
            let SwitchUser { email, contacts, grants_too } = body(asked)?;
            control.switch_user(&email, contacts, grants_too);
        }
        ("POST", ["consent"]) => control.set_consent(body::<Consent>(asked)?),
        ("POST", ["grant"]) => return Ok(json!(control.grant(&body::<Grant>(asked)?.scopes))),
        ("POST", ["clock"]) => {
            let seconds = body::<Advance>(asked)?.advance_seconds;
            control.advance_clock(std::time::Duration::from_secs(seconds));
        }
        ("GET", ["settings"]) => return Ok(json!(control.settings())),
        ("PATCH", ["settings"]) => {
            let settings = patched(&control.settings(), body(asked)?)?;
            control.change_settings(|current| *current = settings);
            return Ok(json!(control.settings()));
        }
        ("GET", ["faults"]) => return Ok(json!({ "faults": control.faults() })),
        ("POST", ["faults"]) => {
            let faults = match body::<Value>(asked)? {
                Value::Array(many) => many,
                one => vec![one],
            };
            let faults: Vec<Fault> =
                faults.into_iter().map(parsed).collect::<Result<_, Refused>>()?;
            let ids: Vec<u64> = faults.into_iter().map(|fault| control.add_fault(fault)).collect();
            return Ok(json!({ "ids": ids }));
        }
        ("DELETE", ["faults"]) => control.clear_faults(),
        ("DELETE", ["faults", id]) => {
            if !id.parse().is_ok_and(|id| control.remove_fault(id)) {
                return Err(Refused(404, format!("there is no fault `{id}`")));
            }
        }
        ("GET", ["log"]) => {
            return Ok(json!({ "requests": control.log(), "counters": control.counters() }));
        }
        ("DELETE", ["log"]) => control.clear_log(),
        _ => return Err(nowhere()),
    }
    done()
}

fn nowhere() -> Refused {
    Refused(404, "no such lever; GET /simulator lists them".to_owned())
}

fn body<T: DeserializeOwned>(asked: &Asked) -> Result<T, Refused> {
    let text = if asked.body.trim().is_empty() { "{}" } else { &asked.body };
    serde_json::from_str(text).map_err(|error| Refused(400, error.to_string()))
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Refused> {
    serde_json::from_value(value).map_err(|error| Refused(400, error.to_string()))
}

/// The members that a patch names replace those there were; null takes one away.
fn patched<T: serde::Serialize + DeserializeOwned>(old: &T, patch: Value) -> Result<T, Refused> {
    let mut value = serde_json::to_value(old).map_err(|error| Refused(500, error.to_string()))?;
    let (Value::Object(members), Value::Object(patch)) = (&mut value, patch) else {
        return Err(Refused(400, "a JSON object is wanted".to_owned()));
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    parsed(value)
}

const ENDPOINTS: &[&str] = &[
    "POST /simulator/contacts",
    "GET|PATCH|DELETE /simulator/contacts/{c123}",
    "POST /simulator/contacts/{c123}/rename|restore|touch",
    "POST /simulator/contacts/merge {keep, drop}",
    "POST /simulator/contacts/generate|delete-many {count}",
    "POST /simulator/contacts/touch-all",
    "POST /simulator/groups {name}",
    "PATCH|DELETE /simulator/groups/{id}",
    "POST /simulator/changes {count}",
    "GET /simulator/truth",
    "POST /simulator/expire-sync-tokens|expire-page-tokens|expire-access-tokens|revoke-grants",
    "GET|POST /simulator/user {email, contacts, grants_too}",
    "POST /simulator/consent {deny, scopes}",
    "GET /simulator/service-account",
    "POST /simulator/delegation {scopes}",
    "POST /simulator/directory-sharing {on}",
    "POST /simulator/grant {scopes}",
    "POST /simulator/clock {advance_seconds}",
    "GET|PATCH /simulator/settings",
    "GET|POST|DELETE /simulator/faults",
    "DELETE /simulator/faults/{id}",
    "GET|DELETE /simulator/log",
];
