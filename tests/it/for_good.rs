//! Answers of Google that stay the same for good. However long they do, the account is up to date or says why it
//! is not; and once they heal, it recovers by itself.

use ringbook_core::sync::{FailureCode, Kind, Outcome};
use ringbook_simulator::{Action, Canned, Contact, Defect, Endpoint, Fault, Sync};
use ringbook_store::RunRow;

use crate::support::both::on_both;
use crate::support::world::World;

fn answers(endpoint: Endpoint, answer: Canned) -> Fault {
    Fault::answer(answer).on(endpoint).forever()
}

fn lists(action: Action) -> Fault {
    Fault::new(action).on(Endpoint::List).forever()
}

/// Everything that the API can answer instead of what was asked.
const ANY: &[Canned] = &[
    Canned::RateLimit,
    Canned::FbsQuota,
    Canned::ServiceDisabled,
    Canned::ScopeInsufficient,
    Canned::ScopeInsufficientBare,
    Canned::UserRateLimitExceeded,
    Canned::Forbidden,
    Canned::Unauthenticated,
    Canned::NotFound,
    Canned::Gone,
    Canned::InvalidArgument,
    Canned::ExpiredSyncToken,
    Canned::InternalError,
    Canned::BadGateway,
    Canned::Unavailable,
    Canned::UnavailableHtml,
    Canned::DeadlineExceeded,
    Canned::HtmlPage,
    Canned::EmptyBody,
    Canned::JsonArray,
    Canned::JsonNull,
    Canned::JsonEmptyObject,
    Canned::InvalidGrant,
];

/// A mirror of 25 contacts, some of which have changed since, one of which is gone and one is new.
async fn behind(world: &World) {
    world.google.change_at_random(4);
    world.google.delete_many(1);
    world.google.add(Contact::named("Ada", "Lovelace", "+44 20 7946 0958"));
}

