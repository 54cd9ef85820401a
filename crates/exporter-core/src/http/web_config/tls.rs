//! `tls_server_config`: certificate, key, versions; the rustls configuration made of them.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use std::path::Path;
use std::sync::Arc;

use super::file::TlsSection;
use super::watch::Stamps;
use super::{client, suites};
use crate::exporter::ConfigError;
use crate::secret::read_small;

/// Certificates and keys are small; a path to something else is a mistake.
const MAX_PEM: u64 = 1024 * 1024;

pub(super) fn server_config(
    section: &TlsSection,
    folder: &Path,
    stamps: &mut Stamps,
) -> Result<ServerConfig, ConfigError> {
    let key = section.key.as_ref().map(|key| key.0.expose());
    let mut pem = Pem { folder, stamps };
    let (cert_key, cert) = pem
        .one_of(("cert", section.cert.as_deref()), ("cert_file", section.cert_file.as_deref()))?
        .ok_or_else(|| bad("cert_file", "missing: give cert or cert_file"))?;
    let (key_key, key) = pem
        .one_of(("key", key), ("key_file", section.key_file.as_deref()))?
        .ok_or_else(|| bad("key_file", "missing: give key or key_file"))?;
    let ca = pem.one_of(
        ("client_ca", section.client_ca.as_deref()),
        ("client_ca_file", section.client_ca_file.as_deref()),
    )?;

    let chain = certificates(cert_key, &cert)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| bad(key_key, "no private key in PEM form (PKCS#8, PKCS#1 or SEC1) in it"))?;
    let provider = Arc::new(suites::provider(section)?);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&suites::versions(section)?)
        .map_err(|error| ConfigError::new(format!("tls_server_config: {error}")))?;
    let builder = match client::verifier(section, ca, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| ConfigError::new(format!("tls_server_config: {cert_key} and {key_key}: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = section.prefer_server_cipher_suites.is_none_or(|switch| switch.0);
    // Scrapers keep their connections. A session kept would outlive a certificate that was taken back.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

pub(super) fn bad(key: &str, what: &str) -> ConfigError {
    ConfigError::new(format!("tls_server_config.{key}: {what}"))
}

/// All certificates of a PEM text.
pub(super) fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(bad(key, "no certificate in PEM form in it")),
    }
}

/// Reads what stands in the file or in another one.
struct Pem<'a> {
    folder: &'a Path,
    stamps: &'a mut Stamps,
}

impl Pem<'_> {
    fn one_of<'k>(
        &mut self,
        (inline_key, inline): (&'k str, Option<&str>),
        (file_key, file): (&'k str, Option<&str>),
    ) -> Result<Option<(&'k str, Vec<u8>)>, ConfigError> {
        let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        match (inline, file) {
            (Some(inline), file) if !inline.is_empty() => {
                if given(file) {
                    return Err(bad(file_key, &format!("{inline_key} is given too: keep one of them")));
                }
                Ok(Some((inline_key, inline.as_bytes().to_vec())))
            }
            (_, Some(file)) if !file.is_empty() => {
                let path = self.folder.join(file);
                self.stamps.note(&path);
                let text = read_small(&path, MAX_PEM)
                    .map_err(|error| bad(file_key, &format!("{}: {error}", path.display())))?;
                Ok(Some((file_key, text)))
            }
            _ => Ok(None),
        }
    }
}
