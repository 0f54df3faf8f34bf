//! `demo`: the whole of Ringbook against a simulated Google, in one process and without a network.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cli::background_runtime::Beside;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Screen;
use crate::cli::serve::until;
use crate::cli::signals::Signals;
use crate::cli::sync::{WatchResult, attend, changes, summary};
use crate::cli::{Context, local_url};
use ringbook_app::App;
use ringbook_app::config::Config;
use ringbook_app::connect::{Ask, CallbackParams};
use ringbook_app::telemetry;
use ringbook_app::telemetry::LogStyle;
use ringbook_app::wire;
use ringbook_app::wire::ApiEncoder;
use ringbook_core::clock::{after, between};
use ringbook_core::humanize;
use ringbook_core::sync::{AccountId, ChangeKind, Kind, Outcome, RunId, Trigger};
use ringbook_engine::supervisor::StartRequest;
use ringbook_runtime::outbound::{ClientOptions, http_client};
use ringbook_runtime::tasks;
use ringbook_simulator::{Options, Simulator};
use ringbook_store::{CallbackOrigin, HistoryQuery, RunRow};
use ringbook_web::{Listener, Timeouts};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many contacts to make up
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    contacts: usize,
    /// How much happens in the lives of these people
    #[arg(long, default_value_t = 30.0, value_name = "X")]
    changes_per_minute: f64,
    /// End after so many seconds of keeping up to date
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Keep the database, in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// How often the demo syncs. In earnest it is every hour, and at most every five minutes.
const EVERY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// This many ports after the wanted one are tried.
const PORTS: u16 = 20;

pub(crate) async fn demo(desk: Context, args: Args) -> Result<Exit, CommandError> {
    let screen = desk.screen;
    if !(0.0..=1e6).contains(&args.changes_per_minute) {
        return Err(CommandError::usage("--changes-per-minute: allowed is 0 to 1000000"));
    }
    let mut signals = Signals::listen()?;
    let folder = Folder::new(args.keep.as_deref())?;
    // Nothing changes before the first sync is done, however slow the machine is.
    let options =
        Options { contacts: args.contacts, changes_per_minute: 0.0, ..Options::default() };
    let people = humanize::many(args.contacts as u64, "made-up contact");
    screen.say(format!(
        "{}: a simulated Google with {people}. Nothing leaves this machine.",
        screen.paint.bold("Ringbook demo")
    ))?;
    let simulator = Simulator::start(options).await?;
    let (listener, wanted) = listen(&desk).await?;
    let port = listener.local_addr()?.port();
    if port != wanted {
        screen.say(format!("Port {wanted} is taken by another program, so this is on {port}."))?;
    }
    let config = settings(&desk, &simulator, &folder, port)?;
    telemetry::start(&config.log_level, &LogStyle::of(&config))?;
    let (app, _beside) = Beside::open(config).await?;
    let account = connect(&app).await?;

    let (stop, stopped) = watch::channel(false);
    let serving = tasks::once(
        "the server",
        ringbook_web::serve(
            app.clone(),
            vec![Listener::plain(listener)],
            Timeouts::default(),
            until(stopped),
        ),
    );

    let shown = show(&app, account, &args, &simulator, &folder, &mut signals, screen).await;

    stop.send_replace(true);
    let end_at = after(app.clock.now(), Duration::from_secs(3));
    tokio::select! {
        () = async {
            app.supervisor.shut_down(Duration::from_secs(3)).await;
            let _ = serving.await;
            simulator.shutdown().await;
        } => {}
        () = app.clock.sleep_until(end_at) => {}
        _ = signals.next() => {}
    }
    drop(app);
    shown.map(|()| Exit::Ok)
}

