//! The one place that knows every setting, and the one that reads the environment.
//!
//! Sources in rising precedence: environment variables, `.env`, a TOML file, flags. What comes out is
//! a [`Config`] of parsed values, or everything that is wrong, all at once.

mod dial;
mod dotenv;
pub mod layers;
mod surroundings;
mod table;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use icu_locale_core::Locale;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

pub use layers::Source;
pub use surroundings::{Surroundings, wants_json_log};
pub use value::{DatabaseUrl, Network, is_public_name};

use layers::{Layers, Raw};
use ringbook_core::access::is_private_end;
use ringbook_core::contact::{NameOrder, Particles};
use ringbook_core::number::DialRules;
use ringbook_store::vault::{KeyRing, KeySource};
use table::{Rule, SETTINGS, Setting};

/// What is in force. Field by field the settings of the same name, without their units.
#[derive(Clone, Debug)]
pub struct Config {
    pub host: IpAddr,
    pub port: u16,
    /// Certificate chain and key, when HTTPS is served.
    pub tls: Option<TlsFiles>,
    /// Where phones are served, and nobody else.
    pub phones_listen: Option<SocketAddr>,
    pub database_url: DatabaseUrl,
    /// `SECRET_KEY` or `SECRET_KEY_FILE`.
    pub secret_key: KeySource,
    pub trusted_proxies: Vec<Network>,
    /// Further names that this server may be asked by, in lower case; `*.` in front means all below.
    pub allowed_hosts: Vec<String>,
    /// Who may read the directory without a token.
    pub phone_networks: Vec<Network>,
    /// Somebody chose these networks. By default what comes from this machine itself counts as a phone only where
    /// phones have an address of their own: a reverse proxy without headers looks the same.
    pub phone_networks_chosen: bool,
    /// Requests a second; 0 without a limit.
    pub phone_rate: u32,
    pub session_idle: Duration,
    pub session_max: Duration,
    /// In lower case.
    pub auth_proxy_header: Option<String>,
    /// Everybody when empty.
    pub auth_proxy_admins: Vec<String>,
    /// Who is made an administrator while there is none.
    pub first_admin: Option<FirstAdmin>,
    pub timezone: TimeZone,
    /// A filter in tracing's words.
    pub log_level: String,
    pub log_format: LogFormat,

    pub google_client_id: Option<String>,
    pub google_client_secret: Option<SecretString>,
    pub google_redirect_uri: String,
    /// Where a browser may go on after a sign-in at Google, beside our own pages.
    pub auth_return_origins: Vec<String>,
    pub google_api_base_url: String,
    pub google_auth_url: String,
    pub google_token_url: String,
    pub google_revoke_url: String,

    pub directory_title: String,
    pub directory_max_entries_per_page: usize,
    pub search_results_limit: usize,
    pub directory_locale: Locale,
    pub directory_names: NameOrder,
    pub directory_name_particles: Particles,
    pub directory_fax_numbers: FaxNumbers,
    pub directory_empty_groups: EmptyGroups,
    pub directory_merge_duplicates: bool,
    pub lookup_min_digits: usize,
    /// Without a slash at its end.
    pub public_url: Option<String>,
    /// With a slash in front and none at its end; empty without one.
    pub base_path: String,

    /// All of `DIAL_…`.
    pub dial: DialRules,

    pub sync_scheduler_enabled: bool,
    pub sync_interval: Duration,
    pub sync_batch_size: u16,
    pub sync_delay: Duration,
    pub sync_full_after: Duration,
    pub sync_retry_base: Duration,
    pub sync_retry_rate_limit: Duration,
    pub sync_retry_attempts: u32,
    pub sync_retry_total: Duration,
    pub sync_guard_contacts: u64,
    pub sync_guard_percent: u64,

    /// Silence for longer than this is an alarm. At least two intervals, unless set.
    pub alert_after: Duration,
    pub alert_webhook_url: Option<SecretString>,
    pub history_keep_runs: u64,
    pub history_keep: Duration,
    pub tombstone_keep: Duration,
    pub lease: Duration,

