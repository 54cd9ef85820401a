//! Every major version: all collectors work, on a primary and on a standby, with a role that has `pg_monitor` alone.

use exporter_testkit::{Result, golden, wait};

use crate::support::{Exporter, Server};

const ALL: &[&str] = &[
    "--collector.statio_user_indexes",
    "--collector.process_idle",
    "--collector.buffercache_summary",
    "--collector.stat_statements.include_query",
    "--auto-discover-databases",
];

fn check(major: u32) -> Result {
    let server = Server::start(major, &["track_commit_timestamp=on", "wal_level=logical"])?.with_bed()?;
    server.sql("postgres", "SELECT pg_create_physical_replication_slot('standby', true)")?;
    server.sql("postgres", "CREATE DATABASE other")?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), ALL)?;
    let page = exporter.page()?;
    assert_eq!(page.failed(), Vec::<&str>::new(), "PostgreSQL {major}: {}", exporter.log());
    assert_eq!(page.value("pg_up"), Some(1.0));
    // Before 15 statistics arrive with a delay.
    let labels = ["datname=\"shop\"", "relname=\"orders\""];
    let page = exporter.until("the table's statistics", |page| {
        page.find("pg_stat_user_tables_n_live_tup", &labels) == Some(1000.0)
            && page.find("pg_statio_user_tables_heap_blocks_hit", &labels) > Some(0.0)
    })?;
    let orders = |family: &str| page.find(family, &labels);
    assert!(orders("pg_stat_user_tables_table_size_bytes") > Some(8192.0));
    assert!(page.find("pg_matview_last_refresh_timestamp_seconds", &["commit_timestamp"]) > Some(1e9));
    assert!(page.find("pg_stat_statements_calls_total", &["datname=\"shop\""]).is_some());
    for always in [
        "pg_stat_bgwriter_checkpoints_timed_total",
        "pg_stat_bgwriter_buffers_backend_total",
        "pg_settings_max_connections",
        "pg_connections_available",
        "pg_wal_segments",
        "pg_postmaster_start_time_seconds",
    ] {
        assert!(page.value(always).is_some(), "PostgreSQL {major}: {always}");
    }
    let standby = server.standby()?;
    let replica = Exporter::start(&standby.dsn("watcher", "shop"), ALL)?;
    let page = replica.page()?;
    assert_eq!(page.failed(), Vec::<&str>::new(), "PostgreSQL {major}, standby: {}", replica.log());
    assert_eq!(page.value("pg_replication_is_replica"), Some(1.0));
    let page = exporter.until("the standby to stream", |page| {
        page.find("pg_stat_replication_pg_wal_lsn_diff", &["slot_name=\"standby\""]).is_some()
    })?;
    assert_eq!(page.find("pg_replication_slots_active", &["slot_name=\"standby\""]), Some(1.0));
    if major == 18 {
        golden::check(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/postgres-18.txt"),
            families(&exporter.page()?.text),
        )?;
    }
    drop((replica, standby));
    wait::until("the slot to be free", wait::LONG, || exporter.page().map(drop))
}

/// There or not as it happens; and a histogram, whose lines mean nothing without their bounds.
const LEFT_OUT: [&str; 4] = [
    "pg_stat_progress_vacuum_",
    "pg_stat_activity_autovacuum_",
    "pg_exporter_build_info",
    "pg_process_idle_seconds",
];

/// The declarations and one sample a family, its value left out: what does not change from run to run.
fn families(page: &str) -> String {
    let mut out = String::new();
    let mut last = "";
    for line in page.lines() {
        let name = line.trim_start_matches("# TYPE ").trim_start_matches("# HELP ");
        if !name.starts_with("pg_") || LEFT_OUT.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        if line.starts_with("# TYPE ") || line.starts_with("# HELP ") {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        if &line[..end] != last {
            last = &line[..end];
            let labels = line[end..].split_once('}').map_or(String::new(), |(labels, _)| names(labels));
            out.push_str(&format!("{last}{labels} 1\n"));
        }
    }
    out
}

/// `{a="x",b="y"` to `{a="",b=""}`.
fn names(labels: &str) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in labels.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                out.push('"');
            }
            c if !quoted => out.push(c),
            _ => {}
        }
    }
    out.push('}');
    out
}

#[test]
fn postgres_12() -> Result {
    check(12)
}

#[test]
fn postgres_13() -> Result {
    check(13)
}

#[test]
fn postgres_14() -> Result {
    check(14)
}

#[test]
fn postgres_15() -> Result {
    check(15)
}

#[test]
fn postgres_16() -> Result {
    check(16)
}

#[test]
fn postgres_17() -> Result {
    check(17)
}

#[test]
fn postgres_18() -> Result {
    check(18)
}
