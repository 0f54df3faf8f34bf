//! Every setting there is: its name, its default, what it accepts and what it is for.

use std::fmt;

use super::dial::PREFIX_MAX;

/// What a setting accepts. Its `Display` completes the sentence "allowed is …".
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// A whole number within bounds.
    Whole(u64, u64),
    /// A whole number from the first on. One above the second is taken as that, and it is said.
    Capped(u64, u64),
    /// Seconds, with fractions, within bounds.
    Seconds(u32, u32),
    /// Yes or no.
    Switch,
    /// Words for people, of at most so many characters.
    Text(usize),
    /// The same; a longer one is cut, and it is said.
    CutText(usize),
    /// Anything; never printed.
    Secret,
    /// What Argon2 made of a password; never printed.
    PasswordHash,
    /// Anything without spaces.
    Word,
    Address,
    Url,
    /// One that tokens are sent to.
    SecureUrl,
    /// The part of a URL that links begin with.
    PublicUrl,
    /// The path below which a proxy shows the dashboard.
    BasePath,
    /// A URL whose path is a secret, as it is with most webhooks.
    SecretUrl,
    Database,
    Level,
    /// One of these words.
    OneOf(&'static [&'static str]),
    Zone,
    Locale,
    Networks,
    /// Names of this server, with commas.
    Hosts,
    /// The same, or `none`.
    NetworksOrNone,
    /// Beginnings of URLs: scheme, name and port.
    Origins,
    /// The name of a header.
    Header,
    /// An address with its port.
    Socket,
    /// A file's path.
    File,
    /// A country by its two letters.
    Country,
    /// Digits, at most so many.
    Digits(usize),
    /// What is dialled before a number, at most so many characters.
    Prefix(usize),
    /// Short numbers with commas.
    ShortNumbers,
    /// Blocks of numbers with commas.
    Blocks,
    /// Keys that seal secrets; never printed.
    Keys,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Whole(min, max) => write!(f, "a whole number from {min} to {max}"),
            Rule::Capped(min, max) => {
                write!(f, "a whole number from {min} on; above {max} it counts as {max}")
            }
            Rule::Seconds(min, max) => {
                write!(f, "a number of seconds from {min} to {max}, such as 0.5")
            }
            Rule::Switch => f.write_str("true or false (also 1/0, yes/no, on/off)"),
            Rule::Text(max) => write!(f, "a text of at most {max} characters"),
            Rule::CutText(max) => {
                write!(f, "a text without control characters; after {max} characters it is cut")
            }
            Rule::Secret | Rule::Word => f.write_str("a text without spaces"),
            Rule::PasswordHash => f.write_str(
                "what `ringbook admins hash` prints, beginning with $argon2id$ (in a compose file, each $ doubled)",
            ),
            Rule::BasePath => f.write_str(
                "a path such as /ringbook, of letters, digits and -._~, that is none of Ringbook's own",
            ),
            Rule::Address => {
                f.write_str("an IP address, such as 127.0.0.1, or 0.0.0.0 for every interface")
            }
            Rule::PublicUrl => f.write_str(
                "a URL such as http://10.0.0.5:8000, of at most 100 characters and without `?`",
            ),
            Rule::SecureUrl => f.write_str(
                "a URL that begins with https://, for tokens are sent there; or with http:// and a loopback \
                 address, such as http://127.0.0.1:9000",
            ),
            Rule::Url | Rule::SecretUrl => f.write_str("a URL that begins with http:// or https://"),
            Rule::Database => f.write_str(
                "sqlite:///file, sqlite:////absolute/file, or postgres://user:password@host/database",
            ),
            Rule::Level => f.write_str(
                "debug, info, warning or error, or a filter such as `info,ringbook::sync=debug`",
            ),
            Rule::OneOf(words) => f.write_str(&words.join(" or ")),
            Rule::Zone => f.write_str("a time zone by its IANA name, such as Europe/Berlin"),
            Rule::Locale => f.write_str(
                "a language by its code in ISO 639, such as de, sv, nl-BE or de-u-co-phonebk (BCP 47)",
            ),
            Rule::Networks => f.write_str(
                "addresses and networks with commas or as a JSON list, such as 10.0.0.1, 192.168.0.0/16; or *",
            ),
            Rule::Hosts => f.write_str(
                "host names with commas, such as phones.example, *.office.example (not `*` alone)",
            ),
            Rule::NetworksOrNone => f.write_str(
                "addresses and networks with commas, such as 10.0.0.1, 192.168.0.0/16; or none",
            ),
            Rule::Origins => f.write_str(
                "beginnings of URLs without a path, with commas, such as https://phones.example.com",
            ),
            Rule::Header => f.write_str("the name of an HTTP header, such as Remote-User"),
            Rule::Socket => f.write_str("an IP address with a port, such as 0.0.0.0:8080 or [::]:8080"),
            Rule::File => f.write_str("the path of a file"),
            Rule::Country => f.write_str("a country by its two letters, such as DE or GB (ISO 3166)"),
            Rule::Digits(max) => write!(f, "at most {max} digits"),
            Rule::Keys => f.write_str(
                "32 random bytes in base64 or hex (`openssl rand -base64 32` makes them); several with commas",
            ),
            Rule::ShortNumbers => f.write_str(
                "numbers of 2 to 8 digits, *, # and X (any digit) with commas, such as 1733, 39XX, *27XX",
            ),
            Rule::Blocks => f.write_str(
                "numbers with their country and the first and last extension, with commas, such as \
                 +43 1 2345-0..99, +1 212 555 0100..0199",
            ),
            Rule::Prefix(max) => write!(f, "at most {max} digits, with *, # and a comma for a pause"),
        }
    }
}

