//! What all accounts share: the disk, the database, the keys, and the way to Google's consent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::App;
use crate::config::Config;
use crate::connect::ClientOrigin;
use crate::connect::redirect;
use crate::connect::redirect::RedirectCheck;
use crate::doctor::{Finding, Verdict, bad, machine, ok, warn};
use ringbook_core::humanize;
use ringbook_store::{Account, DbError};

/// An OAuth client and its redirect URI are of no use where nobody consents.
pub(super) async fn all_by_service(app: &App, accounts: &[Account]) -> Result<bool, DbError> {
    for account in accounts.iter().filter(|it| it.grant_of.is_none()) {
        if app.store.grant_facts(account.id).await?.is_none_or(|it| it.service.is_none()) {
            return Ok(false);
        }
    }
    Ok(!accounts.is_empty())
}

/// Whether everything that is sealed can be opened.
pub async fn keys(app: &App) -> Finding {
    const CHECK: &str = "secrets";
    match app.store.key_status().await {
        Err(problem) => bad(CHECK, problem.to_string(), "see SECRET_KEY_FILE in `ringbook config`"),
        Ok(status) if !status.lost.is_empty() => {
            let keys: Vec<&str> = status.lost.keys().map(String::as_str).collect();
            let number = humanize::many(status.lost.values().sum(), "secret");
            let message = format!(
                "{number} cannot be opened: {} does not hold the key {}",
                status.home,
                keys.join(", ")
            );
            let way_out = "put that key back; if it is lost, connect the Google accounts again";
            bad(CHECK, message, way_out)
        }
        Ok(status) => ok(CHECK, format!("sealed with {}", status.home)),
    }
}

/// Who may administer. `None` where a proxy says who they are: nothing is known of them here.
pub(super) async fn administrators(app: &App) -> Result<Option<Finding>, DbError> {
    const CHECK: &str = "administrators";
    const PAGE: &str = "/setup";
    let people = app.store.people().await?;
    if !people.is_empty() {
        let names: Vec<&str> = people.iter().map(|it| it.name.as_str()).collect();
        return Ok(Some(ok(CHECK, names.join(", "))));
    }
    if app.config.auth_proxy_header.is_some() {
        return Ok(None);
    }
    let way_out = "ringbook admins add NAME";
    if app.config.host.to_canonical().is_loopback() {
        let message = "there is none, so everybody at this machine may do everything, and so may everybody behind a reverse \
             proxy on it that sends neither the name it was asked by nor X-Forwarded-For";
        return Ok(Some(warn(CHECK, message, way_out).at(PAGE)));
    }
    let message = format!("there is none, so `ringbook serve` refuses HOST={}", app.config.host);
    Ok(Some(bad(CHECK, message, way_out).at(PAGE)))
}

/// Proxies in front that nobody named. `None` where there are none.
pub(super) async fn strange_proxies(app: &App) -> Result<Option<Finding>, DbError> {
    let trusted = |address: &str| {
        let ip = address.parse::<IpAddr>();
        ip.is_ok_and(|ip| app.config.trusted_proxies.iter().any(|it| it.contains(ip)))
    };
    let mut seen = app.store.strange_proxies().await?;
    seen.retain(|(address, _)| !trusted(address));
    if seen.is_empty() {
        return Ok(None);
    }
    let addresses: Vec<&str> = seen.iter().map(|(address, _)| address.as_str()).collect();
    let message = format!(
        "{} forwarded requests as a proxy but is not in TRUSTED_PROXIES, so its clients have no rights",
        addresses.join(", ")
    );
    let all = app.config.trusted_proxies.iter().map(ToString::to_string);
    let all: Vec<String> = all.chain(addresses.first().map(|it| (*it).to_owned())).collect();
    let way_out = format!("if it is yours: TRUSTED_PROXIES={}", all.join(","));
    Ok(Some(warn("proxies", message, way_out)))
}

