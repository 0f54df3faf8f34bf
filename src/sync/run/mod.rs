//! Decides what a sync run does next.
//!
//! A [`Run`] is a value. It hands out one [`Step`] at a time and is told by an [`Event`] what came of
//! it. Nothing here waits, reads a clock or talks to anyone; the engine does that. A week of trouble
//! at Google therefore fits into a unit test.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::contact::ResourceName;
use crate::sync::backoff::{self, Jitter, RetryPolicy};
use crate::sync::book::{
    Entries, FetchError, Label, ListRequest, Page, PageToken, SyncToken, VERIFY_MAX, Verdict,
};
use crate::sync::guard::Guard;
use crate::sync::{Delay, FailureCode, Kind, RunId, Source};

/// What a run is given to start with.
#[derive(Clone, Debug)]
pub struct Orders {
    pub run: RunId,
    pub source: Source,
    pub kind: Kind,
    /// For an incremental run: what changed since this.
    pub token: Option<SyncToken>,
    /// For a full run: where an interrupted listing may go on.
    pub resume: Option<PageToken>,
    /// The Google account that the mirror belongs to, once it is known.
    pub identity: Option<ResourceName>,
    pub policy: Policy,
}

/// The settings that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Contacts a page and a transaction, 1 to 1000.
    pub page_size: u16,
    /// Pause between two pages.
    pub pause: Duration,
    pub retry: RetryPolicy,
    pub guard: Guard,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            page_size: 1000,
            pause: Duration::ZERO,
            retry: RetryPolicy::default(),
            guard: Guard::default(),
        }
    }
}

/// The one thing to do next. A step is performed at most once for each time it is handed out.
#[derive(Clone, Debug)]
pub enum Step {
    /// Ask who answers and which labels there are; meanwhile `ahead` may be fetched.
    Ask {
        identity: bool,
        labels: bool,
        ahead: Option<ListRequest>,
    },
    Fetch(ListRequest),
    /// Store a page; meanwhile `ahead` may be fetched.
    Commit {
        batch: Batch,
        ahead: Option<ListRequest>,
    },
    /// Gather the live contacts that the listing did not name.
    Sweep,
    /// Ask what became of these.
    Verify(Vec<ResourceName>),
    Sleep {
        until: Timestamp,
        delay: Delay,
        message: String,
    },
    Finish(Ending),
}

/// What came of the last step.
#[derive(Clone, Debug)]
pub enum Event {
    Answered {
        identity: Result<Option<ResourceName>, FetchError>,
        labels: Option<Vec<Label>>,
    },
    Fetched(Result<Page, FetchError>),
    Committed(Report),
    Swept {
        /// Every live contact of the mirror that this listing did not name.
        unseen: Vec<ResourceName>,
        live: u64,
    },
    Verified(Result<Vec<Verdict>, FetchError>),
    Woke,
    /// The step was broken off, because somebody asked for it.
    Stopped(Stop),
    /// Our database failed; nothing of the step was stored.
    StorageFailed {
        message: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Cancel,
    Shutdown,
}

/// A page to store, and where it belongs.
#[derive(Clone, Debug)]
pub struct Batch {
    pub entries: Entries,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A page of a full listing. `first`: what was seen before is forgotten.
    Listing { first: bool, next: Option<PageToken>, total: Option<u64> },
    /// A page of changes. `first`: tombstones gathered before are forgotten.
    Changes { first: bool },
}

/// What the store says about the run after a page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Somebody asked the run to stop.
    pub cancel: bool,
    /// Distinct contacts that this full listing named so far, also in runs before that it continues.
    pub seen: u64,
    /// Persons of this listing that were set aside without a readable name.
    pub nameless: u64,
    /// What Google said last in this listing about how many contacts there are. Not every page says it.
    pub total: Option<u64>,
    /// Persons on this page.
    pub listed: u64,
    /// Tombstones gathered so far.
    pub doomed: u64,
    /// Live contacts of the account.
    pub live: u64,
}

/// How a run ends, with all that the last transaction needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Everything was listed and stored; `token` stands for it.
    Complete {
        token: SyncToken,
        labels: Option<Vec<Label>>,
        /// The Google account that answered, where the run asked for it.
        identity: Option<ResourceName>,
        deletions: Deletions,
    },
    Failed {
        code: FailureCode,
        message: String,
        not_before: Option<Timestamp>,
    },
    Cancelled,
    Interrupted,
}

/// What becomes of the contacts that were gathered for deletion.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletions {
    /// Suspiciously many: keep them until a person has decided.
    pub hold: bool,
    /// Still there at Google: not to be deleted.
    pub keep: Vec<ResourceName>,
    /// Old name and new name of contacts that are one.
    pub renamed: Vec<(ResourceName, ResourceName)>,
}