impl Rule {
    /// Whether a value has to be hidden from people who may read the configuration.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Rule::Secret | Rule::SecretUrl | Rule::PasswordHash | Rule::Keys)
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) key: &'static str,
    /// What is in force when nobody sets it; empty where that is "none", or depends on another setting.
    pub(super) default: &'static str,
    pub(super) rule: Rule,
    pub(super) about: &'static str,
}

const fn setting(
    key: &'static str,
    default: &'static str,
    rule: Rule,
    about: &'static str,
) -> Setting {
    Setting { key, default, rule, about }
}

#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    setting("HOST", "127.0.0.1", Rule::Address, "address to listen on"),
    setting("PORT", "8000", Rule::Whole(1, 65_535), "port to listen on"),
    setting("DATABASE_URL", "sqlite:///./data/ringbook.db", Rule::Database, "where the directory is kept"),
    setting("SECRET_KEY", "", Rule::Keys, "seals tokens and other secrets in the database; that of SECRET_KEY_FILE when not set"),
    setting("SECRET_KEY_FILE", "", Rule::File, "file with that key, made at the first start; ringbook.key beside the database when not set"),
    setting("TRUSTED_PROXIES", "", Rule::Networks, "proxies whose X-Forwarded-For, -Proto, -Host, -Port and -Prefix are believed"),
    setting("ALLOWED_HOSTS", "", Rule::Hosts, "names that this server may be asked by, besides its addresses, its own name and PUBLIC_URL"),
    setting("TLS_CERT_FILE", "", Rule::File, "certificate chain in PEM form; with TLS_KEY_FILE, HOST and PORT speak HTTPS"),
    setting("TLS_KEY_FILE", "", Rule::File, "its private key in PEM form"),
    setting("PHONES_LISTEN", "", Rule::Socket, "one more address, plain HTTP, for /directory and /lookup alone"),
    setting("PHONE_NETWORKS", "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, fc00::/7, fe80::/10", Rule::NetworksOrNone, "who may read the directory without a token"),
    setting("PHONE_RATE_PER_SECOND", "20", Rule::Whole(0, 10_000), "requests of one phone; 0: as many as it likes"),
    setting("SESSION_IDLE_HOURS", "12", Rule::Whole(1, 720), "after so long without a click people sign in again"),
    setting("SESSION_MAX_DAYS", "30", Rule::Whole(1, 365), "after so long they sign in again in any case"),
    setting("AUTH_PROXY_HEADER", "", Rule::Header, "header in which a proxy of TRUSTED_PROXIES says who is signed in, such as Remote-User"),
    setting("AUTH_PROXY_ADMINS", "", Rule::Text(2000), "who of them may administer, with commas; all when not set"),
    setting("ADMIN_NAME", "", Rule::Text(100), "first administrator, made by `ringbook serve` while there is none"),
    setting("ADMIN_PASSWORD", "", Rule::Secret, "their password; better in a file, named by ADMIN_PASSWORD_FILE"),
    setting("ADMIN_PASSWORD_HASH", "", Rule::PasswordHash, "or its Argon2 hash, which `ringbook admins hash` prints"),
    setting("TIMEZONE", "UTC", Rule::Zone, "time zone of what is shown, and of schedules"),
    setting("LOG_LEVEL", "info", Rule::Level, "how much is logged"),
    setting("LOG_FORMAT", "text", Rule::OneOf(&["text", "json"]), "log lines for people or for programs"),

    setting("GOOGLE_CLIENT_ID", "", Rule::Word, "OAuth client of your Google Cloud project"),
    setting("GOOGLE_CLIENT_SECRET", "", Rule::Secret, "its secret"),
    setting("GOOGLE_REDIRECT_URI", "", Rule::Url, "where Google sends people back to; http(s)://localhost:PORT/auth/callback when not set"),
    setting("AUTH_RETURN_ORIGINS", "", Rule::Origins, "other servers that `redirect_uri` of /auth/google may lead back to, such as https://phones.example.com"),
    setting("GOOGLE_API_BASE_URL", "https://people.googleapis.com", Rule::SecureUrl, "the People API"),
    setting("GOOGLE_AUTH_URL", "https://accounts.google.com/o/oauth2/v2/auth", Rule::Url, "Google's consent page"),
    setting("GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token", Rule::SecureUrl, "where Google gives out tokens"),
    setting("GOOGLE_REVOKE_URL", "https://oauth2.googleapis.com/revoke", Rule::SecureUrl, "where Google takes them back"),

    setting("DIRECTORY_TITLE", "Ringbook", Rule::CutText(32), "heading on the phones"),
    setting("DIRECTORY_MAX_ENTRIES_PER_PAGE", "32", Rule::Capped(1, 32), "entries on one screen page of a phone"),
    setting("DIRECTORY_LOCALE", "en", Rule::Locale, "whose alphabet names are sorted by"),
    setting("DIRECTORY_NAMES", "first-last", Rule::OneOf(&["first-last", "last-first"]), "which part of a name comes first, and is sorted by"),
    setting("DIRECTORY_NAME_PARTICLES", "by-language", Rule::OneOf(&["by-language", "in-front", "behind"]), "with last names first, whether `van der Berg` is sorted under V (in-front), under B (behind), or as DIRECTORY_LOCALE has it"),
    setting("DIRECTORY_FAX_NUMBERS", "last", Rule::OneOf(&["last", "hide"]), "show fax and pager numbers on phones behind all others, or not at all"),
    setting("DIRECTORY_EMPTY_GROUPS", "hide", Rule::OneOf(&["hide", "mark"]), "leave keypad groups without contacts out, or mark them"),
    setting("DIRECTORY_MERGE_DUPLICATES", "false", Rule::Switch, "show a person of several accounts once, known by a shared number"),
    setting("LOOKUP_MIN_DIGITS", "7", Rule::Whole(4, 15), "digits that two numbers must share at their ends to be the same, where one lacks its country"),
    setting("PUBLIC_URL", "", Rule::PublicUrl, "where phones find this server, such as http://10.0.0.5:8000; what they asked for when not set"),
    setting("BASE_PATH", "", Rule::BasePath, "path below which a proxy shows all of this, such as /ringbook; that of PUBLIC_URL when not set"),
    setting("SEARCH_RESULTS_LIMIT", "50", Rule::Capped(1, 500), "most results that a search gives"),

    setting("DIAL_REGION", "", Rule::Country, "country that the phones are in, such as DE"),
    setting("DIAL_PLUS", "keep", Rule::OneOf(&["keep", "prefix", "drop"]), "whether phones dial the + of a number, the international prefix instead, or neither"),
    setting("DIAL_INTERNATIONAL_PREFIX", "", Rule::Digits(PREFIX_MAX), "what is dialled instead of a +, such as 00; that of DIAL_REGION when not set"),
    setting("DIAL_NATIONAL", "international", Rule::OneOf(&["international", "national", "bare"]), "own country's numbers like any other, with the trunk prefix (030…) or without (30…)"),
    setting("DIAL_OUTSIDE_PREFIX", "", Rule::Prefix(PREFIX_MAX), "what is dialled for an outside line, such as 0 or 9"),
    setting("DIAL_EXTENSION_DIGITS", "5", Rule::Whole(0, 10), "numbers of at most so many digits are extensions and dialled as they are"),
    setting("DIAL_OUTSIDE_NUMBERS", "", Rule::ShortNumbers, "short numbers and codes that are outside all the same, such as 1733, 39XX, *27XX; X is any digit"),
    setting("DIAL_OWN_NUMBERS", "", Rule::Blocks, "numbers of this PBX, such as +43 1 2345-0..99, dialled as the extensions behind the hyphen"),
    setting("DIAL_AREA", "", Rule::Digits(PREFIX_MAX), "area code of the phones, such as 0221, for numbers without one"),
    setting("DIAL_PAUSES", "keep", Rule::OneOf(&["keep", "cut"]), "whether extensions, and what follows a pause, are dialled after a comma"),

    setting("SYNC_SCHEDULER_ENABLED", "false", Rule::Switch, "sync by itself"),
    setting("SYNC_INTERVAL_MINUTES", "60", Rule::Whole(5, 1_440), "time between two syncs"),
    setting("SYNC_BATCH_SIZE", "1000", Rule::Whole(1, 1_000), "contacts in a page and in a transaction"),
    setting("SYNC_DELAY_SECONDS", "0", Rule::Seconds(0, 60), "pause between two pages"),
    setting("SYNC_FULL_AFTER_HOURS", "120", Rule::Whole(1, 160), "age at which a sync token is renewed by a full sync; Google's die at 168"),
    setting("SYNC_RETRY_BASE_MS", "1000", Rule::Whole(1, 600_000), "least wait after an error at Google"),
    setting("SYNC_RETRY_RATE_LIMIT_MS", "30000", Rule::Whole(1, 3_600_000), "least wait after Google said slow down"),
    setting("SYNC_RETRY_ATTEMPTS", "8", Rule::Whole(1, 100), "tries of one request before a run fails"),
    setting("SYNC_RETRY_TOTAL_SECONDS", "1800", Rule::Whole(1, 86_400), "longest time spent on the tries of one request"),
    setting("SYNC_GUARD_CONTACTS", "10", Rule::Whole(0, 1_000_000), "deletions that no run is held for, up to half of all"),
    setting("SYNC_GUARD_PERCENT", "3", Rule::Whole(0, 100), "share of the contacts that no run is held for, in percent"),

    setting("ALERT_AFTER_HOURS", "24", Rule::Whole(1, 8_760), "time without a success that raises the alarm; at least two intervals when not set"),
    setting("ALERT_WEBHOOK_URL", "", Rule::SecretUrl, "told once when the alarm is raised and when it is over"),
    setting("HISTORY_KEEP_RUNS", "10000", Rule::Whole(1, 1_000_000), "finished runs kept of each account"),
    setting("HISTORY_KEEP_DAYS", "180", Rule::Whole(1, 3_650), "age at which finished runs are forgotten"),
    setting("TOMBSTONE_KEEP_DAYS", "90", Rule::Whole(1, 3_650), "time in which a deleted contact can be restored"),
    setting("LEASE_SECONDS", "10", Rule::Whole(3, 60), "time after which another process may take over from one that fell silent"),
];

pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The setting that `NAME_FILE` gives a value to: for secrets, which Docker and Kubernetes put into files.
pub(super) fn read_from_file(key: &str) -> Option<&'static Setting> {
    if find(key).is_some() {
        return None;
    }
    let setting = find(key.strip_suffix("_FILE")?)?;
    let is_secret = match setting.rule {
        Rule::Secret | Rule::SecretUrl | Rule::PasswordHash | Rule::Database => true,
        _ => setting.key == "GOOGLE_CLIENT_ID",
    };
    is_secret.then_some(setting)
}

/// Whether a name that is none of ours is nearly one: the beginning of one, or with a letter or two wrong.
pub(super) fn is_a_slip(name: &str) -> bool {
    // HOME is as near to HOST as a slip of the finger: short names are only compared in full.
    let name = name.to_ascii_uppercase();
    // Words whose lengths differ by more are farther apart.
    let alike = |key: &str| key.len().abs_diff(name.len()) <= 2 && distance(key, &name) <= 2;
    let near = |s: &Setting| s.key.len() >= 8 && (s.key.starts_with(&name) || alike(s.key));
    let of_a_file = |s: &Setting| s.key.len() >= 8 && name.strip_suffix("_FILE") == Some(s.key);
    (8..100).contains(&name.len()) && SETTINGS.iter().any(|s| near(s) || of_a_file(s))
}

