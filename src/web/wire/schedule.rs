//! When accounts are synced by themselves.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Account;
use crate::sync::schedule::{self, Cadence};
use crate::sync::words;
use crate::web::wire::{Id, Moment, Outward};

words! {
    /// How due times come about.
    ScheduleMode { Interval = "interval", Cron = "cron", }
}

words! {
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

impl Schedule {
    /// `cadence` is what is in force; without one, runs start only when asked for.
    pub fn of(
        out: &Outward,
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
