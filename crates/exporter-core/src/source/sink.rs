//! Where a source puts its samples, and the run they belong to.

use exposition::Page;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::{CollectError, Collector, Scrape, SourceSpec};

/// How one collector came out of one run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It has filled its families.
    Ok,
    /// There is nothing to report on this system; why.
    NoData(String),
    /// It failed; why.
    Error(String),
    /// It was not ready by the deadline, or hangs since an earlier scrape.
    Timeout,
}

impl Outcome {
    fn of(result: &Result<(), CollectError>) -> Self {
        match result {
            Ok(()) => Outcome::Ok,
            Err(CollectError::NoData(why)) => Outcome::NoData(why.to_string()),
            Err(error) => Outcome::Error(error.to_string()),
        }
    }

    /// Whether `*_scrape_collector_success` is 1.
    pub fn success(&self) -> bool {
        matches!(self, Outcome::Ok)
    }

    /// `ok`, `nodata`, `error` or `timeout`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::NoData(_) => "nodata",
            Outcome::Error(_) => "error",
            Outcome::Timeout => "timeout",
        }
    }
}

/// One collector's share of a run.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Boxed, as sources and pages move a lot.
    pub(crate) page: Box<Page>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) duration: Duration,
    /// When the page was committed, maybe by an earlier run.
    pub(crate) filled: Option<Instant>,
    /// When the collector last ended well, maybe in an earlier run.
    pub(crate) succeeded: Option<SystemTime>,
}

impl Part {
    /// Whether the page was committed within this time.
    pub(crate) fn is_younger(&self, age: Duration) -> bool {
        self.filled.is_some_and(|filled| filled.elapsed() < age)
    }

    fn clear(&mut self) {
        let Self { page, outcome, duration, filled, succeeded } = self;
        page.clear();
        (*outcome, *duration, *filled, *succeeded) = (None, Duration::ZERO, None, None);
    }

    /// Takes over what an earlier run has committed.
    fn inherit(&mut self, earlier: &Part) {
        self.page.append(&earlier.page);
        self.filled = earlier.filled;
        self.succeeded = earlier.succeeded;
    }
}

/// One execution of a source. Those who wait for it, and the source itself, hold it together.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) scrape: Scrape,
    /// One a collector of the source, in its order.
    parts: Mutex<Vec<Part>>,
    done: AtomicBool,
}

impl Run {
    pub(crate) fn new(collectors: usize, scrape: Scrape) -> Self {
        let parts = std::iter::repeat_with(Part::default).take(collectors).collect();
        Self { scrape, parts: Mutex::new(parts), done: AtomicBool::new(false) }
    }

    /// Makes a finished run a new one, so that its pages' memory serves again.
    pub(crate) fn restart(&mut self, scrape: Scrape) {
        self.scrape = scrape;
        self.done = AtomicBool::new(false);
        self.parts.get_mut().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(Part::clear);
    }