async fn show(
    app: &App,
    account: AccountId,
    args: &Args,
    simulator: &Simulator,
    folder: &Folder,
    signals: &mut Signals,
    screen: Screen,
) -> Result<(), CommandError> {
    screen.say("")?;
    let wish = |kind, trigger, by: &str| {
        let asked_by = Some(by.to_owned());
        StartRequest { account, kind: Some(kind), trigger, asked_by }
    };
    let first = app.supervisor.start(&wish(Kind::Full, Trigger::Startup, "the demo")).await?;
    match attend(app, first, signals, screen).await? {
        WatchResult::Over { row, asked } => {
            for line in summary(&row, screen) {
                screen.say(line)?;
            }
            if asked.is_some() {
                return Ok(());
            }
        }
        WatchResult::Left(_) => return Ok(()),
    }
    let changes_per_minute = args.changes_per_minute;
    simulator.control().change_settings(|it| it.changes_per_minute = changes_per_minute);
    invite(app, folder, args, screen)?;

    let supervisor = app.supervisor.clone();
    let supervising = tasks::once("the schedule", async move { supervisor.supervise().await });
    let clock = app.clock.clone();
    let end_at = args.seconds.map(|it| after(clock.now(), Duration::from_secs(it)));
    let mut diary = Diary::since(app).await?;
    let mut sync_at = clock.now();
    loop {
        let now = clock.now();
        if end_at.is_some_and(|end| now >= end) {
            break;
        }
        if now >= sync_at {
            sync_at = after(now, EVERY);
            // If another one is in progress, that one will bring the changes, too.
            let _ =
                app.supervisor.start(&wish(Kind::Incremental, Trigger::Schedule, "the demo")).await;
        }
        diary.tell(app, sync_at, screen).await?;
        tokio::select! {
            () = clock.sleep_until(after(now, LOOK)) => {}
            _ = signals.next() => break,
        }
    }
    supervising.abort();
    farewell(app, account, simulator, &mut diary, folder, screen).await
}

/// Where to look and what to try.
fn invite(app: &App, folder: &Folder, args: &Args, screen: Screen) -> Result<(), CommandError> {
    let url = local_url(&app.config);
    let paint = screen.paint;
    let database = folder.path.join("ringbook.db");
    let lines = [
        ("Open", format!("{}   the API, to read and to try", paint.link(&format!("{url}/docs")))),
        ("Try", format!("curl -s {url}/api/sync/status")),
        ("", format!("curl -s -X POST {url}/api/sync/full")),
        ("", format!("curl -sN {url}/api/sync/events")),
        ("", format!("curl -s '{url}/api/contacts?limit=3'")),
        ("", format!("curl -s '{url}/api/search?q=jose'")),
        ("", format!("ringbook phone --url {url}      as a desk phone shows it")),
        ("", format!("ringbook phones snippet --url {url}")),
        ("", format!("curl -s {url}/metrics")),
        ("Or", format!("ringbook status --database-url sqlite:///{}", database.display())),
    ];
    screen.say("")?;
    for (name, text) in lines {
        screen.say(format!("  {}  {text}", paint.bold(&format!("{name:4}"))))?;
    }
    screen.say("")?;
    let often = if args.changes_per_minute > 0.0 {
        format!(
            "These people now move house and change their numbers, {} times a minute, and Ringbook asks\n\
             for the changes every {}.",
            args.changes_per_minute,
            humanize::remaining(EVERY)
        )
    } else {
        format!("Ringbook now asks for changes every {}.", humanize::remaining(EVERY))
    };
    let end = match args.seconds {
        Some(seconds) => format!("It ends after {seconds} s."),
        None => "Ctrl-C ends it.".to_owned(),
    };
    screen.say(format!("{often} {end}"))?;
    screen.say("")?;
    Ok(())
}

/// Which runs were told, and what they came to.
struct Diary {
    told: RunId,
    runs: u64,
    changed: u64,
}

impl Diary {
    async fn since(app: &App) -> Result<Diary, CommandError> {
        let query = HistoryQuery { limit: 1, ..HistoryQuery::default() };
        let latest = app.store.history(&query).await?;
        let told = latest.first().map_or(RunId(0), |row| row.id);
        Ok(Diary { told, runs: 1, changed: 0 })
    }

    /// One line for each run that ended, whoever asked for it.
    async fn tell(
        &mut self,
        app: &App,
        next: Timestamp,
        screen: Screen,
    ) -> Result<(), CommandError> {
        let query = HistoryQuery { limit: 10, ..HistoryQuery::default() };
        let mut ended = app.store.history(&query).await?;
        ended.retain(|row| row.id > self.told && row.outcome.is_some());
        ended.sort_by_key(|row| row.id);
        for row in ended {
            self.told = row.id;
            self.runs += 1;
            let it = &row.counts;
            let changed = it.created + it.updated + it.deleted;
            self.changed += changed;
            if screen.json {
                let out = ApiEncoder::new(&app.store, &app.config);
                screen.json(&wire::Run::of(&out, &row, app.clock.now()))?;
            }
            screen.say(entry(app, &row, next, screen))?;
            if changed > 0 && !screen.json {
                screen.say(screen.paint.dim(&gossip(app, row.id).await?))?;
            }
        }
        Ok(())
    }
}

