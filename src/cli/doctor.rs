//! `doctor`: looks at everything that can be wrong, and says how to mend it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::App;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::screen::Screen;
use crate::cli::{Desk, Times, local_url, words};
use crate::clock::between;
use crate::config::{Config, DatabaseUrl};
use crate::connect::ClientOrigin;
use crate::connect::redirect::{self, Judgement};
use crate::store::Account;
use crate::sync::schedule::Cadence;
use crate::{google, telemetry};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    way_out: Option<String>,
}

fn ok(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Ok, message: message.into(), way_out: None }
}

fn warn(check: &'static str, message: impl Into<String>, way_out: impl Into<String>) -> Finding {
    let (message, way_out) = (message.into(), Some(way_out.into()));
    Finding { check, verdict: Verdict::Warn, message, way_out }
}

fn bad(check: &'static str, message: impl Into<String>, way_out: impl Into<String>) -> Finding {
    let (message, way_out) = (message.into(), Some(way_out.into()));
    Finding { check, verdict: Verdict::Bad, message, way_out }
}

/// Prints findings as they come, so that a slow one does not hide the others.
struct Report {
    screen: Screen,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, finding: Finding) -> Result<(), Trouble> {
        let paint = self.screen.paint;
        let mark = match finding.verdict {
            Verdict::Ok => paint.good("ok  "),
            Verdict::Warn => paint.warn("warn"),
            Verdict::Bad => paint.bad("bad "),
        };
        let check = paint.bold(&format!("{:13}", finding.check));
        self.screen.say(format!("{mark}  {check}  {}", finding.message))?;
        if let Some(way_out) = &finding.way_out {
            self.screen.say(format!("{:21}{} {way_out}", "", paint.dim("→")))?;
        }
        self.findings.push(finding);
        Ok(())
    }

    fn end(self) -> Result<Exit, Trouble> {
        let of = |verdict| self.findings.iter().filter(|it| it.verdict == verdict).count() as u64;
        let (warnings, faults) = (of(Verdict::Warn), of(Verdict::Bad));
        if self.screen.json {
            let worst = self.findings.iter().map(|it| it.verdict).max().unwrap_or(Verdict::Ok);
            self.screen.json(&serde_json::json!({ "verdict": worst, "checks": self.findings }))?;
        }
        self.screen.say("")?;
        self.screen.say(match (faults, warnings) {
            (0, 0) => "All is well.".to_owned(),
            (0, _) => format!("It works; {} to look at.", words::many(warnings, "thing")),
            _ => format!("{} to mend.", words::many(faults, "thing")),
        })?;
        Ok(if faults > 0 { Exit::Failed } else { Exit::Ok })
    }
}

pub(crate) async fn doctor(desk: Desk) -> Result<Exit, Trouble> {
    let mut report = Report { screen: desk.screen, findings: Vec::new() };
    let config = match Config::load(&desk.flags) {
        Ok(config) => config,
        Err(errors) => {
            for error in &errors.0 {
                let way_out = "correct it there; `ringbook config` shows every setting";
                report.add(bad("configuration", error.to_string(), way_out))?;
            }
            return report.end();
        }
    };
    let set = config.report().iter().filter(|line| line.source != "default").count() as u64;
    let set = if set == 0 { "all defaults".to_owned() } else { words::many(set, "setting") };
    report.add(ok("configuration", format!("{set}; `ringbook config` shows them")))?;
    telemetry::start("off", config.log_format)?;
    if let Some(finding) = disk(&config).await {
        report.add(finding)?;
    }
    let app = match App::open(config).await {
        Ok(app) => app,
        Err(error) => {
            report.add(bad(
                "database",
                error.to_string(),
                "see DATABASE_URL and SECRET_KEY_FILE in `ringbook config`",
            ))?;
            return report.end();
        }
    };
    report.add(database(&app).await)?;
    report.add(keys(&app).await)?;
    let accounts = app.store.accounts().await?;
    if !all_by_service(&app, &accounts).await? {
        report.add(oauth_client(&app).await)?;
        report.add(redirect(&app))?;
    }
    if accounts.is_empty() {
        report.add(unconnected(&app))?;
    }
    for account in &accounts {
        for mut finding in examine(&app, account).await? {
            if accounts.len() > 1 {
                finding.message = format!("{}: {}", account.name, finding.message);
            }
            report.add(finding)?;
        }
    }
    report.add(google_clock(&app).await)?;
    report.end()
}

