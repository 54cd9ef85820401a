//! Collectors that are one file: read it, parse it, put it.

use exporter_core::{BlockingSource, BoxedSource, CollectError, Scrape, Sink};
use std::path::PathBuf;

use crate::read::Reader;
use crate::text::Malformed;

/// A source that reads one [short](Reader::short) file at each scrape. `put` is told the text; what it remembers lives as long as the source.
pub(crate) fn file<F>(path: PathBuf, put: F) -> BoxedSource
where
    F: FnMut(&[u8], &mut Sink) -> Result<(), Malformed> + Send + 'static,
{
    BoxedSource::blocking(FileSource { path, absent: None, reader: Reader::short(), put })
}

/// The same for a file with records of any length, which may be absent if there are words for that.
pub(crate) fn long_file<F>(path: PathBuf, absent: Option<&'static str>, put: F) -> BoxedSource
where
    F: FnMut(&[u8], &mut Sink) -> Result<(), Malformed> + Send + 'static,
{
    BoxedSource::blocking(FileSource { path, absent, reader: Reader::new(), put })
}

/// The same as [`file`] for one that is absent where the kernel lacks a part, which is no failure. `absent` says what is not
/// there.
pub(crate) fn optional_file<F>(path: PathBuf, absent: &'static str, put: F) -> BoxedSource
where
    F: FnMut(&[u8], &mut Sink) -> Result<(), Malformed> + Send + 'static,
{
    BoxedSource::blocking(FileSource { path, absent: Some(absent), reader: Reader::short(), put })
}

struct FileSource<F> {
    path: PathBuf,
    absent: Option<&'static str>,
    reader: Reader,
    put: F,
}

impl<F> BlockingSource for FileSource<F>
where
    F: FnMut(&[u8], &mut Sink) -> Result<(), Malformed> + Send + 'static,
{
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        match (self.reader.parse(&self.path, |text| (self.put)(text, sink)), self.absent) {
            (Err(error), Some(absent)) if error.is_absent() => Err(CollectError::no_data(absent)),
            (result, _) => Ok(result?),
        }
    }
}

/// A source that is a function with memory, for what is more than one file.
pub(crate) fn custom<F>(collect: F) -> BoxedSource
where
    F: FnMut(&mut Sink) -> Result<(), CollectError> + Send + 'static,
{
    BoxedSource::blocking(Custom(collect))
}

struct Custom<F>(F);

impl<F> BlockingSource for Custom<F>
where
    F: FnMut(&mut Sink) -> Result<(), CollectError> + Send + 'static,
{
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        (self.0)(sink)
    }
}
