//! How one account stands: its permission, its syncs, its schedule and its lease.

use std::time::Duration;

use crate::app::App;
use crate::clock::between;
use crate::doctor::{Finding, Times, Verdict, bad, ok, warn};
use crate::google;
use crate::store::{Account, DbError};
use crate::sync::schedule::Cadence;
use crate::words;

/// A run that says nothing for so long hangs.
const QUIET: Duration = Duration::from_secs(120);

pub(super) async fn examine(app: &App, account: &Account) -> Result<Vec<Finding>, DbError> {
    let times = Times::of(app);
    let url = app.config.local_url();
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

    // Up to here everything is mended by connecting.
    for finding in found.iter_mut().filter(|it| it.verdict != Verdict::Ok) {
        finding.page =
            Some(format!("/auth/google?account={}", app.store.ids().account(account.id)));
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
        let finding = bad("sync", message, "ringbook history latest");
        let page = account.latest_run.as_ref().map(|it| app.store.ids().run(it.id));
        found.push(finding.at(page.map_or("/history".to_owned(), |id| format!("/runs/{id}"))));
    }
    if let Some(run) = account.held_run {
        let row = app.store.run(run).await?;
        let doomed = words::many(row.map_or(0, |it| it.counts.to_delete), "contact");
        let message = format!("a sync is on hold: it would delete {doomed}");
        let page = format!("/runs/{}/held", app.store.ids().run(run));
        found.push(warn("hold", message, "ringbook approve, or ringbook reject").at(page));
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
    const PAGE: &str = "/settings/schedule";
    let resume = "ringbook schedule --resume";
    match app.supervisor.plan(account) {
        None => warn(CHECK, "nothing is synced by itself", "SYNC_SCHEDULER_ENABLED=true").at(PAGE),
        Some(plan) if plan.paused => warn(CHECK, "paused", resume).at(PAGE),
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

async fn lease(app: &App, account: &Account, times: &Times<'_>) -> Result<Finding, DbError> {
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
