//! Log lines: for people, for programs, and for systemd's journal.

use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use jiff::tz::TimeZone;
use serde_json::json;
use tracing::{Event, Level, Subscriber, error};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer, format};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::{Config, LogFormat, Surroundings};
use ringbook_core::clock::Clock;
use ringbook_runtime::SystemClock;

/// Libraries whose debug lines repeat what they send and receive: rows, headers, tokens.
const TALKATIVE: &[&str] =
    &["deadpool", "h2", "hyper", "hyper_util", "postgres", "reqwest", "rustls", "tokio_postgres"];

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`{filter}` is not a log filter: {problem}")]
    Filter { filter: String, problem: String },
    #[error("logging was already set up in this process")]
    AlreadyStarted,
}

/// How lines look.
#[derive(Clone, Debug)]
pub struct LogStyle {
    format: LogFormat,
    /// Of their times.
    zone: TimeZone,
    /// Read by systemd's journal, which notes the time by itself and wants to be told how grave a line is.
    journal: bool,
}

impl LogStyle {
    pub fn of(config: &Config) -> LogStyle {
        let around = Surroundings::look();
        let journal = around.is_journal(&std::io::stderr());
        let zone = match config.timezone_is_set() {
            true => config.timezone.clone(),
            false => around.zone.unwrap_or_else(|| config.timezone.clone()),
        };
        LogStyle { format: config.log_format, zone, journal }
    }
}

type FilterHandle = reload::Handle<EnvFilter, Registry>;

/// By which the level is changed later.
static FILTER: OnceLock<FilterHandle> = OnceLock::new();

/// Begins to log to standard error. Once in a process.
///
/// # Errors
/// When `level` is no filter, or logging was begun before.
pub fn start(level: &str, style: &LogStyle) -> Result<(), TelemetryError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let terminal = std::io::stderr().is_terminal();
    let times = Times(style.zone.clone());
    // A standard error that was closed, or is full, is no reason to stop: and it is no place to say so.
    let plain = layer().log_internal_errors(false).with_writer(std::io::stderr);
    let lines = match (style.format, style.journal) {
        (LogFormat::Json, _) => plain.json().flatten_event(true).with_timer(times).boxed(),
        (LogFormat::Text, true) => {
            plain.with_ansi(false).event_format(Graded(format().compact().without_time())).boxed()
        }
        (LogFormat::Text, false) => plain.compact().with_ansi(terminal).with_timer(times).boxed(),
    };
    let discreet = filter_fn(|line| discreet(line.target(), *line.level()));
    tracing_subscriber::registry()
        .with(filter)
        .with(discreet)
        .with(lines)
        .try_init()
        .map_err(|_| TelemetryError::AlreadyStarted)?;
    let _ = FILTER.set(handle);
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Logs as much as this says from now on.
///
/// # Errors
/// When `level` is no filter.
pub fn change_level(level: &str) -> Result<(), TelemetryError> {
    let filter = filter(level)?;
    if let Some(handle) = FILTER.get() {
        // It fails only when the subscriber is gone, and then nobody logs.
        let _ = handle.reload(filter);
    }
    Ok(())
}

/// One line as the log in JSON has it, for what is said where there is no log.
pub fn json_line(level: &str, message: &str) -> String {
    let now = SystemClock.now().to_string();
    json!({ "timestamp": now, "level": level, "message": message, "target": "ringbook" })
        .to_string()
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(level).map_err(|error| TelemetryError::Filter {
        filter: level.to_owned(),
        problem: error.to_string(),
    })
}

fn discreet(target: &str, level: Level) -> bool {
    let library = target.split("::").next().unwrap_or(target);
    level <= Level::INFO || !TALKATIVE.contains(&library)
}

/// A panic is a line of the log like any other, in the log's format. Its own text is left out: it may quote a
/// contact's name.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let trace = std::backtrace::Backtrace::capture();
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => Some(trace.to_string()),
        _ => None,
    };
    error!(place, thread, trace, "panic at {place}");
}

/// Times in the zone of the installation.
struct Times(TimeZone);

impl FormatTime for Times {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = SystemClock.now().to_zoned(self.0.clone());
        write!(out, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z"))
    }
}

/// Lines that begin with how grave they are, as `sd-daemon(3)` describes it.
struct Graded<F>(F);

impl<S, N, F> FormatEvent<S, N> for Graded<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let grade = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        write!(out, "<{grade}>")?;
        self.0.format_event(context, out, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_would_print_rows_and_tokens_are_held_back() {
        assert!(!discreet("tokio_postgres::query", Level::DEBUG));
        assert!(!discreet("h2", Level::TRACE));
        assert!(discreet("tokio_postgres", Level::WARN));
        assert!(discreet("ringbook::sync", Level::TRACE));
    }
}
