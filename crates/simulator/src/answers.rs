//! Google's words: the error bodies it is known to send, and some that proxies send for it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an endpoint answers, before it is put on the wire.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// Why a request was refused. Google would not say; the simulator notes it in its log.
    pub(super) why: Option<String>,
}

pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const HTML: &str = "text/html; charset=UTF-8";

impl Reply {
    pub(super) fn json(status: u16, body: String) -> Reply {
        Reply { status, content_type: JSON, headers: Vec::new(), body, why: None }
    }

    pub(super) fn html(status: u16, body: &str) -> Reply {
        Reply { content_type: HTML, ..Reply::json(status, body.to_owned()) }
    }

    pub(super) fn because(mut self, why: impl Into<String>) -> Reply {
        self.why = Some(why.into());
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }
}

/// An answer that a fault can put in place of the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canned {
    /// 429 of the per-minute quota.
    RateLimit,
    /// 429 "FBS quota limit exceeded".
    FbsQuota,
    /// 403: the People API is not enabled for the project.
    ServiceDisabled,
    /// 403: the grant lacks the scope.
    ScopeInsufficient,
    /// The same, in words only.
    ScopeInsufficientBare,
    /// 403 in the older error format, which is to be retried.
    UserRateLimitExceeded,
    /// 403 without details.
    Forbidden,
    /// 400: the account is of no Workspace domain, so it has no directory.
    NoDomain,
    /// 400: the account has no Google Contacts.
    NoContacts,
    /// 403: the Cloud project is suspended.
    ConsumerSuspended,
    Unauthenticated,
    NotFound,
    Gone,
    InvalidArgument,
    ExpiredSyncToken,
    /// The same with the other spelling of its status.
    ExpiredSyncTokenInvalidArgument,
    InternalError,
    BadGateway,
    Unavailable,
    UnavailableHtml,
    DeadlineExceeded,
    /// 200 with a login page, as a hotel's network answers.
    HtmlPage,
    EmptyBody,
    JsonArray,
    JsonNull,
    JsonEmptyObject,
    // From here on, what the token endpoint says.
    InvalidGrant,
    InvalidGrantBadRequest,
    InvalidRapt,
    InvalidClient,
    AdminPolicyEnforced,
    /// The account's Advanced Protection forbids it.
    PolicyEnforced,
    AccountDeleted,
    TemporarilyUnavailable,
    InternalFailure,
}

