//! How well the service is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::Moment;
use ringbook_core::string_enum;

string_enum! {
    /// How well the service is.
    HealthState {
        Healthy = "healthy",
        /// It serves, but somebody should look.
        Degraded = "degraded",
        Unhealthy = "unhealthy",
    }
}

/// How well the service is, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    pub status: HealthState,
    pub checks: Checks,
    /// Of the account that has been waiting longest.
    pub last_success_at: Option<Moment>,
    pub age_seconds: Option<f64>,
    pub version: &'static str,
    /// Whether the log tells the steps of everything (`LOG_LEVEL` is `debug` or `trace`).
    pub debug: bool,
    /// Whether what it takes to ask Google is configured. An impossible setting does not let the server start.
    pub config_valid: bool,
    /// What is missing.
    pub config_errors: Vec<String>,
    pub uptime_seconds: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Checks {
    pub database: Check,
    pub sync: Check,
    pub google: Check,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    pub status: HealthState,
    pub message: String,
}

impl Check {
    pub fn new(status: HealthState, message: impl Into<String>) -> Check {
        Check { status, message: message.into() }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Liveness {
    #[schema(example = "alive")]
    pub status: &'static str,
}
