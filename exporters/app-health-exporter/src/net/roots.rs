//! Certificates of authorities: the system's, or a file's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::{Failure, Reason};

/// Trusted certificates, and when each of them ends.
#[derive(Debug)]
pub(crate) struct Roots {
    pub(crate) store: Arc<RootCertStore>,
    /// By the encoded subject.
    pub(crate) expiry: HashMap<Vec<u8>, i64>,
    /// The certificates themselves, of a configured file only: a server may show one of them as its own.
    pub(crate) pinned: Vec<CertificateDer<'static>>,
}

/// Where systems keep their authorities; Go looks at the same places.
const SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Roots {
    /// The system's, or `SSL_CERT_FILE`'s. None at all is no error: every certificate is of an unknown authority then.
    pub(crate) fn system() -> Self {
        let named = std::env::var("SSL_CERT_FILE").ok();
        let bytes = named
            .iter()
            .map(String::as_str)
            .chain(SYSTEM.iter().copied())
            .find_map(|p| std::fs::read(p).ok());
        let mut roots = Self::from_pem(&bytes.unwrap_or_default());
        roots.pinned = Vec::new();
        roots
    }

    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure::new(Reason::Config, format!("ca_file {}: {why}", path.display()));
        let roots = Self::from_pem(&std::fs::read(path).map_err(|error| failed(error.to_string()))?);
        if roots.pinned.is_empty() {
            return Err(failed("no certificate in it".to_owned()));
        }
        Ok(roots)
    }

    pub(crate) fn from_pem(pem: &[u8]) -> Self {
        let mut store = RootCertStore::empty();
        let mut expiry = HashMap::new();
        let mut pinned = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem).filter_map(Result::ok) {
            if let Some((subject, end)) = super::cert::root(&der) {
                let end = expiry.get(&subject).copied().unwrap_or(i64::MIN).max(end);
                expiry.insert(subject, end);
            }
            // One that cannot be an anchor may still be pinned.
            let _ = store.add(der.clone());
            pinned.push(der);
        }
        Self { store: Arc::new(store), expiry, pinned }
    }
}