pub(super) async fn oauth_client(app: &App) -> Finding {
    const CHECK: &str = "OAuth client";
    match app.connector.client().await {
        Err(problem) => bad(CHECK, problem.to_string(), "enter it again: ringbook auth client"),
        Ok(None) => bad(
            CHECK,
            "there is none, so no account can be connected",
            "Google Cloud console: create an OAuth client of type \"Web application\", and enter it \
             with `ringbook auth client`",
        ),
        Ok(Some((client, origin))) => match client.warning() {
            Some(warning) if app.connector.asks_google() => {
                warn(CHECK, warning, "copy it again, and enter it with `ringbook auth client`")
            }
            _ => match origin {
                ClientOrigin::Entered => ok(CHECK, "id and secret were entered"),
                ClientOrigin::Configuration(source) => {
                    ok(CHECK, format!("id and secret are set ({source})"))
                }
            },
        },
    }
}

/// What Google refuses as a redirect URI, before anybody sees Google's page about it.
pub(super) fn redirect(app: &App) -> Finding {
    let RedirectCheck { verdict, message, way_out } = app.connector.judge_redirect();
    let verdict = match verdict {
        redirect::Verdict::Good => Verdict::Ok,
        redirect::Verdict::Odd => Verdict::Warn,
        redirect::Verdict::Refused => Verdict::Bad,
    };
    Finding { check: "redirect URI", verdict, message, way_out, page: None }
}

/// Less free space than this is too little for a large directory and its journal.
const FREE_BAD: u64 = 50;
const FREE_WARN: u64 = 500;

/// Free space where the database is; nothing where it is not on this machine, or the disk does not answer.
pub async fn disk(config: &Config) -> Option<Finding> {
    let (folder, free) = machine::free_space(config).await?;
    let free = free >> 20;
    let message = format!("{} MB free at {}", humanize::count(free), folder.display());
    let way_out = "make room, or move the database with DATABASE_URL";
    Some(match free {
        0..FREE_BAD => bad("disk", message, way_out),
        FREE_BAD..FREE_WARN => warn("disk", message, way_out),
        _ => ok("disk", message),
    })
}

pub(super) async fn database(app: &App) -> Finding {
    const CHECK: &str = "database";
    let place = match app.store.path() {
        Some(path) => path.display().to_string(),
        None => "PostgreSQL".to_owned(),
    };
    if let Err(problem) = app.store.ping().await {
        return bad(CHECK, format!("{place} does not answer: {problem}"), "see DATABASE_URL");
    }
    if let Some(mode) = app.store.path().and_then(machine::open_to_others) {
        let message = format!("others on this machine can read {place} (mode {mode:04o})");
        return warn(CHECK, message, format!("chmod 600 {place}"));
    }
    match app.store.try_to_write().await {
        Ok(()) => ok(CHECK, format!("{place} can be read and written")),
        // What hinders it says what to do about it.
        Err(problem) => match problem.hindrance() {
            Some(hindrance) => {
                let (what, way_out) = hindrance.split_once(": ").unwrap_or((&hindrance, ""));
                bad(CHECK, format!("{place}: {what}"), way_out)
            }
            None => bad(CHECK, format!("{place} cannot be written: {problem}"), "see the log"),
        },
    }
}

pub(super) fn unconnected(app: &App) -> Finding {
    let url = app.config.local_url();
    let way_out = format!("ringbook auth, or open {url}/auth/google");
    bad("account", "no Google account is connected", way_out).at("/accounts/connect")
}

/// Whether everybody behind a reverse proxy on this machine is taken for a phone, and whom proxies may speak for.
pub fn phones(config: &Config) -> Option<Finding> {
    const CHECK: &str = "phones";
    if let Some(wide) = config.trusted_proxies.iter().find(|it| it.holds_strangers()) {
        let message = format!(
            "everybody in {wide} (TRUSTED_PROXIES) may say that they are a phone at any address"
        );
        return Some(warn(CHECK, message, "set TRUSTED_PROXIES to the proxy's address"));
    }
    let is_here = |ip: IpAddr| config.phone_networks.iter().any(|it| it.contains(ip));
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    if config.phone_networks_chosen && here.into_iter().any(is_here) {
        let address = SocketAddr::new(config.host, config.port);
        let message = format!(
            "PHONE_NETWORKS names this machine, so everybody behind a reverse proxy on it that adds no header \
             reads the directory at {address}"
        );
        let way_out = "take 127.0.0.0/8 and ::1 out of PHONE_NETWORKS, and give phones an address of their own \
                       with PHONES_LISTEN; or let the proxy set X-Forwarded-For, and name it in TRUSTED_PROXIES";
        return Some(warn(CHECK, message, way_out));
    }
    None
}
