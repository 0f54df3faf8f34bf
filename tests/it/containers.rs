//! What goes wrong where Ringbook runs: the wrong folder, another user, files that are folders, and containers
//! in which nobody types.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::program::{Ended, Program, free_port};

fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn run(folder: &Path, pairs: &[(&str, &str)], args: &[&str]) -> Ended {
    Program::start(folder, &settings(pairs), args).ended().await
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Another user than the one that runs the tests, if these may start programs as others.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The program as [`NOBODY`], from a copy in a folder that everybody may enter: the build's may be closed.
fn as_nobody(copy: &Path, folder: &Path, pairs: &[(&str, &str)], args: &[&str]) -> Ended {
    let out = Command::new(copy)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(pairs.iter().copied())
        .current_dir(folder)
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: out.status.code(), out: text(&out.stdout), err: text(&out.stderr) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_the_wrong_folder_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["status"][..],
        &["history"],
        &["history", "--clear"],
        &["statistics"],
        &["accounts"],
        &["accounts", "pause", "x"],
        &["lookup", "+49301234567"],
        &["search", "ada"],
        &["deleted"],
        &["export", "--format", "csv"],
        &["held"],
        &["cancel"],
        &["approve", "--yes"],
        &["reject"],
        &["schedule"],
        &["sync"],
        &["sync", "--dry-run"],
        &["key", "status"],
        &["key", "rotate"],
        &["admins"],
        &["admins", "remove", "ada"],
        &["tokens"],
        &["tokens", "revoke", "x"],
        &["audit"],
        &["phones", "list"],
        &["phones", "revoke", "x"],
        &["phone"],
    ] {
        let ended = run(folder.path(), &[], args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        for word in ["no database at", "data/ringbook.db (DATABASE_URL: default)"] {
            assert!(ended.err.contains(word), "{args:?}: {ended:?}");
        }
        assert!(ended.out.is_empty(), "{args:?}: {ended:?}");
    }
    let doctor = run(folder.path(), &[], &["doctor"]).await;
    doctor.assert(1, &["no database at"]);
    let told = run(folder.path(), &[], &["status", "--json"]).await;
    assert!(told.json()["detail"].as_str().unwrap().contains("no database at"), "{told:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());

    // A file without anything in it is no database either.
    fs::write(folder.path().join("empty.db"), "").unwrap();
    let url = [("DATABASE_URL", "sqlite:///./empty.db")];
    run(folder.path(), &url, &["status"]).await.assert(2, &["(DATABASE_URL: environment)"]);
    assert_eq!(fs::metadata(folder.path().join("empty.db")).unwrap().len(), 0);

    // What begins an installation makes it.
    run(folder.path(), &[], &["accounts", "add", "Office"]).await.assert(0, &["Added"]);
    run(folder.path(), &[], &["accounts"]).await.assert(0, &["Office"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_asks_its_own_server_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let pairs = [("PORT", port.as_str())];
    run(folder.path(), &pairs, &["health"]).await.assert(1, &["nothing listens there", &port]);
    let mut server = Program::start(folder.path(), &settings(&pairs), &["serve"]);
    server.says("Ringbook is at").await;
    run(folder.path(), &pairs, &["health", "--live"]).await.assert(0, &["alive"]);
    run(folder.path(), &pairs, &["health", "--ready"]).await.assert(0, &["ready"]);
    let health = run(folder.path(), &pairs, &["health", "--json"]).await;
    assert_eq!((health.code, health.json()["checks"].is_object()), (Some(0), true), "{health:?}");
    server.signal("-TERM");
    server.ended().await;
    run(folder.path(), &pairs, &["health", "--live", "--json"])
        .await
        .assert(1, &["nothing listens"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_administrator_of_a_container_comes_from_its_settings_once() {
    let folder = tempfile::tempdir().unwrap();
    let hash = Program::reading(folder.path(), &[], &["admins", "hash"], "correct horse battery\n");
    let hash = hash.ended().await.assert(0, &["$argon2id$"]).out.trim().to_owned();
    let file = folder.path().join("password");
    fs::write(&file, "correct horse battery\n").unwrap();
    let file = file.display().to_string();
    for (at, proof) in
        [("ADMIN_PASSWORD_HASH", hash.as_str()), ("ADMIN_PASSWORD_FILE", &file)].iter().enumerate()
    {
        let port = free_port();
        let database = format!("sqlite:///{}/{at}.db", folder.path().display());
        let pairs = [
            ("PORT", port.as_str()),
            ("HOST", "0.0.0.0"),
            ("DATABASE_URL", &database),
            ("ADMIN_NAME", "ada"),
            *proof,
        ];
        for start in 0..2 {
            let mut server = Program::start(folder.path(), &settings(&pairs), &["serve"]);
            server.says("Ringbook is at").await;
            let url = format!("http://127.0.0.1:{port}/api/session");
            let body = json!({ "name": "ada", "password": "correct horse battery" });
            let entered = reqwest::Client::new().post(&url).json(&body).send().await.unwrap();
            assert_eq!(entered.status(), 200, "{proof:?} {start}");
            let told: Value = entered.json().await.unwrap();
            assert_eq!(told["needs_setup"], false);
            server.signal("-TERM");
            let ended = server.ended().await;
            let said = format!("{}{}", ended.out, ended.err);
            assert_eq!(
                said.contains("administrator named in ADMIN_NAME was created"),
                start == 0,
                "{said}"
            );
            assert!(!said.contains("correct horse"), "{said}");
        }
        let pairs = [("DATABASE_URL", database.as_str())];
        run(folder.path(), &pairs, &["audit"]).await.assert(0, &["ADMIN_NAME", "ada"]);
    }
    for (key, value, word) in [
        ("ADMIN_PASSWORD", "short", "at least"),
        (
            "ADMIN_PASSWORD_HASH",
            "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$aGFzaA",
            "admins hash",
        ),
        ("ADMIN_PASSWORD_HASH", "$argon2id$nonsense$a$b", "admins hash"),
    ] {
        let port = free_port();
        let pairs = [("PORT", port.as_str()), ("ADMIN_NAME", "ada"), (key, value)];
        run(folder.path(), &pairs, &["serve"]).await.assert(2, &["ADMIN_NAME", word]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_files_of_another_user_stop_the_start() {
    for name in [".env", "ringbook.toml"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        let text = if name == ".env" { "PORT=8123\n" } else { "port = 8123\n" };
        fs::write(&file, text).unwrap();
        run(folder.path(), &[], &["config"]).await.assert(0, &["8123"]);
        // Others can write the file, or put another one into its place.
        for (path, mode) in [(file.as_path(), 0o666), (folder.path(), 0o777)] {
            let before = fs::metadata(path).unwrap().permissions();
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let told = run(folder.path(), &[], &["config"]).await;
            told.assert(2, &[name, "can be written by other users", "chmod go-w"]);
            fs::set_permissions(path, before).unwrap();
        }
        if is_root() {
            for path in [file.as_path(), folder.path()] {
                chown(path, Some(NOBODY), None).unwrap();
                let told = run(folder.path(), &[], &["config"]).await;
                told.assert(2, &[name, "belongs to nobody", "chown root"]);
                chown(path, Some(0), None).unwrap();
            }
        }
        // One that somebody names is theirs to judge.
        if name == "ringbook.toml" {
            fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
            let named = folder.path().join("named.toml");
            fs::rename(&file, &named).unwrap();
            run(folder.path(), &[], &["config", "--config", "named.toml"])
                .await
                .assert(0, &["8123"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_where_a_file_was_to_be_mounted_is_named() {
    for (name, pairs) in [
        (".env", vec![]),
        ("ringbook.toml", vec![]),
        ("data.db", vec![("DATABASE_URL", "sqlite:///./data.db")]),
        ("the.key", vec![("SECRET_KEY_FILE", "the.key")]),
        ("secret", vec![("GOOGLE_CLIENT_SECRET_FILE", "secret")]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(name)).unwrap();
        let told = run(folder.path(), &pairs, &["accounts", "add", "x"]).await;
        told.assert(2, &[name, "is a folder", "Docker"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_start_as_root_the_service_names_the_owner_and_the_command() {
    if !is_root() {
        return;
    }
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("service");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    let copy = outer.path().join("ringbook");
    fs::copy(env!("CARGO_BIN_EXE_ringbook"), &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    let url = [("DATABASE_URL", "sqlite:///./ringbook.db")];
    run(&folder, &url, &["accounts", "add", "x"]).await.assert(0, &["Added"]);
    let told = as_nobody(&copy, &folder, &url, &["status"]);
    told.assert(2, &["ringbook.key", "belongs to root", "runs as nobody", "chown nobody"]);
    chown(folder.join("ringbook.key"), Some(NOBODY), None).unwrap();
    let told = as_nobody(&copy, &folder, &url, &["status"]);
    told.assert(
        2,
        &["ringbook.db belongs to root", "runs as nobody", "chown nobody ./ringbook.db*"],
    );
    for name in names(&folder) {
        chown(folder.join(name), Some(NOBODY), None).unwrap();
    }
    as_nobody(&copy, &folder, &url, &["accounts"]).assert(0, &["x"]);
    // A folder in which nothing can be made.
    chown(&folder, Some(0), Some(0)).unwrap();
    let told = as_nobody(&copy, &folder, &url, &["status"]);
    told.assert(2, &["belongs to root", "chown nobody"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_everybody_could_read_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let url = [("DATABASE_URL", "sqlite:///./ringbook.db")];
    run(folder.path(), &url, &["accounts", "add", "x"]).await.assert(0, &["Added"]);
    let file = folder.path().join("ringbook.db");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    run(folder.path(), &url, &["accounts"]).await.assert(0, &["x"]);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_overrules_is_told_at_start_and_by_config() {
    let folder = tempfile::tempdir().unwrap();
    let (port, other) = (free_port(), free_port());
    let text = format!("PORT={port}\nDIRECTORY_MAX_ENTRIES_PER_PAGE=99\nOLD_NAME=1\n");
    fs::write(folder.path().join(".env"), text).unwrap();
    let pairs = [("PORT", other.as_str())];
    let words =
        ["PORT: .env line 1 overrules the environment", "99 is more than", "OLD_NAME (line 3)"];
    run(folder.path(), &pairs, &["config"]).await.assert(0, &words);
    let listed = run(folder.path(), &pairs, &["config", "--json"]).await.json();
    let line = listed.as_array().unwrap().iter().find(|it| it["key"] == "PORT").unwrap();
    assert!(line["note"].as_str().unwrap().contains("overrules"), "{line}");
    let mut server = Program::start(folder.path(), &settings(&pairs), &["serve"]);
    server.says("Ringbook is at").await;
    server.signal("-TERM");
    server.ended().await.assert(0, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_nobody_named_is_told_once_in_the_log_and_by_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    // Nothing is asked over the network here.
    let google = ("GOOGLE_API_BASE_URL", "http://127.0.0.1:9");
    let pairs = [("PORT", port.as_str()), google];
    let mut server = Program::start(folder.path(), &settings(&pairs), &["serve"]);
    server.says("Ringbook is at").await;
    let client = reqwest::Client::new();
    for header in ["x-forwarded-for", "via", "x-real-ip"] {
        let url = format!("http://127.0.0.1:{port}/health/live");
        let asked = client.get(url).header(header, "10.1.1.1").send().await.unwrap();
        assert_eq!(asked.status(), 200);
    }
    server.says("TRUSTED_PROXIES=127.0.0.1").await;
    let told = async {
        loop {
            let url = format!("http://127.0.0.1:{port}/api/doctor");
            let told = client.get(url).send().await.unwrap().text().await.unwrap();
            if told.contains("forwarded requests as a proxy") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    server.signal("-TERM");
    let ended = server.ended().await;
    let said = format!("{}{}", ended.out, ended.err);
    assert_eq!(said.matches("127.0.0.1 forwarded requests as a proxy").count(), 1, "{said}");
    let doctor = run(folder.path(), &pairs, &["doctor"]).await;
    doctor.assert(1, &["127.0.0.1 forwarded requests as a proxy", "TRUSTED_PROXIES=127.0.0.1"]);
    let pairs = [("PORT", port.as_str()), google, ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let doctor = run(folder.path(), &pairs, &["doctor"]).await;
    assert!(!doctor.out.contains("forwarded requests as a proxy"), "{doctor:?}");
}
