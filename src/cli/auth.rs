//! `auth`: connects a Google account from a terminal, also over SSH; and `auth client`, which enters the
//! OAuth client.
//!
//! The answer from Google comes back in one of three ways, and the first one counts: to a listener of our
//! own at the redirect address, to a server that listens there already, or pasted by the person.

use std::io::{self, BufRead, IsTerminal, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::record;
use crate::cli::serve::until;
use crate::cli::signals::Signals;
use crate::cli::{Context, account, sync};
use ringbook_app::App;
use ringbook_app::connect::redirect;
use ringbook_app::connect::redirect::Verdict;
use ringbook_app::connect::{Ask, CallbackParams, ConnectProblem, NotAClient, OAuthClient};
use ringbook_app::services::AuditAction;
use ringbook_app::wire::GoogleClient;
use ringbook_core::clock::after;
use ringbook_core::humanize;
use ringbook_core::sync::AccountId;
use ringbook_google::no_refresh_token;
use ringbook_runtime::tasks;
use ringbook_store::{CallbackOrigin, ConsentState, GrantFacts, Target};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<AuthCommand>,
    /// The account to connect again, by its name, or `new` to add one; else the only one, or the first
    #[arg(long, value_name = "NAME|new")]
    account: Option<String>,
    /// What a new account is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Ask for the directory of the Workspace domain, too
    #[arg(long)]
    directory: bool,
    /// Only print the address to open, for --paste or a server to finish
    #[arg(long, conflicts_with = "paste")]
    begin: bool,
    /// Finish a sign-in with the address that a browser ended at; `-` reads it from standard input
    #[arg(long, value_name = "URL", conflicts_with_all = ["account", "name", "directory"])]
    paste: Option<String>,
    /// Do not fetch the contacts yet
    #[arg(long)]
    no_sync: bool,
}

#[derive(Debug, clap::Subcommand)]
enum AuthCommand {
    /// Enter the OAuth client of your Google Cloud project, show it, or forget it
    #[command(after_help = "\
Examples:
  ringbook auth client --file client_secret.json    the file that the Google Cloud console downloads
  ringbook auth client --id 1234-abc.apps.googleusercontent.com     asks for the secret
  ringbook auth client                              which one is in force; never its secret

It is kept sealed in the database and in force at once, also in a running server. GOOGLE_CLIENT_ID and
GOOGLE_CLIENT_SECRET win over it.")]
    Client(ClientArgs),
}

#[derive(Debug, clap::Args)]
struct ClientArgs {
    /// The file that the Google Cloud console downloads; `-` reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "forget"])]
    file: Option<PathBuf>,
    /// The client id; the secret is read from standard input
    #[arg(long, value_name = "ID", conflicts_with = "forget")]
    id: Option<String>,
    /// Forget the one that was entered
    #[arg(long)]
    forget: bool,
}

pub(crate) async fn auth(desk: Context, args: Args) -> Result<Exit, CommandError> {
    if let Some(AuthCommand::Client(args)) = args.command {
        return client(desk, args).await;
    }
    let app = desk.open_or_make().await?;
    if let Some(pasted) = &args.paste {
        let pasted = if pasted == "-" { line_of_input()? } else { pasted.clone() };
        let back = CallbackParams::parse(&pasted).ok_or_else(unreadable)?;
        let account = app.connector.come_back(&back, CallbackOrigin::Trusted).await?;
        return connected(&desk, &app, account, &args).await;
    }
    let judgement = app.connector.judge_redirect();
    if judgement.verdict == Verdict::Refused {
        let way_out = judgement.way_out.unwrap_or_default();
        return Err(CommandError::usage(format!("{}; {way_out}", judgement.message)));
    }
    let target = match args.account.as_deref() {
        Some("new") => Target::New { name: args.name.clone() },
        None if args.name.is_some() => Target::New { name: args.name.clone() },
        None => Target::Any,
        named => Target::Account(account(&app, named).await?.id),
    };
    let ask = Ask { target, directory: args.directory, return_to: None };
    let begun = app.connector.begin(&ask, None).await?;
    if desk.screen.json {
        desk.screen.json(&json!({ "auth_url": begun.url, "state": begun.state }))?;
    }
    desk.screen.say(format!("Open this address in a browser:\n\n  {}\n", begun.url))?;
    if args.begin {
        desk.screen.say("Then: ringbook auth --paste 'the address that the browser ended at'")?;
        return Ok(Exit::Ok);
    }
    let mut signals = Signals::listen()?;
    let answered = tokio::select! {
        answered = answer(&desk, &app, &begun.state) => answered?,
        asked = signals.next() => return Ok(asked.exit()),
    };
    match answered {
        Answered::Here(account) => connected(&desk, &app, account, &args).await,
        Answered::ByServer(account) => {
            let name = name_of(&app, account).await?;
            let message = format!(
                "{name} is connected; the server took the answer, and fetches the contacts."
            );
            told(&desk, &app, account, &message)?;
            Ok(Exit::Ok)
        }
    }
}

