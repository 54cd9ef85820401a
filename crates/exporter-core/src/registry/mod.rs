//! The registry owns time: when a source runs, who waits for it and for how long, and what is served when it does not
//! come back.

mod background;
mod collected;
mod filter;
mod slot;
mod status;
mod worker;

pub use collected::Collected;
pub use filter::{Filter, FilterError};
pub use status::CollectorStatus;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exposition::Page;
use tokio::sync::Notify;

use crate::exporter::ConfigError;
use crate::route::Route;
use crate::source::{Collector, Part, SourceSpec};
use background::Background;
use slot::{Joined, Slot};
use status::{Names, Statuses};
pub(crate) use worker::Threads;
use worker::Worker;

/// How often those who wait look for a stalled worker.
const TICK: Duration = Duration::from_millis(50);

/// A family that says whether targets are up, and how many of them are not.
#[derive(Debug)]
pub(crate) struct Down {
    pub(crate) collector: &'static str,
    family: String,
    down: usize,
    of: usize,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, down, of, .. } = self;
        if *of == 1 { write!(f, "{family} is 0") } else { write!(f, "{family} is 0 for {down} of {of}") }
    }
}

/// The sources of one instance of one exporter, and everything about when they run.
#[derive(Debug)]
pub struct Registry {
    namespace: &'static str,
    /// What it says of its collectors, and the page that is used again for that.
    names: Names,
    own_page: Mutex<Page>,
    slots: Vec<Arc<Slot>>,
    worker: Arc<Worker>,
    progress: Arc<Notify>,
    statuses: Mutex<Statuses>,
    dropped: Mutex<BTreeMap<(String, &'static str), u64>>,
    background: Background,
    routes: Vec<Route>,
    started: AtomicBool,
}

impl Registry {
    /// Makes all sources.
    ///
    /// # Errors
    /// The first source that cannot be made, with the reason; or a collector that two sources claim to fill.
    pub fn new(namespace: &'static str, specs: Vec<SourceSpec>) -> Result<Self, ConfigError> {
        Self::with_threads(namespace, specs, Threads::of_an_instance())
    }

    /// The same for a probe's target. Those who ask see what is wrong with it, so the log does not say so.
    pub(crate) fn of_target(
        namespace: &'static str,
        specs: Vec<SourceSpec>,
        threads: &Arc<Threads>,
    ) -> Result<Self, ConfigError> {
        if let Some(spec) = specs.iter().find(|spec| spec.background.is_some()) {
            return Err(ConfigError::new(format!(
                "{spec:?} runs in the background, which a probe's source cannot"
            )));
        }
        let mut registry = Self::with_threads(namespace, specs, threads.clone())?;
        registry.statuses = Mutex::new(Statuses::quiet());
        Ok(registry)
    }

    /// Its instance's name, for the log.
    #[must_use]
    pub(crate) fn named(mut self, instance: &str) -> Self {
        self.statuses = Mutex::new(Statuses::of(instance));
        self
    }

    fn with_threads(
        namespace: &'static str,
        mut specs: Vec<SourceSpec>,
        threads: Arc<Threads>,
    ) -> Result<Self, ConfigError> {
        let routes = specs.iter_mut().flat_map(|spec| std::mem::take(&mut spec.routes)).collect();
        let progress = Arc::new(Notify::new());
        let slots =
            specs.into_iter().map(|spec| Slot::new(spec, progress.clone())).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<_> = slots.iter().flat_map(|slot| slot.collectors()).map(|c| c.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::new(format!("collector {:?} is filled by two sources", twice[0])));
        }
        Ok(Self {
            namespace,
            names: Names::new(namespace),
            own_page: Mutex::default(),
            slots,
            worker: Arc::new(Worker::new(progress.clone(), threads)),
            progress,
            statuses: Mutex::default(),
            dropped: Mutex::default(),
            background: Background::default(),
            routes,
            started: AtomicBool::new(false),
        })
    }

    /// The collectors that are switched on, in the order of the sources.
    pub fn collectors(&self) -> impl Iterator<Item = &'static Collector> {
        self.slots.iter().flat_map(|slot| slot.collectors().iter().copied())
    }

    /// What the last scrape has found to be down. A target that is down is data: its collector has done its work.
    pub(crate) fn down(&self) -> Vec<Down> {
        let of_part = |(part, collector): (&Part, &&'static Collector)| {
            let names = part.page.families().map(|family| family.name);
            let tell = names.filter(|name| self.tells_of_targets(name)).map(|family| {
                let (down, of) = part
                    .page
                    .values(family)
                    .fold((0, 0), |(down, of), value| (down + usize::from(value == 0.0), of + 1));
                Down { collector: collector.name, family: family.to_owned(), down, of }
            });
            tell.filter(|told| told.down > 0).collect::<Vec<_>>()
        };
        let of_slot = |slot: &Arc<Slot>| {
            slot.last(|parts| parts.iter().zip(slot.collectors()).flat_map(of_part).collect::<Vec<_>>())
        };
        self.slots.iter().filter_map(of_slot).flatten().collect()
    }

    /// `redis_up`, `pgbouncer_up`, but not `node_network_up`: a thing a target has may well be down.
    fn tells_of_targets(&self, family: &str) -> bool {
        family.strip_suffix("_up").is_some_and(|start| start == self.namespace || !start.contains('_'))
    }

    /// Paths of the sources' own.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Starts the sources that run by themselves; they end with the registry. Needs a tokio runtime. A second call does
    /// nothing.
    pub fn start(&self) {
        if self.started.swap(true, Ordering::SeqCst) {
            return;
        }
        for slot in &self.slots {
            self.background.start(slot, &self.worker);
        }
    }

    /// Runs or joins the sources that `filter` selects and waits for them until `deadline`, no longer. What is not ready
    /// by then goes on without us. Needs a tokio runtime.
    pub async fn collect<'a>(&'a self, filter: &'a Filter, deadline: Instant) -> Collected<'a> {
        let mut jobs = Vec::new();
        let joined: Vec<_> = self
            .slots
            .iter()
            .filter(|slot| slot.collectors().iter().any(|collector| filter.selects(collector.name)))
            .map(|slot| (slot, slot.join(deadline, &mut jobs)))
            .collect();
        self.worker.submit(jobs);
        self.wait(&joined, deadline).await;
        for (slot, joined) in &joined {
            if let Some(run) = joined.pending() {
                slot.lost(run);
            }
        }
        Collected::new(self, filter, joined)
    }

    async fn wait(&self, joined: &[(&Arc<Slot>, Joined)], deadline: Instant) {
        loop {
            let mut progress = std::pin::pin!(self.progress.notified());
            // Listen before looking, so that what ends between the two is not missed.
            progress.as_mut().enable();
            if joined.iter().all(|(_, joined)| joined.pending().is_none()) {
                return;
            }
            let tick = deadline.min(Instant::now() + TICK);
            if tokio::time::timeout_at(tick.into(), progress).await.is_err() {
                if Instant::now() >= deadline {
                    return;
                }
                self.worker.relieve();
            }
        }
    }
}

impl Drop for Registry {
    /// Nobody can ask for what still runs: a target that is let go takes its connections with it.
    fn drop(&mut self) {
        self.slots.iter().for_each(|slot| slot.abandon());
    }
}

/// Runs `call`; a panic becomes its message. What the call was working on must not be used again then.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}
