//! `process_*`, from `/proc/self`, under the Go client's names.

use exposition::{Family, Page};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

static CPU: Family<0> = Family::counter(
    "process_cpu_seconds_total",
    "User and system CPU time of this process, in seconds.",
    &[],
);
static OPEN_FDS: Family<0> = Family::gauge("process_open_fds", "Open file descriptors.", &[]);
static MAX_FDS: Family<0> = Family::gauge("process_max_fds", "File descriptors allowed.", &[]);
static VIRTUAL: Family<0> = Family::gauge("process_virtual_memory_bytes", "Virtual memory, in bytes.", &[]);
static VIRTUAL_MAX: Family<0> = Family::gauge(
    "process_virtual_memory_max_bytes",
    "Virtual memory allowed, in bytes; -1 is no limit.",
    &[],
);
static RESIDENT: Family<0> =
    Family::gauge("process_resident_memory_bytes", "Resident memory, in bytes.", &[]);
static START: Family<0> =
    Family::gauge("process_start_time_seconds", "When this process started, in seconds since 1970.", &[]);

/// This process, as its own files show it.
#[derive(Debug)]
pub(crate) struct Process {
    ticks: f64,
    /// Stays open.
    stat: Option<File>,
    /// Seconds since 1970; it never changes, and `/proc/stat` is dear to read.
    start: Option<f64>,
}

impl Process {
    pub(crate) fn new() -> Self {
        let ticks = clock_ticks_per_second() as f64;
        let boot = fs::read_to_string("/proc/stat").ok().as_deref().and_then(boot_time);
        let mut own = Self { ticks, stat: File::open("/proc/self/stat").ok(), start: None };
        own.start = boot.zip(own.stat()).map(|(boot, stat)| boot as f64 + stat.start_ticks as f64 / ticks);
        own
    }

    /// Puts what can be read; elsewhere than on Linux, next to nothing.
    pub(crate) fn put(&self, page: &mut Page) {
        if let Some(stat) = self.stat() {
            page.put(&CPU, [], stat.cpu_ticks as f64 / self.ticks);
            page.put(&VIRTUAL, [], stat.virtual_bytes);
            page.put(&RESIDENT, [], stat.resident_pages * page_size() as u64);
        }
        if let Some(start) = self.start {
            page.put(&START, [], start);
        }
        if let Some(open) = open_files() {
            page.put(&OPEN_FDS, [], open);
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            page.put(&MAX_FDS, [], limit);
        }
        let limit = getrlimit(Resource::As).current;
        page.put(&VIRTUAL_MAX, [], limit.map_or(-1.0, |limit| limit as f64));
    }

    fn stat(&self) -> Option<Stat> {
        // Longer than 52 numbers can be.
        let mut text = [0; 2048];
        let length = self.stat.as_ref()?.read_at(&mut text, 0).ok()?;
        Stat::parse(std::str::from_utf8(&text[..length]).ok()?)
    }
}

struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// `/proc/PID/stat`: the second field holds any character, so count from its closing parenthesis.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(11)? + field(12)?,
            start_ticks: field(19)?,
            virtual_bytes: field(20)?,
            resident_pages: field(21)?,
        })
    }
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Linux 6.2 and later tell the number as the directory's size; listing hundreds of files takes as long as half a page.
fn open_files() -> Option<u64> {
    let told = fs::metadata("/proc/self/fd").ok()?.len();
    if told > 0 {
        return Some(told);
    }
    // The directory itself is open while it is read.
    let listed = fs::read_dir("/proc/self/fd").ok()?.count();
    Some((listed as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks() {
        let text = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 1 0 5000 8192 42 184467";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            (stat.cpu_ticks, stat.start_ticks, stat.virtual_bytes, stat.resident_pages),
            (42, 5000, 8192, 42)
        );
        assert!(Stat::parse("7 (a").is_none());
    }
}