enum Answered {
    Here(AccountId),
    ByServer(AccountId),
}

/// How often we look whether a server took the answer.
const LOOK: Duration = Duration::from_millis(500);

async fn answer(desk: &Context, app: &App, state: &str) -> Result<Answered, CommandError> {
    let (bring, mut brought) = mpsc::channel(4);
    let listener = listen(app, bring.clone()).await;
    let answered = wait_for_answer(desk, app, state, listener.is_some(), &mut brought).await;
    if let Some(listener) = listener {
        // The browser gets its page before we are gone.
        listener.close(app).await;
    }
    answered
}

async fn wait_for_answer(
    desk: &Context,
    app: &App,
    state: &str,
    listening: bool,
    brought: &mut mpsc::Receiver<Brought>,
) -> Result<Answered, CommandError> {
    let mut typed = read_lines();
    desk.screen.say(if listening {
        "Waiting for your browser to come back. If it ends at a page that it cannot open, paste the \
         address of that page here and press Enter:"
    } else {
        "When your browser ends at a page, paste the address of that page here and press Enter, unless \
         Ringbook itself shows that the account is connected:"
    })?;
    let mut typing = true;
    loop {
        let look_at = after(app.clock.now(), LOOK);
        tokio::select! {
            Some(Brought { back, reply }) = brought.recv() => {
                if back.state != state {
                    let words = "this answer belongs to another sign-in".to_owned();
                    let _ = reply.send(Err(words));
                    continue;
                }
                let result = app.connector.come_back(&back, CallbackOrigin::Trusted).await;
                let shown = result.as_ref().map(|_| ()).map_err(ToString::to_string);
                let _ = reply.send(shown);
                if let Err(ConnectProblem::Unfinished(words)) = &result {
                    desk.screen.say(format!("{words}\nReload the page in the browser, or paste its address:"))?;
                    continue;
                }
                return Ok(Answered::Here(result?));
            }
            line = typed.recv(), if typing => match line {
                None => typing = false,
                Some(line) if line.trim().is_empty() => {}
                Some(line) => match CallbackParams::parse(&line) {
                    Some(back) if back.state == state => {
                        let taken = app.connector.come_back(&back, CallbackOrigin::Trusted).await;
                        if let Err(ConnectProblem::Unfinished(words)) = &taken {
                            desk.screen.say(format!("{words}\nPaste the same address again:"))?;
                            continue;
                        }
                        return Ok(Answered::Here(taken?));
                    }
                    Some(_) => desk.screen.say("That address belongs to another sign-in; paste the new one:")?,
                    None => desk.screen.say(format!("{}:", unreadable().message))?,
                },
            },
            () = app.clock.sleep_until(look_at) => match app.connector.consent(state).await? {
                Some(ConsentState::Connected(account)) => return Ok(Answered::ByServer(account)),
                Some(ConsentState::Failed(why)) => {
                    return Err(CommandError::new(Exit::NotConnected, why));
                }
                Some(ConsentState::Waiting | ConsentState::Taken) => {}
                None => {
                    let why = "nobody came back within ten minutes; say `ringbook auth` again";
                    return Err(CommandError::new(Exit::NotConnected, why));
                }
            },
        }
    }
}

