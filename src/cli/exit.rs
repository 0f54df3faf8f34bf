//! How a command ends: the exit code for scripts, and the sentence for people.

use std::io;
use std::process::ExitCode;

use ringbook_app::app::OpenAppError;
use ringbook_app::auth::SignInError;
use ringbook_app::config::ConfigErrors;
use ringbook_app::connect::ConnectProblem;
use ringbook_app::services::ServiceError;
use ringbook_app::telemetry::TelemetryError;
use ringbook_core::sync::{FailureCode, Outcome};
use ringbook_store::{AccountError, AdminError, DbError, DecisionError, OpenError, StartError};

/// The exit codes, in one place. [`LIST`] says the same to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    Busy = 3,
    NotConnected = 4,
    Held = 5,
    Unavailable = 6,
    Interrupted = 130,
    Terminated = 143,
}

pub(crate) const LIST: &str = "\
Exit codes:
  0    it is done
  1    it failed, or there is nothing to show
  2    the command line or the configuration is wrong
  3    another sync is in progress
  4    no Google account is connected, or it must be connected again
  5    a sync is on hold and waits for your word
  6    the database cannot be reached now, or another program has locked it
  130  stopped by Ctrl-C, or cancelled (143: by SIGTERM)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    pub(crate) fn of(outcome: Outcome, code: Option<FailureCode>) -> Exit {
        match outcome {
            Outcome::Succeeded | Outcome::Partial => Exit::Ok,
            Outcome::Failed
                if matches!(code, Some(FailureCode::NeedsReauth | FailureCode::NotPermitted)) =>
            {
                Exit::NotConnected
            }
            Outcome::Failed if code == Some(FailureCode::Misconfigured) => Exit::Usage,
            Outcome::Failed | Outcome::Rejected => Exit::Failed,
            Outcome::Held => Exit::Held,
            Outcome::Cancelled | Outcome::Interrupted => Exit::Interrupted,
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CommandError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// Whoever read our output has heard enough: no error, and nobody to tell.
    pub(crate) silent: bool,
}

impl CommandError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> CommandError {
        CommandError { exit, message: message.into(), silent: false }
    }

    pub(crate) fn failed(message: impl Into<String>) -> CommandError {
        CommandError::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> CommandError {
        CommandError::new(Exit::Usage, message)
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> CommandError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return CommandError { exit: Exit::Ok, message: String::new(), silent: true };
        }
        CommandError::failed(error.to_string())
    }
}

impl From<ConfigErrors> for CommandError {
    fn from(error: ConfigErrors) -> CommandError {
        let hint = "`ringbook config --help` says where settings come from";
        CommandError::usage(format!("{error}\n\n{hint}"))
    }
}

impl From<TelemetryError> for CommandError {
    fn from(error: TelemetryError) -> CommandError {
        CommandError::usage(error.to_string())
    }
}

impl From<OpenAppError> for CommandError {
    fn from(error: OpenAppError) -> CommandError {
        if let OpenAppError::Database(
            OpenError::Db(problem) | OpenError::Open { source: problem, .. },
        ) = &error
            && problem.is_for_now()
        {
            let what = problem.hindrance().unwrap_or_else(|| problem.to_string());
            return CommandError::new(Exit::Unavailable, what);
        }
        let message = match &error {
            OpenAppError::Database(OpenError::Newer { .. } | OpenError::Db(DbError::Vault(_)))
            | OpenAppError::Google(_)
            | OpenAppError::Client(_)
            | OpenAppError::Key(_) => error.to_string(),
            OpenAppError::Database(_) => {
                format!("{error}\n\nThe setting is DATABASE_URL; `ringbook config` shows it")
            }
        };
        CommandError::usage(message)
    }
}

impl From<DbError> for CommandError {
    fn from(error: DbError) -> CommandError {
        if error.is_for_now() {
            let what = error.hindrance().unwrap_or_else(|| error.to_string());
            return CommandError::new(Exit::Unavailable, what);
        }
        CommandError::failed(format!("the database: {error}"))
    }
}

impl From<AccountError> for CommandError {
    fn from(error: AccountError) -> CommandError {
        match error {
            AccountError::Db(error) => error.into(),
            AccountError::Gone => CommandError::failed(error.to_string()),
            other => CommandError::usage(other.to_string()),
        }
    }
}

impl From<ServiceError> for CommandError {
    fn from(error: ServiceError) -> CommandError {
        match error {
            ServiceError::Account(error) => error.into(),
            ServiceError::Connect(problem) => problem.into(),
            ServiceError::SignIn(SignInError::People(AdminError::Db(error)))
            | ServiceError::Db(error) => error.into(),
            ServiceError::Later { .. } => CommandError::failed(error.to_string()),
            ServiceError::NotFound { what, .. } => {
                let listing = match what {
                    "account" => "; `ringbook accounts` lists them",
                    "administrator" => "; `ringbook admins` lists them",
                    "phone" | "phone with a token in use" => "; `ringbook phones list` lists them",
                    "token in use" => "; `ringbook tokens` lists them",
                    _ => "",
                };
                CommandError::usage(format!("{error}{listing}"))
            }
            other => CommandError::usage(other.to_string()),
        }
    }
}

impl From<StartError> for CommandError {
    fn from(refusal: StartError) -> CommandError {
        let exit = match &refusal {
            StartError::Busy(_) | StartError::AlreadyServed => Exit::Busy,
            StartError::NotConnected | StartError::NeedsReauth { .. } => Exit::NotConnected,
            StartError::Erasing | StartError::Closing | StartError::Db(_) => Exit::Failed,
        };
        CommandError::new(exit, refusal.to_string())
    }
}

impl From<ConnectProblem> for CommandError {
    fn from(problem: ConnectProblem) -> CommandError {
        let exit = match &problem {
            ConnectProblem::NotConfigured
            | ConnectProblem::Misconfigured(_)
            | ConnectProblem::Unusable(_)
            | ConnectProblem::SetElsewhere(_) => Exit::Usage,
            ConnectProblem::NotConnected | ConnectProblem::Refused(_) => Exit::NotConnected,
            _ => Exit::Failed,
        };
        CommandError::new(exit, problem.to_string())
    }
}

impl From<DecisionError> for CommandError {
    fn from(error: DecisionError) -> CommandError {
        let exit = match &error {
            DecisionError::Busy(_) => Exit::Busy,
            _ => Exit::Failed,
        };
        CommandError::new(exit, error.to_string())
    }
}
