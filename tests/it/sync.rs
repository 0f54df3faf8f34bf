//! The engine on real databases against a simulated Google: every promise about syncing, as a story.
//! Each story is told on SQLite and on PostgreSQL.

use std::time::Duration;

use ringbook_app::App;
use ringbook_core::clock::{Clock, between};
use ringbook_core::sync::{Delay, FailureCode, Kind, Outcome, Phase};
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, Canned, Contact, Defect, Endpoint, Fault, Forever, Times, When};

use crate::support::both::on_both;
use crate::support::world::World;
use crate::support::{PATIENCE, TRIES};

fn listing(action: Action) -> Fault {
    let when = When { endpoint: Some(Endpoint::List), ..When::default() };
    Fault { when, after: 0, times: Times::Count(1), action }
}

fn on_page(page: u64, action: Action) -> Fault {
    let when = When { endpoint: Some(Endpoint::List), page: Some(page), ..When::default() };
    Fault { when, after: 0, times: Times::Count(1), action }
}

fn forever(fault: Fault) -> Fault {
    Fault { times: Times::Word(Forever::Forever), ..fault }
}

fn answer(answer: Canned) -> Action {
    Action::Answer { answer, retry_after: None }
}

/// Shorter than what a request may hang before it is given up.
const HANGING: Duration = Duration::from_secs(20);

/// Starts a full sync that meets `fault`, and cancels it through `app`. Returns how long it went on.
async fn cancel_during(world: &World, app: &App, fault: &Fault) -> Duration {
    world.google.clear_faults();
    // Each listing starts from its first page, so that it comes by the page that is in trouble.
    world.google.expire_page_tokens();
    world.google.add_fault(fault.clone());
    let started = world.start(Some(Kind::Full)).await.unwrap();
    if fault.action != Action::Hang {
        world.until(|row| row.phase == Phase::Waiting).await;
    }
    let cancelled = app.supervisor.cancel(world.account, "the test").await.unwrap();
    let asked_at = SystemClock.now();
    assert_eq!(cancelled, Some(started.run));
    let run = started.run;
    tokio::time::timeout(PATIENCE, started.finished()).await.expect("it never stopped");
    let took = between(asked_at, SystemClock.now());
    let row = world.app.store.run(run).await.unwrap().unwrap();
    assert_eq!(row.outcome, Some(Outcome::Cancelled));
    assert_eq!(row.cancel_by.as_deref(), Some("the test"));
    took
}

