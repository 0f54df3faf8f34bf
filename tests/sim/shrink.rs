//! Makes a failing history short: fewer choices, and duller ones, as long as it fails the same way.

use crate::chance::Chance;
use crate::runner::{Stage, Told};

/// Histories that are tried at most.
const TRIES: u32 = 4000;

/// Tells the shortest history that fails like this one.
pub(crate) fn report(stage: &mut Stage, seed: u64, told: &Told) {
    let Some(violation) = &told.violation else {
        println!("seed {seed} went wrong once and not again: it is not deterministic");
        return;
    };
    let (best, tries) = shrink(stage, told);
    println!("\n{}", best.trace.join("\n"));
    println!("\nseed {seed}: {violation}");
    println!(
        "({} choices made {} in {tries} tries; above the short story. The whole one: \
         cargo test --test sim -- --seed {seed} --whole)",
        told.taken.len(),
        best.taken.len()
    );
}

/// Two violations are of one kind when they read alike but for their numbers.
fn kind(violation: &str) -> String {
    violation.chars().filter(|it| !it.is_ascii_digit()).take(40).collect()
}

fn shrink(stage: &mut Stage, told: &Told) -> (Told, u32) {
    let wanted = told.violation.as_deref().map(kind).unwrap_or_default();
    let mut tries = 0;
    let mut best = told.taken.clone();
    let mut fails = |script: &[u32], tries: &mut u32| -> Option<Vec<u32>> {
        *tries += 1;
        let told = stage.tell(Chance::of_script(script.to_vec()), false);
        let same = told.violation.is_some_and(|it| kind(&it) == wanted);
        // What was not asked for was the dullest choice anyway.
        same.then(|| script[..script.len().min(told.taken.len())].to_vec())
    };
    let mut size = best.len() / 2;
    while size > 0 && tries < TRIES {
        let mut at = 0;
        let mut shorter = false;
        while at < best.len() && tries < TRIES {
            let end = (at + size).min(best.len());
            let without: Vec<u32> = best[..at].iter().chain(&best[end..]).copied().collect();
            let dull: Vec<u32> = (0..best.len())
                .map(|it| if (at..end).contains(&it) { 0 } else { best[it] })
                .collect();
            if let Some(it) = fails(&without, &mut tries) {
                best = it;
                shorter = true;
            } else if best[at..end].iter().any(|it| *it != 0)
                && let Some(it) = fails(&dull, &mut tries)
            {
                best = it;
                at = end;
                shorter = true;
            } else {
                at = end;
            }
        }
        if !shorter || size > 1 {
            size /= 2;
        }
    }
    // And smaller numbers, one by one.
    for at in 0..best.len() {
        while best.get(at).is_some_and(|it| *it > 0) && tries < 2 * TRIES {
            let mut smaller = best.clone();
            smaller[at] /= 2;
            let Some(it) = fails(&smaller, &mut tries) else { break };
            best = it;
        }
    }
    let told = stage.tell(Chance::of_script(best), true);
    (told, tries)
}
