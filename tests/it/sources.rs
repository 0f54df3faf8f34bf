//! A Workspace domain's lists, and service accounts: every promise as a story, on both databases.

use std::time::Duration;

use reqwest::Method;
use ringbook_app::connect::ConnectProblem;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::schedule::Cadence;
use ringbook_core::sync::{AccountId, FailureCode, Kind, Outcome, Source};
use ringbook_engine::engine::Finished;
use ringbook_engine::supervisor::StartRequest;
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, CONTACTS_READONLY, Canned, DIRECTORY_READONLY, Endpoint, Fault};
use ringbook_store::{AccountError, AddError, NewTokens, StartError};
use serde_json::{Value, json};

use crate::crash::{begin, crash_after};
use crate::support::PATIENCE;
use crate::support::app::{Answer, TestApp};
use crate::support::both::on_both;
use crate::support::program::Program;
use crate::support::world::{Database, World, until};

const EMAIL: &str = "ada.lovelace@example.com";

/// A consent with these scopes, given to the first account.
async fn consent(world: &World, scopes: &[&str]) -> AccountId {
    let scopes: Vec<String> = scopes.iter().map(|it| (*it).to_owned()).collect();
    let tokens = world.google.of(EMAIL).grant(&scopes);
    let tokens = NewTokens {
        access_token: tokens.access_token.into(),
        expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
        refresh_token: Some(tokens.refresh_token.into()),
        refresh_expires_at: None,
        scopes,
    };
    world.app.store.connect(Some(AccountId(1)), None, &tokens).await.unwrap()
}

/// An account whose permission covers the directory, and another one that mirrors it. The world's levers
/// and syncs are about the latter.
async fn domain(database: Database, source: Source, people: usize) -> World {
    let mut world = World::new(database, 5).await;
    let giver = consent(&world, &[CONTACTS_READONLY, DIRECTORY_READONLY]).await;
    world.google = match source {
        Source::Shared => world.google.shared(),
        _ => world.google.directory(),
    };
    world.google.generate(people);
    world.account = world.app.store.add_source(giver, source, "The office").await.unwrap();
    world
}

fn refused(world: &World) -> Vec<String> {
    world.google.log().into_iter().filter_map(|entry| entry.why).collect()
}

fn parameters(entry: &ringbook_simulator::Entry, name: &str) -> Vec<String> {
    let found = entry.parameters.iter().filter(|(known, _)| known == name);
    found.map(|(_, value)| value.clone()).collect()
}

