//! `serve`: everything, until somebody says stop. And `simulate-google`, which others sync with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::cli::background_runtime::Beside;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Screen;
use crate::cli::signals::{Signals, StopSignal};
use crate::cli::{Context, local_url, url_at};
use ringbook_app::App;
use ringbook_app::config::{Config, LogFormat};
use ringbook_app::doctor;
use ringbook_app::doctor::Verdict;
use ringbook_app::telemetry;
use ringbook_app::telemetry::LogStyle;
use ringbook_core::clock::{Clock, after};
use ringbook_runtime::SystemClock;
use ringbook_runtime::tasks;
use ringbook_runtime::tasks::Keeper;
use ringbook_simulator::{Options, Simulator};
use ringbook_store::Act;
use ringbook_web::{Exposure, Listener, Timeouts, Tls};

/// A sync in progress has this long to be parked, and everything together has [`STOP`].
const PARK: Duration = Duration::from_secs(8);
const STOP: Duration = Duration::from_millis(9500);

pub(crate) async fn serve(desk: Context) -> Result<Exit, CommandError> {
    let config = desk.config()?;
    telemetry::start(&config.log_level, &LogStyle::of(&config))?;
    let json = config.log_format == LogFormat::Json;
    for note in config.notes() {
        warn!(setting = note.key, "{}", note.text);
    }
    ringbook_web::raise_files_limit();
    let mut signals = Signals::listen()?;
    // Before the database is opened, so that a second server by mistake leaves no trace.
    let doors = open_doors(&config).await?;
    let certificates: Vec<Arc<Tls>> = doors.iter().filter_map(|it| it.tls.clone()).collect();
    let (app, _beside, reload_asked) = open(config, &mut signals).await?;
    if reload_asked {
        reload(&desk, &app, &certificates).await;
    }
    make_first_admin(&app).await?;
    refuse_open_doors(&app).await?;
    greet(&app, &Greeter { screen: desk.screen, json }).await?;

    let keeper = Keeper::new(app.clock.clone());
    app.keep(&keeper);
    let (stop, stopped) = watch::channel(false);
    let serving = ringbook_web::serve(app.clone(), doors, Timeouts::default(), until(stopped));
    let serving = tasks::once("the server", serving);
    tokio::pin!(serving);
    let asked = loop {
        tokio::select! {
            asked = signals.next_or_reload() => match asked {
                Some(asked) => break asked,
                None => reload(&desk, &app, &certificates).await,
            },
            ended = &mut serving => {
                // It only ends when it is told to, or when it cannot go on.
                app.supervisor.shut_down(PARK).await;
                return match ended {
                    Ok(Ok(())) => Err(CommandError::failed("the server ended without being asked to")),
                    Ok(Err(error)) => Err(CommandError::failed(format!("the server stopped: {error}"))),
                    Err(error) => Err(CommandError::failed(format!("the server broke down: {error}"))),
                };
            }
        }
    };
    info!("stopping: {asked:?}");
    let end_at = after(app.clock.now(), STOP);
    keeper.stop();
    stop.send_replace(true);
    let stopping = async {
        let parked = app.supervisor.shut_down(PARK).await;
        // The runs are what matters. Whoever still listens to us may be cut off.
        let _ = serving.await;
        keeper.end().await;
        parked
    };
    tokio::select! {
        _ = stopping => {
            info!("stopped");
            Ok(Exit::Ok)
        }
        () = app.clock.sleep_until(end_at) => {
            info!("stopped, cutting off what was still open");
            Ok(Exit::Ok)
        }
        asked = signals.next() => {
            Ok(asked.exit())
        }
    }
}

/// A database server that starts at the same time as we do has this long to answer.
const WAIT: Duration = Duration::from_secs(60);
const WAIT_STEP: Duration = Duration::from_secs(2);

/// Opens the database, and waits a while for one that cannot be reached yet. Tells whether a SIGHUP came meanwhile.
async fn open(config: Config, signals: &mut Signals) -> Result<(App, Beside, bool), CommandError> {
    let clock = SystemClock;
    let until = after(clock.now(), WAIT);
    let mut reload = false;
    loop {
        // A database server that accepts the connection and does not answer must not keep us from stopping.
        let opened = tokio::select! {
            opened = Beside::open(config.clone()) => opened,
            asked = stop(signals, &mut reload) => {
                return Err(CommandError::new(asked.exit(), "stopped while the database was being opened"));
            }
        };
        let problem = match opened {
            Err(problem) if problem.exit == Exit::Unavailable && clock.now() < until => problem,
            opened => return opened.map(|(app, beside)| (app, beside, reload)),
        };
        warn!("{}; trying again", problem.message);
        tokio::select! {
            () = clock.sleep_until(after(clock.now(), WAIT_STEP)) => {}
            asked = stop(signals, &mut reload) => {
                return Err(CommandError::new(asked.exit(), problem.message));
            }
        }
    }
}

