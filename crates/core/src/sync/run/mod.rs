//! Decides what a sync run does next.
//!
//! A [`Run`] is a value. It hands out one [`Step`] at a time and is told by an [`Event`] what came of
//! it. Nothing here waits, reads a clock or talks to anyone; the engine does that. A week of trouble
//! at Google therefore fits into a unit test.

mod digest;
mod steps;

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::contact::ResourceName;
use crate::sync::backoff;
use crate::sync::backoff::Jitter;
use crate::sync::book::{
    Entries, FetchError, Label, ListRequest, Page, PageToken, Presence, SyncToken, VERIFY_MAX,
};
use crate::sync::messages;
use crate::sync::{Delay, FailureCode, Kind};

use digest::{Digest, Names};
pub use steps::{
    Batch, Deletions, Event, Place, Policy, Remarks, Report, RunEnd, RunInput, Step, Stop,
};

/// One attempt to sync one account.
#[derive(Clone, Debug)]
pub struct Run {
    orders: RunInput,
    kind: Kind,
    stage: Stage,
    /// Tries of the current request that failed.
    attempts: u32,
    waited: Duration,
    /// The sync token was refused; a second refusal would be a loop.
    token_refused: bool,
    /// The full listing was started over since a page token was refused.
    restarted: bool,
    /// The full listing contradicted itself and was started over: this is what it was.
    before: Option<Digest>,
    /// The listing that has come to its end is the one before, once more.
    confirmed: bool,
    /// Whom the listing names.
    names: Names,
    /// This listing was read from its first page, by this run.
    whole: bool,
    /// Distinct persons named up to the last page, and pages since that named nobody new.
    named: u64,
    idle_pages: u32,
    entries: u64,
    /// Last pages that came without a sync token.
    tokenless: u32,
    /// What Google said in the listing that has come to its end.
    total: Option<u64>,
    remarks: Remarks,
    /// Whether Google was asked who answers, and what it said.
    identified: bool,
    identity: Option<ResourceName>,
    page_tokens: HashSet<PageToken>,
    labels: Option<Vec<Label>>,
    persons: u64,
    first_page: bool,
}

#[derive(Clone, Debug)]
enum Stage {
    Asking,
    AskingLabels {
        token: SyncToken,
        deletions: Deletions,
    },
    Fetching(ListRequest),
    Storing {
        page: PageTail,
    },
    Sweeping {
        token: SyncToken,
        nameless: u64,
    },
    Verifying(Verification),
    Sleeping(Box<Stage>),
    /// The last try of this has failed and its wait is over: go on without it.
    GaveUp(Box<Stage>, String),
    Pausing(ListRequest),
    Ended,
}

/// What a page says about the listing it belongs to.
#[derive(Clone, Debug)]
struct PageTail {
    next: Option<PageToken>,
    token: Option<SyncToken>,
    entries: Entries,
}

#[derive(Clone, Debug)]
struct Verification {
    token: SyncToken,
    nameless: u64,
    live: u64,
    candidates: Vec<ResourceName>,
    verdicts: Vec<Presence>,
    /// How many of the candidates are asked about.
    ask: usize,
}

/// Beyond the guard a person decides anyway; then this many questions are enough to find out whether
/// the listing lied. Each asks about [`VERIFY_MAX`] contacts.
const QUESTIONS_WHEN_HELD: usize = 5;

/// Tries of a question that a run can do without.
const OPTIONAL_TRIES: u32 = 4;

/// How often a last page may lack its token before that is taken for Google's word.
const TOKENLESS_TRIES: u32 = 3;

/// Pages in a row that name nobody new, and entries that no address book has: then a listing has no end.
const IDLE_PAGES_MAX: u32 = 100;
const ENTRIES_MAX: u64 = 5_000_000;

/// So long after the first refusal of fresh access tokens a person is asked to look.
const UNAUTHORIZED_MAX: Duration = Duration::from_secs(86_400);

