//! A private PostgreSQL server, a session on it, and the exporter beside it.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::postgres::{hand_over, program, unprivileged};
use exporter_testkit::process::{self, Process};
use exporter_testkit::wait::{self, LONG};
use exporter_testkit::{Error, Result, http};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

const BED: &str = "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_buffercache; \
    CREATE TABLE orders (id int PRIMARY KEY, made timestamptz DEFAULT now(), note text); \
    CREATE INDEX orders_made ON orders (made); \
    INSERT INTO orders SELECT g, now(), 'x' FROM generate_series(1, 1000) g; \
    CREATE MATERIALIZED VIEW daily AS SELECT count(*) AS n FROM orders; \
    ANALYZE";

/// A server that ends with its value.
pub(crate) struct Server {
    process: Process,
    port: Port,
    dir: TempDir,
    major: u32,
    args: Vec<String>,
}

impl Server {
    pub(crate) fn start(major: u32, settings: &[&str]) -> Result<Server> {
        let dir = TempDir::new()?;
        hand_over(dir.path())?;
        let data = dir.path().join("data");
        process::run(
            unprivileged(program(major, "initdb")?)
                .args(["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
                .arg(&data),
            LONG,
        )?;
        Self::run(major, dir, settings)
    }

    fn run(major: u32, dir: TempDir, settings: &[&str]) -> Result<Server> {
        let port = ports::free()?;
        let mut args: Vec<String> = vec!["-D".into(), dir.path().join("data").display().to_string()];
        args.extend(["-p".into(), port.to_string(), "-k".into(), dir.path().display().to_string()]);
        let base = ["fsync=off", "shared_buffers=16MB", "shared_preload_libraries=pg_stat_statements"];
        for setting in base.iter().chain(settings) {
            args.extend(["-c".into(), (*setting).into()]);
        }
        let process = Process::spawn(unprivileged(program(major, "postgres")?).args(&args))?;
        let mut server = Server { process, port, dir, major, args };
        server.wait_ready()?;
        Ok(server)
    }

    fn wait_ready(&mut self) -> Result {
        let dsn = self.dsn("postgres", "postgres");
        self.process.until("the server to answer", LONG, || Session::open(&dsn).map(drop))
    }

    /// A streaming standby of this server.
    pub(crate) fn standby(&self) -> Result<Server> {
        let dir = TempDir::new()?;
        let data = dir.path().join("data");
        let mut session = self.session("postgres")?;
        // pg_basebackup is not in the build: a cold copy between the two calls does the same.
        let (begin, end) = if self.major >= 15 {
            ("SELECT pg_backup_start('standby', true)", "SELECT labelfile FROM pg_backup_stop(false)")
        } else {
            (
                "SELECT pg_start_backup('standby', true, false)",
                "SELECT labelfile FROM pg_stop_backup(false, false)",
            )
        };
        session.run(begin)?;
        process::run(Command::new("cp").arg("-a").arg(self.dir.path().join("data")).arg(&data), LONG)?;
        let label = session.text(end)?;
        std::fs::remove_file(data.join("postmaster.pid"))?;
        std::fs::write(data.join("backup_label"), label)?;
        std::fs::write(data.join("standby.signal"), "")?;
        if rustix::process::geteuid().is_root() {
            process::run(Command::new("chown").args(["-R", "65534:65534"]).arg(dir.path()), LONG)?;
        }
        let primary = format!("primary_conninfo=host=127.0.0.1 port={} user=postgres", self.port);
        Self::run(self.major, dir, &[&primary, "primary_slot_name=standby"])
    }

    pub(crate) fn dsn(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    pub(crate) fn session(&self, database: &str) -> Result<Session> {
        Session::open(&self.dsn("postgres", database))
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) -> Result {
        self.session(database)?.run(sql)
    }

    /// A role with `pg_monitor` alone, and a database with something of everything.
    pub(crate) fn with_bed(self) -> Result<Server> {
        self.sql("postgres", "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher")?;
        self.sql("postgres", "CREATE DATABASE shop")?;
        self.sql("shop", BED)?;
        Ok(self)
    }

    pub(crate) fn pids(&self) -> Result<Vec<u32>> {
        let list = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.pid()))?;
        let children = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        Ok(std::iter::once(self.process.pid()).chain(children).collect())
    }

    pub(crate) fn stop(&mut self) -> Result {
        self.process.signal(rustix::process::Signal::INT)?;
        self.process.wait_exit(LONG).map(drop)
    }

    pub(crate) fn start_again(&mut self) -> Result {
        self.process = Process::spawn(unprivileged(program(self.major, "postgres")?).args(&self.args))?;
        self.wait_ready()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Quicker than TERM, which waits for sessions to end.
        let _ = self.stop();
    }
}

/// A session that stays open.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    pub(crate) fn open(dsn: &str) -> Result<Session> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(dsn, NoTls).await?;
            tokio::spawn(async move {
                let _ = connection.await;
            });
            Ok::<_, tokio_postgres::Error>(client)
        });
        let client = client.map_err(Error::context("connecting"))?;
        Ok(Session { runtime, client })
    }

    pub(crate) fn run(&mut self, sql: &str) -> Result {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(Error::context(sql.to_owned()))
    }

    pub(crate) fn text(&mut self, sql: &str) -> Result<String> {
        let row =
            self.runtime.block_on(self.client.query_one(sql, &[])).map_err(Error::context(sql.to_owned()))?;
        Ok(row.get::<_, Option<String>>(0).unwrap_or_default())
    }
}

