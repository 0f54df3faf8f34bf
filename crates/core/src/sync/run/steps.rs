//! What a run is given, what it hands out, and what it is told.

use std::time::Duration;

use jiff::Timestamp;

use crate::contact::ResourceName;
use crate::sync::backoff::RetryPolicy;
use crate::sync::book::{
    Entries, FetchError, Label, ListRequest, Page, PageToken, Presence, SyncToken,
};
use crate::sync::guard::Guard;
use crate::sync::{Delay, FailureCode, Kind, RunId, Source};

/// What a run is given to start with.
#[derive(Clone, Debug)]
pub struct RunInput {
    pub run: RunId,
    pub source: Source,
    pub kind: Kind,
    /// For an incremental run: what changed since this.
    pub token: Option<SyncToken>,
    /// For a full run: where an interrupted listing may go on.
    pub resume: Option<PageToken>,
    /// The Google account that the mirror belongs to, once it is known.
    pub identity: Option<ResourceName>,
    /// That identity was told under the grant that is in use now; so a run can do without hearing it again.
    pub identity_stands: bool,
    /// Since when every run has failed because Google's API refused fresh access tokens.
    pub unauthorized_since: Option<Timestamp>,
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
    Finish(RunEnd),
}

/// What came of the last step.
#[derive(Clone, Debug)]
pub enum Event {
    Answered {
        identity: Result<Option<ResourceName>, FetchError>,
        /// `None`: nobody asked.
        labels: Option<Result<Vec<Label>, FetchError>>,
    },
    Fetched(Result<Page, FetchError>),
    Committed(Report),
    Swept {
        /// Every live contact of the mirror that this listing did not name.
        unseen: Vec<ResourceName>,
        live: u64,
    },
    Verified(Result<Vec<Presence>, FetchError>),
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
    /// Persons of this listing that were set aside and that the mirror has no row for: without a readable name, or
    /// with one that it does not know. Each may be a contact that it has under another name. Whether one without a
    /// name came twice cannot be told for sure, so only those with one are also `seen`.
    pub nameless: u64,
    /// What Google said last in this listing about how many contacts there are. Not every page says it.
    pub total: Option<u64>,
    /// Persons on this page.
    pub listed: u64,
    /// Entries of this page, tombstones and repetitions too.
    pub entries: u64,
    /// Tombstones gathered so far.
    pub doomed: u64,
    /// Live contacts of the account.
    pub live: u64,
}

/// How a run ends, with all that the last transaction needs.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEnd {
    /// Everything was listed and stored; `token` stands for it.
    Complete {
        token: SyncToken,
        labels: Option<Vec<Label>>,
        /// The Google account that answered, where the run asked for it.
        identity: Option<ResourceName>,
        deletions: Deletions,
        remarks: Remarks,
    },
    /// Everything that came is stored, but no token stands for it: nothing is deleted, and the next run lists
    /// everything.
    Tokenless {
        message: String,
        labels: Option<Vec<Label>>,
        identity: Option<ResourceName>,
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

/// What is to be told of a run that did its work although something was not as it should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remarks {
    pub notes: Vec<String>,
    /// Contacts that Google's listing left out and its look-up finds.
    pub unlisted: Vec<ResourceName>,
}

impl Remarks {
    /// In one text; `None` when there is nothing to tell.
    pub fn note(&self) -> Option<String> {
        (!self.notes.is_empty()).then(|| self.notes.join(". "))
    }
}

impl Deletions {
    pub(super) fn all(hold: bool) -> Deletions {
        Deletions { hold, keep: Vec::new(), renamed: Vec::new() }
    }
}
