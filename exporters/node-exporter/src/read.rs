//! Reading small kernel files into one buffer that is used again.
//!
//! Files of procfs stay open: opening and closing was a tenth of a scrape, and the kernel's own buffer, which begins with a
//! page, need not grow again at each scrape, which it does by making the whole text anew. So do attributes that are read at
//! each scrape.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::text::{Malformed, integer, trim};

/// Kernel files are small; whatever is larger is not one.
const MAX_FILE: usize = 64 << 20;
const FIRST_READ: usize = 4096;
/// A sysfs attribute is one value; longer ones are cut.
const MAX_ATTRIBUTE: usize = 4096;

/// Files that a reader keeps open: what a collector reads each time are a handful.
const MAX_KEPT: usize = 8;
/// The kernel hands out whole records, as many as fit into a page or more. Where none is longer than this, a read that
/// leaves as much of a page was the last.
const SHORT_RECORD: usize = 512;
const KERNEL_PAGE: usize = 4096;

const CUT: Malformed = Malformed::new("the end of the last line");

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("reading {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}")]
    Malformed { path: PathBuf, source: Malformed },
}

impl ReadError {
    /// Whether the file is absent, which mostly means that a kernel part or a device is.
    pub(crate) fn is_absent(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound};
        matches!(self, ReadError::Io { source, .. } if matches!(source.kind(), NotFound | NotADirectory))
    }
}

/// A buffer that keeps its memory from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    kept: Vec<(PathBuf, File)>,
    /// A read of less than this of a file of procfs was the last.
    last: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// For files of procfs of which the kernel writes no record (a line, mostly) longer than 512 bytes, or all as one
    /// record. Of those the read that finds the end is spared, for which the kernel walks through some tables again.
    pub(crate) fn short() -> Self {
        Self { last: KERNEL_PAGE - SHORT_RECORD, ..Self::default() }
    }

    /// The whole file, valid until the next call.
    pub(crate) fn read(&mut self, path: &Path) -> Result<&[u8], ReadError> {
        match self.fill(path) {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(source) => Err(ReadError::Io { path: path.to_owned(), source }),
        }
    }

    /// The first of these files that can be read, and its [lines](Reader::lines).
    pub(crate) fn first<'p>(&mut self, paths: &'p [PathBuf]) -> Result<(&'p Path, &[u8]), ReadError> {
        let mut failed = None;
        for path in paths {
            match self.fill(path) {
                Ok(length) if length > 0 && self.buffer[length - 1] != b'\n' => return Err(CUT.at(path)),
                Ok(length) => return Ok((path, &self.buffer[..length])),
                Err(source) => failed = Some(ReadError::Io { path: path.clone(), source }),
            }
        }
        Err(failed.unwrap_or(ReadError::Io { path: PathBuf::new(), source: io::ErrorKind::NotFound.into() }))
    }

    /// A kernel's text, whole: it ends with a line's end. One that is cut would give numbers without their last digits.
    pub(crate) fn lines(&mut self, path: &Path) -> Result<&[u8], ReadError> {
        let text = self.read(path)?;
        if text.last().is_none_or(|last| *last == b'\n') { Ok(text) } else { Err(CUT.at(path)) }
    }

    /// The [`Reader::lines`] of a file through a parser; its error gets the path.
    pub(crate) fn parse<'a, T>(
        &'a mut self,
        path: &Path,
        parse: impl FnOnce(&'a [u8]) -> Result<T, Malformed>,
    ) -> Result<T, ReadError> {
        parse(self.lines(path)?).map_err(|error| error.at(path))
    }

    /// A sysfs attribute or a sysctl in one read, without blanks around it. `None` if it is absent or has no value
    /// now: drivers say so by an error.
    pub(crate) fn attribute(&mut self, path: &Path) -> Option<&[u8]> {
        let length = File::open(path).ok()?.read(self.room()).ok()?;
        Some(trim(&self.buffer[..length]))
    }

    /// An [attribute](Reader::attribute) of a few that are read at each scrape: the file stays open.
    pub(crate) fn kept_attribute(&mut self, path: &Path) -> Option<&[u8]> {
        self.room();
        let known = self.kept(path).and_then(|at| match self.kept[at].1.read_at(&mut self.buffer, 0) {
            Ok(length) => Some(length),
            Err(_) => {
                self.kept.swap_remove(at);
                None
            }
        });
        let length = match known {
            Some(length) => length,
            None => {
                let file = File::open(path).ok()?;
                let length = file.read_at(&mut self.buffer, 0).ok()?;
                self.keep(path, file);
                length
            }
        };
        Some(trim(&self.buffer[..length]))
    }

    /// Whether nothing has happened to a list of mounts since it was last read or asked for: its file stays open, and says
    /// so. What a filesystem does to itself is not told.
    pub(crate) fn has_same_mounts(&self, path: &Path) -> bool {
        let Some(at) = self.kept(path) else { return false };
        let mut asked = [PollFd::new(&self.kept[at].1, PollFlags::PRI)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&now)).is_ok()
            && !asked[0].revents().intersects(PollFlags::PRI | PollFlags::ERR)
    }

    /// A [kept attribute](Reader::kept_attribute) that is a decimal integer.
    pub(crate) fn kept_integer(&mut self, path: &Path) -> Option<u64> {
        self.kept_attribute(path).and_then(integer)
    }

    /// An attribute that is a decimal integer.
    pub(crate) fn integer(&mut self, path: &Path) -> Option<u64> {
        self.attribute(path).and_then(integer)
    }

    /// An attribute as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&mut self, path: &Path) -> Option<String> {
        self.attribute(path).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    fn room(&mut self) -> &mut [u8] {
        if self.buffer.len() < MAX_ATTRIBUTE {
            self.buffer.resize(MAX_ATTRIBUTE, 0);
        }
        &mut self.buffer
    }

    fn kept(&self, path: &Path) -> Option<usize> {
        // As text: paths are compared name by name.
        self.kept.iter().position(|(kept, _)| kept.as_os_str() == path.as_os_str())
    }

    fn keep(&mut self, path: &Path, file: File) {
        if self.kept.len() < MAX_KEPT && is_kernels(&file) {
            self.kept.push((path.to_owned(), file));
        }
    }

    /// Reads all of a file.
    fn fill(&mut self, path: &Path) -> io::Result<usize> {
        if let Some(at) = self.kept(path) {
            match fill(&mut self.buffer, &self.kept[at].1, self.last) {
                Ok(length) => return Ok(length),
                // What it belongs to has gone, and may have come back.
                Err(_) => drop(self.kept.swap_remove(at)),
            }
        }
        let file = File::open(path)?;
        // Of a disk's file a short read says nothing.
        let length = fill(&mut self.buffer, &file, 0)?;
        self.keep(path, file);
        Ok(length)
    }
}

