//! Ways of saying no.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{AccountRun, Id, Moment, Run};

/// Why a request was not served, in words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// What went wrong, and the way out.
    pub detail: String,
}

/// A sync is in progress already.
#[derive(Debug, Serialize, ToSchema)]
pub struct Busy {
    pub detail: String,
    /// Host and process that hold the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Id>,
    /// Set when the run did start, but was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What became of each account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub accounts: Vec<AccountRun>,
}

/// A run that did not succeed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunProblem {
    pub detail: String,
    /// Missing when no run could start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What became of each account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub accounts: Vec<AccountRun>,
}
