//! Ringbook keeps the directory on desk phones in step with Google Contacts.
//!
//! The modules in reading order: what a contact is, what a phone dials for a number, how a sync
//! decides and acts, where the contacts come from, where they are kept, the directory made of them, what a
//! phone can show, and the faces.

pub mod access;
pub mod alarms;
pub mod app;
pub mod clock;
pub mod config;
pub mod connect;
pub mod contact;
pub mod directory;
pub mod doctor;
pub mod doorkeeper;
pub mod files;
pub mod google;
pub mod handset;
pub mod number;
pub mod outbound;
pub mod phone;
pub mod simulator;
pub mod snippet;
pub mod store;
pub mod sync;
pub mod tasks;
pub mod telemetry;
pub mod vault;
pub(crate) mod words;

pub mod cli;
pub mod web;

#[cfg(any(test, ringbook_fuzz))]
pub mod hostile;
