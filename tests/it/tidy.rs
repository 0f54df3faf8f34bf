//! The shape of the source: which part may use which, and the other rules that no compiler knows.
//!
//! Each failure says what to do instead. To change a rule, change it here, and say why in the commit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that only compute. They are handed the time and the dice.
const PURE: &[&str] = &[
    "crates/core/src",
    "crates/app/src/directory/digits",
    "crates/app/src/directory/names",
    "crates/app/src/directory/search",
    "crates/app/src/directory/snapshot",
];

/// What each crate may be built on, of ours. The compiler keeps to the manifests; this keeps the manifests.
const CRATES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("runtime", &["core"]),
    ("simulator", &[]),
    ("google", &["core", "runtime"]),
    ("store", &["core", "runtime"]),
    ("engine", &["core", "runtime", "store"]),
    ("app", &["core", "engine", "google", "runtime", "store"]),
    ("web", &["app", "core", "engine", "runtime", "store"]),
];

/// Crates of others that only some of ours may use, and why.
const CONFINED: &[(&[&str], &[&str], &str)] = &[
    (
        &["rusqlite", "tokio-postgres", "tokio-postgres-rustls", "deadpool-postgres"],
        &["store"],
        "only the store knows that there are two databases",
    ),
    (
        &["axum", "hyper", "tower", "tower-http", "utoipa-axum", "utoipa-swagger-ui"],
        &["simulator", "web"],
        "what is decided is decided without HTTP",
    ),
    (&["askama"], &["web"], "pages are made where they are served"),
    (&["clap", "indicatif", "rpassword"], &["app"], "terminals are the program's business"),
    (&["reqwest"], &["app", "google", "runtime"], "only what talks to others needs a client"),
];

#[test]
fn each_crate_is_built_on_those_it_may_be_built_on() {
    let mut wrong = Vec::new();
    for folder in fs::read_dir(root().join("crates")).unwrap().flatten() {
        let name = name(&folder.path());
        let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("crates/{name}: add it to CRATES in tests/it/tidy.rs"));
            continue;
        };
        let manifest: toml::Table = read(&format!("crates/{name}/Cargo.toml")).parse().unwrap();
        let used: Vec<&str> =
            manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
        let ours = used.iter().filter_map(|it| it.strip_prefix("ringbook-"));
        for one in ours.filter(|it| !allowed.contains(it)) {
            wrong.push(format!("crates/{name} may not be built on {one}"));
        }
        for (crates, by, why) in CONFINED.iter().filter(|(_, by, _)| !by.contains(&name.as_str())) {
            for one in crates.iter().filter(|it| used.contains(it)) {
                wrong.push(format!("crates/{name} may not use {one}, only {by:?} may: {why}"));
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
    let is_free = |name: &str| is_in(name, "crates/simulator");
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|it| !is_free(&it.name)) {
        if !is_in(&file.name, "crates/runtime/src/outbound") {
            for word in CLIENTS.iter().filter(|word| has_word(&file.code, word)) {
                wrong.push(format!("{}: `{word}`: ask `outbound` for a client", file.name));
            }
        }
        if file.name == "crates/runtime/src/tasks.rs" {
            continue;
        }
        // Reading the terminal is nothing to start again.
        let mut code =
            file.code.replace("std::thread::spawn(move || {\n        for line in io::stdin", "");
        code.retain(|it| !it.is_whitespace());
        for word in TASKS.iter().filter(|word| code.contains(*word)) {
            wrong.push(format!("{}: `{word}`: start it with `tasks`", file.name));
        }
        for (at, _) in code.match_indices(".spawn(") {
            let what = &code[at + ".spawn(".len()..];
            if !["tasks::watched(", "move||runtime.block_on("].iter().any(|it| what.starts_with(it))
            {
                wrong.push(format!("{}: a bare `.spawn(`: start it with `tasks`", file.name));
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
        "TcpListener",
        "TcpStream",
        "UdpSocket",
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
                    "{}: `{word}` has no place in a file that only computes; let the caller wait, \
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
        "util", "utils", "common", "helper", "helpers", "types", "manager", "managers", "misc",
        "base", "core",
    ];
    let files = sources();
    let mut wrong = Vec::new();
    for file in &files {
        let Some((name, parents)) = file.module.split_last() else { continue };
        if VAGUE.contains(&name.as_str()) {
            wrong.push(format!("{}: name the module after what it does", file.name));
        }
        let is_parent = |it: &&Source| it.folder == file.folder && it.module == parents;
        let Some(parent) = files.iter().find(is_parent) else {
            wrong.push(format!("{}: its folder has no mod.rs", file.name));
            continue;
        };
        if !has_word(&parent.whole, &format!("mod {name}")) {
            wrong.push(format!(
                "{}: nothing declares it; remove it, or add `mod {name};`",
                file.name
            ));
        }
        if file.name.ends_with(&format!("{name}.rs"))
            && root().join(&file.folder).join(file.module.join("/")).is_dir()
        {
            wrong.push(format!("{}: move it into its folder, as mod.rs", file.name));
        }
    }
    report(wrong);
}

#[test]
fn migrations_are_twins() {
    let numbers = |folder: &str| -> Vec<String> {
        let folder = root().join("crates/store/src/migrations").join(folder);
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
    assert!(!sqlite.is_empty(), "crates/store/src/migrations/sqlite is empty: where are they now?");
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
    let mut missing = BTreeSet::new();
    for file in sources() {
        let folder = file.module.first().filter(|_| file.module.len() > 1);
        let named = [Some(&file.folder), folder].into_iter().flatten();
        for name in
            named.filter(|it| !text.contains(&format!("`{}/`", it.trim_end_matches("/src"))))
        {
            missing.insert(format!("ARCHITECTURE.md: say in the code map what `{name}/` is for"));
        }
    }
    report(missing.into_iter().collect());
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

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// One file of a crate's `src`.
struct Source {
    /// Relative to the project.
    name: String,
    /// The `src` that it is in.
    folder: String,
    /// `sync/run.rs` and `sync/run/mod.rs` are both `[sync, run]`.
    module: Vec<String>,
    whole: String,
    /// Without comments, texts and unit tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let crates = fs::read_dir(root().join("crates")).unwrap().flatten();
    let folders = crates.map(|it| format!("crates/{}/src", name(&it.path())));
    let files: Vec<Source> = folders.chain(["src".to_owned()]).flat_map(sources_in).collect();
    assert!(files.len() > 100, "the source was not found");
    files
}

fn sources_in(folder: String) -> Vec<Source> {
    let mut files = Vec::new();
    for path in walk(&root().join(&folder)) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let below = path.strip_prefix(root().join(&folder)).unwrap().display().to_string();
        let mut module: Vec<String> =
            below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod")
            || matches!(below.as_str(), "lib.rs" | "main.rs")
        {
            module.pop();
        }
        let whole = stripped(&fs::read_to_string(&path).unwrap());
        let tests = module.last().is_some_and(|last| last == "tests");
        let end =
            if tests { 0 } else { whole.find("#[cfg(test)]\nmod tests").unwrap_or(whole.len()) };
        let code = whole[..end].to_owned();
        let name = format!("{folder}/{below}");
        files.push(Source { name, folder: folder.clone(), module, whole, code });
    }
    files
}

fn is_in(file: &str, part: &str) -> bool {
    file == part
        || file.strip_prefix(part).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

fn is_pure(file: &str) -> bool {
    PURE.iter().any(|pure| is_in(file, pure))
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
