//! What watching does to the watched: nothing that anybody counts.

use exporter_testkit::Result;

use crate::support::{ALL, Ours, Redis};

#[test]
fn a_hundred_default_scrapes_leave_no_trace() -> Result {
    for program in ALL {
        let server = Redis::start(program, &[])?;
        server.run("SET a 1").unwrap();
        server.run("GET a").unwrap();
        let ours = Ours::of(&server);
        let before = ours.page();
        for _ in 0..100 {
            ours.page();
        }
        let after = ours.page();
        for name in [
            "redis_keyspace_hits_total",
            "redis_keyspace_misses_total",
            "redis_total_error_replies",
            "redis_unexpected_error_replies",
            "redis_connections_received_total",
            "redis_expired_keys_total",
            "redis_evicted_keys_total",
            "redis_rdb_changes_since_last_save",
        ] {
            assert_eq!(before.value(name), after.value(name), "{program}: {name}");
            assert!(after.value(name).is_some(), "{program}: {name}");
        }
        assert!(!after.text.contains("redis_errors_total"), "{program}");
        assert_eq!(after.value("redis_exporter_last_scrape_round_trips"), Some(1.0), "{program}");
        assert_eq!(before.value("redis_exporter_last_scrape_round_trips"), Some(2.0), "{program}");
        // INFO, CONFIG GET, LATENCY LATEST, LATENCY HISTOGRAM, SLOWLOG LEN, SLOWLOG GET: six commands a scrape.
        let commands = |page: &crate::support::Page| page.value("redis_commands_processed_total").unwrap();
        assert_eq!(commands(&after) - commands(&before), 6.0 * 101.0, "{program}");
    }
    Ok(())
}
