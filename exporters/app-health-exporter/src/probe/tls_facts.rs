//! What a TLS handshake showed, as series.

use exporter_core::{Desc, Family, Page};

use super::Probe;
use crate::net::tls::TlsFacts;

static EARLIEST: Family<0> = Family::gauge(
    "probe_ssl_earliest_cert_expiry",
    "When the first of the certificates that the server showed ends, in seconds since 1970.",
    &[],
);
static CHAIN_EXPIRY: Family<0> = Family::gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the longest-lived verified chain ends, in seconds since 1970.",
    &[],
);
static CHAIN_INFO: Family<5> = Family::info(
    "probe_ssl_last_chain_info",
    "The server's own certificate.",
    &["fingerprint_sha256", "issuer", "serialnumber", "subject", "subjectalternative"],
);
static VERSION: Family<1> =
    Family::info("probe_tls_version_info", "The TLS version that was agreed on.", &["version"]);
static CIPHER: Family<1> =
    Family::info("probe_tls_cipher_info", "The cipher suite that was agreed on.", &["cipher"]);

pub(super) const FAMILIES: [&Desc; 5] =
    [EARLIEST.desc(), CHAIN_EXPIRY.desc(), CHAIN_INFO.desc(), VERSION.desc(), CIPHER.desc()];

/// Puts them; also what a refused certificate said of itself, which is when its end matters most.
pub(super) fn note(probe: &Probe, facts: &TlsFacts) {
    let leaf = facts.chain.leaf.as_ref().map_or_else(
        || "no certificate".to_owned(),
        |leaf| {
            let end = crate::clock::rfc3339(leaf.not_after as f64);
            format!("certificate of {} by {} until {end}", leaf.subject, leaf.issuer)
        },
    );
    let cipher = facts.cipher.as_deref().unwrap_or("no cipher");
    probe.note(format!("{}, {cipher}, {leaf}", facts.version.unwrap_or("no TLS session")));
}

pub(super) fn put(page: &mut Page, facts: &TlsFacts) {
    put_without_chain(page, facts);
    if let Some(end) = facts.chain_expiry {
        page.put(&CHAIN_EXPIRY, [], end);
    }
}

pub(super) fn put_without_chain(page: &mut Page, facts: &TlsFacts) {
    if let Some(end) = facts.chain.earliest_expiry {
        page.put(&EARLIEST, [], end);
    }
    if let Some(leaf) = &facts.chain.leaf {
        let labels: [&dyn exporter_core::LabelValue; 5] =
            [&leaf.fingerprint, &leaf.issuer, &leaf.serial, &leaf.subject, &leaf.alternative_names];
        page.put(&CHAIN_INFO, labels, 1_u8);
    }
    if let Some(version) = facts.version {
        page.put(&VERSION, [&version], 1_u8);
    }
}

pub(super) fn put_cipher(page: &mut Page, facts: &TlsFacts) {
    if let Some(cipher) = &facts.cipher {
        page.put(&CIPHER, [cipher], 1_u8);
    }
}
