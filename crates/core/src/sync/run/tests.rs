//! Stories of runs, told step by step.

use super::*;
use crate::contact::{Contact, Content};
use crate::sync::backoff::RetryPolicy;
use crate::sync::book::Entry;
use crate::sync::{RunId, Source};

/// A run and the step it handed out last.
struct Script {
    run: Run,
    step: Step,
    now: Timestamp,
}

impl Script {
    fn full() -> Script {
        Script::with(Kind::Full, None, None)
    }

    fn incremental() -> Script {
        Script::with(Kind::Incremental, Some(SyncToken::new("old")), None)
    }

    fn resumed(page: &str) -> Script {
        Script::with(Kind::Full, None, Some(PageToken::new(page)))
    }

    fn with(kind: Kind, token: Option<SyncToken>, resume: Option<PageToken>) -> Script {
        Script::of(Source::Contacts, kind, token, resume)
    }

    fn of(
        source: Source,
        kind: Kind,
        token: Option<SyncToken>,
        resume: Option<PageToken>,
    ) -> Script {
        let orders = RunInput {
            source,
            run: RunId(1),
            kind,
            token,
            resume,
            identity: ResourceName::parse("people/c1"),
            identity_stands: true,
            unauthorized_since: None,
            policy: Policy::default(),
        };
        let (run, step) = Run::start(orders);
        Script { run, step, now: Timestamp::UNIX_EPOCH }
    }

    fn receives(&mut self, event: Event) -> &mut Script {
        self.step = self.run.on(event, self.now, Jitter::NONE);
        self
    }

    /// Receives a page and stores it.
    fn lands(&mut self, page: Page, report: Report) -> &mut Script {
        self.receives(Event::Fetched(Ok(page)));
        assert!(matches!(self.step, Step::Commit { .. }), "{:?}", self.step);
        self.receives(Event::Committed(report))
    }

    fn knows_itself(&mut self) -> &mut Script {
        let identity = Ok(ResourceName::parse("people/c1"));
        self.receives(Event::Answered { identity, labels: Some(Ok(Vec::new())) })
    }

    fn fetches(&self, since: Option<&str>, page: Option<&str>) {
        let Step::Fetch(request) = &self.step else { panic!("{:?}", self.step) };
        assert_eq!(request.since.as_ref().map(SyncToken::expose), since);
        assert_eq!(request.page.as_ref().map(PageToken::as_str), page);
    }

    fn sleeps(&mut self) -> Duration {
        let Step::Sleep { until, .. } = self.step else { panic!("{:?}", self.step) };
        let wait = crate::clock::between(self.now, until);
        self.now = until;
        self.receives(Event::Woke);
        wait
    }

    fn failed_with(&self, expected: FailureCode) -> &str {
        match &self.step {
            Step::Finish(RunEnd::Failed { code, message, .. }) if *code == expected => message,
            other => panic!("{other:?}"),
        }
    }

