//! Tells histories by the thousand, and one of them again in all detail.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use clap::Parser;
use ringbook_core::clock::{Clock, between};
use ringbook_core::sync::guard::Guard;
use ringbook_disk::{Disk, Image};
use ringbook_runtime::SystemClock;
use ringbook_store::Store;

use crate::chance::{Chance, mix};
use crate::check::{DATABASE, Watcher};
use crate::history::{BEGINNING, History};
use crate::life::Life;
use crate::reference_model::Original;
use crate::table::Shared;
use crate::turns::Turns;
use crate::{planting, postgres, shrink, twin};

/// Processes that can run at once.
const PROCESSES: usize = 4;
/// And where the disk fails; connections are costly there.
pub(crate) const PROCESSES_IN_TROUBLE: usize = 2;

/// Tells histories of a simulated installation under faults, and says which went wrong.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// Tell this many histories, counted from `--from`.
    #[arg(long)]
    histories: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Tell one history in all detail.
    #[arg(long)]
    seed: Option<u64>,
    /// Tell this many histories, counted from `--from`, on SQLite and on PostgreSQL, and compare them.
    #[arg(long)]
    databases: Option<u64>,
    /// How many at the same time; as many as there are cores when not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Show the history of a failed seed as it was, instead of the shortest that fails the same way.
    #[arg(long)]
    whole: bool,
    /// Put the bugs of `bugs.toml` into this copy of the source.
    #[arg(long, value_name = "FOLDER")]
    plant: Option<PathBuf>,
    /// Find the bugs that were put into this copy.
    #[arg(long)]
    bugs: bool,
    /// Of `cargo test`; nothing changes.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
}

/// Histories that every run of the tests tells: the same ones each time, and as many that only this commit
/// tells.
const FIXED: u64 = 10_000;
const FRESH: u64 = 10_000;
/// And on both databases.
const FIXED_TWINS: u64 = 250;
const FRESH_TWINS: u64 = 250;

pub(crate) fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("{panic}");
        if !TELLING.get() {
            eprintln!("{text}");
        }
        PANIC.with_borrow_mut(|it| *it = Some(text));
    }));
    let options = Options::parse();
    let jobs = options
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    if let Some(seed) = options.seed {
        return tell_one(seed, options.whole);
    }
    if let Some(count) = options.databases {
        let ok = twin::compare(options.from..options.from + count, jobs, true);
        return if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let ok = match options.histories {
        _ if options.bugs => planting::find_all(jobs),
        _ if options.plant.is_some() => {
            options.plant.is_some_and(|tree| planting::plant_into(&tree))
        }
        Some(count) => tell_many(options.from..options.from + count, jobs, true),
        None => {
            same_seed_same_trace(50) && {
                let fresh = mix(fresh_seed()) >> 16;
                tell_many(1..1 + FIXED, jobs, false)
                    && tell_many(fresh..fresh + FRESH, jobs, false)
                    && twin::compare(1..1 + FIXED_TWINS, jobs, false)
                    && twin::compare(fresh..fresh + FRESH_TWINS, jobs, false)
            }
        }
    };
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A number that is another one for each commit. Changes that are not committed do not make it another,
/// and where there is no git it is always the same.
fn fresh_seed() -> u64 {
    let asked = std::process::Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let hash = asked.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    let hash = hash.unwrap_or_default();
    match hash.get(..15).map(|it| u64::from_str_radix(it, 16)) {
        Some(Ok(number)) => {
            println!("the fresh seeds are those of commit {hash}, whatever was changed since");
            number
        }
        _ => {
            println!("there is no commit to take fresh seeds from: they are the same each time");
            1
        }
    }
}

fn tell_one(seed: u64, whole: bool) -> ExitCode {
    let mut stage = Stage::open();
    let told = stage.tell(Chance::of_seed(seed), true);
    let Some(violation) = &told.violation else {
        println!("{}", told.trace.join("\n"));
        println!("seed {seed}: all was well after {} steps", told.steps);
        return ExitCode::SUCCESS;
    };
    if whole {
        println!("{}", told.trace.join("\n"));
        println!("seed {seed}: {violation}");
    } else {
        shrink::report(&mut stage, seed, &told);
    }
    ExitCode::FAILURE
}

/// What came of a range of histories.
pub(crate) struct Report {
    pub(crate) told: u64,
    steps: u64,
    seconds: f64,
    /// The first seed that went wrong, and how. Of several jobs, one with a later seed may be faster.
    pub(crate) failed: Option<(u64, String)>,
}

impl Report {
    /// How much it was, for a line of output.
    pub(crate) fn summary(&self) -> String {
        let (told, steps, seconds) = (self.told, self.steps, self.seconds);
        let rate = told as f64 / seconds;
        format!("{told} histories, {steps} steps, in {seconds:.1} s: {rate:.1} histories a second")
    }
}

/// Tells a range of histories, several at the same time, each job on a stage of its own, until one goes
/// wrong. `tell` returns how many steps it took; `progress` is called with the number that were told and
/// the seconds that it took.
pub(crate) fn tell_each<S>(
    seeds: Range<u64>,
    jobs: usize,
    open: impl Fn() -> S + Sync,
    tell: impl Fn(&mut S, u64) -> Result<u32, String> + Sync,
    progress: impl Fn(u64, f64) + Sync,
) -> Report {
    let began = SystemClock.now();
    let seconds = || between(began, SystemClock.now()).as_secs_f64();
    let (next, told, steps) = (AtomicU64::new(seeds.start), AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut stage = open();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match tell(&mut stage, seed) {
                        Ok(count) => _ = steps.fetch_add(count.into(), Ordering::Relaxed),
                        Err(violation) => {
                            failed.lock().unwrap().push((seed, violation));
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                    progress(told.fetch_add(1, Ordering::Relaxed) + 1, seconds());
                }
            });
        }
    });
    Report {
        told: told.into_inner(),
        steps: steps.into_inner(),
        seconds: seconds(),
        failed: failed.into_inner().unwrap().into_iter().min(),
    }
}

