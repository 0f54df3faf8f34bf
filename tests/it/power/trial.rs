//! Plays a scenario once, and then everything that a power cut at any moment of it would have left.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ringbook_core::sync::Outcome;
use ringbook_disk::{Disk, Image, Loss, Op, Recording};
use rusqlite::Connection;

use crate::power::machine::{ACCOUNT, Machine, Remains};
use crate::power::rows::{self, Settled};
use crate::support::long;

/// A story on one machine.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What is so before; it is durable.
    pub(super) before: fn() -> Machine,
    /// The part in which the power may fail. It begins with the start of a process.
    pub(super) story: fn(&mut Machine),
    /// What people do when the power is back, the same whether it had failed or not.
    pub(super) after: fn(&mut Machine),
}

/// A story with nothing to do for people after it.
pub(super) const fn story(
    name: &'static str,
    before: fn() -> Machine,
    story: fn(&mut Machine),
) -> Scenario {
    Scenario { name, before, story, after: |_| {} }
}

impl Scenario {
    pub(super) const fn after(self, after: fn(&mut Machine)) -> Scenario {
        Scenario { after, ..self }
    }
}

/// What was tried.
#[derive(Clone, Copy, Default)]
struct Score {
    scenarios: usize,
    ops: usize,
    cuts: usize,
    images: usize,
    states: usize,
}

impl Score {
    /// Were cuts tried in numbers, and did they leave more than one thing?
    fn is_thorough(&self) -> bool {
        self.cuts > 100 * self.scenarios && self.states > 3 * self.scenarios
    }
}

/// Plays all of them, and says in one line how much that was.
pub(super) fn play(what: &str, scenarios: &[Scenario]) {
    let mut score = Score::default();
    let names: HashSet<&str> = scenarios.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), scenarios.len(), "two scenarios of one name");
    let mut failed = Vec::new();
    for scenario in scenarios {
        let Ok(one) = catch_unwind(AssertUnwindSafe(|| Trial::of(scenario).run())) else {
            failed.push(scenario.name);
            continue;
        };
        score.scenarios += 1;
        score.ops += one.ops;
        score.cuts += one.cuts;
        score.images += one.images;
        score.states += one.states;
    }
    let Score { scenarios, ops, cuts, images, states } = score;
    // Past the test harness, which would keep it to itself.
    let _ = writeln!(
        std::io::stderr(),
        "power cuts, {what}: {scenarios} scenarios, {ops} operations, {cuts} cuts, \
         {images} different disks, {states} states to go on from"
    );
    assert!(failed.is_empty(), "these failed, see above: {failed:#?}");
    assert!(score.is_thorough(), "too few cuts, or all of them left the same");
}

struct Trial<'a> {
    scenario: &'a Scenario,
    /// The end without a power cut.
    calm: Settled,
    recording: Recording,
    /// Where the last frame of each transaction had been written.
    commits: Vec<usize>,
    /// From where on how many commits must survive.
    promises: Vec<(usize, usize)>,
    remains: Remains,
    page_size: u16,
    ids_before: std::collections::BTreeMap<i64, String>,
    scratch: Disk,
    /// Fingerprints of images that were looked at, and of the rows in them.
    seen: HashMap<u64, u64>,
    /// The state after so many commits, by its rows.
    states: HashMap<u64, Vec<usize>>,
    gone_on_from: HashSet<u64>,
    score: Score,
}

