//! Whole histories of several processes on one database, under faults, from seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the message")]

mod actions;
mod chance;
mod check;
mod faults;
mod for_good;
mod google;
mod heal;
mod history;
mod life;
#[path = "../support/never.rs"]
mod never;
mod planting;
#[expect(dead_code, reason = "others use all of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
mod reference_model;
mod runner;
mod shrink;
mod storage;
mod table;
mod turns;
mod twin;
#[path = "../support/vault.rs"]
mod vault;

fn main() -> std::process::ExitCode {
    runner::main()
}
