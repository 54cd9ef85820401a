//! What a certificate says, in the peer's spelling.

use std::fmt::Write as _;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// The facts of one certificate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// DNS names joined by commas.
    pub(crate) alternative_names: String,
    /// Lower-case hex.
    pub(crate) serial: String,
    /// SHA-256, lower-case hex.
    pub(crate) fingerprint: String,
    pub(crate) raw_subject: Vec<u8>,
    pub(crate) raw_issuer: Vec<u8>,
}

impl Facts {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        let names = match cert.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(*name),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        Some(Self {
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
            subject: name(cert.subject()),
            issuer: name(cert.issuer()),
            alternative_names: names.join(","),
            serial: hex(trim(cert.raw_serial())),
            fingerprint: hex(ring::digest::digest(&ring::digest::SHA256, der).as_ref()),
            raw_subject: cert.subject().as_raw().to_vec(),
            raw_issuer: cert.issuer().as_raw().to_vec(),
        })
    }
}

/// Only the end of its life and its names, cheaply: for the many roots of a system.
pub(crate) fn root(der: &[u8]) -> Option<(Vec<u8>, i64)> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    Some((cert.subject().as_raw().to_vec(), cert.validity().not_after.timestamp()))
}

fn trim(serial: &[u8]) -> &[u8] {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => rest,
        serial => serial,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 2253: the last encoded part first.
fn name(name: &X509Name<'_>) -> String {
    let mut parts = Vec::new();
    for rdn in name.iter_rdn() {
        let mut text = String::new();
        for attribute in rdn.iter() {
            if !text.is_empty() {
                text.push('+');
            }
            let oid = attribute.attr_type().to_id_string();
            match short(&oid) {
                Some(short) => {
                    text.push_str(short);
                    text.push('=');
                    escape(&attribute_text(attribute), &mut text);
                }
                None => {
                    let _ = write!(text, "{oid}=#{}", hex(&der(attribute)));
                }
            }
        }
        parts.push(text);
    }
    parts.reverse();
    parts.join(",")
}

fn attribute_text(attribute: &x509_parser::x509::AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

/// Tag, length and content of a value whose type has no short name.
fn der(attribute: &x509_parser::x509::AttributeTypeAndValue<'_>) -> Vec<u8> {
    let any = attribute.attr_value();
    let data = attribute.as_slice();
    let mut out = vec![any.header.tag().0 as u8];
    match data.len() {
        short @ 0..=127 => out.push(short as u8),
        long @ 128..=255 => out.extend([0x81, long as u8]),
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend_from_slice(data);
    out
}

fn short(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        _ => return None,
    })
}

fn escape(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let always = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        if always || (at == 0 && matches!(c, '#' | ' ')) || (at == last && c == ' ') {
            out.push('\\');
        }
        out.push(c);
    }
}
