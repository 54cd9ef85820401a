//! What goes wrong in practice: the page comes in time, tells the truth, and holds all that is not affected.

use exporter_testkit::{Error, Result, fixture, wait};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

use crate::support::{Exporter, Page, Server};

fn bed() -> Result<Server> {
    Server::start(16, &[])?.with_bed()
}

fn down(page: &Page, class: &str) {
    assert_eq!(page.value("pg_up"), Some(0.0));
    assert_eq!(page.find("pg_connection_error", &[class]), Some(1.0), "{}", page.text);
    assert!(page.took < Duration::from_millis(2500), "{:?}", page.took);
}

#[test]
fn wrong_logins() -> Result {
    let server = bed()?;
    server.sql("postgres", "CREATE ROLE locked NOLOGIN")?;
    down(&Exporter::start(&server.dsn("locked", "shop"), &[])?.page()?, "authentication");
    down(&Exporter::start(&server.dsn("watcher", "absent"), &[])?.page()?, "no_database");
    let hba =
        "host all watcher 127.0.0.1/32 scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n";
    let mut session = server.session("postgres")?;
    let file = session.text("SHOW hba_file")?;
    std::fs::write(file, hba)?;
    session.run("SET password_encryption = 'scram-sha-256'; ALTER ROLE watcher PASSWORD 'right'; SELECT pg_reload_conf()")?;
    let with = |password: &str| server.dsn(&format!("watcher:{password}"), "shop");
    let exporter = Exporter::start(&with("hunter2"), &[])?;
    down(
        &exporter.until("the new rules to hold", |page| page.value("pg_up") == Some(0.0))?,
        "authentication",
    );
    assert!(exporter.log().contains("password authentication failed") && !exporter.log().contains("hunter2"));
    assert_eq!(Exporter::start(&with("right"), &[])?.page()?.value("pg_up"), Some(1.0));
    // A password in a file, beside a string without one.
    let files = fixture::tree(&[("password", "right\n"), ("other", "wrong\n")])?;
    let beside = |dsn: &str, file: &str| {
        let file = files.path().join(file).display().to_string();
        let exporter = Exporter::start_with(dsn, &[], &[("DATA_SOURCE_PASS_FILE", file)])?;
        Ok::<_, exporter_testkit::Error>(exporter.page()?.value("pg_up"))
    };
    assert_eq!(beside(&server.dsn("watcher", "shop"), "password")?, Some(1.0));
    assert_eq!(beside(&server.dsn("watcher", "shop"), "other")?, Some(0.0));
    assert_eq!(beside(&with("right"), "other")?, Some(1.0), "what the string says comes first");
    Ok(())
}

#[test]
fn stopped_and_started() -> Result {
    let mut server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    assert_eq!(exporter.page()?.value("pg_up"), Some(1.0));
    server.stop()?;
    let page = exporter.page()?;
    down(&page, "unreachable");
    assert_eq!(page.success("stat_database"), Some(0.0));
    server.start_again()?;
    let page = exporter.until("the server to be back", |page| page.value("pg_up") == Some(1.0))?;
    assert_eq!(page.failed(), Vec::<&str>::new());
    assert_eq!(page.value("pg_exporter_connections"), Some(1.0));
    Ok(())
}

/// A lost connection is not a server that is down: the next scrape has a new one at once.
#[test]
fn restarted_between_scrapes() -> Result {
    let mut server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    exporter.page()?;
    server.stop()?;
    server.start_again()?;
    assert_eq!(exporter.page()?.value("pg_up"), Some(1.0));
    Ok(())
}

#[test]
fn silent() -> Result {
    let server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    exporter.page()?;
    let pids = server.pids()?;
    let all = |signal| -> Result {
        for pid in &pids {
            let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw).ok_or_else(|| Error::new("no pid"))?;
            kill_process(pid, signal).map_err(Error::context("signalling the server"))?;
        }
        Ok(())
    };
    all(Signal::STOP)?;
    let silent = exporter.page();
    let again = exporter.page();
    // A scraper that waits for less than the server is given hears it, too.
    let fresh = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    let hasty = fresh.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]);
    all(Signal::CONT)?;
    down(&silent?, "timeout");
    down(&again?, "timeout");
    down(&hasty?, "timeout");
    exporter.until("the server to answer again", |page| page.value("pg_up") == Some(1.0))?;
    Ok(())
}

#[test]
fn locked_table() -> Result {
    let server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    let mut holder = server.session("shop")?;
    holder.run("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")?;
    let page = exporter.page()?;
    assert!(page.took < Duration::from_secs(1), "{:?}", page.took);
    assert_eq!(page.failed(), Vec::<&str>::new(), "{}", exporter.log());
    for family in ["pg_stat_user_tables_n_live_tup", "pg_stat_user_tables_table_size_bytes"] {
        assert!(page.find(family, &["relname=\"orders\""]).is_some_and(|value| value > 0.0), "{family}");
    }
    // Somebody waits: he and the one he waits for are counted.
    let dsn = server.dsn("postgres", "shop");
    let waiter =
        std::thread::spawn(move || crate::support::Session::open(&dsn)?.run("SELECT count(*) FROM orders"));
    let page = exporter.until("a blocked session", |page| {
        page.value("pg_blocked_sessions{datname=\"shop\"}") == Some(1.0)
    })?;
    assert_eq!(page.value("pg_blocking_sessions{datname=\"shop\"}"), Some(1.0));
    holder.run("COMMIT")?;
    waiter.join().map_err(|_| Error::new("the waiter panicked"))??;
    Ok(())
}

