//! What the user asks for: queries.yaml, freshness, probes.

use exporter_testkit::Result;
use exporter_testkit::fixture::TempDir;

use crate::support::{Exporter, Server};

const QUERIES: &str = r#"
shop_orders:
  query: "SELECT note, count(*) AS count, max(made) AS newest, 'on' AS mode, '1m2s' AS took FROM orders GROUP BY note"
  master: true
  metrics:
    - note: {usage: "LABEL", description: "Note"}
    - count: {usage: "GAUGE", description: "Orders"}
    - newest: {usage: "GAUGE", description: "Newest order"}
    - mode: {usage: "MAPPEDMETRIC", description: "Mode", metric_mapping: {"on": 7}}
    - took: {usage: "DURATION", description: "Took"}
shop_sizes:
  query: "SELECT ARRAY[1, 2] AS size, ARRAY[3, 5] AS size_bucket, 9.5 AS size_sum, 6 AS size_count"
  ttl: 3600
  metrics:
    - size: {usage: "HISTOGRAM", description: "Sizes"}
shop_wrong:
  query: "SELEKT 1"
shop_slow:
  query: "SELECT pg_sleep(20) IS NULL AS slept"
  timeout: 0.2
shop_old:
  query: "SELECT 1 AS one"
  max_version: 12
shop_standby:
  query: "SELECT 1 AS one"
  role: standby
shop_writes:
  query: "DELETE FROM orders"
shop_extension:
  query: "SELECT 1 AS one"
  requires: postgis
shop_several:
  query: "SET enable_seqscan = on; SELECT 4 AS first, 5 AS second; SELECT 6 AS first"
pg_stat_user_tables:
  query: "SELECT current_database() AS datname, 'public' AS schemaname, 'orders' AS relname, -1 AS n_live_tup, 8 AS ours"
  metrics:
    - datname: {usage: "LABEL", description: "Database"}
    - schemaname: {usage: "LABEL", description: "Schema"}
    - relname: {usage: "LABEL", description: "Table"}
    - n_live_tup: {usage: "GAUGE", description: "Rows"}
    - ours: {usage: "GAUGE", description: "Of the user"}
"#;

fn bed() -> Result<Server> {
    Server::start(15, &[])?.with_bed()
}

#[test]
fn queries_of_the_peers_file() -> Result {
    let server = bed()?;
    let dir = TempDir::new()?;
    let file = dir.write("queries.yaml", QUERIES)?;
    let exporter = Exporter::start(
        &server.dsn("postgres", "shop"),
        &[
            &format!("--extend.query-path={}", file.display()),
            "--freshness=public.orders.made",
            "--freshness=public.absent.made",
        ],
    )?;
    exporter.page()?;
    let page = exporter.page()?;
    for (series, value) in [
        ("shop_orders_count{note=\"x\"}", 1000.0),
        ("shop_orders_mode{note=\"x\"}", 7.0),
        ("shop_orders_took_milliseconds{note=\"x\"}", 62_000.0),
        ("shop_sizes_size_bucket{le=\"2\"}", 5.0),
        ("shop_sizes_size_bucket{le=\"+Inf\"}", 6.0),
        ("shop_sizes_size_sum", 9.5),
        ("shop_several_first", 4.0),
        ("shop_several_second", 5.0),
        // What the exporter shows itself comes first; files for old versions of the peer have such names.
        ("pg_stat_user_tables_n_live_tup{datname=\"shop\",schemaname=\"public\",relname=\"orders\"}", 1000.0),
        ("pg_stat_user_tables_ours{datname=\"shop\",relname=\"orders\",schemaname=\"public\"}", 8.0),
        ("pg_query_success{query=\"shop_orders\",datname=\"shop\"}", 1.0),
        ("pg_query_success{query=\"shop_wrong\",datname=\"shop\"}", 0.0),
        ("pg_query_success{query=\"shop_slow\",datname=\"shop\"}", 0.0),
        ("pg_query_success{query=\"shop_writes\",datname=\"shop\"}", 0.0),
        ("pg_up", 1.0),
    ] {
        assert_eq!(page.value(series), Some(value), "{series}\n{}", exporter.log());
    }
    assert!(page.value("shop_orders_newest{note=\"x\"}").unwrap() > 1.7e9);
    assert_eq!(page.text.matches("pg_stat_user_tables_n_live_tup{").count(), 2, "one a table");
    for wrong in ["shop_slow: ", "shop_writes: ", "shop_wrong: "] {
        assert!(exporter.log().contains(wrong), "{}", exporter.log());
    }
    for absent in ["shop_old_one", "shop_standby_one", "shop_extension_one"] {
        assert_eq!(page.value(absent), None, "{absent}");
    }
    assert_eq!(page.failed(), ["queries", "freshness"], "the server's own collectors are not affected");
    let newest =
        page.find("pg_table_newest_row_timestamp_seconds", &["relname=\"orders\"", "column=\"made\""]);
    assert!(newest.unwrap() > 1.7e9);
    assert_eq!(server.session("shop")?.text("SELECT count(*)::text FROM orders")?, "1000");
    assert!(!exporter.log().contains("CREATE INDEX"), "there is one");
    let file = format!("--extend.query-path={}", file.display());
    let before = Exporter::start(&server.dsn("postgres", "shop"), &[&file, "--compat=0.19"])?;
    let server = format!("server=\"{}\"", server.address());
    for family in ["shop_orders_count", "shop_sizes_size_bucket", "pg_stat_user_tables_ours"] {
        assert!(before.page()?.find(family, &[&server]).is_some(), "{family}");
    }
    Ok(())
}