impl Deletions {
    fn all(hold: bool) -> Deletions {
        Deletions { hold, keep: Vec::new(), renamed: Vec::new() }
    }
}

/// One attempt to sync one account.
#[derive(Clone, Debug)]
pub struct Run {
    orders: Orders,
    kind: Kind,
    stage: Stage,
    /// Tries of the current request that failed.
    attempts: u32,
    waited: Duration,
    /// The sync token was refused; a second refusal would be a loop.
    token_refused: bool,
    /// The full listing was started over.
    restarted: bool,
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
    AskingLabels { token: SyncToken, deletions: Deletions },
    Fetching(ListRequest),
    Storing { page: Landing },
    Sweeping { token: SyncToken, nameless: u64 },
    Verifying(Verification),
    Sleeping(Box<Stage>),
    Pausing(ListRequest),
    Ended,
}

/// What a page says about the listing it belongs to.
#[derive(Clone, Debug)]
struct Landing {
    next: Option<PageToken>,
    token: Option<SyncToken>,
}

#[derive(Clone, Debug)]
struct Verification {
    token: SyncToken,
    nameless: u64,
    live: u64,
    candidates: Vec<ResourceName>,
    verdicts: Vec<Verdict>,
    /// How many of the candidates are asked about.
    ask: usize,
}

/// Beyond the guard a person decides anyway; then this many questions are enough to find out whether
/// the listing lied. Each asks about [`VERIFY_MAX`] contacts.
const QUESTIONS_WHEN_HELD: usize = 5;

impl Run {
    pub fn start(orders: Orders) -> (Run, Step) {
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
            Event::Stopped(Stop::Cancel) => return self.end(Ending::Cancelled),
            Event::Stopped(Stop::Shutdown) => return self.end(Ending::Interrupted),
            Event::StorageFailed { message } => return self.fail(FailureCode::Storage, message),
            _ => {}
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        match (stage, event) {
            (Stage::Asking, Event::Answered { identity, labels }) => {
                self.identified(identity, labels, now, jitter)
            }
            (Stage::AskingLabels { token, deletions }, Event::Answered { labels, .. }) => {
                // Labels that cannot be had now are had next time; the contacts are what counts.
                self.labels = labels.or(self.labels.take());
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
        labels: Option<Vec<Label>>,
        now: Timestamp,
        jitter: Jitter,
    ) -> Step {
        match identity {
            Ok(found) => {
                if let (Some(found), Some(expected)) = (&found, &self.orders.identity)
                    && found != expected
                {
                    return self.fail(
                        FailureCode::DifferentAccount,
                        "the grant now answers for another Google account than the one mirrored \
                         here; connect the right account again, nothing was changed"
                            .to_owned(),
                    );
                }
                self.identified = true;
                self.identity = found;
                self.attempts = 0;
                self.labels = labels;
                let resume = self.orders.resume.clone();
                self.fetch(resume)
            }
            Err(error) => self.hitch(Stage::Asking, error, now, jitter),
        }
    }

    fn page(&mut self, request: ListRequest, page: Page, now: Timestamp, jitter: Jitter) -> Step {
        if let Some(next) = &page.next
            && (!self.page_tokens.insert(next.clone()) || request.page.as_ref() == Some(next))
        {
            return self.fail(
                FailureCode::IncompleteListing,
                "Google repeated a page token, so the listing has no end; nothing was deleted \
                 and the next run starts over"
                    .to_owned(),
            );
        }
        if page.next.is_none() && page.sync_token.is_none() {
            // The end of a listing is only where Google gives the token for it. Anything else is a
            // page whose tail was lost.
            let error = FetchError::Again {
                delay: Delay::Malformed,
                retry_after: None,
                message: "the last page came without a sync token".to_owned(),
            };
            return self.hitch(Stage::Fetching(request), error, now, jitter);
        }
        self.attempts = 0;
        let first = std::mem::take(&mut self.first_page);
        let place = match self.kind {
            Kind::Full => Place::Listing { first, next: page.next.clone(), total: page.total },
            Kind::Incremental => Place::Changes { first },
        };
        let ahead = match (&page.next, self.orders.policy.pause) {
            (Some(next), Duration::ZERO) => Some(self.request(Some(next.clone()))),
            _ => None,
        };
        let landing =
            Landing { token: page.sync_token.filter(|_| page.next.is_none()), next: page.next };
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
            _ => self.fail(
                FailureCode::Misconfigured,
                format!("Google refuses the request itself: {message}"),
            ),
        }
    }

    fn start_over(&mut self) -> Step {
        self.orders.resume = None;
        self.first_page = true;
        self.attempts = 0;
        self.page_tokens.clear();
        self.fetch(None)
    }

    fn stored(&mut self, page: Landing, report: Report, now: Timestamp) -> Step {
        if report.cancel {
            return self.end(Ending::Cancelled);
        }
        self.persons += report.listed;
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
            (None, None) => self.fail(
                FailureCode::IncompleteListing,
                "the last page came without a sync token".to_owned(),
            ),
        }
    }