impl Run {
    pub fn start(orders: RunInput) -> (Run, Step) {
        let kind = match (&orders.kind, &orders.token) {
            (Kind::Incremental, Some(_)) if orders.source.tells_changes() => Kind::Incremental,
            _ => Kind::Full,
        };
        let mut run = Run {
            kind,
            stage: Stage::Asking,
            attempts: 0,
            waited: Duration::ZERO,
            token_refused: false,
            restarted: false,
            before: None,
            confirmed: false,
            names: Names::default(),
            whole: false,
            named: 0,
            idle_pages: 0,
            entries: 0,
            tokenless: 0,
            total: None,
            remarks: Remarks::default(),
            identified: false,
            identity: None,
            page_tokens: HashSet::new(),
            labels: None,
            persons: 0,
            first_page: true,
            orders,
        };
        let step = match run.kind {
            Kind::Full => run.begin_listing(),
            Kind::Incremental => run.fetch(None),
        };
        (run, step)
    }

    /// What the run is now: an incremental run whose token was refused has become a full one.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn on(&mut self, event: Event, now: Timestamp, jitter: Jitter) -> Step {
        match event {
            Event::Stopped(Stop::Cancel) => return self.end(RunEnd::Cancelled),
            Event::Stopped(Stop::Shutdown) => return self.end(RunEnd::Interrupted),
            Event::StorageFailed { message } => return self.fail(FailureCode::Storage, message),
            _ => {}
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        match (stage, event) {
            (Stage::Asking, Event::Answered { identity, labels }) => {
                self.identified(identity, labels, now, jitter)
            }
            (Stage::AskingLabels { token, deletions }, Event::Answered { labels, .. }) => {
                self.take_labels(labels);
                self.complete(token, deletions)
            }
            (Stage::Fetching(request), Event::Fetched(Ok(page))) => {
                self.page(request, page, now, jitter)
            }
            (Stage::Fetching(request), Event::Fetched(Err(error))) => {
                self.page_failed(request, error, now, jitter)
            }
            (Stage::Storing { page }, Event::Committed(report)) => self.stored(page, report, now),
            (Stage::Sweeping { token, nameless }, Event::Swept { unseen, live }) => {
                self.swept(token, nameless, unseen, live)
            }
            (Stage::Verifying(verification), Event::Verified(answer)) => {
                self.verified(verification, answer, now, jitter)
            }
            (Stage::Pausing(request), Event::Woke) => self.fetch(request.page),
            (Stage::Sleeping(stage), Event::Woke) => self.again(*stage),
            (_, event) => {
                // Only a mistake in the engine leads here. Ending keeps the old token, so the next
                // run makes good whatever was missed.
                let name = match event {
                    Event::Answered { .. } => "answered",
                    Event::Fetched(_) => "fetched",
                    Event::Committed(_) => "committed",
                    Event::Swept { .. } => "swept",
                    Event::Verified(_) => "verified",
                    _ => "woke",
                };
                self.fail(FailureCode::Storage, format!("the run was told `{name}` out of turn"))
            }
        }
    }

    fn begin_listing(&mut self) -> Step {
        let resume = self.orders.resume.clone();
        self.first_page = resume.is_none();
        if self.identified {
            return self.fetch(resume);
        }
        self.ask(resume)
    }

    fn ask(&mut self, resume: Option<PageToken>) -> Step {
        self.stage = Stage::Asking;
        let ahead = Some(self.request(resume));
        Step::Ask { identity: true, labels: self.orders.source.is_a_book(), ahead }
    }

    fn request(&self, page: Option<PageToken>) -> ListRequest {
        let since = match self.kind {
            Kind::Incremental => self.orders.token.clone(),
            Kind::Full => None,
        };
        ListRequest { since, page, page_size: self.orders.policy.page_size }
    }

    fn fetch(&mut self, page: Option<PageToken>) -> Step {
        let request = self.request(page);
        self.stage = Stage::Fetching(request.clone());
        Step::Fetch(request)
    }

