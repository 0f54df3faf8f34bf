//! When the next run is due, and of which kind.
//!
//! Due times are computed from the plan and from stored history, never kept in memory. So a restart
//! loses nothing, two replicas agree, and after a night's sleep one run is due, not forty.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::after;
use crate::contact::clean;
use crate::string_enum;
use crate::sync::crontab;
use crate::sync::crontab::Written;
use crate::sync::{AccountId, Source, Trigger};

/// Shortest and longest interval, in minutes.
pub const MINUTES_MIN: u16 = 5;
pub const MINUTES_MAX: u16 = 1440;

/// How often an account is synced.
#[derive(Clone, Debug)]
pub enum Cadence {
    Every { minutes: u16 },
    Cron { expression: String, cron: Box<Cron>, zone: TimeZone },
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub cadence: Cadence,
    /// No run starts by itself while this is set.
    pub paused: bool,
}

/// Why a schedule cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("`{0}` minutes is not an interval; it must be {MINUTES_MIN} to {MINUTES_MAX}")]
    Interval(i64),
    #[error("`{expression}` is not a cron expression: {reason}")]
    Cron { expression: String, reason: String },
    #[error("`{0}` is not a time zone; use an IANA name such as `Europe/Berlin`")]
    Zone(String),
}

impl Cadence {
    /// # Errors
    /// When the interval is out of range.
    pub fn every(minutes: i64) -> Result<Cadence, ScheduleError> {
        match u16::try_from(minutes) {
            Ok(minutes) if (MINUTES_MIN..=MINUTES_MAX).contains(&minutes) => {
                Ok(Cadence::Every { minutes })
            }
            _ => Err(ScheduleError::Interval(minutes)),
        }
    }

    /// Takes five fields (minute, hour, day, month, weekday), or what [`crontab::read`] takes for them, and an IANA
    /// time zone. `@every 15m` is an interval.
    ///
    /// # Errors
    /// When either cannot be read, or when the expression would never come true.
    pub fn cron(expression: &str, zone: &str) -> Result<Cadence, ScheduleError> {
        // Shown to whoever sent it. The parser's reasons repeat what they are about, too.
        let some = |text: &str| clean(text, 100);
        let wrong = |reason: String| ScheduleError::Cron {
            expression: some(expression),
            reason: some(&reason),
        };
        let fields = match crontab::read(expression).map_err(&wrong)? {
            Written::Fields(fields) => fields,
            Written::Every { minutes } => return Cadence::every(minutes),
        };
        let cron = Cron::from_str(&fields).map_err(|error| wrong(error.to_string()))?;
        let found = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(some(zone)))?;
        let start = Timestamp::UNIX_EPOCH.to_zoned(found.clone());
        cron.find_next_occurrence(&start, true).map_err(|_| wrong("it never comes".to_owned()))?;
        let cron = Box::new(cron);
        Ok(Cadence::Cron { expression: expression.to_owned(), cron, zone: found })
    }
}

/// What history says about an account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// The due time that was served last.
    pub last_slot: Option<Timestamp>,
    pub last_ended: Option<Timestamp>,
    /// Failed runs since the last one that did not fail.
    pub failures: u32,
    /// Google asked not to come back before this.
    pub not_before: Option<Timestamp>,
    /// The last run was broken off by a crash or a stop, and nobody has gone on with it.
    pub interrupted: bool,
    /// It was a full one on request, or continued such a one.
    pub full_interrupted: bool,
    /// The last run was stopped by hand.
    pub cancelled: bool,
    /// Interrupted runs in a row. A run that takes the process down with it must not do so for ever.
    pub interruptions: u32,
    /// Nothing helps but connecting the account again.
    pub needs_reauth: bool,
    /// No run has succeeded yet.
    pub never_synced: bool,
    /// Google's last listing had no sync token at its end, so the next run lists everything again.
    pub tokenless: bool,
    /// A full run has just succeeded; the changes made while it paged are still to be fetched.
    pub follow_up_at: Option<Timestamp>,
}

/// A moment at which a run should start. `at` names it: one due time is served once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Due {
    pub at: Timestamp,
    pub trigger: Trigger,
}

/// A domain's directory is always listed in full, and changes slowly: Google itself takes hours to show a
/// change there. So it is listed no more often than this, unless somebody sets a schedule for it.
const WHOLE_LISTING_MINUTES: u16 = 360;
const WHOLE_LISTING: Duration = Duration::from_secs(WHOLE_LISTING_MINUTES as u64 * 60);