    fn note(&self) -> String {
        match &self.step {
            Step::Finish(RunEnd::Complete { remarks, .. }) => remarks.note().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    fn completes(&self) -> (&SyncToken, &Deletions) {
        match &self.step {
            Step::Finish(RunEnd::Complete { token, deletions, .. }) => (token, deletions),
            other => panic!("{other:?}"),
        }
    }
}

fn name(id: &str) -> ResourceName {
    ResourceName::parse(&format!("people/{id}")).unwrap()
}

fn person(id: &str) -> Entry {
    Entry::Person(Box::new(Contact {
        resource_name: name(id),
        previous_names: Vec::new(),
        etag: None,
        edited_at: None,
        content: Content::default(),
    }))
}

fn more(next: &str) -> Page {
    Page { entries: vec![person("c2")].into(), next: Some(PageToken::new(next)), ..Page::default() }
}

fn last(token: &str) -> Page {
    Page {
        entries: vec![person("c3")].into(),
        sync_token: Some(SyncToken::new(token)),
        total: Some(2),
        ..Page::default()
    }
}

fn saw(seen: u64) -> Report {
    Report { seen, live: seen, total: Some(2), ..Report::default() }
}

fn refused() -> Event {
    Event::Fetched(Err(FetchError::CursorRefused { message: "expired".into() }))
}

fn trouble(delay: Delay) -> FetchError {
    FetchError::Again { delay, retry_after: None, message: "trouble".into() }
}

#[test]
fn a_list_of_a_domain_is_taken_whole_and_nobody_is_asked_about() {
    let token = Some(SyncToken::new("old"));
    let mut run = Script::of(Source::Directory, Kind::Incremental, token, None);
    assert!(matches!(run.step, Step::Ask { identity: true, labels: false, ahead: Some(_) }));
    assert_eq!(run.run.kind(), Kind::Full, "whatever was ordered");
    run.receives(Event::Answered { identity: Ok(None), labels: None }).fetches(None, None);
    let uncounted = |page: Page| Page { total: None, ..page };
    let report = Report { total: None, ..saw(2) };
    run.lands(uncounted(more("p2")), report).lands(uncounted(last("new")), report);
    assert!(matches!(run.step, Step::Sweep));
    run.receives(Event::Swept { unseen: vec![name("c9")], live: 100 });
    let (token, deletions) = run.completes();
    assert_eq!((token.expose(), deletions.hold), ("new", false));
    assert!(deletions.keep.is_empty() && deletions.renamed.is_empty());
}

#[test]
fn a_list_of_a_domain_that_lost_many_is_held_without_a_question() {
    let mut run = Script::of(Source::Shared, Kind::Full, None, None);
    run.receives(Event::Answered { identity: Ok(None), labels: None });
    run.lands(last("new"), saw(2));
    let unseen: Vec<ResourceName> = (10..40).map(|id| name(&format!("c{id}"))).collect();
    run.receives(Event::Swept { unseen, live: 100 });
    assert!(run.completes().1.hold);
}

#[test]
fn a_full_run_lists_every_page_then_sweeps_and_takes_the_token_of_the_last_page() {
    let mut run = Script::full();
    assert!(matches!(run.step, Step::Ask { identity: true, labels: true, ahead: Some(_) }));
    run.knows_itself().fetches(None, None);
    run.lands(more("p2"), saw(1)).fetches(None, Some("p2"));
    run.lands(last("new"), saw(2));
    assert!(matches!(run.step, Step::Sweep));
    run.receives(Event::Swept { unseen: Vec::new(), live: 2 });
    assert_eq!(run.completes().0.expose(), "new");
}

#[test]
fn the_next_page_is_fetched_while_this_one_is_stored() {
    let mut run = Script::full();
    run.knows_itself().receives(Event::Fetched(Ok(more("p2"))));
    let Step::Commit { ahead: Some(ahead), .. } = &run.step else { panic!("{:?}", run.step) };
    assert_eq!(ahead.page, Some(PageToken::new("p2")));
}

#[test]
fn an_incremental_run_without_changes_is_one_request() {
    let mut run = Script::incremental();
    run.fetches(Some("old"), None);
    let nothing = Page { sync_token: Some(SyncToken::new("new")), ..Page::default() };
    run.lands(nothing, saw(0));
    assert_eq!(run.completes().0.expose(), "new");
}

#[test]
fn a_token_that_expires_on_page_two_restarts_the_run_once() {
    let mut run = Script::incremental();
    run.lands(more("p2"), saw(0)).fetches(Some("old"), Some("p2"));
    run.receives(refused());
    assert!(matches!(run.step, Step::Ask { identity: true, .. }));
    assert_eq!(run.run.kind(), Kind::Full);
    run.knows_itself().fetches(None, None);
    run.receives(refused()).failed_with(FailureCode::Misconfigured);
}

#[test]
fn the_first_page_after_a_restart_forgets_what_was_gathered() {
    let mut run = Script::incremental();
    run.lands(more("p2"), saw(0)).receives(refused()).knows_itself();
    run.receives(Event::Fetched(Ok(more("q2"))));
    let Step::Commit { batch, .. } = &run.step else { panic!("{:?}", run.step) };
    assert!(matches!(batch.place, Place::Listing { first: true, .. }));
}

#[test]
fn a_refused_page_token_of_an_interrupted_listing_starts_over() {
    let mut run = Script::resumed("p7");
    run.knows_itself().fetches(None, Some("p7"));
    run.receives(refused()).fetches(None, None);
}

#[test]
fn a_resumed_listing_keeps_what_was_seen() {
    let mut run = Script::resumed("p7");
    run.knows_itself().receives(Event::Fetched(Ok(last("new"))));
    let Step::Commit { batch, .. } = &run.step else { panic!("{:?}", run.step) };
    assert!(matches!(batch.place, Place::Listing { first: false, .. }));
}

#[test]
fn a_repeated_page_token_ends_the_run_and_deletes_nothing() {
    let mut run = Script::full();
    run.knows_itself().lands(more("p2"), saw(1)).receives(Event::Fetched(Ok(more("p2"))));
    run.failed_with(FailureCode::IncompleteListing);
}

#[test]
fn a_last_page_without_a_token_is_asked_for_again_and_then_stored_without_a_deletion() {
    let mut run = Script::full();
    run.knows_itself();
    for _ in 1..TOKENLESS_TRIES {
        run.receives(Event::Fetched(Ok(Page::default())));
        run.sleeps();
        run.fetches(None, None);
    }
    run.lands(Page::default(), saw(2));
    assert!(matches!(run.step, Step::Finish(RunEnd::Tokenless { .. })), "{:?}", run.step);
}

#[test]
fn a_last_page_that_got_its_token_after_all_is_as_good_as_any() {
    let mut run = Script::full();
    run.knows_itself().receives(Event::Fetched(Ok(Page::default())));
    run.sleeps();
    run.lands(last("new"), saw(2));
    assert!(matches!(run.step, Step::Sweep));
}

#[test]
fn fewer_contacts_than_google_counts_are_listed_once_more_and_then_believed_if_they_are_the_same() {
    let mut run = Script::full();
    run.knows_itself().lands(last("new"), saw(1)).fetches(None, None);
    run.lands(last("new"), saw(1));
    assert!(matches!(run.step, Step::Sweep));
    run.receives(Event::Swept { unseen: Vec::new(), live: 1 }).completes();
    assert!(run.note().contains("counts 2 contacts and lists 1"), "{}", run.note());

    // Another total, other people, another number of them: all are another listing.
    let total = |total| Page { total: Some(total), ..last("new") };
    let other = Page { entries: vec![person("c4")].into(), ..last("new") };
    let more = Page { entries: vec![person("c3"), person("c4")].into(), ..last("new") };
    for (page, report) in [
        (total(3), Report { total: Some(3), ..saw(1) }),
        (other, saw(1)),
        (more, saw(1)),
        (last("new"), Report { nameless: 1, ..saw(1) }),
    ] {
        let mut run = Script::full();
        run.knows_itself().lands(last("new"), saw(1)).fetches(None, None);
        run.lands(page, report).failed_with(FailureCode::IncompleteListing);
    }
}

#[test]
fn a_listing_that_an_earlier_run_began_is_not_the_first_of_two() {
    let mut run = Script::resumed("p7");
    run.knows_itself().lands(last("new"), saw(1)).fetches(None, None);
    run.lands(last("new"), saw(1)).fetches(None, None);
    run.lands(last("new"), saw(1));
    assert!(matches!(run.step, Step::Sweep));
}

#[test]
fn who_has_no_name_does_not_stand_for_somebody_who_was_left_out() {
    let mut run = Script::full();
    let report = Report { nameless: 1, ..saw(1) };
    run.knows_itself().lands(last("new"), report).fetches(None, None);
    run.lands(last("new"), report);
    assert!(matches!(run.step, Step::Sweep), "the same again is all there is");
}

#[test]
fn pages_that_never_end_end_the_run() {
    let empty = |page: usize| Page { entries: Vec::new().into(), ..more(&format!("p{page}")) };
    let again = |page: usize| more(&format!("p{page}"));
    let mut repeating = Script::incremental();
    let mut full = Script::full();
    full.knows_itself();
    let mut incremental = Script::incremental();
    for (run, report) in
        [(&mut full, saw(1)), (&mut incremental, Report { live: 5, ..Report::default() })]
    {
        let mut pages = 0;
        while matches!(run.step, Step::Fetch(_)) {
            pages += 1;
            assert!(pages < 200);
            run.lands(empty(pages), report);
        }
        run.failed_with(FailureCode::IncompleteListing);
    }
    let mut pages = 0;
    while matches!(repeating.step, Step::Fetch(_)) {
        pages += 1;
        assert!(pages < 200, "the same person on each page");
        repeating
            .lands(again(pages), Report { listed: 1, entries: 1, live: 5, ..Report::default() });
    }
    repeating.failed_with(FailureCode::IncompleteListing);
}

#[test]
fn a_look_up_that_keeps_failing_puts_the_absent_on_hold() {
    for error in [
        trouble(Delay::ServerError),
        trouble(Delay::RateLimited),
        FetchError::Misconfigured { message: "trouble".into() },
        FetchError::NotPermitted { message: "trouble".into() },
        FetchError::CursorRefused { message: "trouble".into() },
    ] {
        let mut run = swept(2, 100);
        let mut tries = 0;
        while matches!(run.step, Step::Verify(_)) {
            tries += 1;
            run.receives(Event::Verified(Err(error.clone())));
            if matches!(run.step, Step::Sleep { .. }) {
                run.sleeps();
            }
        }
        assert!(tries <= OPTIONAL_TRIES);
        let (_, deletions) = run.completes();
        assert!(deletions.hold && deletions.keep.is_empty());
        assert!(run.note().contains("no longer lists 2 contacts"), "{}", run.note());
    }
    let mut run = swept(2, 100);
    let dead = FetchError::NeedsReauth { message: "revoked".into() };
    run.receives(Event::Verified(Err(dead))).failed_with(FailureCode::NeedsReauth);
}

#[test]
fn contacts_that_a_look_up_does_not_answer_for_are_not_deleted() {
    let (gone, unknown) = (Presence::Gone, Presence::Unknown);
    for (verdicts, held) in [
        (vec![gone.clone(), gone.clone()], false),
        (vec![gone.clone(), unknown.clone()], true),
        (vec![unknown.clone(), unknown], true),
        (vec![gone], true),
        (Vec::new(), true),
    ] {
        let mut run = swept(2, 100);
        run.receives(Event::Verified(Ok(verdicts.clone())));
        let (_, deletions) = run.completes();
        assert_eq!(deletions.hold, held, "{verdicts:?}");
        assert_eq!(run.note().contains("approve"), held, "{verdicts:?}");
    }
}

#[test]
fn a_wait_that_is_longer_than_a_run_lasts_does_not_stop_what_can_do_without_the_answer() {
    let mut run = Script::full();
    run.run.orders.identity_stands = true;
    let identity = Err(FetchError::Again {
        delay: Delay::RateLimited,
        retry_after: Some(Duration::from_secs(7200)),
        message: "trouble".into(),
    });
    run.receives(Event::Answered { identity, labels: None }).fetches(None, None);
}

#[test]
fn without_an_answer_to_who_it_is_the_known_identity_stands_under_the_same_grant() {
    for stands in [true, false] {
        let mut run = Script::full();
        run.run.orders.identity_stands = stands;
        while matches!(run.step, Step::Ask { .. }) {
            let identity = Err(trouble(Delay::ServerError));
            run.receives(Event::Answered { identity, labels: None });
            if matches!(run.step, Step::Sleep { .. }) {
                run.sleeps();
            }
        }
        if stands {
            run.fetches(None, None);
        } else {
            run.failed_with(FailureCode::Unavailable);
        }
    }
}

#[test]
fn labels_that_cannot_be_read_are_told_of_and_stop_nothing() {
    let mut run = Script::full();
    let identity = Ok(ResourceName::parse("people/c1"));
    let labels = Some(Err(trouble(Delay::ServerError)));
    run.receives(Event::Answered { identity, labels }).lands(last("new"), saw(2));
    run.receives(Event::Swept { unseen: Vec::new(), live: 2 }).completes();
    assert!(run.note().contains("labels"), "{}", run.note());
}

#[test]
fn refused_access_tokens_ask_for_a_person_after_a_day_and_never_end_the_grant() {
    let hour = Duration::from_secs(3600);
    for (since, code) in [
        (None, FailureCode::Unauthorized),
        (Some(hour), FailureCode::Unauthorized),
        (Some(hour * 25), FailureCode::NotPermitted),
    ] {
        let mut run = Script::incremental();
        run.now = crate::clock::after(run.now, hour * 100);
        run.run.orders.unauthorized_since = since.and_then(|it| run.now.checked_sub(it).ok());
        while matches!(run.step, Step::Fetch(_)) {
            run.receives(Event::Fetched(Err(trouble(Delay::Unauthorized))));
            if matches!(run.step, Step::Sleep { .. }) {
                run.sleeps();
            }
        }
        run.failed_with(code);
    }
}

fn swept(unseen: usize, live: u64) -> Script {
    let mut run = Script::full();
    run.knows_itself().lands(last("new"), saw(2));
    let unseen = (0..unseen).map(|n| name(&format!("c{n}"))).collect();
    run.receives(Event::Swept { unseen, live });
    run
}

#[test]
fn contacts_that_google_confirms_gone_are_deleted() {
    let mut run = swept(2, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Gone, Presence::Gone])));
    assert_eq!(run.completes().1, &Deletions::all(false));
}

