//! Pages that others write into a directory, `*.prom`.
//!
//! A file is read again when it changes. One that cannot be served is reported by name and reason, and hides no other.

use exporter_core::exposition::Page;
use exporter_core::exposition::parse::parse_lenient;
use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Family, Flag, Scrape, Sink,
};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::context::Context;
use crate::glob;

pub(crate) static TEXTFILE: Collector = Collector {
    name: "textfile",
    enabled: true,
    families: &[SCRAPE_ERROR.desc(), MTIME.desc(), FILE_ERROR.desc()],
    dynamic: &[],
};

static SCRAPE_ERROR: Family<0> =
    Family::gauge("node_textfile_scrape_error", "Whether any directory or file could not be served.", &[]);
static MTIME: Family<1> =
    Family::gauge("node_textfile_mtime_seconds", "When the file was written, in Unix time.", &["file"]);
static FILE_ERROR: Family<2> =
    Family::gauge("node_textfile_file_error", "Files that are not served, and why.", &["file", "reason"]);

const DIRECTORY: &str = "collector.textfile.directory";
const MAX_AGE: &str = "collector.textfile.max-age";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::list(DIRECTORY, "A directory with *.prom files, or a pattern of several; may be given again."),
    Flag::value(MAX_AGE, "0s", "Leave out files that are older than this; 0s serves them for ever."),
];

/// A page of this size is somebody's mistake.
const MAX_FILE: u64 = 16 << 20;
/// Of all files together: their samples stay in memory from scrape to scrape.
const MAX_ALL: u64 = 32 << 20;
/// Of a directory; beyond it the directory is named, not each file.
const MAX_FILES: usize = 1000;

/// Why a file is not served: a label value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    Unreadable,
    TooLarge,
    /// All files together.
    TooMuch,
    /// Of a directory.
    TooManyFiles,
    Invalid,
    Timestamps,
    Stale,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::Unreadable => "unreadable",
            Reason::TooLarge => "too_large",
            Reason::TooMuch => "too_much",
            Reason::TooManyFiles => "too_many_files",
            Reason::Invalid => "invalid",
            Reason::Timestamps => "timestamps",
            Reason::Stale => "stale",
        }
    }
}

/// When a file was written, and which one it is: told by its directory entry, without opening it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

struct Known {
    stamp: Stamp,
    page: Result<Page, Reason>,
}

struct Textfile {
    patterns: Vec<String>,
    max_age: Option<Duration>,
    known: HashMap<PathBuf, Known>,
    /// Directories that could not be listed, or not wholly, at the last scrape: told once.
    directories: Vec<(PathBuf, Reason)>,
    /// The same of files that cannot be read.
    unreadable: Vec<PathBuf>,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let max_age = context.settings.duration(MAX_AGE)?;
    Ok(BoxedSource::blocking(Textfile {
        patterns: context.settings.list(DIRECTORY).to_vec(),
        max_age: (!max_age.is_zero()).then_some(max_age),
        known: HashMap::new(),
        directories: Vec::new(),
        unreadable: Vec::new(),
    }))
}

impl BlockingSource for Textfile {
    fn collect(&mut self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let (files, directories) = self.list();
        for (directory, reason) in directories.iter().filter(|one| !self.directories.contains(one)) {
            let (directory, reason) = (directory.display(), reason.as_str());
            tracing::warn!(%directory, reason, "textfile directory: create it, let us read it, or remove old files");
        }
        self.known.retain(|path, _| files.binary_search(path).is_ok());
        let mut errors = directories.clone();
        let mut left = MAX_ALL;
        let mut served = Vec::new();
        let mut unreadable = Vec::new();
        for path in files {
            let known = match read_if_changed(&path, self.known.remove(&path), left) {
                Ok(known) => known,
                Err(error) => {
                    if !self.unreadable.contains(&path) {
                        tracing::warn!(file = %path.display(), %error, "textfile cannot be read");
                    }
                    unreadable.push(path.clone());
                    errors.push((path, Reason::Unreadable));
                    continue;
                }
            };
            if known.page.is_ok() {
                left = left.saturating_sub(known.stamp.size);
            }
            let age = known.stamp.modified.and_then(|at| scrape.now().duration_since(at).ok());
            match &known.page {
                Ok(_) if self.max_age.is_some_and(|max| age.is_some_and(|age| age > max)) => {
                    errors.push((path.clone(), Reason::Stale));
                }
                Ok(_) => served.push((path.clone(), known.stamp.modified)),
                Err(reason) => errors.push((path.clone(), *reason)),
            }
            self.known.insert(path, known);
        }
        for (path, modified) in &served {
            let seconds =
                modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default().as_secs();
            sink.put(&MTIME, [&path.to_string_lossy().into_owned()], seconds);
        }
        for (path, reason) in &errors {
            sink.put(&FILE_ERROR, [&path.to_string_lossy().into_owned(), &reason.as_str()], true);
        }
        sink.put(&SCRAPE_ERROR, [], !errors.is_empty());
        // After our own families, so that a file cannot stand in for one of them.
        for page in served.iter().filter_map(|(path, _)| self.known.get(path)?.page.as_ref().ok()) {
            sink.append(page);
        }
        self.directories = directories;
        self.unreadable = unreadable;
        Ok(())
    }
}

