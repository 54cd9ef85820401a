//! Sources whose data is good for a while, and sources that run by themselves.

use super::support::*;
use exporter_core::{BlockingSource, BoxedSource, CollectError, Collector, Family, Scrape, Sink, SourceSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(5);
static ROUND: Family<1> = Family::gauge("test_round", "Which run put this.", &["source"]);

static ONE: &[&Collector] = &[&GOOD];
static TWO: &[&Collector] = &[&GOOD, &OTHER];

/// Puts the number of its run under each collector that is wanted.
#[derive(Clone, Default)]
struct Rounds {
    runs: Arc<AtomicUsize>,
    failing: Arc<AtomicBool>,
    slow: Option<Duration>,
    /// This round does not come back, or panics.
    last: Option<(usize, Act)>,
    /// This collector never has any data.
    absent: Option<&'static Collector>,
    collectors: &'static [&'static Collector],
}

impl Rounds {
    fn spec(&self) -> SourceSpec {
        let own = self.clone();
        SourceSpec::new(self.collectors.iter().copied(), move || Ok(BoxedSource::blocking(own.clone())))
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl BlockingSource for Rounds {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let round = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        std::thread::sleep(self.slow.unwrap_or_default());
        match self.last {
            Some((last, Act::Panic)) if round >= last => std::panic::resume_unwind(Box::new("as planned")),
            Some((last, _)) if round >= last => loop {
                std::thread::park();
            },
            _ => {}
        }
        let failing = self.failing.load(Ordering::SeqCst);
        for collector in self.collectors {
            sink.collector(collector, |sink| {
                if self.absent.is_some_and(|absent| std::ptr::eq(absent, *collector)) {
                    return Err(CollectError::no_data("absent"));
                }
                if failing {
                    return Err(CollectError::failed("down"));
                }
                sink.put(&ROUND, [&collector.name], round);
                Ok(())
            });
        }
        Ok(())
    }
}

fn good() -> Rounds {
    Rounds { collectors: ONE, ..Rounds::default() }
}

fn round(scraped: &Scraped, source: &str) -> Option<usize> {
    let prefix = format!("test_round{{source=\"{source}\"}} ");
    scraped.page.lines().find_map(|line| line.strip_prefix(&prefix))?.parse().ok()
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < LONG, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn young_data_is_served_without_a_run_and_old_data_once_more() {
    run(async {
        let rounds = Rounds { slow: Some(Duration::from_millis(800)), ..good() };
        let registry = registry(vec![rounds.spec().ttl(Duration::from_millis(1500))]);
        assert_eq!(round(&scrape(&registry, LONG).await, "good"), Some(1));
        for _ in 0..3 {
            let scraped = scrape(&registry, LONG).await;
            assert_eq!(round(&scraped, "good"), Some(1));
            assert!(
                scraped.page.contains("test_collector_last_success_timestamp_seconds{collector=\"good\"} ")
            );
            assert!(scraped.took < Duration::from_millis(600), "{:?}", scraped.took);
        }
        assert_eq!(rounds.runs(), 1);

        tokio::time::sleep(Duration::from_millis(1600)).await;
        let scraped = scrape(&registry, LONG).await;
        assert_eq!(round(&scraped, "good"), Some(1), "the old data once more, while the source runs");
        assert!(scraped.took < Duration::from_millis(600), "{:?}", scraped.took);
        until("new data", async || round(&scrape(&registry, LONG).await, "good") == Some(2)).await;
    });
}

#[test]
fn data_of_a_failing_source_is_dropped_when_it_is_too_old() {
    run(async {
        let rounds = good();
        let spec = rounds.spec().ttl(Duration::from_millis(20)).stale_after(Duration::from_millis(1500));
        let registry = registry(vec![spec]);
        assert_eq!(round(&scrape(&registry, LONG).await, "good"), Some(1));
        rounds.failing.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(40)).await;
        scrape(&registry, LONG).await;
        until("the failure", async || !scrape(&registry, LONG).await.success("good")).await;
        let scraped = scrape(&registry, LONG).await;
        assert_eq!(round(&scraped, "good"), Some(1), "still young enough: {}", scraped.page);
        tokio::time::sleep(Duration::from_millis(1600)).await;
        let scraped = scrape(&registry, LONG).await;
        assert_eq!(round(&scraped, "good"), None, "dropped, not frozen");
        assert!(!scraped.success("good"));
        rounds.failing.store(false, Ordering::SeqCst);
        until("recovery", async || {
            let scraped = scrape(&registry, LONG).await;
            scraped.success("good") && round(&scraped, "good").is_some_and(|round| round > 1)
        })
        .await;
    });
}

#[test]
fn one_of_two_collectors_may_keep_its_data() {
    run(async {
        let rounds = Rounds { collectors: TWO, ..Rounds::default() };
        let registry = registry(vec![rounds.spec().collector_ttl(&OTHER, LONG)]);
        for expected in 1..=3 {
            let scraped = scrape(&registry, LONG).await;
            assert_eq!(round(&scraped, "good"), Some(expected));
            assert_eq!(round(&scraped, "other"), Some(1));
            assert!(scraped.success("other"));
            assert!(!scraped.page.contains("last_success_timestamp_seconds{collector=\"good\"}"));
        }
        rounds.failing.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            let scraped = scrape(&registry, LONG).await;
            assert_eq!(round(&scraped, "good"), None, "old values of what may not be old: {}", scraped.page);
            assert_eq!(round(&scraped, "other"), Some(1));
            assert!(!scraped.success("good") && scraped.success("other"));
        }
    });
}