    fn identified(
        &mut self,
        identity: Result<Option<ResourceName>, FetchError>,
        labels: Option<Result<Vec<Label>, FetchError>>,
        now: Timestamp,
        jitter: Jitter,
    ) -> Step {
        self.take_labels(labels);
        match identity {
            Ok(found) => {
                if let (Some(found), Some(expected)) = (&found, &self.orders.identity)
                    && found != expected
                {
                    return self.fail(
                        FailureCode::DifferentAccount,
                        messages::DIFFERENT_ACCOUNT.to_owned(),
                    );
                }
                self.identity = found;
                self.go_on_identified()
            }
            Err(error) => self.hitch(Stage::Asking, error, now, jitter),
        }
    }

    fn go_on_identified(&mut self) -> Step {
        self.identified = true;
        self.attempts = 0;
        let resume = self.orders.resume.clone();
        self.fetch(resume)
    }

    /// Labels that cannot be had now are had next time; the contacts are what counts.
    fn take_labels(&mut self, labels: Option<Result<Vec<Label>, FetchError>>) {
        match labels {
            Some(Ok(labels)) => self.labels = Some(labels),
            Some(Err(error)) => self.remark(messages::labels_unknown(&error.to_string())),
            None => {}
        }
    }

    /// Once each.
    fn remark(&mut self, note: String) {
        if !self.remarks.notes.contains(&note) {
            self.remarks.notes.push(note);
        }
    }

    fn page(&mut self, request: ListRequest, page: Page, now: Timestamp, jitter: Jitter) -> Step {
        if let Some(next) = &page.next
            && (!self.page_tokens.insert(next.clone()) || request.page.as_ref() == Some(next))
        {
            let message = messages::REPEATED_PAGE.to_owned();
            return self.fail(FailureCode::IncompleteListing, message);
        }
        let ended = page.next.is_none() && page.sync_token.is_none();
        self.tokenless = if ended { self.tokenless + 1 } else { 0 };
        let tries = TOKENLESS_TRIES.min(self.orders.policy.retry.attempts_max);
        if ended && self.tokenless < tries {
            // The end of a listing is only where Google gives the token for it. Anything else is a
            // page whose tail was lost, unless it stays so.
            let error = FetchError::Again {
                delay: Delay::Malformed,
                retry_after: None,
                message: "the last page came without a sync token".to_owned(),
            };
            return self.hitch(Stage::Fetching(request), error, now, jitter);
        }
        self.attempts = 0;
        let first = std::mem::take(&mut self.first_page);
        if first {
            (self.names, self.whole) = (Names::default(), true);
            (self.named, self.idle_pages, self.entries) = (0, 0, 0);
        }
        let place = match self.kind {
            Kind::Full => Place::Listing { first, next: page.next.clone(), total: page.total },
            Kind::Incremental => Place::Changes { first },
        };
        let ahead = match (&page.next, self.orders.policy.pause) {
            (Some(next), Duration::ZERO) => Some(self.request(Some(next.clone()))),
            _ => None,
        };
        let token = page.sync_token.filter(|_| page.next.is_none());
        let landing = PageTail { token, next: page.next, entries: page.entries.clone() };
        self.stage = Stage::Storing { page: landing };
        Step::Commit { batch: Batch { entries: page.entries, place }, ahead }
    }

    fn page_failed(
        &mut self,
        request: ListRequest,
        error: FetchError,
        now: Timestamp,
        jitter: Jitter,
    ) -> Step {
        let FetchError::CursorRefused { message } = error else {
            return self.hitch(Stage::Fetching(request), error, now, jitter);
        };
        match self.kind {
            Kind::Incremental if !self.token_refused => {
                self.token_refused = true;
                self.kind = Kind::Full;
                self.attempts = 0;
                self.page_tokens.clear();
                self.begin_listing()
            }
            // The page token of an interrupted listing has a life of its own; losing it costs time only.
            Kind::Full if request.page.is_some() && self.orders.resume.is_some() => {
                self.orders.resume = None;
                self.start_over()
            }
            Kind::Full if request.page.is_some() && !self.restarted => {
                self.restarted = true;
                self.start_over()
            }
            _ => self.fail(FailureCode::Misconfigured, messages::cursor_refused(&message)),
        }
    }

