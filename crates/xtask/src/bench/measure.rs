//! The phases of one measurement.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use exporter_testkit::http::Connection;
use exporter_testkit::process::Process;
use exporter_testkit::{Error, ports, wait};
use serde::{Deserialize, Serialize};

use super::load::{Client, Scrapes, percentile};
use super::process;

/// Scrapes before anything is measured.
const WARM_UP: usize = 20;
/// Scrapers of the last phase.
const CLIENTS: usize = 8;
/// How long a fresh exporter's memory must stand still before it counts as settled.
const SETTLED: Duration = Duration::from_millis(500);

/// One exporter to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) program: PathBuf,
    /// `PORT` in them is replaced.
    pub(super) args: Vec<String>,
    /// `NAME=VALUE`.
    pub(super) env: Vec<String>,
    /// Process of the server that it watches.
    pub(super) watched: Option<u32>,
    pub(super) path: String,
    /// Scrapes in each phase.
    pub(super) scrapes: usize,
    pub(super) interfaces: usize,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Phase {
    /// Own processor milliseconds a scrape, from the threads' nanoseconds.
    pub(super) cpu_ms: f64,
    /// The same from the process' ticks.
    pub(super) cpu_ticks_ms: f64,
    /// Of the server that it watches, from ticks.
    pub(super) watched_ms: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Resident memory after it.
    pub(super) resident: u64,
    /// Body as sent.
    pub(super) wire_bytes: usize,
    /// Processors kept busy by anything but the exporter, the client included.
    pub(super) others_busy: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) binary_bytes: u64,
    pub(super) resident_start: u64,
    pub(super) series: usize,
    pub(super) plain: Phase,
    pub(super) gzip: Phase,
    /// Whether gzip was really answered.
    pub(super) compressed: bool,
    pub(super) concurrent: Phase,
}

/// Starts the exporter, scrapes it phase by phase, ends it.
pub(super) fn run(job: &Job) -> Result<Figures> {
    let port = ports::free()?;
    let args = job.args.iter().map(|arg| arg.replace("PORT", &port.to_string()));
    let env = job.env.iter().filter_map(|pair| pair.split_once('='));
    let mut exporter = Process::spawn(Command::new(&job.program).args(args).envs(env))?;
    let address = port.address();
    // A connection, not a scrape: the first figure is its memory before any scrape.
    exporter
        .until("the exporter to listen", wait::LONG, || Connection::open(&address, wait::LONG).map(drop))?;
    let pid = exporter.pid();
    let phase = |work: &dyn Fn() -> Result<Scrapes>| phase(pid, job.watched, work);
    let resident_start = settled(pid)?;
    let plain = Client { address, path: job.path.clone(), gzip: false };
    let gzip = Client { gzip: true, ..plain.clone() };
    plain.sequential(WARM_UP)?;
    let (plain_phase, page) = phase(&|| plain.sequential(job.scrapes))?;
    let (gzip_phase, packed) = phase(&|| gzip.sequential(job.scrapes))?;
    let (concurrent, _) = phase(&|| gzip.concurrent(job.scrapes, CLIENTS))?;
    exporter.stop()?;
    let body = page.last.map(|answer| answer.text()).unwrap_or_default();
    let encoding = packed.last.as_ref().and_then(|answer| answer.header("content-encoding"));
    Ok(Figures {
        binary_bytes: std::fs::metadata(&job.program)?.len(),
        resident_start,
        series: body.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count(),
        plain: plain_phase,
        gzip: gzip_phase,
        compressed: encoding == Some("gzip"),
        concurrent,
    })
}

fn phase(pid: u32, watched: Option<u32>, work: &dyn Fn() -> Result<Scrapes>) -> Result<(Phase, Scrapes)> {
    let watched = || watched.map_or(Ok(0.0), process::family_ticks);
    let watched_before = watched()?;
    let (begin, busy, cpu) = (Instant::now(), process::machine_busy()?, process::cpu(pid)?);
    let scrapes = work()?;
    let watched_after = watched()?;
    let (cpu_after, busy_after) = (process::cpu(pid)?, process::machine_busy()?);
    let wall = begin.elapsed().as_secs_f64();
    let count = scrapes.seconds.len() as f64;
    let ticks = cpu_after.ticks - cpu.ticks;
    let phase = Phase {
        cpu_ms: 1000.0 * (cpu_after.threads - cpu.threads) / count,
        cpu_ticks_ms: 1000.0 * ticks / count,
        watched_ms: 1000.0 * (watched_after - watched_before) / count,
        p50_ms: 1000.0 * percentile(&scrapes.seconds, 0.5),
        p99_ms: 1000.0 * percentile(&scrapes.seconds, 0.99),
        resident: process::resident(pid)?,
        wire_bytes: scrapes.last.as_ref().map_or(0, |answer| answer.body.len()),
        others_busy: (busy_after - busy - ticks).max(0.0) / wall,
    };
    Ok((phase, scrapes))
}

/// Its memory once it has stood still for a while.
pub(super) fn settled(pid: u32) -> Result<u64> {
    let mut last = (Instant::now(), process::resident(pid)?);
    wait::until("the exporter's memory to settle", wait::LONG, || {
        let now = process::resident(pid).map_err(|error| Error::new(format!("{error:#}")))?;
        if now != last.1 {
            last = (Instant::now(), now);
        }
        if last.0.elapsed() >= SETTLED { Ok(now) } else { Err(Error::new(format!("{now} bytes, moving"))) }
    })
    .context("is it running?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use exporter_testkit::tools;

    #[test]
    fn a_real_exporter_has_real_figures() {
        let job = Job {
            program: tools::path("node_exporter").unwrap(),
            args: [
                "--web.listen-address=127.0.0.1:PORT",
                "--collector.disable-defaults",
                "--collector.loadavg",
            ]
            .map(str::to_owned)
            .to_vec(),
            path: "/metrics".to_owned(),
            env: Vec::new(),
            watched: Some(std::process::id()),
            scrapes: 16,
            interfaces: 1,
        };
        let figures = run(&job).unwrap();
        assert!(figures.compressed && figures.series > 10, "{figures:?}");
        assert!(figures.gzip.wire_bytes < figures.plain.wire_bytes, "{figures:?}");
        assert!(figures.plain.cpu_ms > 0.0 && figures.plain.p50_ms <= figures.plain.p99_ms, "{figures:?}");
        assert!(figures.resident_start > 1_000_000, "{figures:?}");
    }
}
