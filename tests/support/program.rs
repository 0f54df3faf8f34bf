//! The real program as a process of its own, and what it says.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc;

use super::PATIENCE;

/// A process that is running.
pub(crate) struct Program {
    pub(crate) child: Child,
    lines: mpsc::UnboundedReceiver<(bool, String)>,
    heard: Ended,
}

/// What a process had said when it was over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn assert(&self, code: i32, words: &[&str]) -> &Ended {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "`{word}` in {self:?}");
        }
        self
    }
}

impl Program {
    pub(crate) fn start(folder: &Path, settings: &[(String, String)], args: &[&str]) -> Program {
        Program::reading(folder, settings, args, "")
    }

    /// One that somebody types into, and then no more.
    pub(crate) fn reading(
        folder: &Path,
        settings: &[(String, String)],
        args: &[&str],
        typed: &str,
    ) -> Program {
        let stdin = if typed.is_empty() { Stdio::null() } else { keyboard(typed) };
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringbook"))
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", folder)
            .envs(settings.iter().map(|(key, value)| (key, value)))
            .current_dir(folder)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = mpsc::unbounded_channel();
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let err: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        for (is_out, stream) in [(true, out), (false, err)] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = tell.send((is_out, line));
                }
            });
        }
        Program { child, lines, heard: Ended::default() }
    }

    async fn hear(&mut self) -> Option<String> {
        let heard = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        let (is_out, line) =
            heard.unwrap_or_else(|_| panic!("it fell silent: {:?}", self.heard))?;
        let text = if is_out { &mut self.heard.out } else { &mut self.heard.err };
        text.push_str(&line);
        text.push('\n');
        Some(line)
    }

    pub(crate) async fn says(&mut self, word: &str) -> String {
        while let Some(line) = self.hear().await {
            if line.contains(word) {
                return line;
            }
        }
        panic!("`{word}` was never said: {:?}", self.heard);
    }

    pub(crate) async fn ended(mut self) -> Ended {
        while self.hear().await.is_some() {}
        let status = self.child.wait().unwrap();
        self.heard.code = status.code();
        self.heard.clone()
    }

    /// Waits for the kernel to have stopped it, after `SIGSTOP`.
    pub(crate) async fn frozen(&self) {
        let status = format!("/proc/{}/stat", self.child.id());
        let stopped = || {
            let text = std::fs::read_to_string(&status).unwrap();
            text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        while !stopped() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keyboard(typed: &str) -> Stdio {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(typed.as_bytes()).unwrap();
    file.rewind().unwrap();
    Stdio::from(file)
}

/// A port that nobody listens on, and that is given to no other test, also of other test runs, as long as
/// this process lives.
pub(crate) fn free_port() -> String {
    // Names in the kernel, which forgets them with the process. Those of `house.mjs` are below.
    static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Below those that the system gives to connections (32768 and up), which come and go with every test.
    for port in 20_000_u16..30_000 {
        let name = SocketAddr::from_abstract_name(format!("ringbook-test-port-{port}")).unwrap();
        let Ok(lock) = UnixListener::bind_addr(&name) else { continue };
        taken.push(lock);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port.to_string();
        }
    }
    panic!("no port is free");
}