impl<'a> Trial<'a> {
    fn of(scenario: &'a Scenario) -> Trial<'a> {
        let mut machine = (scenario.before)();
        machine.stop();
        machine.promises.clear();
        let before = machine.remains();
        // On a copy: whoever opens a database tidies up in it.
        let ids_before = rows::ids(&Machine::of(&before).connection());
        machine.disk.record();
        machine.start();
        (scenario.story)(&mut machine);
        let recording = machine.disk.recorded();
        let (page_size, marks) = (machine.page_size, machine.promises.clone());
        let remains = Remains { image: before.image, ..machine.remains() };
        if !machine.is_on() {
            machine.start();
        }
        let calm = settle(&mut machine, scenario);
        let commits = commits(&recording);
        // A word that changed nothing promises nothing.
        let promise = |(from, to): &(usize, usize)| {
            let kept = commits.iter().filter(|commit| *commit <= to).count();
            commits.iter().any(|commit| (from + 1..=*to).contains(commit)).then_some((*to, kept))
        };
        let folder = tempfile::tempdir().unwrap();
        Trial {
            scenario,
            calm,
            promises: marks.iter().filter_map(promise).collect(),
            recording,
            commits,
            remains,
            page_size,
            ids_before,
            scratch: Disk::mount(folder.path()),
            seen: HashMap::new(),
            states: HashMap::new(),
            gone_on_from: HashSet::new(),
            score: Score::default(),
        }
    }

    fn run(mut self) -> Score {
        self.score.ops = self.recording.ops.len();
        let recording = self.recording.clone();
        self.learn_states(&recording);
        let mut replay = recording.replay();
        loop {
            let point = replay.done();
            if self.is_tried(point) {
                for loss in losses(point) {
                    let image = replay.after(&loss);
                    self.cut(point, &loss, &image);
                }
            }
            if replay.step().is_none() {
                break;
            }
        }
        self.score.images = self.seen.len();
        self.score.states = self.gone_on_from.len();
        self.score
    }

    /// The states between transactions: no other may ever be seen.
    fn learn_states(&mut self, recording: &Recording) {
        let mut replay = recording.replay();
        let commits = self.commits.clone();
        for (number, at) in std::iter::once(0).chain(commits).enumerate() {
            while replay.done() < at {
                replay.step();
            }
            let rows = self.look(&replay.after(&Loss::Nothing));
            self.states.entry(rows).or_default().push(number);
        }
    }

    /// Every moment in a long test; else some of those within long transactions are left out.
    fn is_tried(&self, point: usize) -> bool {
        const EDGE: usize = 3;
        let stride = 1 + self.recording.ops.len() / 150;
        let near = |at: usize| point + EDGE >= at && point <= at + EDGE;
        let is_plain = |at: usize| matches!(self.recording.ops.get(at), Some(Op::Write { .. }));
        let ops = point.saturating_sub(EDGE)..(point + EDGE).min(self.recording.ops.len());
        long()
            || point.is_multiple_of(stride)
            || (self.commits.len() < 60 && self.commits.iter().any(|at| near(*at)))
            || ops.into_iter().any(|at| !is_plain(at))
    }

    /// The power fails at this moment and leaves this.
    fn cut(&mut self, point: usize, loss: &Loss, image: &Image) {
        self.score.cuts += 1;
        let name = self.scenario.name;
        let place = format!("{name}: cut after {point} operations, {loss:?}");
        let rows = self.look(image);
        let Some(positions) = self.states.get(&rows) else {
            panic!("{place}: a state that no transaction left");
        };
        let begun = self.commits.iter().filter(|at| **at <= point).count();
        let kept =
            self.promises.iter().filter(|(at, _)| *at <= point).map(|(_, count)| *count).max();
        let kept = kept.unwrap_or(0);
        let is_legal = positions.iter().any(|it| (kept..=begun).contains(it));
        assert!(
            is_legal,
            "{place}: the state after {positions:?} commits, but {kept} were promised to be kept"
        );
        if self.gone_on_from.insert(rows) {
            let _told = Told(place);
            self.go_on(image);
        }
    }

    /// Reads an image past the store. Returns what tells its rows from others.
    fn look(&mut self, image: &Image) -> u64 {
        let print = image.fingerprint();
        if let Some(rows) = self.seen.get(&print) {
            return *rows;
        }
        let _told = Told(format!("{}: a disk that is looked at", self.scenario.name));
        self.scratch.restore(image);
        let connection = Connection::open(self.scratch.folder().join("ringbook.db")).unwrap();
        rows::assert_readable(&connection);
        let rows = rows::fingerprint(&connection);
        drop(connection);
        // The program itself must be able to open it, too, whatever SQLite has to mend first.
        if long() || self.seen.len().is_multiple_of(4) {
            let mut machine = self.machine_with(image);
            machine.start();
        }
        self.seen.insert(print, rows);
        rows
    }

    fn machine_with(&self, image: &Image) -> Machine {
        let remains = Remains { image: image.clone(), ..self.remains.clone() };
        let mut machine = Machine::of(&remains);
        machine.page_size = self.page_size;
        machine
    }

    /// The power is back: everything ends as it does without a cut.
    fn go_on(&mut self, image: &Image) {
        let mut machine = self.machine_with(image);
        let connection = machine.connection();
        rows::assert_consistent(&connection);
        drop(connection);
        machine.forget_boot();
        machine.start();
        let settled = settle(&mut machine, self.scenario);
        let known = self.ids_before.values().filter(|name| !machine.book.has_renamed(name));
        settled.assert_like(&self.calm, &known.cloned().collect());
        let after = rows::ids(&machine.connection());
        for (id, name) in &after {
            let before = self.ids_before.get(id);
            let renamed = before.is_none_or(|it| it == name || !settled.live.contains_key(it));
            assert!(renamed, "id {id} belonged to {before:?} and now belongs to {name}");
        }
    }
}

/// Says where it was when a check fails deep inside.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// What of the unsynced may be left at each moment.
fn losses(point: usize) -> Vec<Loss> {
    let bits = point as u64;
    let mut losses = vec![Loss::All, Loss::Nothing, Loss::Chance(bits)];
    if long() {
        losses.extend([0, 1, 0b1111, 0b0101_0101].map(|sectors| Loss::TornEnd { sectors }));
        losses.extend((1..6).map(|n| Loss::Chance(bits + n * 1_000_003)));
    } else {
        losses.push(Loss::TornEnd { sectors: bits.wrapping_mul(0x9e37_79b9) >> 3 });
    }
    losses
}

/// Where in a recording the last thing was written that a transaction needs.
fn commits(recording: &Recording) -> Vec<usize> {
    let mut commits = Vec::new();
    let names = recording.names();
    let mut ends = false;
    for (at, op) in recording.ops.iter().enumerate() {
        match op {
            // The page that follows the header of a transaction's last frame.
            Op::Write { .. } if ends => {
                commits.push(at + 1);
                ends = false;
            }
            Op::Write { data, file, .. } => {
                let is_log = names.get(file).is_some_and(|name| name.ends_with("-wal"));
                ends = is_log && data.len() == 24 && data[4..8] != [0; 4];
            }
            // With a rollback journal, it is the end of the journal that commits.
            Op::Delete { name, .. } if name.ends_with("-journal") => commits.push(at + 1),
            _ => {}
        }
    }
    commits
}

/// What people do, and then syncs until there is nothing more to do.
fn settle(machine: &mut Machine, scenario: &Scenario) -> Settled {
    machine.book.calm();
    (scenario.after)(machine);
    for round in 0.. {
        assert!(round < 6, "it never comes to rest");
        let outcome = machine.sync(None);
        let account = machine.block_on(machine.store().account(ACCOUNT)).unwrap().unwrap();
        let is_done = match outcome {
            Outcome::Held => true,
            Outcome::Succeeded | Outcome::Partial => account.standing.follow_up_at.is_none(),
            other => panic!("{other}: {:?}", machine.latest().error_message),
        };
        if is_done {
            break;
        }
    }
    let connection = machine.connection();
    rows::assert_readable(&connection);
    rows::assert_consistent(&connection);
    rows::assert_at_rest(&connection);
    let settled = Settled::read(&connection);
    settled.assert_equals(&machine.book);
    settled
}
