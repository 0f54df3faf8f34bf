//! Alarms on their way to the people who need them: in the log, and at the webhook.
//!
//! An alarm is a row in the database from the moment it is raised. It counts as given when the webhook has
//! taken it, and is tried again until then, also after a restart.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{info, warn};

use ringbook_core::clock::{after, between};
use ringbook_runtime::outbound::{ClientError, ClientOptions, http_client, root_cause};
use ringbook_store::{AlarmEvent, AlarmRow, DbError, Notice, Store};

/// How often it is looked for alarms that are due. A new one is delivered at once.
const LOOK: Duration = Duration::from_secs(5);
/// Looks between two looks at the grants.
const GRANTS: u32 = 12;
/// The first wait after a delivery that failed; each further one is twice as long.
const AGAIN_MIN: Duration = Duration::from_secs(10);
const AGAIN_MAX: Duration = Duration::from_secs(3600);
/// A database that cannot be written to for so long is an alarm.
const OUTAGE: Duration = Duration::from_secs(900);
/// A webhook has this long to take an alarm.
const PATIENCE: Duration = Duration::from_secs(10);

/// Delivers what has to be told.
pub struct Alarms {
    store: Store,
    webhook: Option<SecretString>,
    /// Times are told in it.
    zone: TimeZone,
    client: Client,
    nudge: Notify,
    outage: Mutex<Outage>,
}

/// What was told of a database that cannot be written to. In memory only, for that is what is left then.
#[derive(Clone, Copy, Debug, Default)]
struct Outage {
    /// Since when it could not be, where that was told.
    told: Option<Timestamp>,
    attempts: u64,
    again_at: Option<Timestamp>,
}

impl Alarms {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        store: Store,
        webhook: Option<SecretString>,
        zone: TimeZone,
    ) -> Result<Alarms, ClientError> {
        // No redirect is followed: the address is a secret, and what answers there has to take the alarm.
        let options = ClientOptions { total_timeout: Some(PATIENCE), ..ClientOptions::default() };
        let client = http_client(&options)?;
        let outage = Mutex::default();
        Ok(Alarms { store, webhook, zone, client, nudge: Notify::new(), outage })
    }

    /// Has alarms delivered that were raised just now.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Delivers alarms as long as it is left running.
    pub async fn watch(&self) {
        let clock = self.store.clock().clone();
        let mut looks = 0;
        let mut complained = false;
        loop {
            if looks % GRANTS == 0 {
                self.look_at_grants().await;
            }
            looks += 1;
            self.tell_of_database().await;
            match self.deliver().await {
                Ok(()) => complained = false,
                Err(problem) if !complained => {
                    complained = true;
                    warn!(%problem, "the alarms could not be read; trying again");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = clock.sleep_until(after(clock.now(), LOOK)) => {}
                () = self.nudge.notified() => {}
            }
        }
    }

    /// Looks at the grants, and delivers what is due. Public so that tests need no timer.
    pub async fn look(&self) {
        self.tell_of_database().await;
        self.look_at_grants().await;
        if let Err(problem) = self.deliver().await {
            warn!(%problem, "the alarms could not be read");
        }
    }

    /// Raises an alarm, once, about each grant that will end by itself, and about each that is dead.
    async fn look_at_grants(&self) {
        let notices = match self.store.claim_notices().await {
            Ok(notices) => notices,
            Err(problem) => return warn!(%problem, "the grants could not be looked at"),
        };
        for notice in notices {
            let (event, account, message) = match &notice {
                Notice::Ending { account, name, at } => {
                    (AlarmEvent::PermissionEnding, account, ending(name, Some(self.time(*at))))
                }
                Notice::Dead { account, name, reason } => {
                    (AlarmEvent::NeedsReauth, account, dead(name, reason))
                }
            };
            warn!(account = account.0, %event, "{message}");
        }
    }

    /// Delivers the alarms that are due, side by side: they are of different accounts.
    async fn deliver(&self) -> Result<(), DbError> {
        loop {
            let due = self.store.claim_due_alarms().await?;
            if due.is_empty() {
                return Ok(());
            }
            let ends = join_all(due.iter().map(|alarm| self.deliver_one(alarm))).await;
            for end in ends {
                end?;
            }
        }
    }

    async fn deliver_one(&self, alarm: &AlarmRow) -> Result<(), DbError> {
        let (account, event, message) = (alarm.account.0, alarm.event, self.message(alarm));
        if alarm.event == AlarmEvent::Recovered && alarm.attempts == 0 {
            info!(account, %event, "{message}");
        }
        let Some(url) = &self.webhook else {
            // Nobody else is to be told: the log is where it was given.
            return self.store.alarm_delivered(alarm.id).await;
        };
        let body = json!({
            "event": event.as_str(),
            "account": alarm.name,
            "last_success_at": (event == AlarmEvent::Silent)
                .then(|| alarm.since.map(|at| self.time(at))),
            "since": alarm.since.map(|at| self.time(at)),
            "raised_at": self.time(alarm.raised_at),
            "message": message,
        });
        let Err(problem) = self.post(url, &body).await else {
            info!(account, %event, "the alarm was delivered");
            return self.store.alarm_delivered(alarm.id).await;
        };
        let wait = backoff(alarm.attempts);
        warn!(
            account,
            %event,
            attempt = alarm.attempts + 1,
            problem,
            "the webhook (ALERT_WEBHOOK_URL) did not take the alarm: {problem}; next try in {} s",
            wait.as_secs()
        );
        let clock = self.store.clock();
        self.store.alarm_failed(alarm.id, after(clock.now(), wait)).await
    }

    /// RFC 3339 with the offset of the configured zone.
    fn time(&self, at: Timestamp) -> String {
        at.display_with_offset(self.zone.to_offset(at)).to_string()
    }

    fn message(&self, alarm: &AlarmRow) -> String {
        let name = &alarm.name;
        let since = alarm.since.map(|at| self.time(at));
        let ever = since.clone().unwrap_or_else(|| "it was connected".to_owned());
        match alarm.event {
            AlarmEvent::Silent => format!("no sync of account `{name}` has succeeded since {ever}"),
            AlarmEvent::PermissionEnding => ending(name, since),
            AlarmEvent::NeedsReauth => dead(name, &alarm.detail),
            AlarmEvent::Recovered => {
                format!("`{name}` is synced again; it had not been since {ever}")
            }
        }
    }
}