on_both! {
    async fn the_people_of_a_domain_are_mirrored_and_followed(database) {
        for source in [Source::Directory, Source::Shared] {
            let world = domain(database, source, 37).await;
            let first = world.converge(None).await;
            assert_eq!((first.kind, first.counts.created, first.counts.pages), (Kind::Full, 37, 4));
            world.google.change_at_random(15);
            world.google.generate(4);
            world.google.delete_many(2);
            world.google.clear_log();
            let next = world.converge(None).await;
            assert_eq!(next.kind, Kind::Full, "Google does not tell changes reliably");
            assert_eq!(next.full_reason.unwrap().as_str(), "source_not_incremental");
            for entry in world.google.log().iter().filter(|it| it.endpoint == Endpoint::Directory) {
                let kind = match source {
                    Source::Shared => "DIRECTORY_SOURCE_TYPE_DOMAIN_CONTACT",
                    _ => "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE",
                };
                assert_eq!(parameters(entry, "sources"), [kind]);
                assert_eq!(parameters(entry, "requestSyncToken"), ["true"]);
                for never in ["mergeSources", "syncToken", "sortOrder"] {
                    assert!(parameters(entry, never).is_empty(), "{never}");
                }
            }
            let asked: Vec<Endpoint> = world.google.log().iter().map(|it| it.endpoint).collect();
            for never in [Endpoint::Groups, Endpoint::BatchGet, Endpoint::List] {
                assert!(!asked.contains(&never), "{never:?}");
            }
            assert!(refused(&world).is_empty(), "{:?}", refused(&world));
        }
    }

    async fn whoever_asks_for_the_changes_of_a_directory_gets_all_of_it(database) {
        let world = domain(database, Source::Directory, 12).await;
        world.converge(None).await;
        world.google.delete_many(1);
        let run = world.converge(Some(Kind::Incremental)).await;
        assert_eq!((run.kind, run.counts.deleted), (Kind::Full, 1));
        let account = world.status().await;
        assert_eq!(account.standing.follow_up_at, None, "there are no changes to follow up with");
    }

    async fn a_run_of_the_directory_touches_no_contact_of_its_lender(database) {
        let mut world = domain(database, Source::Directory, 12).await;
        let (source, directory) = (world.account, world.google.clone());
        world.account = AccountId(1);
        world.google = world.google.of(EMAIL);
        let lender = world.converge_alone(None).await;
        assert_eq!(lender.counts.created, 5);
        let before = world.status().await;
        (world.account, world.google) = (source, directory);
        world.sync(None).await;
        assert_eq!(world.status().await.counts.live, 12);
        world.google.delete_many(3);
        world.sync(None).await;
        world.account = AccountId(1);
        let after = world.status().await;
        assert_eq!(after.counts, before.counts);
        assert_eq!(after.latest_run, before.latest_run);
        assert_eq!(after.token, before.token);
    }

    async fn too_many_who_left_the_domain_are_held(database) {
        let world = domain(database, Source::Directory, 60).await;
        world.converge(None).await;
        world.google.delete_many(20);
        let held = world.sync(None).await;
        assert_eq!(held.outcome, Some(Outcome::Held), "{:?}", held.error_message);
        assert_eq!((held.counts.to_delete, held.counts.deleted), (20, 0));
        world.app.supervisor.approve(held.id, "test").await.unwrap();
        world.assert_equal().await;
        assert_eq!(world.status().await.standing.follow_up_at, None);
    }

    async fn a_listing_that_breaks_off_deletes_nobody(database) {
        let world = domain(database, Source::Directory, 45).await;
        world.converge(None).await;
        for action in [Action::NoSyncToken, Action::DropPageToken, Action::TruncatedBody] {
            world.google.clear_faults();
            let page = if action == Action::NoSyncToken { 5 } else { 2 };
            world.google.add_fault(Fault::new(action).on(Endpoint::Directory).page(page).times(1));
            world.converge(None).await;
        }
        for action in [Action::EndEarly, Action::EmptyListing, Action::HalfListing { true_total: true }] {
            world.google.clear_faults();
            world.google.add_fault(Fault::new(action).on(Endpoint::Directory).forever());
            let run = world.sync(None).await;
            assert_eq!(run.outcome, Some(Outcome::Held), "{:?}", run.error_message);
            assert_eq!(world.mirror().await.len(), 45);
        }
        world.google.clear_faults();
        world.converge(None).await;
    }

    async fn sharing_that_is_switched_off_mid_way_deletes_nobody(database) {
        let world = domain(database, Source::Directory, 45).await;
        world.converge(None).await;
        world.google.add_fault(Fault::answer(Canned::Forbidden).on(Endpoint::Directory).page(3).forever());
        let run = world.sync(None).await;
        assert_eq!((run.outcome, run.error_code), (Some(Outcome::Failed), Some(FailureCode::Misconfigured)));
        assert_eq!(run.counts.deleted, 0);
        world.google.clear_faults();
        world.google.share_directory(false);
        let run = world.sync(None).await;
        let message = run.error_message.unwrap();
        assert!(message.contains("External Directory Sharing") && message.contains("24 hours"), "{message}");
        world.assert_equal().await;
        world.google.share_directory(true);
        world.converge(None).await;
    }

    async fn a_listing_that_was_interrupted_goes_on_where_it_was(database) {
        let world = domain(database, Source::Directory, 60).await;
        world.google.add_fault(Fault::new(Action::Hang).on(Endpoint::Directory).page(4));
        let started = world.start(None).await.unwrap();
        world.until(|row| row.counts.pages == 3).await;
        assert!(world.app.supervisor.shut_down(PATIENCE).await);
        started.finished().await;
        let other = world.other_process().await;
        world.google.clear_faults();
        let started = other.supervisor.start(&world.wish(None)).await.unwrap();
        let run = started.run;
        started.finished().await;
        let row = world.app.store.run(run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Succeeded), "{:?}", row.error_message);
        assert!(row.resumed);
        assert_eq!(row.counts.pages, 3, "the first three pages are not fetched again");
        world.assert_equal().await;
    }

    async fn a_crash_at_any_step_is_made_good_by_the_next_run(database) {
        for steps in 0.. {
            let world = domain(database, Source::Directory, 25).await;
            world.converge(None).await;
            world.google.delete_many(2);
            world.google.change_at_random(4);
            world.google.generate(3);
            let mut engine = begin(&world, None).await;
            let finished = crash_after(&mut engine, steps).await;
            drop(engine);
            world.converge(None).await;
            if finished.is_some() {
                assert!(steps > 6, "{steps}");
                break;
            }
        }
    }

    async fn a_missing_right_to_the_directory_is_said_and_harms_no_lender(database) {
        let world = domain(database, Source::Directory, 12).await;
        consent(&world, &[CONTACTS_READONLY]).await;
        world.google.clear_log();
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Misconfigured));
        let message = run.error_message.unwrap();
        assert!(message.contains("/auth/google?scopes=directory"), "{message}");
        assert_eq!(world.google.counted(Endpoint::Directory).requests, 0, "nobody needs to ask");
        let lender = world.app.store.account(AccountId(1)).await.unwrap().unwrap();
        assert_eq!(lender.needs_reauth, None);
        consent(&world, &[CONTACTS_READONLY, DIRECTORY_READONLY]).await;
        world.converge(None).await;
    }

    async fn two_accounts_with_one_permission_refresh_it_once(database) {
        let world = domain(database, Source::Directory, 12).await;
        world.sync(None).await;
        let lender = StartRequest { account: AccountId(1), ..world.wish(None) };
        let own = world.wish(None);
        for _ in 0..3 {
            world.google.expire_access_tokens();
            world.google.clear_log();
            let supervisor = &world.app.supervisor;
            let (one, other) = tokio::join!(supervisor.start(&lender), supervisor.start(&own));
            let runs = [one.unwrap(), other.unwrap()];
            for run in runs {
                assert_eq!(run.finished().await, Finished::Ended(Outcome::Succeeded));
            }
            assert_eq!(world.google.counted(Endpoint::Token).requests, 1);
        }
    }

    async fn who_lends_no_permission_any_more_stops_the_borrower(database) {
        let world = domain(database, Source::Directory, 12).await;
        world.converge(None).await;
        let lender = world.app.store.account(AccountId(1)).await.unwrap().unwrap();
        world.google.revoke_grants();
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::NeedsReauth), "{:?}", run.error_message);
        let account = world.status().await;
        assert!(account.needs_reauth.is_some() && account.standing.needs_reauth);
        assert!(matches!(world.start(None).await, Err(StartError::NeedsReauth { .. })));
        world.app.connector.disconnect(&lender).await.unwrap();
        assert!(matches!(world.start(None).await, Err(StartError::NotConnected)));
        assert_eq!(world.mirror().await.len(), 12, "what was mirrored stays");
        consent(&world, &[CONTACTS_READONLY, DIRECTORY_READONLY]).await;
        world.converge(None).await;
    }

    async fn a_consent_ends_the_runs_of_borrowers_too(database) {
        let world = domain(database, Source::Directory, 45).await;
        world.google.add_fault(Fault::new(Action::Hang).on(Endpoint::Directory).page(3));
        let started = world.start(None).await.unwrap();
        world.until(|row| row.counts.pages == 2).await;
        consent(&world, &[CONTACTS_READONLY, DIRECTORY_READONLY]).await;
        let row = world.app.store.run(started.run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Interrupted));
        world.google.clear_faults();
        world.converge(None).await;
    }

    async fn another_person_behind_the_lenders_permission_is_refused(database) {
        let mut world = domain(database, Source::Directory, 12).await;
        let (source, directory) = (world.account, world.google.clone());
        (world.account, world.google) = (AccountId(1), world.google.of(EMAIL));
        world.converge_alone(None).await;
        (world.account, world.google) = (source, directory);
        world.sync(None).await;
        world.google.switch_user("mallory@example.com", 3, true);
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::DifferentAccount), "{:?}", run.error_message);
        assert_eq!(run.counts.listed, 0);
    }

    async fn a_source_is_added_once_and_under_a_name_of_its_own(database) {
        let world = domain(database, Source::Directory, 1).await;
        let store = &world.app.store;
        let lender = AccountId(1);
        for (name, source) in [("", Source::Shared), ("a\u{7}", Source::Shared), (&"x".repeat(101), Source::Shared)] {
            assert!(matches!(store.add_source(lender, source, name).await, Err(AddError::Account(AccountError::Name(_)))));
        }
        let taken = store.add_source(lender, Source::Shared, "THE OFFICE").await;
        assert!(matches!(taken, Err(AddError::Account(AccountError::Taken(_)))), "{taken:?}");
        let twice = store.add_source(lender, Source::Directory, "Other").await;
        assert!(matches!(twice, Err(AddError::SourceTaken(_))), "{twice:?}");
        let chain = store.add_source(world.account, Source::Shared, "Other").await;
        assert!(matches!(chain, Err(AddError::Borrower(_))), "{chain:?}");
        let nobody = store.add_source(AccountId(99), Source::Shared, "Other").await;
        assert!(matches!(nobody, Err(AddError::UnknownGiver)), "{nobody:?}");
        let shared = store.add_source(lender, Source::Shared, "Taxis").await.unwrap();
        assert_eq!(shared, AccountId(3));
        let borrower = store.connect(Some(shared), None, &tokens_of_nobody()).await;
        assert!(borrower.unwrap_err().to_string().contains("uses the permission"));
    }

    async fn a_directory_is_listed_every_six_hours_unless_told_otherwise(database) {
        let world = World::with(database, 1, &[("SYNC_SCHEDULER_ENABLED", "true")]).await;
        let source = world.app.store.add_source(AccountId(1), Source::Directory, "Office").await.unwrap();
        let minutes = async |id| {
            let account = world.app.store.account(id).await.unwrap().unwrap();
            match world.app.supervisor.plan(&account).unwrap().cadence {
                Cadence::Every { minutes } => minutes,
                Cadence::Cron { .. } => 0,
            }
        };
        assert_eq!((minutes(AccountId(1)).await, minutes(source).await), (60, 360));
        let own = ringbook_store::ScheduleRow { minutes: Some(30), ..Default::default() };
        world.app.store.set_schedule(source, &own).await.unwrap();
        assert_eq!(minutes(source).await, 30);
    }

    async fn a_service_account_speaks_for_a_mailbox(database) {
        let mut world = World::new(database, 23).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        world.account = world.app.store.create_account("Reception").await.unwrap();
        let new = enter(&world, EMAIL).await.unwrap();
        let google_id = new.check.unwrap().unwrap();
        assert!(new.facts.client_email.ends_with("gserviceaccount.com"));
        let account = world.status().await;
        assert_eq!(account.google_id.as_ref(), Some(&google_id));
        world.google.clear_log();
        world.converge(None).await;
        world.google.change_at_random(5);
        assert_eq!(world.converge(None).await.kind, Kind::Incremental);
        assert_eq!(world.google.counted(Endpoint::Token).requests, 1, "one token serves for an hour");
        let grant = world.app.store.grant(world.account).await.unwrap().unwrap();
        assert!(grant.refresh_token.is_none() && grant.needs_reauth.is_none());
        use secrecy::ExposeSecret;
        assert_eq!(grant.access_token.expose_secret(), "", "what is minted is stored nowhere");
    }

    async fn a_refused_token_is_minted_anew(database) {
        let mut world = World::new(database, 5).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        world.account = world.app.store.create_account("Reception").await.unwrap();
        enter(&world, EMAIL).await.unwrap();
        world.converge(None).await;
        world.google.expire_access_tokens();
        world.converge(None).await;
        // The person's own grants are no business of a service account.
        world.google.revoke_grants();
        world.converge(None).await;
    }

    async fn a_service_account_lends_only_the_right_that_is_needed(database) {
        let mut world = World::new(database, 5).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        let lender = world.app.store.create_account("Reception").await.unwrap();
        world.account = lender;
        enter(&world, EMAIL).await.unwrap();
        world.converge(None).await;
        world.account = world.app.store.add_source(lender, Source::Directory, "Office").await.unwrap();
        world.google.directory().generate(12);
        let run = world.sync(None).await;
        let message = run.error_message.unwrap();
        assert!(message.contains(DIRECTORY_READONLY) && !message.contains(CONTACTS_READONLY), "{message}");
        world.google.delegate(&[CONTACTS_READONLY, DIRECTORY_READONLY]);
        assert_eq!(world.sync(None).await.counts.created, 12);
        world.account = lender;
        assert_eq!(world.sync(None).await.outcome, Some(Outcome::Succeeded));
    }

    async fn a_key_that_is_not_allowed_yet_is_kept_and_tried_again(database) {
        let mut world = World::new(database, 5).await;
        world.account = world.app.store.create_account("Reception").await.unwrap();
        let new = enter(&world, EMAIL).await.unwrap();
        let reason = new.check.unwrap_err();
        for words in [&new.facts.client_id, CONTACTS_READONLY, "24 hours", "gmail.com", "Domain-wide delegation"] {
            assert!(reason.contains(words), "{words}: {reason}");
        }
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Misconfigured));
        assert_eq!(world.status().await.needs_reauth, None, "it may work tomorrow");
        world.google.delegate(&[CONTACTS_READONLY]);
        world.converge(None).await;
    }

    async fn a_key_that_does_not_work_replaces_nothing_that_does(database) {
        let world = World::new(database, 5).await;
        world.converge(None).await;
        let problem = enter(&world, EMAIL).await.unwrap_err();
        assert!(matches!(problem, ConnectProblem::Misconfigured(_)), "{problem}");
        world.converge(None).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        enter(&world, EMAIL).await.unwrap();
        assert!(world.app.store.grant(world.account).await.unwrap().unwrap().service.is_some());
        let run = world.converge(None).await;
        assert_eq!(run.full_reason.unwrap().as_str(), "account_reconnected");
    }

    async fn a_key_that_never_worked_can_be_put_right(database) {
        let mut world = World::new(database, 5).await;
        world.account = world.app.store.create_account("Reception").await.unwrap();
        assert!(enter(&world, "nobody@example.com").await.unwrap().check.is_err());
        let new = enter(&world, EMAIL).await.unwrap();
        assert_eq!((new.facts.subject.as_str(), new.check.is_err()), (EMAIL, true));
        world.google.delegate(&[CONTACTS_READONLY]);
        world.converge(None).await;
        // One that worked stays, whatever the last answers of Google were.
        world.google.add_fault(Fault::answer(Canned::Unavailable).on(Endpoint::List).times(9));
        world.sync(None).await;
        assert!(enter(&world, "nobody@example.com").await.is_err());
    }

    async fn a_key_that_is_allowed_later_does_not_mirror_a_mailbox_twice(database) {
        let mut world = World::new(database, 5).await;
        world.converge(None).await;
        world.account = world.app.store.create_account("Again").await.unwrap();
        assert!(enter(&world, EMAIL).await.unwrap().check.is_err());
        world.google.delegate(&[CONTACTS_READONLY]);
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Misconfigured));
        let message = run.error_message.unwrap();
        assert!(message.contains("mirrored by the account `Google` already"), "{message}");
        assert_eq!(world.status().await.counts.live, 0, "nobody is there twice");
    }

    async fn another_mailbox_than_the_mirrored_one_is_refused(database) {
        let world = World::new(database, 5).await;
        world.converge(None).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        world.google.of("grace@example.com").generate(3);
        let problem = enter(&world, "grace@example.com").await.unwrap_err();
        assert!(matches!(problem, ConnectProblem::DifferentAccount(_)), "{problem}");
        assert!(world.app.store.grant(world.account).await.unwrap().unwrap().service.is_none());
        let key = ringbook_store::service_key_name(world.account);
        assert!(world.app.store.secret(&key).await.unwrap().is_none());
        let mut world = world;
        world.account = world.app.store.create_account("Twin").await.unwrap();
        let problem = enter(&world, EMAIL).await.unwrap_err();
        assert!(matches!(problem, ConnectProblem::Conflict(_)), "{problem}");
    }

    async fn a_service_account_is_never_given_up(database) {
        let mut world = World::new(database, 5).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        world.account = world.app.store.create_account("Reception").await.unwrap();
        enter(&world, EMAIL).await.unwrap();
        world.google.add_fault(Fault::answer(Canned::Unauthenticated).on(Endpoint::List).forever());
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Unauthorized), "{:?}", run.error_message);
        assert_eq!(world.status().await.needs_reauth, None, "there is nobody to ask again");
        world.google.clear_faults();
        world.google.delegate(&[]);
        world.google.revoke_grants();
        let run = world.sync(None).await;
        assert_eq!(run.error_code, Some(FailureCode::Misconfigured), "{:?}", run.error_message);
        world.google.delegate(&[CONTACTS_READONLY]);
        world.converge(None).await;
    }

    async fn a_consent_takes_the_place_of_a_key_and_the_key_goes(database) {
        let world = World::new(database, 5).await;
        world.google.delegate(&[CONTACTS_READONLY]);
        enter(&world, EMAIL).await.unwrap();
        let key = ringbook_store::service_key_name(world.account);
        assert!(world.app.store.secret(&key).await.unwrap().is_some());
        consent(&world, &[CONTACTS_READONLY]).await;
        assert!(world.app.store.secret(&key).await.unwrap().is_none());
        assert!(world.app.store.grant(world.account).await.unwrap().unwrap().service.is_none());
        enter(&world, EMAIL).await.unwrap();
        let account = world.status().await;
        let at_google = world.app.connector.disconnect(&account).await.unwrap();
        assert_eq!(at_google, Some(ringbook_app::connect::AtGoogle::ServiceAccount));
        assert!(world.app.store.secret(&key).await.unwrap().is_none());
        assert!(matches!(world.start(None).await, Err(StartError::NotConnected)));
    }
}

