//! Signals, log lines and closed streams: what the machine around the server does to it.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::app::Answer;
use super::support::program::{Ended, Program, free_port};

fn settings(folder: &std::path::Path, port: &str, extra: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut settings = vec![
        ("PORT".to_owned(), port.to_owned()),
        ("DATABASE_URL".to_owned(), format!("sqlite:///{}/r.db", folder.display())),
    ];
    settings.extend(extra.iter().map(|(key, it)| ((*key).to_owned(), (*it).to_owned())));
    settings
}

async fn get(port: &str, path: &str) -> Answer {
    Answer::of(reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.unwrap()).await
}

/// Every line of a process, as the JSON that it has to be.
fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.err.lines().chain(ended.out.lines());
    lines.map(|it| serde_json::from_str(it).unwrap_or_else(|_| panic!("no JSON: {it}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_requests_to_stop_end_a_server_and_sighup_reads_again_what_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut server =
        Program::start(folder.path(), &settings(folder.path(), &port, &[]), &["serve"]);
    server.says("Ringbook is at").await;
    for signal in ["-USR1", "-USR2", "-PIPE", "-ALRM", "-XFSZ", "-XCPU", "-VTALRM", "-PROF", "-IO"]
    {
        server.signal(signal);
    }
    let client = || async {
        let answer = get(&port, "/api/google/client").await.is(200);
        answer["client_id"].as_str().map(str::to_owned)
    };
    assert_eq!(client().await, None);
    let settings = "GOOGLE_CLIENT_ID=a.apps.googleusercontent.com\nGOOGLE_CLIENT_SECRET=s3cret\n";
    std::fs::write(folder.path().join(".env"), settings).unwrap();
    server.signal("-HUP");
    server.says("SIGHUP: certificates, LOG_LEVEL and the OAuth client were read again").await;
    assert_eq!(client().await.as_deref(), Some("a.apps.googleusercontent.com"));
    // What cannot be used changes nothing.
    std::fs::write(folder.path().join(".env"), "LOG_LEVEL=loud\n").unwrap();
    server.signal("-HUP");
    server.says("SIGHUP: the settings in force stay").await;
    assert_eq!(client().await.as_deref(), Some("a.apps.googleusercontent.com"));
    assert_eq!(get(&port, "/health/live").await.status, 200);
    server.signal("-QUIT");
    let ended = server.ended().await;
    ended.assert(0, &["stopped"]);
    assert!(!ended.err.contains("s3cret") && !ended.out.contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_log_in_json_every_line_is_json_from_the_start_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let json = [("LOG_FORMAT", "json"), ("TZ", "Asia/Kolkata")];
    let settings = settings(folder.path(), &port, &json);
    let mut server = Program::start(folder.path(), &settings, &["serve"]);
    server.says("Ringbook is at").await;
    let mut second = settings.clone();
    second.retain(|(key, _)| key != "DATABASE_URL");
    let refused = Program::start(folder.path(), &second, &["serve"]).ended().await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(lines(&refused).iter().any(|it| it["message"].as_str().unwrap().contains("is taken")));
    server.signal("-HUP");
    server.says("SIGHUP").await;
    server.signal("-TERM");
    let ended = server.ended().await;
    let lines = lines(&ended);
    let said = |words: &str| {
        let found =
            lines.iter().find(|it| it["message"].as_str().unwrap_or_default().contains(words));
        found.unwrap_or_else(|| panic!("`{words}` in {ended:?}")).clone()
    };
    said("a new key was made");
    let stopped = said("stopped");
    assert!(stopped["timestamp"].as_str().unwrap().ends_with("+05:30"), "{stopped}");
    // A configuration that cannot be used is told in JSON, too.
    let mut wrong = settings.clone();
    wrong.push(("SYNC_INTERVAL_MINUTES".to_owned(), "never".to_owned()));
    let refused = Program::start(folder.path(), &wrong, &["serve"]).ended().await;
    assert_eq!(refused.code, Some(2));
    let lines: Vec<Value> =
        refused.err.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert!(lines[0]["message"].as_str().unwrap().contains("SYNC_INTERVAL_MINUTES"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sign_in_is_a_line_with_its_address_and_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let zone = [("TIMEZONE", "America/St_Johns"), ("TZ", "Asia/Kolkata")];
    let settings = settings(folder.path(), &port, &zone);
    let mut server = Program::start(folder.path(), &settings, &["serve"]);
    server.says("Ringbook is at").await;
    let client = reqwest::Client::new();
    let sign_in = client
        .post(format!("http://127.0.0.1:{port}/api/session"))
        .header("content-type", "application/json")
        .body(r#"{"name":"hunter2","password":"hunter3"}"#);
    assert_eq!(sign_in.send().await.unwrap().status(), 401);
    let line = server.says("failed sign-in from 127.0.0.1: wrong name or password").await;
    assert!(!line.contains("hunter"), "{line}");
    assert!(line.contains("-02:30 ") || line.contains("-03:30 "), "TIMEZONE is before TZ: {line}");
    let bad = client.get(format!("http://127.0.0.1:{port}/api/contacts"));
    let bad = bad.header("authorization", "Bearer rbk_nobodys");
    assert_eq!(bad.send().await.unwrap().status(), 401);
    let line = server.says("failed sign-in from 127.0.0.1: a token").await;
    assert!(!line.contains("rbk_"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_output_nobody_takes_serves_on() {
    // With something to say at the start, in each form of it.
    let (proxies, phones) = (("TRUSTED_PROXIES", "*"), ("PHONE_NETWORKS", "127.0.0.1"));
    for (output, more) in [
        ("/dev/full", vec![]),
        ("closed", vec![]),
        ("/dev/full", vec![proxies]),
        ("closed", vec![proxies]),
        ("/dev/full", vec![phones, ("LOG_FORMAT", "json")]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let redirected = match output {
            "closed" => "exec \"$0\" serve >&- 2>&-".to_owned(),
            full => format!("exec \"$0\" serve >{full} 2>{full}"),
        };
        let mut child = Command::new("sh")
            .args(["-c", &redirected, env!("CARGO_BIN_EXE_ringbook")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(settings(folder.path(), &port, &more))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let look = async {
            while reqwest::get(format!("http://127.0.0.1:{port}/health/live")).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(super::support::PATIENCE, look).await.expect(output);
        // One that logs something now.
        assert_eq!(get(&port, "/health").await.status, 200, "{output}");
        let sent = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{output}");
    }
}
