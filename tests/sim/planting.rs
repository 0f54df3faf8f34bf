//! The proof of the proof: bugs that the histories must find. See `bugs.toml`.

use std::path::Path;

use ringbook_core::clock::{Clock, between};
use ringbook_runtime::SystemClock;
use serde::Deserialize;

use crate::runner::first_violation;

/// Histories within which each must be found.
const WITHIN: u64 = 10_000;
/// Histories that must go well with no bug in them.
const WITHOUT: u64 = 1000;

#[derive(Deserialize)]
struct Bugs {
    bug: Vec<Bug>,
}

#[derive(Deserialize)]
struct Bug {
    name: String,
    file: String,
    find: String,
    replace: String,
    #[serde(default = "first")]
    from: u64,
}

fn first() -> u64 {
    1
}

fn bugs() -> Vec<Bug> {
    let list: Bugs = toml::from_str(include_str!("bugs.toml")).unwrap();
    list.bug
}

/// Puts all bugs into a copy of the source, switched off. Returns whether each had its place.
pub(crate) fn plant_into(tree: &Path) -> bool {
    let mut all = true;
    for (number, bug) in (1..).zip(bugs()) {
        let path = tree.join(&bug.file);
        let text = std::fs::read_to_string(&path).unwrap();
        let count = text.matches(bug.find.as_str()).count();
        if count != 1 {
            println!("`{}`: its text occurs {count} times in {}", bug.name, bug.file);
            all = false;
        }
        let switch = if bug.file.starts_with(CORE) { "crate" } else { "ringbook_core" };
        let planted = bug.replace.replace("PLANTED", &format!("{switch}::planted({number})"));
        std::fs::write(&path, text.replacen(&bug.find, &planted, 1)).unwrap();
    }
    append(&tree.join(CORE).join("src/lib.rs"), SWITCH);
    let here = tree.join("tests/sim/planting.rs");
    let text = std::fs::read_to_string(&here).unwrap();
    std::fs::write(&here, text.replacen(HARMLESS, HARMFUL, 1)).unwrap();
    all
}

fn append(path: &Path, more: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, text + more).unwrap();
}

/// Every crate in which a bug can be is built on this one, so the switch is there.
const CORE: &str = "crates/core";

const SWITCH: &str = "
static PLANTED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// Whether this bug is switched on.
pub fn planted(number: u32) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == number
}

/// Switches one bug on, and all others off.
pub fn plant(number: u32) {
    PLANTED.store(number, std::sync::atomic::Ordering::Relaxed);
}
";

const HARMLESS: &str = "fn switch_on(_: u32) -> bool {\n    false\n}";
const HARMFUL: &str =
    "fn switch_on(number: u32) -> bool {\n    ringbook_core::plant(number);\n    true\n}";

/// Only a copy with bugs in it has something to switch on.
fn switch_on(_: u32) -> bool {
    false
}

/// Switches each bug on in turn, and waits for the histories to find it. Returns whether they found all.
pub(crate) fn find_all(jobs: usize) -> bool {
    if !switch_on(0) {
        println!("there are no bugs planted here; `./prove bugs` makes a copy in which there are");
        return false;
    }
    if let Some((seed, violation)) = first_violation(1..WITHOUT + 1, jobs) {
        println!("with no bug switched on, seed {seed} went wrong: {violation}");
        return false;
    }
    let mut missed = 0;
    for (number, bug) in (1..).zip(bugs()) {
        switch_on(number);
        let began = SystemClock.now();
        let found = first_violation(bug.from..bug.from + WITHIN, jobs);
        let took = between(began, SystemClock.now()).as_secs_f64();
        match found {
            Some((seed, violation)) => {
                let short: String = violation.chars().take(70).collect();
                println!("{:56} {seed:>6} {took:6.1} s  {short}", bug.name);
            }
            None => {
                missed += 1;
                println!("{:56} NOT FOUND in {WITHIN} histories, {took:.1} s", bug.name);
            }
        }
    }
    println!("{} bugs, {missed} not found", bugs().len());
    missed == 0
}