fn tokens_of_nobody() -> NewTokens {
    NewTokens {
        access_token: "access".to_owned().into(),
        expires_at: SystemClock.now(),
        refresh_token: None,
        refresh_expires_at: None,
        scopes: Vec::new(),
    }
}

async fn enter(
    world: &World,
    subject: &str,
) -> Result<ringbook_app::connect::NewService, ConnectProblem> {
    let key: Value = world.google.service_key();
    let account = world.status().await;
    world.app.connector.use_service_account(&account, &key, subject).await
}

/// An installation behind its server, with an account that nobody has connected.
async fn unconnected(extra: &[(&str, &str)]) -> (TestApp, String) {
    let app = TestApp::with(12, extra).await;
    let id = app.world.app.store.create_account("Reception").await.unwrap();
    let id = app.world.app.store.ids().account(id);
    (app, id)
}

async fn put(app: &TestApp, id: &str, body: &Value) -> Answer {
    let path = format!("/api/accounts/{id}/service-account");
    let json = [("content-type", "application/json")];
    app.send(Method::PUT, &path, &json, Some(&body.to_string())).await
}

async fn add(app: &TestApp, id: &str, body: &Value) -> Answer {
    let path = format!("/api/accounts/{id}/sources");
    let json = [("content-type", "application/json")];
    app.send(Method::POST, &path, &json, Some(&body.to_string())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_entered_over_the_api_and_never_comes_out_again() {
    let (app, id) = unconnected(&[]).await;
    app.get(&format!("/api/accounts/{id}/service-account")).await.refused(404);
    let key = app.world.google.service_key();
    let body = json!({ "key": key, "subject": EMAIL });
    let entered = put(&app, &id, &body).await.is(200);
    assert_eq!(entered["check"]["ok"], false, "{entered}");
    assert!(entered["check"]["message"].as_str().unwrap().contains("24 hours"));
    app.world.google.delegate(&[CONTACTS_READONLY]);
    let entered = put(&app, &id, &body).await.is(200);
    assert_eq!(entered["check"]["ok"], true, "{entered}");
    assert_eq!(entered["client_email"], key["client_email"]);
    assert_eq!(entered["client_id"], key["client_id"]);
    assert_eq!(entered["key_id"], key["private_key_id"]);
    assert_eq!(entered["subject"], EMAIL);
    assert_eq!(entered["scopes"], json!([CONTACTS_READONLY, DIRECTORY_READONLY]));
    let shown = app.get(&format!("/api/accounts/{id}/service-account")).await.is(200);
    assert_eq!(shown["check"], Value::Null);
    for answer in [&entered, &shown] {
        let text = answer.to_string();
        for secret in ["PRIVATE KEY", "MII", "simulated-project\"", "project_id", "token_uri"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    // Nothing of the file is kept but what is used.
    use secrecy::ExposeSecret;
    let name = ringbook_store::service_key_name(AccountId(2));
    let kept = app.world.app.store.secret(&name).await.unwrap().unwrap();
    assert!(!kept.expose_secret().contains("project_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_key_is_said_without_it() {
    let (app, id) = unconnected(&[]).await;
    let key = app.world.google.service_key();
    let with = |name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        json!({ "key": key, "subject": EMAIL })
    };
    let secret = key["private_key"].as_str().unwrap();
    let cut = &secret[..secret.len() / 2];
    for (body, words) in [
        (json!({ "subject": EMAIL }), "`key`"),
        (json!({ "key": secret, "subject": EMAIL }), "`key`"),
        (json!({ "key": key }), "`subject`"),
        (json!({ "key": key, "subject": key }), "`subject`"),
        (json!({ "key": key, "subject": "reception" }), "`subject`"),
        (json!({ "key": { "web": {} }, "subject": EMAIL }), "OAuth client"),
        (with("type", json!("authorized_user")), "`type`"),
        (with("client_id", json!(null)), "`client_id`"),
        (with("client_email", json!("nobody")), "`client_email`"),
        (with("private_key_id", json!("a\nb")), "`private_key_id`"),
        (with("private_key", json!(cut)), "`private_key`"),
        (with("private_key", json!(secret.replace('M', "*"))), "`private_key`"),
        (with("private_key", json!("x".repeat(20_000))), "`private_key`"),
    ] {
        let detail = put(&app, &id, &body).await.refused(422);
        assert!(detail.contains(words), "{words}: {detail}");
        assert!(!detail.contains("MII") && !detail.contains("BEGIN"), "{detail}");
    }
    let unknown = "00000000-0000-8000-8000-000000000000";
    put(&app, unknown, &with("type", json!("service_account"))).await.refused(404);
    put(&app, "first", &json!({})).await.refused(422);
    assert!(app.world.app.store.grant(AccountId(2)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_needs_no_oauth_client() {
    let (app, id) = unconnected(&[("GOOGLE_CLIENT_ID", ""), ("GOOGLE_CLIENT_SECRET", "")]).await;
    assert!(!app.world.app.connector.is_configured().await);
    app.world.google.delegate(&[CONTACTS_READONLY]);
    let key = app.world.google.service_key();
    let entered = put(&app, &id, &json!({ "key": key, "subject": EMAIL })).await.is(200);
    assert_eq!(entered["check"]["ok"], true, "{entered}");
    // The first sync starts by itself.
    let row = until(&app.world.app, AccountId(2), |run| run.outcome.is_some()).await;
    assert_eq!((row.outcome, row.counts.created), (Some(Outcome::Succeeded), 12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_added_over_the_api_with_googles_word_on_it() {
    let app = TestApp::new(5).await;
    let id = app.world.app.store.ids().account(AccountId(1));
    let answer = add(&app, &id, &json!({ "source": "directory", "name": "The office" })).await;
    assert!(answer.header("location").starts_with("/api/accounts/"));
    let added = answer.is(201);
    assert_eq!((&added["source"], &added["grant_of"]), (&json!("directory"), &json!(id)));
    assert_eq!(added["check"]["ok"], false, "the consent was for contacts only");
    consent(&app.world, &[CONTACTS_READONLY, DIRECTORY_READONLY]).await;
    app.world.google.share_directory(false);
    let added = add(&app, &id, &json!({ "source": "shared", "name": "Taxis" })).await.is(201);
    let message = added["check"]["message"].as_str().unwrap();
    assert!(message.contains("External Directory Sharing"), "{message}");
    let again = add(&app, &id, &json!({ "source": "shared", "name": "More" })).await.refused(409);
    assert!(again.contains("Taxis"), "{again}");
    for (body, name) in [
        (json!({ "source": "contacts", "name": "x" }), "`source`"),
        (json!({ "source": "directory" }), "`name`"),
        (json!({ "source": "directory", "name": "" }), "`name`"),
        (json!([]), "`name`"),
    ] {
        let detail = add(&app, &id, &body).await.refused(422);
        assert!(detail.starts_with(name), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_does_the_same() {
    let app = TestApp::new(5).await;
    app.world.google.delegate(&[CONTACTS_READONLY, DIRECTORY_READONLY]);
    app.world.google.directory().generate(3);
    let file = app.world.folder.path().join("key.json");
    std::fs::write(&file, app.world.google.service_key().to_string()).unwrap();
    let run = async |args: &[&str]| {
        Program::start(app.world.folder.path(), &app.world.settings, args).ended().await
    };
    let key = file.to_str().unwrap();
    let base = ["accounts", "service-account", "Google", "--subject", EMAIL, "--key"];
    let entered = run(&[&base[..], &[key, "--json"]].concat()).await.json();
    assert_eq!(entered["check"]["ok"], true, "{entered}");
    let said = run(&["accounts", "add-source", "Google", "--source", "directory"]).await;
    said.assert(0, &["Google directory", "Google lets it be read."]);
    run(&["accounts", "add-source", "Google", "--source", "people"])
        .await
        .assert(2, &["directory"]);
    run(&["accounts", "service-account", "Nobody", "--subject", EMAIL, "--key", key])
        .await
        .assert(2, &["Nobody"]);
    std::fs::write(&file, "-----BEGIN PRIVATE KEY-----").unwrap();
    run(&[&base[..], &[key]].concat()).await.assert(2, &["not the JSON file of a key"]);
    let accounts = run(&["accounts", "--json"]).await.json();
    assert_eq!(accounts["accounts"][0]["auth"]["service_subject"], EMAIL);
    assert_eq!(accounts["accounts"][0]["auth"]["authenticated"], true);
    assert_eq!(accounts["accounts"][1]["source"], "directory");
    let doctor = run(&["doctor", "--json"]).await.json();
    let text = doctor["checks"].to_string();
    assert!(
        text.contains("a service account speaks for") && !text.contains("OAuth client"),
        "{text}"
    );
}
