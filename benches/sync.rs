//! Measures what the README claims, on the release binary against the simulated Google on loopback:
//!
//! ```text
//! cargo bench --bench sync                  everything (about two minutes)
//! cargo bench --bench sync -- 10000         only with so many contacts
//! BENCH_DATABASE=postgres://… cargo bench   on PostgreSQL
//! ```
//!
//! Each figure is the median of several runs. Where there is a limit, the ratio to it is printed; where
//! there is a peer (a client that only downloads the same pages), the ratio to that. Nothing fails
//! here: a slow machine is not an error.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop at a surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the time")]

mod shared;

use std::process::Command;
use std::time::{Duration, Instant};

use shared::{Google, Server, line, median, ms};

async fn ten_thousand() {
    let google = Google::start(10_000, 0);
    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(Server::afresh(&google).await.sync("/api/sync/full").await.0);
    }
    let first = ms(median(first));
    line("10,000 contacts, first full sync", format!("{first:.0} ms"), Some(1000.0), first);

    let google = Google::start(10_000, 50);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare.push(google.bare_download().await);
        ours.push(Server::afresh(&google).await.sync("/api/sync/full").await.0);
    }
    let (ours, bare) = (ms(median(ours)), ms(median(bare)));
    let ratio = ours / bare;
    line("10,000 contacts at 50 ms a page", format!("{ours:.0} ms"), None, 0.0);
    line("    a client that only downloads", format!("{bare:.0} ms"), None, 0.0);
    line("    ratio", format!("{ratio:.3}"), Some(1.10), ratio);
}

async fn hundred_thousand() {
    let google = Google::start(100_000, 0);
    let server = Server::afresh(&google).await;
    let idle = server.memory_mib("VmRSS");
    line("idle, before the first sync", format!("{idle:.1} MiB"), Some(25.0), idle);

    // Somebody asks for the status all the time.
    let asking = tokio::spawn({
        let (http, url) = (server.http.clone(), format!("{}/api/sync/status", server.base));
        async move {
            let mut times = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2500) {
                let asked = Instant::now();
                http.get(&url).send().await.unwrap().bytes().await.unwrap();
                times.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            times.sort();
            times
        }
    });
    let (first, _) = server.sync("/api/sync/full").await;
    let asked = asking.await.unwrap();
    let first = ms(first);
    line("100,000 contacts, first full sync", format!("{first:.0} ms"), Some(8000.0), first);
    let p99 = ms(asked[asked.len() * 99 / 100]);
    let count = asked.len();
    line(&format!("    status meanwhile, p99 of {count}"), format!("{p99:.2} ms"), Some(5.0), p99);
    let peak = server.memory_mib("VmHWM");
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut unchanged = Vec::new();
    for _ in 0..5 {
        unchanged.push(server.sync("/api/sync/full").await.0);
    }
    let unchanged = ms(median(unchanged));
    line(
        "100,000 contacts, unchanged full sync",
        format!("{unchanged:.0} ms"),
        Some(1500.0),
        unchanged,
    );
    let peak = server.memory_mib("VmHWM");
    line("    peak memory", format!("{peak:.1} MiB"), Some(64.0), peak);

    let mut nothing = Vec::new();
    for _ in 0..50 {
        nothing.push(server.sync("/api/sync/incremental").await.0);
    }
    let nothing = ms(median(nothing));
    line(
        "incremental, nothing changed, with the request",
        format!("{nothing:.2} ms"),
        Some(5.0),
        nothing,
    );

    let mut server = server;
    let (mut starts, mut idle) = (Vec::new(), 0.0);
    for _ in 0..5 {
        let _ = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
        let _ = server.child.wait();
        let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
        server = Server::start(&google, Some(folder)).await;
        starts.push(server.started_in);
        idle = server.memory_mib("VmRSS");
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
