//! What the values of settings mean: one parser a kind of value, and how it is shown without its secrets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use icu_locale_core::Locale;
use icu_locale_core::extensions::unicode::key;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use ringbook_core::access::{Host, host_of, is_private_end, parse_allowed};

/// Where the directory is kept.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// Relative to the working directory, unless absolute.
    Sqlite { path: PathBuf },
    /// As the driver takes it.
    Postgres { url: SecretString },
}

/// A range of addresses, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The bits in front of an IPv4 address in the form of IPv6 (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

impl Network {
    /// `10.0.0.1` or `10.0.0.0/8`; bits behind the prefix are ignored. IPv4 in the form of IPv6
    /// (`::ffff:10.0.0.0/104`) is IPv4, as the addresses are that come in.
    pub fn parse(raw: &str) -> Option<Network> {
        let (address, prefix) = match raw.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (raw, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits {
            return None;
        }
        Some(match (address.to_canonical(), prefix.checked_sub(MAPPED_BITS)) {
            (address @ IpAddr::V4(_), Some(prefix)) if bits == 128 => Network { address, prefix },
            _ => Network { address, prefix },
        })
    }

    /// Whether there is no address of its kind that is not in it.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// An IPv4 address that came in over an IPv6 socket (`::ffff:10.0.0.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(u128::from(ours.to_bits()), u128::from(theirs.to_bits()), self.prefix, 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                same(ours.to_bits(), theirs.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

impl Network {
    /// Whether so many addresses are in it that nobody can answer for all of them: more than a /16 (IPv6: a /32) of
    /// the internet.
    pub fn holds_strangers(&self) -> bool {
        const PRIVATE: [&str; 8] = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
            "fe80::/10",
        ];
        let most = if self.address.is_ipv4() { 16 } else { 32 };
        let is_within = |it: Network| it.prefix <= self.prefix && it.contains(self.address);
        let is_private = PRIVATE.iter().filter_map(|it| Network::parse(it)).any(is_within);
        self.prefix < most && !is_private
    }

    /// Whether more machines can be in it than in one network with one administrator, private or not: more than
    /// 2^16 addresses, and of IPv6 more than a /64.
    pub fn is_wide(&self) -> bool {
        self.prefix < if self.address.is_ipv4() { 16 } else { 64 } && !self.is_this_machine()
    }

    /// Whether more than 256 addresses are in it: so many that others than proxies can have one.
    pub fn is_lan(&self) -> bool {
        self.prefix < if self.address.is_ipv4() { 24 } else { 120 } && !self.is_this_machine()
    }

    /// However many loopback addresses it has, they are one machine's.
    fn is_this_machine(&self) -> bool {
        self.prefix >= 8 && self.address.is_loopback()
    }
}

fn same(a: u128, b: u128, prefix: u8, bits: u8) -> bool {
    prefix == 0 || (a ^ b) >> (bits - prefix) == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// With commas, or as a list in JSON; `*` for every address.
pub(super) fn networks(raw: &str) -> Option<Vec<Network>> {
    let mut networks = Vec::new();
    for part in listed(raw)? {
        match part.as_str() {
            "*" => networks.extend(["0.0.0.0/0", "::/0"].into_iter().filter_map(Network::parse)),
            part => networks.push(Network::parse(part)?),
        }
    }
    Some(networks)
}

/// What stands between commas, or in a list in JSON.
fn listed(raw: &str) -> Option<Vec<String>> {
    let listed: Vec<String> = match raw.starts_with('[') {
        true => serde_json::from_str(raw).ok()?,
        false => raw.split(',').map(str::to_owned).collect(),
    };
    let parts = listed.iter().map(|part| part.trim().to_owned());
    Some(parts.filter(|part| !part.is_empty()).collect())
}

/// The first steps of our own paths: below one of them, a path could be meant with the prefix or without.
const OWN_STEPS: [&str; 22] = [
    "access",
    "accounts",
    "api",
    "assets",
    "auth",
    "contacts",
    "directory",
    "do",
    "docs",
    "health",
    "history",
    "language",
    "lookup",
    "metrics",
    "p",
    "phones",
    "runs",
    "settings",
    "setup",
    "sign-in",
    "system",
    "t",
];

/// A path to put in front of ours, without a slash at its end; empty where it is only a slash.
pub(super) fn base_path(raw: &str) -> Option<String> {
    let path = raw.strip_prefix('/').unwrap_or(raw);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return (raw == "/").then(String::new);
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let good =
        |step: &str| !step.is_empty() && step != "." && step != ".." && step.bytes().all(legal);
    let first = path.split('/').next().unwrap_or_default();
    let is_good = path.len() <= PUBLIC_URL_MAX
        && path.split('/').all(good)
        && !OWN_STEPS.contains(&first.to_ascii_lowercase().as_str());
    is_good.then(|| format!("/{path}"))
}

/// A hash by Argon2id in PHC form. Whether it is one that can be computed shows when it is used.
pub(super) fn password_hash(raw: &str) -> Option<SecretString> {
    let steps = raw.split('$').count();
    let is_one = raw.starts_with("$argon2id$") && steps >= 5 && !raw.contains(char::is_whitespace);
    is_one.then(|| SecretString::from(raw))
}

/// No network where it says `none`.
pub(super) fn networks_or_none(raw: &str) -> Option<Vec<Network>> {
    if raw.eq_ignore_ascii_case("none") { Some(Vec::new()) } else { networks(raw) }
}

/// Names of this server, with commas or as a list in JSON.
pub(super) fn hosts(raw: &str) -> Option<Vec<String>> {
    listed(raw)?.iter().map(|it| parse_allowed(it)).collect()
}

/// Headers that mean something else, and that browsers or proxies send without anybody being signed in.
const TAKEN_HEADERS: [&str; 20] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "proxy-authorization",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
];

/// The name of a header that a proxy may say in who is signed in (RFC 9110, 5.6.2), in lower case.
pub(super) fn header(raw: &str) -> Option<String> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let name = raw.to_ascii_lowercase();
    let is_taken = TAKEN_HEADERS.contains(&name.as_str())
        || ["x-forwarded-", "sec-", "x-csrf"].iter().any(|it| name.starts_with(it));
    (raw.len() <= 100 && raw.bytes().all(legal) && !is_taken).then_some(name)
}

