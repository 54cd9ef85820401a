//! One cgroup: its files kept open, its usage read at once, its limits now and then.

use std::time::{Duration, Instant};

use super::files::{Gone, Kept, Reader};
use super::layout::{Layout, Version};
use super::limits::limits;
use super::parse::{CpuStat, DeviceIo, MemoryStat};
use super::sources::{ONE, TWO};
use crate::text::Malformed;

/// Limits change by hand, and rarely.
const LIMITS_AGE: Duration = Duration::from_secs(60);

/// Which groups of files to read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) cpu: bool,
    pub(crate) memory: bool,
    pub(crate) io: bool,
    pub(crate) pressure: bool,
    pub(crate) oom: bool,
    pub(crate) process: bool,
}

/// What a cgroup has used. `None`: this host does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu: CpuStat,
    pub(crate) memory: MemoryStat,
    pub(crate) memory_usage: Option<u64>,
    pub(crate) memory_max_usage: Option<u64>,
    pub(crate) memory_failcnt: Option<u64>,
    pub(crate) events_high: Option<u64>,
    pub(crate) events_max: Option<u64>,
    pub(crate) swap_max_events: Option<u64>,
    pub(crate) oom_kills: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) threads_peak: Option<u64>,
    pub(crate) processes: Option<u64>,
    /// CPU, memory, io; some and full of each.
    pub(crate) pressure: [[Option<f64>; 2]; 3],
    pub(crate) io: Vec<DeviceIo>,
    pub(crate) limits: Limits,
    /// A file was not as it should be.
    pub(crate) malformed: bool,
}

/// What a cgroup may use; 0 is no limit, as the peer has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    pub(crate) cpu_quota: Option<u64>,
    pub(crate) cpu_period: Option<u64>,
    pub(crate) cpu_shares: Option<u64>,
    pub(crate) memory: Option<u64>,
    pub(crate) swap: Option<u64>,
    pub(crate) reservation: Option<u64>,
    pub(crate) threads: Option<u64>,
}

impl Usage {
    /// Memory that could not be freed at once, as the peer counts it.
    pub(crate) fn working_set(&self) -> Option<u64> {
        Some(self.memory_usage?.saturating_sub(self.memory.inactive_file.unwrap_or(0)))
    }

    fn note(&mut self, result: Result<(), Malformed>) {
        self.malformed |= result.is_err();
    }
}

/// A cgroup that is read at each scrape.
#[derive(Debug)]
pub(crate) struct Cgroup {
    pub(crate) path: std::sync::Arc<str>,
    files: Vec<Kept>,
    limits: Limits,
    limits_at: Option<Instant>,
}

