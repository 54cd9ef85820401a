//! The example program `weather` as a server in a process of its own, and clients that watch it.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::http::{self, Connection};
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, wait};
use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Cargo builds examples beside the tests that it runs.
pub(crate) fn weather() -> Command {
    // To try another build of it, a release build say.
    if let Some(path) = std::env::var_os("WEATHER") {
        return Command::new(path);
    }
    let here = std::env::current_exe().unwrap();
    let path: PathBuf = here.ancestors().nth(2).unwrap().join("examples/weather");
    assert!(path.is_file(), "{} is not there: run cargo test -p exporter-core", path.display());
    Command::new(path)
}

/// A running server; ended when dropped.
pub(crate) struct Weather {
    pub(crate) process: Process,
    pub(crate) dir: TempDir,
    pub(crate) port: Port,
}

impl Weather {
    /// A page of so many series, about 45 bytes each.
    pub(crate) fn start(series: usize) -> Self {
        Self::start_with(series, |_, _| {})
    }

    /// `prepare` writes files and adds arguments.
    pub(crate) fn start_with(series: usize, prepare: impl FnOnce(&TempDir, &mut Command)) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), ports::free().unwrap());
        let mut command = weather();
        command.arg(format!("--station.file={}", stations(&dir, series).display()));
        command.arg(format!("--web.listen-address={}", port.address()));
        prepare(&dir, &mut command);
        let mut process = Process::spawn(&mut command).unwrap();
        process.wait_stderr_line("listening", LIMIT).unwrap();
        Self { process, dir, port }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.port.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// A page, asked for on a connection of its own.
    pub(crate) fn scrape(&self, headers: &[(&str, &str)]) -> Result<http::Response, Error> {
        let mut connection = Connection::open(&self.port.address(), LIMIT)?;
        connection.send(&http::request("GET", &self.port.address(), "/metrics", headers, b""), LIMIT)
    }

    fn status(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The most memory it has ever had, in kB.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Open files and threads.
    pub(crate) fn held(&self) -> (usize, u64) {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count();
        (files, self.status("Threads:"))
    }

    /// Waits until it holds no more files than before, and nothing is under way.
    pub(crate) fn settles(&self, before: (usize, u64)) {
        wait::until("what it held before", LIMIT, || {
            let held = self.held();
            // A thread of the blocking pool stays for a while.
            if held.0 <= before.0 && held.1 <= before.1 + 3 {
                return Ok(());
            }
            Err(Error::new(format!("{held:?} instead of {before:?} files and threads")))
        })
        .unwrap();
    }
}

pub(crate) fn stations(dir: &TempDir, series: usize) -> PathBuf {
    let mut text = String::new();
    for station in 0..series {
        writeln!(text, "station{station} {}.5", station % 40).unwrap();
    }
    dir.write("stations.txt", text).unwrap()
}

/// A scraper that comes again and again while something else goes on.
pub(crate) struct Scraper<'scope> {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::ScopedJoinHandle<'scope, (usize, Duration)>>,
}

/// A test that fails must end, too.
impl Drop for Scraper<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl<'scope> Scraper<'scope> {
    /// `scrape` asks once, on a new connection, and panics where it is not served.
    pub(crate) fn start(
        scope: &'scope std::thread::Scope<'scope, '_>,
        scrape: impl Fn() + Send + 'scope,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = scope.spawn(move || {
            let (mut served, mut longest) = (0, Duration::ZERO);
            while !stopped.load(Ordering::Relaxed) || served == 0 {
                let start = Instant::now();
                scrape();
                longest = longest.max(start.elapsed());
                served += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            (served, longest)
        });
        Self { stop, thread: Some(thread) }
    }

    /// How often it was served, and how long it waited at most.
    pub(crate) fn stop(mut self) -> (usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(|thread| thread.join().unwrap()).unwrap_or_default()
    }
}