#[test]
fn rows_of_two_databases_are_told_apart() -> Result {
    let server = bed()?;
    server.sql("postgres", "CREATE DATABASE other")?;
    let dir = TempDir::new()?;
    let file = dir.write(
        "queries.yaml",
        "everywhere: {query: SELECT current_database() = 'shop' AS is_shop, metrics: [{is_shop: {usage: GAUGE}}]}\n\
         once: {query: SELECT 1 AS one, master: true, metrics: [{one: {usage: GAUGE}}]}\n",
    )?;
    let file = format!("--extend.query-path={}", file.display());
    let exporter = Exporter::start(&server.dsn("postgres", "shop"), &[&file, "--auto-discover-databases"])?;
    let page = exporter
        .until("both databases", |page| page.value("everywhere_is_shop{datname=\"other\"}") == Some(0.0))?;
    assert_eq!(page.value("everywhere_is_shop{datname=\"shop\"}"), Some(1.0));
    assert_eq!(page.value("once_one"), Some(1.0));
    assert_eq!(page.find("exporter_series_dropped_total", &[]), None);
    Ok(())
}

/// A file is looked at whether there is a server or not.
#[test]
fn a_wrong_file_is_refused_without_a_server() -> Result {
    let error = Exporter::start("", &["--extend.query-path=/nope"]).err().map(|error| format!("{error:#}"));
    assert!(error.as_ref().is_some_and(|error| error.contains("--extend.query-path=/nope")), "{error:?}");
    Ok(())
}

