//! How one account stands: its permission, its syncs, its schedule and its lease.

use std::time::Duration;

use crate::App;
use crate::doctor::{Finding, Times, Verdict, bad, ok, warn};
use ringbook_core::clock::between;
use ringbook_core::humanize;
use ringbook_core::sync::diagnosis::Diagnosis;
use ringbook_core::sync::schedule::Cadence;
use ringbook_google::no_refresh_token;
use ringbook_store::{Account, DbError, GrantFacts};

/// A run that says nothing for so long hangs.
const QUIET: Duration = Duration::from_secs(120);

pub(super) async fn examine(app: &App, account: &Account) -> Result<Vec<Finding>, DbError> {
    let times = Times::of(app);
    let mut found = permission(app, account, &times).await?;
    found.push(last_success(app, account, &times));
    found.extend(failing(app, account, &times));
    found.extend(hold(app, account).await?);
    found.push(schedule(app, account, &times));
    found.extend(sync_token(app, account, &times));
    found.push(lease(app, account, &times).await?);
    Ok(found)
}

/// Whether Google still lets the account be listed. All that is wrong here is fixed by connecting the
/// account, or the one that lends it its permission.
async fn permission(
    app: &App,
    account: &Account,
    times: &Times<'_>,
) -> Result<Vec<Finding>, DbError> {
    let giver = account.grant_of.unwrap_or(account.id);
    let page = format!("/auth/google?account={}", app.store.ids().account(giver));
    let reconnect = format!("ringbook auth, or open {}{page}", app.config.local_url());
    let mut found = match (app.store.grant_facts(giver).await?, &account.needs_reauth) {
        (None, _) => {
            let condition = account.condition(true);
            let lender = app.store.account(giver).await?.filter(|_| giver != account.id);
            let whose = lender.map_or_else(String::new, |lender| {
                format!(" (its permission is that of {})", lender.name)
            });
            let what = condition.in_words(&format!("{}{page}", app.config.local_url()));
            vec![bad("account", format!("{what}{whose}"), reconnect)]
        }
        (_, Some(dead)) => {
            let since = times.say(dead.since);
            let message = format!("since {since} Google cannot be asked: {}", dead.reason);
            let way_out = remedy(&dead.reason).unwrap_or(reconnect);
            vec![bad("account", message, way_out)]
        }
        (Some(grant), None) => {
            let since = times.say(grant.connected_at);
            let connected = format!("{} is connected, since {since}", account.name);
            vec![ok("account", connected), reach_of(account, &grant, &reconnect, times)]
        }
    };
    for finding in found.iter_mut().filter(|it| it.verdict != Verdict::Ok) {
        finding.page = Some(page.clone());
    }
    Ok(found)
}

/// What a grant allows, and until when.
fn reach_of(account: &Account, grant: &GrantFacts, reconnect: &str, times: &Times<'_>) -> Finding {
    const CHECK: &str = "permission";
    let wider = account.source.is_a_book().then_some("https://www.googleapis.com/auth/contacts");
    let needed = ringbook_google::scope_of(account.source);
    let is_enough = grant.scopes.iter().any(|it| it == needed || Some(it.as_str()) == wider);
    if let Some(locked) = &grant.locked {
        return bad(CHECK, format!("Google's permission cannot be used: {locked}"), reconnect);
    }
    if let Some(service) = &grant.service {
        let subject = &service.subject;
        return ok(CHECK, format!("a service account speaks for {subject}, without an end"));
    }
    if !is_enough && !account.source.is_a_book() {
        let message = "Google did not give the right to read the domain's directory";
        return bad(
            CHECK,
            format!("{message} ({needed})"),
            format!("{reconnect}&scopes=directory, and tick every box there"),
        );
    }
    if !is_enough {
        let message = format!("Google did not give the right to read contacts ({needed})");
        return bad(CHECK, message, format!("{reconnect}, and tick every box on Google's page"));
    }
    if grant.lacks_refresh_token() {
        let end = humanize::exact(grant.expires_at, &times.app.config.timezone);
        let found = no_refresh_token(Some(&end));
        return bad(CHECK, found.to_string(), found.remedy());
    }
    let Some(end) = grant.refresh_expires_at else {
        return ok(CHECK, "contacts may be read, without an end");
    };
    warn(
        CHECK,
        format!("the permission ends {}", times.say(end)),
        "Google ends permissions of apps in \"Testing\" after seven days: set the app's publishing status to \
         \"In production\" in the Google Cloud console, and connect the account once more",
    )
}

/// The one thing to do, as the message of a run says it.
fn remedy(message: &str) -> Option<String> {
    Diagnosis::read(message).map(|it| it.remedy().to_owned())
}

fn failing(app: &App, account: &Account, times: &Times<'_>) -> Option<Finding> {
    let since = times.say(account.failing_since?);
    let latest = account.latest_run.as_ref();
    let reason = latest.and_then(|it| it.error_message.as_ref());
    let reason = reason.map(|it| format!(": {it}")).unwrap_or_default();
    let number = humanize::many(u64::from(account.standing.failures), "time");
    let message = format!("failing since {since}, {number} in a row{reason}");
    let page = latest.map(|it| format!("/runs/{}", app.store.ids().run(it.id)));
    let page = page.unwrap_or_else(|| "/history".to_owned());
    let way_out = latest.and_then(|it| remedy(it.error_message.as_deref()?));
    let way_out = way_out.unwrap_or_else(|| "ringbook history latest".to_owned());
    Some(bad("sync", message, way_out).at(page))
}

async fn hold(app: &App, account: &Account) -> Result<Option<Finding>, DbError> {
    let Some(run) = account.held_run else { return Ok(None) };
    let row = app.store.run(run).await?;
    let doomed = humanize::many(row.map_or(0, |it| it.counts.to_delete), "contact");
    let message = format!("a sync is on hold: it would delete {doomed}");
    let page = format!("/runs/{}/held", app.store.ids().run(run));
    Ok(Some(warn("hold", message, "ringbook approve, or ringbook reject").at(page)))
}

/// A day after the full sync that is due by itself, somebody wants to know.
const FULL_LATE: Duration = Duration::from_secs(86_400);

fn sync_token(app: &App, account: &Account, times: &Times<'_>) -> Option<Finding> {
    const CHECK: &str = "sync token";
    let Some(token) = &account.token else {
        let message = "there is no sync token, so the next sync lists everything";
        let finding = warn(CHECK, message, "nothing to do: the next sync brings one");
        return account.last_success_at.map(|_| finding);
    };
    let since = humanize::relative(token.full_at, times.now);
    let message = format!("the sync token is from a full sync {since}");
    let is_late = between(token.full_at, times.now) > app.config.sync_full_after + FULL_LATE;
    let way_out = "it dies after seven days, which only means a full sync; ringbook sync --full";
    Some(if is_late { warn(CHECK, message, way_out) } else { ok(CHECK, message) })
}

fn last_success(app: &App, account: &Account, times: &Times<'_>) -> Finding {
    const CHECK: &str = "last success";
    let Some(at) = account.last_success_at else {
        return warn(CHECK, "no sync has succeeded yet", "ringbook sync");
    };
    let age = between(at, times.now);
    if age >= app.config.alert_after {
        let limit = humanize::duration(app.config.alert_after);
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