fn unreadable() -> CommandError {
    CommandError::usage(
        "that is not the whole address that the browser ended at; it has `code=` and `state=` in it",
    )
}

/// What a browser brought to our own listener, and how it is told what came of it.
struct Brought {
    back: CallbackParams,
    reply: oneshot::Sender<Result<(), String>>,
}

/// How long a browser may take to fetch its page.
const LINGER: Duration = Duration::from_secs(2);

struct Listener {
    stop: watch::Sender<bool>,
    serving: JoinSet<io::Result<()>>,
}

impl Listener {
    async fn close(mut self, app: &App) {
        self.stop.send_replace(true);
        let over = async { while self.serving.join_next().await.is_some() {} };
        tokio::select! {
            () = over => {}
            () = app.clock.sleep_until(after(app.clock.now(), LINGER)) => {}
        }
    }
}

/// Listens where Google sends the browser, if that is this machine and nobody listens there yet.
async fn listen(app: &App, bring: mpsc::Sender<Brought>) -> Option<Listener> {
    let port = redirect::loopback_port(app.connector.redirect_uri())?;
    let path = redirect::path_of(app.connector.redirect_uri());
    let router = Router::new().route(&path, get(come_back)).with_state(bring);
    let (stop, stopped) = watch::channel(false);
    let mut serving = JoinSet::new();
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        match TcpListener::bind(SocketAddr::new(ip, port)).await {
            Ok(listener) => {
                let served = axum::serve(listener, router.clone())
                    .with_graceful_shutdown(until(stopped.clone()));
                let served = served.into_future();
                serving.spawn(tasks::watched("waiting for the browser", served));
            }
            // Whoever is there takes the answer. A machine may well have no IPv6.
            Err(_) if ip.is_ipv4() => return None,
            Err(_) => {}
        }
    }
    Some(Listener { stop, serving })
}

async fn come_back(State(bring): State<mpsc::Sender<Brought>>, request: Request) -> Response {
    let (reply, replied) = oneshot::channel();
    let told = match CallbackParams::parse(&request.uri().to_string()) {
        Some(back) => {
            let _ = bring.send(Brought { back, reply }).await;
            replied.await.unwrap_or_else(|_| Err("the sign-in is over already".to_owned()))
        }
        None => Err("there is no answer from Google in this address".to_owned()),
    };
    let page = |title: &str, words: &str| Html(ringbook_web::page(title, words));
    match told {
        Ok(()) => {
            let words = "The Google account is connected. You can close this page.";
            page("Connected", words).into_response()
        }
        Err(words) => (StatusCode::BAD_REQUEST, page("Not connected", &words)).into_response(),
    }
}

/// What is typed or pasted, line by line. On a thread that the process does not wait for.
fn read_lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn name_of(app: &App, account: AccountId) -> Result<String, CommandError> {
    let found = app.store.account(account).await?;
    Ok(found.map_or_else(|| account.0.to_string(), |it| it.name))
}

fn told(desk: &Context, app: &App, account: AccountId, message: &str) -> Result<(), CommandError> {
    if desk.screen.json {
        let id = app.store.ids().account(account);
        desk.screen.json(&json!({ "success": true, "message": message, "account_id": id }))?;
    }
    Ok(desk.screen.say(message)?)
}

/// Says what was connected, and fetches its contacts.
async fn connected(
    desk: &Context,
    app: &App,
    account: AccountId,
    args: &Args,
) -> Result<Exit, CommandError> {
    let name = name_of(app, account).await?;
    record(app, AuditAction::AccountConnected, &app.store.ids().account(account), Some(&name))
        .await;
    let next = if args.no_sync { " `ringbook sync` fetches its contacts." } else { "" };
    told(desk, app, account, &format!("{name} is connected.{next}"))?;
    let facts = app.store.grant_facts(account).await?;
    if let Some(warning) = facts.as_ref().and_then(|it| lacks_refresh_token(app, it)) {
        desk.screen.say(format!("{} {warning}", desk.screen.paint.warn("But")))?;
    }
    if let Some(end) = facts.and_then(|it| it.refresh_expires_at) {
        let end = humanize::exact(end, &app.config.timezone);
        desk.screen.say(format!(
            "Google will end this permission on {end}, since the app's publishing status is \"Testing\". \
             Set it to \"In production\" in the Google Cloud console, and connect once more."
        ))?;
    }
    if args.no_sync {
        return Ok(Exit::Ok);
    }
    match app.store.account(account).await? {
        Some(account) => sync::first(app, &account, desk.screen).await,
        None => Ok(Exit::Ok),
    }
}