impl Alarms {
    /// Posts to the webhook. The error says what happened, and not where: the address may hold a secret.
    async fn post(&self, url: &SecretString, body: &Value) -> Result<(), String> {
        let sent = self.client.post(url.expose_secret()).json(body).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) if answer.status().is_redirection() => Err(format!(
                "it answered {}; enter the address that it leads to as ALERT_WEBHOOK_URL",
                answer.status()
            )),
            Ok(answer) => Err(format!("it answered {}", answer.status())),
            Err(error) => Err(root_cause(&error.without_url())),
        }
    }

    /// Tells of a database that cannot be written to, and when it can again. No row can be kept of that.
    async fn tell_of_database(&self) {
        let now = self.store.clock().now();
        let outage = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if outage.again_at.is_some_and(|at| now < at) {
            return;
        }
        let (event, since, message) = match (self.store.trouble(), outage.told) {
            (Some(it), None) if between(it.since, now) >= OUTAGE => {
                let message = format!(
                    "nothing has been written to the database since {}: {}",
                    self.time(it.since),
                    it.what
                );
                ("database_trouble", it.since, message)
            }
            (None, Some(since)) => {
                let at = self.time(since);
                let message =
                    format!("the database can be written to again; it could not be since {at}");
                (AlarmEvent::Recovered.as_str(), since, message)
            }
            (None, None) => {
                // An outage that ended untold is over; the next one is another.
                *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Outage::default();
                return;
            }
            (Some(_), _) => return,
        };
        if outage.attempts == 0 {
            warn!(event, "{message}");
        }
        let body = json!({
            "event": event,
            "account": null,
            "since": self.time(since),
            "raised_at": self.time(now),
            "message": message,
        });
        let sent = match &self.webhook {
            Some(url) => self.post(url, &body).await,
            None => Ok(()),
        };
        let next = match sent {
            Ok(()) => {
                let told = (event != AlarmEvent::Recovered.as_str()).then_some(since);
                Outage { told, ..Outage::default() }
            }
            Err(problem) => {
                let wait = backoff(outage.attempts);
                warn!(
                    event,
                    problem, "the webhook (ALERT_WEBHOOK_URL) did not take the alarm: {problem}"
                );
                let again_at = Some(after(now, wait));
                Outage { attempts: outage.attempts + 1, again_at, ..outage }
            }
        };
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// How long it is waited after so many failures and one more.
fn backoff(failures: u64) -> Duration {
    let doubled = u32::try_from(failures).ok().and_then(|it| 2_u32.checked_pow(it));
    doubled.and_then(|it| AGAIN_MIN.checked_mul(it)).map_or(AGAIN_MAX, |it| it.min(AGAIN_MAX))
}

fn ending(name: &str, at: Option<String>) -> String {
    let at = at.map_or_else(|| "soon".to_owned(), |at| format!("at {at}"));
    format!(
        "Google ends its permission for `{name}` {at}: connect the account again before, and set the app's \
         publishing status to \"In production\" in the Google Cloud console, or it will end again after \
         seven days"
    )
}

fn dead(name: &str, reason: &str) -> String {
    format!("`{name}` must be connected again: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_is_down_is_tried_ever_more_slowly_and_at_least_once_an_hour() {
        let waits: Vec<u64> = [0, 1, 2, 8, 9, 40, u64::MAX].map(|it| backoff(it).as_secs()).into();
        assert_eq!(waits, [10, 20, 40, 2560, 3600, 3600, 3600]);
    }
}
