//! From settings to sources and probes, which share one engine.

use exporter_core::probe::{Parameters, ProbeError, ProbeSpec, parameter};
use exporter_core::{
    BoxedSource, CollectError, CollectFuture, Collector, ConfigError, Flag, Scrape, Settings, Sink, Source,
    SourceSpec,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::collectors::{self, Known, Shown, list};
use crate::config::file::{Mode, Target, Watch};
use crate::config::values::{Span, Whole};
use crate::config::{Config, flags, position, watching};
use crate::discovery;
use crate::engine::Engine;
use crate::pass::watcher::Watcher;

/// What a URL of `/probe` may say.
const PARAMETERS: &[&str] = &["bucket", "prefix", "delimiter", "target", "endpoint"];
/// A listing that failed is not tried again sooner, however often it is asked for.
const RETRY: Duration = Duration::from_secs(5);
/// The page has to be written, too.
const MARGIN: Duration = Duration::from_millis(50);

pub(crate) fn collectors() -> Vec<&'static Collector> {
    collectors::ALL.to_vec()
}

pub(crate) fn flags() -> Vec<Flag> {
    flags::FLAGS.to_vec()
}

fn engine(settings: &Settings) -> Result<Arc<Engine>, ConfigError> {
    settings.shared(|| Engine::new(Config::new(settings)?))
}

pub(crate) fn sources(settings: &Settings) -> Result<Vec<SourceSpec>, ConfigError> {
    let engine = engine(settings)?;
    let on: Vec<_> = collectors::ALL.into_iter().filter(|collector| settings.enabled(collector)).collect();
    let listed = engine.clone();
    let shown = {
        let engine = engine.clone();
        SourceSpec::new(on, move || Ok(BoxedSource::new(Shown(engine.clone()))))
    };
    let started = SourceSpec::new([&WORK], move || Ok(BoxedSource::new(Started(engine.clone()))));
    let discovery = discovery::route(listed, allowed(settings)?, settings.duration("probe.max-age")?);
    Ok(vec![shown.with_route(discovery), started.background(LOOK_AFTER)])
}

fn allowed(settings: &Settings) -> Result<Vec<Whole>, ConfigError> {
    let allowed = settings.list("probe.allow").iter().map(|text| Whole::parse(text));
    allowed.collect::<Result<_, _>>().map_err(|error| ConfigError::new(format!("--probe.allow: {error}")))
}

/// Work begins with the program, not with the first scrape.
const LOOK_AFTER: Duration = Duration::from_secs(60);
static WORK: Collector = Collector { name: "work", enabled: true, families: &[], dynamic: &[] };

struct Started(Arc<Engine>);

impl Source for Started {
    fn collect<'a>(&'a mut self, _: &'a Scrape, _: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move { self.0.start().map(drop).map_err(CollectError::failed) })
    }
}

/// Endpoint, bucket, prefix and delimiter.
type Asked = (usize, String, String, String);

/// Listings that were asked for by URL.
struct Listings {
    engine: Arc<Engine>,
    allowed: Vec<Whole>,
    max_age: Duration,
    timeout: Duration,
    most: usize,
    watchers: Mutex<BTreeMap<Asked, Arc<Watcher>>>,
}

/// `/probe?bucket=&prefix=&delimiter=`, as the peer has it.
pub(crate) fn probes(settings: &Settings) -> Result<Vec<ProbeSpec>, ConfigError> {
    let listings = Arc::new(Listings {
        engine: engine(settings)?,
        allowed: allowed(settings)?,
        max_age: settings.duration("probe.max-age")?,
        timeout: settings.duration("probe.timeout")?,
        most: settings.number("probe.max-targets")?,
        watchers: Mutex::default(),
    });
    Ok(vec![ProbeSpec::new("/probe", PARAMETERS, move |given: &Parameters| {
        let (watcher, max_age) = listings.watcher(given)?;
        let listings = listings.clone();
        let make = move || {
            Ok(BoxedSource::new(Probed { listings: listings.clone(), watcher: watcher.clone(), max_age }))
        };
        Ok(vec![SourceSpec::new([&list::LIST], make)])
    })])
}