#[test]
fn a_renamed_contact_is_not_deleted() {
    let mut run = swept(2, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Gone, Presence::Renamed(name("c900"))])));
    assert_eq!(run.completes().1.renamed, [(name("c1"), name("c900"))]);
}

#[test]
fn a_listing_that_left_out_living_contacts_is_believed_for_the_others_when_it_comes_again() {
    let mut run = swept(2, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Alive, Presence::Gone]))).fetches(None, None);
    let unseen = vec![name("c0"), name("c1")];
    run.lands(last("new"), saw(2)).receives(Event::Swept { unseen, live: 100 });
    run.receives(Event::Verified(Ok(vec![Presence::Alive, Presence::Gone])));
    let (_, deletions) = run.completes();
    assert_eq!((&deletions.keep, deletions.hold), (&vec![name("c0")], false));
    assert!(run.note().contains("1 contacts are missing"), "{}", run.note());
}

#[test]
fn another_listing_that_leaves_out_living_contacts_is_not_believed() {
    let mut run = swept(1, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Alive]))).fetches(None, None);
    let other = Page { entries: vec![person("c4"), person("c5")].into(), ..last("new") };
    run.lands(other, saw(2)).receives(Event::Swept { unseen: vec![name("c0")], live: 100 });
    run.receives(Event::Verified(Ok(vec![Presence::Alive])))
        .failed_with(FailureCode::IncompleteListing);
}

