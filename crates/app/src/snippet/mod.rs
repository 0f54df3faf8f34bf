//! The piece of a phone's configuration that leads it to the directory.
//!
//! The pieces themselves are the text files beside this one; `docs/phones` shows and explains them.

use std::net::IpAddr;

use any_ascii::any_ascii;
use quick_xml::escape::escape;
use serde::Serialize;

use crate::config;
use crate::config::Config;

/// Phones that are set up in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Enterprise,
    Cucm,
    Mpp,
    #[serde(rename = "9800")]
    Desk9800,
    Spa,
}

/// Cisco's limit for the settings of a phone that are URLs.
const URL_MAX: usize = 255;
/// Links on a phone's screens have a similar limit, and are longer than the directory's own URL.
const URL_ROOMY: usize = 160;

/// A piece to paste, and what there is to know about it.
#[derive(Debug, Serialize)]
pub struct Snippet {
    pub family: Family,
    pub snippet: String,
    pub directory_url: String,
    pub notes: Vec<String>,
}

/// Why there is no piece, with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SnippetError(String);

impl Family {
    pub const ALL: [Family; 5] =
        [Family::Enterprise, Family::Cucm, Family::Mpp, Family::Desk9800, Family::Spa];

    /// What people type to choose it.
    pub fn word(self) -> &'static str {
        match self {
            Family::Enterprise => "enterprise",
            Family::Cucm => "cucm",
            Family::Mpp => "mpp",
            Family::Desk9800 => "9800",
            Family::Spa => "spa",
        }
    }

    /// The one of this [`word`](Family::word).
    pub fn named(word: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|it| it.word() == word)
    }

    /// Its phones, in one line for people.
    pub fn phones(self) -> &'static str {
        match self {
            Family::Enterprise => {
                "Enterprise firmware with Asterisk: 6900, 7800, 7900, 8800, 8900, 9900"
            }
            Family::Cucm => "Any phone of a Cisco Unified Communications Manager",
            Family::Mpp => "Multiplatform firmware: 6800, 7800, 8800",
            Family::Desk9800 => "Desk Phone 9800 and Video Phone 8875",
            Family::Spa => "SPA300 and SPA500",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Family::Enterprise => include_str!("enterprise.xml"),
            Family::Cucm => include_str!("cucm.txt"),
            Family::Mpp => include_str!("mpp.xml"),
            Family::Desk9800 => include_str!("9800.xml"),
            Family::Spa => include_str!("spa.xml"),
        }
    }

    fn https_note(self) -> &'static str {
        match self {
            Family::Enterprise | Family::Cucm => {
                "over HTTPS, enterprise phones accept only certificates that their trust list (ITL, \
                 CTL) or the Trust Verification Service vouches for, and 7900s speak TLS 1.0 only; \
                 plain HTTP in the phones' own network spares you that"
            }
            Family::Mpp | Family::Desk9800 => {
                "over HTTPS, the phone must know the authority that signed the server's certificate; \
                 plain HTTP in the phones' own network spares you that"
            }
            Family::Spa => {
                "SPA phones are known to open no XML services over HTTPS; use plain HTTP"
            }
        }
    }

    /// In the settings of these phones a dollar sign begins a macro.
    fn has_macros(self) -> bool {
        matches!(self, Family::Mpp | Family::Desk9800 | Family::Spa)
    }
}

