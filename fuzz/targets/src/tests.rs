//! Every target with what is kept of it and with inputs made up from that: the same ones each time.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tikv_jemalloc_ctl::thread;

use super::mutator::{LEN_MAX, Mutator};
use super::{TARGETS, Target};
use ringbook_core::clock::{Clock, between};
use ringbook_runtime::SystemClock;

// It counts by threads, so that what one test allocates is not held against another.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// No input takes a hundredth of this, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(180);

macro_rules! no_bytes_break {
    ($($name:ident: $target:literal,)+) => {
        mod no_bytes_break {
            $(#[test]
            fn $name() { super::attack($target) })+
        }

        /// What the tests are called, by target.
        const TESTED: &[&str] = &[$($target),+];
    };
}

no_bytes_break! {
    a_page_of_a_listing: "page",
    a_person: "person",
    a_batch_of_answers: "batch",
    the_labels: "labels",
    a_refusal: "refusal",
    a_time_to_wait: "retry_after",
    an_answer_about_tokens: "tokens",
    what_is_pasted_as_the_way_back: "pasted",
    what_is_sealed_and_what_seals: "sealed",
    a_packed_answer: "packed",
    the_settings: "settings",
    a_text: "text",
    a_stored_contact: "content",
    an_id: "ids",
    a_schedule: "schedule",
    the_api: "request",
}

#[test]
fn every_target_is_tested_and_has_a_corpus_and_every_corpus_has_a_target() {
    let targets: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(TESTED.iter().copied().collect::<BTreeSet<_>>(), targets);
    for target in &targets {
        assert!(!corpus(target).is_empty(), "tests/corpus/{target} is empty");
    }
    for folder in fs::read_dir(root().join("tests/corpus")).unwrap().flatten() {
        let name = folder.file_name().into_string().unwrap();
        assert!(targets.contains(name.as_str()), "tests/corpus/{name} belongs to no target");
    }
}

/// The folder of the whole project.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What is kept, in the order of its names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(files) = fs::read_dir(root().join("tests/corpus").join(target)) else {
        return Vec::new();
    };
    let mut kept: Vec<(String, Vec<u8>)> = files
        .flatten()
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    kept.sort();
    kept
}

fn attack(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let now = Arc::new(Mutex::new((0_u32, Vec::new())));
    let (done, wait) = channel();
    let seen = now.clone();
    let attacker = std::thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| throw_everything(target, &seen)));
        let _ = done.send(());
        outcome
    });
    let mut before = 0;
    loop {
        match wait.recv_timeout(PATIENCE) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let (count, input) = now.lock().unwrap().clone();
                assert!(
                    count > before,
                    "an input has no end; it is kept in {}",
                    keep(name, &input).display()
                );
                before = count;
            }
        }
    }
    if attacker.join().unwrap().is_err() {
        let input = shortest(target, now.lock().unwrap().1.clone());
        panic!(
            "`{name}` broke a promise, see above; the input is kept in {}",
            keep(name, &input).display()
        );
    }
}

fn throw_everything(target: &Target, now: &Mutex<(u32, Vec<u8>)>) {
    let (mut most, mut slowest) = (0, Duration::ZERO);
    let mut throw = |input: Vec<u8>, is_measured: bool| {
        {
            let mut now = now.lock().unwrap();
            *now = (now.0 + 1, input.clone());
        }
        let (before, began) = (allocated(), SystemClock.now());
        (target.run)(&input);
        slowest = slowest.max(between(began, SystemClock.now()));
        let taken = allocated() - before;
        let (fixed, each) = target.appetite;
        let allowed = (fixed + each * input.len()) as u64;
        if !is_measured {
            return;
        }
        assert!(taken <= allowed, "{taken} bytes were allocated for an input of {}", input.len());
        most = most.max(taken.saturating_sub(fixed as u64) / (input.len() as u64 + 1));
    };
    let seeds: Vec<Vec<u8>> = corpus(target.name).into_iter().map(|(_, bytes)| bytes).collect();
    // Once without measuring: libphonenumber compiles its patterns at their first use, and keeps them.
    (target.run)(&[]);
    seeds.iter().cloned().for_each(|seed| throw(seed, false));
    seeds.iter().cloned().for_each(|seed| throw(seed, true));
    let rounds = if long() { 50 } else { 1 };
    for round in 0..rounds {
        let mut mutator = Mutator::new(round, &seeds, target.words);
        for _ in 0..target.executions {
            throw(mutator.next(), true);
        }
    }
    let name = target.name;
    let inputs = now.lock().unwrap().0;
    println!("{name}: {inputs} inputs, at most {most} bytes for each byte and {slowest:?} for one");
}

fn allocated() -> u64 {
    thread::allocatedp::read().map(|it| it.get()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
fn long() -> bool {
    std::env::var_os("RINGBOOK_TEST_LONG").is_some_and(|value| value != "0" && !value.is_empty())
}

/// Leaves out what the failure does not need, as far as a few hundred attempts go.
fn shortest(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let fails = |bytes: &[u8]| catch_unwind(|| (target.run)(bytes)).is_err();
    let (mut size, mut left) = (input.len() / 2, 300);
    while size > 0 {
        let mut at = 0;
        while at < input.len() && left > 0 {
            left -= 1;
            let mut shorter = input.clone();
            shorter.drain(at..(at + size).min(input.len()));
            if fails(&shorter) { input = shorter } else { at += size }
        }
        size /= 2;
    }
    input
}

/// Beside the build, where nobody commits it by mistake.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = root().join("target/hostile").join(target);
    let digest = Sha256::digest(input);
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(name);
    let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&path, input));
    path
}

#[test]
fn the_mutator_makes_many_different_inputs_and_the_same_ones_again() {
    let seeds = [br#"{"a":[1,"x",{"b":null}]}"#.to_vec(), b"Ada".to_vec()];
    let inputs = || -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(7, &seeds, &["word"]);
        (0..2000).map(|_| mutator.next()).collect()
    };
    let (one, other) = (inputs(), inputs());
    assert_eq!(one, other);
    assert!(one.iter().collect::<BTreeSet<_>>().len() > 1000);
    assert!(one.iter().all(|it| it.len() <= LEN_MAX));
    assert!(one.iter().any(|it| it.len() > LEN_MAX / 2), "some are as long as they may be");
    let sound =
        one.iter().filter(|it| serde_json::from_slice::<serde_json::Value>(it).is_ok()).count();
    assert!(sound > 200, "only {sound} are sound JSON");
}
