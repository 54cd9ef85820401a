//! Scraping without a server.

use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::{Filter, Outcome, Registry, Settings};
use node_exporter::EXPORTER;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An instance of the exporter.
pub(crate) struct Node {
    registry: Registry,
}

impl Node {
    /// With these flags.
    pub(crate) fn new(flags: &[(String, String)]) -> Self {
        let settings =
            Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), flags.iter().cloned()).unwrap();
        let sources = (EXPORTER.sources)(&settings).unwrap();
        Self { registry: Registry::new(EXPORTER.namespace, sources).unwrap() }
    }

    /// One page.
    pub(crate) fn scrape(&self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let filter = Filter::default();
        let deadline = Instant::now() + Duration::from_secs(30);
        let collected = runtime.block_on(self.registry.collect(&filter, deadline));
        let mut page = Vec::new();
        collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut page);
        String::from_utf8(page).unwrap()
    }

    /// How each collector came out of the last scrape.
    pub(crate) fn outcomes(&self) -> BTreeMap<&'static str, Outcome> {
        let outcome = |name| self.registry.status(name).unwrap().outcome;
        self.registry.collectors().map(|collector| (collector.name, outcome(collector.name))).collect()
    }
}

/// Where the fixtures are.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Flags that point the exporter to a host's files under `root`.
pub(crate) fn flags(root: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let path = |file: &str| root.join(file).to_str().unwrap().to_owned();
    let paths =
        [("path.procfs", "proc"), ("path.sysfs", "sys"), ("path.rootfs", "root"), ("path.udev.data", "udev")];
    let paths = paths.iter().map(|(flag, file)| ((*flag).to_owned(), path(file)));
    let more = more.iter().map(|(flag, value)| ((*flag).to_owned(), (*value).to_owned()));
    paths.chain(more).collect()
}

/// The value of a series, by its whole name with labels.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}
