//! Reading small kernel files into one buffer that is used again.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::text::{Malformed, integer, trim};

/// Kernel files are small; whatever is larger is not one.
const MAX_FILE: usize = 64 << 20;
const FIRST_READ: usize = 4096;
/// A sysfs attribute is one value; longer ones are cut.
const MAX_ATTRIBUTE: usize = 4096;

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
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The whole file, valid until the next call.
    pub(crate) fn read(&mut self, path: &Path) -> Result<&[u8], ReadError> {
        match self.fill(path) {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(source) => Err(ReadError::Io { path: path.to_owned(), source }),
        }
    }

    /// The first of these files that can be read, and its content.
    pub(crate) fn first<'p>(&mut self, paths: &'p [PathBuf]) -> Result<(&'p Path, &[u8]), ReadError> {
        let mut failed = None;
        for path in paths {
            match self.fill(path) {
                Ok(length) => return Ok((path, &self.buffer[..length])),
                Err(source) => failed = Some(ReadError::Io { path: path.clone(), source }),
            }
        }
        Err(failed.unwrap_or(ReadError::Io { path: PathBuf::new(), source: io::ErrorKind::NotFound.into() }))
    }

    /// The whole file through a parser; its error gets the path.
    pub(crate) fn parse<'a, T>(
        &'a mut self,
        path: &Path,
        parse: impl FnOnce(&'a [u8]) -> Result<T, Malformed>,
    ) -> Result<T, ReadError> {
        parse(self.read(path)?).map_err(|error| error.at(path))
    }

    /// A sysfs attribute or a sysctl in one read, without blanks around it. `None` if it is absent or has no value
    /// now: drivers say so by an error.
    pub(crate) fn attribute(&mut self, path: &Path) -> Option<&[u8]> {
        if self.buffer.len() < MAX_ATTRIBUTE {
            self.buffer.resize(MAX_ATTRIBUTE, 0);
        }
        let length = File::open(path).ok()?.read(&mut self.buffer).ok()?;
        Some(trim(&self.buffer[..length]))
    }

    /// An attribute that is a decimal integer.
    pub(crate) fn integer(&mut self, path: &Path) -> Option<u64> {
        self.attribute(path).and_then(integer)
    }

    /// An attribute as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&mut self, path: &Path) -> Option<String> {
        self.attribute(path).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    fn fill(&mut self, path: &Path) -> io::Result<usize> {
        let mut file = File::open(path)?;
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MAX_FILE {
                    return Err(io::Error::other("larger than any kernel file"));
                }
                self.buffer.resize((length * 2).max(FIRST_READ), 0);
            }
            // Kernel files come in pieces of whole records: only 0 says that it was all.
            match file.read(&mut self.buffer[length..]) {
                Ok(0) => return Ok(length),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
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
        assert_eq!(reader.attribute(&directory.join("absent")), None);
        assert!(reader.read(&directory.join("absent")).unwrap_err().is_absent());
        assert_eq!(names_or_none(&directory), ["attribute", "file"]);
        assert!(names(&directory.join("absent")).unwrap().is_none());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
