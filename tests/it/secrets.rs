//! What lies in the database is sealed, the key can be changed at any moment, and a secret is found
//! nowhere else.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ringbook_app::App;
use ringbook_app::config::{Config, DatabaseUrl};
use ringbook_core::clock::{Clock, after};
use ringbook_core::sync::{AccountId, FailureCode, Outcome};
use ringbook_runtime::SystemClock;
use ringbook_simulator::CONTACTS_READONLY;
use ringbook_store::vault::{KeySource, Vault};
use ringbook_store::{DbError, NewTokens, Store};
use secrecy::{ExposeSecret, SecretString};

use crate::support::both::on_both;
use crate::support::program::{Program, free_port};
use crate::support::world::World;

fn tokens(access: &str, refresh: &str) -> NewTokens {
    NewTokens {
        access_token: access.into(),
        expires_at: after(SystemClock.now(), Duration::from_secs(3600)),
        refresh_token: Some(refresh.into()),
        refresh_expires_at: None,
        scopes: vec![CONTACTS_READONLY.to_owned()],
    }
}

async fn refresh_token(store: &Store, account: AccountId) -> String {
    let grant = store.grant(account).await.unwrap().unwrap();
    grant.refresh_token.unwrap().expose_secret().to_owned()
}

/// Says something to the database past the store.
async fn behind_the_back(app: &App, sql: &str) {
    match &app.config.database_url {
        DatabaseUrl::Sqlite { path } => {
            rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
        }
        DatabaseUrl::Postgres { url } => {
            let (client, connection) =
                tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        }
    }
}

/// Everything that the database holds in these columns.
async fn column(app: &App, sql: &str) -> Vec<String> {
    match &app.config.database_url {
        DatabaseUrl::Sqlite { path } => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        }
        DatabaseUrl::Postgres { url } => {
            let (client, connection) =
                tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
        }
    }
}

/// A process of the installation whose key is in a file.
async fn with_key_file(world: &World, url: &str, key: &Path) -> App {
    let key = key.display().to_string();
    let mut pairs: Vec<(&str, &str)> =
        world.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    pairs.retain(|(key, _)| !["SECRET_KEY", "DATABASE_URL"].contains(key));
    pairs.push(("SECRET_KEY_FILE", &key));
    pairs.push(("DATABASE_URL", url));
    App::open(Config::of(&pairs).unwrap()).await.unwrap()
}

const SEALED: &str = "select access_token from oauth_grant
    union all select refresh_token from oauth_grant union all select sealed from secret";