/// Waits for a signal to stop. One to reload is noted: there is no server yet that could.
async fn stop(signals: &mut Signals, reload: &mut bool) -> StopSignal {
    loop {
        match signals.next_or_reload().await {
            Some(asked) => return asked,
            None => *reload = true,
        }
    }
}

/// Takes up what can be changed while the server runs.
async fn reload(desk: &Context, app: &App, certificates: &[Arc<Tls>]) {
    for tls in certificates {
        let tls = tls.clone();
        let _ = tasks::blocking("reading the certificate", move || tls.reload()).await;
    }
    match desk.config() {
        Ok(config) => {
            if let Err(problem) = telemetry::change_level(&config.log_level) {
                warn!(%problem, "the log level stays as it was: {problem}");
            }
            app.connector.reconfigure(&config);
            info!(
                "SIGHUP: certificates, LOG_LEVEL and the OAuth client were read again; other settings take a \
                 restart"
            );
        }
        Err(problem) => warn!(
            "SIGHUP: the settings in force stay, for the new ones cannot be used: {}",
            problem.message
        ),
    }
}

pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone cannot tell us to go on either.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The administrator whom the settings name, where there is none yet: a container has nobody who types.
async fn make_first_admin(app: &App) -> Result<(), CommandError> {
    let Some(first) = &app.config.first_admin else { return Ok(()) };
    let made = app.access.make_first(first).await;
    let made = made.map_err(|problem| {
        CommandError::usage(format!("the first administrator, ADMIN_NAME: {problem}"))
    })?;
    if let Some(name) = made {
        info!("the administrator named in ADMIN_NAME was created");
        app.access
            .note(Act {
                actor: "ADMIN_NAME".to_owned(),
                address: None,
                act: "set up".to_owned(),
                subject: Some(name),
                subject_name: None,
                succeeded: true,
                refused: false,
            })
            .await;
    }
    Ok(())
}

/// Administration must not be open to a network before somebody has been made an administrator.
async fn refuse_open_doors(app: &App) -> Result<(), CommandError> {
    let host = app.config.host;
    if host.to_canonical().is_loopback() || app.access.has_admin().await? {
        return Ok(());
    }
    Err(CommandError::usage(format!(
        "HOST={host} opens administration to the network, and there is no administrator yet. Make one \
         with `ringbook admins add NAME`, then start again. Or leave HOST on loopback and give the \
         phones an address of their own with PHONES_LISTEN={}",
        SocketAddr::new(host, app.config.port)
    )))
}

/// Where the server will be called at.
async fn open_doors(config: &Config) -> Result<Vec<Listener>, CommandError> {
    let tls = match &config.tls {
        Some(files) => Some(Arc::new(
            Tls::load(&files.cert, &files.key)
                .map_err(|problem| CommandError::usage(problem.to_string()))?,
        )),
        None => None,
    };
    let listener = listen(SocketAddr::new(config.host, config.port), &HOST_AND_PORT).await?;
    let mut doors = vec![Listener { listener, tls, rooms: Exposure::All }];
    if let Some(address) = config.phones_listen {
        let listener = listen(address, &PHONES_LISTEN).await?;
        doors.push(Listener { listener, tls: None, rooms: Exposure::Phones });
    }
    Ok(doors)
}

/// How an address can be changed.
struct Ways {
    settings: &'static str,
    host: &'static str,
    port: &'static str,
}

const HOST_AND_PORT: Ways =
    Ways { settings: "HOST and PORT", host: "--host or HOST", port: "--port or PORT" };
const PHONES_LISTEN: Ways =
    Ways { settings: "PHONES_LISTEN", host: "PHONES_LISTEN", port: "PHONES_LISTEN" };

async fn listen(address: SocketAddr, ways: &Ways) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).await.map_err(|error| {
        let (host, port) = (address.ip(), address.port());
        let Ways { settings, host: other_host, port: other_port } = ways;
        CommandError::usage(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is taken by another program, perhaps by another ringbook; \
                 stop that one, or choose a port with {other_port}"
            ),
            io::ErrorKind::AddrNotAvailable => format!(
                "{host} is no address of this machine; choose one with {other_host} \
                 (0.0.0.0 for all of them)"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "port {port} is for the superuser only; choose one above 1023 with {other_port}"
            ),
            _ => format!("cannot listen on {address} ({settings}): {error}"),
        })
    })
}

fn everywhere(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!(", and on port {} of every address of this machine", address.port())
    } else {
        String::new()
    }
}

/// Says something to whoever started the server, if anybody listens: the server does not depend on it.
struct Greeter {
    screen: Screen,
    /// As lines of a log in JSON.
    json: bool,
}

impl Greeter {
    fn say(&self, text: impl std::fmt::Display) {
        // A closed or full standard output is no reason not to serve.
        let _ = match self.json {
            true => self.screen.say(telemetry::json_line("INFO", &text.to_string())),
            false => self.screen.say(text.to_string()),
        };
    }
}

