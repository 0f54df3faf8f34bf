//! How the installation does: what is wrong and how to fix it, and what it runs on.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::Web;
use crate::input::Query;
use crate::pages::language::said;
use crate::pages::overview::Severity;
use crate::pages::{Moment, PageContext, Place, page};
use crate::problem::Problem;
use crate::system::{describe, examine};
use ringbook_app::doctor::{Finding, Verdict};
use ringbook_app::wire::System;
use ringbook_store::Account;

/// The pages' routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/system", get(system))
}

#[derive(Template)]
#[template(path = "system.html")]
struct Page {
    visit: PageContext,
    here: Place,
    tone: Severity,
    verdict: String,
    /// The worst first.
    findings: Vec<Shown>,
    network: bool,
    facts: Vec<(&'static str, String)>,
    accounts: Vec<Standing>,
}

/// One thing that was looked at.
struct Shown {
    tone: Severity,
    word: &'static str,
    it: Finding,
}

/// How fresh an account is, and who works on it.
struct Standing {
    name: String,
    last: Option<Moment>,
    lease: String,
}

/// `GET /system`; with `network=true` Google is asked, too.
async fn system(
    State(web): State<Web>,
    visit: PageContext,
    query: Query,
) -> Result<Response, Problem> {
    let network = query.flag("network", false)?;
    let (found, described) = tokio::join!(examine(&web, network), describe(&web));
    let (found, described) = (found?, described?);
    let accounts = web.app.store.accounts().await?;
    let (bad, warn) = (found.count(Verdict::Bad), found.count(Verdict::Warn));
    let language = visit.language;
    let (tone, verdict) = match (bad, warn) {
        (0, 0) => (Severity::Good, language.say("All is well").to_owned()),
        (0, _) => {
            let text = language.count(
                warn,
                "It works; {} thing to look at",
                "It works; {} things to look at",
            );
            (Severity::Warn, text)
        }
        _ => (Severity::Bad, language.count(bad, "{} thing to fix", "{} things to fix")),
    };
    let mut checks = found.checks;
    checks.sort_by_key(|it| std::cmp::Reverse(it.verdict));
    let findings = checks.into_iter().map(|it| shown(&visit, it)).collect();
    Ok(page(&Page {
        here: Place::System,
        tone,
        verdict,
        findings,
        network,
        facts: facts(&visit, &described),
        accounts: standings(&web, &visit, &described, &accounts),
        visit,
    }))
}

fn shown(visit: &PageContext, it: Finding) -> Shown {
    let (tone, word) = match it.verdict {
        Verdict::Ok => (Severity::Good, said("fine")),
        Verdict::Warn => (Severity::Warn, said("look")),
        Verdict::Bad => (Severity::Bad, said("fix")),
    };
    Shown { tone, word: visit.say(word), it }
}

fn facts(visit: &PageContext, it: &System) -> Vec<(&'static str, String)> {
    let language = visit.language;
    let database = &it.database;
    let kind = match database.kind {
        "sqlite" => "SQLite",
        "postgres" => "PostgreSQL",
        other => other,
    };
    let uptime = std::time::Duration::from_secs_f64(it.uptime_seconds.max(0.0));
    let migrations = database.migrations;
    let mut facts = vec![
        (said("Version"), it.version.to_owned()),
        (said("Running for"), language.duration(uptime)),
        (said("Database"), format!("{kind} {}", database.version)),
        (said("Migrations"), language.number(migrations)),
    ];
    let sizes = [
        (said("Memory"), it.memory_bytes),
        (said("Size of the database"), database.size_bytes),
        (said("Write-ahead log"), database.log_bytes),
        (said("Free on the disk"), database.free_bytes),
    ];
    let known = sizes.into_iter().filter_map(|(what, bytes)| Some((what, language.bytes(bytes?))));
    facts.extend(known);
    facts.extend(database.path.clone().map(|path| (said("File"), path)));
    facts.into_iter().map(|(what, value)| (visit.say(what), value)).collect()
}

fn standings(web: &Web, visit: &PageContext, it: &System, accounts: &[Account]) -> Vec<Standing> {
    let standing = |shown: &ringbook_app::wire::AccountLease| {
        let account = accounts.iter().find(|it| web.out.account(it.id) == shown.id);
        let lease = match &shown.lease {
            None => visit.say("free").to_owned(),
            Some(lease) if lease.is_this_process => {
                visit.language.fill("{}, this process", &[&lease.holder])
            }
            Some(lease) => lease.holder.clone(),
        };
        let last = account.and_then(|it| it.last_success_at).map(|at| visit.ago(&at));
        Standing { name: shown.name.clone(), last, lease }
    };
    it.accounts.iter().map(standing).collect()
}
