//! Reads that gather what the store and the supervisor know into the shapes of the API. The command
//! line prints the same.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::App;
use crate::directory::{Hit, MatchRank, Rules, Scope, View};
use crate::wire;
use crate::wire::{
    AccountNeeds, AccountNumbers, AccountSnapshot, Accounts, ApiEncoder, Contact, Held,
    HeldContact, History, LabelNames, Labels, MatchType, Needs, NeedsSync, Numbers, Phases,
    Progress, Run, Schedule, Schedules, SearchResult, Statistics, Status, Watched, aggregate,
};
use ringbook_core::contact::{Content, asked_spellings, spellings};
use ringbook_core::sync::schedule;
use ringbook_core::sync::schedule::FullSyncInputs;
use ringbook_core::sync::{AccountId, Kind, RunId};
use ringbook_store::{
    Account, ContactId, ContactRow, Counts, DbError, HeldQuery, HistoryPlace, HistoryQuery, RunRow,
    RunSums,
};

/// Characters of a search that count; nobody types more to find somebody.
pub const SEARCHED_MAX: usize = 200;

/// How these accounts stand: one more read for each run in progress.
pub async fn sights(app: &App, accounts: Vec<Account>) -> Result<Vec<AccountSnapshot>, DbError> {
    let now = app.clock.now();
    let mut sights = Vec::with_capacity(accounts.len());
    let unrenewable = app.store.unrenewable().await?;
    for account in accounts {
        let open =
            account.latest_run.as_ref().filter(|run| run.outcome.is_none()).map(|run| run.id);
        let running = match open {
            Some(run) if app.store.is_leased(account.id).await? => Some(run),
            _ => None,
        };
        let next_due = app.supervisor.next_due(&account, now).map(|due| due.at);
        let configured = app.can_speak_for(&account).await?;
        let giver = account.grant_of.unwrap_or(account.id);
        let unrenewable = unrenewable.iter().find(|(of, _)| *of == giver).map(|(_, end)| *end);
        sights.push(AccountSnapshot { account, running, next_due, configured, unrenewable });
    }
    Ok(sights)
}

pub async fn status(
    app: &App,
    out: &ApiEncoder,
    accounts: Vec<Account>,
) -> Result<Status, DbError> {
    let status = Status::of(out, &sights(app, accounts).await?, app.clock.now());
    Ok(match app.store.trouble() {
        None => status,
        Some(trouble) => status.in_trouble(out, &trouble),
    })
}

/// Accounts in full: one more read for each, for what is known of its permission.
pub async fn accounts(
    app: &App,
    out: &ApiEncoder,
    accounts: Vec<Account>,
) -> Result<Accounts, DbError> {
    let now = app.clock.now();
    let mut full = Vec::with_capacity(accounts.len());
    for sight in sights(app, accounts).await? {
        let grant = app.store.grant_facts(sight.account.id).await?;
        let schedule = schedule(app, out, Some(&sight.account));
        full.push(wire::Account::of(out, &sight, grant.as_ref(), schedule, now));
    }
    Ok(Accounts { accounts: full })
}

/// One account in full, if it is still there.
pub async fn account(
    app: &App,
    out: &ApiEncoder,
    id: AccountId,
) -> Result<Option<wire::Account>, DbError> {
    let found = app.store.account(id).await?;
    Ok(accounts(app, out, found.into_iter().collect()).await?.accounts.pop())
}

/// The labels of an account, with how many contacts have each. Reads all its contacts.
pub async fn labels(app: &App, out: &ApiEncoder, account: &Account) -> Result<Labels, DbError> {
    let known = app.store.labels(account.id).await?;
    let counts = app.store.label_counts(account.id).await?;
    Ok(Labels::of(out, account, known, &counts))
}

/// The newest runs, of one account or of all, and whether somebody works on each.
pub async fn watched(app: &App, account: Option<AccountId>) -> Result<Vec<Watched>, DbError> {
    let mut accounts = app.store.accounts().await?;
    accounts.retain(|it| account.is_none_or(|id| id == it.id));
    let rows = match account {
        Some(account) => app.store.latest_run(account).await?.into_iter().collect(),
        None => app.store.latest_runs().await?,
    };
    let mut rows: HashMap<AccountId, RunRow> =
        rows.into_iter().map(|row| (row.id.account(), row)).collect();
    let mut watched = Vec::with_capacity(accounts.len());
    for account in accounts {
        let row = rows.remove(&account.id);
        let open = row.as_ref().is_some_and(|row| row.outcome.is_none());
        let running = open && app.store.is_leased(account.id).await?;
        watched.push(Watched { account: account.id, name: account.name, row, running });
    }
    Ok(watched)
}

