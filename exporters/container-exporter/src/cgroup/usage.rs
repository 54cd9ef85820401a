//! One cgroup: its files kept open, its usage read at once, its limits now and then.

use std::time::{Duration, Instant};

use super::files::{Gone, Kept, Reader};
use super::layout::{Layout, Tree, Version};
use super::parse::{
    Blkio, CpuStat, DeviceIo, MemoryStat, blkio, cpu_max, cpu_stat, io_stat, memory_events, memory_stat_v1,
    memory_stat_v2, pressure, value_of,
};
use crate::text::{Malformed, integer, keyed, limit, lines, single};

/// Limits change by hand, and rarely.
const LIMITS_AGE: Duration = Duration::from_secs(60);
/// Version 1 writes "none" as the largest multiple of a page.
const NO_LIMIT: u64 = 1 << 62;

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

type Parse = fn(&[u8], &mut Usage) -> Result<(), Malformed>;

/// A file, the group it is read for, and what it says.
struct Source {
    tree: Tree,
    file: &'static str,
    wanted: fn(&Wanted) -> bool,
    parse: Parse,
}

const fn source(tree: Tree, file: &'static str, wanted: fn(&Wanted) -> bool, parse: Parse) -> Source {
    Source { tree, file, wanted, parse }
}

fn number(
    place: fn(&mut Usage) -> &mut Option<u64>,
    text: &[u8],
    usage: &mut Usage,
) -> Result<(), Malformed> {
    *place(usage) = Some(single(text)?);
    Ok(())
}

fn processes(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    let mut count = 0;
    for line in lines(text) {
        integer(line).ok_or(Malformed("a list of processes"))?;
        count += 1;
    }
    usage.processes = Some(count);
    Ok(())
}

/// CPU time of version 2 goes beside what version 1 says about throttling.
fn cpu_time(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    let stat = cpu_stat(text)?;
    (usage.cpu.user, usage.cpu.system) = (stat.user, stat.system);
    usage.cpu.usage = usage.cpu.usage.or(stat.usage);
    Ok(())
}

fn cpu_ticks(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    if usage.cpu.user.is_some() {
        return Ok(());
    }
    let second = rustix::param::clock_ticks_per_second() as f64;
    keyed(text, |key, ticks| match key {
        b"user" => usage.cpu.user = Some(ticks as f64 / second),
        b"system" => usage.cpu.system = Some(ticks as f64 / second),
        _ => {}
    })
}

fn throttling(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    let stat = cpu_stat(text)?;
    usage.cpu = CpuStat { usage: usage.cpu.usage, user: usage.cpu.user, system: usage.cpu.system, ..stat };
    Ok(())
}

fn pressure_of(place: usize, text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    usage.pressure[place] = pressure(text)?;
    Ok(())
}

/// The files of a host with version 1. The first one tells whether the cgroup is there at all.
static ONE: &[Source] = &[
    source(
        Tree::Memory,
        "memory.usage_in_bytes",
        |_| true,
        |text, usage| number(|u| &mut u.memory_usage, text, usage),
    ),
    source(
        Tree::Memory,
        "memory.stat",
        |w| w.memory,
        |text, usage| {
            let kernel = usage.memory.kernel;
            usage.memory = MemoryStat { kernel, ..memory_stat_v1(text)? };
            Ok(())
        },
    ),
    source(
        Tree::Memory,
        "memory.max_usage_in_bytes",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory_max_usage, text, usage),
    ),
    source(
        Tree::Memory,
        "memory.failcnt",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory_failcnt, text, usage),
    ),
    source(
        Tree::Memory,
        "memory.kmem.usage_in_bytes",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory.kernel, text, usage),
    ),
    source(
        Tree::Memory,
        "memory.oom_control",
        |w| w.oom,
        |text, usage| {
            usage.oom_kills = value_of(text, b"oom_kill")?;
            Ok(())
        },
    ),
    source(
        Tree::Cpuacct,
        "cpuacct.usage",
        |w| w.cpu,
        |text, usage| {
            usage.cpu.usage = Some(single(text)? as f64 / 1e9);
            Ok(())
        },
    ),
    source(Tree::Cpu, "cpu.stat", |w| w.cpu, throttling),
    source(Tree::Unified, "cpu.stat", |w| w.cpu, cpu_time),
    source(Tree::Cpuacct, "cpuacct.stat", |w| w.cpu, cpu_ticks),
    source(Tree::Unified, "cpu.pressure", |w| w.pressure, |text, usage| pressure_of(0, text, usage)),
    source(Tree::Unified, "memory.pressure", |w| w.pressure, |text, usage| pressure_of(1, text, usage)),
    source(Tree::Unified, "io.pressure", |w| w.pressure, |text, usage| pressure_of(2, text, usage)),
    source(
        Tree::Blkio,
        "blkio.throttle.io_service_bytes_recursive",
        |w| w.io,
        |text, usage| blkio(text, Blkio::Bytes, &mut usage.io),
    ),
    source(
        Tree::Blkio,
        "blkio.throttle.io_serviced_recursive",
        |w| w.io,
        |text, usage| blkio(text, Blkio::Requests, &mut usage.io),
    ),
    source(Tree::Pids, "pids.current", |w| w.process, |text, usage| number(|u| &mut u.threads, text, usage)),
    source(
        Tree::Pids,
        "pids.peak",
        |w| w.process,
        |text, usage| number(|u| &mut u.threads_peak, text, usage),
    ),
    source(Tree::Pids, "cgroup.procs", |w| w.process, processes),
];

