//! The document of the API: what the routes cannot say about themselves.

use axum::http::Method;
use jiff::tz;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
    Schema, Type,
};
use utoipa::{OpenApi as _, PartialSchema};

use crate::accounts::KeepWord;
use crate::auth::right;
use crate::contacts::SortWord;
use ringbook_app::wire::ProblemBody;
use ringbook_core::access::Permission;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Ringbook",
        description = "Keeps the directory on desk phones in step with Google Contacts.\n\nErrors are \
            `{\"detail\": \"…\"}` with a fitting status. Times are RFC 3339 with the offset of the \
            configured zone.",
    ),
    tags(
        (name = "sync", description = "Asking for syncs and watching them"),
        (name = "runs", description = "What one sync did, and the word on one that is on hold"),
        (name = "accounts", description = "The Google accounts that are mirrored"),
        (name = "contacts", description = "The directory"),
        (name = "dialling", description = "What phones dial"),
        (name = "auth", description = "Google's permission"),
        (name = "access", description = "Who may get in"),
        (name = "operations", description = "Health and metrics"),
    ),
    components(schemas(ProblemBody, SortWord, KeepWord)),
)]
struct Document;

pub(crate) fn beginning() -> OpenApi {
    Document::openapi()
}

/// Adds what holds for all operations alike, and the time zones that this build knows.
pub(crate) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (&mut item.get, Method::GET),
            (&mut item.post, Method::POST),
            (&mut item.put, Method::PUT),
            (&mut item.patch, Method::PATCH),
            (&mut item.delete, Method::DELETE),
        ];
        for (operation, method) in methods {
            if let Some(operation) = operation {
                amend(operation, method != Method::GET);
                guard(operation, right(&method, path));
            }
        }
    }
    if let Some(components) = &mut document.components {
        let token =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("rbk_…").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("ringbook"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
    if let Some(components) = &mut document.components
        && let Some(RefOr::T(Schema::Object(by_cron))) = components.schemas.get_mut("ByCron")
    {
        by_cron.properties.insert("time_zone".to_owned(), zones());
    }
}

fn amend(operation: &mut Operation, changes: bool) {
    let mut read = false;
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            read |= parameter.parameter_in != ParameterIn::Header;
            parameter.schema = parameter.schema.take().map(never_null);
        }
    }
    let body = operation.request_body.is_some();
    let mut may = vec![("503", "The database does not answer, or this server is shutting down")];
    if read || body {
        may.push(("422", "A value is not what it should be"));
    }
    if changes {
        may.push(("403", "Sent by a page of another site"));
        may.push(("413", "The body is too large"));
    }
    if body {
        may.push(("408", "The body took too long to come"));
        may.push(("415", "The body is not JSON"));
    }
    for (status, words) in may {
        let responses = &mut operation.responses.responses;
        if !responses.contains_key(status) {
            responses.insert(status.to_owned(), RefOr::T(problem(words, status == "503")));
        }
    }
}

/// Says who may, and what the others are told.
fn guard(operation: &mut Operation, right: Permission) {
    let refusals: &[(&str, &str)] = match right {
        Permission::Open => &[],
        Permission::Phones => &[
            ("401", "A token was sent that is not valid"),
            ("403", "Neither from PHONE_NETWORKS nor with a token"),
            ("429", "This phone asks too often"),
        ],
        Permission::Read | Permission::Sync | Permission::Admin => &[
            ("401", "Not signed in, and no token"),
            ("403", "The token does not reach so far, or a page of another site sent this"),
        ],
    };
    for (status, words) in refusals {
        let responses = &mut operation.responses.responses;
        if !responses.contains_key(*status) {
            responses.insert((*status).to_owned(), RefOr::T(problem(words, false)));
        }
    }
    let word = match right {
        Permission::Open => return,
        Permission::Phones => "phones",
        Permission::Read => "read",
        Permission::Sync => "sync",
        Permission::Admin => "admin",
    };
    let description = operation.description.take().unwrap_or_default();
    operation.description =
        Some(format!("{description}\n\nTakes the right `{word}`.").trim().to_owned());
    let none: [&str; 0] = [];
    operation.security = Some(vec![
        SecurityRequirement::new("token", none),
        SecurityRequirement::new("session", none),
        // From this machine while there is no administrator, and for phones by their network.
        SecurityRequirement::default(),
    ]);
}

/// What may be left out of an address is not null when it is there, whatever its Rust type says.
fn never_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type {
                let mut types = types.iter().filter(|it| **it != Type::Null).cloned();
                if let Some(only) = types.next() {
                    object.schema_type = SchemaType::Type(only);
                }
            }
            // A number of any size is taken, and counts as the biggest that there can be.
            if object.schema_type == SchemaType::Type(Type::Integer) {
                object.format = None;
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::OneOf(one_of)) => {
            let named = one_of.items.iter().find(|it| matches!(it, RefOr::Ref(_))).cloned();
            named.unwrap_or(RefOr::T(Schema::OneOf(one_of)))
        }
        other => other,
    }
}

fn problem(words: &str, later: bool) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(words).content("application/json", content);
    let seconds = HeaderBuilder::new().schema(Some(u64::schema())).build();
    let response = if later { response.header("retry-after", seconds) } else { response };
    response.build()
}

fn zones() -> RefOr<Schema> {
    let names: Vec<String> = tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let mut values: Vec<Option<String>> = names.into_iter().map(Some).collect();
    values.push(None);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let zone = ObjectBuilder::new()
        .schema_type(types)
        .enum_values(Some(values))
        .description(Some("An IANA name; the configured zone unless given."));
    RefOr::T(Schema::Object(zone.build()))
}
