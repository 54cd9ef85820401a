//! The HTTP server: bare hyper, one connection a task, everything bounded.

pub(crate) mod clash;
mod connections;
mod encode;
mod guard;
mod io;
mod landing;
pub(crate) mod listen;
mod metrics;
mod own;
mod own_route;
mod ports;
mod process;
mod route;
mod sd;
mod serve;
mod stream;
mod under_way;
mod unsent;
mod view;
mod web_config;

pub use listen::Listener;
pub use serve::serve;

pub(crate) use own::OwnMetrics;
pub(crate) use web_config::Web;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use exposition::Page;

use crate::exporter::{ConfigError, Exporter};
use crate::memory;
use crate::probe::Probes;
use crate::registry::Registry;
use connections::Connections;
use encode::Encoder;
use ports::Ports;
use process::Process;
use under_way::UnderWay;
use unsent::Unsent;

/// By so many pages the buffers have found their sizes.
const SETTLED: u32 = 16;
/// And after as many again: what is seldom needed has come in between.
const NOW_AND_AGAIN: u32 = 512;
/// Connections at once; for one more, the one that has been idle longest goes.
const MAX_CONNECTIONS: usize = 256;

/// A reload that takes longer has failed; files may lie on a file system that hangs.
const RELOAD: Duration = Duration::from_secs(30);

pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// One target of one exporter, on its own path.
#[derive(Debug)]
pub struct Instance {
    /// What it is an instance of.
    pub exporter: &'static Exporter,
    /// Tells it from others of the same exporter in this process.
    pub name: String,
    /// Where its page is served.
    pub path: String,
    /// Its sources.
    pub registry: Registry,
    pub(crate) probes: Vec<Probes>,
    /// Addresses of its own, where it is found at the peer's paths.
    pub(crate) listen: Vec<String>,
    /// What `/sd` says of it.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) fingerprint: Vec<String>,
}

impl Instance {
    /// An instance without probes.
    pub fn new(exporter: &'static Exporter, name: String, path: String, registry: Registry) -> Self {
        let labels =
            vec![("job".to_owned(), exporter.name.to_owned()), ("instance".to_owned(), name.clone())];
        Self {
            exporter,
            name,
            path,
            registry,
            probes: Vec::new(),
            listen: Vec::new(),
            labels,
            fingerprint: Vec::new(),
        }
    }

    /// Answers for targets that URLs name, too.
    #[must_use]
    pub fn with_probes(mut self, probes: Vec<Probes>) -> Self {
        self.probes = probes;
        self
    }

    /// Is found at addresses of its own, too.
    pub(crate) fn with_listen(mut self, listen: Vec<String>) -> Self {
        self.listen = listen;
        self
    }

    /// Is found in `/sd` with these.
    pub(crate) fn with_labels(mut self, labels: Vec<(String, String)>) -> Self {
        self.labels = labels;
        self
    }

    /// What it was made from, to find out at a reload whether it is still the same.
    pub(crate) fn with_fingerprint(mut self, fingerprint: Vec<String>) -> Self {
        self.fingerprint = fingerprint;
        self
    }
}

/// Makes the instances anew, given those that run; those that are to be as they are are returned as they are.
pub type Reload = dyn Fn(&[Arc<Instance>]) -> Result<Vec<Arc<Instance>>, ConfigError> + Send + Sync;

/// What a server serves.
pub struct App {
    /// The program's name, for the landing page.
    pub(crate) program: &'static str,
    instances: Mutex<Arc<[Arc<Instance>]>>,
    reload: Option<Box<Reload>>,
    /// Held by the thread that makes instances, as long as that takes: of two reloads the later one reads, and wins.
    making: Arc<Semaphore>,
    pub(crate) ports: tokio::sync::Mutex<Ports>,
    /// The page with `process_*` and the server's own metrics: a path of its own in the all-in-one, part of the one
    /// instance's page in a program with one exporter.
    pub(crate) own_path: Option<String>,
    pub(crate) with_process: bool,
    pub(crate) max_requests: u64,
    pub(crate) family_cap: usize,
    pub(crate) lifecycle: bool,
    pub(crate) ready: AtomicBool,
    pub(crate) own: OwnMetrics,
    pub(crate) web: Option<Arc<Web>>,
    pub(crate) under_way: UnderWay,
    pub(crate) unsent: Arc<Unsent>,
    pub(crate) connections: Arc<Connections>,
    process: Process,
    encoder: Mutex<Encoder>,
    /// What the program says of itself, to be used again.
    own_page: Mutex<Page>,
    /// Pages written so far.
    pages: AtomicU32,
}

/// How an [`App`] answers.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// The program's name.
    pub program: &'static str,
    /// Where `process_*` and the server's own metrics are served; `None` puts them on the first instance's page.
    pub own_path: Option<String>,
    /// Whether `process_*` and the server's own metrics are served at all.
    pub own_metrics: bool,
    /// Pages collected at once; a scrape that needs one more gets 503. 0 is no limit.
    pub max_requests: u64,
    /// Samples of one family beyond this many are dropped and counted.
    pub family_cap: usize,
    /// Whether `POST /-/reload` reloads.
    pub lifecycle: bool,
}

