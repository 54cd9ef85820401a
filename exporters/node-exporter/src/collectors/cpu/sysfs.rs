//! Facts of `/sys/devices/system/cpu`: online, isolated, throttled.
//!
//! Topology does not change while the same CPUs are online, so it is looked up when that set changes.

use exporter_core::{Family, Sink};
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::text::ranges;

pub(super) static ONLINE: Family<1> =
    Family::gauge("node_cpu_online", "Whether a CPU that can be switched off is on.", &["cpu"]);
pub(super) static ISOLATED: Family<1> =
    Family::gauge("node_cpu_isolated", "CPUs kept free of other work by isolcpus.", &["cpu"]);
pub(super) static CORE_THROTTLES: Family<2> = Family::counter(
    "node_cpu_core_throttles_total",
    "Times that a core was throttled.",
    &["core", "package"],
);
pub(super) static PACKAGE_THROTTLES: Family<1> =
    Family::counter("node_cpu_package_throttles_total", "Times that a package was throttled.", &["package"]);

pub(super) struct Facts {
    directory: PathBuf,
    online: PathBuf,
    reader: Reader,
    /// The text of `online` that the rest was looked up for.
    known_for: Option<Vec<u8>>,
    switchable: Vec<(u32, bool)>,
    isolated: Vec<u32>,
    cores: Vec<((u64, u64), PathBuf)>,
    packages: Vec<(u64, PathBuf)>,
}

impl Facts {
    pub(super) fn new(context: &Context) -> Self {
        let directory = context.sys("devices/system/cpu");
        Self {
            online: directory.join("online"),
            directory,
            reader: Reader::new(),
            known_for: None,
            switchable: Vec::new(),
            isolated: Vec::new(),
            cores: Vec::new(),
            packages: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, sink: &mut Sink) {
        let online = self.reader.kept_attribute(&self.online).unwrap_or_default();
        if self.known_for.as_deref() != Some(online) {
            let online = online.to_vec();
            self.look_up(&online);
            self.known_for = Some(online);
        }
        for (cpu, online) in &self.switchable {
            sink.put(&ONLINE, [cpu], *online);
        }
        for cpu in &self.isolated {
            sink.put(&ISOLATED, [cpu], true);
        }
        for ((package, core), path) in &self.cores {
            if let Some(count) = self.reader.integer(path) {
                sink.put(&CORE_THROTTLES, [core, package], count);
            }
        }
        for (package, path) in &self.packages {
            if let Some(count) = self.reader.integer(path) {
                sink.put(&PACKAGE_THROTTLES, [package], count);
            }
        }
    }

    fn look_up(&mut self, online: &[u8]) {
        let online = ranges(online).unwrap_or_default();
        let isolated = self.reader.attribute(&self.directory.join("isolated")).and_then(ranges);
        self.isolated = isolated.unwrap_or_default();
        self.switchable.clear();
        // The first CPU of a core, of a package, speaks for it.
        let (mut cores, mut packages) = (BTreeMap::new(), BTreeMap::new());
        for name in names_or_none(&self.directory) {
            let Some(cpu) = name.strip_prefix("cpu").and_then(|number| number.parse::<u32>().ok()) else {
                continue;
            };
            let directory = self.directory.join(&name);
            if directory.join("online").exists() {
                self.switchable.push((cpu, online.contains(&cpu)));
            }
            let package = self.reader.integer(&directory.join("topology/physical_package_id"));
            let core = self.reader.integer(&directory.join("topology/core_id"));
            if let (Some(package), Some(core)) = (package, core) {
                let throttle = directory.join("thermal_throttle");
                cores.entry((package, core)).or_insert_with(|| throttle.join("core_throttle_count"));
                packages.entry(package).or_insert_with(|| throttle.join("package_throttle_count"));
            }
        }
        self.switchable.sort_unstable();
        self.cores = cores.into_iter().filter(|(_, path)| path.exists()).collect();
        self.packages = packages.into_iter().filter(|(_, path)| path.exists()).collect();
    }
}
