//! What servers' certificates say, and which chains were found good before.
//!
//! A check shakes hands with the same server every few seconds. Who signed an unchanged certificate, and for which name,
//! does not change by time: only the dates can become wrong, and they are looked at every time. That the server has the
//! certificate's key is proved anew in every handshake.

use ring::digest::{Context, SHA256};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::cert::Facts;

/// Chains kept for a module; the oldest goes first.
const MOST: usize = 128;
/// Bytes of a chain that is kept; of a longer one a server could have us remember as much as it likes to send.
const LONGEST: usize = 16 * 1024;

/// What the certificates that a server showed say.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) leaf: Option<Facts>,
    /// The earliest end among them.
    pub(crate) earliest_expiry: Option<i64>,
    /// When the longest-lived verified chain ends; `None` where nothing was verified.
    pub(crate) verified_expiry: Option<i64>,
    /// When all of them are valid.
    dates: RangeInclusive<i64>,
}

impl Default for Chain {
    fn default() -> Self {
        Self { leaf: None, earliest_expiry: None, verified_expiry: None, dates: i64::MIN..=i64::MAX }
    }
}

impl Chain {
    pub(crate) fn new(certificates: Vec<Facts>, verified_expiry: Option<i64>) -> Self {
        let from = certificates.iter().map(|cert| cert.not_before).max();
        let earliest_expiry = certificates.iter().map(|cert| cert.not_after).min();
        Self {
            earliest_expiry,
            verified_expiry,
            dates: from.unwrap_or(i64::MIN)..=earliest_expiry.unwrap_or(i64::MAX),
            leaf: certificates.into_iter().next(),
        }
    }
}

/// A digest of all certificates in their order and of the name they were shown for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn new<'a>(
        name: &ServerName<'_>,
        chain: impl Iterator<Item = &'a CertificateDer<'a>>,
    ) -> Self {
        let mut digest = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            digest.update(&(bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        part(name.to_str().as_bytes());
        chain.for_each(|certificate| part(certificate));
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        Self(key)
    }
}

/// Whether a chain is short enough to be kept.
pub(crate) fn is_short<'a>(chain: impl Iterator<Item = &'a CertificateDer<'a>>) -> bool {
    chain.map(|certificate| certificate.len()).sum::<usize>() <= LONGEST
}

/// The chains that were found good by one module's authorities.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<VecDeque<(Key, Arc<Chain>)>>);

impl Known {
    /// The chain, if it was found good before and all its certificates are valid at this time (Unix seconds).
    pub(crate) fn get(&self, key: &Key, now: i64) -> Option<Arc<Chain>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, chain) = known.iter().find(|(other, _)| other == key)?;
        chain.dates.contains(&now).then(|| chain.clone())
    }

    pub(crate) fn put(&self, key: Key, chain: Arc<Chain>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != key);
        known.truncate(MOST - 1);
        known.push_front((key, chain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &'static str, chain: &[&'static [u8]]) -> Key {
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(*der)).collect();
        Key::new(&ServerName::try_from(name).unwrap(), chain.iter())
    }

    #[test]
    fn every_part_tells_keys_apart() {
        let keys = [
            key("a.example", &[b"leaf", b"authority"]),
            key("b.example", &[b"leaf", b"authority"]),
            key("a.example", &[b"authority", b"leaf"]),
            key("a.example", &[b"leafa", b"uthority"]),
            key("a.example", &[b"leaf"]),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == one), Some(n));
        }
    }

    #[test]
    fn long_chains_are_not_kept() {
        let half = CertificateDer::from(vec![0; LONGEST / 2]);
        assert!(is_short([&half, &half].into_iter()) && !is_short([&half; 3].into_iter()));
    }

    #[test]
    fn known_while_all_certificates_are_valid() {
        let cert = |not_before, not_after| Facts { not_before, not_after, ..Facts::default() };
        let (known, key) = (Known::default(), key("a.example", &[b"leaf"]));
        known.put(key, Arc::new(Chain::new(vec![cert(100, 900), cert(200, 1000)], Some(900))));
        let found = |now| known.get(&key, now).is_some();
        assert_eq!([199, 200, 900, 901].map(found), [false, true, true, false]);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let known = Known::default();
        let keys: Vec<_> = (0..200_u8).map(|n| Key([n; 32])).collect();
        keys.iter().for_each(|key| known.put(*key, Arc::default()));
        let found = keys.iter().filter(|key| known.get(key, 0).is_some()).count();
        assert_eq!(found, MOST);
        assert!(known.get(&Key([199; 32]), 0).is_some());
    }
}