/// The piece for a family. `asked` says where phones find this server, if anybody does; `mac` is a phone's
/// MAC address, with or without `SEP` in front.
///
/// # Errors
/// When the server's URL is not known, or is none that a phone could use.
pub fn make(
    family: Family,
    asked: Option<&str>,
    mac: Option<&str>,
    config: &Config,
) -> Result<Snippet, SnippetError> {
    let mut notes = Vec::new();
    let base = base(asked, config, &mut notes)?;
    let url = format!("{base}/directory");
    if url.len() > URL_MAX {
        return Err(SnippetError(format!(
            "the URL of the directory is {} characters long, and phones take no more than {URL_MAX}; \
             give the server a shorter one with --url or PUBLIC_URL",
            url.len()
        )));
    }
    if url.len() > URL_ROOMY {
        notes.push(format!(
            "the URL is {} characters long; phones take {URL_MAX}, but the links on their screens \
             are longer, so a shorter one is safer",
            url.len()
        ));
    }
    let https = base.starts_with("https:");
    if https {
        notes.push(family.https_note().to_owned());
    }
    if family.has_macros() && url.contains('$') {
        notes.push("`$` begins a macro on this phone; write `$$` where you mean the sign".into());
    }
    let mac = mac.map(device_name).transpose()?;
    if mac.is_some() && family != Family::Enterprise {
        notes.push("--mac is only used with --family enterprise".into());
    }

    let title = config.directory_title.as_str();
    let ascii_name = any_ascii(title);
    let values = [
        ("url", url.as_str()),
        ("secure_url", if https { &url } else { "" }),
        ("secure_field", if https { &url } else { "(leave empty)" }),
        ("https", if https { "true" } else { "false" }),
        ("name", if title.is_empty() { "Ringbook" } else { title }),
        ("ascii_name", if ascii_name.trim().is_empty() { "Ringbook" } else { &ascii_name }),
        ("file", &format!("{}.cnf.xml", mac.as_deref().unwrap_or("SEPxxxxxxxxxxxx"))),
    ];
    let snippet = match family {
        Family::Cucm => filled(family.template(), &values, str::to_owned),
        _ => filled(family.template(), &values, |value| escape(value).into_owned()),
    };
    Ok(Snippet { family, snippet, directory_url: url, notes })
}

/// Where phones find this server, as somebody says it with `--url`.
///
/// # Errors
/// When it is no URL.
pub fn given(asked: &str) -> Result<String, SnippetError> {
    let url = config::url(asked).ok_or_else(|| {
        SnippetError(format!(
            "--url `{asked}` is no URL of a server; allowed is one that begins with http:// or \
             https://, such as http://10.0.0.5:8000"
        ))
    })?;
    // Whoever copies the URL out of a phone brings its last part along.
    Ok(url.strip_suffix("/directory").unwrap_or(&url).to_owned())
}

/// Where phones find this server, without a slash at the end.
fn base(
    asked: Option<&str>,
    config: &Config,
    notes: &mut Vec<String>,
) -> Result<String, SnippetError> {
    let door = config.phones_address();
    let loopback = door.ip().is_loopback();
    let (base, named) = match (asked, config.public_url.as_deref()) {
        (Some(asked), _) => (given(asked)?, "--url"),
        (None, Some(set)) => (set.to_owned(), "PUBLIC_URL"),
        (None, None) if loopback => {
            return Err(SnippetError(format!(
                "Ringbook listens on {} only, where no phone can reach it. Set PHONES_LISTEN to this \
                 machine's address in the phones' network (or to 0.0.0.0:8080), and PUBLIC_URL to \
                 where phones find it, such as http://10.0.0.5:8080; or say it now with --url",
                door.ip()
            )));
        }
        (None, None) if door.ip().is_unspecified() => {
            return Err(SnippetError(format!(
                "Phones are served at {door}, every address of this machine, so which one they \
                 should use is not known. Set PUBLIC_URL, such as http://10.0.0.5:{}; or say it now \
                 with --url",
                door.port()
            )));
        }
        (None, None) => {
            let scheme = if config.phones_secure() { "https" } else { "http" };
            let guess = format!("{scheme}://{door}");
            notes.push(format!(
                "{guess} is a guess from where Ringbook listens; if phones find this server elsewhere, set \
                 PUBLIC_URL or say --url"
            ));
            return Ok(guess);
        }
    };
    if base.contains('?') {
        return Err(SnippetError(format!(
            "the URL in {named} has a query, and phones append one of their own; leave out what \
             begins with the question mark"
        )));
    }
    if leads_home(&base) {
        return Err(SnippetError(format!(
            "the URL in {named} leads every phone to itself: {base}. Say this machine's address in \
             the phones' network, such as http://10.0.0.5:{}",
            door.port()
        )));
    }
    if loopback {
        notes.push(format!(
            "Ringbook listens on {} only, so phones reach it only through a proxy on this machine; \
             without one, set PHONES_LISTEN to an address in the phones' network",
            door.ip()
        ));
    }
    Ok(base)
}