/// A role that may not log in any more keeps its connection, and with it everything; without one the page says why.
#[test]
fn login_taken_away() -> Result {
    let server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    exporter.page()?;
    server.sql("postgres", "ALTER ROLE watcher NOLOGIN")?;
    let page = exporter.page()?;
    assert_eq!((page.value("pg_up"), page.failed()), (Some(1.0), Vec::new()));
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'",
    )?;
    let page = exporter.until("the connection to be gone", |page| page.value("pg_up") == Some(0.0))?;
    down(&page, "authentication");
    assert_eq!(page.success("stat_database"), Some(0.0));
    server.sql("postgres", "ALTER ROLE watcher LOGIN")?;
    exporter.until("the login to work", |page| page.value("pg_up") == Some(1.0))?;
    Ok(())
}

/// Whenever it is, a scrape comes in time and tells the truth.
#[test]
fn restarted_amid_scrapes() -> Result {
    let mut server = bed()?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &["--auto-discover-databases"])?;
    exporter.page()?;
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| -> Result {
        let scraping = scope.spawn(|| -> Result<(usize, usize)> {
            let mut seen = (0, 0);
            while !done.load(order) {
                let page = exporter.page()?;
                assert!(page.took < Duration::from_millis(2500), "{:?}", page.took);
                let up = page.value("pg_up").ok_or_else(|| Error::new("no pg_up"))?;
                assert!(page.success("stat_database").is_some(), "each collector is accounted for");
                if up == 1.0 { seen.0 += 1 } else { seen.1 += 1 }
            }
            Ok(seen)
        });
        let restarted = server.stop().and_then(|()| server.start_again());
        let answers = restarted.and_then(|()| {
            exporter.until("the server to be back", |page| {
                page.value("pg_up") == Some(1.0) && page.failed().is_empty()
            })
        });
        done.store(true, order);
        let (_, down) = scraping.join().map_err(|_| Error::new("the scraper panicked"))??;
        assert!(down > 0, "a scrape has met the restart");
        answers.map(drop)
    })?;
    let count = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'postgres-exporter'";
    assert_eq!(server.session("postgres")?.text(count)?, "2", "one connection a database");
    Ok(())
}

#[test]
fn server_full() -> Result {
    let settings = ["max_connections=8", "superuser_reserved_connections=1", "max_wal_senders=0"];
    let server = Server::start(16, &settings)?.with_bed()?;
    let early = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    early.page()?;
    let dsn = server.dsn("watcher", "shop");
    let mut sessions = Vec::new();
    while let Ok(session) = crate::support::Session::open(&dsn) {
        sessions.push(session);
    }
    let page = early.page()?;
    assert_eq!((page.value("pg_up"), page.failed()), (Some(1.0), Vec::new()), "its connection is kept");
    let late = Exporter::start(&dsn, &[])?;
    down(&late.page()?, "too_many_connections");
    drop(sessions);
    late.until("a place", |page| page.value("pg_up") == Some(1.0))?;
    Ok(())
}

#[test]
fn dropped_database_and_no_leaks() -> Result {
    let server = bed()?;
    server.sql("postgres", "CREATE DATABASE doomed")?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &["--auto-discover-databases"])?;
    let page = exporter.page()?;
    assert_eq!(page.value("pg_exporter_connections"), Some(3.0), "postgres, shop, doomed");
    server.sql("postgres", "DROP DATABASE doomed WITH (FORCE)")?;
    let page = exporter.page()?;
    assert_eq!((page.value("pg_up"), page.failed()), (Some(1.0), Vec::new()), "{}", exporter.log());
    for _ in 0..20 {
        exporter.page()?;
    }
    let count = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'postgres-exporter'";
    assert_eq!(server.session("postgres")?.text(count)?, "2");
    assert_eq!(exporter.page()?.value("pg_exporter_connections_opened_total"), Some(3.0));
    Ok(())
}

#[test]
fn three_thousand_tables() -> Result {
    let server = bed()?;
    server.sql(
        "shop",
        "DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('CREATE TABLE t%s (a int)', n); \
        IF n % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    )?;
    let exporter = Exporter::start(&server.dsn("watcher", "shop"), &[])?;
    let page = exporter.page()?;
    assert_eq!(page.failed(), Vec::<&str>::new(), "{}", exporter.log());
    assert!(page.took < Duration::from_secs(5), "{:?}", page.took);
    assert!(page.find("pg_stat_user_tables_seq_scan", &["relname=\"t3000\""]).is_some());
    Ok(())
}

/// Without `pg_monitor` the log prints the statement that helps, and the rest is there.
#[test]
fn no_privileges() -> Result {
    let server = bed()?;
    server.sql("postgres", "CREATE ROLE \"O'Nobody\" LOGIN")?;
    let exporter = Exporter::start(&server.dsn("O'Nobody", "shop"), &["--collector.bloat"])?;
    let page = exporter.page()?;
    assert_eq!(page.value("pg_up"), Some(1.0));
    assert_eq!(page.success("wal"), Some(0.0));
    assert_eq!(page.success("stat_user_tables"), Some(1.0));
    wait::until("the log to tell", wait::LONG, || {
        let log = exporter.log();
        let told = log.contains("GRANT pg_monitor TO") && log.contains("GRANT pg_read_all_data TO");
        if told { Ok(()) } else { Err(Error::new(log)) }
    })
}
