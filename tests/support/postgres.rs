//! A throw-away PostgreSQL, one for each test binary.
//!
//! A shell watches over the server: it ends it, and removes its folder, when its standard input closes.
//! That happens whenever this process ends, however it ends. PostgreSQL does not run as root, so root
//! hands the folder and the server over to "nobody".

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

const MISSING: &str = "PostgreSQL's server is missing (`initdb` and `postgres` were looked for with \
    pg_config, in /usr/lib/postgresql and on the PATH); install it with \
    `apt-get install --no-install-recommends postgresql`, or run `./test`, which does";

/// The URL of a new, empty database.
pub(crate) fn fresh_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // PostgreSQL copies one template at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let cluster = cluster();
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    cluster.execute(format!("create database {name}"));
    drop(guard);
    cluster.url(&name)
}

/// Where the server of this test binary lives. For tests of the harness itself.
pub(crate) fn folder() -> &'static Path {
    &cluster().folder
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match CLUSTER.get_or_init(|| Cluster::start(&Wanted::default())) {
        Ok(cluster) => cluster,
        Err(problem) => panic!("no PostgreSQL to test with: {problem}"),
    }
}

/// What a server is to be like, beyond the usual one that is only on a socket.
#[derive(Default)]
struct Wanted {
    port: Option<u16>,
    /// Files in its folder, by name.
    files: Vec<(&'static str, String)>,
    /// Settings; `FOLDER` stands for its folder.
    settings: Vec<&'static str>,
}

/// A server on 127.0.0.1 with a certificate that it made itself, as Debian's has one. Its database `open` takes
/// every connection, `encrypted` and `plain` only those.
pub(crate) struct TlsServer {
    cluster: Cluster,
    pub(crate) port: u16,
    /// Made for `localhost`.
    pub(crate) certificate: PathBuf,
}

impl TlsServer {
    /// A certificate for `localhost` and its key (PEM).
    pub(crate) fn self_signed() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// At a port that is free, with a certificate and its key (PEM).
    pub(crate) fn start(port: u16, (certificate, key): (String, String)) -> TlsServer {
        let rules = "local all all trust\n\
            host open all 127.0.0.1/32 trust\n\
            hostssl encrypted all 127.0.0.1/32 trust\n\
            hostnossl plain all 127.0.0.1/32 trust\n";
        let wanted = Wanted {
            port: Some(port),
            files: vec![
                ("server.crt", certificate),
                ("server.key", key),
                ("hba.conf", rules.to_owned()),
            ],
            settings: vec![
                "listen_addresses=127.0.0.1",
                "ssl=on",
                "ssl_cert_file=FOLDER/server.crt",
                "ssl_key_file=FOLDER/server.key",
                "hba_file=FOLDER/hba.conf",
            ],
        };
        let cluster = Cluster::start(&wanted).unwrap();
        for database in ["open", "encrypted", "plain"] {
            cluster.execute(format!("create database {database}"));
        }
        let certificate = cluster.folder.join("server.crt");
        TlsServer { cluster, port, certificate }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.cluster.folder
    }
}

struct Cluster {
    port: u16,
    folder: PathBuf,
    /// Its standard input is what keeps the server alive.
    _watchdog: Mutex<Child>,
}

impl Cluster {
    fn start(wanted: &Wanted) -> Result<Cluster, String> {
        let bin = binaries().ok_or(MISSING)?;
        sweep();
        let folder = new_folder()?;
        let root = fs::metadata("/proc/self").is_ok_and(|me| {
            use std::os::unix::fs::MetadataExt;
            me.uid() == 0
        });
        let mut paths = vec![folder.clone()];
        for (name, text) in &wanted.files {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|e| format!("{name}: {e}"))?;
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&path, private).map_err(|e| format!("{name}: {e}"))?;
            paths.push(path);
        }
        for path in paths.iter().filter(|_| root) {
            chown(path, Some(NOBODY), Some(NOBODY)).map_err(|e| format!("chown: {e}"))?;
        }
        let port = wanted.port.unwrap_or(5432);
        let mut settings = vec![format!("port={port}"), "max_connections=200".to_owned()];
        if wanted.settings.is_empty() {
            settings.push("listen_addresses=".to_owned());
        }
        let place = folder.display().to_string();
        settings.extend(wanted.settings.iter().map(|it| it.replace("FOLDER", &place)));
        let settings: Vec<String> =
            settings.into_iter().flat_map(|it| ["-c".to_owned(), it]).collect();