/// An OAuth client and its redirect URI are of no use where nobody consents.
async fn all_by_service(app: &App, accounts: &[Account]) -> Result<bool, Trouble> {
    for account in accounts.iter().filter(|it| it.grant_of.is_none()) {
        if app.store.grant_facts(account.id).await?.is_none_or(|it| it.service.is_none()) {
            return Ok(false);
        }
    }
    Ok(!accounts.is_empty())
}

/// Whether everything that is sealed can be opened.
async fn keys(app: &App) -> Finding {
    const CHECK: &str = "secrets";
    match app.store.key_status().await {
        Err(problem) => bad(CHECK, problem.to_string(), "see SECRET_KEY_FILE in `ringbook config`"),
        Ok(status) if !status.lost.is_empty() => {
            let keys: Vec<&str> = status.lost.keys().map(String::as_str).collect();
            let number = words::many(status.lost.values().sum(), "secret");
            let message = format!(
                "{number} cannot be opened: {} does not hold the key {}",
                status.home,
                keys.join(", ")
            );
            let way_out = "put that key back; if it is lost, connect the Google accounts again";
            bad(CHECK, message, way_out)
        }
        Ok(status) => ok(CHECK, format!("sealed with {}", status.home)),
    }
}

async fn oauth_client(app: &App) -> Finding {
    const CHECK: &str = "OAuth client";
    match app.connector.client().await {
        Err(problem) => bad(CHECK, problem.to_string(), "enter it again: ringbook auth client"),
        Ok(None) => bad(
            CHECK,
            "there is none, so no account can be connected",
            "Google Cloud console: create an OAuth client of type \"Web application\", and enter it \
             with `ringbook auth client`",
        ),
        Ok(Some((client, origin))) => match client.warning() {
            Some(warning) if app.connector.asks_google() => {
                warn(CHECK, warning, "copy it again, and enter it with `ringbook auth client`")
            }
            _ => match origin {
                ClientOrigin::Entered => ok(CHECK, "id and secret were entered"),
                ClientOrigin::Configuration(source) => {
                    ok(CHECK, format!("id and secret are set ({source})"))
                }
            },
        },
    }
}

/// What Google refuses as a redirect URI, before anybody sees Google's page about it.
fn redirect(app: &App) -> Finding {
    let Judgement { verdict, message, way_out } = app.connector.judge_redirect();
    let verdict = match verdict {
        redirect::Verdict::Good => Verdict::Ok,
        redirect::Verdict::Odd => Verdict::Warn,
        redirect::Verdict::Refused => Verdict::Bad,
    };
    Finding { check: "redirect URI", verdict, message, way_out }
}

/// Less free space than this is too little for a large directory and its journal.
const FREE_BAD: u64 = 50;
const FREE_WARN: u64 = 500;

/// Free space where the database is, as `df` sees it; nothing where there is no `df`.
async fn disk(config: &Config) -> Option<Finding> {
    let DatabaseUrl::Sqlite { path } = &config.database_url else { return None };
    let mut folder = std::path::absolute(path.parent().unwrap_or(Path::new("."))).ok()?;
    while !folder.exists() {
        folder = folder.parent()?.to_owned();
    }
    let shown = folder.display().to_string();
    let answer = tokio::task::spawn_blocking(move || {
        std::process::Command::new("df").arg("-Pk").arg("--").arg(&folder).output()
    });
    let answer = answer.await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let free = text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()? / 1024;
    let message = format!("{} MB free at {shown}", words::count(free));
    let way_out = "make room, or move the database with DATABASE_URL";
    Some(match free {
        0..FREE_BAD => bad("disk", message, way_out),
        FREE_BAD..FREE_WARN => warn("disk", message, way_out),
        _ => ok("disk", message),
    })
}

async fn database(app: &App) -> Finding {
    const CHECK: &str = "database";
    let place = match app.store.path() {
        Some(path) => path.display().to_string(),
        None => "PostgreSQL".to_owned(),
    };
    if let Err(problem) = app.store.ping().await {
        return bad(CHECK, format!("{place} does not answer: {problem}"), "see DATABASE_URL");
    }
    match app.store.try_to_write().await {
        Ok(()) => ok(CHECK, format!("{place} can be read and written")),
        Err(problem) => bad(
            CHECK,
            format!("{place} cannot be written: {problem}"),
            "give this user the right to write the file and its folder",
        ),
    }
}

