//! Following a file that is written, rotated, truncated and deleted by others.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Read at most in one pass; the rest comes with the next one.
const MAX_PASS: usize = 16 * 1024 * 1024;
/// A longer line is cut.
const MAX_LINE: usize = 64 * 1024;

/// A file's unread end.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// The start of a line whose end has not been written yet.
    partial: Vec<u8>,
    /// Skipping the rest of a line that was cut.
    skipping: bool,
    is_first: bool,
    pub(super) rotations: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: (u64, u64),
    offset: u64,
}

impl Tail {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
            partial: Vec::new(),
            skipping: false,
            is_first: true,
            rotations: 0,
        }
    }

    /// Calls `line` with each new line. False where there is no file.
    pub(super) fn read(&mut self, mut line: impl FnMut(&[u8])) -> std::io::Result<bool> {
        let mut budget = MAX_PASS;
        loop {
            // What was written to the old file before it was moved away counts too.
            let old_is_read = self.drain(&mut budget, &mut line)?;
            let meta = match std::fs::metadata(&self.path) {
                Ok(meta) => meta,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.is_first = false;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            if !meta.is_file() {
                // To open a pipe waits for its writer.
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
            }
            let inode = (meta.dev(), meta.ino());
            if !old_is_read || self.open.as_ref().is_some_and(|open| open.inode == inode) {
                return Ok(true);
            }
            let mut file = File::open(&self.path)?;
            // Lines from before our time are nobody's news.
            let offset = if self.is_first { file.seek(SeekFrom::End(0))? } else { 0 };
            self.rotations += u64::from(self.open.is_some());
            self.is_first = false;
            self.partial.clear();
            self.skipping = offset > 0 && !ends_line(&mut file, offset)?;
            let inode = file.metadata().map(|meta| (meta.dev(), meta.ino()))?;
            self.open = Some(Open { file, inode, offset });
        }
    }

    /// Reads what there is. False where the budget was used up before the end.
    fn drain(&mut self, budget: &mut usize, line: &mut impl FnMut(&[u8])) -> std::io::Result<bool> {
        let Some(open) = &mut self.open else { return Ok(true) };
        if open.file.metadata()?.len() < open.offset {
            open.offset = open.file.seek(SeekFrom::Start(0))?;
            self.partial.clear();
            self.skipping = false;
            self.rotations += 1;
        }
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let read = open.file.read(&mut chunk)?;
            if read == 0 {
                return Ok(true);
            }
            open.offset += read as u64;
            let mut rest = &chunk[..read];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                if !std::mem::take(&mut self.skipping) {
                    if self.partial.is_empty() {
                        line(&rest[..end.min(MAX_LINE)]);
                    } else {
                        self.partial.extend_from_slice(&rest[..end]);
                        line(&self.partial[..self.partial.len().min(MAX_LINE)]);
                    }
                }
                self.partial.clear();
                rest = &rest[end + 1..];
            }
            if !self.skipping {
                self.partial.extend_from_slice(rest);
                if self.partial.len() > MAX_LINE {
                    line(&self.partial[..MAX_LINE]);
                    self.partial = Vec::new();
                    self.skipping = true;
                }
            }
            *budget = budget.saturating_sub(read);
            if *budget == 0 {
                return Ok(false);
            }
        }
    }
}

/// Whether the byte before `offset` ends a line.
fn ends_line(file: &mut File, offset: u64) -> std::io::Result<bool> {
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset - 1))?;
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn append(path: &Path, text: &str) {
        File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn lines(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        tail.read(|line| lines.push(String::from_utf8_lossy(line).into_owned())).unwrap();
        lines
    }

    #[test]
    fn new_lines_only_and_partial_ones_when_they_end() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.write("a.log", "old\n").unwrap();
        let mut tail = Tail::new(&path);
        assert!(lines(&mut tail).is_empty());
        append(&path, "one\ntw");
        assert_eq!(lines(&mut tail), ["one"]);
        append(&path, "o\n");
        assert_eq!(lines(&mut tail), ["two"]);
    }

    #[test]
    fn rotated_truncated_deleted_and_made_anew() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.write("a.log", "").unwrap();
        let mut tail = Tail::new(&path);
        lines(&mut tail);
        append(&path, "1\n");
        std::fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        append(&path, "2\n");
        assert_eq!(lines(&mut tail), ["1", "2"], "both sides of a rotation");
        File::create(&path).unwrap();
        append(&path, "3");
        lines(&mut tail);
        append(&path, "\n");
        assert_eq!(lines(&mut tail), ["3"], "truncated");
        std::fs::remove_file(&path).unwrap();
        assert!(!tail.read(|_| ()).unwrap());
        append(&path, "4\n");
        assert_eq!(lines(&mut tail), ["4"]);
    }

    #[test]
    fn only_files_are_read() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), dir.path()] {
            assert!(Tail::new(path).read(|_| ()).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let dir = exporter_testkit::fixture::TempDir::new().unwrap();
        let path = dir.write("a.log", "").unwrap();
        let mut tail = Tail::new(&path);
        lines(&mut tail);
        append(&path, &"x".repeat(1_000_000));
        assert_eq!(lines(&mut tail)[0].len(), MAX_LINE);
        assert!(tail.partial.capacity() <= 2 * MAX_LINE);
        append(&path, "\nnext\n");
        assert_eq!(lines(&mut tail), ["next"]);
    }
}
