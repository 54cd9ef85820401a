//! The collectors: groups of families with the peer's names, and what fills them.

mod disk;
mod engine;
pub(crate) mod families;
mod machine;
mod state;
mod usage;

use exporter_core::{
    BoxedSource, Collector, ConfigError, LabelSet, LabelValue, Labels, Settings, Sink, SourceSpec,
};
use std::sync::Arc;

use crate::cache::{Cache, Counts, Tombstone};
use crate::cgroup::Usage;
use crate::feed;
use crate::model::Container;
use crate::netdev::Counters;
use crate::options::{Options, is_in_groups};
use crate::source::Containers;

pub(crate) use engine::fill as fill_engine;
pub(crate) use families::{
    CONTAINER, CPU, DISK_IO, ENGINE, LAYERS, MEMORY, NETWORK, OOM, PRESSURE, PROCESS, STATE,
};
pub(crate) use state::fill as fill_state;
pub(crate) use usage::fill as fill_usage;

/// A container (or the host) as one scrape has found it.
pub(crate) struct Subject<'a> {
    pub(crate) container: &'a Container,
    pub(crate) labels: &'a Labels,
    /// Not a container, but all of them and everything else.
    pub(crate) is_host: bool,
    pub(crate) counts: Counts,
    /// Nothing if it does not run, or was not there any more.
    pub(crate) usage: Option<(&'a Usage, &'a [(String, Counters)])>,
}

/// All that one scrape has found.
pub(crate) struct Found<'a> {
    pub(crate) subjects: &'a [Subject<'a>],
    pub(crate) tombstones: &'a [Tombstone],
    pub(crate) device_wide: bool,
    /// Containers that must run; none as long as no engine has said what runs.
    pub(crate) expected: &'a [String],
    /// Unix seconds.
    pub(crate) now: f64,
    /// Whether a file was not as it should be, or a container could not be read.
    pub(crate) trouble: bool,
    pub(crate) devices: &'a crate::devices::Devices,
}

static PER_CONTAINER: [&Collector; 11] =
    [&CONTAINER, &CPU, &MEMORY, &NETWORK, &DISK_IO, &PRESSURE, &OOM, &PROCESS, &STATE, &ENGINE, &LAYERS];

pub(crate) fn all() -> Vec<&'static Collector> {
    PER_CONTAINER.iter().copied().chain([&families::DISK, &families::MACHINE]).collect()
}

/// The sources with at least one collector switched on.
pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    let options = Options::new(settings)?;
    let on = |collector: &&'static Collector| {
        let own_flag = settings.is_set(&format!("collector.{}", collector.name));
        settings.enabled(collector) && (own_flag || is_in_groups_or_ours(settings, collector))
    };
    let mut specs = Vec::new();
    let per_container: Vec<_> = PER_CONTAINER.iter().copied().filter(on).collect();
    if !per_container.is_empty() {
        let cache = Cache::new(options.tombstone, options.max_containers);
        let started = std::sync::Once::new();
        let (options, shared) = (options.clone(), Arc::new((cache, started)));
        specs.push(SourceSpec::new(per_container, move || {
            let (cache, started) = &*shared;
            let mut result = Ok(());
            // Once for all: a source that is made again finds what is known already.
            started.call_once(|| {
                if let Some(feed) = &options.feed {
                    result = feed::start(feed.clone(), cache);
                }
            });
            result.map_err(|error| ConfigError::new(format!("starting the thread for engines: {error}")))?;
            Ok(BoxedSource::blocking(Containers::new(options.clone(), cache.clone())))
        }));
    }
    for (collector, source) in [
        (&families::DISK, disk::source as fn(&Options) -> BoxedSource),
        (&families::MACHINE, machine::source),
    ] {
        if on(&collector) && (options.root || collector.name != families::DISK.name) {
            let options = options.clone();
            specs.push(SourceSpec::new([collector], move || Ok(source(&options))));
        }
    }
    Ok(specs)
}

/// The peer's lists name the peer's groups; what it has in none, and ours, is always on.
fn is_in_groups_or_ours(settings: &Settings, collector: &Collector) -> bool {
    let always = [&CONTAINER, &STATE, &ENGINE, &LAYERS, &families::MACHINE];
    always.iter().any(|own| own.name == collector.name) || is_in_groups(settings, collector.name)
}

/// Label sets of all subjects, on the page of the collector whose turn it is.
pub(crate) fn label_sets(sink: &mut Sink, subjects: &[Subject<'_>]) -> Vec<LabelSet> {
    subjects.iter().map(|subject| sink.labels(subject.labels)).collect()
}

/// A set with more labels.
pub(crate) fn with<const N: usize>(
    sink: &mut Sink,
    set: LabelSet,
    labels: [(&'static str, &dyn LabelValue); N],
) -> LabelSet {
    sink.label_set(Some(set), labels).unwrap_or(set)
}