impl Canned {
    pub(super) fn reply(self) -> Reply {
        match self {
            Canned::RateLimit => rate_limited(),
            Canned::FbsQuota => fbs_exhausted(),
            Canned::ServiceDisabled => service_disabled(),
            Canned::ScopeInsufficient => scope_insufficient("ListConnections"),
            Canned::ScopeInsufficientBare => {
                let message = "Request had insufficient authentication scopes.";
                error(403, message, "PERMISSION_DENIED", None)
            }
            Canned::UserRateLimitExceeded => old_error(),
            Canned::Forbidden => {
                error(403, "The caller does not have permission", "PERMISSION_DENIED", None)
            }
            Canned::NoDomain => {
                error(400, "Must be a G Suite domain user.", "FAILED_PRECONDITION", None)
            }
            Canned::NoContacts => {
                error(400, "Precondition check failed.", "FAILED_PRECONDITION", None)
            }
            Canned::ConsumerSuspended => consumer_suspended(),
            Canned::Unauthenticated => unauthenticated(),
            Canned::NotFound => not_found(),
            Canned::Gone => {
                error(410, "Sync token is no longer valid, as per request.", "GONE", None)
            }
            Canned::InvalidArgument => invalid_argument("a fault was asked for"),
            Canned::ExpiredSyncToken => expired_sync_token(Spelling::FailedPrecondition),
            Canned::ExpiredSyncTokenInvalidArgument => {
                expired_sync_token(Spelling::InvalidArgument)
            }
            Canned::InternalError => error(500, "Internal error encountered.", "INTERNAL", None),
            Canned::BadGateway => Reply::html(502, &html_error(502, "Bad Gateway")),
            Canned::Unavailable => {
                error(503, "The service is currently unavailable.", "UNAVAILABLE", None)
            }
            Canned::UnavailableHtml => Reply::html(503, &html_error(503, "Service Unavailable")),
            Canned::DeadlineExceeded => error(
                504,
                "Deadline expired before operation could complete.",
                "DEADLINE_EXCEEDED",
                None,
            ),
            Canned::HtmlPage => Reply::html(
                200,
                "<!DOCTYPE html><html><head><title>Welcome</title></head>\
                 <body><form>Log in to the hotel's network</form></body></html>",
            ),
            Canned::EmptyBody => Reply::json(200, String::new()),
            Canned::JsonArray => Reply::json(200, "[]".to_owned()),
            Canned::JsonNull => Reply::json(200, "null".to_owned()),
            Canned::JsonEmptyObject => Reply::json(200, "{}".to_owned()),
            Canned::InvalidGrant => {
                oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
            }
            Canned::InvalidGrantBadRequest => oauth_error(400, "invalid_grant", "Bad Request"),
            Canned::InvalidRapt => Reply::json(
                400,
                json!({
                    "error": "invalid_grant",
                    "error_description": "reauth related error (invalid_rapt)",
                    "error_subtype": "invalid_rapt",
                })
                .to_string(),
            ),
            Canned::InvalidClient => oauth_error(401, "invalid_client", "Unauthorized"),
            Canned::AdminPolicyEnforced => {
                Reply::json(400, json!({ "error": "admin_policy_enforced" }).to_string())
            }
            Canned::PolicyEnforced => oauth_error(400, "policy_enforced", "Advanced Protection"),
            Canned::AccountDeleted => oauth_error(400, "invalid_grant", "Account has been deleted"),
            Canned::TemporarilyUnavailable => {
                oauth_error(503, "temporarily_unavailable", "Try again later")
            }
            Canned::InternalFailure => oauth_error(500, "internal_failure", "Backend Error"),
        }
    }
}

/// How the status of an expired sync token is spelled. Both have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    #[default]
    FailedPrecondition,
    InvalidArgument,
}

pub(super) fn error(code: u16, message: &str, status: &str, details: Option<Value>) -> Reply {
    let mut error = json!({ "code": code, "message": message, "status": status });
    if let Some(details) = details {
        error["details"] = details;
    }
    Reply::json(code, json!({ "error": error }).to_string())
}

/// All that Google says about a token it does not like, or parameters that do not match.
pub(super) fn invalid_argument(why: impl Into<String>) -> Reply {
    let message = "Request contains an invalid argument.";
    error(400, message, "INVALID_ARGUMENT", None).because(why)
}

pub(super) fn bad_request(message: &str) -> Reply {
    error(400, message, "INVALID_ARGUMENT", None).because(message)
}

pub(super) fn unknown_parameter(name: &str) -> Reply {
    let message = format!(
        "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. \
         Field '{name}' could not be found in request message."
    );
    bad_field(&message)
}

pub(super) fn invalid_value(field: &str, kind: &str, value: &str) -> Reply {
    bad_field(&format!("Invalid value at '{field}' ({kind}), \"{value}\""))
}

fn bad_field(message: &str) -> Reply {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "description": message }],
    }]);
    error(400, message, "INVALID_ARGUMENT", Some(details)).because(message)
}

pub(super) fn expired_sync_token(spelling: Spelling) -> Reply {
    let status = match spelling {
        Spelling::FailedPrecondition => "FAILED_PRECONDITION",
        Spelling::InvalidArgument => "INVALID_ARGUMENT",
    };
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "EXPIRED_SYNC_TOKEN",
        "domain": "people.googleapis.com",
    }]);
    let message = "Sync token is expired. Clear local cache and retry call without the sync token.";
    error(400, message, status, Some(details)).because("the sync token has expired")
}