on_both! {
    async fn what_is_stored_is_sealed_and_opens_again(database) {
        let world = World::new(database, 3).await;
        let store = &world.app.store;
        store.connect(Some(world.account), None, &tokens("ya29.planted", "1//planted")).await.unwrap();
        store.put_secret("a key", &"planted, too".into()).await.unwrap();
        let stored = column(&world.app, SEALED).await;
        assert_eq!(stored.len(), 3);
        assert!(stored.iter().all(|it| ringbook_store::vault::is_sealed(it)), "{stored:?}");
        let other = world.other_process().await.store;
        assert_eq!(refresh_token(&other, world.account).await, "1//planted");
        let secret = other.secret("a key").await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "planted, too");
        assert!(other.secret("another").await.unwrap().is_none());
        assert!(store.forget_secret("a key").await.unwrap());
        assert!(other.secret("a key").await.unwrap().is_none());
        assert!(!store.forget_secret("a key").await.unwrap());
    }

    async fn a_sealed_value_that_is_moved_to_another_row_opens_nothing(database) {
        let world = World::new(database, 3).await;
        let store = &world.app.store;
        let other = store.connect(None, None, &tokens("ya29.b", "1//b")).await.unwrap();
        behind_the_back(&world.app, "update oauth_grant set refresh_token =
            (select refresh_token from oauth_grant where account = 1) where account = 2").await;
        let refused = store.grant(other).await.unwrap_err();
        assert!(refused.to_string().contains("oauth_grant/2/refresh_token"), "{refused}");
        assert!(store.grant(world.account).await.unwrap().is_some());
        store.put_secret("one", &"secret".into()).await.unwrap();
        behind_the_back(&world.app, "update secret set name = 'two'").await;
        store.secret("two").await.unwrap_err();
    }

    async fn tokens_that_an_earlier_version_stored_in_the_open_are_sealed_at_the_start(database) {
        let world = World::new(database, 3).await;
        let (access, refresh) = ("ya29.in-the-open", "1//in-the-open");
        behind_the_back(&world.app, &format!("update install set unwiped = 1;
            update oauth_grant set access_token = '{access}', refresh_token = '{refresh}'")).await;
        let upgraded = world.other_process().await;
        let stored = column(&upgraded, SEALED).await;
        assert!(stored.iter().all(|it| ringbook_store::vault::is_sealed(it)), "{stored:?}");
        assert_eq!(refresh_token(&upgraded.store, world.account).await, refresh);
        let wiped = column(&upgraded, "select cast(unwiped as text) from install").await;
        assert_eq!(wiped, ["0"]);
    }

    async fn the_key_changes_under_a_running_server_and_nothing_is_lost(database) {
        let world = World::new(database, 3).await;
        let (url, folder) = World::fresh_url(database);
        let key = folder.path().join("keys/ringbook.key");
        let running = with_key_file(&world, &url, &key).await;
        let account = running.store.connect(None, None, &tokens("ya29.a", "1//a")).await.unwrap();
        running.store.put_secret("client", &"c".into()).await.unwrap();
        let before = std::fs::read_to_string(&key).unwrap();

        let rotating = with_key_file(&world, &url, &key).await;
        let done = rotating.store.rotate_key().await.unwrap();
        assert_eq!((done.resealed, done.lost, done.retired), (3, 0, 1));
        let status = running.store.key_status().await.unwrap();
        assert_eq!(status.keys.len(), 1);
        assert_eq!((&status.keys[0].key, status.keys[0].values), (&done.key, 3));
        let after = std::fs::read_to_string(&key).unwrap();
        let old = before.lines().last().unwrap();
        assert!(!after.contains(old), "the old key is gone");

        assert_eq!(refresh_token(&running.store, account).await, "1//a");
        let generation = running.store.grant(account).await.unwrap().unwrap().generation;
        let saved = running.store.save_tokens(account, generation, &tokens("ya29.b", "1//b")).await;
        assert!(saved.unwrap(), "a change of the key is no change of the grant");
        assert_eq!(refresh_token(&rotating.store, account).await, "1//b");
        let status = rotating.store.key_status().await.unwrap();
        assert_eq!((status.keys.len(), status.lost.len()), (1, 0));
    }

    async fn a_change_of_the_key_that_broke_off_leaves_everything_readable(database) {
        let world = World::new(database, 3).await;
        let (url, folder) = World::fresh_url(database);
        let key = folder.path().join("ringbook.key");
        let app = with_key_file(&world, &url, &key).await;
        let account = app.store.connect(None, None, &tokens("ya29.a", "1//a")).await.unwrap();
        // The new key is in the file, and the power goes before anything is sealed with it.
        Vault::open(KeySource::File(key.clone())).unwrap().add_key().unwrap();
        let restarted = with_key_file(&world, &url, &key).await;
        assert_eq!(refresh_token(&restarted.store, account).await, "1//a");
        // What is stored now is sealed with the new one, and the old one still opens the rest.
        restarted.store.put_secret("client", &"c".into()).await.unwrap();
        let used: Vec<u64> =
            restarted.store.key_status().await.unwrap().keys.iter().map(|it| it.values).collect();
        assert_eq!(used, [1, 2]);
        restarted.store.rotate_key().await.unwrap();
        let status = restarted.store.key_status().await.unwrap();
        assert_eq!((status.keys.len(), status.keys[0].values, status.lost.len()), (1, 3, 0));
        assert_eq!(refresh_token(&app.store, account).await, "1//a");
    }

    async fn the_key_may_change_while_tokens_are_being_stored(database) {
        let world = World::new(database, 3).await;
        let (url, folder) = World::fresh_url(database);
        let key = folder.path().join("ringbook.key");
        let app = with_key_file(&world, &url, &key).await;
        let account = app.store.connect(None, None, &tokens("ya29.0", "1//0")).await.unwrap();
        let rotating = with_key_file(&world, &url, &key).await;
        let rotate = tokio::spawn(async move {
            for _ in 0..5 {
                rotating.store.rotate_key().await.unwrap();
            }
        });
        let mut count = 0;
        while !rotate.is_finished() || count < 5 {
            count += 1;
            let grant = app.store.grant(account).await;
            // Between reading a row and opening it the key may have changed once more.
            let Ok(Some(grant)) = grant else { continue };
            let next = tokens(&format!("ya29.{count}"), &format!("1//{count}"));
            assert!(app.store.save_tokens(account, grant.generation, &next).await.unwrap());
            assert_eq!(refresh_token_soon(&app.store, account).await, format!("1//{count}"));
        }
        rotate.await.unwrap();
        let status = app.store.key_status().await.unwrap();
        assert_eq!((status.keys.len(), status.lost.len()), (1, 0), "{status:?}");
    }

    async fn a_lost_key_costs_the_permission_and_nothing_else(database) {
        let world = World::new(database, 3).await;
        let (url, folder) = World::fresh_url(database);
        let (key, safe) = (folder.path().join("ringbook.key"), folder.path().join("safe"));
        let app = with_key_file(&world, &url, &key).await;
        let account = app.store.connect(None, None, &tokens("ya29.a", "1//a")).await.unwrap();
        std::fs::rename(&key, &safe).unwrap();

        // It starts, makes no other key, and says what is wrong.
        let keyless = with_key_file(&world, &url, &key).await;
        assert!(!key.exists(), "a file that is not mounted must not be taken for one that never was");
        let facts = keyless.store.grant_facts(account).await.unwrap().unwrap();
        let locked = facts.locked.unwrap();
        assert!(locked.contains("connect the Google account again"), "{locked}");
        assert!(locked.contains("contacts are not sealed"), "{locked}");
        let wish = ringbook_engine::supervisor::StartRequest { account, ..world.wish(None) };
        let started = keyless.supervisor.start(&wish).await.unwrap();
        let run = started.run;
        started.finished().await;
        let row = keyless.store.run(run).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Failed));
        assert_eq!(row.error_code, Some(FailureCode::Misconfigured), "{:?}", row.error_message);
        let grant = keyless.store.account(account).await.unwrap().unwrap();
        assert!(grant.needs_reauth.is_none(), "nobody has taken the permission away");

        // A wrong key destroys nothing.
        Vault::open(KeySource::File(key.clone())).unwrap().prepare().unwrap();
        assert!(keyless.store.grant(account).await.is_err());
        assert_eq!(keyless.store.rotate_key().await.unwrap().lost, 2);
        assert_eq!(keyless.store.key_status().await.unwrap().lost.values().sum::<u64>(), 2);
        std::fs::rename(&safe, &key).unwrap();
        assert_eq!(refresh_token(&keyless.store, account).await, "1//a");

        // And connecting again begins anew with any key.
        std::fs::remove_file(&key).unwrap();
        let anew = with_key_file(&world, &url, &key).await;
        anew.store.connect(Some(account), None, &tokens("ya29.c", "1//c")).await.unwrap();
        assert_eq!(refresh_token(&anew.store, account).await, "1//c");
    }

    async fn two_processes_that_renew_at_once_keep_the_newest_tokens(database) {
        let world = World::new(database, 3).await;
        let other = world.other_process().await;
        let account = world.status().await;
        for _ in 0..5 {
            let (one, two) = tokio::join!(
                world.app.connector.refresh(&account),
                other.connector.refresh(&account),
            );
            assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
            let ours = world.app.store.grant(account.id).await.unwrap().unwrap();
            let theirs = other.store.grant(account.id).await.unwrap().unwrap();
            assert_eq!(ours.access_token.expose_secret(), theirs.access_token.expose_secret());
        }
        // One of them writes and the other finds that it was late: the tokens of one are stored whole.
        let grant = world.app.store.grant(account.id).await.unwrap().unwrap();
        let (one, two) = (tokens("ya29.one", "1//one"), tokens("ya29.two", "1//two"));
        let (first, second) = tokio::join!(
            world.app.store.save_tokens(account.id, grant.generation, &one),
            other.store.save_tokens(account.id, grant.generation, &two),
        );
        assert_ne!(first.unwrap(), second.unwrap());
        let kept = world.app.store.grant(account.id).await.unwrap().unwrap();
        let pair = (
            kept.access_token.expose_secret().to_owned(),
            kept.refresh_token.unwrap().expose_secret().to_owned(),
        );
        let whole = [("ya29.one", "1//one"), ("ya29.two", "1//two")];
        assert!(whole.contains(&(pair.0.as_str(), pair.1.as_str())), "{pair:?}");
    }
}