    /// All pages of a full listing are stored. May it be believed?
    fn listed(&mut self, token: SyncToken, report: Report) -> Step {
        let named = report.seen + report.nameless;
        if let Some(total) = report.total.filter(|total| named < *total) {
            return self.incomplete(format!(
                "Google counts {total} contacts but listed only {named}; nothing was deleted"
            ));
        }
        self.stage = Stage::Sweeping { token, nameless: report.nameless };
        Step::Sweep
    }

    /// A listing that contradicts itself is tried once more, from its first page.
    fn incomplete(&mut self, message: String) -> Step {
        if self.restarted {
            return self.fail(FailureCode::IncompleteListing, message);
        }
        self.restarted = true;
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
        answer: Result<Vec<Verdict>, FetchError>,
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
        verification.verdicts.resize(asked, Verdict::Unknown);
        if asked < verification.ask {
            return self.verify(verification);
        }
        let mut deletions = Deletions::all(false);
        for (name, verdict) in verification.candidates.iter().zip(&verification.verdicts) {
            match verdict {
                Verdict::Alive => deletions.keep.push(name.clone()),
                Verdict::Renamed(new) => deletions.renamed.push((name.clone(), new.clone())),
                Verdict::Gone | Verdict::Unknown => {}
            }
        }
        // A person that could not even be named may be one of the unseen; more than those are a lie.
        if deletions.keep.len() as u64 > verification.nameless {
            return self.incomplete(format!(
                "Google still has {} contacts that its full listing did not name; nothing was \
                 deleted",
                deletions.keep.len()
            ));
        }
        let spared = deletions.keep.len() + deletions.renamed.len();
        let doomed = (verification.candidates.len() - spared) as u64;
        deletions.hold = self.orders.policy.guard.holds(verification.live, doomed);
        self.complete(verification.token, deletions)
    }

    /// Something went wrong with a request: wait and do it again, or give up.
    fn hitch(&mut self, stage: Stage, error: FetchError, now: Timestamp, jitter: Jitter) -> Step {
        let (delay, retry_after, message) = match error {
            FetchError::Again { delay, retry_after, message } => (delay, retry_after, message),
            FetchError::NeedsReauth { message } => {
                return self.fail(FailureCode::NeedsReauth, message);
            }
            FetchError::NotPermitted { message } => {
                return self.fail(FailureCode::NotPermitted, message);
            }
            FetchError::Misconfigured { message } | FetchError::CursorRefused { message } => {
                return self.fail(FailureCode::Misconfigured, message);
            }
        };
        let retry = &self.orders.policy.retry;
        self.attempts += 1;
        let wait = backoff::wait(retry, delay, self.attempts, retry_after, jitter);
        let until = crate::clock::after(now, wait);
        if self.attempts >= retry.attempts_max || self.waited + wait > retry.waits_max {
            let code = match delay {
                Delay::RateLimited => FailureCode::RateLimited,
                Delay::Malformed => FailureCode::Malformed,
                Delay::Unauthorized => FailureCode::Unauthorized,
                _ => FailureCode::Unavailable,
            };
            let tries = self.attempts;
            let not_before = retry_after.map(|_| until);
            let message = format!("gave up after {tries} tries: {message}");
            return self.end(Ending::Failed { code, message, not_before });
        }
        self.waited += wait;
        self.stage = Stage::Sleeping(Box::new(stage));
        Step::Sleep { until, delay, message }
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
            _ => self.fail(FailureCode::Storage, "the run woke up out of turn".to_owned()),
        }
    }

    fn complete(&mut self, token: SyncToken, deletions: Deletions) -> Step {
        let (labels, identity) = (self.labels.take(), self.identity.take());
        self.end(Ending::Complete { token, labels, identity, deletions })
    }

    fn fail(&mut self, code: FailureCode, message: String) -> Step {
        self.end(Ending::Failed { code, message, not_before: None })
    }

    fn end(&mut self, ending: Ending) -> Step {
        self.stage = Stage::Ended;
        Step::Finish(ending)
    }
}

#[cfg(test)]
mod tests;