impl Textfile {
    /// The files in order, and what is wrong with directories.
    fn list(&self) -> (Vec<PathBuf>, Vec<(PathBuf, Reason)>) {
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for directory in self.patterns.iter().flat_map(|pattern| glob::expand(pattern)) {
            match crate::read::names(&directory) {
                Ok(Some(names)) => {
                    let page = |name: &OsString| name.as_encoded_bytes().ends_with(b".prom");
                    let mut pages: Vec<_> = names.into_iter().filter(page).collect();
                    if pages.len() > MAX_FILES {
                        pages.truncate(MAX_FILES);
                        errors.push((directory.clone(), Reason::TooManyFiles));
                    }
                    files.extend(pages.into_iter().map(|name| directory.join(name)));
                }
                Ok(None) | Err(_) => errors.push((directory, Reason::Unreadable)),
            }
        }
        files.sort_unstable();
        files.dedup();
        (files, errors)
    }
}

/// `left` is what the files before this one have left of the memory.
fn read_if_changed(path: &Path, known: Option<Known>, left: u64) -> std::io::Result<Known> {
    let stamp = stamp(&std::fs::metadata(path)?);
    let told_before = known.as_ref().is_some_and(|known| matches!(known.page, Err(Reason::TooMuch)));
    if let Some(known) = known
        && known.stamp == stamp
        && match known.page {
            Ok(_) => stamp.size <= left,
            Err(Reason::TooMuch) => stamp.size > left,
            Err(_) => true,
        }
    {
        return Ok(known);
    }
    // Opening a pipe would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let page = read(path, file, left, told_before);
    Ok(Known { stamp: self::stamp(&metadata), page })
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), size: metadata.len(), inode: metadata.ino() }
}

fn read(path: &Path, file: File, left: u64, told_before: bool) -> Result<Page, Reason> {
    let told = |reason: Reason, error: &dyn std::fmt::Display| {
        tracing::warn!(file = %path.display(), reason = reason.as_str(), %error, "textfile left out");
        reason
    };
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|error| told(Reason::Unreadable, &error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(told(Reason::TooLarge, &"larger than 16 MB"));
    }
    if text.len() as u64 > left {
        let reason = Reason::TooMuch;
        return Err(if told_before {
            reason
        } else {
            told(reason, &"more than 32 MB in all files together")
        });
    }
    page_of(&text, &format!("Read from {}.", path.display())).map_err(|(reason, error)| told(reason, &error))
}

/// A file's families as a page; `help` is for those without.
fn page_of(text: &[u8], help: &str) -> Result<Page, (Reason, String)> {
    let invalid = |error: &dyn std::fmt::Display| (Reason::Invalid, error.to_string());
    let mut page = Page::new();
    for family in parse_lenient(text).map_err(|error| invalid(&error))? {
        let mut put = page
            .foreign(family.name, family.kind, family.help.as_deref().unwrap_or(help))
            .map_err(|error| invalid(&error))?;
        for sample in &family.samples {
            // A time of the writer's would keep a series alive that nobody updates any more.
            if sample.timestamp.is_some() {
                return Err((
                    Reason::Timestamps,
                    format!("line {}: samples may not carry a time", sample.line),
                ));
            }
            let labels: Vec<(&str, &str)> =
                sample.labels.iter().map(|(name, value)| (*name, &**value)).collect();
            let labels = labels.iter().map(|(name, value)| (*name, value as _));
            put.put(sample.suffix, labels, sample.value).map_err(|error| invalid(&error))?;
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_what_is_wrong_with_others() {
        let page = page_of(b"# TYPE a counter\na{x=\"1\"} 2\nb 3\n", "help").unwrap();
        assert_eq!(page.len(), 2);
        assert_eq!(page.families().map(|family| family.help).collect::<Vec<_>>(), ["help", "help"]);
        let reason = |text: &str| page_of(text.as_bytes(), "").unwrap_err().0;
        assert_eq!(reason("a 1 1700000000000\n"), Reason::Timestamps);
        for bad in ["this is no page\n", "a{ 1\n", "a 1"] {
            assert_eq!(reason(bad), Reason::Invalid, "{bad}");
        }
        assert!(page_of(b"", "").unwrap().is_empty());
    }
}
