//! What a contact, a number, a phone and a sync are, and every decision about them.
//!
//! Pure: nothing here waits, reads a clock, draws a random number or performs I/O. The time and the
//! dice are handed in; what acts is in the crates that build on this one.

pub mod access;
pub mod clock;
pub mod contact;
pub mod emulator;
pub mod humanize;
pub mod number;
pub mod phone;
pub mod sync;