impl Plan {
    /// The plan for what has none of its own, as it suits this source.
    pub fn suited_to(self, source: Source) -> Plan {
        match self.cadence {
            Cadence::Every { minutes } if !source.tells_changes() => {
                let minutes = minutes.max(WHOLE_LISTING_MINUTES);
                Plan { cadence: Cadence::Every { minutes }, ..self }
            }
            _ => self,
        }
    }
}

/// Retries after failures start here and double.
const RETRY_BASE: Duration = Duration::from_secs(60);
/// However long it has been failing, it is tried again this often.
const RETRY_MAX: Duration = Duration::from_secs(3600);
/// A time noted further in the future than this was noted under a clock that was wrong.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(3600);
/// Nobody is told to stay away for longer.
const NOT_BEFORE_MAX: Duration = Duration::from_secs(86400);
/// After this many interruptions in a row, going on waits for the next regular time.
const INTERRUPTIONS_MAX: u32 = 3;

/// When this account is due next, or `None` when it never is by itself.
pub fn next(plan: &Plan, standing: &Standing, account: AccountId, now: Timestamp) -> Option<Due> {
    if plan.paused || standing.needs_reauth {
        return None;
    }
    // A run that was cancelled by hand does not come back before the next regular time either. A time
    // far in the future was noted under a clock that was wrong, and says nothing.
    let sane = |at: &Timestamp| *at <= after(now, CLOCK_ERROR_MAX);
    let last_ended = standing.last_ended.filter(sane);
    let last_slot = standing.last_slot.filter(sane);
    let since =
        if standing.cancelled { last_slot.max(last_ended) } else { last_slot.or(last_ended) };
    let due = if standing.interrupted && standing.interruptions <= INTERRUPTIONS_MAX {
        Due { at: now, trigger: Trigger::Startup }
    } else if standing.failures > 0 && !standing.cancelled {
        let wait = RETRY_BASE.saturating_mul(1 << (standing.failures - 1).min(16)).min(RETRY_MAX);
        let wait = wait + jitter(account, wait / 10);
        // A clock that was set back during the run noted its end before the due time that it served, which is
        // served once. One that was far ahead noted nothing that can be waited from.
        let at = last_ended.max(last_slot).map_or(now, |it| after(it, wait));
        Due { at, trigger: Trigger::Schedule }
    } else {
        let at = match since {
            Some(since) => slot(&plan.cadence, since, account, now)?,
            None => now,
        };
        // Everything is not listed as often as changes are.
        let earliest = last_ended.filter(|_| standing.tokenless);
        let at = at.max(earliest.map_or(at, |ended| after(ended, WHOLE_LISTING)));
        Due { at, trigger: Trigger::Schedule }
    };
    let not_before = standing.not_before.filter(|at| *at <= after(now, NOT_BEFORE_MAX));
    let at = due.at.max(not_before.unwrap_or(due.at));
    Some(Due { at, ..due })
}

/// The next `count` times at which this account is due, as far as is known now: runs that fail or are asked
/// for by hand move them.
pub fn upcoming(
    plan: &Plan,
    standing: &Standing,
    account: AccountId,
    now: Timestamp,
    count: usize,
) -> Vec<Timestamp> {
    let first = next(plan, standing, account, now).map(|due| due.at.max(now));
    let following = |at: &Timestamp| slot(&plan.cadence, *at, account, *at);
    std::iter::successors(first, following).take(count).collect()
}

/// When the token is renewed by a full run, if nothing else asks for one before.
pub fn full_due(full_at: Timestamp, full_after: Duration, account: AccountId) -> Timestamp {
    // Half a day's spread keeps a hundred accounts from renewing in the same hour.
    after(full_at, full_after + jitter(account, Duration::from_secs(12 * 3600)))
}

/// Syncs of changes that have failed so often in a row may be failing because of the sync token; every fourth time
/// everything is listed instead.
pub fn is_time_to_list_anew(failures: u64) -> bool {
    failures > 0 && failures.is_multiple_of(4)
}

/// May a run start for this due time, seeing which one was served last?
///
/// A due time far in the future was written under a clock that was wrong; it must not silence the
/// schedule until that day comes.
pub fn fires(last_slot: Option<Timestamp>, slot: Timestamp, now: Timestamp) -> bool {
    last_slot.is_none_or(|last| slot > last || last > after(now, CLOCK_ERROR_MAX))
}

