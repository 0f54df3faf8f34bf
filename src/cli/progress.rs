//! Shows a run while it goes on: a bar on a terminal, a line now and then elsewhere.
//!
//! What is shown is read from the database, so a run of another process looks no different.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use crate::cli::screen::{Screen, Style};
use ringbook_core::clock::{after, between};
use ringbook_core::humanize;
use ringbook_core::sync::{Delay, Kind, Phase, RunId};
use ringbook_store::{DbError, RunRow, Store};

/// How often a run of this process, and one of another, is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// So often in a row a look may fail.
const MISSES_MAX: u32 = 300;
/// How often a plain line is printed while nothing but the counts change.
const LINE: Duration = Duration::from_secs(3);

pub(crate) struct Progress {
    way: Way,
    /// A run that is too short to watch needs no progress.
    began: Option<Timestamp>,
}

enum Way {
    Bar { bar: ProgressBar, total: bool },
    Lines { said: Option<(Phase, Timestamp)> },
    Silent,
}

impl Progress {
    /// Goes to standard error. With `--json` there is none.
    pub(crate) fn new(screen: Screen) -> Progress {
        let way = if screen.json {
            Way::Silent
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(spinner());
            Way::Bar { bar, total: false }
        } else {
            Way::Lines { said: None }
        };
        Progress { way, began: None }
    }

    /// Shows a run until somebody stops listening, or until it is over.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn follow(&mut self, store: &Store, run: RunId) -> Result<RunRow, DbError> {
        let clock = store.clock().clone();
        let mut pulse = store.pulse();
        let mut misses = 0;
        let mut rescue_at = after(clock.now(), Duration::from_secs(1));
        loop {
            let now = clock.now();
            match store.run(run).await {
                Ok(Some(row)) if row.outcome.is_some() => {
                    self.clear();
                    return Ok(row);
                }
                Ok(row) => {
                    misses = 0;
                    if let Some(row) = row {
                        self.show(&row, now);
                    }
                    if now >= rescue_at {
                        rescue_at = after(now, Duration::from_secs(1));
                        // If the process that ran it is dead, nobody else may be there to notice.
                        store.close_orphans(run.account()).await.unwrap_or_default();
                    }
                }
                // The run has patience with the database, so the onlooker must have, too.
                Err(_) if misses < MISSES_MAX => misses += 1,
                Err(problem) => return Err(problem),
            }
            tokio::select! {
                () = clock.sleep_until(after(now, LOOK)) => {}
                // A run of this process. Not more often than anybody can read, though.
                Ok(()) = pulse.changed() => clock.sleep_until(after(now, LOOK / 4)).await,
            }
        }
    }

    /// Says something above the bar.
    pub(crate) fn note(&self, text: &str) {
        match &self.way {
            Way::Bar { bar, .. } => bar.suspend(|| tell(text)),
            Way::Lines { .. } => tell(text),
            Way::Silent => {}
        }
    }

    pub(crate) fn clear(&self) {
        if let Way::Bar { bar, .. } = &self.way {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, row: &RunRow, now: Timestamp) {
        let began = *self.began.get_or_insert(now);
        match &mut self.way {
            Way::Bar { bar, total } => {
                let known = row.kind == Kind::Full && row.total.is_some();
                if known != *total {
                    *total = known;
                    bar.set_style(if known { full_bar() } else { spinner() });
                }
                bar.set_prefix(format!("{} sync", title(row.kind)));
                if let Some(all) = row.total.filter(|_| known) {
                    bar.set_length(all.max(row.so_far()));
                    bar.set_position(row.so_far());
                }
                bar.set_message(doing(row, now));
                bar.tick();
            }
            Way::Lines { said } => {
                let due = match said {
                    None => between(began, now) >= LINE / 6 || row.phase == Phase::Waiting,
                    Some((phase, at)) => {
                        let aside = matches!(row.phase, Phase::Waiting | Phase::Verifying);
                        between(*at, now) >= LINE || (*phase != row.phase && aside)
                    }
                };
                if due {
                    *said = Some((row.phase, now));
                    tell(&format!("{} sync: {}", title(row.kind), doing(row, now)));
                }
            }
            Way::Silent => {}
        }
    }
}

/// A line on standard error. Nobody there to read it is no reason to stop a sync.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

pub(crate) fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Full => "Full",
        Kind::Incremental => "Incremental",
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner:.cyan} {prefix:.bold}  {wide_msg}", "{spinner} {prefix}  {wide_msg}")
}

fn full_bar() -> ProgressStyle {
    style(
        // So that it fits into 80 columns.
        "{spinner:.cyan} {prefix:.bold}  {bar:18.cyan/dim}  {wide_msg}",
        "{spinner} {prefix}  {bar:18}  {wide_msg}",
    )
}

fn style(coloured: &str, plain: &str) -> ProgressStyle {
    let template = if Style::on(true).is_on() { coloured } else { plain };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

/// What a run is doing, in one line.
pub(crate) fn doing(row: &RunRow, now: Timestamp) -> String {
    let contacts = match row.total.filter(|_| row.kind == Kind::Full) {
        Some(total) if total >= row.so_far() => {
            format!("{} of {}", humanize::count(row.so_far()), humanize::many(total, "contact"))
        }
        _ => humanize::many(row.counts.listed, "contact"),
    };
    if row.cancel_at.is_some() {
        return format!("{contacts} · stopping");
    }
    match row.phase {
        Phase::Starting => "asking Google".to_owned(),
        Phase::Waiting => match &row.wait {
            Some(wait) => {
                let left = humanize::remaining(between(now, wait.until));
                format!("{contacts} · {}: next try in {left}", excuse(wait.delay))
            }
            None => contacts,
        },
        Phase::Verifying => format!("{contacts} · asking about what was not listed"),
        Phase::Finishing => format!("{contacts} · finishing"),
        Phase::Fetching | Phase::Storing | Phase::Ended => {
            let mut text = contacts;
            let pace = pace(row, now);
            if pace >= 1.0 {
                text.push_str(&format!(" · {}/s", humanize::count(pace as u64)));
                let left = row.total.unwrap_or(0).saturating_sub(row.so_far());
                if left > 0 && row.kind == Kind::Full {
                    let left = Duration::from_secs_f64((left as f64 / pace).min(1e7));
                    text.push_str(&format!(" · {} left", humanize::remaining(left)));
                }
            }
            text
        }
    }
}

/// Contacts a second, without the waits that Google asked for.
fn pace(row: &RunRow, now: Timestamp) -> f64 {
    let took = between(row.started_at, now).saturating_sub(Duration::from_millis(row.waited_ms));
    if row.counts.listed == 0 || took.is_zero() {
        return 0.0;
    }
    row.counts.listed as f64 / took.as_secs_f64()
}

fn excuse(delay: Delay) -> &'static str {
    match delay {
        Delay::RateLimited => "Google said slow down",
        Delay::ServerError => "Google has trouble",
        Delay::Network => "Google cannot be reached",
        Delay::Malformed => "Google's answer was unreadable",
        Delay::Unauthorized => "Google refused a fresh access token",
        Delay::Pause => "pausing between pages",
    }
}