/// While another process changes the key over and over, a row may be older than the key file.
async fn refresh_token_soon(store: &Store, account: AccountId) -> String {
    loop {
        match store.grant(account).await {
            Ok(Some(grant)) => return grant.refresh_token.unwrap().expose_secret().to_owned(),
            Err(DbError::Vault(_)) => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
}

/// Does this secret stand anywhere in there, in any form in which it could be used?
fn traces(secret: &str, bytes: &[u8]) -> Vec<&'static str> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = secret
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("in hex", hex.clone()),
        ("in big hex", hex.to_uppercase()),
        ("percent-encoded", percent.clone()),
        ("percent-encoded in small letters", percent.to_lowercase()),
        ("as JSON", serde_json::to_string(secret).unwrap().trim_matches('"').to_owned()),
    ];
    // Base64 has three looks, by where the secret begins in what was encoded.
    for skip in 0..3 {
        let middle = |text: String| {
            let (from, to) = (4 * skip.min(1), text.len() - 4);
            text.get(from..to).unwrap_or_default().trim_end_matches('=').to_owned()
        };
        let padded = format!("{}{secret}", &"\0\0\0"[..skip]);
        forms.push(("in base64", middle(BASE64_STANDARD.encode(&padded))));
        forms.push(("in base64url", middle(BASE64_URL_SAFE_NO_PAD.encode(&padded))));
    }
    let found = |form: &String| memchr::memmem::find(bytes, form.as_bytes()).is_some();
    forms.into_iter().filter(|(_, form)| found(form)).map(|(name, _)| name).collect()
}

