//! The shape of the source: which part may use which, and the other rules that no compiler knows.
//!
//! Each failure says what to do instead. To change a rule, change it here, and say why in the commit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that open databases. Only the store knows that there are two.
const DRIVERS: &[&str] =
    &["rusqlite", "tokio_postgres", "tokio_postgres_rustls", "deadpool_postgres"];
/// The crates that serve, and those that talk to a terminal.
const SERVERS: &[&str] =
    &["axum", "hyper", "hyper_util", "tower", "tower_http", "utoipa_axum", "utoipa_swagger_ui"];
const TERMINAL: &[&str] = &["clap", "indicatif"];
const CLIENT: &[&str] = &["reqwest"];

/// Crates that pure code may use: they compute, and that is all.
const PURE_CRATES: &[&str] = &[
    "any_ascii",
    "croner",
    "icu_collator",
    "icu_locale_core",
    "icu_normalizer",
    "icu_properties",
    "jiff",
    "memchr",
    "quick_xml",
    "rlibphonenumber",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "unicode_segmentation",
    "utoipa",
];

/// Files that only compute. They are handed the time and the dice.
const PURE: &[&str] = &[
    "contact",
    "directory/digits",
    "directory/names",
    "directory/search",
    "directory/snapshot",
    "handset",
    "number",
    "phone",
    "sync/mod.rs",
    "sync/account.rs",
    "sync/book.rs",
    "sync/diagnosis.rs",
    "sync/messages.rs",
    "sync/run",
    "sync/crontab",
    "sync/schedule",
    "sync/backoff",
    "sync/guard",
];

enum Crates {
    Only(&'static [&'static str]),
    Not(&'static [&'static [&'static str]]),
}

struct Part {
    /// What the line is about: a file or a folder in `src`. The first line that fits counts.
    path: &'static str,
    /// Which other parts of ours it may use. `sync` here means the pure part of it, `sync::*` all.
    ours: &'static [&'static str],
    crates: Crates,
    why: &'static str,
}

const EVERYTHING: &[&str] = &["*"];