#[test]
fn a_living_contact_that_could_only_be_set_aside_without_a_name_is_kept() {
    let mut run = Script::full();
    let uncounted = Page { total: None, ..last("new") };
    run.knows_itself().lands(uncounted, Report { seen: 1, nameless: 1, ..Report::default() });
    run.receives(Event::Swept { unseen: vec![name("c7")], live: 100 });
    run.receives(Event::Verified(Ok(vec![Presence::Alive])));
    assert_eq!(run.completes().1.keep, [name("c7")]);
}

#[test]
fn too_many_deletions_are_held() {
    let mut run = swept(50, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Gone; 50])));
    assert!(run.completes().1.hold);
}

#[test]
fn many_renames_are_no_reason_to_hold() {
    let mut run = swept(50, 100);
    run.receives(Event::Verified(Ok(vec![Presence::Renamed(name("c900")); 50])));
    assert!(!run.completes().1.hold);
}

#[test]
fn two_hundred_contacts_are_asked_about_at_a_time() {
    let mut run = swept(250, 100_000);
    let Step::Verify(names) = &run.step else { panic!("{:?}", run.step) };
    assert_eq!(names.len(), 200);
    run.receives(Event::Verified(Ok(vec![Presence::Gone; 200])));
    let Step::Verify(names) = &run.step else { panic!("{:?}", run.step) };
    assert_eq!(names.len(), 50);
    run.receives(Event::Verified(Ok(vec![Presence::Gone; 50]))).completes();
}