fn tell_seed(stage: &mut Stage, seed: u64) -> Result<u32, String> {
    let told = stage.tell(Chance::of_seed(seed), false);
    told.violation.map_or(Ok(told.steps), Err)
}

/// The first of these histories that goes wrong, and how.
pub(crate) fn first_violation(seeds: Range<u64>, jobs: usize) -> Option<(u64, String)> {
    tell_each(seeds, jobs, Stage::open, tell_seed, |_, _| {}).failed
}

/// Tells a range of histories. Returns whether all went well.
fn tell_many(seeds: Range<u64>, jobs: usize, progress: bool) -> bool {
    let (first, total) = (seeds.start, seeds.end - seeds.start);
    let report = tell_each(seeds, jobs, Stage::open, tell_seed, |count, seconds| {
        if progress && count.is_multiple_of((total / 100).max(1000)) {
            let rate = count as f64 / seconds;
            let left = (total - count) as f64 / rate / 60.0;
            println!("{count} of {total}, {rate:.0} a second, {left:.0} min left");
        }
    });
    println!("from {first}: {}", report.summary());
    if let Some((seed, violation)) = &report.failed {
        println!("seed {seed}: {violation}");
        let mut stage = Stage::open();
        let told = stage.tell(Chance::of_seed(*seed), true);
        shrink::report(&mut stage, *seed, &told);
    }
    report.failed.is_none()
}

/// The proof of the proof: a seed is worth nothing if it does not tell the same story again.
fn same_seed_same_trace(count: u64) -> bool {
    let (mut one, mut two) = (Stage::open(), Stage::open());
    (one.tells_rows, two.tells_rows) = (true, true);
    for seed in (1..=count).map(mix) {
        let first = one.tell(Chance::of_seed(seed), true);
        let second = two.tell(Chance::of_seed(seed), true);
        if first.trace != second.trace || first.taken != second.taken {
            let differ = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
            println!("seed {seed} told two different stories: {differ:#?}");
            return false;
        }
    }
    println!("{count} seeds told the same story twice");
    true
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// A panic on this thread is a part of the history that it tells.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Where histories take place, one after the other.
pub(crate) struct Stage {
    runtime: tokio::runtime::Runtime,
    calm: Place,
    /// Where the disk fails. It is put back to the byte each time, which takes as long as a history.
    troubled: Place,
    /// What is told here is told on the other database, too, and compared.
    is_twin: bool,
    /// The trace tells of every row that changed.
    tells_rows: bool,
}

/// A database on a disk in memory, and connections to it.
struct Place {
    disk: Arc<Disk>,
    /// The disk with an empty database.
    pristine: Image,
    connections: Vec<Store>,
    watcher: Option<Watcher>,
    folder: tempfile::TempDir,
}

/// A history that was told.
pub(crate) struct Told {
    pub(crate) violation: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) taken: Vec<u32>,
    pub(crate) steps: u32,
}

fn quick_folder() -> tempfile::TempDir {
    // A disk in memory where there is one: nothing here is meant to last.
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Connections for so many processes at once.
pub(crate) async fn open_connections(disk: &Disk, count: usize) -> Vec<Store> {
    let path = disk.folder().join(DATABASE);
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(
            Store::open_sqlite(&path, Arc::new(SystemClock), crate::vault::vault()).await.unwrap(),
        );
    }
    connections
}