/// The live picture.
pub async fn progress(
    app: &App,
    out: &ApiEncoder,
    account: Option<AccountId>,
) -> Result<Progress, DbError> {
    let watched = watched(app, account).await?;
    Ok(Progress::of(out, &watched, app.clock.now()))
}

/// One run in full, as long as the history keeps it.
pub async fn run(app: &App, out: &ApiEncoder, run: RunId) -> Result<Option<Run>, DbError> {
    Ok(app.store.run(run).await?.map(|row| Run::of(out, &row, app.clock.now())))
}

/// A part of the history, most recent first.
pub async fn history(app: &App, out: &ApiEncoder, query: HistoryQuery) -> Result<History, DbError> {
    let HistoryPart { rows, newer, older } = history_part(app, query).await?;
    let now = app.clock.now();
    let history = rows.iter().map(|row| Run::of(out, row, now)).collect();
    Ok(History { history, next_cursor: older, newer_cursor: newer })
}

/// Some runs of the history, newest first, and the cursors to those beside them.
pub struct HistoryPart {
    pub rows: Vec<RunRow>,
    /// For [`HistoryPlace::After`]; `None` where the newest are shown.
    pub newer: Option<String>,
    /// For [`HistoryPlace::Before`].
    pub older: Option<String>,
}

pub async fn history_part(app: &App, query: HistoryQuery) -> Result<HistoryPart, DbError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let one_more = HistoryQuery { limit: query.limit.saturating_add(1), ..query };
    let mut rows = app.store.history(&one_more).await?;
    // One more than is shown tells whether the part goes on, on the side away from where it began.
    let goes_on = rows.len() > limit;
    let (mut newer, mut older) = (query.from != HistoryPlace::Newest, goes_on);
    if matches!(query.from, HistoryPlace::After(..)) {
        (newer, older) = (goes_on, true);
        rows.drain(..rows.len().saturating_sub(limit));
    }
    rows.truncate(limit);
    let at = |row: &RunRow| cursor(row.started_at, row.id);
    Ok(HistoryPart {
        newer: rows.first().filter(|_| newer).map(at),
        older: rows.last().filter(|_| older).map(at),
        rows,
    })
}

/// A moment as people and programs write it: RFC 3339, or a date, which begins and ends in this zone.
/// `is_end`: what is meant is the moment after it, so that a day is in as a whole.
pub fn moment(text: &str, zone: &TimeZone, is_end: bool) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let date = if is_end { date.tomorrow().ok()? } else { date };
    date.to_zoned(zone.clone()).ok().map(|it| it.timestamp())
}

/// A part of what a held run would delete.
pub async fn held(
    app: &App,
    out: &ApiEncoder,
    run: &RunRow,
    query: &HeldQuery<'_>,
) -> Result<Held, DbError> {
    let one_more = HeldQuery { limit: query.limit.saturating_add(1), ..*query };
    let rows = app.store.held(run.id, &one_more).await?;
    let (rows, next_after) = part(rows, query.limit, |it| out.contact(it.contact));
    let contacts = rows.into_iter().map(|it| HeldContact::of(out, it)).collect();
    Ok(Held { run_id: out.run(run.id), contacts, total: run.counts.to_delete, next_after })
}

/// The phases of a run, each until the next one, and the last until the run's end or now.
pub async fn phases(app: &App, out: &ApiEncoder, run: &RunRow) -> Result<Phases, DbError> {
    let rows = app.store.phases(run.id).await?;
    Ok(Phases::of(out, run, &rows, app.clock.now()))
}

/// As many of the rows as were asked for, and where to go on if there are more. One more than `limit`
/// was read, which shows whether there are.
pub fn part<T, P>(mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> P) -> (Vec<T>, Option<P>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(place);
    (rows, next)
}

pub fn cursor(started_at: jiff::Timestamp, run: RunId) -> String {
    format!("{:016x}{:016x}", started_at.as_microsecond(), run.0)
}

