//! What the kernel counts for a container, and for the host as a whole.

use exporter_core::{Collector, Family, LabelSet, Sink};

use super::families::*;
use super::{Found, Subject, label_sets, with};
use crate::cgroup::Usage;
use crate::model::HealthStatus;
use crate::shown;

type Of<T> = fn(&T) -> Option<f64>;
type Table = [(&'static Family<9>, Of<Usage>)];

fn whole(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

static SPEC: &Table = &[
    (&SPEC_CPU_PERIOD, |u| whole(u.limits.cpu_period)),
    (&SPEC_CPU_QUOTA, |u| whole(u.limits.cpu_quota)),
    (&SPEC_CPU_SHARES, |u| whole(u.limits.cpu_shares)),
    (&SPEC_MEMORY_LIMIT, |u| whole(u.limits.memory)),
    (&SPEC_MEMORY_SWAP, |u| whole(u.limits.swap)),
    (&SPEC_MEMORY_RESERVATION, |u| whole(u.limits.reservation)),
];

/// Throttling is there only with a quota, as the peer has it.
fn with_quota(usage: &Usage, value: Option<f64>) -> Option<f64> {
    usage.limits.cpu_quota.and(value)
}

static TIMES: &Table = &[
    (&CPU_USER, |u| u.cpu.user),
    (&CPU_SYSTEM, |u| u.cpu.system),
    (&CFS_PERIODS, |u| with_quota(u, whole(u.cpu.periods))),
    (&CFS_THROTTLED_PERIODS, |u| with_quota(u, whole(u.cpu.throttled_periods))),
    (&CFS_THROTTLED, |u| with_quota(u, u.cpu.throttled)),
    (&CFS_BURSTS, |u| with_quota(u, whole(u.cpu.bursts))),
    (&CFS_BURST, |u| with_quota(u, u.cpu.burst)),
];

static BYTES: &Table = &[
    (&MEMORY_USAGE, |u| whole(u.memory_usage)),
    (&MEMORY_WORKING_SET, |u| whole(u.working_set())),
    (&MEMORY_RSS, |u| whole(u.memory.rss)),
    (&MEMORY_CACHE, |u| whole(u.memory.cache)),
    (&MEMORY_SWAP, |u| whole(u.memory.swap)),
    (&MEMORY_MAPPED_FILE, |u| whole(u.memory.mapped_file)),
    (&MEMORY_MAX_USAGE, |u| whole(u.memory_max_usage)),
    (&MEMORY_FAILCNT, |u| whole(u.memory_failcnt)),
    (&MEMORY_KERNEL, |u| whole(u.memory.kernel)),
    (&MEMORY_ACTIVE_FILE, |u| whole(u.memory.active_file)),
    (&MEMORY_INACTIVE_FILE, |u| whole(u.memory.inactive_file)),
    (&MEMORY_EVENTS_HIGH, |u| whole(u.events_high)),
    (&MEMORY_EVENTS_MAX, |u| whole(u.events_max)),
    (&MEMORY_FILE_DIRTY, |u| whole(u.memory.file_dirty)),
    (&MEMORY_FILE_WRITEBACK, |u| whole(u.memory.file_writeback)),
    (&MEMORY_PGSCAN, |u| whole(u.memory.pgscan)),
    (&MEMORY_PGSTEAL, |u| whole(u.memory.pgsteal)),
    (&MEMORY_REFAULT_FILE, |u| whole(u.memory.refault_file)),
    (&MEMORY_REFAULT_ANON, |u| whole(u.memory.refault_anon)),
    (&MEMORY_SWAP_MAX, |u| whole(u.swap_max_events)),
];

static WAITS: &Table = &[
    (&PRESSURE_CPU_WAITING, |u| u.pressure[0][0]),
    (&PRESSURE_CPU_STALLED, |u| u.pressure[0][1]),
    (&PRESSURE_MEMORY_WAITING, |u| u.pressure[1][0]),
    (&PRESSURE_MEMORY_STALLED, |u| u.pressure[1][1]),
    (&PRESSURE_IO_WAITING, |u| u.pressure[2][0]),
    (&PRESSURE_IO_STALLED, |u| u.pressure[2][1]),
];

static TASKS: &Table = &[
    (&PROCESSES, |u| whole(u.processes)),
    (&THREADS, |u| whole(u.threads)),
    (&THREADS_MAX, |u| whole(u.limits.threads)),
    (&PIDS_PEAK, |u| whole(u.threads_peak)),
];

/// The order of [`crate::netdev::Counters`].
static INTERFACES: [&Family<10>; 8] = [
    &RECEIVE_BYTES,
    &RECEIVE_PACKETS,
    &RECEIVE_ERRORS,
    &RECEIVE_DROPPED,
    &TRANSMIT_BYTES,
    &TRANSMIT_PACKETS,
    &TRANSMIT_ERRORS,
    &TRANSMIT_DROPPED,
];

/// Fills all collectors that rest on what the kernel counts.
pub(crate) fn fill(sink: &mut Sink, found: &Found<'_>) {
    let subjects = found.subjects;
    group(sink, &CONTAINER, subjects, |sink, sets| {
        identity(sink, found, sets);
        table(sink, SPEC, subjects, sets);
        sink.put(&SCRAPE_ERROR, [], found.trouble);
        crate::collectors::machine::put_version(sink);
    });
    group(sink, &CPU, subjects, |sink, sets| {
        table(sink, TIMES, subjects, sets);
        for (subject, set) in subjects.iter().zip(sets) {
            if let Some(seconds) = subject.usage.and_then(|(usage, _)| usage.cpu.usage) {
                let total = with(sink, *set, [("cpu", &"total")]);
                sink.put_set(&CPU_USAGE, total, seconds);
            }
        }
    });
    group(sink, &MEMORY, subjects, |sink, sets| {
        table(sink, BYTES, subjects, sets);
        page_faults(sink, subjects, sets);
    });
    group(sink, &PRESSURE, subjects, |sink, sets| table(sink, WAITS, subjects, sets));
    group(sink, &PROCESS, subjects, |sink, sets| table(sink, TASKS, subjects, sets));
    group(sink, &NETWORK, subjects, |sink, sets| network(sink, subjects, sets));
    group(sink, &DISK_IO, subjects, |sink, sets| io(sink, found, sets));
    group(sink, &OOM, subjects, |sink, sets| {
        for (subject, set) in subjects.iter().zip(sets) {
            match subject.usage {
                // The host's own cgroup of version 1 counts what hit no container.
                Some((usage, _)) if subject.is_host => {
                    if let Some(kills) = usage.oom_kills {
                        sink.put_set(&OOM_EVENTS, *set, kills);
                    }
                }
                // A kill that ends a container must be seen after its end.
                _ => sink.put_set(&OOM_EVENTS, *set, subject.counts.oom_kills()),
            }
        }
    });
}

fn group(
    sink: &mut Sink,
    collector: &'static Collector,
    subjects: &[Subject<'_>],
    fill: impl FnOnce(&mut Sink, &[LabelSet]),
) {
    sink.collector(collector, |sink| {
        let sets = label_sets(sink, subjects);
        fill(sink, &sets);
        Ok(())
    });
}

fn table(sink: &mut Sink, rows: &Table, subjects: &[Subject<'_>], sets: &[LabelSet]) {
    for (family, of) in rows {
        for (subject, set) in subjects.iter().zip(sets) {
            if let Some(value) = subject.usage.and_then(|(usage, _)| of(usage)) {
                sink.put_set(family, *set, value);
            }
        }
    }
}

fn identity(sink: &mut Sink, found: &Found<'_>, sets: &[LabelSet]) {
    let alive = || found.subjects.iter().zip(sets).filter(|(subject, _)| subject.usage.is_some());
    for (_, set) in alive() {
        sink.put_set(&LAST_SEEN, *set, found.now.floor());
    }
    for tombstone in found.tombstones {
        let path = tombstone.path.as_deref().unwrap_or_default();
        let set = sink.labels(&shown::labels(&tombstone.container, path));
        sink.put_set(&LAST_SEEN, set, tombstone.last_seen.floor());
    }
    for (subject, set) in alive().filter(|(subject, _)| subject.container.started > 0.0) {
        sink.put_set(&START_TIME, *set, subject.container.started.floor());
    }
    for (subject, set) in alive().filter(|(subject, _)| subject.container.created > 0.0) {
        sink.put_set(&CREATION_TIME, *set, subject.container.created.floor());
    }
    for (subject, set) in alive().filter(|(subject, _)| !subject.is_host) {
        let state = match subject.container.health {
            None => -1.0,
            Some(health) => f64::from(u8::from(health.status == HealthStatus::Healthy)),
        };
        sink.put_set(&HEALTH_STATE, *set, state);
    }
}

fn page_faults(sink: &mut Sink, subjects: &[Subject<'_>], sets: &[LabelSet]) {
    for (subject, set) in subjects.iter().zip(sets) {
        let Some((usage, _)) = subject.usage else { continue };
        for (failure, value) in [("pgfault", usage.memory.pgfault), ("pgmajfault", usage.memory.pgmajfault)] {
            let Some(value) = value else { continue };
            // Equal in the peer too: both count children.
            for scope in ["container", "hierarchy"] {
                let set = with(sink, *set, [("failure_type", &failure), ("scope", &scope)]);
                sink.put_set(&MEMORY_FAILURES, set, value);
            }
        }
    }
}

fn network(sink: &mut Sink, subjects: &[Subject<'_>], sets: &[LabelSet]) {
    let mut all = Vec::with_capacity(subjects.len());
    for (subject, set) in subjects.iter().zip(sets) {
        for (interface, counters) in subject.usage.map_or(&[][..], |(_, network)| network) {
            all.push((with(sink, *set, [("interface", interface)]), counters));
        }
    }
    for (at, family) in INTERFACES.iter().enumerate() {
        for (set, counters) in &all {
            sink.put_set(family, *set, counters[at]);
        }
    }
}

fn io(sink: &mut Sink, found: &Found<'_>, sets: &[LabelSet]) {
    let mut devices = Vec::new();
    for (subject, set) in found.subjects.iter().zip(sets) {
        let Some((usage, _)) = subject.usage else { continue };
        if subject.is_host {
            host_devices(sink, found, *set, true);
            continue;
        }
        if found.device_wide {
            host_devices(sink, found, *set, false);
        }
        for io in &usage.io {
            let name = found.devices.name(io.device);
            let set = with(sink, *set, [("device", &name)]);
            devices.push((set, io));
            for (operation, bytes) in [("Read", io.read_bytes), ("Write", io.write_bytes)] {
                let (major, minor) = io.device;
                let set = with(sink, set, [("major", &major), ("minor", &minor), ("operation", &operation)]);
                sink.put_set(&BLKIO, set, bytes);
            }
        }
    }
    for (family, of) in [
        (&READS_BYTES, (|io| io.read_bytes) as fn(&crate::cgroup::parse::DeviceIo) -> u64),
        (&WRITES_BYTES, |io| io.write_bytes),
        (&READS, |io| io.reads),
        (&WRITES, |io| io.writes),
    ] {
        for (set, io) in &devices {
            sink.put_set(family, *set, of(io));
        }
    }
}

/// What the disks themselves count: the host's, or with a flag repeated on each container as the peer does.
fn host_devices(sink: &mut Sink, found: &Found<'_>, set: LabelSet, whole: bool) {
    for device in found.devices.counted() {
        let set = with(sink, set, [("device", &format!("/dev/{}", device.name))]);
        let c = &device.counters;
        const SECTOR: u64 = 512;
        const MILLI: f64 = 1000.0;
        if whole {
            sink.put_set(&READS_BYTES, set, c[2] * SECTOR);
            sink.put_set(&WRITES_BYTES, set, c[6] * SECTOR);
            sink.put_set(&READS, set, c[0]);
            sink.put_set(&WRITES, set, c[4]);
        }
        sink.put_set(&READS_MERGED, set, c[1]);
        sink.put_set(&SECTOR_READS, set, c[2]);
        sink.put_set(&READ_SECONDS, set, c[3] as f64 / MILLI);
        sink.put_set(&WRITES_MERGED, set, c[5]);
        sink.put_set(&SECTOR_WRITES, set, c[6]);
        sink.put_set(&WRITE_SECONDS, set, c[7] as f64 / MILLI);
        sink.put_set(&IO_CURRENT, set, c[8]);
        sink.put_set(&IO_TIME, set, c[9] as f64 / MILLI);
        sink.put_set(&IO_TIME_WEIGHTED, set, c[10] as f64 / MILLI);
    }
}