impl Cgroup {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.into(), files: Vec::new(), limits: Limits::default(), limits_at: None }
    }

    /// Limits are read again at the next scrape.
    pub(crate) fn forget_limits(&mut self) {
        self.limits_at = None;
    }

    /// Reads what is wanted into `usage`.
    pub(crate) fn read(
        &mut self,
        layout: &Layout,
        wanted: &Wanted,
        reader: &mut Reader,
        usage: &mut Usage,
    ) -> Result<(), Gone> {
        let sources = match layout.version {
            Version::One => ONE,
            Version::Two => TWO,
        };
        self.files.resize_with(sources.len(), Kept::default);
        let io = std::mem::take(&mut usage.io);
        *usage = Usage { io, ..Usage::default() };
        usage.io.clear();
        if self.limits_at.is_none_or(|at| at.elapsed() > LIMITS_AGE) {
            self.limits = limits(layout, &self.path, reader)?;
            self.limits_at = Some(Instant::now());
        }
        usage.limits = self.limits;
        let is_root = &*self.path == "/";
        for (at, (source, kept)) in sources.iter().zip(&mut self.files).enumerate() {
            if !(source.wanted)(wanted) || !layout.has(source.tree) || source.is_needless(usage) {
                continue;
            }
            let path = || layout.directory(source.tree, &self.path).join(source.file);
            match reader.read_kept(kept, path)? {
                Some(text) => {
                    let result = (source.parse)(text, usage);
                    usage.note(result);
                }
                // Its directory is not there at all.
                None if at == 0 && !is_root => return Err(Gone),
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exporter_testkit::fixture::tree;

    const ALL: Wanted =
        Wanted { cpu: true, memory: true, io: true, pressure: true, oom: true, process: true };

    fn two() -> Vec<(&'static str, &'static str)> {
        vec![
            ("cgroup.controllers", "cpu io memory pids\n"),
            (
                "c/cpu.stat",
                "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 250000\nnr_bursts 0\nburst_usec 0\n",
            ),
            ("c/memory.current", "104857600\n"),
            (
                "c/memory.stat",
                "anon 52428800\nfile 41943040\nkernel 1048576\nfile_mapped 4096\nfile_dirty 8192\nfile_writeback 0\ninactive_file 20971520\nactive_file 20971520\nworkingset_refault_anon 1\nworkingset_refault_file 2\npgscan 3\npgsteal 4\npgfault 5\npgmajfault 6\n",
            ),
            ("c/memory.swap.current", "0\n"),
            ("c/memory.peak", "209715200\n"),
            ("c/memory.events", "low 0\nhigh 7\nmax 8\noom 1\noom_kill 2\noom_group_kill 0\n"),
            ("c/memory.swap.events", "high 0\nmax 9\nfail 0\n"),
            ("c/io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
            (
                "c/cpu.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n",
            ),
            ("c/pids.current", "5\n"),
            ("c/pids.peak", "6\n"),
            ("c/cgroup.procs", "1\n2\n3\n"),
            ("c/cpu.max", "50000 100000\n"),
            ("c/cpu.weight", "100\n"),
            ("c/memory.max", "268435456\n"),
            ("c/memory.low", "134217728\n"),
            ("c/memory.swap.max", "max\n"),
            ("c/pids.max", "max\n"),
        ]
    }

    fn read(files: &[(&str, &str)]) -> Result<Usage, Gone> {
        let dir = tree(files).unwrap();
        let layout = Layout::detect(dir.path()).unwrap();
        let mut usage = Usage::default();
        Cgroup::new("/c").read(&layout, &ALL, &mut Reader::new(), &mut usage).map(|()| usage)
    }

    #[test]
    fn version_2_is_read_whole() {
        let usage = read(&two()).unwrap();
        assert_eq!(usage.cpu.usage, Some(3.0));
        assert_eq!((usage.cpu.periods, usage.cpu.throttled), (Some(10), Some(0.25)));
        assert_eq!(usage.working_set(), Some(80 << 20));
        assert_eq!(
            (usage.memory.rss, usage.memory.swap, usage.memory.kernel),
            (Some(50 << 20), Some(0), Some(1 << 20))
        );
        assert_eq!(
            (usage.memory_failcnt, usage.oom_kills, usage.swap_max_events),
            (Some(8), Some(2), Some(9))
        );
        assert_eq!((usage.threads, usage.threads_peak, usage.processes), (Some(5), Some(6), Some(3)));
        assert_eq!(usage.pressure[0], [Some(1.0), Some(0.5)]);
        assert_eq!(usage.io.len(), 1);
        let limits = Limits {
            cpu_quota: Some(50_000),
            cpu_period: Some(100_000),
            cpu_shares: Some(2597),
            memory: Some(256 << 20),
            swap: Some(0),
            reservation: Some(128 << 20),
            threads: Some(0),
        };
        assert_eq!(usage.limits, limits);
        assert!(!usage.malformed);
    }

    #[test]
    fn a_broken_file_costs_its_own_values() {
        let mut files = two();
        files[3].1 = "anon x\n";
        let usage = read(&files).unwrap();
        assert!(usage.malformed);
        assert_eq!(
            (usage.memory.rss, usage.memory_usage, usage.cpu.usage),
            (None, Some(100 << 20), Some(3.0))
        );
    }

    #[test]
    fn a_cgroup_that_is_not_there_is_gone() {
        assert_eq!(read(&[("cgroup.controllers", "")]), Err(Gone));
        assert_eq!(read(&[("memory/tasks", "")]), Err(Gone));
    }

    #[test]
    fn version_1_without_version_2_counts_in_ticks() {
        let usage = read(&[
            ("memory/c/memory.usage_in_bytes", "10\n"),
            ("memory/c/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cpuacct/c/cpuacct.usage", "1500000000\n"),
            ("cpuacct/c/cpuacct.stat", "user 100\nsystem 50\n"),
            ("cpu/c/cpu.cfs_quota_us", "-1\n"),
        ])
        .unwrap();
        assert_eq!((usage.cpu.usage, usage.cpu.user, usage.cpu.system), (Some(1.5), Some(1.0), Some(0.5)));
        assert_eq!((usage.limits.memory, usage.limits.cpu_quota, usage.limits.swap), (Some(0), None, None));
    }
}