/// Reads a cursor of [`history`] back.
pub fn parse_cursor(text: &str) -> Option<(jiff::Timestamp, RunId)> {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if text.len() != 32 || !text.bytes().all(hex) {
        return None;
    }
    let at = i64::from_str_radix(&text[..16], 16).ok()?;
    let run = i64::from_str_radix(&text[16..], 16).ok()?;
    let at = jiff::Timestamp::from_microsecond(at).unwrap_or(jiff::Timestamp::MAX);
    Some((at, RunId(run)))
}

/// Numbers about these accounts. The sums are added up from the parts, so they agree.
pub async fn statistics(
    app: &App,
    out: &ApiEncoder,
    accounts: Vec<Account>,
) -> Result<Statistics, DbError> {
    let status = status(app, out, accounts.clone()).await?;
    let mut parts = Vec::with_capacity(accounts.len());
    let (mut sums, mut outcomes) = (RunSums::default(), Vec::new());
    for (account, standing) in accounts.iter().zip(&status.accounts) {
        let of_account = app.store.outcomes(Some(account.id)).await?;
        let its_sums = app.store.run_sums_of(Some(account.id)).await?;
        parts.push(AccountNumbers {
            id: out.account(account.id),
            name: account.name.clone(),
            numbers: Numbers::of(&standing.standing, &account.counts, &of_account, &its_sums),
        });
        sums = aggregate::both(&sums, &its_sums);
        outcomes.push(of_account);
    }
    let counts = Counts::sum(accounts.iter().map(|it| &it.counts));
    let outcomes = aggregate::all_outcomes(outcomes);
    let numbers = Numbers::of(&status.standing, &counts, &outcomes, &sums);
    Ok(Statistics { numbers, accounts: parts })
}

/// Whether the next runs of these accounts have to list everything: the first reason, and each.
pub fn needs_sync(app: &App, out: &ApiEncoder, accounts: &[Account]) -> NeedsSync {
    let now = app.clock.now();
    let options = app.supervisor.options();
    let reason = |account: &Account| {
        let circumstances = FullSyncInputs {
            source: account.source,
            request: &options.request,
            grant: account.grant.unwrap_or(0),
            never_synced: account.standing.never_synced,
            full_run_held: account.held_kind == Some(Kind::Full),
            full_interrupted: account.standing.full_interrupted,
            full_after: options.settings.full_after,
        };
        let reason = schedule::full_reason(
            account.token.as_ref().filter(|_| !account.standing.tokenless),
            &circumstances,
            account.id,
            now,
        );
        // What is never listed otherwise lacks nothing.
        reason.filter(|it| *it != schedule::FullReason::NotIncremental)
    };
    let first = match accounts {
        [] => Some(schedule::FullReason::NeverSynced),
        some => {
            // One that waits to be connected says nothing about the others.
            let waits = some.iter().all(Account::waits_for_its_first_grant);
            let mut counting = some.iter().filter(|it| waits || !it.waits_for_its_first_grant());
            counting.find_map(reason)
        }
    };
    let part = |account: &Account| AccountNeeds {
        id: out.account(account.id),
        name: account.name.clone(),
        needs: Needs::of(reason(account)),
    };
    NeedsSync { needs: Needs::of(first), accounts: accounts.iter().map(part).collect() }
}

/// When accounts are synced by themselves.
pub fn schedules(app: &App, out: &ApiEncoder, accounts: &[Account]) -> Schedules {
    let now = app.clock.now();
    let part = |account: &Account| {
        let due = app.supervisor.next_due(account, now).map(|due| due.at);
        (account.name.clone(), schedule(app, out, Some(account)), due)
    };
    Schedules::of(out, accounts.iter().map(part).collect(), schedule(app, out, None))
}

/// When an account is synced by itself.
pub fn schedule(app: &App, out: &ApiEncoder, account: Option<&Account>) -> Schedule {
    let now = app.clock.now();
    let default = app.supervisor.options().default_plan.clone();
    let plan = account.map_or(default, |it| app.supervisor.plan(it));
    let next_due = account.and_then(|it| app.supervisor.next_due(it, now)).map(|due| due.at);
    let minutes = u16::try_from(app.config.sync_interval.as_secs() / 60).unwrap_or(u16::MAX);
    Schedule::of(out, account, plan.as_ref(), minutes, next_due)
}

