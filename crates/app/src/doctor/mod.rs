//! What is wrong, since when, and what to do: everything that can be looked at, for the command line, the API
//! and the dashboard alike.

mod accounts;
mod installation;
pub mod machine;
mod reach;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use ringbook_core::humanize;
use ringbook_store::DbError;

pub use installation::{disk, keys, phones};
pub use reach::reach;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warn,
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Finding {
    pub check: &'static str,
    pub verdict: Verdict,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
    /// The page of the dashboard where it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

pub fn ok(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Ok, message: message.into(), way_out: None, page: None }
}

pub fn warn(
    check: &'static str,
    message: impl Into<String>,
    way_out: impl Into<String>,
) -> Finding {
    let (message, way_out) = (message.into(), Some(way_out.into()));
    Finding { check, verdict: Verdict::Warn, message, way_out, page: None }
}

pub fn bad(check: &'static str, message: impl Into<String>, way_out: impl Into<String>) -> Finding {
    let (message, way_out) = (message.into(), Some(way_out.into()));
    Finding { check, verdict: Verdict::Bad, message, way_out, page: None }
}

impl Finding {
    /// Names the page of the dashboard where it is fixed.
    fn at(self, page: impl Into<String>) -> Finding {
        Finding { page: Some(page.into()), ..self }
    }
}

/// Everything that was looked at, and how bad the worst of it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Findings {
    pub verdict: Verdict,
    pub checks: Vec<Finding>,
}

impl Findings {
    pub fn of(checks: Vec<Finding>) -> Findings {
        let verdict = checks.iter().map(|it| it.verdict).max().unwrap_or(Verdict::Ok);
        Findings { verdict, checks }
    }

    pub fn count(&self, verdict: Verdict) -> u64 {
        self.checks.iter().filter(|it| it.verdict == verdict).count() as u64
    }
}

/// Looks at everything that can be looked at without asking the network, and so quickly.
///
/// # Errors
/// When the database fails in the middle.
pub async fn look(app: &App) -> Result<Vec<Finding>, DbError> {
    let mut found = vec![installation::database(app).await, installation::keys(app).await];
    found.extend(installation::administrators(app).await?);
    found.extend(installation::strange_proxies(app).await?);
    found.extend(installation::phones(&app.config));
    let accounts = app.store.accounts().await?;
    if !installation::all_by_service(app, &accounts).await? {
        found.push(installation::oauth_client(app).await);
        found.push(installation::redirect(app));
    }
    if accounts.is_empty() {
        found.push(installation::unconnected(app));
    }
    for account in &accounts {
        for mut finding in accounts::examine(app, account).await? {
            if accounts.len() > 1 {
                finding.message = format!("{}: {}", account.name, finding.message);
            }
            found.push(finding);
        }
    }
    Ok(found)
}

/// Times of one answer: all told from the same moment.
struct Times<'a> {
    app: &'a App,
    now: Timestamp,
}

impl<'a> Times<'a> {
    fn of(app: &'a App) -> Times<'a> {
        Times { app, now: app.clock.now() }
    }

    /// `12 min ago (2026-03-07 12:04:31 +01:00)`.
    fn say(&self, at: Timestamp) -> String {
        let exact = humanize::exact(at, &self.app.config.timezone);
        format!("{} ({exact})", humanize::relative(at, self.now))
    }
}