    fn start_over(&mut self) -> Step {
        self.orders.resume = None;
        self.first_page = true;
        self.attempts = 0;
        self.page_tokens.clear();
        self.fetch(None)
    }

    fn stored(&mut self, page: PageTail, report: Report, now: Timestamp) -> Step {
        if report.cancel {
            return self.end(RunEnd::Cancelled);
        }
        self.persons += report.listed;
        self.names.add(&page.entries);
        if page.next.is_some() && self.has_no_end(&report) {
            let message = messages::ENDLESS_LISTING.to_owned();
            return self.fail(FailureCode::IncompleteListing, message);
        }
        match (page.next, page.token) {
            (Some(next), _) if self.orders.policy.pause.is_zero() => self.fetch(Some(next)),
            (Some(next), _) => {
                self.stage = Stage::Pausing(self.request(Some(next)));
                Step::Sleep {
                    until: crate::clock::after(now, self.orders.policy.pause),
                    delay: Delay::Pause,
                    message: "pausing between two pages".to_owned(),
                }
            }
            (None, Some(token)) => match self.kind {
                Kind::Full => self.listed(token, report),
                Kind::Incremental => self.changes_listed(token, report),
            },
            (None, None) => {
                let (labels, identity) = (self.labels.take(), self.identity.take());
                let message = messages::NO_SYNC_TOKEN.to_owned();
                self.end(RunEnd::Tokenless { message, labels, identity })
            }
        }
    }

    /// Page after page, and none says anything new.
    fn has_no_end(&mut self, report: &Report) -> bool {
        let named = self.names.count() + report.nameless;
        let is_idle = named <= self.named;
        self.named = named;
        self.idle_pages = if is_idle { self.idle_pages + 1 } else { 0 };
        self.entries += report.entries;
        self.idle_pages > IDLE_PAGES_MAX
            || self.entries > ENTRIES_MAX.saturating_add(report.live.saturating_mul(10))
    }

    /// All pages of a full listing are stored. May it be believed?
    fn listed(&mut self, token: SyncToken, report: Report) -> Step {
        let digest = self.names.digest(report.nameless, report.total);
        self.confirmed = self.whole && self.before.as_ref() == Some(&digest);
        let named = report.seen;
        // Who has no name may have been listed twice and must not stand for somebody who was left out.
        if let Some(total) = report.total.filter(|total| named < *total) {
            if !self.confirmed {
                let message = messages::fewer_than_counted(total, named);
                return self.incomplete(report.nameless, report.total, message);
            }
            if named + report.nameless < total {
                self.remark(messages::total_differs(total, named));
            }
        }
        self.total = report.total;
        self.stage = Stage::Sweeping { token, nameless: report.nameless };
        Step::Sweep
    }

    /// A listing that contradicts itself is read once more, from its first page. When it comes the same again,
    /// it is what Google has to say.
    fn incomplete(&mut self, nameless: u64, total: Option<u64>, message: String) -> Step {
        if self.before.is_some() {
            return self.fail(FailureCode::IncompleteListing, message);
        }
        // One that an earlier run began cannot be compared; the next one is read from its first page.
        self.before = self.whole.then(|| self.names.digest(nameless, total));
        self.start_over()
    }

    fn changes_listed(&mut self, token: SyncToken, report: Report) -> Step {
        let hold = self.orders.policy.guard.holds(report.live, report.doomed);
        let deletions = Deletions::all(hold);
        if self.persons == 0 {
            return self.complete(token, deletions);
        }
        // Changed contacts may carry labels that we do not know by name yet.
        self.stage = Stage::AskingLabels { token, deletions };
        Step::Ask { identity: false, labels: true, ahead: None }
    }

