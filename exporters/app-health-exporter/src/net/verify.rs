//! Verification that keeps what the server showed, so that an expired certificate is not invisible just when it matters.

use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::cert::Facts;
use super::roots::Roots;
use super::{Failure, Reason};

/// What a server showed, whether it was accepted or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) verified: bool,
}

/// How certificates are judged; made once for a module.
#[derive(Debug)]
pub(crate) struct Judge {
    /// `None`: nothing can be verified, because there are no authorities or no wish to.
    pub(crate) webpki: Option<Arc<WebPkiServerVerifier>>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) skip: bool,
    pub(crate) schemes: tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms,
}

/// One connection's verifier.
#[derive(Debug)]
pub(crate) struct Recorder {
    judge: Arc<Judge>,
    shown: Mutex<Shown>,
}

impl Recorder {
    pub(crate) fn new(judge: Arc<Judge>) -> Self {
        Self { judge, shown: Mutex::default() }
    }

    pub(crate) fn take(&self) -> Shown {
        std::mem::take(&mut *self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.judge.skip {
            return Ok(());
        }
        let Some(webpki) = &self.judge.webpki else {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        match webpki.verify_server_cert(leaf, intermediates, name, ocsp, now) {
            Ok(_) => Ok(()),
            // A certificate that a ca_file names is trusted for what it is, even if it is its own authority: common
            // where somebody made one by `openssl req -x509`, and accepted by Go.
            Err(_) if self.judge.roots.pinned.iter().any(|root| root == leaf) => pinned(leaf, name, now),
            Err(error) => Err(error),
        }
    }
}

fn pinned(leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let facts = Facts::parse(leaf).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let now = now.as_secs() as i64;
    if now > facts.not_after {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    if now < facts.not_before {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    // No constraints are checked here, so the parsed form is needed for its names only.
    verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self.verify(leaf, intermediates, name, ocsp, now);
        let chain = std::iter::once(leaf).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        let verified = result.is_ok() && !self.judge.skip;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown { chain, verified };
        result.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, cert, signature, &self.judge.schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, cert, signature, &self.judge.schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.schemes.supported_schemes()
    }
}

/// Why a handshake failed.
pub(crate) fn failure(error: &std::io::Error) -> Failure {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        let mut failure = Failure::io(error);
        if failure.reason == Reason::Other {
            failure.reason = Reason::TlsHandshake;
        }
        return failure;
    };
    let reason = match tls {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::TlsExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Reason::TlsNotYetValid
            }
            CertificateError::UnknownIssuer => Reason::TlsUnknownCa,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Reason::TlsName
            }
            // An authority's own certificate that nobody has named as trusted.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Reason::TlsUnknownCa
            }
            _ => Reason::TlsCertificate,
        },
        _ => Reason::TlsHandshake,
    };
    Failure::new(reason, tls.to_string())
}

/// When the longest-lived verified chain of a leaf ends: the earliest end in it, authorities included.
pub(crate) fn chain_expiry(chain: &[Facts], roots: &Roots) -> Option<i64> {
    fn walk(cert: &Facts, chain: &[Facts], roots: &Roots, depth: usize) -> Option<i64> {
        let by_root = roots.expiry.get(&cert.raw_issuer).map(|end| cert.not_after.min(*end));
        if depth == 0 || cert.raw_issuer == cert.raw_subject {
            return by_root;
        }
        let issuers = chain.iter().filter(|other| other.raw_subject == cert.raw_issuer && *other != cert);
        let through = issuers.filter_map(|issuer| walk(issuer, chain, roots, depth - 1));
        through.map(|end| end.min(cert.not_after)).chain(by_root).max()
    }
    let leaf = chain.first()?;
    walk(leaf, chain, roots, 6)
}