/// The exporter as a program.
pub(crate) struct Exporter {
    process: Process,
    port: Port,
}

impl Exporter {
    pub(crate) fn start(dsn: &str, args: &[&str]) -> Result<Exporter> {
        Self::start_with(dsn, args, &[])
    }

    pub(crate) fn start_with(dsn: &str, args: &[&str], variables: &[(&str, String)]) -> Result<Exporter> {
        let port = ports::free()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_postgres-exporter"));
        command.arg(format!("--web.listen-address={}", port.address())).args(args);
        command.env("DATA_SOURCE_NAME", dsn).envs(variables.iter().cloned());
        let mut exporter = Exporter { process: Process::spawn(&mut command)?, port };
        let url = format!("http://{}/", exporter.port.address());
        exporter.process.wait_http(&url, LONG)?;
        Ok(exporter)
    }

    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    pub(crate) fn page(&self) -> Result<Page> {
        self.get("/metrics")
    }

    pub(crate) fn get(&self, path: &str) -> Result<Page> {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Page> {
        let begin = Instant::now();
        let url = format!("http://{}{path}", self.port.address());
        let text = http::get(&url, headers)?.expect_status(200)?.text();
        Ok(Page { text, took: begin.elapsed() })
    }

    pub(crate) fn status(&self, path: &str) -> Result<u16> {
        Ok(http::get(&format!("http://{}{path}", self.port.address()), &[])?.status)
    }

    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// Resident memory, in kB.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| Error::new("no VmRSS"))
    }

    pub(crate) fn until(&self, what: &str, mut ready: impl FnMut(&Page) -> bool) -> Result<Page> {
        wait::until(what, LONG, || {
            let page = self.page()?;
            if ready(&page) { Ok(page) } else { Err(Error::new(format!("pg_up {:?}", page.value("pg_up")))) }
        })
    }
}

/// A page and how long it took.
pub(crate) struct Page {
    pub text: String,
    pub took: Duration,
}

impl Page {
    /// The value of a whole series, `name{labels}`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let line = self
            .text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// The value of the first series of a family whose labels contain all of these.
    pub(crate) fn find(&self, family: &str, labels: &[&str]) -> Option<f64> {
        let line = self.text.lines().find(|line| {
            line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
                && labels.iter().all(|label| line.contains(label))
        })?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    pub(crate) fn success(&self, collector: &str) -> Option<f64> {
        self.value(&format!("pg_scrape_collector_success{{collector=\"{collector}\"}}"))
    }

    /// Collectors that failed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let prefix = "pg_scrape_collector_success{collector=\"";
        self.text.lines().filter_map(|line| line.strip_prefix(prefix)?.strip_suffix("\"} 0")).collect()
    }
}