async fn greet(app: &App, greeter: &Greeter) -> Result<(), CommandError> {
    let screen = &greeter.screen;
    let url = local_url(&app.config);
    if screen.json {
        let code = match app.access.has_admin().await? {
            true => None,
            false => app.access.setup_code(),
        };
        let _ = screen.json(&json!({ "url": url, "setup_code": code }));
        return Ok(());
    }
    let own = SocketAddr::new(app.config.host, app.config.port);
    greeter.say(format!("Ringbook is at {}{}", screen.paint.link(&url), everywhere(own)));
    if let Some(address) = app.config.phones_listen {
        let phones = format!("{}/directory", url_at(address, false));
        let phones = screen.paint.link(&phones);
        greeter.say(format!("Phones find their directory at {phones}{}", everywhere(address)));
    }
    if let Some(phones) = doctor::phones(&app.config) {
        let way_out = phones.way_out.unwrap_or_default();
        greeter.say(format!("{}: {}; {way_out}", screen.paint.bad("Phones"), phones.message));
    }
    let keys = doctor::keys(app).await;
    if keys.verdict != Verdict::Ok {
        let way_out = keys.way_out.unwrap_or_default();
        greeter.say(format!("{}: {}; {way_out}", screen.paint.bad("Secrets"), keys.message));
    }
    if !app.access.has_admin().await?
        && let Some(code) = app.access.setup_code()
    {
        let link = screen.paint.link(&format!("{url}/setup"));
        greeter.say(format!(
            "First: make an administrator at {link} with the code {}",
            screen.paint.bold(&code)
        ));
        greeter.say(
            "Until then everybody who reaches this address as localhost may do everything, also through a reverse \
             proxy on this machine that sends neither the name it was asked by nor X-Forwarded-For: make one before \
             you put a proxy in front.",
        );
    }
    let connected = app.store.accounts().await?.iter().any(|it| it.grant.is_some());
    if !app.connector.is_configured().await {
        greeter.say(
            "Next: create an OAuth client in the Google Cloud console, and enter it with `ringbook auth \
             client`; docs/connecting-google.md has every click.",
        );
    } else if !connected {
        let link = screen.paint.link(&format!("{url}/auth/google"));
        greeter.say(format!("Next: connect your Google account at {link}"));
    } else if !app.config.sync_scheduler_enabled
        && app.store.accounts().await?.iter().all(|it| app.supervisor.plan(it).is_none())
    {
        greeter.say("Nothing is synced by itself: SYNC_SCHEDULER_ENABLED=true changes that.");
    }
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// How many contacts to make up
    #[arg(long, default_value_t = 1000, value_name = "N")]
    contacts: usize,
    /// The same seed gives the same people
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// How long Google takes to answer
    #[arg(long, default_value_t = 0, value_name = "L")]
    latency_ms: u64,
    /// Whether answers are compressed
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true", require_equals = true, value_name = "true|false")]
    gzip: bool,
    /// How much happens in the lives of these people
    #[arg(long, default_value_t = 0.0, value_name = "X")]
    changes_per_minute: f64,
}

/// Where the simulator listens unless `--port` says otherwise.
const SIMULATOR_PORT: u16 = 9000;

pub(crate) async fn simulate(desk: Context, args: SimulateArgs) -> Result<Exit, CommandError> {
    let host = desk.flags.host.as_deref().unwrap_or("127.0.0.1");
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let host = host
        .parse()
        .map_err(|_| CommandError::usage(format!("--host: `{host}` is not an IP address")))?;
    let port = match desk.flags.port.as_deref() {
        None => SIMULATOR_PORT,
        Some(port) => port.parse().map_err(|_| {
            CommandError::usage(format!("--port: `{port}` is not a port (0 to 65535)"))
        })?,
    };
    let minute = args.changes_per_minute;
    if !(0.0..=1e6).contains(&minute) {
        return Err(CommandError::usage("--changes-per-minute: allowed is 0 to 1000000"));
    }
    let options = Options {
        addr: SocketAddr::new(host, port),
        seed: args.seed,
        contacts: args.contacts,
        latency: Duration::from_millis(args.latency_ms),
        gzip: args.gzip,
        changes_per_minute: minute,
        ..Options::default()
    };
    let mut signals = Signals::listen()?;
    let failed = |error: String| {
        CommandError::usage(format!(
            "cannot listen on {host}:{port}: {error}; choose another --port"
        ))
    };
    if desk.screen.json {
        let simulator = Simulator::start(options).await.map_err(|it| failed(it.to_string()))?;
        let environment: serde_json::Map<_, _> = simulator
            .environment()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        desk.screen.json(&json!({ "url": simulator.base_url(), "environment": environment }))?;
        signals.next().await;
        simulator.shutdown().await;
        return Ok(Exit::Ok);
    }
    tokio::select! {
        served = ringbook_simulator::serve(options) => served.map_err(|it| failed(it.to_string()))?,
        _ = signals.next() => {}
    }
    Ok(Exit::Ok)
}
