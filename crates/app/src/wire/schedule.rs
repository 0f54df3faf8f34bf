//! When accounts are synced by themselves.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{ApiEncoder, Id, Moment};
use ringbook_core::string_enum;
use ringbook_core::sync::schedule;
use ringbook_core::sync::schedule::Cadence;
use ringbook_store::Account;

string_enum! {
    /// How due times come about.
    ScheduleMode { Interval = "interval", Cron = "cron", }
}

string_enum! {
    /// Where a schedule comes from.
    ScheduleSource {
        Config = "config",
        /// Set for this account.
        Own = "own",
    }
}

/// When an account is synced by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Schedule {
    pub account_id: Option<Id>,
    pub mode: ScheduleMode,
    pub interval_minutes: Option<u16>,
    pub cron: Option<String>,
    /// In which the cron expression counts.
    pub time_zone: Option<String>,
    pub paused: bool,
    /// Runs start by themselves.
    pub enabled: bool,
    pub next_due_at: Option<Moment>,
    pub source: ScheduleSource,
}

/// When accounts are synced by themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Schedules {
    /// Of the only account, or of the one that is named. Of several: the first one's cadence, the earliest
    /// due time, and paused when all are.
    #[serde(flatten)]
    pub schedule: Schedule,
    pub accounts: Vec<AccountSchedule>,
}

/// When one account is synced by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountSchedule {
    pub name: String,
    #[serde(flatten)]
    pub schedule: Schedule,
}

impl Schedules {
    /// `parts` are of the accounts, oldest first, each with its next due time; `none` is what holds where
    /// there is none.
    pub fn of(
        out: &ApiEncoder,
        parts: Vec<(String, Schedule, Option<Timestamp>)>,
        none: Schedule,
    ) -> Schedules {
        let schedule = match parts.as_slice() {
            [] => none,
            [(_, only, _)] => only.clone(),
            [(_, first, _), ..] => {
                let all = || parts.iter().map(|(_, schedule, _)| schedule);
                Schedule {
                    account_id: None,
                    paused: all().all(|it| it.paused),
                    enabled: all().any(|it| it.enabled),
                    next_due_at: out.time_of(parts.iter().filter_map(|(.., due)| *due).min()),
                    ..first.clone()
                }
            }
        };
        let accounts = parts.into_iter();
        let accounts = accounts.map(|(name, schedule, _)| AccountSchedule { name, schedule });
        Schedules { schedule, accounts: accounts.collect() }
    }
}

impl Schedule {
    /// `cadence` is what is in force; without one, runs start only when asked for.
    pub fn of(
        out: &ApiEncoder,
        account: Option<&Account>,
        plan: Option<&schedule::Plan>,
        config_minutes: u16,
        next_due: Option<Timestamp>,
    ) -> Schedule {
        let row = account.map(|it| &it.schedule);
        let own = row.is_some_and(|row| row.minutes.is_some() || row.cron.is_some());
        let (mode, interval_minutes, cron, time_zone) = match plan.map(|plan| &plan.cadence) {
            Some(Cadence::Cron { expression, zone, .. }) => {
                let zone = zone.iana_name().unwrap_or("UTC").to_owned();
                (ScheduleMode::Cron, None, Some(expression.clone()), Some(zone))
            }
            Some(Cadence::Every { minutes }) => {
                (ScheduleMode::Interval, Some(*minutes), None, None)
            }
            None => (ScheduleMode::Interval, Some(config_minutes), None, None),
        };
        let paused = plan.map_or(row.is_some_and(|row| row.paused), |plan| plan.paused);
        Schedule {
            account_id: account.map(|it| out.account(it.id)),
            mode,
            interval_minutes,
            cron,
            time_zone,
            paused,
            enabled: plan.is_some_and(|plan| !plan.paused),
            next_due_at: out.time_of(next_due),
            source: if own { ScheduleSource::Own } else { ScheduleSource::Config },
        }
    }
}
