//! How PostgreSQL is reached: `sslmode` and its companions mean what they mean for libpq.
//!
//! `disable`, `allow`, `prefer` and `require` encrypt, or do not, and judge no certificate: stock servers show
//! one that they made themselves. `verify-ca` and `verify-full` judge it, by `sslrootcert` where that is given.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode as Encryption};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use super::DbError;
use ringbook_runtime::outbound::{Judge, Trust, Trusted, trusted};
use ringbook_runtime::tasks;

/// libpq's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    const ALL: [SslMode; 6] = [
        SslMode::Disable,
        SslMode::Allow,
        SslMode::Prefer,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ];

    fn as_str(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }

    /// What is tried, and what where the server refuses that.
    fn attempts(self) -> (Encryption, Option<Encryption>) {
        match self {
            SslMode::Disable => (Encryption::Disable, None),
            SslMode::Allow => (Encryption::Disable, Some(Encryption::Require)),
            SslMode::Prefer => (Encryption::Prefer, Some(Encryption::Disable)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                (Encryption::Require, None)
            }
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What libpq takes and this driver does not know, and that changes nothing for us.
const IGNORED: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "sslcompression",
    "sslsni",
];

/// A server, and how it is to be talked to.
pub(super) struct Reach {
    pub(super) config: Config,
    pub(super) mode: SslMode,
    tls: MakeRustlsConnect,
}

impl Reach {
    /// Reads a URL. What is about TLS is taken out of it; the driver reads the rest.
    pub(super) fn parse(url: &str) -> Result<Reach, DbError> {
        let mut tls = Tls::default();
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || unescaped(value);
            match key {
                "sslmode" => tls.mode = Some(mode(&value())?),
                // As libpq reads a URI that was written for JDBC.
                "ssl" if value() == "true" => tls.mode = Some(mode("require")?),
                "ssl" if value() == "false" => tls.mode = Some(mode("disable")?),
                "sslrootcert" => tls.root = Some(value()).filter(|it| !it.is_empty()),
                "sslcert" => tls.cert = Some(value()).filter(|it| !it.is_empty()),
                "sslkey" => tls.key = Some(value()).filter(|it| !it.is_empty()),
                ignored if IGNORED.contains(&ignored) => {}
                _ => kept.push(pair),
            }
        }
        let rest = match kept.is_empty() {
            true => front.to_owned(),
            false => format!("{front}?{}", kept.join("&")),
        };
        let config: Config =
            rest.parse().map_err(|error: Error| unusable(super::postgres_text(&error)))?;
        // As libpq: within one machine nothing is encrypted.
        let sockets = !config.get_hosts().is_empty()
            && config.get_hosts().iter().all(|it| matches!(it, Host::Unix(_)));
        let mode = match tls.mode()? {
            _ if sockets => SslMode::Disable,
            mode => mode,
        };
        Ok(Reach { config, mode, tls: MakeRustlsConnect::new(tls.client_config(mode)?) })
    }

    /// Says what a failed connection means, where the mode had a part in it.
    pub(super) fn explain(mode: SslMode, error: Error) -> DbError {
        let text = super::postgres_text(&error);
        let refused = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        let way_out = if is_about_tls(&error) && text.contains("does not support TLS") {
            "and the server does not speak it; switch it on there (`ssl = on`), or use sslmode=prefer"
        } else if is_about_tls(&error) && mode >= SslMode::VerifyCa {
            "and the server's certificate has to be signed by what sslrootcert=FILE names (else by a public \
             authority); sslmode=require encrypts without judging it"
        } else if is_about_tls(&error) {
            "which the server and Ringbook could not agree on; the server's log says more"
        } else if refused && mode == SslMode::Disable {
            "so the connection is not encrypted; where the server wants that, use sslmode=require"
        } else if refused && mode >= SslMode::Require {
            "so the connection is encrypted; where the server forbids that, use sslmode=prefer"
        } else {
            return DbError::Postgres(error);
        };
        DbError::Pool(format!("{text}. DATABASE_URL has sslmode={mode}, {way_out}"))
    }
}

impl deadpool_postgres::Connect for Reach {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (first, second) = self.mode.attempts();
            match (self.connect_once(&config, first).await, second) {
                (Err(error), Some(second)) if may_like_it_otherwise(&error) => {
                    // The first refusal is the one that the mode asked for.
                    self.connect_once(&config, second).await.map_err(|_| error)
                }
                (done, _) => done,
            }
        })
    }
}

impl Reach {
    async fn connect_once(
        &self,
        config: &Config,
        encryption: Encryption,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let mut config = config.clone();
        config.ssl_mode(encryption);
        let (client, connection) = config.connect(self.tls.clone()).await?;
        let task = tasks::once("a connection to PostgreSQL", async move {
            if let Err(problem) = connection.await {
                debug!(%problem, "a connection to PostgreSQL ended");
            }
        });
        Ok((client, task))
    }
}

/// What a URL says about TLS.
#[derive(Default)]
struct Tls {
    mode: Option<SslMode>,
    root: Option<String>,
    cert: Option<String>,
    key: Option<String>,
}

/// Stands for the certificates of the machine.
const SYSTEM: &str = "system";

