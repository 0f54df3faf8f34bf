//! Promise 19: alarms arrive. One counts as given when it was delivered, and its end is told, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use ringbook_app::alarms::Alarms;
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::Outcome;
use ringbook_runtime::SystemClock;
use ringbook_simulator::{Action, Endpoint, Fault};
use serde_json::Value;
use tokio::sync::mpsc;

use super::support::both::on_both;
use super::support::clock::ManualClock;
use super::support::world::World;

/// A webhook that answers with a status of the test's choice, and keeps what it took.
struct Webhook {
    url: String,
    status: Arc<AtomicU16>,
    letters: mpsc::UnboundedReceiver<Value>,
}

impl Webhook {
    async fn open(status: u16) -> Webhook {
        let status = Arc::new(AtomicU16::new(status));
        let (put, letters) = mpsc::unbounded_channel();
        let answer = status.clone();
        let take = axum::routing::post(async move |axum::Json(letter): axum::Json<Value>| {
            let status = axum::http::StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap();
            if status.is_success() {
                put.send(letter).unwrap();
            }
            (status, [("location", "http://127.0.0.1:9/elsewhere")])
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/hook/s3cret", take);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Webhook { url, status, letters }
    }

    fn took(&mut self) -> Vec<(String, String)> {
        let mut took = Vec::new();
        while let Ok(letter) = self.letters.try_recv() {
            let text = |key: &str| letter[key].as_str().unwrap_or_default().to_owned();
            took.push((text("event"), text("message")));
        }
        took
    }
}

fn events(took: &[(String, String)]) -> Vec<&str> {
    took.iter().map(|(event, _)| event.as_str()).collect()
}

on_both! {
    async fn an_alarm_is_kept_until_it_was_delivered_and_its_end_is_told(database) {
        let mut webhook = Webhook::open(503).await;
        let world = World::with(database, 3, &[("ALERT_WEBHOOK_URL", &webhook.url)]).await;
        let store = &world.app.store;
        world.google.revoke_grants();
        world.app.connector.refresh(&world.status().await).await.unwrap_err();

        // Whatever the webhook does instead of taking it: the alarm is still to be given.
        let mut now = SystemClock.now();
        for status in [503, 404, 302] {
            webhook.status.store(status, Ordering::SeqCst);
            // Each time by a process that has just started: what is to be told is not only in its memory.
            let clock = Arc::new(ManualClock::at(&now.to_string()));
            let process = store.for_new_process(clock);
            let url = Some(webhook.url.clone().into());
            Alarms::new(process, url, TimeZone::UTC).unwrap().look().await;
            assert_eq!(store.alarms_waiting().await.unwrap(), 1, "{status}");
            now = after(now, Duration::from_secs(120));
        }
        webhook.status.store(200, Ordering::SeqCst);
        world.app.alarms.look().await;
        assert_eq!(webhook.took(), [], "it is not yet time to try again");

        let later = Arc::new(ManualClock::at(&after(now, Duration::from_secs(3600)).to_string()));
        let url = Some(webhook.url.clone().into());
        let process = Alarms::new(store.for_new_process(later), url, TimeZone::UTC).unwrap();
        process.look().await;
        process.look().await;
        let took = webhook.took();
        assert_eq!(events(&took), ["needs_reauth"], "once");
        assert!(took[0].1.contains("must be connected again"), "{took:?}");
        assert_eq!(store.alarms_waiting().await.unwrap(), 0);

        world.connect().await;
        world.converge(None).await;
        world.converge(None).await;
        process.look().await;
        process.look().await;
        let took = webhook.took();
        assert_eq!(events(&took), ["recovered"], "once, and only because something was told before");
        assert!(took[0].1.contains("`Google` is synced again"), "{took:?}");
    }

    async fn silence_and_its_end_arrive_in_order_also_where_both_waited(database) {
        let mut webhook = Webhook::open(200).await;
        let settings = [("ALERT_WEBHOOK_URL", webhook.url.as_str()), ("TIMEZONE", "Asia/Kolkata")];
        let world = World::with(database, 3, &settings).await;
        assert!(world.app.store.claim_alert(world.account).await.unwrap());
        assert!(!world.app.store.claim_alert(world.account).await.unwrap(), "raised once");
        world.converge(None).await;
        world.app.alarms.look().await;
        let took = webhook.took();
        assert_eq!(events(&took), ["sync_silent", "recovered"]);
        assert!(took.iter().all(|(_, message)| message.ends_with("+05:30")), "{took:?}");
        assert!(world.app.store.claim_alert(world.account).await.unwrap(), "a new silence");
        world.app.alarms.look().await;
        assert_eq!(events(&webhook.took()), ["sync_silent"]);
    }

    async fn a_sync_whose_listing_has_no_token_ends_a_silence_too(database) {
        let mut webhook = Webhook::open(200).await;
        let world = World::with(database, 3, &[("ALERT_WEBHOOK_URL", &webhook.url)]).await;
        assert!(world.app.store.claim_alert(world.account).await.unwrap());
        world.app.alarms.look().await;
        world.google.add_fault(Fault::new(Action::NoSyncToken).on(Endpoint::List).forever());
        assert_eq!(world.sync(None).await.outcome, Some(Outcome::Partial));
        world.app.alarms.look().await;
        assert_eq!(events(&webhook.took()), ["sync_silent", "recovered"]);
    }

    async fn two_processes_deliver_an_alarm_once(database) {
        let mut webhook = Webhook::open(200).await;
        let world = World::with(database, 3, &[("ALERT_WEBHOOK_URL", &webhook.url)]).await;
        let other = world.other_process().await;
        world.app.store.claim_alert(world.account).await.unwrap();
        tokio::join!(world.app.alarms.look(), other.alarms.look());
        assert_eq!(events(&webhook.took()), ["sync_silent"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_webhook_the_log_is_where_an_alarm_is_given() {
    let world = World::new(super::support::world::Database::Sqlite, 3).await;
    world.app.store.claim_alert(world.account).await.unwrap();
    world.app.alarms.look().await;
    assert_eq!(world.app.store.alarms_waiting().await.unwrap(), 0);
}
