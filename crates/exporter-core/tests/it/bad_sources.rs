//! One source that misbehaves costs its own series only.

use super::support::*;
use exporter_core::{BlockingSource, BoxedSource, CollectError, Collector, Scrape, Sink, SourceSpec};
use std::time::Duration;

const BUDGET: Duration = Duration::from_millis(1500);
/// Deadlines are met with this much to spare, on a busy machine.
const SLACK: Duration = Duration::from_millis(1000);
const AT_ONCE: Duration = Duration::from_millis(1000);

fn beside_good(kind: Kind, act: Act) -> (exporter_core::Registry, Gate) {
    let (bad, gate) = source(kind, &BAD, act);
    let (good, _) = source(Kind::Blocking, &GOOD, Act::Value);
    let (other, _) = source(Kind::Async, &OTHER, Act::Value);
    (registry(vec![bad, good, other]), gate)
}

fn assert_others_are_served(scraped: &Scraped) {
    for source in ["good", "other"] {
        assert!(scraped.has(&format!("test_value{{source=\"{source}\"}} 1")), "{}", scraped.page);
        assert!(scraped.success(source));
        assert!(scraped.is_in_state(source, "ok"), "{}", scraped.page);
    }
}

#[test]
fn an_error_keeps_what_was_committed_and_drops_the_rest() {
    for kind in [Kind::Async, Kind::Blocking] {
        run(async {
            let (registry, _) = beside_good(kind, Act::FailAfterCommit);
            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            assert!(!scraped.success("bad"));
            assert!(scraped.is_in_state("bad", "error"), "{}", scraped.page);
            assert!(scraped.has("test_up{source=\"bad\"} 0"));
            assert!(!scraped.has("test_value{source=\"bad\"} 1"));
            assert!(scraped.took < AT_ONCE, "{:?}", scraped.took);
        });
    }
}

#[test]
fn no_data_is_no_success_and_no_series() {
    run(async {
        let (registry, _) = beside_good(Kind::Blocking, Act::NoData);
        let scraped = scrape(&registry, BUDGET).await;
        assert_others_are_served(&scraped);
        assert!(!scraped.success("bad"));
        assert!(scraped.is_in_state("bad", "nodata"), "{}", scraped.page);
        assert_eq!(registry.status("bad").unwrap().outcome.as_str(), "nodata");
    });
}

#[test]
fn a_panic_keeps_what_was_committed_and_the_source_is_rebuilt_after_a_pause() {
    for kind in [Kind::Async, Kind::Blocking] {
        run(async {
            let (registry, gate) = beside_good(kind, Act::Panic);
            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            assert!(!scraped.success("bad"));
            assert!(scraped.has("test_up{source=\"bad\"} 1"));
            assert!(!scraped.has("test_value{source=\"bad\"} 1"));
            assert!(scraped.took < AT_ONCE, "{:?}", scraped.took);

            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            assert_eq!((gate.made(), gate.started()), (1, 1), "not before its pause is over");
            let why = format!("{:?}", registry.status("bad").unwrap().outcome);
            assert!(why.contains("panicked: as planned; rebuilt in 1 s"), "{why}");

            tokio::time::sleep(Duration::from_millis(1100)).await;
            scrape(&registry, BUDGET).await;
            assert_eq!((gate.made(), gate.started()), (2, 2));
        });
    }
}

#[test]
fn a_constructor_that_panics_when_it_is_called_again_costs_its_own_series_only() {
    run(async {
        let (registry, _) = beside_good(Kind::Blocking, Act::PanicWhenMade);
        for why in ["panicked: as planned", "panicked while it was made: made badly; rebuilt in "] {
            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            let outcome = format!("{:?}", registry.status("bad").unwrap().outcome);
            assert!(outcome.contains(why), "{outcome}");
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
    });
}

#[test]
fn a_collector_is_found_by_its_name() {
    const COPIED: Collector = Collector { name: "copied", enabled: true, families: &[], dynamic: &[] };
    struct Copied;
    impl BlockingSource for Copied {
        fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
            sink.collector(&GOOD, |_| Ok(()));
            sink.collector(&const { COPIED }, |_| Err(CollectError::no_data("it was its turn")));
            Ok(())
        }
    }
    run(async {
        let registry =
            registry(vec![SourceSpec::new([&GOOD, &COPIED], || Ok(BoxedSource::blocking(Copied)))]);
        assert!(scrape(&registry, BUDGET).await.is_in_state("copied", "nodata"));
    });
}

