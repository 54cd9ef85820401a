//! TLS to the server: the peer's flags.

use client_tls::{ClientTls, TlsError, Verify};
use exporter_core::{ConfigError, Settings};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Files and switches; read again at each connect, so that a renewed certificate needs no restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    client: ClientTls,
    /// The name the certificate must have, where it is not the host's.
    pub(crate) server_name: String,
}

/// The flags that name files.
const FILES: [&str; 3] = ["tls-client-cert-file", "tls-client-key-file", "tls-ca-cert-file"];

/// The error with the flag that brought it.
fn named(settings: &Settings, error: &TlsError) -> ConfigError {
    let told = error.to_string();
    let is_told = |flag: &&&str| !settings.text(flag).is_empty() && told.contains(settings.text(flag));
    let flag = FILES.iter().find(is_told).map_or_else(String::new, |flag| format!("--{flag}: "));
    ConfigError::new(format!("{flag}{told}"))
}

impl Tls {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let file = |name| Some(settings.text(name)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let identity = match (file("tls-client-cert-file"), file("tls-client-key-file")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(ConfigError::new(
                    "--tls-client-cert-file and --tls-client-key-file go together: give both or none",
                ));
            }
        };
        let verify = if settings.switch("skip-tls-verification") { Verify::Nothing } else { Verify::Name };
        let client = ClientTls { verify, authorities: file("tls-ca-cert-file"), identity };
        let tls = Self { client, server_name: settings.text("tls-server-name").to_owned() };
        // What cannot be read is told at start, not at the first scrape.
        if tls.client.authorities.is_some() || tls.client.identity.is_some() {
            drop(tls.connector().map_err(|error| named(settings, &error))?);
        }
        Ok(tls)
    }

    /// What opens TLS connections. It is made when a connection is, so nothing is held that is not used.
    pub(crate) fn connector(&self) -> Result<TlsConnector, TlsError> {
        Ok(Arc::new(self.client.config()?).into())
    }
}
