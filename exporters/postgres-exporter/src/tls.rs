//! libpq's sslmode.

use client_tls::{ClientTls, TlsError, Verify};
use rustls::ClientConfig;
use std::path::Path;

use crate::dsn::{Tls, TlsMode};

/// How the server's certificate is looked at. Files are read now, so that renewed ones count at the next connect.
///
/// # Errors
/// A file that cannot be used.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let verify = match (tls.mode, &tls.root_cert) {
        (TlsMode::VerifyFull, _) => Verify::Name,
        // As in libpq, a root certificate makes `require` look at the chain.
        (TlsMode::VerifyCa, _) | (TlsMode::Require, Some(_)) => Verify::Chain,
        _ => Verify::Nothing,
    };
    let authorities = tls.root_cert.clone().filter(|path| path != Path::new("system"));
    let identity = tls.cert.clone().zip(tls.key.clone());
    let mut config = ClientTls { verify, authorities, identity }.config()?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}