/// Whether whoever opens the URL asks their own machine.
pub fn leads_home(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|it| it.is_loopback() || it.is_unspecified())
}

/// `SEP001122334455`, the name under which enterprise phones know themselves.
fn device_name(text: &str) -> Result<String, SnippetError> {
    let bare: String =
        text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect::<String>();
    let bare = bare.to_ascii_uppercase();
    let digits = bare.strip_prefix("SEP").unwrap_or(&bare);
    if digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(format!("SEP{digits}"));
    }
    Err(SnippetError(format!(
        "`{text}` is no MAC address; it has twelve digits from 0 to F, such as SEP001122334455"
    )))
}

/// `template` with each `{{name}}` replaced. What is put in is not looked at again.
fn filled(template: &str, values: &[(&str, &str)], escape: impl Fn(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        debug_assert!(value.is_some(), "`{name}` is in a template and has no value");
        text.push_str(before);
        text.push_str(&escape(value.unwrap_or_default()));
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(family: Family, settings: &[(&str, &str)]) -> Result<Snippet, String> {
        let config = Config::of(settings).unwrap();
        make(family, None, None, &config).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_title_with_odd_letters_is_escaped_for_xml() {
        let settings =
            [("PUBLIC_URL", "http://a.example/x~y"), ("DIRECTORY_TITLE", "Müller & Co's <phones>")];
        let xml = of(Family::Mpp, &settings).unwrap().snippet;
        assert!(xml.contains(">http://a.example/x~y/directory<"), "{xml}");
        assert!(xml.contains(">Müller &amp; Co&apos;s &lt;phones&gt;<"), "{xml}");
        let text = of(Family::Cucm, &settings).unwrap().snippet;
        assert!(text.contains(" http://a.example/x~y/directory\n"), "{text}");
        assert!(text.contains(" Muller & Co's <phones>\n"), "{text}");
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        let settings = [("PUBLIC_URL", "http://a.example"), ("DIRECTORY_TITLE", "{{url}}")];
        for family in Family::ALL {
            let snippet = of(family, &settings).unwrap().snippet;
            assert_eq!(snippet.replace("{{url}}", "").find("{{"), None, "{snippet}");
            assert!(snippet.contains("{{url}}"), "{snippet}");
        }
    }

    #[test]
    fn an_address_that_phones_can_reach_is_guessed_and_said_to_be_a_guess() {
        let made = of(Family::Mpp, &[("HOST", "10.0.0.5"), ("PORT", "81")]).unwrap();
        assert_eq!(made.directory_url, "http://10.0.0.5:81/directory");
        assert!(made.notes[0].contains("guess"), "{:?}", made.notes);
        let made = of(Family::Mpp, &[("HOST", "fd00::5")]).unwrap();
        assert_eq!(made.directory_url, "http://[fd00::5]:8000/directory");
        for (host, word) in [("127.0.0.1", "no phone can reach"), ("0.0.0.0", "every address")] {
            let refused = of(Family::Mpp, &[("HOST", host)]).unwrap_err();
            assert!(refused.contains(word) && refused.contains("PUBLIC_URL"), "{refused}");
        }
    }

    #[test]
    fn a_url_that_leads_a_phone_to_itself_is_known() {
        for home in [
            "http://localhost:8000",
            "http://127.1.2.3/x",
            "http://[::1]:80",
            "http://0.0.0.0",
            "https://a.LOCALHOST.",
            "http://[::]",
        ] {
            assert!(leads_home(home), "{home}");
        }
        for away in ["http://localhost.example", "http://10.0.0.5:8000", "http://[fd00::1]"] {
            assert!(!leads_home(away), "{away}");
        }
    }

    #[test]
    fn a_mac_address_is_read_in_every_usual_form() {
        for text in ["SEP0011aabbccdd", "00:11:AA:BB:CC:DD", "0011.aabb.ccdd", "00-11-aa-bb-cc-dd"]
        {
            assert_eq!(device_name(text).unwrap(), "SEP0011AABBCCDD");
        }
        for bad in ["", "SEP", "0011aabbccd", "0011aabbccddee", "0011aabbccdg", "é011aabbccd"] {
            assert!(device_name(bad).is_err(), "{bad}");
        }
    }
}
