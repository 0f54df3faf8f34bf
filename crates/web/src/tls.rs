//! HTTPS without a proxy: a certificate and its key from two files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// A client that takes longer to agree on keys holds a connection for nothing.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A file of certificates is a few thousand bytes; whatever is larger is none.
const FILE_MAX: u64 = 1 << 20;
/// The first byte of every TLS connection: a record with a handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// A certificate in use, and where it comes from. The files may be replaced at any time.
pub struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    /// Of what was read last, whether or not it could be used.
    digest: [u8; 32],
}

/// Why no certificate can be served. The text names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{setting}: `{path}` cannot be read: {source}")]
    Unreadable { setting: &'static str, path: String, source: std::io::Error },
    #[error("{setting}: `{path}` is not what it should be: {problem}; it has to be in PEM form")]
    NotPem { setting: &'static str, path: String, problem: String },
    #[error(
        "TLS_KEY_FILE: the key in `{path}` is locked with a passphrase, and at a start nobody is there to say it; \
         write it without one (`openssl pkey -in {path} -out key.pem`), for this user's eyes only"
    )]
    Locked { path: String },
    #[error(
        "TLS_CERT_FILE and TLS_KEY_FILE do not fit together: {0}; the key has to be the one that the \
         certificate was made with"
    )]
    NoPair(rustls::Error),
}

/// Stands in the first lines of a key in PEM form that is locked (RFC 7468, 11; RFC 1421, 4.6.1.1).
const LOCKED: &[u8] = b"ENCRYPTED";

/// What a new connection turned out to be.
pub(crate) enum Handshake {
    Tls(Box<TlsStream<TcpStream>>),
    /// Somebody who speaks plain HTTP where HTTPS is spoken.
    Plain(TcpStream),
    /// Somebody who said nothing we understand.
    Noise,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// When a file cannot be read, is not PEM, or the two do not belong together.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Tls, TlsError> {
        let files = Files::read(cert_file, key_file)?;
        let acceptor = files.acceptor(cert_file, key_file)?;
        if is_open_to_all(key_file) {
            let path = key_file.display();
            warn!(
                "TLS_KEY_FILE: everybody on this machine can read `{path}`; chmod 600 changes that"
            );
        }
        let current = RwLock::new(Current { acceptor, digest: files.digest() });
        Ok(Tls { cert_file: cert_file.to_owned(), key_file: key_file.to_owned(), current })
    }

    /// Takes the files' new content, if there is any. While they cannot be used, as in the moment between
    /// the writing of one and of the other, what was in use stays in use. Returns whether it changed.
    pub fn reload(&self) -> bool {
        let files = match Files::read(&self.cert_file, &self.key_file) {
            Ok(files) => files,
            Err(problem) => {
                warn!(%problem, "the certificate could not be looked at again: {problem}");
                return false;
            }
        };
        let digest = files.digest();
        if self.current.read().unwrap_or_else(PoisonError::into_inner).digest == digest {
            return false;
        }
        let fresh = files.acceptor(&self.cert_file, &self.key_file);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Noted in either case, so that one bad file is complained about once.
        current.digest = digest;
        match fresh {
            Ok(acceptor) => {
                current.acceptor = acceptor;
                info!("the certificate was replaced, and the new one is in use");
                true
            }
            Err(problem) => {
                warn!(%problem, "the new certificate cannot be used, the old one is served on: {problem}");
                false
            }
        }
    }

    /// Agrees on keys with whoever called.
    pub(crate) async fn greet(&self, stream: TcpStream) -> Handshake {
        let acceptor = self.current.read().unwrap_or_else(PoisonError::into_inner).acceptor.clone();
        let greeting = async {
            let mut first = [0; 1];
            match stream.peek(&mut first).await {
                Ok(1) if first[0] == HANDSHAKE_RECORD => match acceptor.accept(stream).await {
                    Ok(stream) => Handshake::Tls(Box::new(stream)),
                    Err(_) => Handshake::Noise,
                },
                Ok(1) if first[0].is_ascii_uppercase() => Handshake::Plain(stream),
                _ => Handshake::Noise,
            }
        };
        tokio::time::timeout(HANDSHAKE, greeting).await.unwrap_or(Handshake::Noise)
    }
}

/// What stands in the two files.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(cert_file: &Path, key_file: &Path) -> Result<Files, TlsError> {
        let cert = read("TLS_CERT_FILE", cert_file)?;
        Ok(Files { cert, key: read("TLS_KEY_FILE", key_file)? })
    }

    fn digest(&self) -> [u8; 32] {
        let lengths = (self.cert.len() as u64).to_be_bytes();
        Sha256::new()
            .chain_update(lengths)
            .chain_update(&self.cert)
            .chain_update(&self.key)
            .finalize()
            .into()
    }

    fn acceptor(&self, cert_file: &Path, key_file: &Path) -> Result<TlsAcceptor, TlsError> {
        let not_pem = |setting, path: &Path, problem: pem::Error| {
            let problem = match problem {
                pem::Error::NoItemsFound if setting == "TLS_KEY_FILE" => {
                    "there is no key in it".to_owned()
                }
                pem::Error::NoItemsFound => "there is no certificate in it".to_owned(),
                other => other.to_string(),
            };
            TlsError::NotPem { setting, path: path.display().to_string(), problem }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<_, _>>()
            .map_err(|problem| not_pem("TLS_CERT_FILE", cert_file, problem))?;
        if chain.is_empty() {
            return Err(not_pem("TLS_CERT_FILE", cert_file, pem::Error::NoItemsFound));
        }
        if self.key.windows(LOCKED.len()).any(|it| it == LOCKED) {
            return Err(TlsError::Locked { path: key_file.display().to_string() });
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|problem| not_pem("TLS_KEY_FILE", key_file, problem))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::NoPair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A group of its own for those who may read keys is common; the whole machine is not.
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o004 != 0)
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read;
    let unreadable =
        |source| TlsError::Unreadable { setting, path: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