#[test]
fn the_search_for_secrets_finds_them_in_every_form() {
    let secret = "1//planted/secret+0123456789";
    for form in [
        secret.to_owned(),
        "312f2f706c616e7465642f7365637265742b30313233343536373839".to_owned(),
        "code=1%2F%2Fplanted%2Fsecret%2B0123456789&x".to_owned(),
        BASE64_STANDARD.encode(format!("user:{secret}")),
        BASE64_STANDARD.encode(format!("user1:{secret}")),
        BASE64_STANDARD.encode(format!("user12:{secret}")),
    ] {
        assert!(!traces(secret, form.as_bytes()).is_empty(), "{form}");
    }
    assert!(traces(secret, b"1//planted/secret+").is_empty());
}

#[test]
fn the_free_space_of_a_file_keeps_nothing_of_what_an_earlier_version_wrote() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ringbook.db");
        let open = async || {
            let key = KeySource::File(folder.path().join("ringbook.key"));
            Store::open_sqlite(&path, std::sync::Arc::new(SystemClock), Vault::open(key).unwrap())
                .await
                .unwrap()
        };
        let store = open().await;
        let account = store.connect(None, None, &tokens("ya29.x", "1//x")).await.unwrap();
        drop(store);
        let all = || {
            let mut bytes = Vec::new();
            for name in ["ringbook.db", "ringbook.db-wal", "ringbook.db-shm"] {
                bytes.extend(std::fs::read(folder.path().join(name)).unwrap_or_default());
            }
            bytes
        };
        // As the version before wrote it: the tokens of many hours, one over the other.
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("update install set unwiped = 1").unwrap();
        for hour in 0..50 {
            let padding = "p".repeat(hour * 7);
            let sql = format!(
                "update oauth_grant set access_token = 'ya29.open-{hour:02}-{padding}',
                    refresh_token = '1//open-{hour:02}'"
            );
            connection.execute_batch(&sql).unwrap();
        }
        let left = |word: &str| memchr::memmem::find_iter(&all(), word).count();
        assert!(left("ya29.open-49") > 0 && left("ya29.open-") > 1, "nothing to wipe");
        // A process that is killed leaves its log behind.
        let wal = std::fs::read(folder.path().join("ringbook.db-wal")).unwrap();
        assert!(!wal.is_empty());
        std::mem::forget(connection);
        let store = open().await;
        assert_eq!(refresh_token(&store, account).await, "1//open-49");
        assert_eq!((left("ya29.open-"), left("1//open-")), (0, 0));
        drop(store);
        assert_eq!((left("ya29.open-"), left("1//open-")), (0, 0));
    });
}

