//! Reading files that stay open: an open cgroup file can be read again for a tenth of what opening it costs.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Left to the rest of the process: connections, logs, files that are not kept.
const RESERVED: usize = 256;
const FIRST_READ: usize = 4096;
const MAX_FILE: usize = 4 << 20;

/// The cgroup is not there any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Gone;

/// A buffer, and how many files may stay open.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    open: Arc<AtomicUsize>,
    max_open: usize,
}

/// A file that is read again and again.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    file: Option<Counted>,
    /// It was not there at first; the kernel does not add files to a cgroup later.
    absent: bool,
}

#[derive(Debug)]
struct Counted {
    file: OwnedFd,
    open: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reader {
    /// Raises the soft limit of open files to the hard one: containers times files is more than 1,024 soon.
    pub(crate) fn new() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, raised);
        let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let max_open = usize::try_from(current).unwrap_or(usize::MAX).saturating_sub(RESERVED);
        Self { buffer: vec![0; FIRST_READ], open: Arc::default(), max_open }
    }

    /// Reads a file by its path. `Ok(None)`: there is no such file.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Option<&[u8]>, Gone> {
        match open(path) {
            Ok(file) => self.fill(&file).map(|length| length.map(|length| &self.buffer[..length])),
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(_) => Err(Gone),
        }
    }

    /// Reads a file of a directory that is open.
    pub(crate) fn read_in(&mut self, directory: &OwnedFd, name: &str) -> Result<Option<&[u8]>, Gone> {
        match rustix::fs::openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => self.fill(&file).map(|length| length.map(|length| &self.buffer[..length])),
            Err(Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(_) => Err(Gone),
        }
    }

    /// Reads a file that stays open as long as there is room for it.
    pub(crate) fn read_kept(
        &mut self,
        kept: &mut Kept,
        path: impl Fn() -> std::path::PathBuf,
    ) -> Result<Option<&[u8]>, Gone> {
        if kept.absent {
            return Ok(None);
        }
        if kept.file.is_none() {
            let file = match open(&path()) {
                Ok(file) => file,
                Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => {
                    kept.absent = true;
                    return Ok(None);
                }
                Err(_) => return Err(Gone),
            };
            if self.open.load(Ordering::Relaxed) >= self.max_open {
                return self.fill(&file).map(|length| length.map(|length| &self.buffer[..length]));
            }
            self.open.fetch_add(1, Ordering::Relaxed);
            kept.file = Some(Counted { file, open: self.open.clone() });
        }
        match &kept.file {
            Some(counted) => {
                self.fill(&counted.file).map(|length| length.map(|length| &self.buffer[..length]))
            }
            None => Ok(None),
        }
    }

    /// From the beginning to the end, in as few calls as possible. `Ok(None)`: it cannot be read at all, now or ever.
    fn fill(&mut self, file: &OwnedFd) -> Result<Option<usize>, Gone> {
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MAX_FILE {
                    return Ok(None);
                }
                self.buffer.resize(length * 2, 0);
            }
            match rustix::io::pread(file, &mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(Some(length)),
                // Files of a cgroup are written whole if they fit: a short answer is the end. Those with a line a process
                // or an interface come in pieces.
                Ok(read) if length + read < FIRST_READ / 2 => return Ok(Some(length + read)),
                Ok(read) => length += read,
                Err(Errno::INTR) => {}
                Err(Errno::NODEV | Errno::NOENT | Errno::SRCH | Errno::STALE) => return Err(Gone),
                Err(_) => return Ok(None),
            }
        }
    }
}

/// Opens a directory, for [`Reader::read_in`]; a relative one from where `from` is.
pub(crate) fn directory(from: impl AsFd, path: impl AsRef<Path>) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(from, path.as_ref(), flags, Mode::empty()).ok()
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whole_again_and_again() {
        let long = "x".repeat(20_000);
        let dir = exporter_testkit::fixture::tree(&[("short", "1\n"), ("long", &long)]).unwrap();
        let mut reader = Reader::new();
        let mut kept = Kept::default();
        let path = || dir.path().join("long");
        for _ in 0..2 {
            assert_eq!(reader.read_kept(&mut kept, path).unwrap().unwrap().len(), long.len());
        }
        assert_eq!(reader.read(&dir.path().join("short")), Ok(Some(&b"1\n"[..])));
        assert_eq!(reader.read(&dir.path().join("none")), Ok(None));
        assert_eq!(reader.open.load(Ordering::Relaxed), 1);
        drop(kept);
        assert_eq!(reader.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn without_room_nothing_stays_open() {
        let dir = exporter_testkit::fixture::tree(&[("a", "1\n")]).unwrap();
        let mut reader = Reader { max_open: 0, ..Reader::new() };
        let mut kept = Kept::default();
        assert_eq!(reader.read_kept(&mut kept, || dir.path().join("a")), Ok(Some(&b"1\n"[..])));
        assert!(kept.file.is_none());
    }
}
