//! Beside postgres_exporter on the same server: nothing that it shows is missing, and types and labels are the same.

use exporter_testkit::process::Process;
use exporter_testkit::{Result, ports, tools, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::{Exporter, Server};

/// The peer's collectors that are off by default, and one by the name that 0.20 gave up.
const OFF: [&str; 11] = [
    "--collector.buffercache_summary",
    "--collector.database_wraparound",
    "--collector.long_running_transactions",
    "--collector.postmaster",
    "--collector.process_idle",
    "--collector.replication_slot",
    "--collector.stat_activity_autovacuum",
    "--collector.stat_checkpointer",
    "--collector.stat_statements",
    "--collector.stat_wal_receiver",
    "--collector.statio_user_indexes",
];

/// Series names with their label names, and types by family.
type Shape = (BTreeSet<(String, Vec<String>)>, BTreeMap<String, String>);

fn shape(page: &str) -> Shape {
    let (mut series, mut types) = (BTreeSet::new(), BTreeMap::new());
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let (labels, mut names) = (&line[end..], Vec::new());
            for part in labels.split("=\"").collect::<Vec<_>>().split_last().map_or(&[][..], |(_, rest)| rest)
            {
                let start = part.rfind(['{', ',']).map_or(0, |at| at + 1);
                names.push(part[start..].to_owned());
            }
            names.sort();
            series.insert((line[..end].to_owned(), names));
        }
    }
    (series, types)
}

fn compare(major: u32) -> Result {
    let server = Server::start(major, &[])?.with_bed()?;
    server.sql("postgres", "SELECT pg_create_physical_replication_slot('spare', true)")?;
    // Something idle, for process_idle.
    let mut idle = server.session("shop")?;
    idle.run("SELECT 1")?;
    let ours = Exporter::start(
        &server.dsn("postgres", "shop"),
        &[&OFF[..], &["--compat=0.19", "--collector.stat_statements.include_query"]].concat(),
    )?;
    let port = ports::free()?;
    let mut peer = Process::spawn(
        Command::new(tools::path("postgres_exporter")?)
            .args(OFF)
            .arg("--collector.stat_statements.include_query")
            .arg(format!("--web.listen-address={}", port.address()))
            .env("DATA_SOURCE_NAME", server.dsn("postgres", "shop")),
    )?;
    let page = peer.wait_http(&format!("http://{}/metrics", port.address()), wait::LONG)?.text();
    let ((theirs, their_types), (own, own_types)) = (shape(&page), shape(&ours.page()?.text));
    let foreign = ["go_", "promhttp_", "process_", "postgres_exporter_build_info", "net_conntrack"];
    let missing: Vec<_> = theirs
        .difference(&own)
        .filter(|(name, _)| !foreign.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(missing.is_empty(), "PostgreSQL {major}: {missing:?}");
    assert!(theirs.len() > 300, "the peer has shown its page: {}", theirs.len());
    for (name, kind) in &their_types {
        if let Some(own) = own_types.get(name) {
            assert_eq!(own, kind, "{name}");
        }
    }
    Ok(())
}

#[test]
fn nothing_is_missing_on_13() -> Result {
    compare(13)
}

#[test]
fn nothing_is_missing_on_15() -> Result {
    compare(15)
}

#[test]
fn nothing_is_missing_on_18() -> Result {
    compare(18)
}

/// What published dashboards ask for and the peer shows no more, beside today's names.
#[test]
fn names_of_old() -> Result {
    let server = Server::start(18, &[])?.with_bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &["--compat.old-names"])?;
    let page = exporter.page()?;
    assert_eq!(page.failed(), Vec::<&str>::new(), "{}", exporter.log());
    for (old, now) in [
        ("pg_database_size", "pg_database_size_bytes"),
        ("pg_replication_lag", "pg_replication_lag_seconds"),
        ("pg_stat_bgwriter_buffers_alloc", "pg_stat_bgwriter_buffers_alloc_total"),
        ("pg_stat_bgwriter_buffers_backend", "pg_stat_bgwriter_buffers_backend_total"),
        ("pg_stat_bgwriter_checkpoint_sync_time", "pg_stat_bgwriter_checkpoint_sync_time_total"),
        ("pg_stat_statements_calls", "pg_stat_statements_calls_total"),
        ("pg_stat_statements_total_time_seconds", "pg_stat_statements_seconds_total"),
    ] {
        assert!(page.find(old, &[]).is_some(), "{old}");
        assert_eq!(page.find(old, &[]), page.find(now, &[]), "{old}");
    }
    Ok(())
}
