//! What this process opens to the outside: the one maker of HTTP clients, and the one judge of the
//! certificates that servers show.
//!
//! Ringbook carries Mozilla's roots, so it needs no CA certificates of the machine. Those of the machine are
//! added where there are some: `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, such as a company's own CA.

mod judge;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Client;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tracing::warn;

pub use judge::{Judge, Trust};

/// How a client behaves. Each of them keeps the address it asked before to itself (no `Referer`).
#[derive(Clone, Copy, Debug)]
pub struct ClientOptions {
    pub connect_timeout: Duration,
    /// For a whole exchange; `None`: the caller watches the time.
    pub total_timeout: Option<Duration>,
    /// How many redirects are followed. Zero where one would show a request, or a secret address, to a
    /// stranger.
    pub redirects: usize,
    /// Whether the environment's proxies (`HTTPS_PROXY`, `ALL_PROXY`, …) are used. Not for what is on this machine.
    pub proxy: bool,
    /// How the other side is judged. Anybody only where nothing is told to them, and nothing they say matters.
    pub trust: Trust,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Some(Duration::from_secs(30)),
            redirects: 0,
            proxy: true,
            trust: Trust::ChainAndName,
        }
    }
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: {0}")]
pub struct ClientError(String);

/// Makes a client. Bodies are not unpacked: whoever asks for packed ones watches their size.
///
/// # Errors
/// When the machine cannot do TLS, or a proxy in the environment has no usable address.
pub fn http_client(options: &ClientOptions) -> Result<Client, ClientError> {
    let redirect = match options.redirects {
        0 => reqwest::redirect::Policy::none(),
        count => reqwest::redirect::Policy::limited(count),
    };
    let judge = Judge::new(options.trust, trusted().clone())
        .map_err(|error| ClientError(error.to_string()))?;
    let mut tls = judge.client_config().map_err(|error| ClientError(error.to_string()))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect)
        .connect_timeout(options.connect_timeout)
        .referer(false)
        .gzip(false);
    if let Some(limit) = options.total_timeout {
        builder = builder.timeout(limit);
    }
    if !options.proxy {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError(root_cause(&error.without_url())))
}

/// The innermost reason: the outer ones only say that something failed.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// The certificates that are trusted: those that we carry, and those of the machine.
#[derive(Clone)]
pub struct Trusted {
    pub(crate) roots: Arc<RootCertStore>,
    /// The same ones of the machine as they were read: a server may show one of them as its own.
    pub(crate) own: Arc<[CertificateDer<'static>]>,
}

impl Trusted {
    /// These certificates and no others.
    pub fn only(certificates: Vec<CertificateDer<'static>>) -> Trusted {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Trusted { roots: Arc::new(roots), own: certificates.into() }
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// Read once in a process: it takes some milliseconds.
pub fn trusted() -> &'static Trusted {
    static TRUSTED: OnceLock<Trusted> = OnceLock::new();
    TRUSTED.get_or_init(|| {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let found = rustls_native_certs::load_native_certs();
        for problem in found.errors {
            warn!(
                %problem,
                "some CA certificates of this machine cannot be read ({problem}); SSL_CERT_FILE and \
                 SSL_CERT_DIR say where they are"
            );
        }
        roots.add_parsable_certificates(found.certs.iter().cloned());
        Trusted { roots: Arc::new(roots), own: found.certs.into() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_each_kind_can_be_made() {
        for (redirects, proxy) in [(0, true), (3, true), (0, false)] {
            let options = ClientOptions { redirects, proxy, ..ClientOptions::default() };
            assert!(http_client(&options).is_ok());
        }
    }

    /// Answers one request, leading elsewhere if told to, and says what it was asked.
    async fn answer(listener: tokio::net::TcpListener, location: Option<String>) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let count = stream.read(&mut asked).await.unwrap();
        let head = match location {
            Some(there) => format!("302 Found\r\nlocation: {there}"),
            None => "200 OK".to_owned(),
        };
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..count]).to_lowercase()
    }

    #[tokio::test]
    async fn a_secret_address_is_not_told_where_a_server_leads_to() {
        for redirects in [0, 1] {
            let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let second = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/hooks/secret", first.local_addr().unwrap());
            let there = format!("http://{}/elsewhere", second.local_addr().unwrap());
            let options = ClientOptions { redirects, proxy: false, ..ClientOptions::default() };
            let client = http_client(&options).unwrap();
            let asking = client.get(&url).send();
            if redirects == 0 {
                let (answered, _) = tokio::join!(asking, answer(first, Some(there)));
                assert_eq!(answered.unwrap().status(), 302, "it is not followed");
            } else {
                let answers =
                    async { tokio::join!(answer(first, Some(there)), answer(second, None)).1 };
                let (answered, asked) = tokio::join!(asking, answers);
                assert_eq!(answered.unwrap().status(), 200);
                assert!(!asked.contains("referer") && !asked.contains("secret"), "{asked}");
            }
        }
    }

    #[test]
    fn what_we_carry_is_trusted_whatever_the_machine_has() {
        assert!(trusted().roots.len() >= webpki_roots::TLS_SERVER_ROOTS.len());
    }
}