/// The next regular time after `since`. When several were missed, the latest of
/// them: one run makes good for all.
fn slot(
    cadence: &Cadence,
    since: Timestamp,
    account: AccountId,
    now: Timestamp,
) -> Option<Timestamp> {
    match cadence {
        Cadence::Every { minutes } => {
            let period = i64::from(*minutes) * 60_000_000;
            let spread = Duration::from_micros(period.unsigned_abs() / 10);
            let offset = i64::try_from(jitter(account, spread).as_micros()).unwrap_or(0);
            let slot_before = |at: Timestamp| {
                let count = (at.as_microsecond() - offset).div_euclid(period);
                count * period + offset
            };
            let next = slot_before(since) + period;
            let at = next.max(slot_before(now));
            Timestamp::from_microsecond(at).ok()
        }
        Cadence::Cron { cron, zone, .. } => {
            let offset = jitter(account, Duration::from_secs(60));
            let zoned =
                |at: Timestamp| at.saturating_sub(offset).unwrap_or(at).to_zoned(zone.clone());
            let next = cron.find_next_occurrence(&zoned(since), false).ok()?.timestamp();
            let latest = cron
                .find_previous_occurrence(&zoned(now), true)
                .map_or(next, |at| at.timestamp().max(next));
            // Of the missed ones the latest, but never one that is still to come twice over.
            let at = if after(next, offset) <= now { latest } else { next };
            Some(after(at, offset))
        }
    }
}

/// A stable share of `spread` for each account, so that a hundred accounts do not ask at one instant.
pub fn jitter(account: AccountId, spread: Duration) -> Duration {
    // SplitMix64's finaliser: neighbours among account numbers end up far apart.
    let mut bits = (account.0 as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let share = crate::sync::backoff::Jitter::from_bits(bits).of(spread);
    // What is stored has microseconds; a finer offset would make a due time differ from itself.
    Duration::from_micros(u64::try_from(share.as_micros()).unwrap_or(u64::MAX))
}

string_enum! {
    /// Why everything has to be listed.
    FullReason {
        NeverSynced = "never_synced",
        NoToken = "no_sync_token",
        ParametersChanged = "request_parameters_changed",
        Reconnected = "account_reconnected",
        TokenAging = "sync_token_aging",
        HoldPending = "hold_pending",
        ChangesFail = "changes_keep_failing",
        NotIncremental = "source_not_incremental",
        FullInterrupted = "full_sync_interrupted",
    }
}

impl FullReason {
    pub fn in_words(self) -> &'static str {
        match self {
            FullReason::NeverSynced => "No sync has succeeded yet",
            FullReason::NoToken => "There is no sync token",
            FullReason::ParametersChanged => {
                "What is asked of Google has changed since the sync token was issued"
            }
            FullReason::Reconnected => "The account was connected anew",
            FullReason::TokenAging => "The sync token is about to reach Google's seven days",
            FullReason::HoldPending => {
                "A full sync is on hold; a new listing will show if it still holds"
            }
            FullReason::ChangesFail => {
                "Syncs of the changes keep failing; a new listing needs no sync token"
            }
            FullReason::FullInterrupted => "The requested full sync was interrupted",
            FullReason::NotIncremental => {
                "Google does not say reliably what changed in a domain's directory, so it is always listed in full"
            }
        }
    }
}

/// A stored sync token, without the token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenFacts {
    /// Fingerprint of the request parameters it was issued for.
    pub request: String,
    /// Number of the grant it was issued under.
    pub grant: i64,
    /// When the full listing began from which it descends. Google counts its seven days from there, or
    /// later.
    pub full_at: Timestamp,
}

/// What the choice of a kind depends on beside the token.
#[derive(Clone, Debug, PartialEq)]
pub struct FullSyncInputs<'a> {
    pub source: Source,
    pub request: &'a str,
    pub grant: i64,
    pub never_synced: bool,
    pub full_run_held: bool,
    /// The last run was a full one on request, and a stop or a crash ended it.
    pub full_interrupted: bool,
    /// Age of the full run at which a new one is made. Google's limit is 7 days.
    pub full_after: Duration,
}