/// The files of a host with version 2.
static TWO: &[Source] = &[
    source(
        Tree::Unified,
        "cpu.stat",
        |_| true,
        |text, usage| {
            usage.cpu = cpu_stat(text)?;
            Ok(())
        },
    ),
    source(
        Tree::Unified,
        "memory.current",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory_usage, text, usage),
    ),
    source(
        Tree::Unified,
        "memory.stat",
        |w| w.memory,
        |text, usage| {
            let swap = usage.memory.swap;
            usage.memory = MemoryStat { swap, ..memory_stat_v2(text)? };
            Ok(())
        },
    ),
    source(
        Tree::Unified,
        "memory.swap.current",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory.swap, text, usage),
    ),
    source(
        Tree::Unified,
        "memory.peak",
        |w| w.memory,
        |text, usage| number(|u| &mut u.memory_max_usage, text, usage),
    ),
    source(
        Tree::Unified,
        "memory.events",
        |w| w.memory || w.oom,
        |text, usage| {
            let [high, max, oom_kills] = memory_events(text)?;
            (usage.events_high, usage.events_max, usage.oom_kills) = (high, max, oom_kills);
            // The times that the limit was hit: what version 1 calls failcnt.
            usage.memory_failcnt = max;
            Ok(())
        },
    ),
    source(
        Tree::Unified,
        "memory.swap.events",
        |w| w.memory,
        |text, usage| {
            usage.swap_max_events = value_of(text, b"max")?;
            Ok(())
        },
    ),
    source(Tree::Unified, "io.stat", |w| w.io, |text, usage| io_stat(text, &mut usage.io)),
    source(Tree::Unified, "cpu.pressure", |w| w.pressure, |text, usage| pressure_of(0, text, usage)),
    source(Tree::Unified, "memory.pressure", |w| w.pressure, |text, usage| pressure_of(1, text, usage)),
    source(Tree::Unified, "io.pressure", |w| w.pressure, |text, usage| pressure_of(2, text, usage)),
    source(
        Tree::Unified,
        "pids.current",
        |w| w.process,
        |text, usage| number(|u| &mut u.threads, text, usage),
    ),
    source(
        Tree::Unified,
        "pids.peak",
        |w| w.process,
        |text, usage| number(|u| &mut u.threads_peak, text, usage),
    ),
    source(Tree::Unified, "cgroup.procs", |w| w.process, processes),
];

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
        let is_root = &*self.path == "/";
        for (at, (source, kept)) in sources.iter().zip(&mut self.files).enumerate() {
            if !(source.wanted)(wanted) || !layout.has(source.tree) {
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
        if self.limits_at.is_none_or(|at| at.elapsed() > LIMITS_AGE) {
            self.limits = limits(layout, &self.path, reader)?;
            self.limits_at = Some(Instant::now());
        }
        usage.limits = self.limits;
        Ok(())
    }
}

fn limits(layout: &Layout, path: &str, reader: &mut Reader) -> Result<Limits, Gone> {
    let mut read = |tree, file: &str, parse: fn(&[u8]) -> Option<u64>| -> Result<Option<u64>, Gone> {
        let found = reader.read(&layout.directory(tree, path).join(file))?;
        Ok(found.and_then(parse))
    };
    // Nothing instead of 0 for a quota: its ratio to the period is what is used of it.
    let quota: fn(&[u8]) -> Option<u64> = |text| limit(text).ok().flatten();
    let bytes: fn(&[u8]) -> Option<u64> =
        |text| limit(text).ok().map(|limit| limit.filter(|bytes| *bytes < NO_LIMIT).unwrap_or(0));
    Ok(match layout.version {
        Version::One => Limits {
            cpu_quota: read(Tree::Cpu, "cpu.cfs_quota_us", quota)?,
            cpu_period: read(Tree::Cpu, "cpu.cfs_period_us", quota)?,
            cpu_shares: read(Tree::Cpu, "cpu.shares", quota)?,
            memory: read(Tree::Memory, "memory.limit_in_bytes", bytes)?,
            swap: read(Tree::Memory, "memory.memsw.limit_in_bytes", bytes)?,
            reservation: read(Tree::Memory, "memory.soft_limit_in_bytes", bytes)?,
            threads: read(Tree::Pids, "pids.max", bytes)?,
        },
        Version::Two => Limits {
            cpu_quota: read(Tree::Unified, "cpu.max", |text| cpu_max(text).ok()?.0)?,
            cpu_period: read(Tree::Unified, "cpu.max", |text| Some(cpu_max(text).ok()?.1))?,
            cpu_shares: read(Tree::Unified, "cpu.weight", |text| single(text).ok().map(shares))?,
            memory: read(Tree::Unified, "memory.max", bytes)?,
            swap: read(Tree::Unified, "memory.swap.max", bytes)?,
            // Engines write a reservation to `low`.
            reservation: read(Tree::Unified, "memory.low", bytes)?,
            threads: read(Tree::Unified, "pids.max", bytes)?,
        },
    })
}

/// The weight of version 2 (1 to 10,000) on the scale of version 1 (2 to 262,144), as engines convert the other way.
fn shares(weight: u64) -> u64 {
    2 + weight.saturating_sub(1) * 262_142 / 9999
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
