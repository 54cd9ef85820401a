//! TLS towards what is monitored: rustls as the peers' flags want it, one place for the exporters that connect.
//!
//! Files are read when a configuration is made. Make it at each connect: a renewed certificate needs no restart then, and
//! no store of authorities is held that nobody uses.
#![forbid(unsafe_code)]

mod verify;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use verify::{Checked, Unchecked};

/// How far a server's certificate is looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verify {
    /// It comes from an authority we trust, and names the host.
    #[default]
    Name,
    /// It comes from an authority we trust, for whichever name.
    Chain,
    /// Not at all: encrypted, with whomever.
    Nothing,
}

/// How a client shakes hands.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// How far the server's certificate is looked at.
    pub verify: Verify,
    /// PEM file of the authorities that are trusted, or of the server's own certificate; the system's store without it.
    pub authorities: Option<PathBuf>,
    /// PEM files of the client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What cannot be used. No message quotes a file: it could be a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("TLS: {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("TLS: {}: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The system trusts nobody.
    #[error("TLS: the system's store has no authority: install ca-certificates, or name a file with one")]
    NoAuthority,
    /// rustls takes none of it.
    #[error("TLS: {0}")]
    Other(#[from] rustls::Error),
}

impl ClientTls {
    /// The configuration of connections, from the files as they are now.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.verify {
            Verify::Nothing => Arc::new(Unchecked(provider.signature_verification_algorithms)),
            Verify::Name | Verify::Chain => Arc::new(self.checked(&provider)?),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let Some((certificate, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate)?;
        builder
            .with_client_auth_cert(chain, private_key(key)?)
            .map_err(|_| unusable(key, "the key is not the certificate's, or of no kind that is known"))
    }

    fn checked(&self, provider: &Arc<CryptoProvider>) -> Result<Checked, TlsError> {
        let mut roots = RootCertStore::empty();
        let pinned = match &self.authorities {
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Vec::new()
            }
            Some(path) => {
                let named = certificates(path)?;
                roots.add_parsable_certificates(named.iter().cloned());
                if roots.is_empty() {
                    return Err(unusable(path, "no certificate in it can be an authority"));
                }
                named
            }
        };
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|_| TlsError::NoAuthority)?;
        Ok(Checked { webpki, pinned, name: self.verify == Verify::Name })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(unusable(path, "no certificate in PEM form")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path)?;
    let encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound if encrypted => {
            unusable(path, "the key is encrypted: decrypt it first, by openssl pkey")
        }
        _ => unusable(path, "no private key in PEM form"),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })
}

fn unusable(path: &Path, what: &'static str) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), what }
}

#[cfg(test)]
mod tests;