/// Why the next run has to be a full one; `None` when changes are enough.
pub fn full_reason(
    token: Option<&TokenFacts>,
    it: &FullSyncInputs<'_>,
    account: AccountId,
    now: Timestamp,
) -> Option<FullReason> {
    if it.never_synced {
        return Some(FullReason::NeverSynced);
    }
    if !it.source.tells_changes() {
        return Some(FullReason::NotIncremental);
    }
    let Some(token) = token else { return Some(FullReason::NoToken) };
    if token.request != it.request {
        return Some(FullReason::ParametersChanged);
    }
    if token.grant != it.grant {
        return Some(FullReason::Reconnected);
    }
    if it.full_run_held {
        return Some(FullReason::HoldPending);
    }
    if it.full_interrupted {
        return Some(FullReason::FullInterrupted);
    }
    (now >= full_due(token.full_at, it.full_after, account)).then_some(FullReason::TokenAging)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::between;

    const ACCOUNT: AccountId = AccountId(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn every(minutes: i64) -> Plan {
        Plan { cadence: Cadence::every(minutes).unwrap(), paused: false }
    }

    fn cron(expression: &str, zone: &str) -> Plan {
        Plan { cadence: Cadence::cron(expression, zone).unwrap(), paused: false }
    }

    fn served(slot: Timestamp) -> Standing {
        Standing { last_slot: Some(slot), last_ended: Some(slot), ..Standing::default() }
    }

    #[test]
    fn the_times_to_come_begin_with_the_one_that_is_due_and_follow_the_plan() {
        let now = at("2026-03-07T12:07:00Z");
        let standing = served(at("2026-03-07T12:06:30Z"));
        for plan in [every(60), cron("30 * * * *", "Europe/Berlin")] {
            let times = upcoming(&plan, &standing, ACCOUNT, now, 5);
            assert_eq!(times.len(), 5);
            assert_eq!(times[0], next(&plan, &standing, ACCOUNT, now).unwrap().at);
            for pair in times.windows(2) {
                assert_eq!(between(pair[0], pair[1]), Duration::from_secs(3600), "{plan:?}");
            }
        }
        let paused = Plan { paused: true, ..every(60) };
        assert_eq!(upcoming(&paused, &standing, ACCOUNT, now, 5), []);
    }

    #[test]
    fn an_interval_comes_round_regularly_and_never_twice_for_one_due_time() {
        let plan = every(60);
        let mut now = at("2026-03-01T00:00:00Z");
        let first = next(&plan, &served(now), ACCOUNT, now).unwrap().at;
        let mut last = first;
        for _ in 0..50 {
            now = last;
            assert!(!fires(Some(last), last, now));
            let due = next(&plan, &served(last), ACCOUNT, now).unwrap();
            assert_eq!(between(last, due.at), Duration::from_secs(3600));
            last = due.at;
        }
    }

    #[test]
    fn after_a_nights_sleep_one_run_is_due_not_forty() {
        for plan in [every(15), cron("*/15 * * * *", "Europe/Berlin")] {
            let asleep = at("2026-03-01T22:00:00Z");
            let awake = at("2026-03-02T08:07:00Z");
            let due = next(&plan, &served(asleep), ACCOUNT, awake).unwrap();
            assert!(due.at <= awake && between(due.at, awake) < Duration::from_secs(16 * 60));
            let then = next(&plan, &served(due.at), ACCOUNT, awake).unwrap();
            assert!(then.at > awake, "{then:?}");
        }
    }

    #[test]
    fn a_refusal_repeats_little_of_what_it_refuses_and_nothing_unseen() {
        let words = format!("0 0 * * MON,{}", "WEDN,".repeat(10_000));
        for (cron, zone) in [(words.as_str(), "UTC"), ("0 0 * * *", words.as_str())] {
            let problem = Cadence::cron(cron, zone).unwrap_err().to_string();
            assert!(problem.len() < 400, "{problem}");
        }
        for (cron, zone) in [("0 0 * * \u{1}", "UTC"), ("0 0 * * *", "\u{1}\u{7f}Mars\u{0}")] {
            let problem = Cadence::cron(cron, zone).unwrap_err().to_string();
            assert!(!problem.chars().any(char::is_control), "{problem:?}");
        }
    }

    #[test]
    fn cron_follows_the_zone_through_the_nights_the_clocks_change() {
        let plan = cron("30 2 * * *", "Europe/Berlin");
        let mut last = at("2026-03-27T12:00:00Z");
        let mut days = Vec::new();
        for _ in 0..4 {
            let due = next(&plan, &served(last), ACCOUNT, last).unwrap();
            days.push(due.at.to_zoned(TimeZone::get("Europe/Berlin").unwrap()).day());
            last = due.at;
        }
        assert_eq!(days, [28, 29, 30, 31], "the hour that is skipped still has its run");
        let mut last = at("2026-10-24T12:00:00Z");
        let mut days = Vec::new();
        for _ in 0..3 {
            let due = next(&plan, &served(last), ACCOUNT, last).unwrap();
            days.push(due.at.to_zoned(TimeZone::get("Europe/Berlin").unwrap()).day());
            last = due.at;
        }
        assert_eq!(days, [25, 26, 27], "the hour that comes twice has one run");
    }

    #[test]
    fn a_due_time_survives_being_stored() {
        let now = at("2026-03-01T00:00:00Z");
        for plan in [every(60), cron("0 */2 * * *", "Europe/Berlin")] {
            for account in (1..50).map(AccountId) {
                let due = next(&plan, &served(now), account, now).unwrap().at;
                let stored = Timestamp::from_microsecond(due.as_microsecond()).unwrap();
                assert_eq!(due, stored);
                let then = next(&plan, &served(stored), account, stored).unwrap().at;
                assert!(between(stored, then) >= Duration::from_secs(3599), "{then}");
            }
        }
    }

    #[test]
    fn accounts_are_spread_and_stay_where_they_are() {
        let now = at("2026-03-01T00:00:00Z");
        let plan = every(60);
        let due = |account| next(&plan, &served(now), AccountId(account), now).unwrap().at;
        assert_eq!(due(1), due(1));
        let distinct: std::collections::BTreeSet<_> = (1..50).map(due).collect();
        assert!(distinct.len() > 45);
    }

    #[test]
    fn failures_are_retried_soon_then_ever_more_slowly() {
        let plan = every(1440);
        let ended = at("2026-03-01T00:00:00Z");
        let wait = |failures| {
            let standing = Standing { failures, ..served(ended) };
            between(ended, next(&plan, &standing, ACCOUNT, ended).unwrap().at)
        };
        assert!(wait(1) >= Duration::from_secs(60) && wait(1) < Duration::from_secs(70));
        assert!(wait(3) >= Duration::from_secs(240));
        assert!(wait(30) <= Duration::from_secs(3960));
    }

    #[test]
    fn what_google_asked_for_is_kept() {
        let now = at("2026-03-01T00:00:00Z");
        let until = at("2026-03-01T05:00:00Z");
        let standing = Standing { failures: 1, not_before: Some(until), ..served(now) };
        assert_eq!(next(&every(60), &standing, ACCOUNT, now).unwrap().at, until);
    }

    #[test]
    fn a_paused_or_disconnected_account_is_never_due() {
        let now = at("2026-03-01T00:00:00Z");
        let paused = Plan { paused: true, ..every(60) };
        assert_eq!(next(&paused, &served(now), ACCOUNT, now), None);
        let standing = Standing { needs_reauth: true, ..served(now) };
        assert_eq!(next(&every(60), &standing, ACCOUNT, now), None);
    }

    #[test]
    fn an_interrupted_run_goes_on_at_once_but_not_for_ever() {
        let now = at("2026-03-01T00:00:00Z");
        let broken = |interruptions| Standing { interrupted: true, interruptions, ..served(now) };
        let due = next(&every(60), &broken(1), ACCOUNT, now).unwrap();
        assert_eq!(due, Due { at: now, trigger: Trigger::Startup });
        assert!(next(&every(60), &broken(9), ACCOUNT, now).unwrap().at > now);
    }

    #[test]
    fn a_cancelled_first_run_does_not_come_back_at_once() {
        let now = at("2026-03-01T00:00:00Z");
        let fresh = Standing { never_synced: true, ..Standing::default() };
        assert_eq!(next(&every(60), &fresh, ACCOUNT, now).unwrap().at, now);
        let cancelled = Standing { last_ended: Some(now), cancelled: true, failures: 3, ..fresh };
        assert!(next(&every(60), &cancelled, ACCOUNT, now).unwrap().at > now);
    }

    #[test]
    fn a_clock_that_was_a_year_ahead_does_not_silence_the_schedule() {
        let now = at("2026-03-01T00:00:00Z");
        let future = at("2027-03-01T00:00:00Z");
        let due = next(&every(60), &served(future), ACCOUNT, now).unwrap();
        assert!(between(now, due.at) <= Duration::from_secs(3600));
        assert!(fires(Some(future), due.at, now));
    }

    #[test]
    fn whatever_the_clock_did_during_a_run_that_failed_it_is_tried_again_soon() {
        let now = at("2026-03-01T00:00:00Z");
        let plan = every(1440);
        for (slot, ended) in [
            ("2026-03-01T00:00:00Z", "2026-02-28T07:38:00Z"),
            ("2026-02-28T22:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-03-01T00:30:00Z", "2026-02-01T00:00:00Z"),
            ("2027-03-01T00:00:00Z", "2026-02-28T23:00:00Z"),
            ("2026-02-28T23:00:00Z", "2027-03-01T00:00:00Z"),
            ("2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        ] {
            let (slot, ended) = (Some(at(slot)), Some(at(ended)));
            let standing =
                Standing { failures: 1, last_slot: slot, last_ended: ended, ..Standing::default() };
            // As the supervisor looks: now and again.
            let begins = |it: &Timestamp| {
                let due = next(&plan, &standing, ACCOUNT, *it).unwrap().at;
                due <= *it && fires(slot, due, *it)
            };
            let looks = (0..120).map(|minute| after(now, Duration::from_secs(60 * minute)));
            assert!(looks.into_iter().any(|it| begins(&it)), "{slot:?} {ended:?}");
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_is_refused_with_the_reason() {
        for (expression, zone) in
            [("* * *", "UTC"), ("61 * * * *", "UTC"), ("0 0 30 2 *", "UTC"), ("0 0 * * *", "Mars")]
        {
            assert!(Cadence::cron(expression, zone).is_err(), "{expression} {zone}");
        }
        for minutes in [-1, 0, 4, 1441, 100_000] {
            assert!(Cadence::every(minutes).is_err(), "{minutes}");
        }
    }

    #[test]
    fn the_full_run_is_renewed_before_google_forgets_the_token() {
        let full_at = at("2026-03-01T00:00:00Z");
        let token = TokenFacts { request: "r".into(), grant: 1, full_at };
        let it = FullSyncInputs {
            source: Source::Contacts,
            request: "r",
            grant: 1,
            never_synced: false,
            full_run_held: false,
            full_interrupted: false,
            full_after: Duration::from_secs(5 * 86400),
        };
        let day = |days: u64| after(full_at, Duration::from_secs(days * 86400));
        for account in (0..100).map(AccountId) {
            assert_eq!(full_reason(Some(&token), &it, account, day(4)), None);
            let renewed = full_reason(Some(&token), &it, account, day(6));
            assert_eq!(renewed, Some(FullReason::TokenAging));
        }
        let reason = |it: &FullSyncInputs<'_>| full_reason(Some(&token), it, ACCOUNT, day(1));
        assert_eq!(reason(&it), None);
        let changed = FullSyncInputs { request: "other", ..it.clone() };
        assert_eq!(reason(&changed), Some(FullReason::ParametersChanged));
        let regranted = FullSyncInputs { grant: 2, ..it.clone() };
        assert_eq!(reason(&regranted), Some(FullReason::Reconnected));
        let interrupted = FullSyncInputs { full_interrupted: true, ..it.clone() };
        assert_eq!(reason(&interrupted), Some(FullReason::FullInterrupted));
        assert_eq!(full_reason(None, &it, ACCOUNT, day(1)), Some(FullReason::NoToken));
        for source in [Source::Directory, Source::Shared] {
            let listed = FullSyncInputs { source, ..it.clone() };
            assert_eq!(reason(&listed), Some(FullReason::NotIncremental), "on whatever day");
        }
    }

    #[test]
    fn without_sync_tokens_everything_is_listed_every_six_hours_at_most() {
        let now = at("2026-03-01T00:00:00Z");
        for plan in [every(5), cron("*/5 * * * *", "UTC")] {
            let standing = Standing { tokenless: true, ..served(now) };
            let due = next(&plan, &standing, ACCOUNT, now).unwrap().at;
            assert!(between(now, due) >= Duration::from_secs(6 * 3600), "{due}");
            assert!(between(now, due) < Duration::from_secs(7 * 3600), "{due}");
            let failed = Standing { failures: 1, ..standing };
            assert!(
                next(&plan, &failed, ACCOUNT, now).unwrap().at < due,
                "trouble is retried soon"
            );
        }
    }

    #[test]
    fn a_directory_is_listed_every_six_hours_and_an_own_schedule_is_kept() {
        let minutes = |plan: Plan, source| match plan.suited_to(source).cadence {
            Cadence::Every { minutes } => minutes,
            Cadence::Cron { .. } => 0,
        };
        assert_eq!(minutes(every(60), Source::Contacts), 60);
        assert_eq!(minutes(every(60), Source::Directory), 360);
        assert_eq!(minutes(every(720), Source::Shared), 720);
        assert_eq!(minutes(cron("0 7 * * *", "UTC"), Source::Shared), 0);
        assert!(Plan { paused: true, ..every(60) }.suited_to(Source::Directory).paused);
    }
}
