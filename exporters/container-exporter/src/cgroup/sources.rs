//! The files of a cgroup, by version: what each is read for, and what it says.

use super::layout::Tree;
use super::parse::{
    Blkio, CpuStat, MemoryStat, blkio, cpu_stat, io_stat, memory_events, memory_stat_v1, memory_stat_v2,
    pressure, value_of,
};
use super::usage::{Usage, Wanted};
use crate::text::{Malformed, integer, keyed, lines, single};

pub(super) type Parse = fn(&[u8], &mut Usage) -> Result<(), Malformed>;

/// A file, the group it is read for, and what it says.
pub(super) struct Source {
    pub(super) tree: Tree,
    pub(super) file: &'static str,
    pub(super) wanted: fn(&Wanted) -> bool,
    pub(super) parse: Parse,
}

impl Source {
    /// Whether it could tell nothing that is not known already.
    pub(super) fn is_needless(&self, usage: &Usage) -> bool {
        match (self.tree, self.file) {
            // Throttling, and there is no quota.
            (Tree::Cpu, "cpu.stat") => usage.limits.cpu_quota.is_none(),
            // The tree of version 2 has said it.
            (Tree::Cpuacct, "cpuacct.usage") => usage.cpu.usage.is_some(),
            // Ticks, and the exact times were read.
            (Tree::Cpuacct, "cpuacct.stat") => usage.cpu.user.is_some(),
            // Requests of no device: bytes, which were read before, are of the same ones.
            (Tree::Blkio, REQUESTS) => usage.io.is_empty(),
            // The one task that there is is a process.
            (_, "cgroup.procs") => usage.processes.is_some(),
            _ => false,
        }
    }
}

const REQUESTS: &str = "blkio.throttle.io_serviced_recursive";

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

fn tasks(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
    let count = single(text)?;
    usage.threads = Some(count);
    usage.processes = (count == 1).then_some(1);
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
    (usage.cpu.usage, usage.cpu.user, usage.cpu.system) = (stat.usage, stat.user, stat.system);
    Ok(())
}

fn cpu_ticks(text: &[u8], usage: &mut Usage) -> Result<(), Malformed> {
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
pub(super) static ONE: &[Source] = &[
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
    source(Tree::Cpu, "cpu.stat", |w| w.cpu, throttling),
    source(Tree::Unified, "cpu.stat", |w| w.cpu, cpu_time),
    source(
        Tree::Cpuacct,
        "cpuacct.usage",
        |w| w.cpu,
        |text, usage| {
            usage.cpu.usage = Some(single(text)? as f64 / 1e9);
            Ok(())
        },
    ),
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
    source(Tree::Blkio, REQUESTS, |w| w.io, |text, usage| blkio(text, Blkio::Requests, &mut usage.io)),
    source(Tree::Pids, "pids.current", |w| w.process, tasks),
    source(
        Tree::Pids,
        "pids.peak",
        |w| w.process,
        |text, usage| number(|u| &mut u.threads_peak, text, usage),
    ),
    source(Tree::Pids, "cgroup.procs", |w| w.process, processes),
];

/// The files of a host with version 2.
pub(super) static TWO: &[Source] = &[
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
    source(Tree::Unified, "pids.current", |w| w.process, tasks),
    source(
        Tree::Unified,
        "pids.peak",
        |w| w.process,
        |text, usage| number(|u| &mut u.threads_peak, text, usage),
    ),
    source(Tree::Unified, "cgroup.procs", |w| w.process, processes),
];
