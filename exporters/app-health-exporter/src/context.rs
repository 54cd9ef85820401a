//! What all probes and checks of one instance share.

use exporter_core::Lookups;
use exporter_core::probe::TargetPolicy;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::net::tls::SystemRoots;

/// Shared by all targets. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) policy: Arc<TargetPolicy>,
    /// Sockets of this machine that may be asked, where there is a list.
    sockets: Option<Arc<[String]>>,
    pub(crate) roots: Arc<SystemRoots>,
    pub(crate) lookups: Lookups,
    /// Bytes of a body that are kept to be looked at.
    pub(crate) max_body: u64,
    number: Arc<AtomicU16>,
}

impl Context {
    pub(crate) fn new(policy: TargetPolicy, sockets: Option<Vec<String>>, max_body: u64) -> Self {
        // Not the same numbers in two processes that start at once.
        let number = Arc::new(AtomicU16::new(std::process::id() as u16));
        Self {
            policy: Arc::new(policy),
            sockets: sockets.map(Into::into),
            roots: Arc::default(),
            lookups: Lookups::default(),
            max_body,
            number,
        }
    }

    pub(crate) fn may_ask_socket(&self, path: &str) -> bool {
        self.sockets.as_ref().is_none_or(|sockets| sockets.iter().any(|socket| socket == path))
    }

    /// Tells requests and their answers apart.
    pub(crate) fn next_number(&self) -> u16 {
        // Steps by a large odd number, so that the next one is not easily guessed from outside.
        self.number.fetch_add(25_717, Ordering::Relaxed)
    }
}
