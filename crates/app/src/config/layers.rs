//! Where values come from: reading each source, and choosing between them.
//!
//! `Layers::read` is the only code that reads the environment. `resolve` is pure.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::table::{self, Rule, Setting};
use super::value;
use super::{ConfigError, ConfigNote, Flags, dotenv};
use ringbook_runtime::files;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// What systemd hands to a service, by its name.
    Credential(&'static str),
    Environment,
    /// The `.env` file of the working directory, and the line; 0 for the file as a whole.
    DotEnv(usize),
    /// A TOML file.
    File(PathBuf),
    /// A file that `NAME_FILE` names, and who says so.
    Named {
        path: PathBuf,
        by: Box<Source>,
        key: String,
    },
    /// A flag, as it is written.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Credential(name) => write!(f, "systemd credential {name}"),
            Source::Environment => f.write_str("environment"),
            Source::DotEnv(0) => f.write_str(".env"),
            Source::DotEnv(line) => write!(f, ".env line {line}"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Named { path, by, key } => {
                write!(f, "{} ({key}, {by})", path.display())
            }
            Source::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Source {
    /// Whether a file says this that stands where Ringbook is started, and not who started it.
    fn is_a_settings_file(&self) -> bool {
        match self {
            Source::DotEnv(_) | Source::File(_) => true,
            Source::Named { by, .. } => by.is_a_settings_file(),
            _ => false,
        }
    }

    fn is_flag(&self) -> bool {
        match self {
            Source::Flag(_) => true,
            Source::Named { by, .. } => by.is_flag(),
            _ => false,
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
pub struct Layers {
    pub(super) values: Vec<Raw>,
    /// What could not be read at all.
    pub errors: Vec<ConfigError>,
    /// What was read, and whoever wrote it should know how.
    pub(super) notes: Vec<ConfigNote>,
}

const DOTENV: &str = ".env";
/// The bytes by which names make its values longer, all together: a few lines that double each other would else fill the
/// memory.
const GROWTH_MAX: usize = 64 << 10;
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
            Some(path) => layers.toml(path, Reading::Required),
            None => layers.toml(Path::new(TOML), Reading::Found),
        }
        layers.flags(flags);
        layers.named_files();
        layers
    }

    /// Puts in place of each `NAME_FILE` what is in that file.
    pub(super) fn named_files(&mut self) {
        for at in 0..self.values.len() {
            let Raw { key, value, source } = &self.values[at];
            let Some(setting) = table::read_from_file(key).filter(|_| !value.trim().is_empty())
            else {
                continue;
            };
            let (path, key, by) = (PathBuf::from(value.trim()), key.clone(), source.clone());
            let found = match files::read_text(&path) {
                Ok(Some((text, _))) if text.trim().is_empty() => Err("is empty".to_owned()),
                Ok(Some((text, _))) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Ok(None) => Err("does not exist".to_owned()),
                Err(why) => Err(why),
            };
            match found {
                Ok(value) => {
                    let source = Source::Named { path, by: Box::new(by), key };
                    self.values[at] = Raw { key: setting.key.to_owned(), value, source };
                }
                Err(why) => {
                    self.values[at].value.clear();
                    self.fail(by, &key, format!("the file {} {why}", path.display()));
                }
            }
        }
    }

    fn put(&mut self, source: Source, key: impl Into<String>, value: impl Into<String>) {
        self.values.push(Raw { key: key.into(), value: value.into(), source });
    }

    fn fail(&mut self, source: Source, key: &str, problem: String) {
        self.errors.push(ConfigError { key: key.to_owned(), source, problem });
    }

    /// What is in systemd's folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    fn credentials(&mut self) {
        let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return };
        for (name, key) in CREDENTIALS {
            let source = || Source::Credential(name);
            // Its rights are systemd's business.
            if let Some(text) =
                self.text(source(), &Path::new(&folder).join(name), Reading::Optional)
            {
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
            if let Some(setting) = table::find(&name.to_ascii_uppercase())
                && setting.key != name
            {
                let key = setting.key;
                self.note(
                    key,
                    format!("the environment's `{name}` is not read; write it as {key}"),
                );
            }
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
        let Some(text) = self.text(Source::DotEnv(0), path, Reading::Found) else { return };
        self.dotenv_text(&text);
    }

    pub fn dotenv_text(&mut self, text: &str) {
        let mut unused = Vec::new();
        // Every name of the file, ours or not: a later line may say it.
        let mut above: BTreeMap<String, String> = BTreeMap::new();
        let named_by_others = RefCell::new(BTreeSet::new());
        let mut growth = 0;
        let has_names = text.contains("${");
        for item in dotenv::read(text) {
            let entry = match item {
                Ok(entry) => entry,
                // The line is not repeated: it may hold a secret.
                Err(misread) => {
                    let key = misread.key.unwrap_or_default();
                    self.fail(Source::DotEnv(misread.line), &key, misread.problem.to_owned());
                    continue;
                }
            };
            let line = entry.line;
            // Tools that ignore the case of names have been fed by such files.
            let upper = entry.key.to_ascii_uppercase();
            let known = table::find(&upper).or_else(|| table::read_from_file(&upper));
            let named = if has_names { entry.key.clone() } else { String::new() };
            let key = if known.is_some() { upper } else { entry.key };
            let Some(value) = entry.value else {
                // Docker takes its value from the environment, and python-dotenv has none for it: so has it here.
                match known.is_some() || table::is_a_slip(&key) {
                    true => self.fail(
                        Source::DotEnv(line),
                        &key,
                        "is a name without a value; allowed is KEY=value".to_owned(),
                    ),
                    false => unused.push((key, line)),
                }
                continue;
            };
            let filled = value.filled(|name| {
                named_by_others.borrow_mut().insert(name.to_owned());
                let in_environment = |it: &&Raw| it.source == Source::Environment && it.key == name;
                let outside = || self.values.iter().find(in_environment).map(|it| it.value.clone());
                above.get(name).cloned().or_else(outside)
            });
            growth += filled.text.len().saturating_sub(value.len());
            if filled.is_too_long || growth > GROWTH_MAX {
                let problem = "is far too long once the names in it are replaced".to_owned();
                self.fail(Source::DotEnv(line), &key, problem);
                return;
            }
            if let Some(setting) = known {
                // What looks like a name in a secret may be a part of it.
                let is_open = !setting.rule.is_secret() && !matches!(setting.rule, Rule::Database);
                let said =
                    |name: &str| if is_open { format!("${{{name}}}") } else { "${…}".to_owned() };
                let unknown: BTreeSet<String> = filled.unknown.iter().map(|it| said(it)).collect();
                for name in unknown {
                    self.note(
                        setting.key,
                        format!(
                            ".env line {line}: {key} names {name}, which is set neither above that line nor in the \
                             environment, so it counts as empty. To keep it as it is, put the value in single quotes"
                        ),
                    );
                }
                let left_alone: BTreeSet<String> =
                    value.left_alone().into_iter().map(said).collect();
                for name in left_alone {
                    self.note(
                        setting.key,
                        format!(
                            ".env line {line}: {key} has {name} in single quotes, so it is kept as it is. To replace \
                             it, use double quotes"
                        ),
                    );
                }
            }
            let value = filled.text;
            if has_names {
                above.insert(named, value.clone());
            }
            match known {
                Some(setting) if entry.has_bare_blanks && !value.starts_with('[') => self.note(
                    setting.key,
                    format!(
                        ".env line {line}: {key} has blanks and no quotes; all of the line is taken. \
                         Write {key}=\"…\""
                    ),
                ),
                None if !table::is_a_slip(&key) && !value.is_empty() => {
                    unused.push((key, line));
                    continue;
                }
                _ => {}
            }
            self.put(Source::DotEnv(line), key, value);
        }
        let named_by_others = named_by_others.into_inner();
        unused.retain(|(key, _)| !named_by_others.contains(key));
        if !unused.is_empty() {
            let names: Vec<String> =
                unused.iter().map(|(key, line)| format!("{key} (line {line})")).collect();
            let names = names.join(", ");
            self.note("", format!(".env: not used, since Ringbook has no such settings: {names}"));
        }
    }

    fn toml(&mut self, path: &Path, reading: Reading) {
        let source = Source::File(path.to_owned());
        let Some(text) = self.text(source, path, reading) else { return };
        self.toml_text(path, &text);
    }

    pub fn toml_text(&mut self, path: &Path, text: &str) {
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
            let known = table::find(&upper).or_else(|| table::read_from_file(&upper));
            if upper == key || known.is_none() {
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

    pub fn flags(&mut self, flags: &Flags) {
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

    fn note(&mut self, key: &str, text: String) {
        self.notes.push(ConfigNote { key: key.to_owned(), text });
    }

    fn text(&mut self, source: Source, path: &Path, reading: Reading) -> Option<String> {
        let problem = match files::read_text(path) {
            Ok(Some((text, meta))) => match files::distrust(path, &meta) {
                Some(why) if matches!(reading, Reading::Found) => why,
                _ => return Some(text),
            },
            Ok(None) if matches!(reading, Reading::Required) => "does not exist".to_owned(),
            Ok(None) => return None,
            Err(why) => why,
        };
        self.fail(source, "", problem);
        None
    }
}

/// How a file came to be read.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Somebody named it, so it has to be there.
    Required,
    /// It may be there.
    Optional,
    /// It is read when it is in the working folder, whoever put it there; so it must be ours.
    Found,
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

/// What came of choosing between the sources.
pub(super) struct Chosen {
    /// The value in force of every setting that somebody set.
    pub(super) values: BTreeMap<&'static str, Raw>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) notes: Vec<ConfigNote>,
}

/// Chooses between the sources, and says what is wrong with the names.
pub(super) fn resolve(layers: Layers) -> Chosen {
    let Layers { values, mut errors, mut notes } = layers;
    let mut said: BTreeMap<&'static str, Vec<Raw>> = BTreeMap::new();
    for raw in values {
        let blank = raw.value.trim().is_empty();
        match table::find(&raw.key) {
            // Empty means not set: that is how compose files pass on what is not there.
            _ if blank => {}
            Some(setting) => said.entry(setting.key).or_default().push(raw),
            None => match raw.source {
                Source::Flag(_) | Source::File(_) => errors.push(no_setting(raw)),
                _ if table::is_a_slip(&raw.key) && table::looks_like_ours(&raw.key, &raw.value) => {
                    errors.push(no_setting(raw));
                }
                _ if table::looks_like_ours(&raw.key, &raw.value) => {
                    let Raw { key, source, .. } = raw;
                    let text =
                        format!("{key} ({source}): not used, since Ringbook has no such setting");
                    notes.push(ConfigNote { key: String::new(), text });
                }
                _ => {}
            },
        }
    }
    let mut values = BTreeMap::new();
    for (key, mut all) in said {
        let Some(last) = all.pop() else { continue };
        errors.extend(set_twice(key, &last, &all));
        notes.extend(overruled(key, &last, &all));
        values.insert(key, last);
    }
    Chosen { values, errors, notes }
}

fn no_setting(raw: Raw) -> ConfigError {
    let problem = unknown(table::nearest(&raw.key));
    ConfigError { key: raw.key, source: raw.source, problem }
}

/// Of `NAME` and `NAME_FILE` only one may be set. What is said on the command line counts before both.
fn set_twice(key: &str, last: &Raw, before: &[Raw]) -> Option<ConfigError> {
    if last.source.is_flag() {
        return None;
    }
    let is_named = |raw: &Raw| matches!(raw.source, Source::Named { .. });
    let other = before.iter().find(|raw| is_named(raw) != is_named(last))?;
    let problem = format!(
        "{key} is also set by {}; set {key} or {key}_FILE, not both",
        match &other.source {
            Source::Named { key, by, .. } => format!("{key} ({by})"),
            source => source.to_string(),
        }
    );
    Some(ConfigError { key: key.to_owned(), source: last.source.clone(), problem })
}

/// Other tools let the environment count before files. Here it is the other way round, so it is said where that
/// makes a difference.
fn overruled(key: &'static str, last: &Raw, before: &[Raw]) -> Option<ConfigNote> {
    if !last.source.is_a_settings_file() {
        return None;
    }
    let mut others: Vec<String> = Vec::new();
    for raw in before.iter().filter(|raw| raw.value.trim() != last.value.trim()) {
        let source = raw.source.to_string();
        let source = if source == "environment" { "the environment".to_owned() } else { source };
        if !others.contains(&source) {
            others.push(source);
        }
    }
    if others.is_empty() {
        return None;
    }
    let text = format!(
        "{key}: {} overrules {} (of environment, .env, ringbook.toml and flags, a later one wins)",
        last.source,
        others.join(" and ")
    );
    Some(ConfigNote { key: key.to_owned(), text })
}

/// A value as it may be shown to whoever may read the configuration.
pub(super) fn shown(setting: &Setting, value: &str) -> String {
    match setting.rule {
        Rule::Secret | Rule::PasswordHash | Rule::Keys if value.is_empty() => String::new(),
        Rule::Secret | Rule::PasswordHash | Rule::Keys => "***".to_owned(),
        Rule::SecretUrl => value::host_only(&value::masked(value)),
        Rule::Database | Rule::Url | Rule::SecureUrl | Rule::PublicUrl => value::masked(value),
        _ => value.to_owned(),
    }
}
