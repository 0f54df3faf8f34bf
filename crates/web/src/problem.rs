//! Every way of saying no: a status, a sentence, and where it helps some fields more.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::error;

use ringbook_app::connect::ConnectProblem;
use ringbook_app::services::ServiceError;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::contact::excerpt;
use ringbook_store::{AccountError, DbError, DecisionError, Holder, StartError};

/// Why a request was not served.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    fields: Map<String, Value>,
    retry_after: Option<Duration>,
}

/// Goes along with the answer, for who would say it in another form.
#[derive(Clone, Debug)]
pub(crate) struct ErrorDetail(pub(crate) String);

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), fields: Map::new(), retry_after: None }
    }

    /// What was asked for cannot be understood.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// A value is not what it should be: names it, and says what was found and what is allowed.
    pub(crate) fn value(name: &str, found: &str, allowed: &str) -> Problem {
        Problem::unreadable(format!("`{name}`: found `{}`; allowed is {allowed}", excerpt(found)))
    }

    pub(crate) fn missing(what: &str, id: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} `{}`", excerpt(id)))
    }

    /// It may work later.
    pub(crate) fn later(detail: impl Into<String>, wait: Duration) -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Problem { retry_after: Some(wait), ..problem }
    }

    /// It was asked for too often.
    pub(crate) fn too_many(detail: impl Into<String>, wait: Duration) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        Problem { retry_after: Some(wait), ..problem }
    }

    /// The same in other words.
    pub(crate) fn saying(self, detail: String) -> Problem {
        Problem { detail, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Problem {
        if let Ok(value) = serde_json::to_value(value) {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// A field that goes with it, where it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// Somebody else is at it: who, and since when in the configured zone. `then` is what to do about it.
    fn busy(out: &ApiEncoder, holder: &Holder, then: &str) -> Problem {
        let since = out.time(holder.since);
        let (at, host) = (&since.0, &holder.host);
        let detail = format!("a sync has been in progress since {at}, held by {host}{then}");
        Problem::new(StatusCode::CONFLICT, detail)
            .with("holder", host)
            .with("since", &since)
            .with("run_id", holder.run.map(|run| out.run(run)))
    }

    pub(crate) fn refusal(out: &ApiEncoder, refusal: StartError) -> Problem {
        let detail = refusal.to_string();
        match refusal {
            StartError::Busy(holder) => Problem::busy(out, &holder, ""),
            StartError::AlreadyServed => Problem::new(StatusCode::CONFLICT, detail),
            StartError::NotConnected | StartError::NeedsReauth { .. } => {
                Problem::new(StatusCode::UNAUTHORIZED, detail)
            }
            StartError::Erasing => Problem::later(detail, Duration::from_secs(5)),
            StartError::Closing => Problem::later(detail, Duration::from_secs(10)),
            StartError::Db(problem) => problem.into(),
        }
    }

    pub(crate) fn decision(out: &ApiEncoder, problem: DecisionError) -> Problem {
        let detail = problem.to_string();
        match problem {
            DecisionError::Busy(holder) => Problem::busy(out, &holder, "; decide when it is over"),
            DecisionError::NotHeld | DecisionError::Outdated => {
                Problem::new(StatusCode::CONFLICT, detail)
            }
            DecisionError::Db(problem) => problem.into(),
        }
    }
}

impl From<DbError> for Problem {
    fn from(problem: DbError) -> Problem {
        if let DbError::Vault(problem) = &problem {
            // Its text holds no secret, and only a person can help.
            error!(%problem, "a stored secret cannot be used");
            return Problem::later(format!("a stored secret: {problem}"), Duration::from_secs(60));
        }
        error!(%problem, "the database failed a request");
        Problem::later("the database does not answer as it should", Duration::from_secs(5))
    }
}

impl From<AccountError> for Problem {
    fn from(problem: AccountError) -> Problem {
        let detail = problem.to_string();
        match problem {
            AccountError::Name(_) => Problem::unreadable(format!("`name`: {detail}")),
            AccountError::Taken(_) | AccountError::Lends(_) => {
                Problem::new(StatusCode::CONFLICT, detail)
            }
            AccountError::Gone => Problem::new(StatusCode::NOT_FOUND, detail),
            AccountError::Db(problem) => problem.into(),
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(problem: ServiceError) -> Problem {
        let detail = problem.to_string();
        match problem {
            ServiceError::Forbidden(_) => Problem::new(StatusCode::FORBIDDEN, detail),
            ServiceError::NotFound { .. } => Problem::new(StatusCode::NOT_FOUND, detail),
            ServiceError::Invalid { .. } | ServiceError::Schedule { .. } => {
                Problem::unreadable(detail)
            }
            ServiceError::Conflict(_) => Problem::new(StatusCode::CONFLICT, detail),
            ServiceError::Later { wait, .. } => Problem::later(detail, wait),
            ServiceError::Account(problem) => problem.into(),
            ServiceError::Connect(problem) => problem.into(),
            ServiceError::SignIn(problem) => problem.into(),
            ServiceError::Db(problem) => problem.into(),
        }
    }
}

impl From<ConnectProblem> for Problem {
    fn from(problem: ConnectProblem) -> Problem {
        let detail = problem.to_string();
        let wait = Duration::from_secs(30);
        match problem {
            ConnectProblem::NotConnected | ConnectProblem::Refused(_) => {
                Problem::new(StatusCode::UNAUTHORIZED, detail)
            }
            ConnectProblem::DifferentAccount(_)
            | ConnectProblem::SetElsewhere(_)
            | ConnectProblem::Conflict(_) => Problem::new(StatusCode::CONFLICT, detail),
            ConnectProblem::Unusable(_) => Problem::unreadable(detail),
            ConnectProblem::Misconfigured(_) => Problem::new(StatusCode::BAD_GATEWAY, detail),
            ConnectProblem::NotConfigured
            | ConnectProblem::Unavailable(_)
            | ConnectProblem::Unfinished(_) => Problem::later(detail, wait),
            ConnectProblem::Db(problem) => problem.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, detail, mut fields, retry_after } = self;
        fields.insert("detail".to_owned(), Value::String(detail.clone()));
        let mut response = (status, Json(fields)).into_response();
        response.extensions_mut().insert(ErrorDetail(detail));
        if let Some(wait) = retry_after {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
