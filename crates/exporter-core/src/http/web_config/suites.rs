//! Go's names for versions, cipher suites and curves, and what rustls has of them.

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{CipherSuite, NamedGroup, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::file::TlsSection;
use crate::exporter::ConfigError;

/// Suites of TLS 1.2 that can be chosen; those of 1.3 are always there, as in Go.
const SUITES: [(&str, CipherSuite); 9] = [
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];
const CURVES: [(&str, NamedGroup); 3] = [
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("X25519", NamedGroup::X25519),
];

/// ring, with the suites and curves that the file chooses.
pub(super) fn provider(section: &TlsSection) -> Result<CryptoProvider, ConfigError> {
    let mut provider = ring::default_provider();
    if let Some(names) = section.cipher_suites.as_deref().filter(|names| !names.is_empty()) {
        let chosen =
            names.iter().map(|name| find("cipher_suites", name, &SUITES)).collect::<Result<Vec<_>, _>>()?;
        let is_13 = |suite: &SupportedCipherSuite| matches!(suite, SupportedCipherSuite::Tls13(_));
        let all = std::mem::take(&mut provider.cipher_suites);
        provider.cipher_suites.extend(all.iter().copied().filter(is_13));
        // In the order of the file.
        let listed = chosen.iter().filter_map(|id| all.iter().find(|suite| suite.suite() == *id));
        provider.cipher_suites.extend(listed.copied().filter(|suite| !is_13(suite)));
    }
    if let Some(names) = section.curve_preferences.as_deref().filter(|names| !names.is_empty()) {
        let chosen = names
            .iter()
            .map(|name| find("curve_preferences", name, &CURVES))
            .collect::<Result<Vec<_>, _>>()?;
        let all: Vec<&'static dyn SupportedKxGroup> = std::mem::take(&mut provider.kx_groups);
        let listed = chosen.iter().filter_map(|id| all.iter().find(|group| group.name() == *id));
        provider.kx_groups.extend(listed);
    }
    Ok(provider)
}

/// The versions from `min_version` to `max_version`.
pub(super) fn versions(section: &TlsSection) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    let known = [("TLS12", &version::TLS12), ("TLS13", &version::TLS13)];
    let place = |key: &str, name: Option<&str>, default: usize| match name.unwrap_or_default() {
        "" => Ok(default),
        name => known.iter().position(|(known, _)| *known == name).ok_or_else(|| {
            let why = match name {
                "TLS10" | "TLS11" => "is broken and not offered here",
                _ => "is unknown",
            };
            ConfigError::new(format!("tls_server_config.{key}: {name} {why}; write TLS12 or TLS13"))
        }),
    };
    let first = place("min_version", section.min_version.as_deref(), 0)?;
    let last = place("max_version", section.max_version.as_deref(), 1)?;
    if first > last {
        return Err(ConfigError::new("tls_server_config.min_version is above max_version"));
    }
    Ok(known[first..=last].iter().map(|(_, version)| *version).collect())
}

fn find<T: Copy>(key: &str, name: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
    known.iter().find(|(known, _)| *known == name).map(|(_, id)| *id).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|(known, _)| *known).collect();
        ConfigError::new(format!(
            "tls_server_config.{key}: {name} is unknown or not offered here; known: {}",
            known.join(", ")
        ))
    })
}
