//! Connection strings with several hosts, against a primary and its standby.

use exporter_testkit::{Result, ports};

use crate::support::{Exporter, Server};

#[test]
fn the_one_that_is_there_and_fits() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    server.sql("postgres", "SELECT pg_create_physical_replication_slot('standby', true)")?;
    let standby = server.standby()?;
    let closed = ports::free()?;
    let (primary, standby) = (server.port(), standby.port());
    for (places, wanted, is_replica) in [
        (format!("{closed},{primary}"), "any", 0.0),
        (format!("{standby},{primary}"), "any", 1.0),
        (format!("{standby},{primary}"), "read-write", 0.0),
        (format!("{primary},{closed},{standby}"), "read-only", 1.0),
    ] {
        let hosts = vec!["127.0.0.1"; places.split(',').count()].join(",");
        let dsn = format!(
            "host={hosts} port={places} user=watcher dbname=shop sslmode=disable target_session_attrs={wanted}"
        );
        let exporter = Exporter::start(&dsn, &[])?;
        let page = exporter.page()?;
        assert_eq!(
            page.value("pg_replication_is_replica"),
            Some(is_replica),
            "{places} {wanted}: {}",
            exporter.log()
        );
    }
    Ok(())
}

/// What the string leaves open comes from the service file; what that leaves open from variables.
#[test]
fn a_service_and_variables() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    let dir = exporter_testkit::fixture::TempDir::new()?;
    let file =
        dir.write("services", format!("[shop]\nhost=127.0.0.1\nport={}\nsslmode=disable\n", server.port()))?;
    let variables = [("PGSERVICEFILE", file.display().to_string()), ("PGDATABASE", "shop".to_owned())];
    let exporter = Exporter::start_with("service=shop user=watcher", &[], &variables)?;
    let page = exporter.until("the server to answer", |page| page.value("pg_up") == Some(1.0))?;
    assert!(
        page.find("pg_stat_user_tables_n_live_tup", &["relname=\"orders\""]).is_some(),
        "{}",
        exporter.log()
    );
    Ok(())
}