/// The names of the labels of these accounts.
pub async fn label_names(
    app: &App,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<LabelNames, DbError> {
    let mut names = LabelNames::new();
    let accounts: std::collections::BTreeSet<AccountId> = accounts.into_iter().collect();
    for account in accounts {
        let labels = app.store.label_names(account).await?;
        names.extend(labels.into_iter().map(|(resource, name)| ((account, resource), name)));
    }
    Ok(names)
}

/// Places of whoever fits, the best first: by name, by number, and by the keys of a telephone that spell
/// a name, as on the phones.
pub fn find(rules: &Rules, view: &View, asked: &str) -> Vec<u32> {
    let mut hits = rules.search(&view.contacts, asked, Scope::Everything);
    if asked.bytes().all(|it| it.is_ascii_digit()) {
        let known: HashSet<u32> = hits.iter().map(|(_, place)| *place).collect();
        let spelled = rules.search_by_keys(&view.contacts, asked);
        hits.extend(spelled.into_iter().filter(|(_, place)| !known.contains(place)));
    }
    hits.into_iter().map(|(_, place)| place).collect()
}

/// A part of those of one account or of all who fit, best first, and how many there are in all.
pub async fn search(
    app: &App,
    out: &ApiEncoder,
    asked: &str,
    scope: Scope,
    account: Option<AccountId>,
    (offset, limit): (usize, usize),
) -> Result<(Vec<SearchResult>, usize), DbError> {
    let view = app.directory.view().await?;
    let mut hits = app.directory.rules().search(&view.contacts, asked, scope);
    if let Some(account) = account {
        hits.retain(|(_, place)| ContactId(view.contacts.id(*place)).account() == account);
    }
    let shown: Vec<Hit> = hits.iter().skip(offset).take(limit).copied().collect();
    let ids: Vec<i64> = shown.iter().map(|(_, place)| view.contacts.id(*place)).collect();
    let rows = app.store.contacts_by_id(&ids).await?;
    let folded = asked_spellings(asked, SEARCHED_MAX);
    let fits: HashMap<i64, MatchRank> =
        ids.iter().copied().zip(shown.iter().map(|(fit, _)| *fit)).collect();
    let result = |row: &ContactRow| {
        let fit = fits.get(&row.id.0).copied().unwrap_or(MatchRank::Within);
        let (match_type, match_field) = explained(&row.content, &folded, fit);
        SearchResult { contact: Contact::of(out, row, &view.labels), match_type, match_field }
    };
    Ok((rows.iter().map(result).collect(), hits.len()))
}

/// By which of its fields a contact was found, and how.
fn explained(content: &Content, asked: &[String], fit: MatchRank) -> (MatchType, &'static str) {
    if fit == MatchRank::Number {
        return (MatchType::Phone, "phone_number");
    }
    let organization = content.organization.as_ref().map_or("", |it| &it.name);
    let name = content.display_name();
    let mut fields: Vec<(&'static str, &str)> = vec![
        ("display_name", &name),
        ("given_name", &content.names.given),
        ("family_name", &content.names.family),
        ("organization", organization),
    ];
    fields.extend(content.nicknames.iter().map(|it| ("nickname", it.as_str())));
    let fits = |kind, field: &str, asked: &str| match kind {
        MatchType::Exact => field == asked,
        MatchType::Prefix => field.starts_with(asked),
        MatchType::Substring | MatchType::Phone => field.contains(asked),
    };
    let fields: Vec<(&'static str, Vec<String>)> =
        fields.into_iter().map(|(name, text)| (name, spellings(text, SEARCHED_MAX))).collect();
    let fits_any = |kind, spelled: &[String]| {
        spelled.iter().any(|field| asked.iter().any(|it| fits(kind, field, it)))
    };
    for kind in [MatchType::Exact, MatchType::Prefix, MatchType::Substring] {
        if let Some((name, _)) = fields.iter().find(|(_, spelled)| fits_any(kind, spelled)) {
            return (kind, name);
        }
    }
    // Its words stand in other places, or in another order.
    (MatchType::Substring, "display_name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_any_digits_is_a_place_in_the_history() {
        let (at, run) =
            parse_cursor(&format!("{:016x}{:016x}", 1_700_000_000_000_000_i64, 42)).unwrap();
        assert_eq!((at.as_second(), run), (1_700_000_000, RunId(42)));
        assert!(parse_cursor(&format!("7{}7{}", "f".repeat(15), "f".repeat(15))).is_some());
        for bad in ["", "x", &"é".repeat(16), &"F".repeat(32), &"f".repeat(32)] {
            assert!(parse_cursor(bad).is_none(), "{bad}");
        }
    }
}
