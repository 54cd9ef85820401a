//! Probing and scraping in this process, as the server does.

use app_health_exporter::EXPORTER;
use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::probe::{ProbeError, Probes};
use exporter_core::{Filter, Registry, Settings};
use exporter_testkit::{Error, Result};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A page's samples by series, `name{labels}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) samples: BTreeMap<String, f64>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Page {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.replace("Inf", "inf").parse().expect("a number"))
        };
        Page { text: text.to_owned(), samples: lines.map(sample).collect() }
    }

    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        match self.samples.get(series) {
            Some(value) => *value,
            None => panic!("{series} is not on the page:\n{}", self.text),
        }
    }

    /// The reason of a failed probe; nothing after a successful one.
    pub(crate) fn reason(&self) -> Option<&str> {
        let series = self.samples.keys().find(|series| series.starts_with("probe_failure_reason{"))?;
        series.split('"').nth(1)
    }
}

pub(crate) fn settings(given: &[(&str, &str)]) -> Settings {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), given).expect("settings")
}

/// An exporter that answers probes.
pub(crate) struct Prober {
    probes: Probes,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Prober {
    pub(crate) fn new(modules: &str) -> Result<Prober> {
        Prober::with(modules, &[])
    }

    pub(crate) fn with(modules: &str, given: &[(&str, &str)]) -> Result<Prober> {
        let dir = exporter_testkit::fixture::TempDir::new()?;
        let file = dir.write("modules.yml", modules)?.display().to_string();
        let given = [&[("config.file", file.as_str())], given].concat();
        let spec = (EXPORTER.probes)(&settings(&given)).map_err(|error| Error::new(error.to_string()))?;
        let spec = spec.into_iter().next().ok_or_else(|| Error::new("no probe"))?;
        Ok(Prober { probes: Probes::new(EXPORTER.namespace, spec), runtime: runtime() })
    }

    pub(crate) fn target(&self, target: &str, module: &str) -> std::result::Result<(), ProbeError> {
        self.probes.target(&parameters(target, module)).map(drop)
    }

    /// One probe, with this much time.
    #[track_caller]
    pub(crate) fn probe(&self, target: &str, module: &str, budget: Duration) -> Page {
        let registry = self.probes.target(&parameters(target, module)).expect("a target");
        self.runtime.block_on(scrape(&registry, budget))
    }
}

fn parameters(target: &str, module: &str) -> Vec<(String, String)> {
    vec![("target".to_owned(), target.to_owned()), ("module".to_owned(), module.to_owned())]
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub(crate) async fn scrape(registry: &Registry, budget: Duration) -> Page {
    let filter = Filter::parse("", registry.collectors()).expect("a filter");
    let collected = registry.collect(&filter, Instant::now() + budget).await;
    let (mut assembly, mut out) = (Assembly::new(), Vec::new());
    collected.write(&[], Options::new(Format::Text), &mut assembly, &mut out);
    Page::parse(&String::from_utf8(out).expect("text"))
}

/// An exporter with a file of checks, running on a thread of its own until it is dropped.
pub(crate) struct Running {
    requests: Option<mpsc::UnboundedSender<oneshot::Sender<Page>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(checks: &str) -> Result<Running> {
        let dir = exporter_testkit::fixture::TempDir::new()?;
        let file = dir.write("checks.yml", checks)?.display().to_string();
        let told = |error: exporter_core::ConfigError| Error::new(error.to_string());
        let sources = (EXPORTER.sources)(&settings(&[("checks.file", &file)])).map_err(told)?;
        let registry = Registry::new(EXPORTER.namespace, sources).map_err(told)?;
        let (requests, mut received) = mpsc::unbounded_channel::<oneshot::Sender<Page>>();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                registry.start();
                while let Some(reply) = received.recv().await {
                    // Who asked may have gone.
                    let _ = reply.send(scrape(&registry, Duration::from_secs(10)).await);
                }
            });
        });
        Ok(Running { requests: Some(requests), thread: Some(thread) })
    }

    pub(crate) fn scrape(&self) -> Page {
        let (reply, page) = oneshot::channel();
        self.requests.as_ref().expect("running").send(reply).expect("running");
        page.blocking_recv().expect("a page")
    }

    /// Scrapes until the page is as wanted.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Page) -> bool) -> Result<Page> {
        exporter_testkit::wait::until(what, exporter_testkit::wait::LONG, || {
            let page = self.scrape();
            if wanted(&page) { Ok(page) } else { Err(Error::new(page.text)) }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
