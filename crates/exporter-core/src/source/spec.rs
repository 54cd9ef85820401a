//! How the registry gets a source: what it fills, and how it is made, again and again if need be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BlockingSource, Collector, Source};
use crate::exporter::ConfigError;
use crate::route::Route;

/// A source of either kind.
pub enum BoxedSource {
    /// Asked over a connection.
    Async(Box<dyn Source>),
    /// Read by calls that may block.
    Blocking(Box<dyn BlockingSource>),
}

impl BoxedSource {
    /// A source that is asked over a connection.
    pub fn new(source: impl Source) -> Self {
        BoxedSource::Async(Box::new(source))
    }

    /// A source that is read by calls that may block.
    pub fn blocking(source: impl BlockingSource) -> Self {
        BoxedSource::Blocking(Box::new(source))
    }
}

impl fmt::Debug for BoxedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BoxedSource::Async(_) => "Async",
            BoxedSource::Blocking(_) => "Blocking",
        })
    }
}

type Make = dyn Fn() -> Result<BoxedSource, ConfigError> + Send + Sync;

/// A source to be made: which collectors it fills, its constructor, and when it runs.
///
/// Without more it runs for each scrape. A dear one is given a time to live or an interval in the background: scrapes get
/// what it finished last without waiting, beside `*_collector_last_success_timestamp_seconds`, and nothing any more once
/// that is too old.
#[derive(Clone)]
pub struct SourceSpec {
    pub(crate) collectors: Arc<[&'static Collector]>,
    pub(crate) make: Arc<Make>,
    /// By collector; `None` is each scrape.
    pub(crate) ttls: Vec<Option<Duration>>,
    pub(crate) background: Option<Duration>,
    pub(crate) routes: Vec<Route>,
    stale_after: Option<Duration>,
    pub(crate) absence: Option<Duration>,
}

/// Data that is served again is dropped when it is this many times older than it should be.
const STALE: u32 = 4;

impl SourceSpec {
    /// `make` is called at start, where its error ends the program, and again after a panic or several lost deadlines. It
    /// does no I/O that could take long: it runs on the thread that serves HTTP.
    pub fn new(
        collectors: impl IntoIterator<Item = &'static Collector>,
        make: impl Fn() -> Result<BoxedSource, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        let collectors: Arc<[_]> = collectors.into_iter().collect();
        let ttls = vec![None; collectors.len()];
        let make = Arc::new(make);
        let routes = Vec::new();
        Self { collectors, make, ttls, background: None, routes, stale_after: None, absence: None }
    }

    /// A path of its own, beside the instance's page.
    #[must_use]
    pub fn with_route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// All its collectors are good for this long. A scrape after that gets the old data once more, and the source runs.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttls.fill(Some(ttl));
        self
    }

    /// One of its collectors is good for this long; [`crate::Sink::wants`] tells the source when it is due again.
    #[must_use]
    pub fn collector_ttl(mut self, collector: &'static Collector, ttl: Duration) -> Self {
        for (own, place) in self.collectors.iter().zip(&mut self.ttls) {
            if own.name == collector.name {
                *place = Some(ttl);
            }
        }
        self
    }

    /// It runs by itself, at this interval, whether anybody scrapes or not. A pass may take as long as the interval. Not
    /// for probes: nobody would end it.
    #[must_use]
    pub fn background(mut self, interval: Duration) -> Self {
        self.background = Some(interval);
        self
    }

    /// When there is no data for any of its collectors, it is not asked again for this long.
    #[must_use]
    pub fn absence_lasts(mut self, time: Duration) -> Self {
        self.absence = Some(time);
        self
    }

    /// Data older than this is dropped. Without it the bound is four times the time to live or the interval.
    #[must_use]
    pub fn stale_after(mut self, bound: Duration) -> Self {
        self.stale_after = Some(bound);
        self
    }

    /// Leaves out collectors that are switched off; false if none is left.
    pub(crate) fn keep_only(&mut self, is_on: impl Fn(&Collector) -> bool) -> bool {
        let (collectors, ttls): (Vec<_>, _) =
            std::iter::zip(self.collectors.iter().copied(), self.ttls.iter())
                .filter(|(collector, _)| is_on(collector))
                .unzip();
        self.collectors = collectors.into();
        self.ttls = ttls;
        !self.collectors.is_empty()
    }

    /// Whether a scrape never waits for it when there is data.
    pub(crate) fn is_served_from_last(&self) -> bool {
        self.background.is_some() || self.ttls.iter().all(Option::is_some)
    }

    /// Whether data of one run may be served after it.
    pub(crate) fn keeps(&self) -> bool {
        self.background.is_some() || self.ttls.iter().any(Option::is_some)
    }

    /// How old this collector's data may be; `None` where it is always new.
    pub(crate) fn max_age(&self, collector: usize) -> Option<Duration> {
        let usual = self.background.or_else(|| *self.ttls.get(collector)?)?;
        Some(self.stale_after.unwrap_or(usual.saturating_mul(STALE)))
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.collectors.iter().map(|collector| collector.name)).finish()
    }
}