impl Tls {
    fn mode(&self) -> Result<SslMode, DbError> {
        let system = self.root.as_deref() == Some(SYSTEM);
        match self.mode {
            // As libpq: what everybody may have a certificate of proves nothing without the name.
            Some(mode) if system && mode != SslMode::VerifyFull => Err(unusable(format!(
                "sslrootcert=system needs sslmode=verify-full, and not sslmode={mode}"
            ))),
            None if system => Ok(SslMode::VerifyFull),
            // As libpq: whoever names an authority wants it to be asked.
            Some(SslMode::Require) if self.root.is_some() => Ok(SslMode::VerifyCa),
            mode => Ok(mode.unwrap_or(SslMode::Prefer)),
        }
    }

    fn client_config(&self, mode: SslMode) -> Result<rustls::ClientConfig, DbError> {
        let trust = match mode {
            SslMode::VerifyCa => Trust::Chain,
            SslMode::VerifyFull => Trust::ChainAndCommonName,
            _ => Trust::Anything,
        };
        let roots = match self.root.as_deref() {
            Some(path) if path != SYSTEM && trust != Trust::Anything => {
                let roots = Trusted::only(certificates("sslrootcert", path)?);
                if roots.is_empty() {
                    return Err(unusable(format!("sslrootcert: `{path}` holds no certificate")));
                }
                roots
            }
            _ => trusted().clone(),
        };
        let judge = Judge::new(trust, roots).map_err(|error| unusable(error.to_string()))?;
        let builder = judge.builder().map_err(|error| unusable(error.to_string()))?;
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let path = key;
                let key = PrivateKeyDer::from_pem_file(Path::new(key))
                    .map_err(|error| unreadable("sslkey", path, &error))?;
                builder
                    .with_client_auth_cert(certificates("sslcert", cert)?, key)
                    .map_err(|error| unusable(format!("sslcert and sslkey: {error}")))
            }
            (None, None) => Ok(builder.with_no_client_auth()),
            _ => Err(unusable("sslcert and sslkey go together; one of them is missing".to_owned())),
        }
    }
}

fn mode(word: &str) -> Result<SslMode, DbError> {
    let known = SslMode::ALL.into_iter().find(|it| it.as_str() == word);
    known.ok_or_else(|| {
        let all = SslMode::ALL.map(SslMode::as_str).join(", ");
        unusable(format!("sslmode: allowed are {all}"))
    })
}

fn certificates(what: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, DbError> {
    let unreadable = |error| unreadable(what, path, &error);
    CertificateDer::pem_file_iter(Path::new(path)).and_then(Iterator::collect).map_err(unreadable)
}

fn unreadable(what: &str, path: &str, error: &rustls::pki_types::pem::Error) -> DbError {
    unusable(format!("{what}: `{path}` cannot be read: {error}"))
}

fn unusable(problem: String) -> DbError {
    DbError::Url(problem)
}

/// Whether a server might accept the other kind of connection.
fn may_like_it_otherwise(error: &Error) -> bool {
    is_about_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// The driver tells it in words only.
fn is_about_tls(error: &Error) -> bool {
    error.to_string().contains("TLS handshake")
}

/// Percent-encoding in a parameter, undone.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| others.get(..2).and_then(|it| std::str::from_utf8(it).ok()))
            .flatten()
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        rest = match code {
            Some(code) => {
                out.push(code);
                &others[2..]
            }
            None => {
                out.push(*first);
                others
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A pool of connections, and how they are made.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    mode: SslMode,
}

impl Pool {
    pub(super) fn new(pool: deadpool_postgres::Pool, mode: SslMode) -> Pool {
        Pool { pool, mode }
    }

    pub(super) async fn get(&self) -> Result<deadpool_postgres::Object, DbError> {
        use deadpool_postgres::{HookError, PoolError};
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Reach::explain(self.mode, error),
            PoolError::PostCreateHook(HookError::Backend(error)) => DbError::Postgres(error),
            PoolError::Timeout(_) => DbError::Timeout,
            other => DbError::Pool(other.to_string()),
        })
    }

    pub(super) fn status(&self) -> deadpool_postgres::Status {
        self.pool.status()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<SslMode, String> {
        let reach = Reach::parse(&format!("postgres://u:p@h/d{query}"));
        reach.map(|it| it.mode).map_err(|error| error.to_string())
    }

    #[test]
    fn the_mode_is_libpqs() {
        for (query, mode) in [
            ("", SslMode::Prefer),
            ("?sslmode=disable", SslMode::Disable),
            ("?ssl=true", SslMode::Require),
            ("?ssl=false", SslMode::Disable),
            ("?sslmode=allow", SslMode::Allow),
            ("?application_name=x&sslmode=prefer", SslMode::Prefer),
            ("?sslmode=require&gssencmode=disable", SslMode::Require),
            ("?sslmode=verify-ca", SslMode::VerifyCa),
            ("?sslmode=verify%2Dfull", SslMode::VerifyFull),
            ("?sslrootcert=system", SslMode::VerifyFull),
            ("?sslmode=require&host=/tmp/x", SslMode::Require),
        ] {
            assert_eq!(parsed(query), Ok(mode), "{query}");
        }
        let socket = Reach::parse("postgres:///d?host=/tmp/x&sslmode=require").unwrap();
        assert_eq!(socket.mode, SslMode::Disable, "a socket of this machine");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_no_value_is_shown() {
        for (query, words) in [
            ("?sslmode=on", "sslmode: allowed are disable, allow, prefer"),
            ("?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
            ("?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem", "sslrootcert: `/nowhere/ca.pem`"),
            ("?sslcert=/nowhere/me.pem", "sslkey"),
            ("?colour=s3cret", "colour"),
        ] {
            let problem = parsed(query).unwrap_err();
            assert!(problem.contains(words) && !problem.contains("s3cret"), "{query}: {problem}");
        }
    }
}
