//! The API keeps to its own document, asked by Schemathesis with what the document allows and forbids.

use std::path::{Path, PathBuf};
use std::process::Command;

use ringbook_simulator::Contact;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::python;

/// Requests for each operation and phase. More find little more, and take long.
const EXAMPLES: &str = "25";
const EXAMPLES_LONG: &str = "300";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Schemathesis, with all that it needs in the versions that are known to be good.
fn schemathesis() -> PathBuf {
    let requirements =
        std::fs::read_to_string(here("tests/schemathesis-requirements.txt")).unwrap();
    let options = ["--require-hashes", "--only-binary", ":all:"];
    python::environment("schemathesis", &requirements, &options).join("schemathesis")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_keeps_to_its_document_whatever_python_makes_of_it() {
    let app = TestApp::new(40).await;
    for name in ["Ada", "Grace", "Joan"] {
        app.post("/api/sync").await.is(200);
        app.world.google.add(Contact::named(name, "Clarke", "+44 20 7946 0958"));
    }
    app.world.google.delete_many(20);
    app.post("/api/sync").await;
    let history = app.get("/api/sync/history").await.is(200)["history"].clone();
    assert_eq!(history[0]["outcome"], "held");
    let contacts = app.get("/api/contacts?limit=1").await.is(200);
    let known = [
        ("/api/sync/runs/", &history[0]["id"]),
        ("/api/contacts/", &contacts["contacts"][0]["id"]),
        ("/api/accounts/", &history[0]["account_id"]),
    ];
    let settings = with_ids(&known);
    // The runs first, while there are some: clearing the history is among the other operations.
    let runs = ask(&app, &settings, &["--include-path-regex", "^/api/sync/runs/"]).await;
    let all = ask(&app, &settings, &[]).await;
    assert!(runs > 200 && all > 1000, "only {runs} and {all} requests were made");
}

/// Lets Schemathesis ask, and says how many requests it made. It must find nothing.
async fn ask(app: &TestApp, settings: &str, which: &'static [&'static str]) -> usize {
    // It keeps what it found from one time to the next, which would make this another test.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, settings).unwrap();
    let document = app.url("/api/openapi.json");
    let output = tokio::task::spawn_blocking(move || {
        let examples = if crate::support::long() { EXAMPLES_LONG } else { EXAMPLES };
        Command::new(schemathesis())
            .arg("--config-file")
            .arg(config)
            .args(["run", &document, "--checks", "all", "--seed", "1", "--max-examples", examples])
            .args(["--continue-on-failure", "--no-color"])
            .args(which)
            .current_dir(folder.path())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Schemathesis found something:\n{said}\n{errors}");
    println!("{said}");
    let cases = said.lines().find_map(|line| line.trim().split_once(" generated, "));
    cases.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

/// The settings, and ids that there are; made-up ones lead to nothing.
fn with_ids(known: &[(&str, &Value)]) -> String {
    let mut settings = std::fs::read_to_string(here("tests/schemathesis.toml")).unwrap();
    for (path, id) in known {
        settings.push_str(&format!(
            "\n[[operations]]\ninclude-path-regex = '^{path}\\{{id\\}}'\nparameters = {{ \"path.id\" = {id} }}\n"
        ));
    }
    settings
}
