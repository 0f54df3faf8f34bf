//! Judges the certificate that a server shows.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::{rfc4519::COMMON_NAME, rfc5280::ID_CE_SUBJECT_ALT_NAME};

use crate::outbound::Trusted;

/// What a server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: the connection is encrypted, to whoever answers.
    Anything,
    /// That somebody we trust signed its certificate, for whatever name.
    Chain,
    /// That, and that the certificate is for the name we asked.
    ChainAndName,
    /// The same, and the certificate's common name counts where it lists no names, as it does for libpq.
    ChainAndCommonName,
}

/// Judges certificates. One that is trusted by itself is accepted where a server shows it, even if it calls
/// itself an authority: `openssl req -x509` makes such ones.
#[derive(Debug)]
pub struct Judge {
    trust: Trust,
    inner: Option<Arc<WebPkiServerVerifier>>,
    own: Arc<[CertificateDer<'static>]>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// # Errors
    /// When there is nothing to judge by.
    pub fn new(trust: Trust, trusted: Trusted) -> Result<Judge, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let inner = match trust {
            Trust::Anything => None,
            _ => Some(
                WebPkiServerVerifier::builder_with_provider(trusted.roots, provider.clone())
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?,
            ),
        };
        Ok(Judge { trust, inner, own: trusted.own, provider })
    }

    /// TLS with this judge, and without a certificate of ours.
    ///
    /// # Errors
    /// When the provider of the cryptography lacks the usual versions of TLS.
    pub fn client_config(self) -> Result<ClientConfig, Error> {
        Ok(self.builder()?.with_no_client_auth())
    }

    /// The same, before it is said which certificate of ours is shown.
    ///
    /// # Errors
    /// As for [`Judge::client_config`].
    pub fn builder(
        self,
    ) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Error> {
        let provider = self.provider.clone();
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self)))
    }

    /// Whether a certificate that is trusted by itself holds for this name now.
    fn holds(
        &self,
        shown: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let bad = |error| Error::InvalidCertificate(error);
        let read = Certificate::from_der(shown).map_err(|_| bad(CertificateError::BadEncoding))?;
        let validity = read.tbs_certificate.validity;
        if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
            return Err(bad(CertificateError::Expired));
        }
        if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
            return Err(bad(CertificateError::NotValidYet));
        }
        if self.trust == Trust::Chain {
            return Ok(());
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(shown)?, name)
    }

    /// Whether the common name is this one, in a certificate that lists no names.
    fn is_common_name(shown: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
        let Ok(read) = Certificate::from_der(shown) else { return false };
        let fields = read.tbs_certificate;
        let listed = fields.extensions.iter().flatten();
        if listed.into_iter().any(|it| it.extn_id == ID_CE_SUBJECT_ALT_NAME) {
            return false;
        }
        let wanted = name.to_str();
        let names = fields.subject.0.iter().flat_map(|it| it.0.iter());
        names.filter(|it| it.oid == COMMON_NAME).any(|it| {
            let text = std::str::from_utf8(it.value.value()).unwrap_or_default();
            text.eq_ignore_ascii_case(&wanted)
        })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        let judged = match inner.verify_server_cert(shown, between, name, ocsp, now) {
            // The name is looked at last, so the chain is good.
            Err(error) if self.trust == Trust::Chain && is_about_the_name(&error) => Ok(()),
            Err(error) if self.own.iter().any(|it| it == shown) => {
                if is_about_the_name(&error) {
                    Err(error)
                } else {
                    self.holds(shown, name, now)
                }
            }
            other => other.map(|_| ()),
        };
        let judged = match judged {
            Err(error)
                if self.trust == Trust::ChainAndCommonName
                    && is_about_the_name(&error)
                    && Judge::is_common_name(shown, name) =>
            {
                Ok(())
            }
            other => other,
        };
        judged.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trust == Trust::Anything {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Nothing is proved of the server there, and reading its certificate would refuse one of version 1.
        if self.trust == Trust::Anything {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_about_the_name(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    /// Self-signed: as `openssl req -x509` makes it, and as a Debian package does.
    fn made(names: &[&str], common: &str, authority: bool) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        if authority {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn each_kind_of_trust_takes_what_it_says() {
        use Trust::{Anything, Chain, ChainAndCommonName, ChainAndName};
        let all = [Anything, Chain, ChainAndName, ChainAndCommonName];
        // Which of them take a certificate of these names for `db.example`, itself trusted or not.
        let rows: &[(&[&str], &str, bool, [bool; 4])] = &[
            (&["db.example"], "x", true, [true, true, true, true]),
            (&["other.example"], "x", true, [true, true, false, false]),
            (&["other.example"], "db.example", true, [true, true, false, false]),
            (&[], "db.example", true, [true, true, false, true]),
            (&[], "other.example", true, [true, true, false, false]),
            (&["db.example"], "db.example", false, [true, false, false, false]),
        ];
        let name = ServerName::try_from("db.example").unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        for (names, common, trusted, taken) in rows {
            for authority in [false, true] {
                let shown = made(names, common, authority);
                let roots = if *trusted { shown.clone() } else { made(&["ca"], "ca", true) };
                for (trust, taken) in all.iter().zip(taken) {
                    let judge = Judge::new(*trust, Trusted::only(vec![roots.clone()])).unwrap();
                    let judged = judge.verify_server_cert(&shown, &[], &name, &[], now);
                    let what =
                        format!("{names:?} {common} {authority} {trusted} {trust:?}: {judged:?}");
                    assert_eq!(judged.is_ok(), *taken, "{what}");
                }
            }
        }
    }

    #[test]
    fn a_trusted_certificate_that_has_expired_is_refused() {
        let shown = made(&["db.example"], "x", true);
        let name = ServerName::try_from("db.example").unwrap();
        let judge = Judge::new(Trust::ChainAndName, Trusted::only(vec![shown.clone()])).unwrap();
        let late = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1 << 40));
        assert!(judge.verify_server_cert(&shown, &[], &name, &[], late).is_err());
    }
}
