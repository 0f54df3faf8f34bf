//! The parts put together, the same for the server, the commands and the tests.

pub mod access;
pub mod alarms;
pub mod app;
pub mod auth;
pub mod config;
pub mod connect;
pub mod directory;
pub mod doctor;
pub mod read;
pub mod services;
pub mod snippet;
pub mod telemetry;
pub mod wire;

pub use app::*;