    report: Vec<ConfigLine>,
    notes: Vec<ConfigNote>,
}

/// Something about the settings that is no mistake and should be known: it is logged at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigNote {
    /// Empty where it is about no setting.
    pub key: String,
    /// Holds no secret.
    pub text: String,
}

/// The first administrator, as the settings have them.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    pub name: String,
    pub proof: FirstProof,
}

/// What the first administrator signs in with.
#[derive(Clone, Debug)]
pub enum FirstProof {
    Password(SecretString),
    /// In PHC form.
    Hash(SecretString),
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What becomes of keypad groups that nobody is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyGroups {
    Hide,
    Mark,
}

/// What becomes of numbers on phones where a fax machine or a pager answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaxNumbers {
    /// They stand behind all others.
    #[default]
    Last,
    Hide,
}

/// Settings on the command line, for every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Read settings from this TOML file instead of ./ringbook.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the directory is kept: sqlite:///file or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Address to listen on
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Port to listen on
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Option<String>,
    /// debug, info, warning, error or a filter
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Any other setting, such as SYNC_INTERVAL_MINUTES=15; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Config {
    /// Reads every source. Reports everything that is wrong, not only the first.
    pub fn load(flags: &Flags) -> Result<Config, ConfigErrors> {
        resolve(Layers::read(flags))
    }

    /// The value of one setting, from whichever source sets it; the others are not checked.
    pub fn given(flags: &Flags, key: &str) -> Option<String> {
        let chosen = layers::resolve(Layers::read(flags));
        chosen.values.get(key).map(|raw| raw.value.trim().to_owned())
    }

    /// A configuration of these values and the defaults. Reads nothing.
    pub fn of(values: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let mut layers = Layers::default();
        let set = values.iter().map(|(key, value)| format!("{key}={value}")).collect();
        layers.flags(&Flags { set, ..Flags::default() });
        layers.named_files();
        resolve(layers)
    }

    /// Whether anybody has set `TIMEZONE`.
    pub fn timezone_is_set(&self) -> bool {
        let default = Source::Default.to_string();
        self.report.iter().any(|line| line.key == "TIMEZONE" && line.source != default)
    }

    /// Whether a person whom a proxy signs in by this name may administer.
    pub fn may_administer_by_proxy(&self, name: &str) -> bool {
        let admins = &self.auth_proxy_admins;
        self.auth_proxy_header.is_some()
            && (admins.is_empty() || admins.iter().any(|it| it.eq_ignore_ascii_case(name)))
    }

    /// Where phones call at: an address of their own, or everybody's.
    pub fn phones_address(&self) -> SocketAddr {
        self.phones_listen.unwrap_or(SocketAddr::new(self.host, self.port))
    }

    /// Where a browser on this machine finds the server.
    pub fn local_url(&self) -> String {
        url_at(SocketAddr::new(self.host, self.port), self.tls.is_some())
    }

    /// Whether phones are spoken to over TLS.
    pub fn phones_secure(&self) -> bool {
        self.phones_listen.is_none() && self.tls.is_some()
    }

    /// What whoever wrote the settings should know.
    pub fn notes(&self) -> &[ConfigNote] {
        &self.notes
    }

    /// Every setting with its value in force, in the order of the documentation. Secrets are masked.
    pub fn report(&self) -> Vec<ConfigLine> {
        self.report.clone()
    }
}

