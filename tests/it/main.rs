//! Tests of the whole, through its public faces. One binary, because linking is what takes time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the message")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod accounts;
mod alarms;
mod api;
mod below;
mod cli;
mod compression;
mod connecting;
mod consent;
mod containers;
mod crash;
mod directory;
mod emulator;
mod faces;
mod for_good;
mod google;
mod kill;
mod lease_model;
mod listeners;
mod messages;
mod migrating;
mod minting;
mod names;
mod numbers;
mod operating;
mod outages;
mod pages_access;
mod pages_accounts;
mod pages_browser;
mod pages_contacts;
mod pages_phones;
mod pages_settings;
mod phones;
mod phones_setup;
mod postgres;
mod postgres_tls;
mod power;
mod proxies;
mod regressions;
mod schemathesis;
mod secrets;
mod simulator;
mod sources;
mod store;
mod supervisor;
mod sync;
mod tidy;
