//! Memory of the all-in-one with several instances: two of node with all collectors, and somebody else's exporter, which
//! mounts a registry of prometheus-client, twice.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::http::Connection;
use exporter_testkit::process::Process;
use exporter_testkit::{ports, wait};

use super::load::Client;
use super::measure::settled;
use super::process::resident;
use crate::say::say;

const PATHS: [&str; 4] =
    ["/node/metrics", "/node/second/metrics", "/weather/metrics", "/weather/garden/metrics"];
/// Scrapes of a page between two looks at the memory.
const STEP: usize = 20;

/// Measures and prints.
pub(super) fn run(program: &Path, scrapes: usize) -> Result<ExitCode> {
    let dir = TempDir::new()?;
    let stations = dir.write("stations.txt", "roof 21.5\ngarden 18.25\n")?;
    let weather = format!("station.file: {}", stations.display());
    let config = dir.write(
        "exporters.yml",
        format!(
            "exporters:\n  node:\n    - {{}}\n    - {{name: second}}\n  weather:\n    - {{{weather}}}\n    - {{name: garden, {weather}}}\n"
        ),
    )?;
    let port = ports::free()?;
    let address = port.address();
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    let mut exporter = Process::spawn(command.arg(format!("--web.listen-address={address}")))?;
    exporter
        .until("the exporter to listen", wait::LONG, || Connection::open(&address, wait::LONG).map(drop))?;
    let pid = exporter.pid();
    say(format!(
        "composed: four instances in one process of {:.1} MB; resident {:.2} MB before any scrape",
        std::fs::metadata(program)?.len() as f64 / 1e6,
        settled(pid)? as f64 / 1e6
    ));
    let mut most = 0;
    for done in (STEP..=scrapes).step_by(STEP) {
        for path in PATHS {
            Client { address: address.clone(), path: path.to_owned(), gzip: true }.sequential(STEP)?;
        }
        let now = resident(pid)?;
        most = most.max(now);
        if done.is_multiple_of(5 * STEP) {
            say(format!("  {done:>5} scrapes of each page: {:.2} MB", now as f64 / 1e6));
        }
    }
    say(format!("  the most that was seen, every {STEP} scrapes: {:.2} MB", most as f64 / 1e6));
    exporter.stop()?;
    Ok(ExitCode::SUCCESS)
}