/// A read of less than `last` bytes was the last.
fn fill(buffer: &mut Vec<u8>, file: &File, last: usize) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if buffer.len() < length + FIRST_READ {
            if length >= MAX_FILE {
                return Err(io::Error::other("larger than any kernel file"));
            }
            buffer.resize((length * 2).max(2 * FIRST_READ), 0);
        }
        // Kernel files come in pieces of whole records: only 0 says that it was all.
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(read) => {
                length += read;
                if read < last {
                    return Ok(length);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether it may stay open: of procfs, or an attribute of sysfs. Once what those belong to has gone, reading them fails,
/// and an open one keeps nothing busy. Other files may be replaced under their name.
#[cfg(target_os = "linux")]
fn is_kernels(file: &File) -> bool {
    use rustix::fs::{FsWord, PROC_SUPER_MAGIC};
    const SYSFS: FsWord = 0x6265_6572;
    rustix::fs::fstatfs(file).is_ok_and(|fs| matches!(fs.f_type, PROC_SUPER_MAGIC | SYSFS))
}

#[cfg(not(target_os = "linux"))]
fn is_kernels(_: &File) -> bool {
    false
}

/// The names in a directory, sorted; `None` if there is no such directory.
pub(crate) fn names(directory: &Path) -> Result<Option<Vec<OsString>>, ReadError> {
    let list = || -> io::Result<Vec<OsString>> {
        let mut names = std::fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    };
    match list() {
        Ok(names) => Ok(Some(names)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReadError::Io { path: directory.to_owned(), source }),
    }
}

/// The names in a directory that are UTF-8, sorted; none if it cannot be listed.
pub(crate) fn names_or_none(directory: &Path) -> Vec<String> {
    let names = names(directory).ok().flatten().unwrap_or_default();
    names.into_iter().filter_map(|name| name.into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_size_and_absent_ones() {
        let directory = std::env::temp_dir().join(format!("node-exporter-read-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut reader = Reader::new();
        for size in [0, 1, FIRST_READ - 1, FIRST_READ, FIRST_READ + 1, 3 * FIRST_READ] {
            let path = directory.join("file");
            std::fs::write(&path, vec![b'7'; size]).unwrap();
            assert_eq!(reader.read(&path).unwrap(), vec![b'7'; size]);
        }
        std::fs::write(directory.join("attribute"), " 42\n").unwrap();
        assert_eq!(reader.integer(&directory.join("attribute")), Some(42));
        assert!(reader.kept.is_empty(), "a file of a disk was kept");
        assert_eq!(reader.attribute(&directory.join("absent")), None);
        assert!(reader.read(&directory.join("absent")).unwrap_err().is_absent());
        assert_eq!(names_or_none(&directory), ["attribute", "file"]);
        assert!(names(&directory.join("absent")).unwrap().is_none());
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn kept_files_are_read_anew_and_opened_again_when_they_fail() {
        let mut reader = Reader::new();
        let own = PathBuf::from("/proc/thread-self/comm");
        let name = |name: &str| std::fs::write("/proc/thread-self/comm", name).unwrap();
        name("before");
        assert_eq!(reader.read(&own).unwrap(), b"before\n");
        name("after");
        assert_eq!(reader.read(&own).unwrap(), b"after\n");
        assert_eq!(reader.kept.len(), 1);
        // A process that has ended: its file fails from then on.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let path = PathBuf::from(format!("/proc/{}/status", child.id()));
        assert!(reader.read(&path).unwrap().starts_with(b"Name:"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reader.read(&path).unwrap_err().is_absent());
        assert_eq!(reader.kept.len(), 1);
    }

    #[test]
    fn tables_are_whole_however_long() {
        let mut reader = Reader::short();
        let mut sockets: Vec<_> =
            (0..300).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let path = PathBuf::from("/proc/net/udp");
        for count in [300, 29, 15, 0] {
            sockets.truncate(count);
            let ports: Vec<String> = sockets
                .iter()
                .map(|socket| format!("0100007F:{:04X} ", socket.local_addr().unwrap().port()))
                .collect();
            let text = String::from_utf8(reader.lines(&path).unwrap().to_vec()).unwrap();
            assert!(ports.iter().all(|port| text.contains(port)), "{count}: {text}");
        }
    }

    #[test]
    fn attributes_that_stay_open_are_read_anew() {
        let mut reader = Reader::new();
        let own = PathBuf::from("/proc/thread-self/comm");
        for name in ["one", "other"] {
            std::fs::write(&own, name).unwrap();
            assert_eq!(reader.kept_attribute(&own), Some(name.as_bytes()));
        }
        assert_eq!(reader.kept.len(), 1);
        let online = Path::new("/sys/devices/system/cpu/online");
        let first = std::fs::read(online).unwrap();
        for _ in 0..2 {
            assert_eq!(reader.kept_attribute(online), Some(trim(&first)));
        }
        assert_eq!(reader.kept.len(), 2);
        assert_eq!(reader.kept_attribute(Path::new("/proc/absent")), None);
    }

    #[test]
    fn a_mount_is_noticed() {
        use std::io::{BufRead as _, BufReader, Write as _};
        let script = "echo; read line; mount -t tmpfs none /mnt; echo; \
                      read line; mount -o remount,ro /mnt; echo; read line";
        let mut child = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (mut orders, mut told) =
            (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let path = PathBuf::from(format!("/proc/{}/mountinfo", child.id()));
        let mut reader = Reader::new();
        assert!(!reader.has_same_mounts(&path), "never read");
        let before = reader.lines(&path).unwrap().to_vec();
        assert!(reader.has_same_mounts(&path) && reader.has_same_mounts(&path));
        writeln!(orders).unwrap();
        told.read_line(&mut line).unwrap();
        assert!(!reader.has_same_mounts(&path));
        assert!(reader.lines(&path).unwrap().len() > before.len());
        assert!(reader.has_same_mounts(&path));
        writeln!(orders).unwrap();
        told.read_line(&mut line).unwrap();
        assert!(!reader.has_same_mounts(&path), "remounted");
        writeln!(orders).unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn short_files_are_read_whole() {
        let (mut short, mut long) = (Reader::short(), Reader::new());
        for file in
            ["net/netstat", "net/snmp", "net/snmp6", "vmstat", "meminfo", "stat", "diskstats", "softirqs"]
        {
            let path = PathBuf::from("/proc").join(file);
            // Once more, as files that were kept are.
            for _ in 0..2 {
                let (Ok(short), Ok(long)) = (short.lines(&path), long.lines(&path)) else { continue };
                // Numbers change meanwhile; what is there does not.
                let names = |text: &[u8]| {
                    let lines = String::from_utf8_lossy(text).into_owned();
                    lines.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
                };
                assert_eq!(names(short), names(long), "{file}");
            }
        }
    }
}