const PARTS: &[Part] = &[
    Part {
        path: "hostile",
        ours: EVERYTHING,
        crates: Crates::Not(&[DRIVERS, CLIENT, TERMINAL]),
        why: "odd bytes come in where all others do, so no driver and no client is needed for them",
    },
    Part {
        path: "google/hostile",
        ours: EVERYTHING,
        crates: Crates::Not(&[DRIVERS, CLIENT, TERMINAL]),
        why: "odd bytes come in where all others do, so no driver and no client is needed for them",
    },
    Part {
        path: "config/hostile",
        ours: EVERYTHING,
        crates: Crates::Not(&[DRIVERS, CLIENT, TERMINAL]),
        why: "odd bytes come in where all others do, so no driver and no client is needed for them",
    },
    Part {
        path: "contact",
        ours: &[],
        crates: Crates::Only(PURE_CRATES),
        why: "what a contact is depends on nothing: Google, phones and databases depend on it",
    },
    Part {
        path: "access",
        ours: &["clock", "sync", "tasks"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "who may do what is decided without asking anybody",
    },
    Part {
        path: "doorkeeper",
        ours: &["access", "clock", "config", "contact", "store", "tasks"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "the doorkeeper brings access and the store together; how people ask is the faces' business",
    },
    Part {
        path: "number",
        ours: &["contact"],
        crates: Crates::Only(PURE_CRATES),
        why: "what a phone dials is computed from the number and the rules; of a contact it \
              knows the fields for numbers, and which characters of a text are seen",
    },
    Part {
        path: "phone",
        ours: &["contact", "number"],
        crates: Crates::Only(PURE_CRATES),
        why: "a phone's screens are made from contacts alone, so that they can be tested as text",
    },
    Part {
        path: "handset",
        ours: &[],
        crates: Crates::Only(PURE_CRATES),
        why: "a phone knows what comes over the wire, and would share the server's mistakes if it knew more",
    },
    Part {
        path: "snippet",
        ours: &["config"],
        crates: Crates::Only(PURE_CRATES),
        why: "what to enter in a phone follows from the configuration alone",
    },
    Part {
        path: "sync/engine",
        ours: &["clock", "config", "contact", "store", "sync::*", "tasks", "telemetry"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "the engine reaches Google through `AddressBook` and the database through the store",
    },
    Part {
        path: "sync/preview",
        ours: &["contact", "store", "sync::*"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "a preview goes the engine's ways, and writes nothing",
    },
    Part {
        path: "sync/supervisor",
        ours: &["clock", "config", "contact", "store", "sync::*", "tasks", "telemetry"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "the supervisor starts runs; how they are asked for is the business of the faces",
    },
    Part {
        path: "sync",
        // Of the clock only the two sums: they are handed both times.
        ours: &["clock::after", "clock::between", "contact", "sync", "words::duration"],
        crates: Crates::Only(PURE_CRATES),
        why: "the decisions of a sync are pure; what acts belongs into the engine or the supervisor",
    },
    Part {
        path: "google/proxy",
        ours: &["config"],
        crates: Crates::Not(&[DRIVERS, TERMINAL]),
        why: "which proxy is taken is asked of the library that takes it, by its own rules",
    },
    Part {
        path: "google",
        ours: &["clock", "config", "contact", "outbound", "sync", "tasks", "telemetry"],
        crates: Crates::Not(&[DRIVERS, SERVERS, TERMINAL]),
        why: "Google's JSON stops here; what is kept and shown is decided elsewhere",
    },
    Part {
        path: "store",
        ours: &[
            "access", "clock", "config", "contact", "files", "number", "outbound", "sync", "tasks",
            "vault",
        ],
        crates: Crates::Not(&[CLIENT, SERVERS, TERMINAL]),
        why: "the store keeps what it is given and counts the numbers in it, and knows neither Google nor any face",
    },
    Part {
        path: "simulator",
        ours: &["contact"],
        crates: Crates::Not(&[DRIVERS, CLIENT, TERMINAL]),
        why: "a simulator that shared code with the client would share its mistakes",
    },
    Part {
        path: "directory/live",
        ours: &["clock", "contact", "directory", "number", "store", "sync", "tasks"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "the directory follows the store; which face shows it is not its business",
    },
    Part {
        path: "directory",
        ours: &["contact", "number"],
        crates: Crates::Only(PURE_CRATES),
        why: "order and search are pure, so that they can be tried with any contacts",
    },
    Part {
        path: "web",
        ours: &[
            "access",
            "doorkeeper",
            "app",
            "clock",
            "config",
            "connect",
            "contact",
            "directory",
            "doctor",
            "google::oauth",
            "handset",
            "number",
            "phone",
            "snippet",
            "store",
            "sync::*",
            "tasks",
            "telemetry",
        ],
        crates: Crates::Not(&[DRIVERS, CLIENT, TERMINAL]),
        why: "handlers translate: in, one call, out. They ask the store and the supervisor",
    },
    Part {
        path: "app",
        ours: &[
            "alarms",
            "doorkeeper",
            "clock",
            "config",
            "connect",
            "directory",
            "google",
            "outbound",
            "store",
            "sync::*",
            "tasks",
            "telemetry",
            "vault",
        ],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "the app puts the parts together for every face, so it knows none of them",
    },
    Part {
        path: "connect",
        ours: &["clock", "config", "contact", "google", "store", "sync::*", "tasks", "telemetry"],
        crates: Crates::Not(&[DRIVERS, SERVERS, TERMINAL]),
        why: "connecting brings Google and the store together; how people are asked is the faces' business",
    },
    Part {
        path: "doctor",
        ours: &[
            "app", "clock", "config", "connect", "google", "outbound", "store", "sync::*", "tasks",
            "words",
        ],
        crates: Crates::Not(&[DRIVERS, SERVERS, TERMINAL]),
        why: "the doctor looks at everything for every face, so it knows none of them",
    },
    Part {
        path: "files",
        ours: &[],
        crates: Crates::Only(&["rustix"]),
        why: "whose a file is depends on nothing but the file and this process",
    },
    Part {
        path: "words",
        ours: &["clock"],
        crates: Crates::Only(PURE_CRATES),
        why: "how numbers and times are said depends on nothing but them",
    },
    Part {
        path: "config",
        ours: &["access", "contact", "files", "number", "vault"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS]),
        why: "everybody reads the configuration, so it reads nobody, and builds only what is pure",
    },
    Part {
        path: "telemetry",
        ours: &["clock", "config", "sync", "tasks"],
        crates: Crates::Not(&[DRIVERS, CLIENT, SERVERS, TERMINAL]),
        why: "everybody counts, so the counters know nobody but the words they count by",
    },
    Part {
        path: "vault",
        ours: &["files"],
        crates: Crates::Only(&[
            "base64",
            "chacha20poly1305",
            "getrandom",
            "rustix",
            "secrecy",
            "sha2",
            "thiserror",
        ]),
        why: "the vault seals what it is handed, and knows neither whose it is nor where it is kept",
    },
    Part {
        path: "outbound",
        ours: &[],
        crates: Crates::Not(&[DRIVERS, SERVERS, TERMINAL]),
        why: "whom to trust and how to ask does not depend on what is asked",
    },
    Part {
        path: "alarms",
        ours: &["clock", "outbound", "store"],
        crates: Crates::Not(&[DRIVERS, SERVERS, TERMINAL]),
        why: "alarms are delivered from the database; what raises them is not their business",
    },
    Part {
        path: "tasks",
        ours: &["clock"],
        crates: Crates::Only(&["futures_util", "tokio", "tokio_util", "tracing"]),
        why: "a task is started and watched without knowing what it does",
    },
    Part {
        path: "clock",
        ours: &[],
        crates: Crates::Only(&["jiff", "tokio"]),
        why: "time depends on nothing",
    },
    Part { path: "cli", ours: EVERYTHING, crates: Crates::Not(&[]), why: "" },
    Part { path: "main.rs", ours: EVERYTHING, crates: Crates::Not(&[]), why: "" },
    Part { path: "lib.rs", ours: EVERYTHING, crates: Crates::Not(&[]), why: "" },
];

#[test]
fn every_arrow_between_modules_is_a_drawn_one() {
    let mut wrong = Vec::new();
    let dependencies = dependencies();
    for file in sources() {
        let Some(part) = PARTS.iter().find(|part| is_in(&file.name, part.path)) else {
            wrong.push(format!(
                "src/{}: is in no part; add a line to PARTS in tests/it/tidy.rs",
                file.name
            ));
            continue;
        };
        for path in paths(&file.code) {
            let why = part.why;
            match target(&file, &path) {
                Some(ours) => {
                    if !may_use(part, &file, &ours) {
                        let to = ours.join("::");
                        wrong.push(format!("src/{}: may not use `crate::{to}`: {why}", file.name));
                    }
                }
                None => {
                    let name = path[0].as_str();
                    let refused = match part.crates {
                        Crates::Only(list) => dependencies.contains(name) && !list.contains(&name),
                        Crates::Not(lists) => lists.iter().any(|list| list.contains(&name)),
                    };
                    if refused {
                        wrong.push(format!("src/{}: may not use `{name}`: {why}", file.name));
                    }
                }
            }
        }
    }
    report(wrong);
}

#[test]
fn http_clients_and_tasks_are_made_in_one_place_each() {
    const CLIENTS: &[&str] = &[
        "Client::new",
        "Client::builder",
        "ClientBuilder",
        "Client::default",
        "reqwest::get",
        "danger_accept",
        "load_native_certs",
        "TLS_SERVER_ROOTS",
    ];
    const TASKS: &[&str] =
        &["tokio::spawn", "task::spawn", "spawn_blocking", "spawn_local", "thread::spawn"];
    // They stand beside the program, and end with the test or the command that they serve.
    let is_free = |name: &str| is_in(name, "simulator") || is_in(name, "hostile");
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|it| !is_free(&it.name)) {
        if !is_in(&file.name, "outbound") {
            for word in CLIENTS.iter().filter(|word| has_word(&file.code, word)) {
                wrong.push(format!("src/{}: `{word}`: ask `outbound` for a client", file.name));
            }
        }
        if file.name == "tasks.rs" {
            continue;
        }
        // Reading the terminal is nothing to start again.
        let mut code =
            file.code.replace("std::thread::spawn(move || {\n        for line in io::stdin", "");
        code.retain(|it| !it.is_whitespace());
        for word in TASKS.iter().filter(|word| code.contains(*word)) {
            wrong.push(format!("src/{}: `{word}`: start it with `tasks`", file.name));
        }
        for (at, _) in code.match_indices(".spawn(") {
            let what = &code[at + ".spawn(".len()..];
            if !["tasks::watched(", "move||runtime.block_on("].iter().any(|it| what.starts_with(it))
            {
                wrong.push(format!("src/{}: a bare `.spawn(`: start it with `tasks`", file.name));
            }
        }
    }
    report(wrong);
}

#[test]
fn pure_files_only_compute() {
    const IMPURE: &[&str] = &[
        "async",
        "await",
        "tokio",
        "rand",
        "getrandom",
        "Instant",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "std::env",
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "Mutex",
        "println",
        "tracing",
    ];
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| is_pure(&file.name)) {
        for word in IMPURE {
            if has_word(&file.code, word) {
                wrong.push(format!(
                    "src/{}: `{word}` has no place in a file that only computes; let the caller wait, \
                     read or throw dice, and hand the result in",
                    file.name
                ));
            }
        }
    }
    report(wrong);
}

#[test]
fn every_file_is_reachable_and_has_a_telling_name() {
    const VAGUE: &[&str] = &[
        "util", "utils", "common", "helper", "helpers", "types", "service", "services", "manager",
        "managers", "misc", "base", "core",
    ];
    let files = sources();
    let mut wrong = Vec::new();
    for file in &files {
        let Some((name, parents)) = file.module.split_last() else { continue };
        if VAGUE.contains(&name.as_str()) {
            wrong.push(format!("src/{}: name the module after what it does", file.name));
        }
        let Some(parent) = files.iter().find(|f| f.module == parents && f.name != "main.rs") else {
            wrong.push(format!("src/{}: its folder has no mod.rs", file.name));
            continue;
        };
        if !has_word(&parent.whole, &format!("mod {name}")) {
            wrong.push(format!(
                "src/{}: nothing declares it; remove it, or add `mod {name};`",
                file.name
            ));
        }
        if file.name.ends_with(&format!("{name}.rs"))
            && root().join("src").join(file.module.join("/")).is_dir()
        {
            wrong.push(format!("src/{}: move it into its folder, as mod.rs", file.name));
        }
    }
    report(wrong);
}

#[test]
fn migrations_are_twins() {
    let numbers = |folder: &str| -> Vec<String> {
        let folder = root().join("src/store/migrations").join(folder);
        let mut names: Vec<String> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|e| name(&e.path())).collect();
        names.sort();
        names
    };
    let (sqlite, postgres) = (numbers("sqlite"), numbers("postgres"));
    assert_eq!(
        sqlite, postgres,
        "each migration has a twin of the same name for the other database"
    );
    for (at, name) in sqlite.iter().enumerate() {
        let number = format!("{:04}_", at + 1);
        assert!(
            name.starts_with(&number),
            "{name}: numbers are 0001, 0002, …; here {number} is due"
        );
    }
    assert!(!sqlite.is_empty(), "src/store/migrations/sqlite is empty: where are they now?");
}

#[test]
fn the_changelog_speaks_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let heading = format!("## [{version}]");
    assert!(
        read("CHANGELOG.md").lines().any(|line| line.starts_with(&heading)),
        "CHANGELOG.md has no heading `{heading}`: say what changes for whoever runs Ringbook"
    );
}

#[test]
fn the_architecture_names_every_folder() {
    let text = read("ARCHITECTURE.md");
    let folders: BTreeSet<String> = sources()
        .iter()
        .filter_map(|file| file.name.split_once('/').map(|(folder, _)| folder.to_owned()))
        .collect();
    let missing: Vec<String> = folders
        .into_iter()
        .filter(|folder| !text.contains(&format!("`{folder}/`")))
        .map(|folder| format!("ARCHITECTURE.md: say in the code map what `{folder}/` is for"))
        .collect();
    report(missing);
}

#[test]
fn every_bug_that_is_to_be_planted_has_its_place() {
    // Found here in a moment; `./prove bugs` would say it after many minutes.
    let list: toml::Table = read("tests/sim/bugs.toml").parse().unwrap();
    let text = |bug: &toml::Value, key: &str| bug[key].as_str().unwrap().to_owned();
    let wrong = list["bug"].as_array().unwrap().iter().filter_map(|bug| {
        let (file, find) = (text(bug, "file"), text(bug, "find"));
        let count = read(&file).matches(find.as_str()).count();
        (count != 1).then(|| format!("{}: {count} times in {file}", text(bug, "name")))
    });
    report(wrong.collect());
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let folder = root().join("docs/decisions");
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().flatten().map(|e| name(&e.path())).collect();
    names.sort();
    for (at, name) in names.iter().enumerate() {
        let number = format!("{:04}-", at + 1);
        assert!(name.starts_with(&number), "docs/decisions/{name}: here {number} is due");
    }
}

#[test]
fn no_text_speaks_of_a_workplace_or_leaves_work_open() {
    // In pieces, so that this file does not say them either.
    let words = [
        concat!("/work", "/"),
        concat!("/tmp", "/rb"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("npmjs", ".org"),
        concat!("npmjs", ".com"),
        concat!("deb.debian", ".org"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut wrong = Vec::new();
    for path in texts(&root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (at, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(*word)) {
                let path = path.strip_prefix(root()).unwrap_or(&path).display();
                wrong.push(format!(
                    "{path}:{}: `{word}` belongs into no file of the project",
                    at + 1
                ));
            }
        }
    }
    report(wrong);
}

#[test]
fn the_reader_of_source_text_finds_paths_and_only_paths() {
    let code = stripped(
        r##"
        //! [`crate::web`] is only spoken of.
        use crate::{clock, google::{oauth::Grant, People}, store as kept}; /* crate::cli */
        use super::engine; const S: &str = "crate::web \" reqwest::get"; let c = '"'; let q = '\'';
        let raw = r#"crate::web "quoted" "#; fn f<'a>(x: &'a str) -> tokio::io::Result<()> { self::g() }
        use rusqlite;
        "##,
    );
    let found: Vec<String> = paths(&code).iter().map(|path| path.join("::")).collect();
    for path in [
        "crate::clock",
        "crate::google::oauth",
        "crate::google::People",
        "crate::store",
        "super::engine",
        "tokio::io",
        "rusqlite",
    ] {
        assert!(found.iter().any(|f| f.starts_with(path)), "{path} was not found in {found:?}");
    }
    assert!(
        !found.iter().any(|f| f.contains("web") || f.contains("cli") || f.contains("reqwest")),
        "{found:?}"
    );
}

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// One file of `src`.
struct Source {
    /// Relative to `src`.
    name: String,
    /// `sync/run.rs` and `sync/run/mod.rs` are both `[sync, run]`.
    module: Vec<String>,
    whole: String,
    /// Without comments, texts and unit tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    for path in walk(&src) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        let mut module: Vec<String> =
            name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod")
            || matches!(name.as_str(), "lib.rs" | "main.rs")
        {
            module.pop();
        }
        let whole = stripped(&fs::read_to_string(&path).unwrap());
        let tests = module.last().is_some_and(|last| last == "tests");
        let end =
            if tests { 0 } else { whole.find("#[cfg(test)]\nmod tests").unwrap_or(whole.len()) };
        let code = whole[..end].to_owned();
        files.push(Source { name, module, whole, code });
    }
    assert!(files.len() > 10, "the source was not found");
    files
}

fn is_in(file: &str, part: &str) -> bool {
    file == part
        || file.strip_prefix(part).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

fn is_pure(file: &str) -> bool {
    PURE.iter().any(|pure| is_in(file, pure))
}

/// The path from the crate's root, if `path` leads to something of ours.
fn target(file: &Source, path: &[String]) -> Option<Vec<String>> {
    let mut at = match path[0].as_str() {
        "crate" | "ringbook" => Vec::new(),
        "super" | "self" => file.module.clone(),
        _ => return None,
    };
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(at.pop()),
            "self" | "crate" | "ringbook" => {}
            _ => break,
        }
        rest = others;
    }
    at.extend(rest.iter().cloned());
    Some(at)
}

fn may_use(part: &Part, file: &Source, path: &[String]) -> bool {
    let Some(first) = path.first() else { return true };
    // Names of the root that are no modules, and what is in the same folder.
    let module = root().join("src").join(first).is_dir()
        || root().join("src").join(format!("{first}.rs")).exists();
    let home = file.module.first() == Some(first);
    if !module || part.ours == EVERYTHING || (home && first != "sync") {
        return true;
    }
    part.ours.iter().any(|allowed| match allowed.split_once("::") {
        Some((allowed, "*")) => allowed == first,
        Some((allowed, inner)) => {
            allowed == first && path.get(1).is_some_and(|second| second == inner)
        }
        None if first == "sync" && *allowed == "sync" => {
            let second = path.get(1).map(String::as_str).unwrap_or("mod.rs");
            let exists = |name: &str| root().join("src/sync").join(name).exists();
            let inner = exists(second) || exists(&format!("{second}.rs"));
            !inner || is_pure(&format!("sync/{second}")) || is_pure(&format!("sync/{second}.rs"))
        }
        None => allowed == first,
    })
}

/// Every path of at least two segments in `code`, and what `use` names, with its groups unfolded.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let bytes = code.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut at = 0;
    while at < bytes.len() {
        let begins = is_word(bytes[at]) && (at == 0 || !is_word(bytes[at - 1]));
        if !begins {
            at += 1;
            continue;
        }
        let end = at + code[at..].bytes().take_while(|b| is_word(*b)).count();
        let continued = code[..at].trim_end().ends_with("::");
        if code[end..].starts_with("::") && !continued {
            unfold(&code[at..], &mut Vec::new(), &mut found);
        } else if &code[at..end] == "use" && !continued {
            let name: String = code[end..]
                .trim_start()
                .bytes()
                .take_while(|b| is_word(*b))
                .map(char::from)
                .collect();
            if code[end..].trim_start()[name.len()..].starts_with([';', ' ']) {
                found.push(vec![name]);
            }
        }
        at = end;
    }
    found
}