/// What makes freshness dear or inexact is said, with the cure.
#[test]
fn freshness_without_an_index_or_commit_times() -> Result {
    let server = bed()?;
    server.sql("shop", "DROP INDEX orders_made; CREATE INDEX ON orders (note, made)")?;
    let exporter = Exporter::start(&server.dsn("postgres", "shop"), &["--freshness=public.orders.made"])?;
    let page = exporter.until("the newest row", |page| {
        page.find("pg_table_newest_row_timestamp_seconds", &["relname=\"orders\""]).is_some()
    })?;
    assert_eq!(page.failed(), Vec::<&str>::new());
    let log = exporter.log();
    assert!(log.contains(r#"CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"made\");"#), "{log}");
    assert!(log.contains("ALTER SYSTEM SET track_commit_timestamp = on;"), "{log}");
    assert_eq!(page.find("pg_matview_last_refresh_timestamp_seconds", &[]), None, "none was seen yet");
    server.sql("shop", "REFRESH MATERIALIZED VIEW daily")?;
    let page = exporter.until("the refresh to be seen", |page| {
        page.find("pg_matview_last_refresh_timestamp_seconds", &["source=\"observed\""]).is_some()
    })?;
    assert_eq!(page.find("pg_matview_populated", &["matviewname=\"daily\""]), Some(1.0));
    Ok(())
}

#[test]
fn probes() -> Result {
    let server = bed()?;
    let dir = TempDir::new()?;
    let file = dir.write(
        "postgres_exporter.yml",
        "auth_modules:\n  mon:\n    type: userpass\n    userpass: {username: postgres, password: x}\n    options: {sslmode: disable}\n",
    )?;
    let config = format!("--config.file={}", file.display());
    let exporter = Exporter::start("", &[&config, "--probe.allow=127.0.0.1"])?;
    assert_eq!(exporter.page()?.value("pg_up"), None, "no server is named, so none is down");
    let target = format!("/probe?target={}/shop&auth_module=mon", server.address());
    let page = exporter.get(&target)?;
    assert_eq!(page.value("pg_up"), Some(1.0), "{}", exporter.log());
    assert!(page.find("pg_stat_user_tables_n_live_tup", &["relname=\"orders\""]).is_some());
    exporter.get(&target)?;
    let count = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'postgres-exporter'";
    assert_eq!(server.session("postgres")?.text(count)?, "1", "the connection is kept");
    let refused = exporter.get("/probe?target=127.0.0.2:1/x&auth_module=mon")?;
    assert_eq!(refused.value("pg_up"), Some(0.0));
    assert_eq!(refused.find("pg_connection_error", &["refused"]), Some(1.0));
    for (path, status) in [
        ("/probe", 400),
        ("/probe?target=127.0.0.1/x&auth_module=none", 400),
        ("/probe?target=me@127.0.0.1/x&auth_module=mon", 400),
    ] {
        assert_eq!(exporter.status(path)?, status, "{path}");
    }
    let open = Exporter::start("", &[&config])?;
    assert_eq!(open.status(&target)?, 403, "no list, no login");
    Ok(())
}

/// What takes more than `pg_monitor`, or a setting: sequences near their end, functions and their time.
#[test]
fn sequences_and_functions() -> Result {
    let server = Server::start(15, &["track_functions=all"])?.with_bed()?;
    server.sql(
        "shop",
        "CREATE SEQUENCE short MAXVALUE 100; SELECT setval('short', 90); CREATE SEQUENCE circle MAXVALUE 10 CYCLE; \
         SELECT setval('circle', 10); CREATE SEQUENCE unused; \
         CREATE FUNCTION slow() RETURNS void AS 'BEGIN PERFORM pg_sleep(0.05); END' LANGUAGE plpgsql; \
         CREATE FUNCTION slow(int) RETURNS void AS 'BEGIN END' LANGUAGE plpgsql; SELECT slow(), slow(1)",
    )?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &["--collector.sequences"])?;
    assert_eq!(exporter.page()?.failed(), ["sequences"]);
    assert!(exporter.log().contains("GRANT pg_read_all_data TO"), "{}", exporter.log());
    server.sql("shop", "GRANT pg_read_all_data TO watcher")?;
    let page = exporter.until("the sequence", |page| page.find("pg_sequence_used_ratio", &[]).is_some())?;
    assert_eq!(page.find("pg_sequence_used_ratio", &["sequencename=\"short\""]), Some(0.9));
    assert_eq!(page.text.matches("\npg_sequence_used_ratio{").count(), 1, "{}", page.text);
    let function = ["schemaname=\"public\"", "funcname=\"slow\""];
    assert_eq!(page.find("pg_stat_user_functions_calls_total", &function), Some(2.0));
    let seconds = page.find("pg_stat_user_functions_seconds_total", &function).unwrap();
    assert!((0.05..5.0).contains(&seconds), "{seconds}");
    Ok(())
}