pub(super) fn unauthenticated() -> Reply {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access \
        token, login cookie or other valid authentication credential. See \
        https://developers.google.com/identity/sign-in/web/devconsole-project.";
    error(401, message, "UNAUTHENTICATED", None).with_header(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"".to_owned(),
    )
}

pub(super) fn credentials_missing() -> Reply {
    let message = "Request is missing required authentication credential. Expected OAuth 2 \
        access token, login cookie or other valid authentication credential. See \
        https://developers.google.com/identity/sign-in/web/devconsole-project.";
    error(401, message, "UNAUTHENTICATED", None)
        .with_header("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"".to_owned())
}

pub(super) fn scope_insufficient(method: &str) -> Reply {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {
            "service": "people.googleapis.com",
            "method": format!("google.people.v1.PeopleService.{method}"),
        },
    }]);
    let message = "Request had insufficient authentication scopes.";
    error(403, message, "PERMISSION_DENIED", Some(details))
}

pub(super) fn not_found() -> Reply {
    error(404, "Requested entity was not found.", "NOT_FOUND", None)
}

pub(super) fn rate_limited() -> Reply {
    let quota = "Critical read requests (Contact and Profile Reads)";
    let message = format!(
        "Quota exceeded for quota metric '{quota}' and limit '{quota} per minute per user' of \
         service 'people.googleapis.com' for consumer 'project_number:1234567890'."
    );
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {
            "service": "people.googleapis.com",
            "quota_metric": "people.googleapis.com/critical_read_requests",
            "quota_limit": "CriticalReadsPerMinutePerProjectPerUser",
            "consumer": "projects/1234567890",
        },
    }]);
    error(429, &message, "RESOURCE_EXHAUSTED", Some(details))
}

pub(super) fn fbs_exhausted() -> Reply {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            { "subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded" },
        ],
    }]);
    let message = "Resource has been exhausted (e.g. check quota).";
    error(429, message, "RESOURCE_EXHAUSTED", Some(details))
}

fn service_disabled() -> Reply {
    let link = "https://console.developers.google.com/apis/api/people.googleapis.com/overview\
        ?project=1234567890";
    let message = format!(
        "People API has not been used in project 1234567890 before or it is disabled. Enable it \
         by visiting {link} then retry. If you enabled this API recently, wait a few minutes for \
         the action to propagate to our systems and retry."
    );
    let details = json!([
        {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{ "description": "Google developers console API activation", "url": link }],
        },
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "domain": "googleapis.com",
            "metadata": { "service": "people.googleapis.com", "consumer": "projects/1234567890" },
        },
    ]);
    error(403, &message, "PERMISSION_DENIED", Some(details))
}

fn consumer_suspended() -> Reply {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "CONSUMER_SUSPENDED",
        "domain": "googleapis.com",
        "metadata": { "service": "people.googleapis.com", "consumer": "projects/1234567890" },
    }]);
    let message =
        "Permission denied: Consumer &#39;project_number:1234567890&#39; has been suspended.";
    error(403, message, "PERMISSION_DENIED", Some(details))
}

fn old_error() -> Reply {
    let body = json!({ "error": {
        "code": 403,
        "message": "User Rate Limit Exceeded",
        "errors": [{
            "message": "User Rate Limit Exceeded",
            "domain": "usageLimits",
            "reason": "userRateLimitExceeded",
        }],
        "status": "PERMISSION_DENIED",
    }});
    Reply::json(403, body.to_string())
}

pub(super) fn oauth_error(status: u16, code: &str, description: &str) -> Reply {
    let body = json!({ "error": code, "error_description": description });
    Reply::json(status, body.to_string()).because(format!("{code}: {description}"))
}

pub(super) fn html_error(status: u16, title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} ({title})!!1</title>\n\
         <p><b>{status}.</b> <ins>That’s an error.</ins>\n\
         <p>{title}. <ins>That’s all we know.</ins>\n"
    )
}