#[test]
fn a_background_source_runs_unasked_and_nobody_waits_for_it() {
    run(async {
        let rounds = Rounds { slow: Some(Duration::from_millis(60)), ..good() };
        let spec =
            rounds.spec().background(Duration::from_millis(100)).stale_after(Duration::from_millis(600));
        let registry = registry(vec![spec]);
        registry.start();
        let first = scrape(&registry, LONG).await;
        assert!(!first.success("good"));
        assert_eq!(registry.status("good").map(|status| status.outcome.as_str()), Some("nodata"));
        assert!(first.took < Duration::from_millis(600), "{:?}", first.took);
        until("two passes", async || rounds.runs() >= 2 && scrape(&registry, LONG).await.success("good"))
            .await;
        let scraped = scrape(&registry, LONG).await;
        assert!(scraped.success("good") && round(&scraped, "good").is_some_and(|round| round >= 1));

        rounds.failing.store(true, Ordering::SeqCst);
        until("the data to be dropped", async || round(&scrape(&registry, LONG).await, "good").is_none())
            .await;
        assert!(!scrape(&registry, LONG).await.success("good"));
        drop(registry);
        tokio::time::sleep(Duration::from_millis(800)).await;
        let after = rounds.runs();
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(rounds.runs(), after, "it ends with its registry");
    });
}

/// The data stays for a while, but nobody is told that all is well.
#[test]
fn a_background_source_that_does_not_come_back_has_not_succeeded() {
    for act in [Act::Hang, Act::Panic] {
        run(async {
            let rounds = Rounds { last: Some((2, act)), ..good() };
            let registry =
                registry(vec![rounds.spec().background(Duration::from_millis(100)).stale_after(2 * LONG)]);
            registry.start();
            until("the second pass", async || rounds.runs() >= 2).await;
            until("the failure", async || !scrape(&registry, LONG).await.success("good")).await;
            let scraped = scrape(&registry, LONG).await;
            assert_eq!(round(&scraped, "good"), Some(1), "{act:?}: {}", scraped.page);
            let state = if matches!(act, Act::Panic) { "error" } else { "timeout" };
            assert!(scraped.is_in_state("good", state), "{act:?}: {}", scraped.page);
        });
    }
}

#[test]
fn a_collector_of_a_background_source_that_has_no_data_costs_its_own_success() {
    run(async {
        let rounds = Rounds { collectors: TWO, absent: Some(&OTHER), ..Rounds::default() };
        let registry = registry(vec![rounds.spec().background(LONG)]);
        registry.start();
        until("the first pass", async || round(&scrape(&registry, LONG).await, "good").is_some()).await;
        let scraped = scrape(&registry, LONG).await;
        assert!(scraped.is_in_state("good", "ok"), "{}", scraped.page);
        assert!(scraped.is_in_state("other", "nodata"), "{}", scraped.page);
    });
}

#[test]
fn a_filter_does_not_make_others_old() {
    run(async {
        let rounds = Rounds { collectors: TWO, ..Rounds::default() };
        let registry = registry(vec![rounds.spec().ttl(LONG)]);
        let scraped = scrape_filtered(&registry, LONG, "collect[]=good").await;
        assert_eq!((round(&scraped, "good"), round(&scraped, "other")), (Some(1), None));
        assert_eq!(round(&scrape(&registry, LONG).await, "other"), Some(1));
        assert_eq!(rounds.runs(), 1);
    });
}

#[test]
fn what_is_absent_is_looked_for_again_after_a_while() {
    run(async {
        let (spec, gate) = source(Kind::Blocking, &BAD, Act::NoData);
        let (failing, failing_gate) = source(Kind::Blocking, &GOOD, Act::FailAfterCommit);
        let lasting = Duration::from_secs(600);
        let registry = registry(vec![spec.absence_lasts(lasting), failing.absence_lasts(lasting)]);
        for scrapes in 1..4 {
            let scraped = scrape(&registry, LONG).await;
            assert!(!scraped.success("bad") && scraped.is_in_state("bad", "nodata"), "{}", scraped.page);
            assert_eq!((gate.started(), failing_gate.started()), (1, scrapes), "failure is no absence");
        }
        let (spec, gate) = source(Kind::Blocking, &BAD, Act::NoData);
        let registry = super::support::registry(vec![spec.absence_lasts(Duration::from_millis(20))]);
        until("another look", async || {
            scrape(&registry, LONG).await;
            gate.started() > 2
        })
        .await;
    });
}
