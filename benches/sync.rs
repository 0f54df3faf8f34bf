//! Measures what the README claims, on the release binary against the simulated Google on loopback:
//!
//! ```text
//! cargo bench --bench sync                  everything (about two minutes)
//! cargo bench --bench sync -- 10000         only with so many contacts
//! BENCH_DATABASE=postgres://… cargo bench   on PostgreSQL, in new databases beside that one
//! ```
//!
//! Each figure is the median of several runs. Where there is a limit, the ratio to it is printed; where
//! there is a peer (a client that only downloads the same pages), the ratio to that. A slow machine is
//! not an error, and nothing fails for it; a sync that did something else than its line says does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop at a surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the time")]

mod shared;

use std::time::{Duration, Instant};

use serde_json::Value;
use shared::{Did, Google, Server, line, median, ms};

/// A first sync creates every contact.
const fn first(contacts: usize) -> Did {
    Did { created: contacts, ..Did::full(contacts) }
}

/// Where nothing has changed since, a full sync writes none.
const fn unchanged(contacts: usize) -> Did {
    Did { unchanged: contacts, ..Did::full(contacts) }
}

async fn ten_thousand() {
    const CONTACTS: usize = 10_000;
    let google = Google::start(CONTACTS, 0);
    let (mut firsts, mut again) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let server = Server::afresh(&google).await;
        firsts.push(server.sync("/api/sync/full", first(CONTACTS)).await);
        again.push(server.sync("/api/sync/full", unchanged(CONTACTS)).await);
    }
    let (firsts, again) = (ms(median(firsts)), ms(median(again)));
    line("10,000 contacts, first full sync", format!("{firsts:.0} ms"), Some(1000.0), firsts);
    line("    the same, unchanged", format!("{again:.0} ms"), None, 0.0);

    let google = Google::start(CONTACTS, 50);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare.push(google.bare_download().await);
        ours.push(Server::afresh(&google).await.sync("/api/sync/full", first(CONTACTS)).await);
    }
    let (ours, bare) = (ms(median(ours)), ms(median(bare)));
    let ratio = ours / bare;
    line("10,000 contacts at 50 ms a page, first full sync", format!("{ours:.0} ms"), None, 0.0);
    line("    a client that only downloads", format!("{bare:.0} ms"), None, 0.0);
    line("    ratio", format!("{ratio:.3}"), Some(1.10), ratio);
}

/// Asks for the status as long as the first sync goes on. Each answer says that it does.
async fn ask_meanwhile(server: &Server) -> Vec<Duration> {
    let mut times = Vec::new();
    loop {
        let asked = Instant::now();
        let answer: Value = server.json("/api/sync/status").await;
        let took = asked.elapsed();
        match answer["status"].as_str().unwrap() {
            "syncing" => times.push(took),
            // It has not begun yet, or it is over.
            _ if times.is_empty() => {}
            _ => break,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.sort();
    times
}

async fn hundred_thousand() {
    const CONTACTS: usize = 100_000;
    let google = Google::start(CONTACTS, 0);
    let server = Server::afresh(&google).await;
    let idle = server.memory_mib("VmRSS");
    line("idle, before the first sync", format!("{idle:.1} MiB"), Some(25.0), idle);

    let (took, asked) =
        tokio::join!(server.sync("/api/sync/full", first(CONTACTS)), ask_meanwhile(&server));
    let peak = server.memory_mib("VmHWM");
    let took = ms(took);
    line("100,000 contacts, first full sync", format!("{took:.0} ms"), Some(8000.0), took);
    let p99 = ms(asked[asked.len() * 99 / 100]);
    let count = asked.len();
    line(&format!("    status meanwhile, p99 of {count}"), format!("{p99:.2} ms"), Some(5.0), p99);
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut times = Vec::new();
    // Its follow-up is over when the next sync may begin.
    times.push(server.sync("/api/sync/full", unchanged(CONTACTS)).await);
    server.reset_peak();
    for _ in 0..4 {
        times.push(server.sync("/api/sync/full", unchanged(CONTACTS)).await);
    }
    let took = ms(median(times));
    line("100,000 contacts, unchanged full sync", format!("{took:.0} ms"), Some(1500.0), took);
    let peak = server.memory_mib("VmHWM");
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut times = Vec::new();
    for _ in 0..50 {
        times.push(server.sync("/api/sync/incremental", Did::NOTHING).await);
    }
    let took = ms(median(times));
    let what = "incremental, nothing changed, with the request";
    line(what, format!("{took:.2} ms"), Some(5.0), took);

    let mut server = server;
    let (mut starts, mut idle) = (Vec::new(), 0.0);
    for _ in 0..5 {
        server = server.again(&google).await;
        starts.push(server.started_in);
        idle = server.memory_mib("VmRSS");
        let status = server.json("/api/sync/status").await;
        assert_eq!(status["contact_count"], CONTACTS, "{status}");
    }
    let start = ms(median(starts));
    line("start to first answer, 100,000 contacts", format!("{start:.0} ms"), Some(100.0), start);
    line("idle, 100,000 contacts", format!("{idle:.1} MiB"), Some(25.0), idle);
}

fn main() {
    let only: Option<usize> = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if only.is_none_or(|only| only == 10_000) {
            ten_thousand().await;
        }
        if only.is_none_or(|only| only == 100_000) {
            hundred_thousand().await;
        }
    });
}