impl App {
    /// An application that is not ready yet.
    pub fn new(options: AppOptions, instances: Vec<Arc<Instance>>) -> Self {
        Self {
            program: options.program,
            instances: Mutex::new(instances.into()),
            reload: None,
            making: Arc::new(Semaphore::new(1)),
            ports: tokio::sync::Mutex::default(),
            own_path: options.own_path,
            with_process: options.own_metrics,
            max_requests: options.max_requests,
            family_cap: options.family_cap,
            lifecycle: options.lifecycle,
            ready: AtomicBool::new(false),
            own: OwnMetrics::new(options.program),
            web: None,
            under_way: UnderWay::default(),
            unsent: Arc::default(),
            connections: Connections::new(MAX_CONNECTIONS),
            process: Process::new(),
            encoder: Mutex::default(),
            own_page: Mutex::default(),
            pages: AtomicU32::default(),
        }
    }

    /// Says how its instances are made anew.
    #[must_use]
    pub fn reloaded_by(mut self, reload: Box<Reload>) -> Self {
        self.reload = Some(reload);
        self
    }

    /// Serves as this web configuration file says (`--web.config.file`).
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn with_web_config(mut self, path: &str) -> Result<Self, ConfigError> {
        self.web = Some(Arc::new(Web::load(path)?));
        self.own.with_web_config();
        Ok(self)
    }

    /// `http` or `https`, as it is now.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.web.as_ref().is_some_and(|web| web.last().is_tls()) { "https" } else { "http" }
    }

    /// The instances, in the order in which they are listed.
    pub fn instances(&self) -> Arc<[Arc<Instance>]> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the instances as the configuration is now. A bad one changes nothing. Scrapes under way finish on the
    /// instance on which they began.
    ///
    /// # Errors
    /// What is wrong with the configuration; it is logged and counted, too.
    pub async fn reload(self: Arc<Self>) -> Result<(), ConfigError> {
        let result = self.reload_now().await;
        match &result {
            Ok(()) => {
                tracing::info!(instances = self.instances().len(), "configuration loaded");
                self.warn_of_nothing();
            }
            Err(error) => tracing::error!(%error, "configuration not loaded; the one before stays"),
        }
        self.own.reloaded(result.is_ok());
        result
    }

    /// A file in which nothing is left is served as it says; that it was meant so is not likely.
    pub(crate) fn warn_of_nothing(&self) {
        if self.instances().is_empty() {
            tracing::warn!("nothing to serve: no instance is named under `exporters` in --config.file");
        }
    }

    async fn reload_now(self: &Arc<Self>) -> Result<(), ConfigError> {
        let failed = |error: &dyn fmt::Display| ConfigError::new(error.to_string());
        let late = |what: &str| ConfigError::new(format!("{what} within {} s", RELOAD.as_secs()));
        let deadline = tokio::time::Instant::now() + RELOAD;
        let place = timeout_at(deadline, self.making.clone().acquire_owned()).await;
        let place = place.map_err(|_| late("an earlier reload has not ended"))?.map_err(|e| failed(&e))?;
        let app = self.clone();
        // Files are read, so off the thread that serves.
        let made = tokio::task::spawn_blocking(move || {
            let made = app.reload.as_ref().map(|reload| reload(&app.instances())).transpose();
            (made, place)
        });
        let made = timeout_at(deadline, made).await;
        let made = made.map_err(|_| late("the files it names were not read"))?;
        let (made, _place) = made.map_err(|error| failed(&error))?;
        memory::give_back();
        let Some(instances) = made? else { return Ok(()) };
        let mut ports = self.ports.lock().await;
        timeout_at(deadline, ports.open(&instances))
            .await
            .unwrap_or_else(|_| Err(late("not all ports were opened")))?;
        for instance in &instances {
            instance.registry.start();
        }
        ports.keep(self, &instances);
        *self.instances.lock().unwrap_or_else(PoisonError::into_inner) = instances.into();
        Ok(())
    }

    /// Opens the ports that instances have of their own.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub(crate) async fn open_ports(&self) -> Result<(), ConfigError> {
        self.ports.lock().await.open(&self.instances()).await
    }

    /// Answers on them from now on.
    pub(crate) async fn serve_ports(self: &Arc<Self>, stopping: watch::Receiver<bool>) {
        let mut ports = self.ports.lock().await;
        ports.begin(stopping);
        ports.keep(self, &self.instances());
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("program", &self.program)
            .field("instances", &self.instances())
            .finish_non_exhaustive()
    }
}

/// What every program says of itself: `process_*`, the server's own metrics, and the registry's counters.
pub(crate) fn put_own(program: &str, page: &mut Page) {
    Process::new().put(page);
    let own = OwnMetrics::new(program);
    own.with_web_config();
    own.put(page);
}

/// The pairs of a URL's query string, percent-decoded.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    fn app(reload: Box<Reload>) -> Arc<App> {
        let options = AppOptions {
            program: "test-exporter",
            own_path: None,
            own_metrics: false,
            max_requests: 0,
            family_cap: 0,
            lifecycle: true,
        };
        Arc::new(App::new(options, Vec::new()).reloaded_by(reload))
    }

    #[test]
    fn reloads_that_meet_run_one_after_the_other() {
        let under_way = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let app = app(Box::new({
            let (under_way, most) = (under_way.clone(), most.clone());
            move |_| {
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Long enough for another to be seen, if one may come in.
                let patience = Instant::now() + Duration::from_millis(200);
                while under_way.load(Ordering::SeqCst) < 2 && Instant::now() < patience {
                    std::thread::yield_now();
                }
                under_way.fetch_sub(1, Ordering::SeqCst);
                Ok(Vec::new())
            }
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (a, b) = runtime.block_on(async { tokio::join!(app.clone().reload(), app.clone().reload()) });
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(most.load(Ordering::SeqCst), 1, "an older configuration could replace a newer one");
    }
}
