//! A PostgreSQL server to be watched: six databases, in one of them many tables in use, statements on record, sessions that
//! stay open. It listens on a socket, so that exporters in a network of their own reach it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::postgres::{hand_over, program, unprivileged};
use exporter_testkit::process::{self, Process};
use exporter_testkit::wait;

/// The newest version whose every family the peer knows.
const MAJOR: u32 = 15;
const LIMIT: Duration = Duration::from_secs(120);
/// Of the main database, which exporters connect to.
const DATABASE: &str = "shop";
/// Statements on record, besides those that made the tables.
const DISTINCT: usize = 150;

/// Ended with its value.
pub(super) struct Server {
    process: Process,
    dir: TempDir,
    sessions: Vec<Session>,
}

impl Server {
    /// Starts one with this many tables.
    pub(super) fn start(tables: usize) -> Result<Self> {
        let dir = TempDir::new()?;
        hand_over(dir.path())?;
        let data = dir.path().join("data");
        let mut initdb = unprivileged(program(MAJOR, "initdb")?);
        initdb.args(["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"]);
        process::run(initdb.arg(&data), wait::LONG)?;
        let mut command = unprivileged(program(MAJOR, "postgres")?);
        command.arg("-D").arg(&data).arg("-k").arg(dir.path());
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "autovacuum=off",
            "max_locks_per_transaction=1024",
            "shared_preload_libraries=pg_stat_statements",
            "track_commit_timestamp=on",
        ] {
            command.args(["-c", setting]);
        }
        let mut server = Self { process: Process::spawn(&mut command)?, dir, sessions: Vec::new() };
        let socket = server.socket();
        let open = || Session::open(&socket, "postgres").map(drop);
        let ready = || open().map_err(|error| exporter_testkit::Error::new(format!("{error:#}")));
        server.process.until("the server to answer", wait::LONG, ready)?;
        server.fill(tables)?;
        Ok(server)
    }

    fn fill(&mut self, tables: usize) -> Result<()> {
        let socket = self.socket();
        let mut first = Session::open(&socket, "postgres")?;
        for name in [DATABASE, "billing", "crm", "stock", "audit"] {
            first.run(&format!("CREATE DATABASE {name}"))?;
        }
        first.run("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher")?;
        first.run("SELECT pg_create_physical_replication_slot('standby_a', true)")?;
        first.run("SELECT pg_create_physical_replication_slot('standby_b', true)")?;
        let mut shop = Session::open(&socket, DATABASE)?;
        shop.run("CREATE EXTENSION pg_stat_statements")?;
        for at in 0..tables {
            shop.run(&format!(
                "CREATE TABLE orders_of_{at} (id int PRIMARY KEY, made timestamptz DEFAULT now(), note text); \
                 CREATE INDEX ON orders_of_{at} (made); \
                 INSERT INTO orders_of_{at} SELECT g, now(), 'x' FROM generate_series(1, 50) g"
            ))?;
        }
        shop.run("CREATE MATERIALIZED VIEW daily AS SELECT count(*) AS n FROM orders_of_0")?;
        shop.run("VACUUM ANALYZE")?;
        for at in 0..DISTINCT {
            shop.run(&format!("SELECT count(*) FROM orders_of_{} WHERE id = 7", at % tables))?;
        }
        for database in [DATABASE, "billing", "crm"] {
            let mut idle = Session::open(&socket, database)?;
            idle.run("SELECT 1")?;
            let mut leaking = Session::open(&socket, database)?;
            leaking.run("BEGIN; SELECT 1")?;
            self.sessions.extend([idle, leaking]);
        }
        Ok(())
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join(".s.PGSQL.5432")
    }
}

impl super::Watched for Server {
    /// A connection string.
    fn address(&self) -> String {
        let dir = self.dir.path().display();
        format!("host={dir} user=watcher dbname={DATABASE} sslmode=disable")
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.sessions.clear();
        // Quicker than TERM, which waits for sessions to end.
        let _ = self.process.signal(process::Signal::INT);
        let _ = self.process.wait_exit(wait::LONG);
    }
}

/// As much of the protocol as it takes to run statements.
struct Session(UnixStream);

impl Session {
    fn open(socket: &std::path::Path, database: &str) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut session = Self(stream);
        let mut start = 196_608_u32.to_be_bytes().to_vec();
        for word in ["user", "postgres", "database", database, ""] {
            start.extend_from_slice(word.as_bytes());
            start.push(0);
        }
        session.send(None, &start)?;
        session.until_ready()?;
        Ok(session)
    }

    fn run(&mut self, sql: &str) -> Result<()> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.until_ready().with_context(|| sql.to_owned())
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(body);
        Ok(self.0.write_all(&message)?)
    }

    fn until_ready(&mut self) -> Result<()> {
        let mut failed = None;
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let mut body = vec![0; length.saturating_sub(4)];
            self.0.read_exact(&mut body)?;
            match (head[0], failed.take()) {
                (b'E', _) => failed = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                (b'Z', Some(why)) => bail!("the server says: {why}"),
                (b'Z', None) => return Ok(()),
                (_, before) => failed = before,
            }
        }
    }
}