/// What is to be said of a permission that cannot be renewed.
fn lacks_refresh_token(app: &App, grant: &GrantFacts) -> Option<String> {
    let end = humanize::exact(grant.expires_at, &app.config.timezone);
    grant.lacks_refresh_token().then(|| no_refresh_token(Some(&end)).to_string())
}

async fn client(desk: Context, args: ClientArgs) -> Result<Exit, CommandError> {
    let app = desk.open_or_make().await?;
    let wrong = |problem: NotAClient| CommandError::usage(problem.to_string());
    if args.forget {
        if !app.connector.forget_client().await? {
            return Err(CommandError::failed("no OAuth client was entered"));
        }
        record(&app, AuditAction::OAuthClientForgotten, "forgotten", None).await;
        if desk.screen.json {
            let message = "Ringbook forgot the OAuth client";
            desk.screen.json(&json!({ "success": true, "message": message }))?;
        }
        desk.screen.say("Ringbook forgot the OAuth client.")?;
        return Ok(Exit::Ok);
    }
    let entered = if let Some(file) = &args.file {
        let text = if file.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().take(64 << 10).read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(file)
        };
        let text = text.map_err(|error| {
            CommandError::usage(format!("cannot read {}: {error}", file.display()))
        })?;
        Some(OAuthClient::from_download(&text).map_err(wrong)?)
    } else if let Some(id) = &args.id {
        if io::stdin().is_terminal() {
            desk.screen.say("The client secret (it does not show):")?;
        }
        Some(OAuthClient::new(id, &unseen_line()?).map_err(wrong)?)
    } else {
        None
    };
    if let Some(client) = &entered {
        app.connector.enter_client(client).await?;
        record(&app, AuditAction::OAuthClientSet, &client.id, None).await;
    }
    let client = app.connector.client().await?;
    let judgement = app.connector.judge_redirect();
    let shown = GoogleClient::of(client.as_ref(), app.connector.redirect_uri(), &judgement);
    if desk.screen.json {
        desk.screen.json(&shown)?;
        return Ok(Exit::Ok);
    }
    match (&shown.client_id, &shown.source) {
        (Some(id), Some(source)) => desk.screen.say(format!("OAuth client {id} ({source})"))?,
        _ => {
            // What one needs to make one, before it is complained that there is none.
            let uri = &shown.redirect_uri;
            desk.screen.say(format!(
                "Create an OAuth client of type \"Web application\" in the Google Cloud console, with the \
                 redirect URI\n\n  {uri}\n\nthen download its file, and: ringbook auth client --file \
                 client_secret.json\ndocs/connecting-google.md has every click."
            ))?;
            if let Some(problem) = &shown.redirect_problem {
                desk.screen.say(format!("{} {problem}", desk.screen.paint.warn("But")))?;
            }
            return Err(ConnectProblem::NotConfigured.into());
        }
    }
    desk.screen.say(format!("Its redirect URI at Google must be {}", shown.redirect_uri))?;
    for warning in shown.redirect_problem.iter().chain(&shown.warning) {
        desk.screen.say(format!("{} {warning}", desk.screen.paint.warn("But")))?;
    }
    if entered.is_some() {
        desk.screen.say("Next: ringbook auth")?;
    }
    Ok(Exit::Ok)
}

fn line_of_input() -> Result<String, CommandError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

/// A line that the terminal does not show.
fn unseen_line() -> Result<String, CommandError> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin).ok();
    if let Some(shown) = &shown {
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(&stdin, OptionalActions::Now, &hidden);
    }
    let line = line_of_input();
    if let Some(shown) = &shown {
        let _ = tcsetattr(&stdin, OptionalActions::Now, shown);
    }
    Ok(line?.trim().to_owned())
}