impl Place {
    async fn open() -> Place {
        let folder = quick_folder();
        let disk = Arc::new(Disk::mount(folder.path()));
        drop(open_connections(&disk, 1).await);
        let pristine = disk.image();
        let watcher = Watcher::new(disk.clone(), Guard::default()).unwrap();
        assert!(watcher.knows_all_tables(), "there are other tables than the watcher knows");
        let watcher = Some(watcher);
        Place { disk, pristine, connections: Vec::new(), watcher, folder }
    }

    /// On PostgreSQL.
    async fn open_on_postgres() -> Place {
        let url = postgres::fresh_database();
        let original = Original::connect(&url);
        let folder = quick_folder();
        let mut connections = Vec::with_capacity(PROCESSES);
        for _ in 0..PROCESSES {
            connections.push(
                Store::open_postgres(&url, Arc::new(SystemClock), crate::vault::vault())
                    .await
                    .unwrap(),
            );
        }
        // Never written to, but the history knows how to mend it.
        let disk = Arc::new(Disk::mount(folder.path()));
        let pristine = disk.image();
        let watcher = Some(Watcher::of(original, disk.clone()).unwrap());
        Place { disk, pristine, connections, watcher, folder }
    }

    /// Puts the disk back to where it began, to the byte: when a disk is full depends on what was ever
    /// written to it.
    async fn start_afresh(&mut self) {
        self.connections.clear();
        let mut watcher = self.watcher.take().unwrap();
        watcher.close();
        self.disk.restore(&self.pristine);
        self.connections = open_connections(&self.disk, PROCESSES_IN_TROUBLE).await;
        watcher.open_anew().unwrap();
        self.watcher = Some(watcher);
    }
}

impl Stage {
    pub(crate) fn open() -> Stage {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (calm, troubled) = runtime.block_on(async {
            let mut calm = Place::open().await;
            calm.connections = open_connections(&calm.disk, PROCESSES).await;
            (calm, Place::open().await)
        });
        Stage { runtime, calm, troubled, is_twin: false, tells_rows: false }
    }

    /// On SQLite, for a comparison.
    pub(crate) fn open_first_twin() -> Stage {
        Stage { is_twin: true, tells_rows: true, ..Stage::open() }
    }

    /// On PostgreSQL, for a comparison.
    pub(crate) fn open_second_twin() -> Stage {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (calm, troubled) =
            runtime.block_on(async { (Place::open_on_postgres().await, Place::open().await) });
        Stage { runtime, calm, troubled, is_twin: true, tells_rows: true }
    }

    pub(crate) fn tell(&mut self, chance: Chance, trace: bool) -> Told {
        let is_twin = self.is_twin;
        PANIC.take();
        TELLING.set(true);
        let table = Shared::new(chance, BEGINNING);
        if trace {
            let mut table = table.lock();
            table.keep_trace();
            table.tells_rows = self.tells_rows;
        }
        let mut history = History::new(table.clone(), self.calm.disk.clone());
        if is_twin {
            history.mixture.keep_to_what_both_can_suffer();
            let mut table = table.lock();
            table.cut = 0;
            if self.calm.connections.iter().all(|it| it.path().is_none()) {
                table.turns = Some(Turns::new(self.calm.connections.clone()));
            }
        }
        let place = if history.mixture.spoils_storage() {
            self.runtime.block_on(self.troubled.start_afresh());
            &mut self.troubled
        } else {
            &mut self.calm
        };
        history.disk = place.disk.clone();
        history.connections = std::mem::take(&mut place.connections);
        let mut watcher = place.watcher.take().unwrap();
        watcher.reset(history.setup.guard).unwrap();
        table.lock().watcher = Some(watcher);
        self.runtime.block_on(async {
            history.tell().await;
            if is_twin {
                match twin::read_all(&history.connections[0]).await {
                    Ok(lines) => lines.into_iter().for_each(|it| table.say(|| it)),
                    Err(problem) => table.violate(format!("a read failed: {problem}")),
                }
            }
            for process in history.processes.drain(..) {
                process.body.set(Life::Dead);
            }
            history.mend_storage();
            table.settle().await;
        });
        place.connections = std::mem::take(&mut history.connections);
        for entry in std::fs::read_dir(place.folder.path()).unwrap().flatten() {
            if entry.path().extension().is_some_and(|it| it == "alive") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        TELLING.set(false);
        let mut table = table.lock();
        if table.turns.is_some() {
            for (name, _) in &table.owners {
                let file = std::env::temp_dir().join(format!("ringbook-{name}.alive"));
                let _ = std::fs::remove_file(file);
            }
        }
        place.watcher = table.watcher.take();
        if let Some(panic) = PANIC.take() {
            table.violate(format!("a panic: {panic}"));
        }
        Told {
            violation: table.violation().cloned(),
            trace: table.take_trace(),
            taken: table.chance.taken().to_vec(),
            steps: history.steps,
        }
    }
}
