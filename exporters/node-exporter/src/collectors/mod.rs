//! The collectors: one file each, one line each in the table.

mod cpu;
mod cpufreq;
mod diskstats;
mod filesystem;
mod loadavg;
mod meminfo;
mod net;
mod os;
mod stat;
mod time;
mod udev;
mod uname;
mod vmstat;

use exporter_core::{BoxedSource, Collector, ConfigError, Flag, Settings, SourceSpec};

use crate::context::{self, Context};

/// A source: what it fills, the flags it reads, and how it is made.
struct Entry {
    collectors: &'static [&'static Collector],
    flags: &'static [&'static [Flag]],
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
}

const fn entry(
    collectors: &'static [&'static Collector],
    flags: &'static [&'static [Flag]],
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
) -> Entry {
    Entry { collectors, flags, source }
}

static TABLE: &[Entry] = &[
    entry(&[&cpu::CPU, &stat::STAT], &[cpu::FLAGS, stat::FLAGS], stat::source),
    entry(&[&cpufreq::CPUFREQ], &[], cpufreq::source),
    entry(&[&diskstats::DISKSTATS], &[diskstats::FLAGS], diskstats::source),
    entry(&[&filesystem::FILESYSTEM], &[filesystem::FLAGS], filesystem::source),
    entry(&[&loadavg::LOADAVG], &[], loadavg::source),
    entry(&[&meminfo::MEMINFO], &[], meminfo::source),
    entry(&[&net::NETDEV, &net::NETCLASS], &[net::FLAGS], net::source),
    entry(&[&os::OS], &[], os::source),
    entry(&[&time::TIME], &[], time::source),
    entry(&[&uname::UNAME], &[], uname::source),
    entry(&[&vmstat::VMSTAT], &[vmstat::FLAGS], vmstat::source),
];

pub(crate) fn all() -> Vec<&'static Collector> {
    TABLE.iter().flat_map(|entry| entry.collectors).copied().collect()
}

pub(crate) fn flags() -> Vec<Flag> {
    let own = TABLE.iter().flat_map(|entry| entry.flags.iter().copied().flatten());
    context::FLAGS.iter().chain(own).copied().collect()
}

/// The sources with at least one collector switched on.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    let context = Context::new(settings);
    let mut specs = Vec::new();
    for entry in TABLE {
        let on: Vec<_> =
            entry.collectors.iter().copied().filter(|collector| settings.enabled(collector)).collect();
        if !on.is_empty() {
            let context = context.clone();
            specs.push(SourceSpec::new(on, move || (entry.source)(&context)));
        }
    }
    Ok(specs)
}