    fn swept(
        &mut self,
        token: SyncToken,
        nameless: u64,
        unseen: Vec<ResourceName>,
        live: u64,
    ) -> Step {
        if unseen.is_empty() {
            return self.complete(token, Deletions::all(false));
        }
        let hold = self.orders.policy.guard.holds(live, unseen.len() as u64);
        if !self.orders.source.is_a_book() {
            // Nobody can be asked about; the guard alone stands before a listing that lied.
            return self.complete(token, Deletions::all(hold));
        }
        let ask = match hold {
            true => unseen.len().min(QUESTIONS_WHEN_HELD * VERIFY_MAX),
            false => unseen.len(),
        };
        self.verify(Verification {
            token,
            nameless,
            live,
            candidates: unseen,
            verdicts: Vec::new(),
            ask,
        })
    }

    fn verify(&mut self, verification: Verification) -> Step {
        let from = verification.verdicts.len();
        let to = verification.ask.min(from + VERIFY_MAX);
        let names = verification.candidates[from..to].to_vec();
        self.stage = Stage::Verifying(verification);
        Step::Verify(names)
    }

    fn verified(
        &mut self,
        mut verification: Verification,
        answer: Result<Vec<Presence>, FetchError>,
        now: Timestamp,
        jitter: Jitter,
    ) -> Step {
        let verdicts = match answer {
            Ok(verdicts) => verdicts,
            Err(error) => return self.hitch(Stage::Verifying(verification), error, now, jitter),
        };
        self.attempts = 0;
        let asked = verification.ask.min(verification.verdicts.len() + VERIFY_MAX);
        verification.verdicts.extend(verdicts);
        // A short answer must not shift the verdicts of the next question.
        verification.verdicts.resize(asked, Presence::Unknown);
        if asked < verification.ask {
            return self.verify(verification);
        }
        self.judge(verification, None)
    }

    /// What becomes of those whom the listing did not name. `unverified`: why Google could not be asked about all
    /// of them.
    fn judge(&mut self, verification: Verification, unverified: Option<String>) -> Step {
        let mut deletions = Deletions::all(false);
        let mut unanswered = 0_u64;
        for (name, verdict) in verification.candidates.iter().zip(&verification.verdicts) {
            match verdict {
                Presence::Alive => deletions.keep.push(name.clone()),
                Presence::Renamed(new) => deletions.renamed.push((name.clone(), new.clone())),
                Presence::Unknown => unanswered += 1,
                Presence::Gone => {}
            }
        }
        // A person that could not even be named may be one of the unseen; more than those are a lie.
        if deletions.keep.len() as u64 > verification.nameless {
            if !self.confirmed {
                let message = messages::left_out(deletions.keep.len());
                return self.incomplete(verification.nameless, self.total, message);
            }
            self.remark(messages::not_in_listing(deletions.keep.len()));
            self.remarks.unlisted.clone_from(&deletions.keep);
        }
        let spared = deletions.keep.len() + deletions.renamed.len();
        let doomed = (verification.candidates.len() - spared) as u64;
        deletions.hold = self.orders.policy.guard.holds(verification.live, doomed);
        match unverified {
            Some(cause) if doomed > 0 => {
                deletions.hold = true;
                self.remark(messages::unverified(doomed, &cause));
            }
            None if unanswered > 0 && self.orders.source.is_a_book() => {
                deletions.hold = true;
                self.remark(messages::unanswered(unanswered));
            }
            _ => {}
        }
        self.complete(verification.token, deletions)
    }

