//! Reading and counting them.

use exporter_core::{BoxedSource, CollectError, ConfigError, Family, Sink};
use rustix::fs::{FileType, Mode, OFlags, RawDir};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{BY_STATE, BY_THREAD_STATE, MAX_PROCESSES, MAX_THREADS, PIDS, STATE, THREADS, THREADS_STATE};
use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, fields, integer};

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let settings = &context.settings;
    // Who asks for the collector by the peer's flag expects this family of it.
    let asked = settings.is_set("collector.processes") && !settings.is_set(BY_STATE);
    let by_state = asked || settings.switch(BY_STATE);
    let by_thread_state = settings.switch(BY_THREAD_STATE);
    let proc = context.proc("");
    let (loadavg, max_threads) = (context.proc("loadavg"), context.proc("sys/kernel/threads-max"));
    let pid_max = context.proc("sys/kernel/pid_max");
    let mut count = Count::default();
    let mut reader = Reader::short();
    Ok(source::custom(move |sink| {
        sink.put(&THREADS, [], reader.parse(&loadavg, parse_threads)?);
        sink.put(&MAX_THREADS, [], limit(&mut reader, &max_threads)?);
        sink.put(&MAX_PROCESSES, [], limit(&mut reader, &pid_max)?);
        if !by_state && !by_thread_state {
            sink.put(&PIDS, [], count.processes(&proc)?);
            return Ok(());
        }
        let pids = pids(&proc)?;
        sink.put(&PIDS, [], pids.len());
        if by_state {
            let stats = pids.iter().map(|pid| proc.join(pid).join("stat"));
            put_states(&mut reader, stats, &STATE, sink);
        }
        if by_thread_state {
            let tasks = pids.iter().flat_map(|pid| {
                let tasks = proc.join(pid).join("task");
                crate::read::names_or_none(&tasks).into_iter().map(move |task| tasks.join(task).join("stat"))
            });
            put_states(&mut reader, tasks, &THREADS_STATE, sink);
        }
        Ok(())
    }))
}

fn limit(reader: &mut Reader, path: &Path) -> Result<u64, CollectError> {
    let missing = || CollectError::failed(format!("{}: no number there", path.display()));
    reader.kept_integer(path).ok_or_else(missing)
}

/// Between two lists of all processes, by which counting by links is judged.
const TRUSTED: u32 = 100;

#[derive(Debug, Default)]
struct Count {
    /// Scrapes for which the links are still believed.
    trusted: u32,
}

impl Count {
    fn processes(&mut self, proc: &Path) -> std::io::Result<u64> {
        if self.trusted > 0 {
            self.trusted -= 1;
            return linked(proc);
        }
        let (before, listed, after) = (linked(proc)?, pids(proc)?.len() as u64, linked(proc)?);
        // Unless one came or went meanwhile, they are the same.
        if before == listed && listed == after {
            self.trusted = TRUSTED;
        }
        Ok(listed)
    }
}

/// The links of `/proc` less its own two and those of directories that are no process.
fn linked(proc: &Path) -> std::io::Result<u64> {
    let directory =
        rustix::fs::open(proc, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Small: the processes come last, and each that is listed costs.
    let mut space = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&directory, &mut space);
    let mut others = 0;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name.iter().all(u8::is_ascii_digit) {
            break;
        }
        let is_link_to_above = matches!(name, b"." | b"..");
        others += u64::from(entry.file_type() == FileType::Directory && !is_link_to_above);
    }
    Ok(std::fs::metadata(proc)?.nlink().saturating_sub(2 + others))
}

fn pids(proc: &Path) -> std::io::Result<Vec<String>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.as_bytes().iter().all(u8::is_ascii_digit)
        {
            pids.push(name);
        }
    }
    Ok(pids)
}

fn put_states(
    reader: &mut Reader,
    stats: impl Iterator<Item = PathBuf>,
    family: &'static Family<1>,
    sink: &mut Sink,
) {
    let mut states: BTreeMap<u8, u64> = BTreeMap::new();
    for stat in stats {
        // Whoever has ended meanwhile is in no state.
        if let Some(state) = reader.attribute(&stat).and_then(parse_state) {
            *states.entry(state).or_default() += 1;
        }
    }
    for (state, count) in states {
        sink.put(family, [&char::from(state).to_string()], count);
    }
}

/// The number behind the slash of the fourth field: all threads.
fn parse_threads(text: &[u8]) -> Result<u64, Malformed> {
    let all = fields(text).nth(3).and_then(|field| field.split(|&byte| byte == b'/').nth(1));
    all.and_then(integer).ok_or(Malformed::new("threads like `1/719`"))
}

/// The letter after the name in parentheses, which may itself hold parentheses.
fn parse_state(stat: &[u8]) -> Option<u8> {
    let end = memchr::memrchr(b')', stat)?;
    stat.get(end + 2).copied().filter(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_count_what_the_list_has() {
        let mut count = Count::default();
        let mut agreed = false;
        for _ in 0..1000 {
            let (listed, counted) =
                (pids(Path::new("/proc")).unwrap().len() as u64, count.processes(Path::new("/proc")));
            agreed |= count.trusted > 0 && counted.unwrap() == listed;
        }
        assert!(agreed);
        // Whatever links mean there.
        let directory = exporter_testkit::fixture::TempDir::new().unwrap();
        for name in ["1", "22", "sys", "bus"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        directory.write("stat", "").unwrap();
        assert_eq!(Count::default().processes(directory.path()).unwrap(), 2);
    }

    #[test]
    fn threads_and_states() {
        assert_eq!(parse_threads(b"0.21 0.37 1.40 1/719 19737\n"), Ok(719));
        assert!(parse_threads(b"0.21 0.37 1.40\n").is_err());
        assert_eq!(parse_state(b"12 (a) b) S 1 12"), Some(b'S'));
        assert_eq!(parse_state(b"12 (a"), None);
    }
}
