//! What can be asked of Ringbook, one function for each act. The API, the dashboard and the command line parse
//! what they are given, call a service and present what it returns.
//!
//! A service takes a [`Caller`], checks that they may, does the act, records it in the audit log, and returns
//! what became of it or a [`ServiceError`]. No service knows of HTTP, pages or terminals.

mod accounts;
mod admins;
mod audit;
mod caller;
mod contacts;
mod error;
mod phones;
mod schedules;
mod tokens;

pub use accounts::{AccountChanges, DisconnectRequest, Disconnected, LABELS_MAX};
pub use admins::NewAdmin;
pub use audit::{AuditAction, AuditSubject};
pub use caller::Caller;
pub use error::ServiceError;
pub use phones::PhoneToken;
pub use schedules::{CRON_LEN_MAX, ScheduleChange, Timing};
pub use tokens::{NewToken, TOKEN_DAYS_MAX};