    /// Something went wrong with a request: wait and do it again, or give up.
    fn hitch(&mut self, stage: Stage, error: FetchError, now: Timestamp, jitter: Jitter) -> Step {
        let (delay, retry_after, message) = match error {
            FetchError::Again { delay, retry_after, message } => (delay, retry_after, message),
            FetchError::NeedsReauth { message } => {
                return self.fail(FailureCode::NeedsReauth, message);
            }
            // Nobody can be asked about, though everybody could be listed: a matter of this endpoint alone.
            FetchError::NotPermitted { message }
            | FetchError::Misconfigured { message }
            | FetchError::CursorRefused { message }
                if matches!(stage, Stage::Verifying(_)) =>
            {
                return self.go_on_without(stage, message);
            }
            FetchError::NotPermitted { message } => {
                return self.fail(FailureCode::NotPermitted, message);
            }
            FetchError::Misconfigured { message } | FetchError::CursorRefused { message } => {
                return self.fail(FailureCode::Misconfigured, message);
            }
        };
        let retry = &self.orders.policy.retry;
        let optional = match stage {
            Stage::Asking => self.orders.identity_stands,
            Stage::Verifying(_) => true,
            _ => false,
        };
        let tries =
            if optional { retry.attempts_max.min(OPTIONAL_TRIES) } else { retry.attempts_max };
        self.attempts += 1;
        let wait = backoff::wait(retry, delay, self.attempts, retry_after, jitter);
        let until = crate::clock::after(now, wait);
        let patient = self.waited + wait <= retry.waits_max;
        if optional && !patient {
            return self.go_on_without(stage, message);
        }
        if optional && patient && self.attempts >= tries {
            // What Google asked for is waited out before it is asked anything else.
            self.waited += wait;
            let cause = messages::gave_up(self.attempts, &message);
            self.stage = Stage::Sleeping(Box::new(Stage::GaveUp(Box::new(stage), cause)));
            return Step::Sleep { until, delay, message };
        }
        if self.attempts >= tries || !patient {
            let not_before = retry_after.map(|_| until);
            let (code, message) = self.gave_up(delay, &message, now);
            return self.end(RunEnd::Failed { code, message, not_before });
        }
        self.waited += wait;
        self.stage = Stage::Sleeping(Box::new(stage));
        Step::Sleep { until, delay, message }
    }

    fn gave_up(&self, delay: Delay, cause: &str, now: Timestamp) -> (FailureCode, String) {
        let code = match delay {
            Delay::RateLimited => FailureCode::RateLimited,
            Delay::Malformed => FailureCode::Malformed,
            Delay::Unauthorized => {
                let since = self.orders.unauthorized_since.unwrap_or(now);
                let lasted = crate::clock::between(since, now);
                if lasted >= UNAUTHORIZED_MAX {
                    return (FailureCode::NotPermitted, messages::unauthorized_for(lasted, cause));
                }
                FailureCode::Unauthorized
            }
            Delay::ServerError | Delay::Network | Delay::Pause => FailureCode::Unavailable,
        };
        (code, messages::gave_up(self.attempts, cause))
    }

    /// A question that Google does not answer, and without which a run can do.
    fn go_on_without(&mut self, stage: Stage, cause: String) -> Step {
        match stage {
            Stage::Asking => {
                self.remark(messages::identity_unknown(&cause));
                self.go_on_identified()
            }
            Stage::Verifying(verification) => self.judge(verification, Some(cause)),
            _ => self.fail(FailureCode::Storage, "the run went on out of turn".to_owned()),
        }
    }

    /// Hands out once more what a hitch interrupted.
    fn again(&mut self, stage: Stage) -> Step {
        match stage {
            Stage::Asking => self.ask(self.orders.resume.clone()),
            Stage::Fetching(request) => {
                // The answer that failed may have named the next page already.
                self.fetch(request.page)
            }
            Stage::Verifying(verification) => self.verify(verification),
            Stage::GaveUp(stage, cause) => self.go_on_without(*stage, cause),
            _ => self.fail(FailureCode::Storage, "the run woke up out of turn".to_owned()),
        }
    }

    fn complete(&mut self, token: SyncToken, deletions: Deletions) -> Step {
        let (labels, identity) = (self.labels.take(), self.identity.take());
        let remarks = std::mem::take(&mut self.remarks);
        self.end(RunEnd::Complete { token, labels, identity, deletions, remarks })
    }

    fn fail(&mut self, code: FailureCode, message: String) -> Step {
        self.end(RunEnd::Failed { code, message, not_before: None })
    }

    fn end(&mut self, ending: RunEnd) -> Step {
        self.stage = Stage::Ended;
        Step::Finish(ending)
    }
}

#[cfg(test)]
mod tests;