/// Reads one path at the start of `text`; returns how much of it was read.
fn unfold(text: &str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = before.len();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let word: String =
            text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !word.is_empty() {
            at += word.len();
            before.push(word);
            if text[at..].starts_with("::") {
                at += 2;
                continue;
            }
        } else if text[at..].starts_with('{') {
            at += 1;
            while at < text.len() && !text[at..].starts_with('}') {
                let read = unfold(&text[at..], before, found);
                at += read.max(1);
                // Skips `as name`, commas and what else stands between two items.
                let skip = text[at..].find([',', '}']).unwrap_or(text.len() - at);
                at += skip;
                if text[at..].starts_with(',') {
                    at += 1;
                }
            }
            at = (at + 1).min(text.len());
            before.truncate(depth);
            return at;
        }
        if before.len() > depth {
            found.push(before.clone());
        }
        before.truncate(depth);
        return at;
    }
}

/// `code` with its comments removed and its texts emptied.
fn stripped(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest).filter(|_| !ends_in_word(&out)) {
            out.push_str("\"\"");
            length
        } else if c == '"' {
            out.push_str("\"\"");
            quoted(rest, '"')
        } else if c == '\'' && is_char(rest) {
            out.push_str("' '");
            quoted(rest, '\'')
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[skip..];
    }
    out
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn raw_text(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = inner.bytes().take_while(|b| *b == b'#').count();
    let body = inner[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// Whether a quote begins a character and not a lifetime.
fn is_char(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Whether `word` stands in `code` with no letters around it.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let after = &code[at + word.len()..];
        !ends_in_word(&code[..at]) && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

/// The crates that the program is built from, as they are written in code.
fn dependencies() -> BTreeSet<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let names = manifest["dependencies"].as_table().unwrap().keys();
    names.map(|name| name.replace('-', "_")).collect()
}

/// Every file that people write.
fn texts(folder: &Path) -> Vec<PathBuf> {
    const SKIP: &[&str] = &["target", ".git", "data", "Cargo.lock", "node_modules", ".venv"];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if SKIP.contains(&name(&path).as_str()) {
            continue;
        }
        if path.is_dir() { found.extend(texts(&path)) } else { found.push(path) }
    }
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    texts(folder)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
