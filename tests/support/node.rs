//! Programs of others that are written in JavaScript.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The OAuth server `oauth2-mock-server`, and a People API that believes its tokens.
pub(crate) struct MockServer {
    child: Child,
    pub(crate) oauth: String,
    pub(crate) people: String,
}

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("node/package.json")),
    ("package-lock.json", include_str!("node/package-lock.json")),
    ("server.mjs", include_str!("node/server.mjs")),
];

impl MockServer {
    pub(crate) fn start(client_id: &str, client_secret: &str) -> MockServer {
        let home = installed();
        let mut child = Command::new("node")
            .args(["server.mjs", client_id, client_secret])
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs node");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the server says where it is");
        // It names itself by a word that may lead elsewhere on a machine with IPv6.
        let oauth = said["oauth"].as_str().unwrap().replace("localhost", "127.0.0.1");
        MockServer { child, oauth, people: said["people"].as_str().unwrap().to_owned() }
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder with everything in the versions that are known to be good. It is made once, and kept
/// between test runs.
fn installed() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("node-oauth");
    let ready = home.join("ready.txt");
    let lock = FILES[1].1;
    std::fs::create_dir_all(&home).unwrap();
    let is_ready = std::fs::read_to_string(&ready).is_ok_and(|installed| installed == lock);
    for (name, text) in FILES {
        std::fs::write(home.join(name), text).unwrap();
    }
    if !is_ready {
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&home)
            .output()
            .expect("this test needs npm");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "npm, which needs a way to its registry, said: {errors}");
        // Only now, so that an installation that broke off is not taken for a whole one.
        std::fs::write(ready, lock).unwrap();
    }
    home
}