        // All of it is the watchdog's work, so that nothing is left over whenever we are killed.
        // It says "ready" when connections are accepted, or when there will be no server.
        let script = r#"
            trap '' PIPE
            exec 3<&0 </dev/null
            server=
            if "$1/initdb" -A trust -U postgres --no-sync -N --locale=C.UTF-8 -E UTF8 data >log 2>&1 3<&-
            then
                bin=$1 folder=$2 port=$3
                shift 3
                "$bin/postgres" -D data -k "$folder" -F "$@" >>log 2>&1 3<&- &
                server=$!
                set -- "$bin" "$folder"
                until "$1/pg_isready" -q -h "$2" -p "$port" -U postgres 3<&-; do
                    kill -0 $server 2>/dev/null || break
                    sleep 0.02 3<&-
                done
            fi
            echo ready
            exec >/dev/null 2>&1
            cat <&3
            if [ -n "$server" ]; then kill -QUIT $server; wait $server; fi
            cd / && rm -rf "$2"
        "#;
        let mut command = Command::new("/bin/sh");
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut watchdog = command
            .current_dir(&folder)
            .env_remove("PGDATA")
            .args(["-c", script, "sh"])
            .arg(&bin)
            .arg(&folder)
            .arg(port.to_string())
            .args(&settings)
            // Ctrl-C in a terminal reaches a whole group; the watchdog must outlive it to clean up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("the watchdog did not start: {e}"))?;
        if let Some(stdout) = watchdog.stdout.take() {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        }
        if !folder.join(format!(".s.PGSQL.{port}")).exists() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(format!("the server did not start: {log}"));
        }
        Ok(Cluster { port, folder, _watchdog: Mutex::new(watchdog) })
    }

    fn url(&self, database: &str) -> String {
        let (folder, port) = (self.folder.display(), self.port);
        format!("postgres:///{database}?host={folder}&port={port}&user=postgres")
    }

    /// On a thread and a runtime of its own, so that it can be called from any test.
    fn execute(&self, sql: String) {
        let url = self.url("postgres");
        let work = async move {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            let connection = tokio::spawn(connection);
            let done = client.batch_execute(&sql).await;
            drop(client);
            let _ = connection.await;
            done
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(work)
        });
        thread.join().expect("the thread that talks to PostgreSQL").expect("PostgreSQL obeys");
    }
}

/// The folder that holds `initdb` and `postgres`, of the newest version there is.
fn binaries() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file())
    };
    let told = |command: &mut Command| {
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let by_config = told(Command::new("pg_config").arg("--bindir")).filter(complete);
    let by_debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let folders = versions.flatten().map(|version| version.path().join("bin"));
        let number = |folder: &PathBuf| {
            let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            version.and_then(|version| version.parse::<u32>().ok()).unwrap_or(0)
        };
        folders.filter(complete).max_by_key(number)
    };
    let by_path = || {
        let found = told(Command::new("sh").args(["-c", "command -v postgres"]))?;
        // Distributions link the program from another folder than the one it needs.
        Some(fs::canonicalize(found).ok()?.parent()?.to_owned()).filter(complete)
    };
    by_config.or_else(by_debian).or_else(by_path)
}

const PREFIX: &str = "ringbook-pg-";

/// Not `TMPDIR`: the path of a socket may only be some hundred bytes long.
const TMP: &str = "/tmp";

/// A new folder that carries our process id.
fn new_folder() -> Result<PathBuf, String> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(TMP)
        .map_err(|e| format!("no folder in {TMP}: {e}"))?;
    Ok(folder.keep())
}

/// Removes what test processes left behind whose watchdog did not live to do it.
fn sweep() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let alive = |pid: &str| Path::new("/proc").join(pid.trim()).exists();
    for entry in fs::read_dir(TMP).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let maker = rest.split('-').next().unwrap_or(rest);
        let server =
            fs::read_to_string(entry.path().join("data/postmaster.pid")).unwrap_or_default();
        let server = server.lines().next().unwrap_or("none");
        if !alive(maker) && !alive(server) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