/// Up to date, or the cause is named, where people look for it.
async fn is_plain(world: &World, run: &RunRow, what: &str) {
    let account = world.status().await;
    assert!(!account.standing.needs_reauth, "{what}: the grant was condemned");
    let code = run.error_code.map(|it| it.as_str());
    match run.outcome {
        Some(Outcome::Succeeded) => world.assert_equal().await,
        Some(Outcome::Held) => {
            assert!(run.note.as_ref().is_some_and(|it| it.contains("approve")), "{what}: {run:?}");
        }
        Some(Outcome::Failed | Outcome::Partial) => {
            let message = run.error_message.as_deref().unwrap_or_default();
            assert!(message.len() > 20 && code.is_some(), "{what}: {run:?}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

/// Nobody helps: what the schedule does is a sync of whichever kind is right.
async fn recovers(world: &World, what: &str) {
    world.google.clear_faults();
    let run = world.sync(None).await;
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{what}: {:?}", run.error_message);
    world.assert_equal().await;
    assert_eq!(world.status().await.needs_reauth, None, "{what}");
}

on_both! {
    async fn whatever_an_endpoint_of_the_api_answers_is_named_and_over_when_it_heals(database) {
        let world = World::with(database, 25, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        world.converge(None).await;
        for endpoint in [Endpoint::List, Endpoint::BatchGet, Endpoint::Me, Endpoint::Groups] {
            for answer in ANY {
                let what = format!("{endpoint:?} answers {answer:?}");
                behind(&world).await;
                world.google.add_fault(answers(endpoint, *answer));
                for kind in [Kind::Full, Kind::Incremental] {
                    let run = world.sync(Some(kind)).await;
                    is_plain(&world, &run, &what).await;
                    // A question that a run can do without does not fail it.
                    let optional = endpoint != Endpoint::List;
                    assert!(!optional || run.outcome != Some(Outcome::Failed), "{what}: {run:?}");
                }
                recovers(&world, &what).await;
            }
        }
    }

    async fn a_first_sync_copes_with_whatever_is_wrong_beside_the_listing(database) {
        for endpoint in [Endpoint::Me, Endpoint::Groups, Endpoint::BatchGet] {
            for answer in [Canned::InternalError, Canned::HtmlPage, Canned::Unauthenticated, Canned::Gone] {
                let world = World::with(database, 12, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
                world.google.add_fault(answers(endpoint, answer));
                world.converge(None).await;
                assert!(world.status().await.token.is_some());
            }
        }
    }

    async fn only_a_verdict_of_the_token_service_ends_a_grant(database) {
        let world = World::with(database, 30, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        world.converge(None).await;
        // The verdict comes last.
        for answer in ANY {
            world.google.change_at_random(2);
            world.google.expire_access_tokens();
            world.google.add_fault(answers(Endpoint::Token, *answer));
            let run = world.sync(None).await;
            assert_eq!(run.outcome, Some(Outcome::Failed), "{answer:?}");
            let ended = *answer == Canned::InvalidGrant;
            assert_eq!(world.status().await.standing.needs_reauth, ended, "{answer:?}");
            if !ended {
                recovers(&world, &format!("the token service answers {answer:?}")).await;
            }
        }
    }

    async fn each_field_of_a_listing_may_lie_for_good(database) {
        let world = World::with(database, 25, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        world.converge(None).await;
        let bad = |defect| Action::BadPerson { defect, index: 2, count: 3 };
        for lie in [
            Action::RepeatPageToken,
            Action::NoSyncToken,
            Action::DropPageToken,
            Action::EndEarly,
            Action::NoEnd,
            Action::TotalItems { extra: 3 },
            Action::TotalItems { extra: -3 },
            Action::EmptyListing,
            Action::HalfListing { true_total: true },
            Action::HalfListing { true_total: false },
            Action::Duplicates { count: 3 },
            Action::Reordered,
            Action::TouchAll,
            bad(Defect::NamesIsAString),
            bad(Defect::ResourceNameMissing),
            bad(Defect::ResourceNameIsANumber),
            bad(Defect::MetadataIsAnArray),
            bad(Defect::PersonIsNull),
        ] {
            let what = format!("{lie:?}");
            world.google.add_fault(lists(lie));
            for kind in [Kind::Full, Kind::Incremental, Kind::Full] {
                let run = world.sync(Some(kind)).await;
                assert!(!world.status().await.standing.needs_reauth, "{what}");
                assert_eq!(run.counts.deleted, 0, "{what}: nobody is gone at Google");
                let named = run.error_message.is_some() || run.note.is_some();
                let partial = run.outcome == Some(Outcome::Partial);
                let good = run.outcome == Some(Outcome::Succeeded);
                assert!(good || partial || named, "{what}: {run:?}");
            }
            world.google.clear_faults();
            world.converge(Some(Kind::Full)).await;
            // What a lie kept away from us comes with the next changes.
            behind(&world).await;
            recovers(&world, &what).await;
        }
    }

    async fn a_contact_that_the_listing_leaves_out_for_good_is_kept_and_the_others_go_on(database) {
        for counted in [false, true] {
            let world = World::new(database, 25).await;
            world.converge(None).await;
            let left_out = world.google.truth()[7].resource_name.clone();
            let lie = Action::LeaveOut { resource_name: left_out.clone(), counted };
            world.google.add_fault(lists(lie));
            world.google.expire_sync_tokens();
            world.google.delete(&world.google.truth()[3].resource_name).unwrap();
            for _ in 0..2 {
                let run = world.converge(Some(Kind::Full)).await;
                assert_eq!(run.unlisted, 1, "{:?}", run.note);
                let note = run.note.unwrap();
                assert!(note.contains("1 contacts are missing in two of Google's listings"), "{note}");
                assert!(!note.contains(&left_out), "the note is logged: {note}");
                let listed = world.app.store.set_aside(run.id, 0, 10).await.unwrap();
                assert_eq!(listed.len(), 1);
                assert_eq!(listed[0].resource_name.as_deref(), Some(left_out.as_str()));
            }
            assert!(world.status().await.token.is_some());
            assert_eq!(world.converge(None).await.kind, Kind::Incremental);
            recovers(&world, "a contact was left out").await;
        }
    }

    async fn a_total_that_stays_above_what_is_listed_is_told_and_does_not_stop_the_first_sync(database) {
        let world = World::new(database, 25).await;
        world.google.add_fault(lists(Action::TotalItems { extra: 2 }));
        let run = world.converge(None).await;
        assert!(run.note.unwrap().contains("it counts 27 contacts and lists 25"));
        assert!(world.status().await.token.is_some());
        assert_eq!(world.google.counted(Endpoint::List).requests, 6, "twice three pages, and no more");
        world.google.delete_many(1);
        assert_eq!(world.converge(Some(Kind::Full)).await.counts.deleted, 1);
    }

    async fn who_cannot_be_looked_up_waits_for_a_person_and_not_for_ever(database) {
        let world = World::new(database, 25).await;
        world.converge(None).await;
        world.google.delete_many(2);
        world.google.add_fault(answers(Endpoint::BatchGet, Canned::InternalError));
        let held = world.sync(Some(Kind::Full)).await;
        assert_eq!((held.outcome, held.counts.to_delete), (Some(Outcome::Held), 2));
        assert_eq!(world.mirror().await.len(), 25);
        // Either a person approves, or the look-up heals.
        assert_eq!(world.app.supervisor.approve(held.id, "the test").await.unwrap(), 2);
        world.assert_equal().await;
        world.google.delete_many(2);
        assert_eq!(world.sync(Some(Kind::Full)).await.outcome, Some(Outcome::Held));
        recovers(&world, "the look-up failed").await;
    }

    async fn a_listing_without_a_sync_token_is_stored_and_deletes_nobody(database) {
        for contacts in [4, 25] {
            let world = World::new(database, contacts).await;
            world.google.add_fault(lists(Action::NoSyncToken));
            let run = world.sync(None).await;
            assert_eq!(run.outcome, Some(Outcome::Partial), "{:?}", run.error_message);
            assert_eq!(run.error_code, Some(FailureCode::NoSyncToken));
            world.assert_equal().await;
            let account = world.status().await;
            assert!(account.token.is_none() && account.standing.tokenless);
            assert_eq!(account.standing.failures, 0);
            let gone = world.google.delete_many(1).remove(0);
            let again = world.sync(None).await;
            assert_eq!((again.kind, again.counts.deleted), (Kind::Full, 0));
            assert!(world.mirror().await.contains_key(&gone));
            recovers(&world, "there was no token").await;
            assert!(!world.status().await.standing.tokenless);
        }
    }

    async fn changes_without_a_sync_token_are_stored_and_everything_is_listed_next(database) {
        let world = World::new(database, 25).await;
        world.converge(None).await;
        world.google.add_fault(lists(Action::NoSyncToken));
        world.google.add(Contact::named("Ada", "Lovelace", "+44 20 7946 0958"));
        let run = world.sync(None).await;
        assert_eq!((run.kind, run.outcome), (Kind::Incremental, Some(Outcome::Partial)));
        world.assert_equal().await;
        assert_eq!(world.sync(None).await.kind, Kind::Full);
        assert!(world.status().await.token.is_some(), "a token is replaced only by a newer one");
        recovers(&world, "there was no token").await;
    }

    async fn a_token_that_only_breaks_things_is_given_up_after_some_tries(database) {
        let world = World::with(database, 25, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        world.converge(None).await;
        behind(&world).await;
        world.google.add_fault(answers(Endpoint::List, Canned::InternalError).sync(Sync::Incremental));
        let mut kinds = Vec::new();
        for _ in 0..5 {
            kinds.push(world.sync(None).await.kind);
        }
        assert_eq!(kinds.iter().filter(|it| **it == Kind::Full).count(), 1, "{kinds:?}");
        assert_eq!(kinds[4], Kind::Full);
        world.assert_equal().await;
    }

    async fn a_listing_that_would_take_most_of_a_mirror_always_asks(database) {
        for (contacts, deleted, held) in [(1, 1, true), (2, 1, false), (2, 2, true), (8, 4, false), (8, 5, true), (8, 8, true)] {
            for kind in [Kind::Full, Kind::Incremental] {
                let world = World::new(database, contacts).await;
                world.converge(None).await;
                world.google.delete_many(deleted);
                let run = world.sync(Some(kind)).await;
                let what = format!("{deleted} of {contacts}, {kind}");
                assert_eq!(run.outcome == Some(Outcome::Held), held, "{what}: {run:?}");
                let left = if held { contacts } else { contacts - deleted };
                assert_eq!(world.mirror().await.len(), left, "{what}");
            }
        }
        // Whoever is new does not make up for those who would go.
        let world = World::new(database, 8).await;
        world.converge(None).await;
        world.google.delete_many(8);
        world.google.generate(30);
        let run = world.sync(Some(Kind::Full)).await;
        assert_eq!((run.outcome, run.counts.to_delete), (Some(Outcome::Held), 8));
    }

    async fn refused_access_tokens_are_tried_on_and_a_success_forgives_them(database) {
        let world = World::with(database, 25, &[("SYNC_RETRY_ATTEMPTS", "2")]).await;
        world.converge(None).await;
        behind(&world).await;
        world.google.add_fault(answers(Endpoint::List, Canned::Unauthenticated));
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Unauthorized), "{:?}", run.error_message);
        assert_eq!(world.status().await.needs_reauth, None);
        recovers(&world, "access tokens were refused").await;
    }
}