fn unconnected(app: &App) -> Finding {
    let url = local_url(&app.config);
    let way_out = format!("ringbook auth, or open {url}/auth/google");
    bad("account", "no Google account is connected", way_out)
}

/// A run that says nothing for so long hangs.
const QUIET: Duration = Duration::from_secs(120);

async fn examine(app: &App, account: &Account) -> Result<Vec<Finding>, Trouble> {
    let times = Times::of(app);
    let url = local_url(&app.config);
    let reconnect = format!("ringbook auth, or open {url}/auth/google");
    let mut found = Vec::new();

    let giver = account.grant_of.unwrap_or(account.id);
    match (app.store.grant_facts(giver).await?, &account.needs_reauth) {
        (None, _) => {
            let what = account.condition(true).in_words(&format!("{url}/auth/google"));
            found.push(bad("account", what, reconnect));
        }
        (_, Some(dead)) => {
            let message = format!(
                "Google's permission is gone: {}; since {}",
                dead.reason,
                times.say(dead.since)
            );
            found.push(bad("account", message, reconnect));
        }
        (Some(grant), None) => {
            let since = times.say(grant.connected_at);
            found.push(ok("account", format!("{} is connected, since {since}", account.name)));
            let wider =
                account.source.is_a_book().then_some("https://www.googleapis.com/auth/contacts");
            let needed = google::scope_of(account.source);
            let enough = |it: &String| it == needed || Some(it.as_str()) == wider;
            if let Some(locked) = &grant.locked {
                let message = format!("Google's permission cannot be used: {locked}");
                found.push(bad("permission", message, reconnect));
            } else if let Some(service) = &grant.service {
                let subject = &service.subject;
                let message = format!("a service account speaks for {subject}, without an end");
                found.push(ok("permission", message));
            } else if !account.source.is_a_book() && !grant.scopes.iter().any(enough) {
                let message = "Google did not give the right to read the domain's directory";
                let way_out = format!("{reconnect}?scopes=directory, and tick every box there");
                found.push(bad("permission", message, way_out));
            } else if !grant.scopes.iter().any(enough) {
                let message = "Google did not give the right to read contacts";
                let way_out = format!("{reconnect}, and tick every box on Google's page");
                found.push(bad("permission", message, way_out));
            } else if !grant.has_refresh_token {
                let message = "Google gave no refresh token: it ends within an hour";
                found.push(bad("permission", message, reconnect));
            } else if let Some(end) = grant.refresh_expires_at {
                let message = format!("the permission ends {}", times.say(end));
                let way_out = "Google ends permissions of apps in \"Testing\" after seven days: set the \
                    app's publishing status to \"In production\" in the Google Cloud console, and connect \
                    the account once more";
                found.push(warn("permission", message, way_out));
            } else {
                found.push(ok("permission", "contacts may be read, without an end"));
            }
        }
    }

    found.push(last_success(app, account, &times));
    if let Some(since) = account.failing_since {
        let reason = account.latest_run.as_ref().and_then(|it| it.error_message.clone());
        let reason = reason.map(|it| format!(": {it}")).unwrap_or_default();
        let message = format!(
            "failing since {}, {} in a row{reason}",
            times.say(since),
            words::many(u64::from(account.standing.failures), "time")
        );
        found.push(bad("sync", message, "ringbook history latest"));
    }
    if let Some(run) = account.held_run {
        let row = app.store.run(run).await?;
        let doomed = words::many(row.map_or(0, |it| it.counts.to_delete), "contact");
        let message = format!("a sync is on hold: it would delete {doomed}");
        found.push(warn("hold", message, "ringbook approve, or ringbook reject"));
    }
    found.push(schedule(app, account, &times));
    if let Some(token) = &account.token {
        let age = between(token.full_at, times.now);
        let message = format!(
            "the sync token is from a full sync {}",
            words::relative(token.full_at, times.now)
        );
        if age > app.config.sync_full_after + Duration::from_secs(86_400) {
            let way_out =
                "it dies after seven days, which only means a full sync; ringbook sync --full";
            found.push(warn("sync token", message, way_out));
        } else {
            found.push(ok("sync token", message));
        }
    } else if account.last_success_at.is_some() {
        let message = "there is no sync token, so the next sync lists everything";
        found.push(warn("sync token", message, "nothing to do: the next sync brings one"));
    }
    found.push(lease(app, account, &times).await?);
    Ok(found)
}