/// A variable that begins like this is meant for us, so a wrong one is a mistake and not somebody else's.
const OURS: &[&str] = &[
    "SYNC_",
    "DIRECTORY_",
    "DIAL_",
    "LOOKUP_",
    "RINGBOOK_",
    "HISTORY_",
    "ALERT_",
    "SEARCH_",
    "TOMBSTONE_",
    "LEASE_",
    "ADMIN_",
];

/// Whether a variable that is none of our settings was probably meant to be one.
pub(super) fn looks_like_ours(name: &str, value: &str) -> bool {
    if name.starts_with("RINGBOOK_TEST_") || set_by_an_orchestrator(name, value) {
        return false;
    }
    if OURS.iter().any(|prefix| name.starts_with(prefix)) {
        return true;
    }
    is_a_slip(name)
}

/// Kubernetes and Docker describe a service called `sync` or `ringbook` by variables of that name.
fn set_by_an_orchestrator(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
        || (name.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://")))
}

/// The setting whose name is most like `name`, if any is like it at all.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    // Comparing takes its time, and no slip of the finger makes a name this long.
    if name.len() > 100 {
        return None;
    }
    let name = name.to_ascii_uppercase();
    let begun = SETTINGS.iter().find(|s| name.len() >= 4 && s.key.starts_with(&name));
    if let Some(setting) = begun {
        return Some(setting.key);
    }
    let (far, key) = SETTINGS.iter().map(|s| (distance(s.key, &name), s.key)).min()?;
    (2 * far <= key.len()).then_some(key)
}

