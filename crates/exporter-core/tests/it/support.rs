//! Sources that misbehave on purpose, and a scrape of them.

use exporter_core::exposition::{Assembly, Format, Options};
use exporter_core::{
    BlockingSource, BoxedSource, CollectError, CollectFuture, Collector, Desc, Family, Filter, Registry,
    Scrape, Sink, Source, SourceSpec,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

static UP: Family<1> = Family::gauge("test_up", "Whether the target answers.", &["source"]);
static VALUE: Family<1> = Family::gauge("test_value", "A value.", &["source"]);

/// Collectors for tests, by name.
pub(crate) static GOOD: Collector = collector("good");
pub(crate) static OTHER: Collector = collector("other");
pub(crate) static BAD: Collector = collector("bad");

static FAMILIES: &[&Desc] = &[UP.desc(), VALUE.desc()];

const fn collector(name: &'static str) -> Collector {
    Collector { name, enabled: true, families: FAMILIES, dynamic: &[] }
}

/// What a source does when it is collected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Value,
    /// Puts `test_up 0`, and is content.
    Down,
    /// Commits `test_up 0`, puts a value, then fails.
    FailAfterCommit,
    NoData,
    /// Commits `test_up 1`, then panics.
    Panic,
    /// The same, and once more when it is dropped.
    PanicTwice,
    /// The same, and when it is made again.
    PanicWhenMade,
    /// Takes this long.
    Slow(Duration),
    /// Never returns. A blocking one hangs its thread, as a system call would, until the gate opens.
    Hang,
}

/// Counts runs, and holds those that hang.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) started: Arc<AtomicUsize>,
    pub(crate) made: Arc<AtomicUsize>,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) {
        *self.open.0.lock().unwrap() = true;
        self.open.1.notify_all();
    }

    fn wait(&self) {
        let _unused = self.open.1.wait_while(self.open.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

struct Acting {
    name: &'static str,
    act: Act,
    gate: Gate,
}

impl Acting {
    fn put(&self, sink: &mut Sink) -> Result<(), CollectError> {
        match self.act {
            Act::FailAfterCommit => {
                sink.put(&UP, [&self.name], 0_u64);
                sink.commit();
                sink.put(&VALUE, [&self.name], 1_u64);
                Err(CollectError::failed("target says no"))
            }
            Act::Down => {
                sink.put(&UP, [&self.name], 0_u64);
                Ok(())
            }
            Act::NoData => Err(CollectError::no_data("no such hardware")),
            Act::Panic | Act::PanicTwice | Act::PanicWhenMade => {
                sink.put(&UP, [&self.name], 1_u64);
                sink.commit();
                sink.put(&VALUE, [&self.name], 1_u64);
                // Past the hook, which would print a backtrace: on a busy machine that takes longer than the deadline.
                std::panic::resume_unwind(Box::new("as planned"))
            }
            Act::Value | Act::Slow(_) | Act::Hang => {
                sink.put(&VALUE, [&self.name], 1_u64);
                Ok(())
            }
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        if matches!(self.act, Act::PanicTwice) && self.gate.started() > 0 && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("as planned, again"));
        }
    }
}

impl BlockingSource for Acting {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        self.gate.started.fetch_add(1, Ordering::SeqCst);
        match self.act {
            Act::Slow(time) => std::thread::sleep(time),
            Act::Hang => self.gate.wait(),
            _ => {}
        }
        self.put(sink)
    }
}

impl Source for Acting {
    fn collect<'a>(&'a mut self, _: &'a Scrape, sink: &'a mut Sink) -> CollectFuture<'a> {
        self.gate.started.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match self.act {
                Act::Slow(time) => tokio::time::sleep(time).await,
                Act::Hang => {
                    sink.put(&UP, [&self.name], 0_u64);
                    sink.commit();
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
            self.put(sink)
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Async,
    Blocking,
}

/// A source for one collector, and its counters.
pub(crate) fn source(kind: Kind, collector: &'static Collector, act: Act) -> (SourceSpec, Gate) {
    let gate = Gate::default();
    let spec = SourceSpec::new([collector], {
        let gate = gate.clone();
        move || {
            if gate.made.fetch_add(1, Ordering::SeqCst) > 0 && matches!(act, Act::PanicWhenMade) {
                std::panic::resume_unwind(Box::new("made badly"));
            }
            let acting = Acting { name: collector.name, act, gate: gate.clone() };
            Ok(match kind {
                Kind::Async => BoxedSource::new(acting),
                Kind::Blocking => BoxedSource::blocking(acting),
            })
        }
    });
    (spec, gate)
}

pub(crate) fn registry(specs: Vec<SourceSpec>) -> Registry {
    Registry::new("test", specs).unwrap()
}

/// A page, and how long it took.
#[derive(Debug)]
pub(crate) struct Scraped {
    pub(crate) page: String,
    pub(crate) took: Duration,
}

impl Scraped {
    pub(crate) fn has(&self, line: &str) -> bool {
        self.page.lines().any(|own| own == line)
    }

    pub(crate) fn success(&self, collector: &str) -> bool {
        let line = |value| format!("test_scrape_collector_success{{collector=\"{collector}\"}} {value}");
        assert!(self.has(&line(0)) || self.has(&line(1)), "no result of {collector}:\n{}", self.page);
        self.has(&line(1))
    }

    /// Whether this is the collector's state, and no other.
    pub(crate) fn is_in_state(&self, collector: &str, state: &str) -> bool {
        let start = format!("test_scrape_collector_state{{collector=\"{collector}\",");
        let states: Vec<_> = self.page.lines().filter_map(|line| line.strip_prefix(&start)).collect();
        states == [format!("state=\"{state}\"}} 1")]
    }
}

pub(crate) async fn scrape(registry: &Registry, budget: Duration) -> Scraped {
    scrape_filtered(registry, budget, "").await
}

pub(crate) async fn scrape_filtered(registry: &Registry, budget: Duration, query: &str) -> Scraped {
    let started = Instant::now();
    let filter = Filter::parse(query, registry.collectors()).unwrap();
    let collected = registry.collect(&filter, started + budget).await;
    let mut page = Vec::new();
    collected.write(&[], Options::new(Format::Text), &mut Assembly::new(), &mut page);
    Scraped { page: String::from_utf8(page).unwrap(), took: started.elapsed() }
}

/// Runs a test on a runtime like the programs' and leaves stuck threads behind, as they do.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
    runtime.shutdown_background();
}