    pub(crate) fn parts(&self) -> MutexGuard<'_, Vec<Part>> {
        // A panic cannot leave a part half-written: commits move whole pages.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there was nothing to report for any collector.
    pub(crate) fn has_no_data(&self) -> bool {
        self.parts().iter().all(|part| matches!(part.outcome, Some(Outcome::NoData(_))))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Takes these collectors over from an earlier run, with their results.
    pub(crate) fn keep(&self, earlier: &Run, kept: &[bool]) {
        for ((part, earlier), _) in
            self.parts().iter_mut().zip(earlier.parts().iter()).zip(kept).filter(|(_, kept)| **kept)
        {
            part.inherit(earlier);
            part.outcome = earlier.outcome.clone();
            part.duration = earlier.duration;
        }
    }

    /// Ends the run. Collectors without an outcome get this one; those that failed without a commit take over the
    /// pages of an earlier run, where there is one and their data may be served again.
    pub(crate) fn finish(&self, outcome: &Outcome, earlier: Option<(&Run, &SourceSpec)>) {
        let elapsed = self.scrape.started().elapsed();
        let mut parts = self.parts();
        for part in parts.iter_mut().filter(|part| part.outcome.is_none()) {
            part.outcome = Some(outcome.clone());
            part.duration = elapsed;
            if outcome.success() {
                part.succeeded = Some(SystemTime::now());
            }
        }
        if let Some((earlier, spec)) = earlier {
            for (at, (part, earlier)) in parts.iter_mut().zip(earlier.parts().iter()).enumerate() {
                let again = spec.max_age(at).is_some();
                if again && part.filled.is_none() && !part.outcome.as_ref().is_some_and(Outcome::success) {
                    part.inherit(earlier);
                }
            }
        }
        drop(parts);
        self.done.store(true, Ordering::Release);
    }
}

/// Where a source puts its samples; a [`Page`] for the collector whose turn it is.
///
/// Only what was committed is ever served. The registry commits when a collector ends well; a source commits earlier
/// what must reach the wire whatever comes after, such as `pg_up 0`.
#[derive(Debug)]
pub struct Sink {
    page: Box<Page>,
    collectors: Arc<[&'static Collector]>,
    current: usize,
    since: Instant,
    run: Option<Arc<Run>>,
    /// Collectors whose data is still young enough.
    kept: Vec<bool>,
    /// Whether `page` is the current part's own, in exchange for an empty one: it keeps buffers of the size that this
    /// collector needs. Pages that went round would all grow to the largest one's.
    borrowed: bool,
    /// Whether the log says that its source puts samples where they are lost.
    told: bool,
}

impl Sink {
    pub(crate) fn new(collectors: Arc<[&'static Collector]>) -> Self {
        Self {
            page: Box::default(),
            collectors,
            current: 0,
            since: Instant::now(),
            run: None,
            kept: Vec::new(),
            borrowed: false,
            told: false,
        }
    }

    pub(crate) fn attach(&mut self, run: Arc<Run>, kept: Vec<bool>) {
        self.page.clear();
        self.kept = kept;
        self.current = 0;
        self.since = run.scrape.started();
        self.run = Some(run);
        self.borrow();
    }

    /// Takes the current part's page to fill it, where nothing was committed yet.
    fn borrow(&mut self) {
        if let Some(run) = &self.run
            && let Some(part) = run.parts().get_mut(self.current)
            && part.page.is_empty()
        {
            std::mem::swap(&mut part.page, &mut self.page);
            self.borrowed = true;
        }
    }

    /// Drops what was not committed.
    fn give_back(&mut self) {
        self.page.clear();
        if std::mem::take(&mut self.borrowed)
            && let Some(run) = &self.run
            && let Some(part) = run.parts().get_mut(self.current)
        {
            std::mem::swap(&mut part.page, &mut self.page);
        }
    }

    /// Ends the run with what `collect` returned.
    pub(crate) fn detach(&mut self, result: Result<(), CollectError>, earlier: Option<(&Run, &SourceSpec)>) {
        // A source of one collector need not begin and end it.
        let implicit =
            self.run.as_ref().is_some_and(|run| matches!(&run.parts()[..], [Part { outcome: None, .. }]));
        let outcome = Outcome::of(&result);
        if implicit {
            self.end(result);
        } else {
            self.tell_of_strays();
        }
        self.give_back();
        if let Some(run) = self.run.take() {
            run.finish(&outcome, earlier);
        }
    }

    /// The source starts now: time in the worker's queue is not its own.
    pub(crate) fn started(&mut self) {
        self.since = Instant::now();
    }

    /// Whether this run is to fill that collector; false where a flag switches it off, or its data is still young
    /// enough.
    pub fn wants(&self, collector: &'static Collector) -> bool {
        self.index(collector).is_some_and(|index| !self.kept.get(index).is_some_and(|kept| *kept))
    }

    /// Fills one of several collectors: what `fill` puts belongs to it, its result ends it. Does nothing when it is not
    /// [wanted](Sink::wants).
    pub fn collector(
        &mut self,
        collector: &'static Collector,
        fill: impl FnOnce(&mut Sink) -> Result<(), CollectError>,
    ) {
        if self.begin(collector) {
            let result = fill(self);
            self.end(result);
        }
    }

    /// The asynchronous form of [`Sink::collector`]: what follows belongs to this collector, until [`Sink::end`].
    /// False when it is not [wanted](Sink::wants).
    pub fn begin(&mut self, collector: &'static Collector) -> bool {
        let Some(index) = self.index(collector).filter(|_| self.wants(collector)) else { return false };
        self.tell_of_strays();
        self.give_back();
        self.since = Instant::now();
        self.current = index;
        self.borrow();
        true
    }

    /// A source of several collectors has put samples in nobody's turn, or has not ended one: a fault of its author.
    fn tell_of_strays(&mut self) {
        if self.collectors.len() > 1 && !self.page.is_empty() && !std::mem::replace(&mut self.told, true) {
            let source = self.collectors.first().map_or("", |first| first.name);
            tracing::error!(
                source,
                "samples are dropped: they were put outside Sink::collector, or before Sink::begin or without Sink::end"
            );
        }
    }

    /// The work for the collector that was begun started at this time, not when it was begun.
    pub fn since(&mut self, started: Instant) {
        self.since = started;
    }

    /// Ends the collector that was begun: commits what it put, or drops it with the error.
    pub fn end(&mut self, result: Result<(), CollectError>) {
        if result.is_ok() {
            self.commit();
        }
        self.give_back();
        if let Some(run) = &self.run
            && let Some(part) = run.parts().get_mut(self.current)
        {
            if result.is_ok() {
                part.succeeded = Some(SystemTime::now());
            }
            part.outcome = Some(Outcome::of(&result));
            part.duration = self.since.elapsed();
        }
    }

    /// What was put so far survives an error, the deadline and a panic from now on. Commit whole families.
    pub fn commit(&mut self) {
        if let Some(run) = &self.run
            && let Some(part) = run.parts().get_mut(self.current)
        {
            part.filled = Some(Instant::now());
            if std::mem::take(&mut self.borrowed) {
                std::mem::swap(&mut part.page, &mut self.page);
            } else {
                part.page.append(&self.page);
            }
        }
        self.page.clear();
    }

    fn index(&self, collector: &'static Collector) -> Option<usize> {
        let same = |own: &&'static Collector| std::ptr::eq(*own, collector);
        // One that was declared as `const` is at another address each time it is named.
        let called = |own: &&'static Collector| own.name == collector.name;
        self.collectors.iter().position(same).or_else(|| self.collectors.iter().position(called))
    }
}

impl Deref for Sink {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl DerefMut for Sink {
    fn deref_mut(&mut self) -> &mut Page {
        &mut self.page
    }
}