pub(super) fn switch(raw: &str) -> Option<bool> {
    match raw.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn address(raw: &str) -> Option<IpAddr> {
    if raw.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    raw.parse().ok()
}

pub(super) fn socket(raw: &str) -> Option<SocketAddr> {
    let address = match raw.strip_prefix("localhost:") {
        Some(port) => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port.parse().ok()?),
        None => raw.parse().ok()?,
    };
    (address.port() > 0).then_some(address)
}

/// A path that can be one. Whether there is such a file shows when it is opened.
pub(super) fn file(raw: &str) -> Option<PathBuf> {
    (!raw.contains('\0')).then(|| PathBuf::from(raw))
}

pub(super) fn seconds(raw: &str, min: u32, max: u32) -> Option<Duration> {
    let plain = raw.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = raw.parse().ok().filter(|_| plain)?;
    (f64::from(min)..=f64::from(max)).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

pub(super) fn zone(raw: &str) -> Option<TimeZone> {
    if raw.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(raw).ok()
}

/// A language with its options, after BCP 47. One that is not known would sort as no language does, and say
/// nothing of it.
pub(super) fn locale(raw: &str) -> Option<Locale> {
    let locale = Locale::try_from_str(raw).ok()?;
    let language = locale.id.language.as_str();
    let known = LANGUAGES.split_whitespace().any(|it| it == language);
    let collation = locale.extensions.unicode.keywords.get(&key!("co"));
    let sorts = collation.is_none_or(|it| COLLATIONS.contains(&it.to_string().as_str()));
    (known && sorts).then_some(locale)
}

/// All of ISO 639-1, and the languages of CLDR that have only three letters.
const LANGUAGES: &str = "
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik
    io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml
    mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd
    se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve
    vi vo wa wo xh yi yo za zh zu
    agq asa ast bas bem bez blo brx ccp ceb cgg chr ckb dav dje doi dsb dua dyo ebu ewo fil fur gsw guz haw
    hnj hsb jgo jmc kab kam kde kea kgp khq kln kok ksb ksf ksh kxv lag lij lkt lmo lrc luo luy mai mas mer
    mfe mgh mgo mni mua mzn naq nds nmg nnh nqo nus nyn pcm prg raj rof rwk sah saq sat sbp seh ses shi smn
    sms ssy syr szl teo tok twq tzm vai vec vmw vun wae wal xnr xog yav yrl yue zgh";
const COLLATIONS: &[&str] = &[
    "compat", "dict", "emoji", "eor", "phonebk", "phonetic", "pinyin", "search", "searchjl",
    "standard", "stroke", "trad", "unihan", "zhuyin",
];

/// Beginnings of URLs, as browsers write them.
pub(super) fn origins(raw: &str) -> Option<Vec<String>> {
    let parts = raw.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(origin).collect()
}

fn origin(raw: &str) -> Option<String> {
    // Without a slash at its end, and without a sign-in; what is left must be no more than scheme and host.
    let url = url(raw)?;
    let (scheme, host) = url.split_once("://")?;
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
    (!host.contains(['/', '?'])).then(|| format!("{scheme}://{host}"))
}

/// Where this server is found. Links are this with a path behind it, within the 256 characters of a phone.
pub(super) fn public_url(raw: &str) -> Option<String> {
    let url = url(raw)?;
    // Whoever copies what the phones are told copies the directory, too.
    let url = url.strip_suffix("/directory").unwrap_or(&url);
    (url.len() <= PUBLIC_URL_MAX && !url.contains('?')).then(|| url.to_owned())
}

/// A longer address leaves no room for a search behind it.
const PUBLIC_URL_MAX: usize = 100;

/// A level in our words or in tracing's, or a filter of tracing; in tracing's words.
///
/// A plain level is meant for us: at `debug`, the libraries below stay at `info`.
pub(super) fn level(raw: &str) -> Option<String> {
    let level = match raw.to_ascii_lowercase().as_str() {
        "trace" => "info,ringbook=trace",
        "debug" => "info,ringbook=debug",
        "info" => "info",
        "warning" | "warn" => "warn",
        "error" | "critical" => "error",
        "off" => "off",
        _ => {
            // A lone unknown word would be taken for the name of a module, and silence everything.
            let filter = raw.contains('=').then_some(raw)?;
            tracing_subscriber::EnvFilter::try_new(filter).ok()?;
            return Some(filter.to_owned());
        }
    };
    Some(level.to_owned())
}

/// Whether what is sent to this URL is encrypted, or stays on this machine.
pub(super) fn is_secure(url: &str) -> bool {
    let is_here = |host: &str| match Host::parse(host) {
        Some(Host::Address(address)) => address.is_loopback(),
        Some(Host::Name(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    url.starts_with("https://") || host_of(url).is_some_and(is_here)
}

/// The URL without a slash at its end.
pub(super) fn url(raw: &str) -> Option<String> {
    let lower = raw.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = &raw[scheme.len()..];
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let legal =
        raw.bytes().all(|b| b.is_ascii_graphic()) && !raw.contains(['#', '\\', '"', '<', '>']);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if !legal || name.is_empty() || !good_port || host.contains('@') {
        return None;
    }
    Some(format!("{scheme}{host}{}", path.trim_end_matches('/')))
}

/// Says what is wrong in words of its own where the general sentence would not help.
pub(super) fn database(raw: &str) -> Result<DatabaseUrl, Option<&'static str>> {
    if raw.contains(":memory:") {
        return Err(Some(
            "a database in memory is gone with its process, and no other command could see it; \
             name a file, such as sqlite:///./data/ringbook.db, or try Ringbook out with `ringbook demo`",
        ));
    }
    let plain = without_driver(raw);
    let raw = plain.as_str();
    if let Some(rest) = raw.strip_prefix("sqlite:") {
        let Some(path) = rest.strip_prefix("///") else {
            return Err(Some(
                "a file takes three slashes, an absolute one four: sqlite:///./data/ringbook.db",
            ));
        };
        if path.contains(['?', '#', '\0']) {
            return Err(Some("parameters behind the name of the file are not supported"));
        }
        if path.is_empty() || path.ends_with('/') {
            return Err(Some(
                "the name of the file is missing, such as sqlite:///./data/ringbook.db",
            ));
        }
        return Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) });
    }
    if raw.starts_with("postgres://") || raw.starts_with("postgresql://") {
        // The rest is for the driver to judge, when the store is opened.
        return if is_well_encoded(raw) {
            Ok(DatabaseUrl::Postgres { url: SecretString::from(raw.to_owned()) })
        } else {
            Err(Some(ENCODE))
        };
    }
    Err(None)
}

