//! What an installation is made of, and how it does.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{Id, Moment};

/// What this installation is made of, and how it does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct System {
    pub version: &'static str,
    pub started_at: Moment,
    pub uptime_seconds: f64,
    /// Null where the machine does not say.
    pub memory_bytes: Option<u64>,
    pub database: DatabaseState,
    pub accounts: Vec<AccountLease>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DatabaseState {
    #[schema(example = "sqlite")]
    pub kind: &'static str,
    /// Of the database's own program.
    pub version: String,
    /// How many migrations it has seen.
    pub migrations: u64,
    /// Null where it is not a file.
    pub path: Option<String>,
    pub size_bytes: Option<u64>,
    /// SQLite's write-ahead log.
    pub log_bytes: Option<u64>,
    /// Free space beside the file.
    pub free_bytes: Option<u64>,
}

/// How fresh an account is, and who works on it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountLease {
    pub id: Id,
    pub name: String,
    pub last_success_at: Option<Moment>,
    pub age_seconds: Option<f64>,
    /// Null while nobody syncs it.
    pub lease: Option<LeaseShown>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeaseShown {
    /// Host and process.
    pub holder: String,
    pub since: Moment,
    pub is_this_process: bool,
    pub run_id: Option<Id>,
}