fn last_success(app: &App, account: &Account, times: &Times<'_>) -> Finding {
    const CHECK: &str = "last success";
    let Some(at) = account.last_success_at else {
        return warn(CHECK, "no sync has succeeded yet", "ringbook sync");
    };
    let age = between(at, times.now);
    if age >= app.config.alert_after {
        let limit = words::duration(app.config.alert_after);
        let message =
            format!("{}, which is longer than {limit} (ALERT_AFTER_HOURS)", times.say(at));
        return bad(CHECK, message, "ringbook sync, and see whether `ringbook serve` is running");
    }
    ok(CHECK, times.say(at))
}

fn schedule(app: &App, account: &Account, times: &Times<'_>) -> Finding {
    const CHECK: &str = "schedule";
    let resume = "PUT /api/sync/schedule with {\"paused\": false}, or use the dashboard";
    match app.supervisor.plan(account) {
        None => warn(CHECK, "nothing is synced by itself", "SYNC_SCHEDULER_ENABLED=true"),
        Some(plan) if plan.paused => warn(CHECK, "paused", resume),
        Some(plan) => {
            let how = match &plan.cadence {
                Cadence::Every { minutes } => format!("every {minutes} minutes"),
                Cadence::Cron { expression, .. } => format!("`{expression}`"),
            };
            match app.supervisor.next_due(account, times.now) {
                // The supervisor looks every second.
                Some(due) if between(due.at, times.now) > Duration::from_secs(60) => warn(
                    CHECK,
                    format!("{how}, and overdue since {}", times.say(due.at)),
                    "start `ringbook serve`: it seems that none is running",
                ),
                Some(due) => ok(CHECK, format!("{how}, next {}", times.say(due.at))),
                None => ok(CHECK, how),
            }
        }
    }
}

async fn lease(app: &App, account: &Account, times: &Times<'_>) -> Result<Finding, Trouble> {
    const CHECK: &str = "lease";
    let run = app.store.latest_run(account.id).await?.filter(|it| it.outcome.is_none());
    let Some(run) = run else { return Ok(ok(CHECK, "free")) };
    if !app.store.is_leased(account.id).await? {
        let message = format!("the sync of {} was broken off", run.holder);
        let way_out = "nothing to do: the next sync goes on with it";
        return Ok(warn(CHECK, message, way_out));
    }
    let quiet = run.wait.is_none() && between(run.updated_at, times.now) > QUIET;
    let since = times.say(run.started_at);
    Ok(if quiet {
        let message = format!(
            "{} syncs since {since}, and has not moved since {}",
            run.holder,
            times.say(run.updated_at)
        );
        warn(CHECK, message, "ringbook cancel")
    } else {
        ok(CHECK, format!("{} is syncing, since {since}", run.holder))
    })
}

/// A clock that is further off than this spoils tokens and schedules.
const CLOCK_WARN: Duration = Duration::from_secs(30);
const CLOCK_BAD: Duration = Duration::from_secs(120);

/// Whether Google can be reached, and whether it agrees about the time.
async fn google_clock(app: &App) -> Finding {
    const CHECK: &str = "Google";
    let url = &app.config.google_api_base_url;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build();
    let asked = match client {
        Ok(client) => client.get(url).send().await,
        Err(error) => Err(error),
    };
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let why = if error.is_timeout() {
                "no answer within 5 s".to_owned()
            } else {
                root_cause(&error.without_url())
            };
            return bad(
                CHECK,
                format!("{url} cannot be reached: {why}"),
                "look at the network, the firewall, and the name server",
            );
        }
    };
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok()).and_then(date);
    let Some(date) = date else {
        return ok(CHECK, format!("{url} can be reached; it does not say what time it is"));
    };
    let now = app.clock.now();
    let off = between(now, date).max(between(date, now));
    let way_out = "set the clock, and keep it set with an NTP service";
    let message = format!("this machine's clock is {} off from Google's", words::duration(off));
    if off >= CLOCK_BAD {
        bad("clock", message, way_out)
    } else if off >= CLOCK_WARN {
        warn("clock", message, way_out)
    } else {
        ok(CHECK, format!("{url} can be reached, and the clocks agree"))
    }
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The innermost reason: the outer ones only say that something failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_http_answer_is_read() {
        let at = date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(at.to_string(), "1994-11-06T08:49:37Z");
    }
}