/// Python's SQLAlchemy names its driver behind a `+`; ours are built in.
fn without_driver(raw: &str) -> String {
    let Some((scheme, rest)) = raw.split_once("://") else { return raw.to_owned() };
    match scheme.split_once('+') {
        Some((scheme @ ("sqlite" | "postgres" | "postgresql"), _)) => format!("{scheme}://{rest}"),
        _ => raw.to_owned(),
    }
}

const ENCODE: &str = "its parts cannot be told apart: special characters in the user's name and in the password have \
    to be percent-encoded, `@` as %40, `:` as %3A, `/` as %2F, `?` as %3F, `#` as %23, `%` as %25 and a space as %20";

/// Whether the parts of a `postgres://` URL can be told apart. If not, a driver would take one for another, and name
/// in its errors what is part of the password.
fn is_well_encoded(raw: &str) -> bool {
    let rest = raw.split_once("://").map_or(raw, |(_, rest)| rest);
    let hex = |it: &str| it.len() >= 2 && it.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if rest.contains(char::is_whitespace) || !rest.split('%').skip(1).all(hex) {
        return false;
    }
    let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut keys = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.%".contains(&b));
    let (authority, path) = front.split_once('/').unwrap_or((front, ""));
    let hosts = authority.split_once('@').map_or(authority, |(_, hosts)| hosts);
    // A second `@`, or one behind what looks like the end of the address: some of it is the password.
    let misplaced = hosts.contains(['@', '#']) || path.contains('@');
    !misplaced && keys.all(is_key) && hosts.split(',').all(has_good_port)
}