/// One life of a server, with everything that can happen to a permission, and a search for what must show
/// nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_in_logs_answers_exports_metrics_database_or_core_dumps() {
    let port = free_port();
    let client_secret = "GOCSPX-planted/client+secret=0123456789";
    let options = ringbook_simulator::Options {
        contacts: 12,
        client_secret: client_secret.to_owned(),
        ..ringbook_simulator::Options::default()
    };
    let callback = format!("http://127.0.0.1:{port}/auth/callback");
    let extra = [
        ("LOG_LEVEL", "trace"),
        ("PORT", port.as_str()),
        ("GOOGLE_REDIRECT_URI", callback.as_str()),
        ("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/hook/planted-webhook-path-0123456789"),
    ];
    let database = crate::support::world::Database::Sqlite;
    let mut world = World::playing(database, options, &extra).await;
    // Entered, not configured, so that it is in the database, too.
    let id = setting(&world, "GOOGLE_CLIENT_ID");
    world.settings.retain(|(key, _)| !key.starts_with("GOOGLE_CLIENT_"));
    let folder = world.folder.path().to_owned();
    let program = |args: &[&str]| Program::start(&folder, &world.settings, args);
    let mut planted: Vec<SecretString> =
        vec![client_secret.into(), setting(&world, "SECRET_KEY").into()];
    let mut learn = Vec::new();
    let grants = async |planted: &mut Vec<SecretString>| {
        if let Some(grant) = world.app.store.grant(world.account).await.unwrap() {
            planted.push(grant.access_token);
            planted.extend(grant.refresh_token);
        }
    };
    grants(&mut planted).await;

    let mut server = program(&["serve"]);
    server.says("Ringbook is at").await;
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let mut heard: Vec<u8> = Vec::new();
    let listen = async |heard: &mut Vec<u8>, request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        for (name, value) in answer.headers() {
            // A browser is told its own cookie, and sent to Google with its own state.
            if name != "set-cookie" && name != "location" {
                heard.extend_from_slice(value.as_bytes());
            }
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        heard.extend_from_slice(&answer.bytes().await.unwrap());
        (status, headers)
    };
    let entered = serde_json::json!({ "client_id": id, "client_secret": client_secret });
    let put = browser.put(url("/api/google/client")).json(&entered);
    assert_eq!(listen(&mut heard, put).await.0, 200);
    let connect = async |heard: &mut Vec<u8>, learn: &mut Vec<String>| {
        let (_, away) = listen(heard, browser.get(url("/auth/google"))).await;
        let cookie = away["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        learn.push(cookie.split_once('=').unwrap().1.to_owned());
        let to = away["location"].to_str().unwrap();
        let page = browser.get(to).send().await.unwrap();
        let back = page.headers()["location"].to_str().unwrap().to_owned();
        let pairs = reqwest::Url::parse(&back).unwrap();
        let known = pairs.query_pairs().filter(|(key, _)| key == "code" || key == "state");
        learn.extend(known.map(|(_, value)| value.into_owned()));
        listen(heard, browser.get(&back).header("cookie", cookie)).await.0
    };
    assert_eq!(connect(&mut heard, &mut learn).await, 200);
    world.until(|run| run.outcome == Some(Outcome::Succeeded)).await;
    grants(&mut planted).await;
    for path in ["/auth/refresh", "/api/sync/full", "/api/sync"] {
        listen(&mut heard, browser.post(url(path))).await;
        grants(&mut planted).await;
    }
    assert_eq!(connect(&mut heard, &mut learn).await, 200, "a second consent");
    grants(&mut planted).await;
    // A code twice, a state that is made up, a paste that is none.
    listen(
        &mut heard,
        browser.get(url("/auth/callback?state=made-up&code=4/planted-code-0123456789")),
    )
    .await;
    let paste = browser.post(url("/auth/callback/paste"));
    let nonsense = serde_json::json!({ "url": "http://localhost/?code=4/planted-code-0123456789" });
    listen(&mut heard, paste.json(&nonsense)).await;
    world.google.revoke_grants();
    listen(&mut heard, browser.post(url("/auth/refresh"))).await;
    listen(&mut heard, browser.post(url("/api/sync"))).await;
    assert_eq!(connect(&mut heard, &mut learn).await, 200, "after needs_reauth");
    grants(&mut planted).await;
    for path in [
        "/auth/status",
        "/api/google/client",
        "/metrics",
        "/health",
        "/api/sync/history",
        "/api/sync/status",
        "/api/sync/statistics",
        "/api/openapi.json",
        "/api/contacts",
    ] {
        listen(&mut heard, browser.get(url(path))).await;
    }
    for args in [
        &["config"][..],
        &["doctor"],
        &["accounts", "--json"],
        &["key", "status"],
        &["key", "rotate"],
        &["auth", "client"],
        &["export", "--format", "csv"],
        &["export", "--format", "json"],
        &["history", "latest", "--json"],
        &["doctor", "--log-level", "trace"],
    ] {
        let ended = program(args).ended().await;
        heard.extend(ended.out.bytes().chain(ended.err.bytes()));
    }
    listen(&mut heard, browser.post(url("/auth/revoke"))).await;
    // A crash at its worst: with a core dump, if one could be had.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    server.signal("-ABRT");
    let ended = server.ended().await;
    heard.extend(ended.out.bytes().chain(ended.err.bytes()));
    assert!(ended.err.contains("was connected"), "nothing was logged: {}", ended.err);
    planted.extend(learn.into_iter().map(SecretString::from));
    planted.push("4/planted-code-0123456789".into());
    planted.push("planted-webhook-path-0123456789".into());

    let mut files = vec![("what it said".to_owned(), heard)];
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(!name.starts_with("core"), "a core dump was written: {name}");
        files.push((name, std::fs::read(entry.path()).unwrap()));
    }
    assert!(files.iter().any(|(name, _)| name == "ringbook.db"), "the database was not looked at");
    planted.sort_by(|a, b| a.expose_secret().cmp(b.expose_secret()));
    planted.dedup_by(|a, b| a.expose_secret() == b.expose_secret());
    assert!(planted.len() > 12, "too few secrets were learnt: {}", planted.len());
    for (name, bytes) in &files {
        for secret in &planted {
            let secret = secret.expose_secret();
            let found = traces(secret, bytes);
            assert!(found.is_empty(), "{name} holds {secret} {found:?}");
        }
    }
}

fn setting(world: &World, name: &str) -> String {
    let found = world.settings.iter().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("{name} is not set")).1.clone()
}
