//! The HTTP server: bare hyper, one connection a task, everything bounded.

mod encode;
mod io;
mod landing;
mod metrics;
mod own;
mod process;
mod route;
mod serve;

pub use serve::serve;

pub(crate) use own::OwnMetrics;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::exporter::Exporter;
use crate::registry::Registry;
use encode::Encoder;
use process::Process;

pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// One target of one exporter, on its own path.
#[derive(Debug)]
pub struct Instance {
    /// What it is an instance of.
    pub exporter: &'static Exporter,
    /// Tells it from others of the same exporter; the value of its `instance` label in `/sd`.
    pub name: String,
    /// Where its page is served.
    pub path: String,
    /// Its sources.
    pub registry: Registry,
}

/// What a server serves.
#[derive(Debug)]
pub struct App {
    /// The program's name, for the landing page.
    pub(crate) program: &'static str,
    pub(crate) instances: Vec<Instance>,
    /// The page with `process_*` and the server's own metrics: a path of its own in the all-in-one, part of the one
    /// instance's page in a program with one exporter.
    pub(crate) own_path: Option<String>,
    pub(crate) with_process: bool,
    pub(crate) max_requests: u64,
    pub(crate) family_cap: usize,
    pub(crate) ready: AtomicBool,
    pub(crate) own: OwnMetrics,
    process: Process,
    encoder: Mutex<Encoder>,
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
    /// Scrapes at once; one more gets 503. 0 is no limit.
    pub max_requests: u64,
    /// Samples of one family beyond this many are dropped and counted.
    pub family_cap: usize,
}

impl App {
    /// An application that is not ready yet.
    pub fn new(options: AppOptions, instances: Vec<Instance>) -> Self {
        Self {
            program: options.program,
            instances,
            own_path: options.own_path,
            with_process: options.own_metrics,
            max_requests: options.max_requests,
            family_cap: options.family_cap,
            ready: AtomicBool::new(false),
            own: OwnMetrics::new(),
            process: Process::new(),
            encoder: Mutex::default(),
        }
    }

    /// The instances, in the order in which they are listed.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }
}

/// The pairs of a URL's query string, percent-decoded.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned()
}
