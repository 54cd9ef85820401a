//! Every query of the dashboard returns data from a server that has everything: a standby, slots, a PgBouncer, traffic.

use exporter_testkit::prometheus::Prometheus;
use exporter_testkit::{Error, Result, tools, wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::pgbouncer::Bouncer;
use crate::support::{Exporter, Server, Session};

/// Rows, pages and scans enough for ratios and rates, dead rows after a vacuum, an index that nobody uses.
const TRAFFIC: &str = "CREATE TABLE busy (id int PRIMARY KEY, note text); CREATE INDEX busy_note ON busy (note); \
    INSERT INTO busy SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g";
const EACH: &str =
    "SELECT count(*), min(note) FROM busy; UPDATE busy SET note = 'y' WHERE id % 500 = 0; SELECT 1";

fn read(path: &str) -> Result<String> {
    Ok(std::fs::read_to_string(tools::workspace_root().join(path))?)
}

/// Titles and queries of the panels, with the variables set to everything.
fn queries() -> Result<Vec<(String, String)>> {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboards/postgres.json")?)
        .map_err(Error::context("the dashboard"))?;
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let mut query = text(&target["expr"]);
            for (variable, value) in [
                ("$__rate_interval", "30s"),
                ("$__range", "5m"),
                ("$job", ".+"),
                ("$instance", ".+"),
                ("$system", ".*"),
                ("$datname", ".+"),
            ] {
                query = query.replace(variable, value);
            }
            all.push((text(&panel["title"]), query));
        }
    }
    Ok(all)
}

/// A Prometheus with the pack's rules that scrapes these.
fn watch(exporters: &[Exporter]) -> Result<Prometheus> {
    let targets: Vec<String> = exporters.iter().map(|exporter| format!("'{}'", exporter.address())).collect();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [thresholds.yml, recording.yml]\n\
         scrape_configs:\n- job_name: postgres\n  static_configs: [{{targets: [{}]}}]\n",
        targets.join(", ")
    );
    let files = [
        ("thresholds.yml", read("prometheus/rules/thresholds.yml")?),
        ("recording.yml", read("prometheus/rules/postgres/recording.yml")?),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut prometheus = Prometheus::start(&config, &files, wait::LONG)?;
    prometheus.wait_targets_up(exporters.len(), wait::LONG)?;
    Ok(prometheus)
}

/// Those of these queries that return nothing.
fn empty<'a>(prometheus: &Prometheus, queries: &'a [(String, String)]) -> Vec<&'a (String, String)> {
    let is_empty = |query: &str| !matches!(prometheus.query(query), Ok(found) if !found.is_empty());
    queries.iter().filter(|(_, query)| is_empty(query)).collect()
}

#[test]
fn every_panel_has_data() -> Result {
    let settings = ["wal_level=logical", "track_commit_timestamp=on", "autovacuum=off"];
    let server = Server::start(17, &settings)?.with_bed()?;
    server.sql("postgres", "SELECT pg_create_physical_replication_slot('standby', true)")?;
    server.sql("shop", TRAFFIC)?;
    server.sql("shop", "VACUUM ANALYZE busy")?;
    server.sql("shop", "DELETE FROM busy WHERE id % 4 = 0; REFRESH MATERIALIZED VIEW daily")?;
    let standby = server.standby()?;
    let bouncer = Bouncer::start(&server)?;
    let exporters = [
        Exporter::start(&server.dsn("watcher", "shop"), &["--auto-discover-databases"])?,
        Exporter::start(&standby.dsn("watcher", "shop"), &[])?,
        Exporter::start(&bouncer.dsn("watcher", "pgbouncer"), &[])?,
    ];
    let mut prometheus = watch(&exporters)?;
    let queries = queries()?;
    assert!(queries.len() > 50, "{}", queries.len());
    let done = AtomicBool::new(false);
    let (direct, pooled) = (server.dsn("postgres", "shop"), bouncer.dsn("postgres", "shop"));
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| -> Result {
            let (mut direct, mut pooled) = (Session::open(&direct)?, Session::open(&pooled)?);
            while !done.load(Ordering::SeqCst) {
                direct.run(EACH)?;
                pooled.run("SELECT 2")?;
            }
            Ok(())
        });
        let all = prometheus.until("every query to return data", wait::LONG, |prometheus| {
            let empty = empty(prometheus, &queries);
            if empty.is_empty() { Ok(()) } else { Err(Error::new(format!("without data: {empty:#?}"))) }
        });
        done.store(true, Ordering::SeqCst);
        traffic.join().map_err(|_| Error::new("the traffic panicked"))??;
        all
    })
}

/// On a server that nobody uses, without a standby, an extension or a PgBouncer, only the panels are without data that
/// the list of such panels names.
#[test]
fn panels_without_data_are_listed() -> Result {
    #[derive(serde::Deserialize)]
    struct Entry {
        dashboard: String,
        panel: String,
    }
    let list: Vec<Entry> =
        serde_yaml::from_str(&read("grafana/tests/empty-panels.yml")?).map_err(Error::context("the list"))?;
    let listed: BTreeSet<String> = list
        .into_iter()
        .filter(|entry| entry.dashboard == "exporters-postgres")
        .map(|entry| entry.panel)
        .collect();
    let server = Server::start(17, &[])?;
    server
        .sql("postgres", "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE TABLE t (a int)")?;
    let exporters = [Exporter::start(&server.dsn("watcher", "postgres"), &[])?];
    let mut prometheus = watch(&exporters)?;
    let mut queries = queries()?;
    // Levels are there whatever a server shows.
    queries.retain(|(_, query)| !query.starts_with("min by (severity)"));
    prometheus.until("the listed panels to be the ones without data", wait::LONG, |prometheus| {
        let empty = empty(prometheus, &queries);
        let with: BTreeSet<&String> =
            queries.iter().filter(|query| !empty.contains(query)).map(|(title, _)| title).collect();
        let without: BTreeSet<String> =
            queries.iter().map(|(title, _)| title).filter(|title| !with.contains(title)).cloned().collect();
        let missing: Vec<_> = without.difference(&listed).collect();
        // What the exporter itself reads may be traffic enough for a ratio.
        let needless: Vec<_> = listed.difference(&without).filter(|title| *title != "Cache hits").collect();
        if missing.is_empty() && needless.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!("without data and not listed: {missing:?}; listed, with data: {needless:?}")))
    })
}
