//! A real PgBouncer: its console, a queue of clients, and a server behind it.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::postgres::{hand_over, unprivileged};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, tools, wait};

use crate::support::{Exporter, Server, Session};

/// A PgBouncer before a server: `shop` by transaction with one server connection, `whole` by session.
pub(crate) struct Bouncer {
    process: Process,
    port: Port,
    dir: TempDir,
}

impl Bouncer {
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let (dir, port) = (TempDir::new()?, ports::free()?);
        hand_over(dir.path())?;
        let behind = server.port();
        let users = dir.write("users.txt", "\"watcher\" \"\"\n\"admin\" \"\"\n\"postgres\" \"\"\n")?;
        dir.write(
            "pgbouncer.ini",
            format!(
                "[databases]\n\
                 shop = host=127.0.0.1 port={behind} dbname=shop pool_size=1\n\
                 whole = host=127.0.0.1 port={behind} dbname=shop pool_mode=session\n\
                 [pgbouncer]\n\
                 listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = trust\nauth_file = {}\nadmin_users = admin\nstats_users = watcher\n\
                 pool_mode = transaction\nmax_client_conn = 50\n",
                users.display()
            ),
        )?;
        let process = Self::run(&dir)?;
        let mut bouncer = Self { process, port, dir };
        bouncer.wait_ready()?;
        Ok(bouncer)
    }

    fn run(dir: &TempDir) -> Result<Process> {
        Process::spawn(unprivileged(tools::path("pgbouncer")?).arg(dir.path().join("pgbouncer.ini")))
    }

    fn wait_ready(&mut self) -> Result {
        let dsn = self.dsn("postgres", "whole");
        self.process.until("PgBouncer to answer", wait::LONG, || Session::open(&dsn).map(drop))
    }

    pub(crate) fn dsn(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

#[test]
fn console() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    let mut bouncer = Bouncer::start(&server)?;
    let exporter = Exporter::start(&bouncer.dsn("watcher", "pgbouncer"), &[])?;
    let page = exporter.page()?;
    assert_eq!(page.value("pgbouncer_up"), Some(1.0), "{}", exporter.log());
    assert_eq!((page.failed(), page.value("pg_up")), (Vec::new(), None), "{}", exporter.log());
    assert_eq!(page.value("pgbouncer_config_max_client_connections"), Some(50.0));
    assert_eq!(page.find("pgbouncer_databases_pool_size", &["name=\"shop\"", "pool_mode"]), Some(1.0));
    assert!(page.find("pgbouncer_version_info", &["PgBouncer 1."]).is_some());
    assert!(page.value("pgbouncer_used_clients").is_some() && page.value("pgbouncer_databases").is_some());
    // One has the only server connection, another waits for it.
    let mut holder = Session::open(&bouncer.dsn("postgres", "shop"))?;
    holder.run("BEGIN")?;
    let dsn = bouncer.dsn("postgres", "shop");
    let waiter = std::thread::spawn(move || Session::open(&dsn)?.run("SELECT 1"));
    let pool = ["database=\"shop\"", "user=\"postgres\""];
    let page = exporter.until("a client that has waited", |page| {
        page.find("pgbouncer_pools_client_waiting_connections", &pool) == Some(1.0)
            && page.find("pgbouncer_pools_client_maxwait_seconds", &pool) > Some(0.0)
    })?;
    assert_eq!(page.find("pgbouncer_pools_server_active_connections", &pool), Some(1.0));
    holder.run("COMMIT")?;
    waiter.join().map_err(|_| Error::new("the waiter panicked"))??;
    let page = exporter.page()?;
    assert_eq!(page.find("pgbouncer_pools_client_waiting_connections", &pool), Some(0.0));
    let shop = ["database=\"shop\""];
    assert!(page.find("pgbouncer_stats_queries_pooled_total", &shop) >= Some(3.0));
    let waited = page.find("pgbouncer_stats_client_wait_seconds_total", &shop).unwrap();
    assert!(waited > 0.0 && waited < 60.0, "seconds, not microseconds: {waited}");
    drop(holder);
    bouncer.process.stop()?;
    let page = exporter.page()?;
    assert_eq!(page.value("pgbouncer_up"), Some(0.0));
    assert_eq!(page.find("pgbouncer_connection_error", &["unreachable"]), Some(1.0), "{}", page.text);
    assert_eq!(page.success("pgbouncer"), Some(0.0));
    bouncer.process = Bouncer::run(&bouncer.dir)?;
    bouncer.wait_ready()?;
    assert_eq!(exporter.page()?.value("pgbouncer_up"), Some(1.0));
    Ok(())
}

#[test]
fn who_may_not_and_who_looks_through_it() -> Result {
    let server = Server::start(16, &[])?.with_bed()?;
    let bouncer = Bouncer::start(&server)?;
    let exporter = Exporter::start(&bouncer.dsn("postgres", "pgbouncer"), &[])?;
    assert_eq!(exporter.page()?.value("pgbouncer_up"), Some(0.0));
    assert!(exporter.log().contains("stats_users"), "{}", exporter.log());
    // A server's own statistics by way of PgBouncer, which takes no start-up options.
    let exporter = Exporter::start(&bouncer.dsn("watcher", "whole"), &[])?;
    let page = exporter.page()?;
    assert_eq!((page.value("pg_up"), page.failed()), (Some(1.0), Vec::new()), "{}", exporter.log());
    assert!(page.find("pg_stat_user_tables_n_live_tup", &["relname=\"orders\""]).is_some());
    let probing = Exporter::start("", &["--probe.allow=127.0.0.1", "--config.file=/dev/null"])?;
    let page = probing.get(&format!("/probe?target=127.0.0.1:{}/pgbouncer", bouncer.port))?;
    assert_eq!(page.value("pgbouncer_up"), Some(0.0), "postgres is the user without a module, and may not");
    Ok(())
}
