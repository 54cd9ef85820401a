//! Verification that keeps what the server showed, so that an expired certificate is not invisible just when it matters.

use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::cert::Facts;
use super::known::{self, Chain, Key, Known};
use super::roots::Roots;
use super::{Failure, Reason};

/// How certificates are judged; made once for a module.
#[derive(Debug)]
pub(crate) struct Judge {
    /// `None`: nothing can be verified, because there are no authorities or no wish to.
    pub(crate) webpki: Option<Arc<WebPkiServerVerifier>>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) skip: bool,
    pub(crate) schemes: tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms,
    pub(crate) known: Known,
}

/// One connection's verifier.
#[derive(Debug)]
pub(crate) struct Recorder {
    judge: Arc<Judge>,
    /// What the server showed, whether it was accepted or not.
    shown: Mutex<Arc<Chain>>,
}

impl Recorder {
    pub(crate) fn new(judge: Arc<Judge>) -> Self {
        Self { judge, shown: Mutex::default() }
    }

    pub(crate) fn shown(&self) -> Arc<Chain> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let all = || std::iter::once(leaf).chain(intermediates);
        let key = Key::new(name, all());
        let known = self.judge.known.get(&key, now.as_secs() as i64);
        let (chain, result) = known.map_or_else(
            || {
                let result = self.verify(leaf, intermediates, name, ocsp, now);
                let facts: Vec<Facts> = all().filter_map(|der| Facts::parse(der)).collect();
                let readable = facts.len() == all().count();
                let verified = result.is_ok() && !self.judge.skip;
                let expiry = verified.then(|| chain_expiry(&facts, &self.judge.roots)).flatten();
                let chain = Arc::new(Chain::new(facts, expiry));
                // Of one that could not be read the dates are not known.
                if result.is_ok() && readable && known::is_short(all()) {
                    self.judge.known.put(key, chain.clone());
                }
                (chain, result)
            },
            |chain| (chain, Ok(())),
        );
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = chain;
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
fn chain_expiry(chain: &[Facts], roots: &Roots) -> Option<i64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
    use tokio_rustls::rustls::crypto::ring::default_provider;

    const DURING: u64 = 1_780_000_000;
    const AFTER: u64 = 2_000_000_000;

    fn judge(ca_pem: &str) -> Arc<Judge> {
        let roots = Arc::new(Roots::from_pem(ca_pem.as_bytes()));
        let provider = Arc::new(default_provider());
        let schemes = provider.signature_verification_algorithms;
        let webpki = WebPkiServerVerifier::builder_with_provider(roots.store.clone(), provider).build();
        Arc::new(Judge {
            webpki: Some(webpki.unwrap()),
            roots,
            skip: false,
            schemes,
            known: Known::default(),
        })
    }

    #[test]
    fn a_known_chain_is_good_for_its_name_its_dates_and_its_authorities_only() {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::new(["shop.example".to_owned()]).unwrap();
        leaf.not_before = date_time_ymd(2026, 1, 1);
        leaf.not_after = date_time_ymd(2027, 1, 1);
        let key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&key, &ca).unwrap();
        let judge = self::judge(&ca.pem());
        let verify = |judge: &Arc<Judge>, der: &[u8], name: &'static str, now| {
            let recorder = Recorder::new(judge.clone());
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
            let name = ServerName::try_from(name).unwrap();
            let result = recorder.verify_server_cert(&CertificateDer::from(der), &[], &name, &[], now);
            (result.map(drop), recorder.shown())
        };
        let (first, shown) = verify(&judge, leaf.der(), "shop.example", DURING);
        assert_eq!(first, Ok(()));
        let (again, known) = verify(&judge, leaf.der(), "shop.example", DURING);
        assert_eq!(again, Ok(()));
        assert!(Arc::ptr_eq(&shown, &known), "verified once only");
        assert_eq!(shown.verified_expiry, shown.earliest_expiry);

        let refused = |judge, der, name, now| {
            let (result, shown) = verify(judge, der, name, now);
            assert_eq!(shown.verified_expiry, None);
            failure(&std::io::Error::other(result.unwrap_err())).reason
        };
        assert_eq!(refused(&judge, leaf.der(), "other.example", DURING), Reason::TlsName);
        assert_eq!(refused(&judge, leaf.der(), "shop.example", AFTER), Reason::TlsExpired);
        let mut forged = leaf.der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(refused(&judge, &forged, "shop.example", DURING), Reason::TlsCertificate);
        let stranger = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let others = self::judge(&stranger.pem());
        // Of the same name, but with another key.
        assert_eq!(refused(&others, leaf.der(), "shop.example", DURING), Reason::TlsCertificate);
    }
}
