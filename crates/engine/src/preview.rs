//! What a sync would do, without doing it.
//!
//! The same decisions as in a real run, on the same pages; only nothing is written and no lease is
//! taken. So it may run beside a real sync, and then shows a moment that is already past.

use std::collections::HashSet;

use ringbook_core::contact::ResourceName;
use ringbook_core::sync::backoff::Jitter;
use ringbook_core::sync::book::AddressBook;
use ringbook_core::sync::run::{Event, Place, Report, Run, RunEnd, RunInput, Step};
use ringbook_core::sync::{AccountId, Kind};
use ringbook_store::{DbError, Store, Tally};

/// What a sync would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub kind: Kind,
    pub tally: Tally,
    pub pages: u64,
    pub to_delete: u64,
    pub renamed: u64,
    /// It would stop before deleting and wait for a person's word.
    pub held: bool,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Lists what a run would list and compares it with the mirror.
///
/// # Errors
/// When the listing fails, for the reasons for which a run would fail.
pub async fn preview<B: AddressBook>(
    store: &Store,
    book: &B,
    account: AccountId,
    orders: RunInput,
    mut chance: impl FnMut() -> u64,
) -> Result<Preview, PreviewError> {
    let clock = store.clock().clone();
    let (mut run, mut step) = Run::start(RunInput { resume: None, ..orders });
    let mut tally = Tally::default();
    let mut pages = 0;
    // In a full listing the contacts that were named, else those with a tombstone.
    let mut marked = HashSet::new();
    let (mut named, mut nameless) = (HashSet::new(), HashSet::new());
    let mut total = None;
    let mut unseen = 0;
    loop {
        let event = match step {
            Step::Ask { identity, labels: _, ahead: _ } => {
                let identity = if identity { book.identify().await } else { Ok(None) };
                Event::Answered { identity, labels: None }
            }
            Step::Fetch(request) => Event::Fetched(book.list(&request).await),
            Step::Commit { batch, .. } => {
                if matches!(
                    batch.place,
                    Place::Listing { first: true, .. } | Place::Changes { first: true }
                ) {
                    (tally, pages, total) = (Tally::default(), 0, None);
                    (named, nameless) = (HashSet::new(), HashSet::new());
                    marked.clear();
                }
                let (page, ids, rowless) = store.preview_page(account, &batch).await?;
                pages += 1;
                tally.add(&page);
                marked.extend(ids);
                named.extend(rowless.named);
                nameless.extend(rowless.nameless);
                if let Place::Listing { total: Some(said), .. } = batch.place {
                    total = Some(said);
                }
                let live = store.account(account).await?.map_or(0, |it| it.counts.live);
                let seen = (marked.len() + named.len()) as u64 + tally.created;
                Event::Committed(Report {
                    cancel: false,
                    listed: page.listed,
                    entries: batch.entries.get().len() as u64,
                    seen,
                    nameless: (named.len() + nameless.len()) as u64,
                    total,
                    doomed: match run.kind() {
                        Kind::Full => 0,
                        Kind::Incremental => marked.len() as u64,
                    },
                    live,
                })
            }
            Step::Sweep => {
                let mut names: Vec<ResourceName> = Vec::new();
                let live = store.live_names(account).await?;
                let count = live.len() as u64;
                names.extend(
                    live.into_iter().filter(|(id, _)| !marked.contains(id)).map(|(_, name)| name),
                );
                unseen = names.len() as u64;
                Event::Swept { unseen: names, live: count }
            }
            Step::Verify(names) => Event::Verified(book.verify(&names).await),
            Step::Sleep { until, .. } => {
                clock.sleep_until(until).await;
                Event::Woke
            }
            Step::Finish(RunEnd::Complete { deletions, .. }) => {
                let spared = (deletions.keep.len() + deletions.renamed.len()) as u64;
                let doomed = match run.kind() {
                    Kind::Full => unseen,
                    Kind::Incremental => marked.len() as u64,
                };
                return Ok(Preview {
                    kind: run.kind(),
                    tally,
                    pages,
                    to_delete: doomed.saturating_sub(spared),
                    renamed: deletions.renamed.len() as u64 + tally.renamed,
                    held: deletions.hold,
                });
            }
            // Nothing would be deleted.
            Step::Finish(RunEnd::Tokenless { .. }) => {
                return Ok(Preview {
                    kind: run.kind(),
                    tally,
                    pages,
                    to_delete: 0,
                    renamed: tally.renamed,
                    held: false,
                });
            }
            Step::Finish(RunEnd::Failed { message, .. }) => {
                return Err(PreviewError::Failed(message));
            }
            Step::Finish(RunEnd::Cancelled | RunEnd::Interrupted) => {
                return Err(PreviewError::Failed("the preview was stopped".to_owned()));
            }
        };
        step = run.on(event, clock.now(), Jitter::from_bits(chance()));
    }
}
