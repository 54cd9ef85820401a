//! TLS to the server: the peer's flags.

use exporter_core::{ConfigError, Settings};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Files and switches; read again at each connect, so that a renewed certificate needs no restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    certificate: String,
    key: String,
    authority: String,
    skip_verification: bool,
    /// The name the certificate must have, where it is not the host's.
    pub(crate) server_name: String,
}

impl Tls {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let text = |name| settings.text(name).to_owned();
        let tls = Self {
            certificate: text("tls-client-cert-file"),
            key: text("tls-client-key-file"),
            authority: text("tls-ca-cert-file"),
            skip_verification: settings.switch("skip-tls-verification"),
            server_name: text("tls-server-name"),
        };
        if tls.certificate.is_empty() != tls.key.is_empty() {
            return Err(ConfigError::new(
                "--tls-client-cert-file and --tls-client-key-file go together: give both or none",
            ));
        }
        // What cannot be read is told at start, not at the first scrape.
        if !(tls.authority.is_empty() && tls.certificate.is_empty()) {
            drop(tls.connector()?);
        }
        Ok(tls)
    }

    /// What opens TLS connections. It is made when a connection is, so nothing is held that is not used.
    pub(crate) fn connector(&self) -> Result<TlsConnector, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let failed = |error: Error| ConfigError::new(format!("TLS: {error}"));
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = if self.skip_verification {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(NoVerification(provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let config = if self.certificate.is_empty() {
            builder.with_no_client_auth()
        } else {
            let key =
                PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unreadable(&self.key, &error))?;
            builder.with_client_auth_cert(certificates(&self.certificate)?, key).map_err(failed)?
        };
        Ok(Arc::new(config).into())
    }

    fn roots(&self) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        let all = if self.authority.is_empty() {
            rustls_native_certs::load_native_certs().certs
        } else {
            certificates(&self.authority)?
        };
        let (added, _) = roots.add_parsable_certificates(all);
        if added == 0 {
            return Err(ConfigError::new(format!(
                "TLS: no usable certificate in {}; set --tls-ca-cert-file",
                if self.authority.is_empty() { "the system's store" } else { &self.authority },
            )));
        }
        Ok(roots)
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let all = CertificateDer::pem_file_iter(Path::new(path)).map_err(|error| unreadable(path, &error))?;
    all.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("TLS: {path}: {error}"))
}

/// `--skip-tls-verification`: takes any certificate, but the handshake must still be signed with it.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
