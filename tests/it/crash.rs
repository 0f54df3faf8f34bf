//! Crashes and pauses at every step: whatever is left behind, the next run makes good.

use std::sync::Arc;
use std::time::Duration;

use ringbook_app::connect::AccountClient;
use ringbook_core::sync::{Kind, Outcome, Trigger};
use ringbook_engine::engine::{Engine, EngineDeps, Finished};
use ringbook_simulator::{Action, Canned, Endpoint, Fault};
use ringbook_store::{Request, Settings, StartError};
use tokio::sync::watch;

use crate::support::both::on_both;
use crate::support::world::World;

/// Begins a run whose lease is over at once, as after a crash.
pub(crate) async fn begin(world: &World, kind: Option<Kind>) -> Engine<AccountClient> {
    let options = world.app.supervisor.options();
    let settings = Settings { lease: Duration::ZERO, ..options.settings };
    let request = Request {
        account: world.account,
        kind,
        trigger: Trigger::Cli,
        asked_by: None,
        slot: None,
        request: options.request.clone(),
    };
    let beginning = loop {
        match world.app.store.begin_run(&request, &settings).await {
            Ok(beginning) => break beginning,
            Err(StartError::Busy(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    let connector = world.app.connector.clone();
    let tools = EngineDeps {
        store: world.app.store.clone(),
        book: Arc::new(AccountClient { connector, account: world.account }),
        settings,
        request: options.request.clone(),
        chance: Box::new(|| 0),
        fetch_ahead: true,
    };
    Engine::new(tools, beginning)
}

/// Performs at most this many steps, then drops the engine. Returns whether it came to its end.
pub(crate) async fn crash_after(
    engine: &mut Engine<AccountClient>,
    steps: usize,
) -> Option<Finished> {
    let (_stop, mut stopped) = watch::channel(None);
    for _ in 0..steps {
        if let Some(finished) = engine.step(&mut stopped).await {
            return Some(finished);
        }
    }
    None
}

/// Runs a story with a crash after each number of steps, until it comes to its end by itself.
async fn crash_everywhere(
    database: crate::support::world::Database,
    contacts: usize,
    prepare: impl AsyncFn(&World),
    kind: Option<Kind>,
) -> usize {
    for steps in 0.. {
        let world = World::new(database, contacts).await;
        prepare(&world).await;
        let mut engine = begin(&world, kind).await;
        let finished = crash_after(&mut engine, steps).await;
        drop(engine);
        let run = world.sync(None).await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{steps}: {:?}", run.error_message);
        world.assert_equal().await;
        if let Some(finished) = finished {
            assert_eq!(finished, Finished::Ended(Outcome::Succeeded));
            return steps;
        }
        let rows = world
            .app
            .store
            .history(&ringbook_store::HistoryQuery { limit: 100, ..Default::default() })
            .await
            .unwrap();
        assert!(rows.iter().all(|row| row.outcome.is_some()), "every run has its outcome");
    }
    unreachable!()
}

on_both! {
    async fn a_first_full_sync_may_crash_after_any_step(database) {
        let steps = crash_everywhere(database, 35, async |_| {}, None).await;
        assert!(steps > 8, "{steps}");
    }

    async fn an_incremental_sync_with_tombstones_may_crash_after_any_step(database) {
        let prepare = async |world: &World| {
            world.converge(None).await;
            world.google.delete_many(4);
            world.google.change_at_random(20);
        };
        crash_everywhere(database, 40, prepare, None).await;
    }

    async fn an_expired_token_may_meet_a_crash_after_any_step(database) {
        let prepare = async |world: &World| {
            world.converge(None).await;
            world.google.touch_all();
            world.google.delete_many(2);
            world.google.add_fault(
                Fault::new(Action::Answer { answer: Canned::ExpiredSyncToken, retry_after: None })
                    .on(Endpoint::List).page(2),
            );
        };
        crash_everywhere(database, 25, prepare, None).await;
    }

    async fn a_full_sync_with_renames_may_crash_after_any_step(database) {
        let prepare = async |world: &World| {
            world.converge(None).await;
            let names: Vec<String> = world.mirror().await.into_keys().collect();
            world.google.rename(&names[0]).unwrap();
            world.google.delete(&names[1]).unwrap();
            world.google.rename(&names[2]).unwrap();
        };
        crash_everywhere(database, 22, prepare, Some(Kind::Full)).await;
    }

    async fn a_worker_that_wakes_up_after_its_lease_does_no_harm_at_any_step(database) {
        for steps in 0.. {
            let world = World::new(database, 25).await;
            let mut sleeper = begin(&world, None).await;
            let finished = crash_after(&mut sleeper, steps).await;
            if finished.is_some() {
                break;
            }
            world.converge(None).await;
            let before = world.mirror().await;
            world.google.delete_many(1);
            // It goes on as if nothing had happened, with pages that are out of date by now.
            let late = crash_after(&mut sleeper, 100).await;
            assert_eq!(late, Some(Finished::LeaseLost), "after {steps} steps");
            assert_eq!(world.mirror().await, before);
            world.converge(None).await;
        }
    }
}
