//! Pages of our own exporter, without its HTTP server.

use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::probe::Probes;
use exporter_core::{Exporter, Filter, Registry, Settings};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, wait};
use fake_s3::FakeS3;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static EXPORTER: &Exporter = &s3_exporter::EXPORTER;

pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// An instance, with its sources and its probes.
pub(crate) struct Ours {
    registry: Registry,
    probes: Probes,
    runtime: tokio::runtime::Runtime,
    _dir: TempDir,
}

impl Ours {
    /// With a file of targets; `ENDPOINT` in it is the fake's, with keys and short deadlines.
    pub(crate) fn with_file(server: &FakeS3, file: &str) -> Self {
        Self::with_file_and(server, file, &[])
    }

    pub(crate) fn with_file_and(server: &FakeS3, file: &str, flags: &[(&str, &str)]) -> Self {
        Self::with_text_and(targets(server, file), flags)
    }

    /// With a file that names its endpoints.
    pub(crate) fn with_text(text: &str) -> Self {
        Self::with_text_and(text.to_owned(), &[])
    }

    fn with_text_and(text: String, flags: &[(&str, &str)]) -> Self {
        let dir = exporter_testkit::fixture::tree(&[("targets.yml", text)]).unwrap();
        let path = dir.path().join("targets.yml").display().to_string();
        let mut all = vec![("targets.file", path.as_str())];
        all.extend(flags);
        Self::make(&all, dir)
    }

    fn make(flags: &[(&str, &str)], dir: TempDir) -> Self {
        let settings = settings(flags).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let guard = runtime.enter();
        let registry = Registry::new(EXPORTER.namespace, (EXPORTER.sources)(&settings).unwrap()).unwrap();
        let probes = Probes::new(EXPORTER.namespace, (EXPORTER.probes)(&settings).unwrap().remove(0));
        drop(guard);
        Self { registry, probes, runtime, _dir: dir }
    }

    pub(crate) fn page(&self) -> Page {
        self.collected(&self.registry, Duration::from_secs(10))
    }

    fn collected(&self, registry: &Registry, budget: Duration) -> Page {
        let began = Instant::now();
        let text = self.runtime.block_on(async {
            let filter = Filter::default();
            let collected = registry.collect(&filter, began + budget).await;
            let mut text = Vec::new();
            collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut text);
            String::from_utf8(text).unwrap()
        });
        Page { text, took: began.elapsed() }
    }

    /// A page once it holds all of these series with these values.
    pub(crate) fn page_with(&self, wanted: &[(&str, f64)]) -> Page {
        self.page_when(&format!("{wanted:?}"), |page| {
            wanted.iter().all(|(series, value)| page.value(series) == Some(*value))
        })
    }

    pub(crate) fn page_when(&self, what: &str, holds: impl Fn(&Page) -> bool) -> Page {
        let ready = || {
            let page = self.page();
            if holds(&page) { Ok(page) } else { Err(Error::new(page.text)) }
        };
        wait::until(what, wait::LONG, ready).unwrap()
    }

    pub(crate) fn probe(&self, parameters: &[(&str, &str)]) -> std::result::Result<Page, String> {
        self.probe_within(parameters, Duration::from_secs(10))
    }

    pub(crate) fn probe_within(
        &self,
        parameters: &[(&str, &str)],
        budget: Duration,
    ) -> std::result::Result<Page, String> {
        let given: Vec<_> = parameters.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let _guard = self.runtime.enter();
        let registry = self.probes.target(&given).map_err(|error| error.to_string())?;
        drop(_guard);
        Ok(self.collected(&registry, budget))
    }
}

pub(crate) fn settings(flags: &[(&str, &str)]) -> std::result::Result<Settings, exporter_core::ConfigError> {
    let given = flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), given)
}

/// What a configuration is refused with.
pub(crate) fn refused(file: &str) -> String {
    let dir = exporter_testkit::fixture::tree(&[("targets.yml", file.to_owned())]).unwrap();
    let path: PathBuf = dir.path().join("targets.yml");
    let settings = settings(&[("targets.file", &path.display().to_string())]).unwrap();
    (EXPORTER.sources)(&settings).unwrap_err().to_string()
}

fn targets(server: &FakeS3, file: &str) -> String {
    let endpoint = format!(
        "url: '{}', credentials: {{access_key_id: test, secret_access_key: hunter2}}, timeout: 600ms, connect_timeout: 500ms",
        server.url()
    );
    if file.contains("ENDPOINT") {
        return file.replace("ENDPOINT", &endpoint);
    }
    format!("endpoints: [{{{endpoint}}}]\n{file}")
}

/// A page as text.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl Page {
    /// The value of the only series that begins so.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let mut found = self.text.lines().filter_map(|line| {
            let rest = line.strip_prefix(series)?;
            rest.strip_prefix([' ', '{'])?.rsplit(' ').next()?.parse().ok()
        });
        let value = found.next();
        assert!(found.next().is_none(), "{series} has more than one series:\n{}", self.text);
        value
    }
}

/// `2026-11-20`.
pub(crate) fn date(seconds: f64) -> String {
    fake_s3::time(seconds)[..10].to_owned()
}