#[test]
fn tombstones_beyond_the_guard_are_held() {
    let mut run = Script::incremental();
    let nothing = Page { sync_token: Some(SyncToken::new("new")), ..Page::default() };
    run.lands(nothing, Report { doomed: 11, live: 100, ..Report::default() });
    assert!(run.completes().1.hold);
}

#[test]
fn another_google_account_is_refused_before_anything_is_stored() {
    let mut run = Script::full();
    let identity = Ok(ResourceName::parse("people/c666"));
    run.receives(Event::Answered { identity, labels: None });
    run.failed_with(FailureCode::DifferentAccount);
}

#[test]
fn a_rate_limit_is_waited_out_for_at_least_thirty_seconds() {
    let mut run = Script::full();
    run.knows_itself().receives(Event::Fetched(Err(trouble(Delay::RateLimited))));
    assert!(run.sleeps() >= Duration::from_secs(30));
    run.fetches(None, None);
}

#[test]
fn a_request_that_keeps_failing_ends_the_run() {
    let mut run = Script::full();
    run.knows_itself();
    let mut waits = 0;
    while matches!(run.step, Step::Fetch(_)) {
        run.receives(Event::Fetched(Err(trouble(Delay::ServerError))));
        if matches!(run.step, Step::Sleep { .. }) {
            run.sleeps();
            waits += 1;
        }
    }
    assert_eq!(waits, RetryPolicy::default().attempts_max - 1);
    run.failed_with(FailureCode::Unavailable);
}

