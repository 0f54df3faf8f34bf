//! Where values come from: reading each source, and choosing between them.
//!
//! [`Layers::read`] is the only code that reads the environment. [`resolve`] is pure.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::table::{self, Rule, Setting};
use super::value;
use super::{ConfigError, Flags};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// What systemd hands to a service, by its name.
    Credential(&'static str),
    Environment,
    /// The `.env` file of the working directory.
    DotEnv,
    /// A TOML file.
    File(PathBuf),
    /// A flag, as it is written.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Credential(name) => write!(f, "systemd credential {name}"),
            Source::Environment => f.write_str("environment"),
            Source::DotEnv => f.write_str(".env"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One value as somebody wrote it.
#[derive(Clone)]
pub(super) struct Raw {
    /// In the environment's form, `SYNC_BATCH_SIZE`, except for names that are wrong.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) source: Source,
}

/// Everything that was read, in rising precedence.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) values: Vec<Raw>,
    /// What could not be read at all.
    pub(super) errors: Vec<ConfigError>,
}

const DOTENV: &str = ".env";
const TOML: &str = "ringbook.toml";
/// Files in systemd's `$CREDENTIALS_DIRECTORY`, and the settings that they are.
const CREDENTIALS: &[(&str, &str)] = &[("ringbook-key", "SECRET_KEY")];

impl Layers {
    pub(super) fn read(flags: &Flags) -> Layers {
        let mut layers = Layers::default();
        layers.credentials();
        layers.environment();
        layers.dotenv(Path::new(DOTENV));
        match &flags.config {
            Some(path) => layers.toml(path, true),
            None => layers.toml(Path::new(TOML), false),
        }
        layers.flags(flags);
        layers
    }

    fn put(&mut self, source: Source, key: impl Into<String>, value: impl Into<String>) {
        self.values.push(Raw { key: key.into(), value: value.into(), source });
    }

    fn fail(&mut self, source: Source, key: &str, problem: String) {
        self.errors.push(ConfigError { key: key.to_owned(), source, problem });
    }

    /// What is in systemd's folder. Its rights are systemd's business.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    fn credentials(&mut self) {
        let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return };
        for (name, key) in CREDENTIALS {
            let source = || Source::Credential(name);
            if let Some(text) = self.text(source(), &Path::new(&folder).join(name), false) {
                self.put(source(), *key, text);
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    fn environment(&mut self) {
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            match value.to_str() {
                Some(value) => self.put(Source::Environment, name, value),
                None if table::find(name).is_some() => {
                    self.fail(Source::Environment, name, "is not valid UTF-8".to_owned());
                }
                None => {}
            }
        }
    }

    fn dotenv(&mut self, path: &Path) {
        let Some(text) = self.text(Source::DotEnv, path, false) else { return };
        self.dotenv_text(&text);
    }

    pub(super) fn dotenv_text(&mut self, text: &str) {
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            match item {
                Ok((key, value)) => self.put(Source::DotEnv, key, value),
                // The line is not repeated: it may hold a secret.
                Err(dotenvy::Error::LineParse(line, _)) => {
                    let at = text.lines().position(|l| l.trim() == line.trim());
                    let at = at.map_or("a line".to_owned(), |at| format!("line {}", at + 1));
                    let problem = format!(
                        "{at} cannot be read; allowed is KEY=value, with quotes around spaces"
                    );
                    self.fail(Source::DotEnv, "", problem);
                }
                Err(error) => self.fail(Source::DotEnv, "", format!("cannot be read: {error}")),
            }
        }
    }

    fn toml(&mut self, path: &Path, required: bool) {
        let source = Source::File(path.to_owned());
        let Some(text) = self.text(source, path, required) else { return };
        self.toml_text(path, &text);
    }

    pub(super) fn toml_text(&mut self, path: &Path, text: &str) {
        let source = || Source::File(path.to_owned());
        let entries = match text.parse::<toml::Table>() {
            Ok(entries) => entries,
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
                // Only the parser's sentence: its picture of the line could show a secret.
                self.fail(source(), "", format!("line {line} is not TOML: {}", error.message()));
                return;
            }
        };
        for (key, entry) in entries {
            let upper = key.to_ascii_uppercase();
            if upper == key || table::find(&upper).is_none() {
                let near = table::nearest(&key).map(str::to_ascii_lowercase);
                self.fail(source(), &key, unknown(near.as_deref()));
                continue;
            }
            match scalar(&entry) {
                Some(value) => self.put(source(), upper, value),
                None => {
                    let found = entry.type_str();
                    let problem = format!(
                        "found a {found}; allowed is a text, number, boolean or list of texts"
                    );
                    self.fail(source(), &upper, problem);
                }
            }
        }
    }

    pub(super) fn flags(&mut self, flags: &Flags) {
        for pair in &flags.set {
            let Some((key, value)) = pair.split_once('=') else {
                let problem =
                    "allowed is KEY=VALUE, such as --set SYNC_INTERVAL_MINUTES=15".to_owned();
                // Not repeated: it could be a secret whose key was forgotten.
                self.fail(Source::Flag("--set".to_owned()), "", problem);
                continue;
            };
            let key = key.trim().to_ascii_uppercase();
            self.put(Source::Flag(format!("--set {key}")), key, value);
        }
        for (flag, key, value) in [
            ("--database-url", "DATABASE_URL", &flags.database_url),
            ("--host", "HOST", &flags.host),
            ("--port", "PORT", &flags.port),
            ("--log-level", "LOG_LEVEL", &flags.log_level),
        ] {
            if let Some(value) = value {
                self.put(Source::Flag(flag.to_owned()), key, value);
            }
        }
    }

    fn text(&mut self, source: Source, path: &Path, required: bool) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if !required && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.fail(source, "", format!("cannot be read: {error}"));
                None
            }
        }
    }
}

fn scalar(entry: &toml::Value) -> Option<String> {
    match entry {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(list) => {
            let parts: Option<Vec<&str>> = list.iter().map(toml::Value::as_str).collect();
            Some(parts?.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn unknown(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("is not a setting; did you mean {nearest}?"),
        None => "is not a setting; `ringbook config` lists them".to_owned(),
    }
}

/// The value in force of every setting that somebody set, and what is wrong with the names.
pub(super) fn resolve(layers: Layers) -> (BTreeMap<&'static str, Raw>, Vec<ConfigError>) {
    let Layers { values, mut errors } = layers;
    let mut chosen = BTreeMap::new();
    for raw in values {
        let blank = raw.value.trim().is_empty();
        match table::find(&raw.key) {
            // Empty means not set: that is how compose files pass on what is not there.
            Some(_) if blank => {}
            Some(setting) => {
                chosen.insert(setting.key, raw);
            }
            None => {
                let ours = match raw.source {
                    Source::Flag(_) => true,
                    _ => !blank && table::looks_like_ours(&raw.key, &raw.value),
                };
                if ours {
                    let problem = unknown(table::nearest(&raw.key));
                    errors.push(ConfigError { key: raw.key, source: raw.source, problem });
                }
            }
        }
    }
    (chosen, errors)
}

/// A value as it may be shown to whoever may read the configuration.
pub(super) fn shown(setting: &Setting, value: &str) -> String {
    match setting.rule {
        Rule::Secret | Rule::Keys if value.is_empty() => String::new(),
        Rule::Secret | Rule::Keys => "***".to_owned(),
        Rule::SecretUrl => value::host_only(&value::masked(value)),
        Rule::Database | Rule::Url => value::masked(value),
        _ => value.to_owned(),
    }
}