on_both! {
    async fn the_first_sync_lists_everything_and_the_next_only_asks(database) {
        let world = World::new(database, 57).await;
        let first = world.converge(None).await;
        assert_eq!(first.kind, Kind::Full);
        assert_eq!((first.counts.created, first.counts.pages), (57, 6));
        world.google.clear_log();
        let second = world.converge(None).await;
        assert_eq!(second.kind, Kind::Incremental);
        assert_eq!(second.counts.listed, 0);
        let lists = world.google.log().len();
        assert_eq!(lists, 1, "one request, and no other");
    }

    async fn what_changes_at_google_changes_here(database) {
        let world = World::new(database, 40).await;
        world.converge(None).await;
        world.google.delete_many(3);
        world.google.change_at_random(25);
        world.google.add(Contact::named("Ada", "Lovelace", "+44 20 7946 0958"));
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Incremental);
        let changes = world.app.store.changes(run.id, 0, 1000).await.unwrap();
        let it = run.counts;
        assert_eq!(changes.len() as u64, it.created + it.updated + it.deleted);
    }

    async fn an_unchanged_full_sync_writes_no_contact(database) {
        let world = World::new(database, 35).await;
        world.converge(None).await;
        let before: Vec<_> = world.app.store.contacts(&Default::default()).await.unwrap().0;
        let run = world.converge(Some(Kind::Full)).await;
        assert_eq!((run.counts.unchanged, run.counts.updated), (35, 0));
        assert!(world.app.store.changes(run.id, 0, 10).await.unwrap().is_empty());
        let after: Vec<_> = world.app.store.contacts(&Default::default()).await.unwrap().0;
        let times = |rows: &[ringbook_store::ContactRow]| {
            rows.iter().map(|row| row.updated_at).collect::<Vec<_>>()
        };
        assert_eq!(times(&before), times(&after));
    }

    async fn everything_modified_and_nothing_changed_writes_nothing(database) {
        let world = World::new(database, 35).await;
        world.converge(None).await;
        world.google.touch_all();
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Incremental);
        assert_eq!((run.counts.unchanged, run.counts.updated), (35, 0));
    }

    async fn an_expired_token_becomes_a_full_sync_in_the_same_run(database) {
        let world = World::new(database, 25).await;
        world.converge(None).await;
        world.google.delete_many(2);
        world.google.expire_sync_tokens();
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Full);
        assert_eq!(run.counts.deleted, 2, "deletions in between are not lost");
    }

    async fn a_token_that_expires_on_page_two_restarts_once(database) {
        let world = World::new(database, 45).await;
        world.converge(None).await;
        world.google.touch_all();
        world.google.add_fault(on_page(2, answer(Canned::ExpiredSyncTokenInvalidArgument)));
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Full);
    }

    async fn a_renamed_contact_keeps_its_id_in_an_incremental_sync(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        let (old, (id, _)) = world.mirror().await.into_iter().next().unwrap();
        let new = world.google.rename(&old).unwrap();
        let run = world.converge(None).await;
        assert_eq!(run.counts.renamed, 1);
        assert_eq!(world.mirror().await[&new].0, id);
    }

    async fn a_renamed_contact_keeps_its_id_in_a_full_sync(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        let (old, (id, _)) = world.mirror().await.into_iter().next().unwrap();
        let new = world.google.rename(&old).unwrap();
        let run = world.converge(Some(Kind::Full)).await;
        assert_eq!((run.counts.renamed, run.counts.created, run.counts.deleted), (1, 0, 0));
        assert_eq!(world.mirror().await[&new].0, id);
    }

    async fn merged_contacts_become_one(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        let names: Vec<String> = world.mirror().await.into_keys().collect();
        world.google.merge(&names[0], &names[1]).unwrap();
        let run = world.converge(None).await;
        assert_eq!(run.counts.deleted, 1);
    }

    async fn a_contact_that_comes_back_is_restored_with_its_id(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        let (name, (id, _)) = world.mirror().await.into_iter().next().unwrap();
        world.google.delete(&name).unwrap();
        assert_eq!(world.converge(None).await.counts.deleted, 1);
        world.google.restore(&name).unwrap();
        assert_eq!(world.converge(None).await.counts.restored, 1);
        assert_eq!(world.mirror().await[&name].0, id);
    }

    async fn a_bad_contact_is_set_aside_and_the_others_land(database) {
        let world = World::new(database, 30).await;
        world.google.add_fault(on_page(2, Action::BadPerson {
            defect: Defect::NamesIsAString, index: 3, count: 1,
        }));
        let run = world.sync(None).await;
        assert_eq!(run.outcome, Some(Outcome::Partial));
        assert_eq!((run.counts.created, run.counts.set_aside), (29, 1));
        let aside = world.app.store.set_aside(run.id, 0, 10).await.unwrap();
        assert!(aside[0].reason.contains("names"), "{}", aside[0].reason);
        assert!(world.status().await.token.is_some(), "the token is earned all the same");
        world.converge(Some(Kind::Full)).await;
    }

    async fn a_known_contact_that_turns_unreadable_is_kept(database) {
        let world = World::new(database, 30).await;
        world.converge(None).await;
        for defect in [Defect::NamesIsAString, Defect::ResourceNameMissing] {
            // A person without a name makes the run list everything twice.
            let bad = Action::BadPerson { defect, index: 3, count: 1 };
            world.google.add_fault(forever(on_page(2, bad)));
            let run = world.sync(Some(Kind::Full)).await;
            assert_eq!(run.outcome, Some(Outcome::Partial), "{:?}", run.error_message);
            assert_eq!((run.counts.set_aside, run.counts.deleted), (1, 0));
            world.assert_equal().await;
            world.google.clear_faults();
        }
    }

    async fn too_many_deletions_are_held_until_a_person_approves(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        let token = world.status().await.token;
        world.google.delete_many(20);
        let held = world.sync(None).await;
        assert_eq!(held.outcome, Some(Outcome::Held));
        assert_eq!((held.counts.to_delete, held.counts.deleted), (20, 0));
        assert_eq!(world.mirror().await.len(), 60);
        assert_eq!(world.status().await.token, token, "the token is not taken");
        assert_eq!(world.app.store.held(held.id, &ringbook_store::HeldQuery { limit: 100, ..Default::default() }).await.unwrap().len(), 20);
        world.app.supervisor.approve(held.id, "test").await.unwrap();
        world.assert_equal().await;
        let approved = world.app.store.run(held.id).await.unwrap().unwrap();
        assert_eq!(approved.outcome, Some(Outcome::Succeeded));
        assert_eq!(approved.decided_by.as_deref(), Some("test"));
        crate::support::world::assert_books_balance(&approved);
        assert!(world.app.supervisor.approve(held.id, "test").await.is_err());
        assert_eq!(world.converge(None).await.counts.deleted, 0);
    }

    async fn a_rejected_run_deletes_nothing_and_a_later_one_asks_again(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        world.google.delete_many(20);
        let held = world.sync(None).await;
        world.app.supervisor.reject(held.id, "test").await.unwrap();
        let row = world.app.store.run(held.id).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Rejected));
        assert_eq!(world.mirror().await.len(), 60);
        let again = world.sync(Some(Kind::Full)).await;
        assert_eq!(again.outcome, Some(Outcome::Held));
        world.app.supervisor.approve(again.id, "test").await.unwrap();
        world.assert_equal().await;
    }

    async fn a_hold_dissolves_when_google_comes_to_its_senses(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        let gone = world.google.delete_many(20);
        let held = world.sync(Some(Kind::Full)).await;
        assert_eq!(held.outcome, Some(Outcome::Held));
        for name in gone {
            world.google.restore(&name).unwrap();
        }
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Full, "a held full run is answered by a full one");
        assert_eq!(world.status().await.held_run, None);
        assert!(world.app.supervisor.approve(held.id, "test").await.is_err());
    }

    async fn an_empty_or_halved_listing_deletes_nothing(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        for lie in [
            Action::EmptyListing,
            Action::HalfListing { true_total: true },
            Action::HalfListing { true_total: false },
            Action::EndEarly,
            Action::TotalItems { extra: 5 },
        ] {
            world.google.add_fault(forever(listing(lie.clone())));
            let run = world.sync(Some(Kind::Full)).await;
            // Told twice the same way it is believed, but for those whom the look-up finds.
            assert!(run.note.is_some(), "{lie:?}");
            assert_eq!(run.counts.deleted, 0, "{lie:?}");
            world.google.clear_faults();
            world.assert_equal().await;
        }
        world.converge(Some(Kind::Full)).await;
    }

    async fn a_listing_without_an_end_is_never_believed(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        let token = world.status().await.token;
        for lie in [Action::DropPageToken, Action::RepeatPageToken, Action::NoSyncToken] {
            world.google.add_fault(forever(listing(lie.clone())));
            let run = world.sync(Some(Kind::Full)).await;
            assert_ne!(run.outcome, Some(Outcome::Succeeded), "{lie:?}");
            assert!(run.error_message.is_some(), "{lie:?}");
            assert_eq!(world.status().await.token, token, "{lie:?}");
            world.google.clear_faults();
        }
        world.converge(None).await;
    }

    async fn passing_trouble_is_waited_out(database) {
        let world = World::new(database, 35).await;
        for (page, trouble) in [
            (1, answer(Canned::RateLimit)),
            (1, answer(Canned::FbsQuota)),
            (2, answer(Canned::UnavailableHtml)),
            (2, answer(Canned::UserRateLimitExceeded)),
            (3, Action::TruncatedBody),
            (3, Action::TruncatedGzip),
            (3, answer(Canned::HtmlPage)),
            (4, answer(Canned::EmptyBody)),
            (4, answer(Canned::JsonNull)),
            (4, Action::Reset),
        ] {
            world.google.add_fault(on_page(page, trouble));
        }
        let run = world.converge(None).await;
        assert_eq!(run.retries, 10);
        assert!(run.waited_ms > 0);
    }

    async fn duplicates_and_disorder_do_no_harm(database) {
        let world = World::new(database, 45).await;
        world.google.add_fault(forever(listing(Action::Reordered)));
        world.google.add_fault(forever(listing(Action::Duplicates { count: 3 })));
        world.converge(None).await;
        world.converge(Some(Kind::Full)).await;
    }

    async fn a_withdrawn_grant_needs_a_person_and_is_not_asked_again(database) {
        let world = World::new(database, 10).await;
        world.converge(None).await;
        world.google.revoke_grants();
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::NeedsReauth), "{:?}", run.error_message);
        assert!(world.status().await.needs_reauth.is_some());
        assert!(world.start(None).await.is_err());
        world.assert_equal().await;
        world.connect().await;
        let run = world.converge(None).await;
        assert_eq!(run.kind, Kind::Full, "a sync token belongs to its grant");
    }

    async fn another_account_behind_the_same_grant_touches_nothing(database) {
        let world = World::new(database, 20).await;
        world.converge(None).await;
        let before = world.mirror().await;
        world.google.switch_user("mallory@example.com", 5, true);
        let run = world.sync(Some(Kind::Full)).await;
        assert_eq!(run.error_code, Some(FailureCode::DifferentAccount), "{:?}", run.error_message);
        assert_eq!(world.mirror().await, before);
    }

    async fn a_second_request_is_refused_and_names_the_holder(database) {
        let world = World::new(database, 30).await;
        world.google.add_fault(listing(Action::Hang));
        let first = world.start(None).await.unwrap();
        let refused = world.start(None).await.unwrap_err().to_string();
        assert!(refused.contains("in progress") && refused.contains("process"), "{refused}");
        let other = world.other_process().await;
        let refused = other.supervisor.start(&world.wish(None)).await.unwrap_err().to_string();
        assert!(refused.contains("in progress"), "{refused}");
        world.app.supervisor.cancel(world.account, "test").await.unwrap();
        first.finished().await;
        world.converge(None).await;
    }

    async fn cancel_stops_a_run_wherever_it_is_within_a_second(database) {
        let slow = &[("SYNC_RETRY_RATE_LIMIT_MS", "60000"), ("SYNC_RETRY_BASE_MS", "60000")];
        let world = World::with(database, 30, slow).await;
        let other = world.other_process().await;
        let hang_me = When { endpoint: Some(Endpoint::Me), ..When::default() };
        for fault in [
            on_page(1, Action::Hang),
            on_page(3, Action::Hang),
            on_page(2, answer(Canned::RateLimit)),
            Fault { when: hang_me, after: 0, times: Times::Count(1), action: Action::Hang },
        ] {
            // A request of the run cancelled before may still be on its way, and meet it first.
            let fault = forever(fault);
            for from_elsewhere in [false, true] {
                let app = if from_elsewhere { &other } else { &world.app };
                let mut took = Duration::MAX;
                for _ in 0..TRIES {
                    took = took.min(cancel_during(&world, app, &fault).await);
                    if took <= Duration::from_secs(1) {
                        break;
                    }
                }
                assert!(took <= Duration::from_secs(1), "{took:?} at best: {fault:?}");
            }
        }
        world.google.clear_faults();
        world.converge(None).await;
    }

    async fn an_interrupted_listing_goes_on_where_it_was(database) {
        let world = World::new(database, 60).await;
        world.google.add_fault(on_page(4, Action::Hang));
        let started = world.start(None).await.unwrap();
        world.until(|row| row.counts.pages == 3).await;
        assert!(world.app.supervisor.shut_down(HANGING).await);
        started.finished().await;
        let other = world.other_process().await;
        world.google.clear_faults();
        world.google.clear_log();
        let started = other.supervisor.start(&world.wish(None)).await.unwrap();
        let run = started.run;
        started.finished().await;
        let row = world.app.store.run(run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Succeeded), "{:?}", row.error_message);
        assert!(row.resumed);
        assert_eq!(row.counts.pages, 3, "the first three pages are not fetched again");
        world.assert_equal().await;
    }

    async fn a_wait_is_told_to_whoever_asks_from_any_process(database) {
        let world = World::with(database, 30, &[("SYNC_RETRY_RATE_LIMIT_MS", "60000")]).await;
        let other = world.other_process().await;
        world.google.add_fault(on_page(2, answer(Canned::RateLimit)));
        let started = world.start(None).await.unwrap();
        let waiting = |row: &ringbook_store::RunRow| row.wait.is_some();
        let row = crate::support::world::until(&other, world.account, waiting).await;
        let wait = row.wait.unwrap();
        assert_eq!((row.phase, wait.delay), (Phase::Waiting, Delay::RateLimited));
        assert!(ringbook_core::clock::between(row.updated_at, wait.until).as_secs() >= 59);
        assert!(wait.message.contains("Google"), "{}", wait.message);
        assert_eq!((row.counts.pages, row.counts.listed, row.total), (1, 10, Some(30)));
        other.supervisor.cancel(world.account, "test").await.unwrap();
        started.finished().await;
    }

    async fn readers_see_the_whole_directory_at_every_moment_of_a_full_sync(database) {
        let world = World::new(database, 60).await;
        world.converge(None).await;
        world.google.delete_many(2);
        let mut pulse = world.app.store.pulse();
        let started = world.start(Some(Kind::Full)).await.unwrap();
        let mut looks = 0;
        let mut done = std::pin::pin!(started.finished());
        loop {
            tokio::select! {
                _ = &mut done => break,
                _ = pulse.changed() => {
                    let (rows, total) = world.app.store
                        .contacts(&ringbook_store::ContactQuery { limit: 500, ..Default::default() })
                        .await.unwrap();
                    assert!(total == 60 || total == 58, "{total}");
                    assert!(rows.len() >= 58, "{}", rows.len());
                    looks += 1;
                }
            }
        }
        assert!(looks > 3, "{looks}");
        world.assert_equal().await;
    }

    async fn however_many_ask_google_hears_one(database) {
        let world = World::new(database, 80).await;
        let other = world.other_process().await;
        for _ in 0..3 {
            let wish = world.wish(Some(Kind::Full));
            let asked = futures_util::future::join_all(
                [&world.app, &other, &world.app, &other].map(|app| app.supervisor.start(&wish)),
            );
            let started: Vec<_> = asked.await.into_iter().filter_map(Result::ok).collect();
            assert!(!started.is_empty());
            for one in started {
                one.finished().await;
            }
        }
        assert_eq!(world.google.counted(Endpoint::List).in_flight_max, 1);
        world.assert_equal().await;
    }

    async fn a_lost_page_token_costs_time_and_nothing_else(database) {
        let world = World::new(database, 60).await;
        world.google.add_fault(on_page(4, Action::Hang));
        let started = world.start(None).await.unwrap();
        world.until(|row| row.counts.pages == 3).await;
        world.app.supervisor.cancel(world.account, "test").await.unwrap();
        started.finished().await;
        world.google.clear_faults();
        world.google.expire_page_tokens();
        let run = world.converge(None).await;
        assert!(run.resumed);
        assert_eq!(run.counts.pages, 6);
    }

    async fn history_forgets_on_request_but_never_a_run_in_progress(database) {
        let world = World::new(database, 12).await;
        for _ in 0..3 {
            world.converge(None).await;
        }
        world.google.add_fault(listing(Action::Hang));
        let started = world.start(None).await.unwrap();
        assert_eq!(world.app.store.clear_history(true).await.unwrap(), 2);
        assert_eq!(world.app.store.clear_history(false).await.unwrap(), 1);
        assert!(world.app.store.run(started.run).await.unwrap().is_some());
        world.app.supervisor.cancel(world.account, "test").await.unwrap();
        started.finished().await;
    }

    async fn old_runs_and_tombstones_are_pruned_in_steps(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        world.google.delete_many(2);
        for _ in 0..5 {
            world.converge(None).await;
        }
        let retention = ringbook_store::Retention {
            runs: 3,
            age: Duration::from_secs(3600),
            tombstones: Duration::ZERO,
        };
        let pruned = world.app.store.prune(world.account, &retention).await.unwrap();
        assert_eq!((pruned.runs, pruned.tombstones), (3, 2));
        assert_eq!(world.status().await.counts.deleted, 0);
        let pruned = world.app.store.prune(world.account, &retention).await.unwrap();
        assert_eq!((pruned.runs, pruned.tombstones), (0, 0));
        world.converge(Some(Kind::Full)).await;
    }

    async fn a_preview_promises_what_the_run_then_does(database) {
        let world = World::new(database, 40).await;
        let look = async || {
            let orders = world.app.store
                .preview_orders(world.account, None, &world.app.supervisor.options().request,
                    &world.app.supervisor.options().settings)
                .await.unwrap();
            let people = world.app.connector.people(world.account).await.unwrap();
            ringbook_engine::preview::preview(
                &world.app.store, &people, world.account, orders, || 0,
            ).await.unwrap()
        };
        let promised = look().await;
        assert!(world.mirror().await.is_empty(), "nothing is written");
        let run = world.converge(None).await;
        assert_eq!(promised.tally.created, run.counts.created);
        world.google.change_at_random(10);
        world.google.delete_many(1);
        let promised = look().await;
        let run = world.converge(None).await;
        let it = run.counts;
        assert_eq!(
            (promised.tally.created, promised.tally.updated, promised.to_delete),
            (it.created, it.updated, it.deleted)
        );
    }
}
