//! A process' network, by its directory in `/proc`.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::AtFlags;
use std::path::Path;

use crate::cgroup::{Reader, directory};
use crate::netdev::{self, Counters};
use crate::text::Malformed;

/// `/proc/PID/net` of a process. It keeps neither the process nor its network, and is never another process'.
pub(crate) struct Net {
    directory: OwnedFd,
    /// The same for all that share a network. The namespace's own number is shown to the privileged only, this to all.
    pub(crate) id: u64,
}

impl Net {
    pub(crate) fn open(from: impl AsFd, path: impl AsRef<Path>) -> Option<Self> {
        let directory = directory(from, path)?;
        let id = rustix::fs::statat(&directory, "dev", AtFlags::empty()).ok()?.st_ino;
        Some(Self { directory, id })
    }

    /// The file is never kept open: that would keep a dead container's network alive, and go on showing it.
    pub(crate) fn read(
        &self,
        reader: &mut Reader,
        found: &mut Vec<(String, Counters)>,
    ) -> Result<(), Malformed> {
        let Ok(Some(text)) = reader.read_in(&self.directory, "dev") else { return Ok(()) };
        netdev::parse(text, |name, counters| found.push((name.to_owned(), counters)))
    }
}
