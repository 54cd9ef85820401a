//! node_exporter itself, and pages of both taken apart.

use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Result, http, tools, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

pub(crate) struct Peer {
    _process: Process,
    port: Port,
}

impl Peer {
    pub(crate) fn start(flags: &[String], environment: &[(&str, &str)]) -> Result<Self> {
        let port = ports::free()?;
        let mut command = Command::new(tools::path("node_exporter")?);
        command.arg(format!("--web.listen-address={}", port.address())).args(flags);
        command.envs(environment.iter().copied());
        let mut process = Process::spawn(&mut command)?;
        process.wait_stderr_line("Listening on", wait::LONG)?;
        Ok(Self { _process: process, port })
    }

    pub(crate) fn page(&self) -> Result<Page> {
        let url = format!("http://{}/metrics", self.port.address());
        Ok(Page::parse(&http::get(&url, &[])?.expect_status(200)?.text()))
    }
}

/// Types by family, values by series.
#[derive(Debug, Default)]
pub(crate) struct Page {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                page.types.insert(name.to_owned(), kind.to_owned());
            } else if let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
                page.values.insert(series.to_owned(), value.to_owned());
            }
        }
        page
    }

    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.values.get(series)?.parse().ok()
    }

    /// Of families that begin so.
    pub(crate) fn types(&self, start: &str) -> BTreeMap<&str, &str> {
        let types = self.types.iter().map(|(name, kind)| (name.as_str(), kind.as_str()));
        types.filter(|(name, _)| name.starts_with(start)).collect()
    }

    /// Series that begin so, without those that begin like one of `without`.
    pub(crate) fn series(&self, start: &str, without: &[&str]) -> BTreeSet<&str> {
        let all = self.values.keys().map(String::as_str).filter(|series| series.starts_with(start));
        all.filter(|series| !without.iter().any(|one| series.starts_with(one))).collect()
    }

    /// The same with their values, as numbers: both write them in their own way.
    pub(crate) fn values(&self, start: &str, without: &[&str]) -> BTreeMap<&str, f64> {
        let value = |series| self.value(series).unwrap_or(f64::NAN);
        self.series(start, without).into_iter().map(|series| (series, value(series))).collect()
    }
}