impl Listings {
    /// The listing that a URL asks for, and how old it may be.
    fn watcher(&self, given: &Parameters) -> Result<(Arc<Watcher>, Duration), ProbeError> {
        let text = |name| parameter(given, name).unwrap_or_default();
        let (bucket, prefix) = match (text("bucket"), text("target")) {
            ("", "") => {
                return Err(ProbeError::BadRequest(
                    "parameter bucket is missing: /probe?bucket=NAME".to_owned(),
                ));
            }
            ("", target) => target.split_once('/').unwrap_or((target, "")),
            (bucket, _) => (bucket, text("prefix")),
        };
        let delimiter = text("delimiter");
        let endpoint = match text("endpoint") {
            "" => 0,
            name => position(&self.engine.config.endpoints, name).map_err(ProbeError::BadRequest)?,
        };
        let shared = &self.engine.shared;
        if delimiter.is_empty() {
            let targets = shared.targets();
            let own = targets.watchers.iter().find(|watcher| {
                let watching = &watcher.watching;
                let is_same =
                    watching.endpoint == endpoint && watching.bucket == bucket && watching.prefix == prefix;
                // Others have no totals, which who asks here wants.
                is_same && matches!(watching.mode(), Mode::Full | Mode::Incremental)
            });
            // A target of the configuration is listed by its own schedule.
            if let Some(watcher) = own {
                return Ok((watcher.clone(), watcher.watching.watch.interval.0 * 2));
            }
        }
        let asked = format!("{bucket}/{prefix}");
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed.fits(&asked)) {
            return Err(ProbeError::Refused(format!("{asked} is not allowed by --probe.allow")));
        }
        let key = (endpoint, bucket.to_owned(), prefix.to_owned(), delimiter.to_owned());
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watchers.get(&key) {
            return Ok((watcher.clone(), self.max_age));
        }
        if watchers.len() >= self.most {
            return Err(ProbeError::Refused(format!(
                "{} listings are kept already; name buckets by --probe.allow, or raise --probe.max-targets",
                self.most
            )));
        }
        let watch = Watch { multipart: false, timeout: Span(self.timeout), ..Watch::default() };
        let target = Target { endpoint: String::new(), bucket: key.1.clone(), prefix: key.2.clone(), watch };
        let watching = watching(endpoint, target).map_err(ProbeError::BadRequest)?;
        let watcher = Arc::new(Watcher::new(shared.endpoints[endpoint].clone(), watching, key.3.clone()));
        watchers.insert(key, watcher.clone());
        Ok((watcher, self.max_age))
    }
}

/// Answers from the last listing, or from one that is finished before the scrape is over; the listing goes on without it.
struct Probed {
    listings: Arc<Listings>,
    watcher: Arc<Watcher>,
    max_age: Duration,
}

impl Source for Probed {
    fn collect<'a>(&'a mut self, scrape: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        Box::pin(async move {
            let engine = &self.listings.engine;
            let handle = engine.start().map_err(CollectError::failed)?;
            let mut in_time = true;
            if self.is_due() {
                self.watcher.start(handle);
                let left = scrape.remaining().saturating_sub(MARGIN);
                in_time = tokio::time::timeout(left, self.watcher.finished()).await.is_ok();
            }
            let known = Known::new(&self.watcher, engine.shared.endpoints.len() > 1);
            sink.collector(&list::LIST, |page| {
                if known.snapshot.is_none() && (!in_time || self.watcher.lock().last.is_none()) {
                    list::put_failure(page, &known);
                } else {
                    list::put_probed(page, &known);
                }
                Ok(())
            });
            Ok(())
        })
    }
}

impl Probed {
    fn is_due(&self) -> bool {
        let last = self.watcher.lock().last;
        match last {
            Some((false, when)) => when.elapsed() >= RETRY.min(self.max_age),
            _ => self.watcher.age().is_none_or(|age| age >= self.max_age),
        }
    }
}