#[test]
fn a_wait_longer_than_our_patience_ends_the_run_and_is_remembered() {
    let mut run = Script::full();
    let error = FetchError::Again {
        delay: Delay::RateLimited,
        retry_after: Some(Duration::from_secs(3600)),
        message: "later".into(),
    };
    run.knows_itself().receives(Event::Fetched(Err(error)));
    let Step::Finish(RunEnd::Failed { not_before: Some(_), .. }) = run.step else {
        panic!("{:?}", run.step)
    };
}

#[test]
fn a_success_forgives_the_failures_before_it() {
    let mut run = Script::full();
    run.knows_itself();
    for page in 0..20 {
        run.receives(Event::Fetched(Err(trouble(Delay::Network))));
        run.sleeps();
        run.lands(more(&format!("p{page}")), saw(1));
    }
    run.fetches(None, Some("p19"));
}

#[test]
fn cancel_and_shutdown_stop_a_run_in_every_stage() {
    let mut asking = Script::full();
    asking.receives(Event::Stopped(Stop::Cancel));
    assert!(matches!(asking.step, Step::Finish(RunEnd::Cancelled)));

    let mut sleeping = Script::full();
    sleeping.knows_itself().receives(Event::Fetched(Err(trouble(Delay::RateLimited))));
    sleeping.receives(Event::Stopped(Stop::Shutdown));
    assert!(matches!(sleeping.step, Step::Finish(RunEnd::Interrupted)));

    let mut storing = Script::full();
    storing.knows_itself().lands(more("p2"), Report { cancel: true, ..saw(1) });
    assert!(matches!(storing.step, Step::Finish(RunEnd::Cancelled)));
}

#[test]
fn a_pause_between_pages_is_kept_and_nothing_is_fetched_ahead() {
    let mut run = Script::full();
    run.run.orders.policy.pause = Duration::from_secs(2);
    run.knows_itself().receives(Event::Fetched(Ok(more("p2"))));
    assert!(matches!(run.step, Step::Commit { ahead: None, .. }));
    run.receives(Event::Committed(saw(1)));
    assert_eq!(run.sleeps(), Duration::from_secs(2));
    run.fetches(None, Some("p2"));
}