/// Whether a host is followed by nothing, or by a number as its port.
fn has_good_port(host: &str) -> bool {
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    match behind.split_once(':') {
        None => true,
        Some((_, port)) => port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// A URL or connection text without its password. Errs on the side of hiding too much.
pub(super) fn masked(raw: &str) -> String {
    let start = raw.find("://").map_or(0, |at| at + 3);
    let mut shown = raw.to_owned();
    // A password may hold any of `/`, `?`, `:` and `@` when somebody forgot to escape it: so up to the last `@`.
    if let (Some(colon), Some(at)) = (raw[start..].find(':'), raw[start..].rfind('@'))
        && colon < at
    {
        shown.replace_range(start + colon + 1..start + at, "***");
    }
    // Without a host what stands behind the colon may be the password as well; a port is a number, and SQLite has
    // no passwords.
    let authority = &shown[start..];
    let authority = &authority[..authority.find(['/', '?']).unwrap_or(authority.len())];
    if !authority.contains('@')
        && !raw.starts_with("sqlite:")
        && !has_good_port(authority)
        && let Some(colon) = authority.find(':')
    {
        shown.replace_range(start + colon + 1.., "***");
    }
    let mut from = 0;
    while let Some(at) = shown[from..].to_ascii_lowercase().find("password=") {
        let value = from + at + "password=".len();
        let end = shown[value..].find(['&', ' ']).map_or(shown.len(), |end| value + end);
        shown.replace_range(value..end, "***");
        from = value + 3;
    }
    shown
}

/// The host in a URL, without its port.
pub(super) fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// Whether a host is known by this name everywhere, so that Google takes it in a redirect URI.
pub fn is_public_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.')
        && host.parse::<IpAddr>().is_err()
        && !is_private_end(last)
        && !host.ends_with(".home.arpa")
}

/// Only scheme and host, for URLs whose path lets people in.
pub(super) fn host_only(raw: &str) -> String {
    let start = raw.find("://").map_or(0, |at| at + 3);
    match raw[start..].find(['/', '?']) {
        Some(end) => format!("{}/***", &raw[..start + end]),
        None => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses() {
        let contains =
            |net: &str, ip: &str| Network::parse(net).unwrap().contains(ip.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(contains("10.1.2.3/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fd12::1"));
        assert!(contains("::/0", "fd12::1"));
        for bad in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/129", "proxy", ""] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn base_paths_are_brought_to_one_form_and_are_none_of_our_own() {
        for (raw, path) in [
            ("/ringbook", "/ringbook"),
            ("ringbook/", "/ringbook"),
            ("/apps/ring-book_1.0~/", "/apps/ring-book_1.0~"),
            ("/", ""),
        ] {
            assert_eq!(base_path(raw).as_deref(), Some(path), "{raw}");
        }
        for bad in [
            "",
            "/api",
            "/Contacts",
            "/phones/x",
            "/a//b",
            "/a/../b",
            "/.",
            "/a b",
            "/ä",
            "/a?b",
            "/a#b",
            "/a%2Fb",
            "//",
            "/<",
            "https://a/b",
        ] {
            assert_eq!(base_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_network_of_strangers_is_known() {
        for (network, strangers) in [
            ("0.0.0.0/0", true),
            ("0.0.0.0/1", true),
            ("128.0.0.0/1", true),
            ("203.0.0.0/8", true),
            ("8.0.0.0/7", true),
            ("::/0", true),
            ("2000::/3", true),
            ("203.0.113.7", false),
            ("203.0.113.0/24", false),
            ("10.0.0.0/8", false),
            ("172.16.0.0/12", false),
            ("10.0.0.0/7", true),
            ("fd00::/8", false),
            ("2001:db8::/32", false),
            ("::1", false),
        ] {
            assert_eq!(Network::parse(network).unwrap().holds_strangers(), strangers, "{network}");
        }
    }

    #[test]
    fn a_network_is_as_wide_as_it_has_addresses_also_a_private_one() {
        for (network, is_wide, is_lan) in [
            ("0.0.0.0/0", true, true),
            ("10.0.0.0/8", true, true),
            ("172.16.0.0/12", true, true),
            ("192.168.0.0/15", true, true),
            ("100.64.0.0/10", true, true),
            ("fd00::/8", true, true),
            ("2001:db8::/32", true, true),
            ("fe80::/10", true, true),
            ("2001:db8::/63", true, true),
            ("::ffff:10.0.0.0/104", true, true),
            ("192.168.0.0/16", false, true),
            ("172.18.0.0/16", false, true),
            ("10.1.2.0/23", false, true),
            ("fd00:1:2:3::/64", false, true),
            ("10.1.2.0/24", false, false),
            ("::ffff:10.1.2.0/120", false, false),
            ("fd00::1:0/120", false, false),
            ("10.0.0.2", false, false),
            ("127.0.0.0/8", false, false),
            ("127.0.0.1", false, false),
            ("::1", false, false),
        ] {
            let it = Network::parse(network).unwrap();
            assert_eq!((it.is_wide(), it.is_lan()), (is_wide, is_lan), "{network}");
        }
    }

    #[test]
    fn ipv4_in_the_form_of_ipv6_is_ipv4() {
        for (network, address, is_in) in [
            ("::ffff:10.0.0.2", "10.0.0.2", true),
            ("::ffff:10.0.0.2", "::ffff:10.0.0.2", true),
            ("::ffff:10.0.0.2", "10.0.0.3", false),
            ("::ffff:a00:2/128", "10.0.0.2", true),
            ("::ffff:10.0.0.0/104", "10.200.3.4", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::ffff:0:0/96", "192.0.2.1", true),
            ("::ffff:0:0/96", "2001:db8::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.2", true),
            ("2001:db8::/32", "2001:db8::1", true),
        ] {
            let it = Network::parse(network).unwrap();
            assert_eq!(it.contains(address.parse().unwrap()), is_in, "{network} {address}");
        }
        for bad in ["10.0.0.0/33", "10.0.0.0/104", "::ffff:10.0.0.0/129", "::/129"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn networks_are_read_with_commas_as_json_and_as_a_star() {
        let shown = |raw: &str| -> Option<Vec<String>> {
            networks(raw).map(|it| it.iter().map(ToString::to_string).collect())
        };
        let two = Some(vec!["10.0.0.1/32".to_owned(), "fd00::/8".to_owned()]);
        assert_eq!(shown("10.0.0.1, fd00::/8"), two);
        assert_eq!(shown(r#"["10.0.0.1", "fd00::/8"]"#), two);
        assert_eq!(shown("[]"), Some(Vec::new()));
        let everybody = Some(vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()]);
        assert_eq!(shown("*"), everybody);
        assert_eq!(shown(r#"["*"]"#), everybody);
        for bad in ["[1]", "[\"10.0.0.1\"", "*.example", "proxy", "['10.0.0.1']"] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_are_sent_in_the_clear_nowhere_but_here() {
        for (url, secure) in [
            ("https://oauth2.googleapis.com/token", true),
            ("http://127.0.0.1:9000/token", true),
            ("http://[::1]:9000/token", true),
            ("http://localhost:9000", true),
            ("http://oauth2.googleapis.com/token", false),
            ("http://10.0.0.5/token", false),
            ("http://google-simulator:9000", false),
            ("http://localhost.evil.example/token", false),
            ("http://127.0.0.1.evil.example", false),
        ] {
            assert_eq!(is_secure(url), secure, "{url}");
        }
    }

    #[test]
    fn passwords_are_masked_however_they_are_written() {
        for (raw, shown) in [
            ("postgres://u:p@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@/:w@h/db", "postgres://u:***@h/db"),
            ("postgres://u@h/db?password=p&x=1", "postgres://u@h/db?password=***&x=1"),
            ("host=h PASSWORD=p user=u", "host=h PASSWORD=*** user=u"),
            ("sqlite:///./data/x.db", "sqlite:///./data/x.db"),
            ("postgres:///db?host=/tmp/x&user=u", "postgres:///db?host=/tmp/x&user=u"),
            ("postgres://u:secret/db", "postgres://u:***"),
            ("postgres://u:p?ss@h/db", "postgres://u:***@h/db"),
            ("postgres://[::1]:5432/db", "postgres://[::1]:5432/db"),
        ] {
            assert_eq!(masked(raw), shown);
        }
        assert_eq!(host_only("https://hooks.example/T0/secret"), "https://hooks.example/***");
    }

    #[test]
    fn urls_lose_their_last_slash_and_need_a_host() {
        assert_eq!(url("https://a.example/").as_deref(), Some("https://a.example"));
        assert_eq!(url("HTTP://127.0.0.1:9/x/").as_deref(), Some("http://127.0.0.1:9/x"));
        assert_eq!(url("http://[::1]:80").as_deref(), Some("http://[::1]:80"));
        assert_eq!(url("http://[::1]").as_deref(), Some("http://[::1]"));
        for bad in [
            "ftp://a",
            "https://",
            "https:///x",
            "a.example",
            "http://a:x",
            "http://u:p@a",
            "http://a b",
        ] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }

    #[test]
    fn database_urls_name_a_file_or_a_server() {
        let path = |raw: &str| match database(raw) {
            Ok(DatabaseUrl::Sqlite { path }) => path.display().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(path("sqlite:///./data/x.db"), "./data/x.db");
        assert_eq!(path("sqlite:////var/lib/x.db"), "/var/lib/x.db");
        assert_eq!(path("sqlite+aiosqlite:///./x.db"), "./x.db");
        for postgres in [
            "postgres://u:p@h/d",
            "postgresql://h",
            "postgres:///d?host=/tmp/x&user=u",
            "postgresql+asyncpg://u:p@h/d",
            "postgres://u:p%40s:s%2F@h:5432,i:1/d?sslmode=require",
            "postgres://u:p!#$&'()*+,;=~s@[::1]:5432/d?user=me@server",
            "postgres://me%40server:p@h/d?options=-csearch_path%3Dx",
        ] {
            assert!(matches!(database(postgres), Ok(DatabaseUrl::Postgres { .. })), "{postgres}");
        }
        for bad in [
            "sqlite://x.db",
            "sqlite:///",
            "sqlite:x.db",
            "sqlite://:memory:",
            "sqlite:///:memory:",
            "sqlite:///x.db?mode=ro",
            "mysql://h/d",
            "postgres://h/a b",
            // Passwords that were not encoded.
            "postgres://u:p@ss@h/d",
            "postgres://u:p/ss@h/d",
            "postgres://u:p?ss@h/d",
            "postgres://u:p@ss/wo?rd@h/d",
            "postgres://u:p%ss@h/d",
            "postgres://u:p%2@h/d",
            "postgres://u:p ss@h/d",
            "postgres://u:p@/:w@h/d",
            "postgres://u:secret/d",
        ] {
            assert!(database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn levels_are_taken_in_any_case_and_filters_as_they_are() {
        assert_eq!(level("WARNING").as_deref(), Some("warn"));
        assert_eq!(level("Debug").as_deref(), Some("info,ringbook=debug"));
        assert_eq!(
            level("warn,ringbook::sync=trace").as_deref(),
            Some("warn,ringbook::sync=trace")
        );
        assert_eq!(level("loud"), None);
        assert_eq!(level("ringbook=loud"), None);
    }

    #[test]
    fn seconds_may_be_fractions_but_not_tricks() {
        assert_eq!(seconds("0.25", 0, 60), Some(Duration::from_millis(250)));
        assert_eq!(seconds("60", 0, 60), Some(Duration::from_secs(60)));
        for bad in ["60.1", "-1", "nan", "inf", "1e1", "", "."] {
            assert_eq!(seconds(bad, 0, 60), None, "{bad}");
        }
    }
}
