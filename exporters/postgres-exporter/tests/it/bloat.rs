//! The estimate of bloat against what a rewrite really frees.

use exporter_testkit::Result;

use crate::support::{Exporter, Server};

const ROWS: &str =
    "INSERT INTO {} SELECT g, repeat('x', g % 60), g / 7.0, now() FROM generate_series(1, 100000) g";

#[test]
fn a_worn_table_and_a_fresh_one() -> Result {
    let server = Server::start(16, &["autovacuum=off"])?.with_bed()?;
    let mut session = server.session("shop")?;
    session.run("GRANT pg_read_all_data TO watcher")?;
    for table in ["worn", "fresh"] {
        session.run(&format!("CREATE TABLE {table} (id int, note text, price numeric, made timestamptz)"))?;
        session.run(&ROWS.replace("{}", table))?;
    }
    session.run("DELETE FROM worn WHERE id % 5 <> 0")?;
    session.run("VACUUM ANALYZE worn")?;
    session.run("VACUUM ANALYZE fresh")?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &["--collector.bloat"])?;
    let page = exporter.page()?;
    let estimate = |family: &str, table: &str| page.find(family, &[&format!("relname=\"{table}\"")]).unwrap();
    let mut size = |table: &str| -> Result<f64> {
        Ok(session.text(&format!("SELECT pg_relation_size('{table}')::text"))?.parse().unwrap())
    };
    for table in ["worn", "fresh"] {
        let before = size(table)?;
        server.sql("shop", &format!("VACUUM FULL {table}"))?;
        let freed = before - size(table)?;
        let (ratio, bytes) =
            (estimate("pg_table_bloat_ratio", table), estimate("pg_table_bloat_bytes", table));
        assert!((ratio - freed / before).abs() < 0.05, "{table}: {ratio}, really {}", freed / before);
        assert!((bytes - freed).abs() < 0.05 * before, "{table}: {bytes}, really {freed} of {before}");
    }
    Ok(())
}
