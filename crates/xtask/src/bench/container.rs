//! Containers to be watched, and the process that tells about them. What is measured is the one with the port, which has no
//! way to an engine; the memory of the other one is added.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::Process;
use exporter_testkit::{docker, http, ports, tools, wait};

use super::measure::{self, Job};
use super::{Options, process, table};
use crate::repo;
use crate::say::say;

const PEER: &str = "cadvisor";
/// Containers of one project of compose; the names of the others differ in this too.
const PER_PROJECT: usize = 8;

/// Running containers that sleep; removed with this value.
struct Containers(Vec<String>);

impl Containers {
    fn start(count: usize) -> Result<Self> {
        let image = docker::guest(&repo::root().join("exporters/container-exporter/fixtures/guest.rs"))?;
        let mut all = Self(Vec::new());
        for at in 0..count {
            let name = format!("bench-{}-{at}", std::process::id());
            let label = |key: &str, value: String| format!("--label=com.docker.compose.{key}={value}");
            let labels = [
                label("project", format!("shop{}", at / PER_PROJECT)),
                label("service", format!("service{at}")),
                label("project.working_dir", format!("/srv/shop{}", at / PER_PROJECT)),
                label("container-number", "1".to_owned()),
            ];
            let mut words = vec!["run", "--detach", "--name", &name];
            words.extend(labels.iter().map(String::as_str));
            if at.is_multiple_of(2) {
                words.extend(["--memory=64m", "--cpus=0.5"]);
            }
            words.extend([image.as_str(), "sleep"]);
            all.0.push(docker::run(&words)?.trim().to_owned());
        }
        Ok(all)
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        // All at once: one after the other takes a minute.
        let words = ["rm", "--force", "--volumes"].into_iter().chain(self.0.iter().map(String::as_str));
        let _ = docker::run(&words.collect::<Vec<_>>());
    }
}

/// How many containers the benchmark of this name has.
pub(super) fn count(name: &str) -> Option<usize> {
    match name {
        "container" => Some(100),
        "container-50" => Some(50),
        _ => None,
    }
}

pub(super) fn run(options: &Options, ours: PathBuf, count: usize) -> Result<ExitCode> {
    let containers = Containers::start(count).context("the containers to be watched")?;
    let dir = TempDir::new()?;
    let socket = dir.path().join("meta.sock");
    let mut meta =
        Process::spawn(Command::new(&ours).arg("meta").arg(format!("--socket={}", socket.display())))?;
    meta.until("meta's socket", wait::LONG, || {
        std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(Into::into)
    })?;
    all_are_known(&ours, &socket, &containers)?;
    let job = |program: PathBuf, args: &[String]| Job {
        program,
        args: args.to_vec(),
        env: Vec::new(),
        watched: Some(meta.pid()),
        path: "/metrics".to_owned(),
        scrapes: options.scrapes,
        interfaces: options.interfaces,
    };
    let figures = measure::run(&job(ours, &arguments(&socket, "PORT"))).context("our exporter")?;
    let told = process::resident(meta.pid())?;
    let peer = tools::path(PEER).ok().map(|program| {
        let args = ["--port=PORT", "--listen_ip=127.0.0.1", "--docker_only=true"].map(str::to_owned);
        measure::run(&job(program, &args)).context(PEER)
    });
    let peer = peer.transpose()?;
    say(format!(
        "{}: {} scrapes a phase, keep-alive, {count} running containers",
        options.name, options.scrapes
    ));
    say(table::render(PEER, &figures, peer.as_ref(), options.scrapes));
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    say(format!(
        "memory with `container-exporter meta`: {:.1} + {:.1} = {:.1} MB",
        megabytes(figures.gzip.resident),
        megabytes(told),
        megabytes(figures.gzip.resident + told),
    ));
    Ok(ExitCode::SUCCESS)
}

fn arguments(socket: &std::path::Path, port: &str) -> [String; 2] {
    [format!("--web.listen-address=127.0.0.1:{port}"), format!("--meta.socket={}", socket.display())]
}

/// Waits until a page has the memory of each of them: a benchmark of an empty page would be a fine one.
fn all_are_known(ours: &std::path::Path, socket: &std::path::Path, all: &Containers) -> Result<()> {
    let port = ports::free()?;
    let mut exporter = Process::spawn(Command::new(ours).args(arguments(socket, &port.to_string())))?;
    let url = format!("http://{}/metrics", port.address());
    exporter.until("all containers on the page", wait::LONG, || {
        let page = http::get(&url, &[])?.text();
        let shown = |id: &String| page.contains(&format!("container_memory_rss{{id=\"/docker/{id}\""));
        let count = all.0.iter().filter(|id| shown(id)).count();
        match count == all.0.len() {
            true => Ok(()),
            false => Err(exporter_testkit::Error::new(format!("{count} of {}", all.0.len()))),
        }
    })?;
    Ok(())
}