/// How many letters must be added, removed or replaced to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            let best = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            row[j] = left;
            left = best;
        }
        row[b.len()] = left;
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (a, b, far) in
            [("PORT", "PORT", 0), ("HOST", "HOME", 2), ("", "ABC", 3), ("KITTEN", "SITTING", 3)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
            assert_eq!(distance(b, a), far, "{b} {a}");
        }
    }

    #[test]
    fn a_name_that_is_far_too_long_is_like_no_setting() {
        assert_eq!(nearest(&"SYNC_".repeat(20_000)), None);
        assert!(!looks_like_ours(&"X".repeat(1 << 20), "x"));
        assert_eq!(nearest("SYNC_INTERVAL_MINUTE"), Some("SYNC_INTERVAL_MINUTES"));
    }

    #[test]
    fn other_programs_variables_are_left_alone() {
        for name in ["HOME", "PATH", "HOSTNAME", "GOOGLE_APPLICATION_CREDENTIALS", "LOGNAME", "TZ"]
        {
            assert!(!looks_like_ours(name, "x"), "{name}");
        }
        assert!(!looks_like_ours("RINGBOOK_PORT", "tcp://10.0.0.1:80"));
        assert!(!looks_like_ours("RINGBOOK_SERVICE_HOST", "10.0.0.1"));
        assert!(!looks_like_ours("SYNC_PORT_80_TCP_ADDR", "10.0.0.1"));
        assert!(looks_like_ours("RINGBOOK_PORT", "8000"));
        assert!(looks_like_ours("SYNC_INTERVAL", "5"));
        assert!(looks_like_ours("DATABSE_URL", "x"));
    }

    #[test]
    fn no_setting_is_listed_twice() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..at].iter().all(|s| s.key != setting.key), "{}", setting.key);
        }
    }
}
