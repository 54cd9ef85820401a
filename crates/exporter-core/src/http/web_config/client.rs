//! Client certificates: whether one is needed, whose authority counts, which names may come in.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use std::sync::Arc;

use super::file::TlsSection;
use super::sans;
use super::tls::{bad, certificates};
use crate::exporter::ConfigError;

/// The verifier that the file asks for; none where clients need no certificate.
pub(super) fn verifier(
    section: &TlsSection,
    ca: Option<(&str, Vec<u8>)>,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
    const KEY: &str = "client_auth_type";
    let kind = section.client_auth_type.as_deref().unwrap_or_default();
    let needed = match kind {
        "" | "NoClientCert" => {
            if let Some((key, _)) = ca {
                return Err(bad(key, "is of no use without client_auth_type: RequireAndVerifyClientCert"));
            }
            if section.client_allowed_sans.is_some() {
                return Err(bad("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert"));
            }
            return Ok(None);
        }
        "VerifyClientCertIfGiven" => false,
        "RequireAndVerifyClientCert" => true,
        "RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert" => {
            let why = "takes certificates of anybody, which is not offered here: \
                       use RequireAndVerifyClientCert with a client_ca_file";
            return Err(bad(KEY, &format!("{kind} {why}")));
        }
        _ => {
            let known = "NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert";
            return Err(bad(KEY, &format!("{kind} is unknown; known: {known}")));
        }
    };
    if section.client_allowed_sans.is_some() && !needed {
        return Err(bad("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert"));
    }
    let Some((key, pem)) = ca else {
        return Err(bad(
            KEY,
            &format!("{kind} needs client_ca or client_ca_file; the system's are not used"),
        ));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, &pem)? {
        roots.add(certificate).map_err(|error| bad(key, &error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if needed { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| bad(key, &error.to_string()))?;
    Ok(Some(match &section.client_allowed_sans {
        Some(allowed) => Arc::new(Named { verifier, allowed: allowed.clone() }),
        None => verifier,
    }))
}

/// Takes only certificates that hold one of these names.
#[derive(Debug)]
struct Named {
    verifier: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

impl ClientCertVerifier for Named {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(certificate, intermediates, now)?;
        if sans::of(certificate).iter().any(|name| self.allowed.contains(name)) {
            return Ok(verified);
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
