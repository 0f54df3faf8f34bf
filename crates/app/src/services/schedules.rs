//! When accounts are synced by schedule.

use ringbook_core::access::Permission;
use ringbook_core::sync::schedule::{Cadence, MINUTES_MAX, MINUTES_MIN, ScheduleError};
use ringbook_store::{Account, ScheduleRow};

use crate::App;
use crate::services::{AuditAction, AuditSubject, Caller, ServiceError};

/// Characters of a cron expression; a longer one says the same in fewer.
pub const CRON_LEN_MAX: usize = 100;

/// What is to be different about a schedule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScheduleChange {
    /// What decides when; `None` stays as it is.
    pub timing: Option<Timing>,
    /// `None` stays as it is.
    pub paused: Option<bool>,
}

/// What decides when an account is synced.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// Every so many minutes.
    Interval { minutes: i64 },
    /// Whenever a cron expression comes true, in this zone or the configured one.
    Cron { expression: String, zone: Option<String> },
    /// As the settings say.
    Configured,
}

impl ScheduleChange {
    /// The schedule that is to be in force.
    ///
    /// # Errors
    /// When the interval, the expression or the zone cannot be one.
    pub fn applied_to(
        &self,
        row: &ScheduleRow,
        default_zone: &str,
    ) -> Result<ScheduleRow, ServiceError> {
        let paused = self.paused.unwrap_or(row.paused);
        let fresh = ScheduleRow { paused, ..ScheduleRow::default() };
        Ok(match &self.timing {
            None => ScheduleRow { paused, ..row.clone() },
            Some(Timing::Configured) => fresh,
            Some(Timing::Interval { minutes }) => {
                Cadence::every(*minutes).map_err(|_| {
                    let allowed = format!("a whole number from {MINUTES_MIN} to {MINUTES_MAX}");
                    ServiceError::invalid("interval_minutes", &minutes.to_string(), allowed)
                })?;
                ScheduleRow { minutes: Some(*minutes), ..fresh }
            }
            Some(Timing::Cron { expression, zone }) => {
                if expression.len() > CRON_LEN_MAX {
                    let allowed = format!("at most {CRON_LEN_MAX} characters");
                    return Err(ServiceError::invalid("cron", expression, allowed));
                }
                let in_force = zone.as_deref().unwrap_or(default_zone);
                Cadence::cron(expression, in_force).map_err(|problem| {
                    let field = match problem {
                        ScheduleError::Zone(_) => "time_zone",
                        ScheduleError::Cron { .. } | ScheduleError::Interval(_) => "cron",
                    };
                    ServiceError::Schedule { field, problem }
                })?;
                ScheduleRow { cron: Some(expression.clone()), zone: zone.clone(), ..fresh }
            }
        })
    }
}

impl App {
    /// Changes the schedules of these accounts: of all of them, or of none. Returns the accounts as they are then.
    ///
    /// # Errors
    /// When the caller is no administrator, or a schedule cannot be one.
    pub async fn change_schedules(
        &self,
        caller: &Caller,
        accounts: &[Account],
        change: ScheduleChange,
    ) -> Result<Vec<Account>, ServiceError> {
        caller.require(Permission::Admin)?;
        let zone = self.supervisor.options().zone.clone();
        let about = match accounts {
            [only] => AuditSubject::new(&self.store.ids().account(only.id), &only.name),
            _ => AuditSubject::default(),
        };
        let (app, accounts) = (self.clone(), accounts.to_vec());
        let act = async move {
            let rows: Vec<ScheduleRow> = accounts
                .iter()
                .map(|it| change.applied_to(&it.schedule, &zone))
                .collect::<Result<_, _>>()?;
            let schedules = accounts.iter().zip(&rows).map(|(it, row)| (it.id, row));
            app.store.set_schedules(&schedules.collect::<Vec<_>>()).await?;
            app.supervisor.nudge();
            let changed = accounts.into_iter().zip(rows);
            Ok(changed.map(|(it, schedule)| Account { schedule, ..it }).collect())
        };
        self.audited(caller, AuditAction::ScheduleChanged, about, act).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_about_a_schedule_stays() {
        let cron = ScheduleRow {
            cron: Some("0 7 * * *".into()),
            zone: Some("UTC".into()),
            ..ScheduleRow::default()
        };
        let change = |timing, paused| ScheduleChange { timing, paused };
        let pause = change(None, Some(true)).applied_to(&cron, "UTC").unwrap();
        assert_eq!(pause, ScheduleRow { paused: true, ..cron.clone() });
        let every = Some(Timing::Interval { minutes: 30 });
        let every = change(every, None).applied_to(&pause, "UTC").unwrap();
        assert_eq!(
            every,
            ScheduleRow { minutes: Some(30), paused: true, ..ScheduleRow::default() }
        );
        let configured =
            change(Some(Timing::Configured), Some(false)).applied_to(&every, "UTC").unwrap();
        assert_eq!(configured, ScheduleRow::default());
    }

    #[test]
    fn what_cannot_be_a_schedule_is_named() {
        let cron = |expression: &str, zone: Option<&str>| Timing::Cron {
            expression: expression.to_owned(),
            zone: zone.map(str::to_owned),
        };
        for (timing, field) in [
            (Timing::Interval { minutes: 4 }, "`interval_minutes`"),
            (cron("* * * *", None), "`cron`"),
            (cron("0 0 * * *", Some("Mars")), "`time_zone`"),
            (cron(&"0,".repeat(60), None), "`cron`"),
        ] {
            let change = ScheduleChange { timing: Some(timing), paused: None };
            let problem = change.applied_to(&ScheduleRow::default(), "UTC").unwrap_err();
            assert!(problem.to_string().starts_with(field), "{problem}");
        }
    }
}
