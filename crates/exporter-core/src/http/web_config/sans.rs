//! The names in a certificate's subjectAltName: DNS, mail, URI, IP, as the toolkit writes them.
//!
//! Reads just as much DER as that takes. The certificate has passed the verifier already; what cannot be read here has
//! no names, and nobody comes in by it.

use std::net::{Ipv4Addr, Ipv6Addr};

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// `extensions [3] EXPLICIT` of a TBSCertificate.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
/// Context-specific tags of GeneralName.
const MAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

/// All names; none if the bytes are no certificate.
pub(super) fn of(certificate: &[u8]) -> Vec<String> {
    names(certificate).unwrap_or_default()
}

fn names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, to_be_signed, _) = element(certificate)?;
    let extensions = elements(to_be_signed).find(|(tag, _)| *tag == EXTENSIONS)?.1;
    let (_, extensions, _) = element(extensions)?;
    let names = elements(extensions).find_map(|(_, extension)| {
        let mut fields = elements(extension);
        let id = fields.next()?;
        // `critical` may stand between.
        let (_, value) = fields.find(|(tag, _)| *tag == OCTETS)?;
        (id == (OID, &SUBJECT_ALT_NAME)).then_some(value)
    })?;
    let (tag, names, _) = element(names)?;
    (tag == SEQUENCE).then(|| elements(names).filter_map(|(tag, value)| name(tag, value)).collect())
}

fn name(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        MAIL | DNS | URI => String::from_utf8(value.to_vec()).ok(),
        IP => match value.len() {
            4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).to_string()),
            16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The elements that follow one another, until one is not whole.
fn elements(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, value, rest) = element(der)?;
        der = rest;
        Some((tag, value))
    })
}

/// Tag, value, and what comes behind.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if !(1..=4).contains(&digits.len()) {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = behind;
    }
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_of_every_kind() {
        let found = of(&certificate(vec![
            SanType::DnsName("scraper.example".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.org".try_into().unwrap()),
            SanType::URI("spiffe://example/prometheus".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]));
        let expected =
            ["scraper.example", "ops@example.org", "spiffe://example/prometheus", "192.0.2.7", "2001:db8::1"];
        assert_eq!(found, expected);
    }

    #[test]
    fn none_where_there_are_none() {
        assert!(of(&certificate(Vec::new())).is_empty());
        assert!(of(b"").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn broken_bytes_are_no_names_and_no_panic(at in 0_usize..300, byte: u8, length in 0_usize..400) {
            let mut der = certificate(vec![SanType::DnsName("a.example".try_into().unwrap())]);
            let at = at % der.len();
            der[at] = byte;
            der.truncate(length.max(1));
            let _ = of(&der);
        }
    }
}
