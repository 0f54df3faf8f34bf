//! Why an act was not done, by what the caller can do about it.

use std::time::Duration;

use ringbook_core::contact::excerpt;
use ringbook_core::sync::schedule::ScheduleError;
use ringbook_store::{AccountError, AdminError, DbError};

use crate::auth::SignInError;
use crate::connect::ConnectProblem;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It takes a higher permission.
    #[error("{0}")]
    Forbidden(String),
    #[error("there is no {what} `{}`", excerpt(.id))]
    NotFound { what: &'static str, id: String },
    /// A value that cannot be.
    #[error("`{field}`: found `{}`; allowed is {allowed}", excerpt(.found))]
    Invalid { field: &'static str, found: String, allowed: String },
    /// It contradicts what there is.
    #[error("{0}")]
    Conflict(String),
    /// It was cut off; the same again may work after this time.
    #[error("{message}")]
    Later { message: String, wait: Duration },
    #[error("`{field}`: {problem}")]
    Schedule { field: &'static str, problem: ScheduleError },
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Connect(#[from] ConnectProblem),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<AdminError> for ServiceError {
    fn from(problem: AdminError) -> ServiceError {
        SignInError::from(problem).into()
    }
}

impl ServiceError {
    pub fn invalid(field: &'static str, found: &str, allowed: impl Into<String>) -> ServiceError {
        ServiceError::Invalid { field, found: found.to_owned(), allowed: allowed.into() }
    }

    /// The field that is wrong, where it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            ServiceError::Invalid { field, .. } | ServiceError::Schedule { field, .. } => {
                Some(field)
            }
            _ => None,
        }
    }

    pub fn not_found(what: &'static str, id: &str) -> ServiceError {
        ServiceError::NotFound { what, id: id.to_owned() }
    }
}