fn entry(app: &App, row: &RunRow, next: Timestamp, screen: Screen) -> String {
    let paint = screen.paint;
    let ended = row.ended_at.unwrap_or(row.updated_at);
    let at = humanize::time_of_day(ended, &app.config.timezone);
    let took = humanize::duration(between(row.started_at, ended));
    let contacts = humanize::many(row.after_live.unwrap_or(0), "contact");
    let now = app.clock.now();
    let next = match humanize::remaining(between(now, next)) {
        _ if next <= now => String::new(),
        left => format!(", next in {left}"),
    };
    let by_us = row.trigger == Trigger::Schedule;
    let who = if by_us { String::new() } else { format!(" (asked for by {})", row.trigger) };
    let full = if row.kind == Kind::Full { "full sync, " } else { "" };
    match row.outcome {
        Some(Outcome::Succeeded | Outcome::Partial) => {
            let quiet = row.counts.listed == 0 && row.counts.deleted == 0;
            let what = if quiet { "nothing new".to_owned() } else { changes(row) };
            let step = paint.good("up to date");
            format!("{at}  {step}: {full}{what} ({contacts}) in {took}{who}{next}")
        }
        Some(Outcome::Held) => format!(
            "{at}  {}: {} would be deleted; decide on the dashboard, or with the API",
            paint.warn("on hold"),
            humanize::many(row.counts.to_delete, "contact")
        ),
        Some(outcome) => {
            let why = row.error_message.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
            format!("{at}  {}{why}{who}", paint.warn(outcome.as_str()))
        }
        None => format!("{at}  {full}going on"),
    }
}

/// Who they were: they are made up, so everybody may know.
async fn gossip(app: &App, run: RunId) -> Result<String, CommandError> {
    const NAMED: usize = 4;
    let changed = app.store.changes(run, 0, NAMED as u32 + 1).await?;
    let mut parts: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|it| {
            let sign = match it.kind {
                ChangeKind::Created | ChangeKind::Restored => "+",
                ChangeKind::Updated => "~",
                ChangeKind::Deleted => "-",
            };
            let fields: Vec<&str> = it.fields.iter().map(|field| field.field.as_str()).collect();
            if it.kind == ChangeKind::Updated && !fields.is_empty() {
                format!("{sign} {} ({})", it.display_name, fields.join(", "))
            } else {
                format!("{sign} {}", it.display_name)
            }
        })
        .collect();
    if changed.len() > NAMED {
        parts.push("…".to_owned());
    }
    Ok(format!("          {}", parts.join("   ")))
}

/// The last sync: life stands still at Google, and both must have the same.
async fn farewell(
    app: &App,
    account: AccountId,
    simulator: &Simulator,
    diary: &mut Diary,
    folder: &Folder,
    screen: Screen,
) -> Result<(), CommandError> {
    let google = simulator.control();
    google.change_settings(|it| it.changes_per_minute = 0.0);
    let wish = StartRequest {
        account,
        kind: Some(Kind::Incremental),
        trigger: Trigger::Schedule,
        asked_by: Some("the end of the demo".to_owned()),
    };
    if let Ok(last) = app.supervisor.start(&wish).await {
        let patience = after(app.clock.now(), Duration::from_secs(5));
        tokio::select! {
            _ = last.finished() => {}
            () = app.clock.sleep_until(patience) => {}
        }
    }
    let now = app.clock.now();
    diary.tell(app, now, screen).await?;
    let here = app.store.totals().await?.live;
    let there = google.contact_count() as u64;
    let syncs = humanize::many(diary.runs, "sync");
    let lives = humanize::many(diary.changed, "change");
    screen.say("")?;
    if here == there {
        let both = humanize::many(here, "contact");
        screen.say(format!("{syncs}, {lives}; at the end both sides have {both}. Goodbye!"))?;
    } else {
        let (here, there) = (humanize::count(here), humanize::many(there, "contact"));
        screen.say(format!("{syncs}, {lives}; {here} of {there} are here. Goodbye!"))?;
    }
    if folder.keep {
        screen.say(format!("The database is in {}", folder.path.display()))?;
    }
    Ok(())
}