/// How to call an address, from this machine if that is possible.
pub fn url_at(address: SocketAddr, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    let host = address.ip();
    if host.is_unspecified() || host.is_loopback() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// A path that a proxy says it shows us below, in the form of [`Config::base_path`]; `None` where it is none, or
/// could be taken for one of our own.
pub fn base_path_of(raw: &str) -> Option<String> {
    value::base_path(raw)
}

/// What a setting that is a URL accepts, for one that somebody says instead. It loses its last slash.
pub fn url(raw: &str) -> Option<String> {
    value::url(raw)
}

pub fn resolve(layers: Layers) -> Result<Config, ConfigErrors> {
    let layers::Chosen { values, errors, notes } = layers::resolve(layers);
    let mut read = Reader { values, errors, notes, computed: BTreeMap::new() };

    let port = read.whole("PORT");
    let tls = tls(&mut read);
    let trusted_proxies = read.value("TRUSTED_PROXIES", value::networks).unwrap_or_default();
    let auth_proxy_header = auth_proxy_header(&mut read, &trusted_proxies);
    note_everybody(&mut read, &trusted_proxies);
    let public_url = read.value("PUBLIC_URL", value::public_url);
    let base_path = base_path(&mut read, public_url.as_deref());
    let google_redirect_uri = read.exact_url("GOOGLE_REDIRECT_URI").unwrap_or_else(|| {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let local = || format!("{scheme}://localhost:{port}");
        // Google sends browsers only to names that everybody knows, by HTTPS, or to their own machine.
        let public = public_url.as_deref().filter(|url| {
            url.starts_with("https://") && value::host(url).is_some_and(is_public_name)
        });
        let origin = public.map(|url| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"));
        let uri = format!("{}{base_path}/auth/callback", origin.unwrap_or_else(local));
        read.computed.insert("GOOGLE_REDIRECT_URI", uri.clone());
        uri
    });
    let first_admin = first_admin(&mut read);
    let sync_interval = Duration::from_secs(60 * read.whole::<u64>("SYNC_INTERVAL_MINUTES"));
    let dial = dial::rules(&mut read);
    let mut alert_after = read.hours("ALERT_AFTER_HOURS");
    if !read.values.contains_key("ALERT_AFTER_HOURS") && alert_after < 2 * sync_interval {
        // A daily sync would otherwise raise the alarm every day, a moment before it runs.
        let hours = (2 * sync_interval.as_secs()).div_ceil(3600);
        alert_after = Duration::from_secs(3600 * hours);
        read.computed.insert("ALERT_AFTER_HOURS", hours.to_string());
    }

    let host = read.value("HOST", value::address).unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let database_url = read.database("DATABASE_URL");
    let secret_key = read.secret_key(&database_url);

    let allowed_hosts = read.value("ALLOWED_HOSTS", value::hosts).unwrap_or_default();
    note_top_level(&mut read, &allowed_hosts);
    let config = Config {
        host,
        port,
        tls,
        phones_listen: read.value("PHONES_LISTEN", value::socket),
        database_url,
        secret_key,
        trusted_proxies,
        allowed_hosts,
        phone_networks: read.value("PHONE_NETWORKS", value::networks_or_none).unwrap_or_default(),
        phone_networks_chosen: read.values.contains_key("PHONE_NETWORKS"),
        phone_rate: read.whole("PHONE_RATE_PER_SECOND"),
        session_idle: read.hours("SESSION_IDLE_HOURS"),
        session_max: 24 * read.hours("SESSION_MAX_DAYS"),
        auth_proxy_header,
        first_admin,
        auth_proxy_admins: names(&read.text("AUTH_PROXY_ADMINS")),
        timezone: read.value("TIMEZONE", value::zone).unwrap_or(TimeZone::UTC),
        log_level: read.value("LOG_LEVEL", value::level).unwrap_or_default(),
        log_format: read.value("LOG_FORMAT", log_format).unwrap_or(LogFormat::Text),

        google_client_id: read.value("GOOGLE_CLIENT_ID", word),
        google_client_secret: read.value("GOOGLE_CLIENT_SECRET", word).map(SecretString::from),
        google_redirect_uri,
        auth_return_origins: read.value("AUTH_RETURN_ORIGINS", value::origins).unwrap_or_default(),
        google_api_base_url: read.secure_url("GOOGLE_API_BASE_URL"),
        google_auth_url: read.url("GOOGLE_AUTH_URL").unwrap_or_default(),
        google_token_url: read.secure_url("GOOGLE_TOKEN_URL"),
        google_revoke_url: read.secure_url("GOOGLE_REVOKE_URL"),

        directory_title: read.cut_text("DIRECTORY_TITLE", "a phone shows"),
        directory_max_entries_per_page: read
            .capped("DIRECTORY_MAX_ENTRIES_PER_PAGE", "a screen of a phone takes"),
        search_results_limit: read.capped("SEARCH_RESULTS_LIMIT", "one search gives"),
        directory_locale: read.value("DIRECTORY_LOCALE", value::locale).unwrap_or(Locale::UNKNOWN),
        directory_names: read.value("DIRECTORY_NAMES", name_order).unwrap_or(NameOrder::FirstLast),
        directory_name_particles: read
            .value("DIRECTORY_NAME_PARTICLES", particles)
            .unwrap_or_default(),
        directory_fax_numbers: read.value("DIRECTORY_FAX_NUMBERS", fax_numbers).unwrap_or_default(),
        directory_empty_groups: read
            .value("DIRECTORY_EMPTY_GROUPS", empty_groups)
            .unwrap_or(EmptyGroups::Hide),
        directory_merge_duplicates: read
            .value("DIRECTORY_MERGE_DUPLICATES", value::switch)
            .unwrap_or_default(),
        lookup_min_digits: read.whole("LOOKUP_MIN_DIGITS"),
        public_url,
        base_path,

        dial,

        sync_scheduler_enabled: read
            .value("SYNC_SCHEDULER_ENABLED", value::switch)
            .unwrap_or_default(),
        sync_interval,
        sync_batch_size: read.whole("SYNC_BATCH_SIZE"),
        sync_delay: read.seconds("SYNC_DELAY_SECONDS"),
        sync_full_after: read.hours("SYNC_FULL_AFTER_HOURS"),
        sync_retry_base: Duration::from_millis(read.whole("SYNC_RETRY_BASE_MS")),
        sync_retry_rate_limit: Duration::from_millis(read.whole("SYNC_RETRY_RATE_LIMIT_MS")),
        sync_retry_attempts: read.whole("SYNC_RETRY_ATTEMPTS"),
        sync_retry_total: Duration::from_secs(read.whole("SYNC_RETRY_TOTAL_SECONDS")),
        sync_guard_contacts: read.whole("SYNC_GUARD_CONTACTS"),
        sync_guard_percent: read.whole("SYNC_GUARD_PERCENT"),

        alert_after,
        alert_webhook_url: read.exact_url("ALERT_WEBHOOK_URL").map(SecretString::from),
        history_keep_runs: read.whole("HISTORY_KEEP_RUNS"),
        history_keep: 24 * read.hours("HISTORY_KEEP_DAYS"),
        tombstone_keep: 24 * read.hours("TOMBSTONE_KEEP_DAYS"),
        lease: Duration::from_secs(read.whole("LEASE_SECONDS")),

        report: SETTINGS.iter().map(|setting| read.line(setting)).collect(),
        notes: Vec::new(),
    };
    let config = Config { notes: std::mem::take(&mut read.notes), ..config };
    if read.errors.is_empty() { Ok(config) } else { Err(ConfigErrors(read.errors)) }
}

/// A header counts only from proxies that are trusted, so without one it is a mistake.
fn auth_proxy_header(read: &mut Reader, proxies: &[Network]) -> Option<String> {
    let key = "AUTH_PROXY_HEADER";
    let header = read.value(key, value::header);
    if header.is_none() && !read.text(key).is_empty() {
        // What is wrong with it is told already.
        return None;
    }
    let Some(header) = header else {
        let key = "AUTH_PROXY_ADMINS";
        if !read.text(key).is_empty() {
            let source = read.values.get(key).map_or(Source::Default, |raw| raw.source.clone());
            let problem = "names people of a proxy, and no proxy says who they are; set \
                           AUTH_PROXY_HEADER and TRUSTED_PROXIES as well";
            let problem = problem.to_owned();
            read.errors.push(ConfigError { key: key.to_owned(), source, problem });
        }
        return None;
    };
    let wide = proxies.iter().find(|it| it.is_wide());
    let problem = match wide {
        None if !proxies.is_empty() => {
            note_lan(read, proxies);
            return Some(header);
        }
        None => "counts only from the proxies in TRUSTED_PROXIES; set that to the proxy's address"
            .to_owned(),
        Some(wide) => format!(
            "everybody in {wide} (TRUSTED_PROXIES) could say that they are an administrator; set \
             TRUSTED_PROXIES to the proxy's address (at most a /16, and of IPv6 a /64)"
        ),
    };
    let source = read.values.get(key).map_or(Source::Default, |raw| raw.source.clone());
    read.errors.push(ConfigError { key: key.to_owned(), source, problem });
    None
}

/// Every machine in the proxies' network may then say that it is an administrator, and phones can be in it.
fn note_lan(read: &mut Reader, proxies: &[Network]) {
    let key = "TRUSTED_PROXIES";
    for lan in proxies.iter().filter(|it| it.is_lan()) {
        let text = format!(
            "{key} holds all of {lan}, and with AUTH_PROXY_HEADER every machine in it can say that it is an \
             administrator. Set {key} to the proxy's address, unless only proxies are in that network"
        );
        read.notes.push(ConfigNote { key: key.to_owned(), text });
    }
}

/// Below `*.com` strangers have names, too, which they can point here.
fn note_top_level(read: &mut Reader, hosts: &[String]) {
    let key = "ALLOWED_HOSTS";
    for host in hosts {
        let end = host.strip_prefix("*.").filter(|it| !it.contains('.') && !is_private_end(it));
        if let Some(end) = end {
            let text = format!(
                "{key} lets in every name below .{end}: if others can have one, such as \
                 attacker.{end}, their web pages can ask this server. Name the hosts instead"
            );
            read.notes.push(ConfigNote { key: key.to_owned(), text });
        }
    }
}

/// Whoever can reach the server may then say where they come from.
fn note_everybody(read: &mut Reader, proxies: &[Network]) {
    let key = "TRUSTED_PROXIES";
    if proxies.iter().any(Network::is_everybody) {
        let text = format!(
            "{key} believes everybody: whoever reaches this server without the proxy can claim any \
             address. Set it to the proxy's address"
        );
        read.notes.push(ConfigNote { key: key.to_owned(), text });
    }
}

/// The path that is set, else that of the public URL.
fn base_path(read: &mut Reader, public_url: Option<&str>) -> String {
    if let Some(path) = read.value("BASE_PATH", value::base_path) {
        return path;
    }
    let of_url = public_url.map(|url| url.splitn(4, '/').nth(3).unwrap_or_default());
    let path = of_url.filter(|it| !it.is_empty()).map(|it| format!("/{it}")).unwrap_or_default();
    match value::base_path(&path) {
        Some(path) => {
            read.computed.insert("BASE_PATH", path.clone());
            path
        }
        None => {
            if !path.is_empty()
                && let Some((setting, text)) = read.raw("PUBLIC_URL")
            {
                read.refuse(setting, &text, &format!("a URL whose path is {}", Rule::BasePath));
            }
            String::new()
        }
    }
}

/// A name, and what proves it: one without the other is a mistake.
fn first_admin(read: &mut Reader) -> Option<FirstAdmin> {
    let (name, password, hash) = ("ADMIN_NAME", "ADMIN_PASSWORD", "ADMIN_PASSWORD_HASH");
    let named = Some(read.text(name)).filter(|it| !it.is_empty());
    let given = read.value(password, |raw| Some(SecretString::from(raw)));
    let hashed = read.value(hash, value::password_hash);
    let refuse = |read: &mut Reader, key: &str, problem: String| {
        let source = read.values.get(key).map_or(Source::Default, |raw| raw.source.clone());
        read.errors.push(ConfigError { key: key.to_owned(), source, problem });
    };
    match (named, given, hashed) {
        (_, Some(_), Some(_)) => {
            refuse(read, hash, format!("{password} is set, too; set one of them"));
            None
        }
        (Some(name), Some(password), None) => {
            Some(FirstAdmin { name, proof: FirstProof::Password(password) })
        }
        (Some(name), None, Some(hash)) => Some(FirstAdmin { name, proof: FirstProof::Hash(hash) }),
        // One that could not be read is told already.
        (Some(_), None, None) if read.values.contains_key(hash) => None,
        (Some(_), None, None) => {
            refuse(read, name, format!("needs a password: set {password}_FILE or {hash} as well"));
            None
        }
        (None, None, None) => None,
        (None, given, _) => {
            let key = if given.is_some() { password } else { hash };
            refuse(read, key, format!("needs {name}; set both"));
            None
        }
    }
}

/// Names with commas between them.
fn names(raw: &str) -> Vec<String> {
    raw.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Both files or none.
fn tls(read: &mut Reader) -> Option<TlsFiles> {
    let (cert, key) = ("TLS_CERT_FILE", "TLS_KEY_FILE");
    match (read.value(cert, value::file), read.value(key, value::file)) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (found, _) => {
            let (given, missing) = if found.is_some() { (cert, key) } else { (key, cert) };
            let source = read.values.get(given).map_or(Source::Default, |raw| raw.source.clone());
            let problem = format!("HTTPS needs {missing} as well; set both, or neither");
            read.errors.push(ConfigError { key: given.to_owned(), source, problem });
            None
        }
    }
}

fn log_format(raw: &str) -> Option<LogFormat> {
    match raw.to_ascii_lowercase().as_str() {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

fn particles(raw: &str) -> Option<Particles> {
    match raw {
        "by-language" => Some(Particles::ByLanguage),
        "in-front" => Some(Particles::InFront),
        "behind" => Some(Particles::Behind),
        _ => None,
    }
}

fn fax_numbers(raw: &str) -> Option<FaxNumbers> {
    match raw {
        "last" => Some(FaxNumbers::Last),
        "hide" => Some(FaxNumbers::Hide),
        _ => None,
    }
}

fn name_order(raw: &str) -> Option<NameOrder> {
    match raw {
        "first-last" => Some(NameOrder::FirstLast),
        "last-first" => Some(NameOrder::LastFirst),
        _ => None,
    }
}

fn empty_groups(raw: &str) -> Option<EmptyGroups> {
    match raw {
        "hide" => Some(EmptyGroups::Hide),
        "mark" => Some(EmptyGroups::Mark),
        _ => None,
    }
}

fn digits(raw: &str) -> Option<u64> {
    raw.parse().ok().filter(|_| raw.bytes().all(|b| b.is_ascii_digit()))
}

fn word(raw: &str) -> Option<String> {
    raw.chars().all(|c| !c.is_whitespace() && !c.is_control()).then(|| raw.to_owned())
}

/// Turns raw values into typed ones and gathers what is wrong with them.
struct Reader {
    values: BTreeMap<&'static str, Raw>,
    errors: Vec<ConfigError>,
    notes: Vec<ConfigNote>,
    /// Defaults that depend on other settings.
    computed: BTreeMap<&'static str, String>,
}

impl Reader {
    /// The text in force and its line of the table; `None` where there is neither value nor default.
    fn raw(&mut self, key: &'static str) -> Option<(&'static Setting, String)> {
        let Some(setting) = table::find(key) else {
            debug_assert!(false, "`{key}` is missing from the table");
            return None;
        };
        let text = self.values.get(key).map_or(setting.default, |raw| raw.value.trim());
        (!text.is_empty()).then(|| (setting, text.to_owned()))
    }

    fn refuse(&mut self, setting: &Setting, text: &str, allowed: &str) {
        let source = self.values.get(setting.key).map_or(Source::Default, |raw| raw.source.clone());
        let found = if setting.rule.is_secret() {
            "a hidden value".to_owned()
        } else {
            format!("`{}`", layers::shown(setting, text))
        };
        let problem = format!("found {found}; allowed is {allowed}");
        self.errors.push(ConfigError { key: setting.key.to_owned(), source, problem });
    }

    fn value<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (setting, text) = self.raw(key)?;
        let value = parse(&text);
        if value.is_none() {
            self.refuse(setting, &text, &setting.rule.to_string());
        }
        value
    }

    fn whole<T: TryFrom<u64> + Default>(&mut self, key: &'static str) -> T {
        let rule = table::find(key).map(|setting| setting.rule);
        self.value(key, |raw| {
            let Some(Rule::Whole(min, max)) = rule else { return None };
            let number = digits(raw)?;
            if (min..=max).contains(&number) { T::try_from(number).ok() } else { None }
        })
        .unwrap_or_default()
    }

    /// A whole number of which no more than so much is of use.
    fn capped<T: TryFrom<u64> + Default>(&mut self, key: &'static str, why: &str) -> T {
        let rule = table::find(key).map(|setting| setting.rule);
        let Some(Rule::Capped(min, max)) = rule else {
            debug_assert!(false, "`{key}` has no cap");
            return T::default();
        };
        let number = self.value(key, |raw| digits(raw).filter(|it| *it >= min));
        let number = number.unwrap_or_default();
        if number > max {
            let source = self.values.get(key).map_or(Source::Default, |raw| raw.source.clone());
            let text = format!("{key} ({source}): {number} is more than {why}; {max} is used");
            self.notes.push(ConfigNote { key: key.to_owned(), text });
            self.computed.insert(key, max.to_string());
        }
        T::try_from(number.min(max)).unwrap_or_default()
    }

    fn hours(&mut self, key: &'static str) -> Duration {
        Duration::from_secs(3600 * self.whole::<u64>(key))
    }

    fn seconds(&mut self, key: &'static str) -> Duration {
        let rule = table::find(key).map(|setting| setting.rule);
        self.value(key, |raw| {
            let Some(Rule::Seconds(min, max)) = rule else { return None };
            value::seconds(raw, min, max)
        })
        .unwrap_or_default()
    }

    fn text(&mut self, key: &'static str) -> String {
        let rule = table::find(key).map(|setting| setting.rule);
        self.value(key, |raw| {
            let Some(Rule::Text(max)) = rule else { return None };
            let good = raw.chars().count() <= max && !raw.chars().any(char::is_control);
            good.then(|| raw.to_owned())
        })
        .unwrap_or_default()
    }

    /// A text of which no more than so many characters are of use.
    fn cut_text(&mut self, key: &'static str, why: &str) -> String {
        let Some(Rule::CutText(max)) = table::find(key).map(|setting| setting.rule) else {
            debug_assert!(false, "`{key}` is never cut");
            return String::new();
        };
        let read = |raw: &str| (!raw.chars().any(char::is_control)).then(|| raw.to_owned());
        let text = self.value(key, read).unwrap_or_default();
        let length = text.chars().count();
        if length <= max {
            return text;
        }
        let mut cut = String::new();
        // Whole signs, with their accents: half of one is another.
        for sign in text.graphemes(true) {
            if cut.chars().count() + sign.chars().count() > max {
                break;
            }
            cut.push_str(sign);
        }
        let cut = cut.trim_end().to_owned();
        let source = self.values.get(key).map_or(Source::Default, |raw| raw.source.clone());
        let text =
            format!("{key} ({source}): {length} characters are more than {why}; `{cut}` is used");
        self.notes.push(ConfigNote { key: key.to_owned(), text });
        self.computed.insert(key, cut.clone());
        cut
    }

    fn url(&mut self, key: &'static str) -> Option<String> {
        self.value(key, value::url)
    }

    /// A URL that tokens are sent to: encrypted, or not beyond this machine.
    fn secure_url(&mut self, key: &'static str) -> String {
        self.value(key, |raw| value::url(raw).filter(|url| value::is_secure(url)))
            .unwrap_or_default()
    }

    /// A URL that somebody else compares or serves, so that even a slash at its end counts.
    fn exact_url(&mut self, key: &'static str) -> Option<String> {
        self.value(key, |raw| value::url(raw).map(|_| raw.to_owned()))
    }

    fn database(&mut self, key: &'static str) -> DatabaseUrl {
        let nowhere = DatabaseUrl::Sqlite { path: PathBuf::new() };
        let Some((setting, text)) = self.raw(key) else { return nowhere };
        match value::database(&text) {
            Ok(url) => url,
            Err(hint) => {
                let rule = setting.rule.to_string();
                let allowed = hint.map_or(rule.clone(), |hint| format!("{rule} ({hint})"));
                self.refuse(setting, &text, &allowed);
                nowhere
            }
        }
    }

    /// A key that is given wins over one in a file. The file is beside the database, if that is a file.
    fn secret_key(&mut self, database: &DatabaseUrl) -> KeySource {
        let file = self.value("SECRET_KEY_FILE", |raw| Some(PathBuf::from(raw)));
        if let Some(keys) = self.value("SECRET_KEY", |raw| KeyRing::parse(raw).ok()) {
            let by = match self.values.get("SECRET_KEY").map(|raw| &raw.source) {
                Some(source @ (Source::Credential(_) | Source::File(_) | Source::Named { .. })) => {
                    source.to_string()
                }
                _ => "SECRET_KEY".to_owned(),
            };
            return KeySource::Given { by, keys };
        }
        KeySource::File(file.unwrap_or_else(|| {
            let folder = match database {
                DatabaseUrl::Sqlite { path } => path.parent().map(Path::to_owned),
                DatabaseUrl::Postgres { .. } => Some(PathBuf::from("./data")),
            };
            let file = folder.unwrap_or_default().join("ringbook.key");
            self.computed.insert("SECRET_KEY_FILE", file.display().to_string());
            file
        }))
    }

    fn line(&self, setting: &'static Setting) -> ConfigLine {
        let computed = self.computed.get(setting.key).map(String::as_str);
        let (value, source) = match self.values.get(setting.key) {
            Some(raw) => (computed.unwrap_or(raw.value.trim()), raw.source.clone()),
            None => (computed.unwrap_or(setting.default), Source::Default),
        };
        let notes = self.notes.iter().filter(|it| it.key == setting.key);
        let notes: Vec<&str> = notes.map(|it| it.text.as_str()).collect();
        ConfigLine {
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            key: setting.key,
            value: layers::shown(setting, value),
            source: source.to_string(),
            default: setting.default,
            description: setting.about,
        }
    }
}

/// One setting as `ringbook config` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ConfigLine {
    pub key: &'static str,
    /// Masked if it is a secret; empty if it is not set.
    pub value: String,
    pub source: String,
    pub default: &'static str,
    pub description: &'static str,
    /// What whoever wrote it should know: that it overrules the environment, or is more than can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The report as a table for people.
pub struct ConfigTable<'a>(pub &'a [ConfigLine]);

impl fmt::Display for ConfigTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |line: &ConfigLine| {
            if line.value.is_empty() { "-".to_owned() } else { line.value.clone() }
        };
        let width = |size: fn(&ConfigLine) -> usize| self.0.iter().map(size).max().unwrap_or(0);
        let key = width(|line| line.key.chars().count());
        let value = width(|line| line.value.chars().count()).min(48);
        let source = width(|line| line.source.chars().count());
        for line in self.0 {
            let text = shown(line);
            let ConfigLine { key: name, source: from, description, .. } = line;
            writeln!(f, "{name:key$}  {text:value$}  {from:source$}  {description}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Empty where a whole source is unreadable.
    pub key: String,
    pub source: Source,
    /// What was found and what is allowed. Holds no secret.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { key, source, problem } = self;
        if key.is_empty() {
            write!(f, "{source}: {problem}")
        } else {
            write!(f, "{key} ({source}): {problem}")
        }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigError {}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
