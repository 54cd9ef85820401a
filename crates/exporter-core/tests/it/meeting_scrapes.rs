//! Scrapes that meet: each gets what it should, and each source runs once.

use super::support::*;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(5);

#[test]
fn the_impatient_leaves_and_the_patient_stays() {
    for kind in [Kind::Async, Kind::Blocking] {
        run(async {
            let (slow, gate) = source(kind, &BAD, Act::Slow(Duration::from_millis(2000)));
            let (good, _) = source(Kind::Blocking, &GOOD, Act::Value);
            let registry = registry(vec![good, slow]);
            let (short, long) = tokio::join!(scrape(&registry, SHORT), scrape(&registry, LONG));
            assert!(!short.success("bad") && short.success("good"), "{}", short.page);
            assert!(short.took < Duration::from_millis(1500), "{:?}", short.took);
            assert!(long.success("bad") && long.has("test_value{source=\"bad\"} 1"), "{}", long.page);
            assert!(long.took < Duration::from_secs(4), "{:?}", long.took);
            // The good one may be over before the second scrape comes, and run again for it.
            assert_eq!(gate.started(), 1);
        });
    }
}

#[test]
fn many_that_are_impatient_do_not_end_the_run_of_one_that_is_patient() {
    run(async {
        let (slow, gate) = source(Kind::Async, &BAD, Act::Slow(Duration::from_millis(1500)));
        let registry = registry(vec![slow]);
        let (long, _, _, _, _) = tokio::join!(
            scrape(&registry, LONG),
            scrape(&registry, SHORT),
            scrape(&registry, SHORT),
            scrape(&registry, SHORT),
            scrape(&registry, SHORT),
        );
        assert!(long.success("bad") && long.has("test_value{source=\"bad\"} 1"), "{}", long.page);
        assert_eq!((gate.made(), gate.started()), (1, 1));
    });
}

#[test]
fn different_filters_share_a_run() {
    run(async {
        let wait = Act::Slow(Duration::from_millis(50));
        let (a, a_gate) = source(Kind::Blocking, &GOOD, wait);
        let (b, b_gate) = source(Kind::Async, &OTHER, wait);
        let registry = registry(vec![a, b]);
        let (all, good, not_good, named) = tokio::join!(
            scrape(&registry, LONG),
            scrape_filtered(&registry, LONG, "collect[]=good"),
            scrape_filtered(&registry, LONG, "exclude[]=good"),
            scrape_filtered(&registry, LONG, "name[]=test_value"),
        );
        let values = |scraped: &Scraped| {
            ["good", "other"].map(|source| scraped.has(&format!("test_value{{source=\"{source}\"}} 1")))
        };
        assert_eq!(values(&all), [true, true]);
        assert_eq!(values(&good), [true, false]);
        assert_eq!(values(&not_good), [false, true]);
        assert_eq!(values(&named), [true, true]);
        assert!(!good.page.contains("other") && !not_good.page.contains("\"good\""));
        assert!(!named.page.contains("success"), "name[] leaves out what it does not name");
        assert_eq!((a_gate.started(), b_gate.started()), (1, 1));
    });
}

#[test]
fn one_that_goes_away_cancels_nothing() {
    run(async {
        let (slow, gate) = source(Kind::Async, &BAD, Act::Slow(Duration::from_millis(1000)));
        let registry = registry(vec![slow]);
        // Dropped half-way, as the server drops the answer to a client that has gone.
        let gone = tokio::time::timeout(Duration::from_millis(400), scrape(&registry, LONG)).await;
        assert!(gone.is_err());
        let scraped = scrape(&registry, LONG).await;
        assert!(scraped.success("bad"), "{}", scraped.page);
        assert!(scraped.took < Duration::from_millis(950), "it joins the run under way: {:?}", scraped.took);
        assert_eq!(gate.started(), 1);
    });
}

#[test]
fn one_scrape_after_the_other_collects_anew() {
    run(async {
        let (good, gate) = source(Kind::Blocking, &GOOD, Act::Value);
        let registry = registry(vec![good]);
        for round in 1..=50 {
            assert!(scrape(&registry, LONG).await.success("good"));
            assert_eq!(gate.started(), round);
        }
    });
}