/// Everything that the program would otherwise be told by a person.
fn settings(
    desk: &Context,
    simulator: &Simulator,
    folder: &Folder,
    port: u16,
) -> Result<Config, CommandError> {
    let zone = TimeZone::system();
    let (host, port) = (host(desk), port.to_string());
    let database = format!("sqlite:///{}/ringbook.db", folder.path.display());
    let google = simulator.environment();
    let mut values: Vec<(&str, &str)> =
        google.iter().map(|(name, value)| (*name, value.as_str())).collect();
    values.extend([
        ("DATABASE_URL", database.as_str()),
        ("PORT", port.as_str()),
        ("HOST", host.as_str()),
        ("LOG_LEVEL", desk.flags.log_level.as_deref().unwrap_or("error")),
        ("TIMEZONE", zone.iana_name().unwrap_or("UTC")),
        ("SYNC_SCHEDULER_ENABLED", "true"),
        ("DIRECTORY_TITLE", "Ringbook demo"),
    ]);
    Ok(Config::of(&values)?)
}

/// Where to listen. Of the settings of an installation the demo takes only this and the port.
fn host(desk: &Context) -> String {
    Config::given(&desk.flags, "HOST").unwrap_or_else(|| "127.0.0.1".to_owned())
}

async fn listen(desk: &Context) -> Result<(TcpListener, u16), CommandError> {
    let host = host(desk);
    let host: IpAddr = if host == "localhost" { "127.0.0.1" } else { host.as_str() }
        .parse()
        .map_err(|_| CommandError::usage(format!("HOST: `{host}` is not an IP address")))?;
    let port = Config::given(&desk.flags, "PORT").unwrap_or_else(|| "8000".to_owned());
    let wanted: u16 = port.parse().map_err(|_| {
        CommandError::usage(format!(
            "PORT: found `{port}`; allowed is a whole number from 0 to 65535"
        ))
    })?;
    for port in (wanted..=wanted.saturating_add(PORTS)).chain([0]) {
        match TcpListener::bind(SocketAddr::new(host, port)).await {
            Ok(listener) if wanted == 0 => {
                let port = listener.local_addr()?.port();
                return Ok((listener, port));
            }
            Ok(listener) => return Ok((listener, wanted)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(CommandError::usage(format!(
                    "cannot listen on {host}:{port}: {error}"
                )));
            }
        }
    }
    Err(CommandError::usage(format!("no port of {host} is free")))
}

/// Goes the way that a browser goes: to the consent page, and back with a code.
async fn connect(app: &App) -> Result<AccountId, CommandError> {
    let begun = app.connector.begin(&Ask::default(), None).await?;
    let options = ClientOptions {
        total_timeout: Some(Duration::from_secs(10)),
        proxy: false,
        ..ClientOptions::default()
    };
    let browser = http_client(&options).map_err(|error| CommandError::failed(error.to_string()))?;
    let strange = |what: &str| CommandError::failed(format!("the simulated consent page {what}"));
    let page = browser.get(&begun.url).send().await.map_err(|it| strange(&it.to_string()))?;
    let back = page
        .headers()
        .get("location")
        .and_then(|it| it.to_str().ok())
        .and_then(CallbackParams::parse)
        .ok_or_else(|| strange("leads nowhere"))?;
    if back.state != begun.state {
        return Err(strange("sent somebody else back"));
    }
    Ok(app.connector.come_back(&back, CallbackOrigin::Trusted).await?)
}

/// Where the database is. Removed in the end, unless somebody wants it.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn new(keep: Option<&Path>) -> Result<Folder, CommandError> {
        let mut private = std::fs::DirBuilder::new();
        private.mode(0o700);
        let made = |path: &Path, result: io::Result<()>| {
            result.map_err(|error| {
                CommandError::usage(format!("cannot make the folder {}: {error}", path.display()))
            })
        };
        if let Some(path) = keep {
            made(path, private.recursive(true).create(path))?;
            return Ok(Folder { path: std::path::absolute(path)?, keep: true });
        }
        let mut bits = [0; 6];
        getrandom::fill(&mut bits).map_err(|error| CommandError::failed(error.to_string()))?;
        let name: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("ringbook-demo-{name}"));
        // Not recursive: a folder that is already there is somebody else's.
        made(&path, private.create(&path))?;
        Ok(Folder { path, keep: false })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