/// The thread that runs blocking sources has others to run.
#[test]
fn a_source_that_panics_when_it_is_let_go_costs_nobody_anything() {
    for kind in [Kind::Async, Kind::Blocking] {
        run(async {
            let (registry, gate) = beside_good(kind, Act::PanicTwice);
            for round in 1..=2 {
                for _ in 0..2 {
                    let scraped = scrape(&registry, BUDGET).await;
                    assert_others_are_served(&scraped);
                    assert!(!scraped.success("bad"));
                    assert!(!scraped.page.contains("exporter_worker_stalls_total"), "{}", scraped.page);
                    assert!(scraped.took < AT_ONCE, "{:?}", scraped.took);
                }
                assert_eq!((gate.made(), gate.started()), (round, round));
                tokio::time::sleep(Duration::from_millis(1100)).await;
            }
        });
    }
}

#[test]
fn one_that_never_returns_costs_a_deadline_once_and_is_not_started_twice() {
    for kind in [Kind::Async, Kind::Blocking] {
        run(async {
            let (registry, gate) = beside_good(kind, Act::Hang);
            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            assert!(!scraped.success("bad"));
            assert!(scraped.is_in_state("bad", "timeout"), "{}", scraped.page);
            assert!(scraped.took >= BUDGET && scraped.took < BUDGET + SLACK, "{:?}", scraped.took);
            if matches!(kind, Kind::Async) {
                assert!(scraped.has("test_up{source=\"bad\"} 0"), "what was committed reaches the wire");
            }

            // The next one is told at once, and is not shown what the stuck run committed long ago.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let scraped = scrape(&registry, BUDGET).await;
            assert_others_are_served(&scraped);
            assert!(!scraped.success("bad"));
            assert!(scraped.is_in_state("bad", "timeout"), "{}", scraped.page);
            assert!(!scraped.page.contains("source=\"bad\""));
            assert!(scraped.took < AT_ONCE, "{:?}", scraped.took);
            assert_eq!((gate.made(), gate.started()), (1, 1));
            gate.open();
        });
    }
}

#[test]
fn an_asynchronous_source_is_given_up_after_three_deadlines_and_rebuilt() {
    run(async {
        let (registry, gate) = beside_good(Kind::Async, Act::Hang);
        for _ in 0..3 {
            assert!(!scrape(&registry, Duration::from_millis(50)).await.success("bad"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((gate.made(), gate.started()), (1, 1));
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_others_are_served(&scrape(&registry, Duration::from_millis(50)).await);
        assert_eq!((gate.made(), gate.started()), (2, 2));
    });
}

#[test]
fn what_hangs_ends_with_its_registry() {
    run(async {
        let (bad, gate) = source(Kind::Async, &BAD, Act::Hang);
        let registry = registry(vec![bad]);
        assert!(!scrape(&registry, Duration::from_millis(50)).await.success("bad"));
        drop(registry);
        let ended = async {
            while std::sync::Arc::strong_count(&gate.started) > 1 {
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
        assert!(ended.is_ok(), "a target that is let go, or a reload, leaves its connection behind");
    });
}

#[test]
fn a_blocking_source_that_comes_back_late_is_used_again() {
    run(async {
        let (registry, gate) = beside_good(Kind::Blocking, Act::Hang);
        assert!(!scrape(&registry, BUDGET).await.success("bad"));
        gate.open();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let scraped = scrape(&registry, BUDGET).await;
        assert!(scraped.success("bad"), "{}", scraped.page);
        assert!(scraped.has("exporter_worker_stuck_threads 0"), "{}", scraped.page);
        assert!(scraped.has("exporter_worker_stalls_total 1"), "{}", scraped.page);
        assert_eq!((gate.made(), gate.started()), (1, 2));
    });
}

#[test]
fn many_that_hang_leave_the_rest_alone() {
    static NAMES: [exporter_core::Collector; 6] = {
        const fn one(name: &'static str) -> exporter_core::Collector {
            exporter_core::Collector { name, enabled: true, families: &[], dynamic: &[] }
        }
        [one("a"), one("b"), one("c"), one("d"), one("e"), one("f")]
    };
    run(async {
        let (mut specs, gates): (Vec<_>, Vec<_>) =
            NAMES.iter().map(|collector| source(Kind::Blocking, collector, Act::Hang)).unzip();
        specs.push(source(Kind::Blocking, &GOOD, Act::Value).0);
        let registry = registry(specs);
        let scraped = scrape(&registry, Duration::from_secs(3)).await;
        assert!(scraped.success("good"), "{}", scraped.page);
        assert!(!scraped.success("f"));
        gates.iter().for_each(Gate::open);
    });
}
