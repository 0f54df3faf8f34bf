//! `sslmode` means what it means for libpq, on a real server whose certificate nobody has signed.

use std::sync::Arc;

use ringbook_runtime::SystemClock;
use ringbook_store::Store;

use super::support::postgres::TlsServer;
use super::support::program::free_port;
use super::support::vault::vault;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sslmode_means_what_it_means_for_libpq() {
    let server = TlsServer::start(free_port().parse().unwrap(), TlsServer::self_signed());
    // A file that can be read by whoever tests: the server's own belongs to its user.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.crt");
    std::fs::copy(&server.certificate, &root).unwrap();
    let root = root.display().to_string();
    // Database, host, parameters, and what the refusal says; an empty one is a connection.
    let rows: &[(&str, &str, &str, &str)] = &[
        ("open", "127.0.0.1", "", ""),
        ("open", "127.0.0.1", "sslmode=disable", ""),
        ("open", "127.0.0.1", "sslmode=allow", ""),
        ("open", "127.0.0.1", "sslmode=prefer", ""),
        ("open", "127.0.0.1", "sslmode=require", ""),
        ("open", "localhost", "sslmode=verify-ca", "sslmode=verify-ca"),
        ("open", "localhost", "sslmode=verify-full", "sslmode=verify-full"),
        ("open", "localhost", "sslrootcert=system", "sslmode=verify-full"),
        ("open", "127.0.0.1", "sslmode=verify-ca&sslrootcert=ROOT", ""),
        ("open", "127.0.0.1", "sslmode=require&sslrootcert=ROOT", ""),
        ("open", "localhost", "sslmode=verify-full&sslrootcert=ROOT", ""),
        ("open", "127.0.0.1", "sslmode=verify-full&sslrootcert=ROOT", "sslmode=verify-full"),
        ("encrypted", "127.0.0.1", "", ""),
        ("encrypted", "127.0.0.1", "sslmode=disable", "use sslmode=require"),
        ("encrypted", "127.0.0.1", "sslmode=allow", ""),
        ("encrypted", "127.0.0.1", "sslmode=require", ""),
        ("plain", "127.0.0.1", "", ""),
        ("plain", "127.0.0.1", "sslmode=disable", ""),
        ("plain", "127.0.0.1", "sslmode=allow", ""),
        ("plain", "127.0.0.1", "sslmode=prefer", ""),
        ("plain", "127.0.0.1", "sslmode=require", "use sslmode=prefer"),
        ("open", "127.0.0.1", "ssl=true", ""),
        ("plain", "127.0.0.1", "ssl=true", "use sslmode=prefer"),
    ];
    for (database, host, parameters, refusal) in rows {
        let parameters = parameters.replace("ROOT", &root);
        let url = format!("postgres://postgres@{host}:{}/{database}?{parameters}", server.port);
        let opened = Store::open_postgres(&url, Arc::new(SystemClock), vault()).await;
        let problem = opened.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(problem.is_empty(), refusal.is_empty(), "{url}: {problem}");
        assert!(problem.contains(refusal), "{url}: {problem}");
    }
    // Within one machine nothing is encrypted, whatever is asked for.
    let folder = server.folder().display();
    let url = format!(
        "postgres:///open?host={folder}&port={}&user=postgres&sslmode=require",
        server.port
    );
    Store::open_postgres(&url, Arc::new(SystemClock), vault()).await.unwrap();
}

/// As `openssl x509 -req` makes it without extensions: a certificate of X.509 version 1, for 100 years.
const OF_VERSION_1: (&str, &str) =
    (include_str!("fixtures/version1.crt"), include_str!("fixtures/version1.key"));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_judgement_of_the_server_its_certificate_may_be_of_any_kind() {
    let (certificate, key) = OF_VERSION_1;
    let made = (certificate.to_owned(), key.to_owned());
    let server = TlsServer::start(free_port().parse().unwrap(), made);
    for parameters in ["", "sslmode=require", "sslmode=prefer"] {
        let url = format!("postgres://postgres@127.0.0.1:{}/encrypted?{parameters}", server.port);
        let opened = Store::open_postgres(&url, Arc::new(SystemClock), vault()).await;
        assert!(opened.is_ok(), "{parameters}: {}", opened.err().unwrap());
    }
}
