//! The collectors: one file each, one line each in the table.

mod loadavg;
mod meminfo;

use exporter_core::{BoxedSource, Collector, ConfigError, Flag, Settings, SourceSpec};

use crate::context::{self, Context};

/// A source: what it fills, the flags it reads, and how it is made.
struct Entry {
    collectors: &'static [&'static Collector],
    flags: &'static [Flag],
    source: fn(&Context) -> Result<BoxedSource, ConfigError>,
}

static TABLE: &[Entry] = &[
    Entry { collectors: &[&loadavg::LOADAVG], flags: &[], source: loadavg::source },
    Entry { collectors: &[&meminfo::MEMINFO], flags: &[], source: meminfo::source },
];

pub(crate) fn all() -> Vec<&'static Collector> {
    TABLE.iter().flat_map(|entry| entry.collectors).copied().collect()
}

pub(crate) fn flags() -> Vec<Flag> {
    context::FLAGS.iter().chain(TABLE.iter().flat_map(|entry| entry.flags)).copied().collect()
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
