//! Reading small kernel files into one buffer that is used again.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::text::Malformed;

/// Kernel files are small; whatever is larger is not one.
const MAX_FILE: usize = 64 << 20;
const FIRST_READ: usize = 4096;

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
        matches!(self, ReadError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
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

    /// The whole file through a parser; its error gets the path.
    pub(crate) fn parse<'a, T>(
        &'a mut self,
        path: &Path,
        parse: impl FnOnce(&'a [u8]) -> Result<T, Malformed>,
    ) -> Result<T, ReadError> {
        parse(self.read(path)?).map_err(|source| ReadError::Malformed { path: path.to_owned(), source })
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
