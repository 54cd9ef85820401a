//! The second engine, with storage and a service of its own: nobody else's containers are seen or stopped.

use super::docker::source;
use super::support::{Exporter, LIMIT};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::{self, Process, Signal};
use exporter_testkit::{Error, Result, docker, tools};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const IMAGE: &str = "localhost/guest:1";

/// Somebody whom every system has, without a range of users of his own.
const NOBODY: u32 = 65534;

struct Podman {
    service: Process,
    user: Option<u32>,
    dir: TempDir,
    program: PathBuf,
}

impl Podman {
    fn start() -> Result<Self> {
        Self::start_as(None)
    }

    fn start_as(user: Option<u32>) -> Result<Self> {
        let (program, dir) = (tools::path("podman")?, TempDir::new()?);
        std::os::unix::fs::chown(dir.path(), user, user)?;
        let mut service = command(&program, &dir, user);
        service.args(["system", "service", "--time=0"]).arg(format!("unix://{}", socket(&dir).display()));
        let mut podman = Self { service: Process::spawn(&mut service)?, user, dir, program };
        let path = socket(&podman.dir);
        podman.service.until("podman's service", LIMIT, || {
            std::os::unix::net::UnixStream::connect(&path).map(drop).map_err(Error::from)
        })?;
        let archive = docker::archive(&source())?;
        let file = podman.dir.path().join("guest.tar");
        std::fs::copy(archive.path().join("guest.tar"), &file)?;
        let file = file.display().to_string();
        podman.run(&["import", "--change", "ENTRYPOINT=[\"/bin/sh\"]", &file, IMAGE])?;
        Ok(podman)
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        Ok(process::run(command(&self.program, &self.dir, self.user).args(words), LIMIT)?.trim().to_owned())
    }

    /// A container; limits that a machine without CAP_SYS_RESOURCE may set, and no bridge to be left behind.
    fn container(&self, name: &str, options: &[&str], words: &str) -> Result<String> {
        let mut all = vec!["run", "--detach", "--network=none", "--name", name];
        all.extend(["--ulimit=nofile=512:512", "--ulimit=nproc=512:512"]);
        all.extend(options);
        all.push(IMAGE);
        all.extend(words.split(' '));
        self.run(&all)
    }

    fn exporter(&self) -> Result<Exporter> {
        let endpoint = format!("--endpoint=unix://{}", socket(&self.dir).display());
        Exporter::start_as(self.user, &["--mode=engine", &endpoint])
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.signal(Signal::CONT);
        let _ = self.run(&["rm", "--force", "--all", "--time=0"]);
        if self.user.is_some() {
            // Ends the process that holds the user's namespace.
            let _ = self.run(&["system", "migrate"]);
        }
    }
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("podman.sock")
}

fn command(program: &std::path::Path, dir: &TempDir, user: Option<u32>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user).gid(user).env("HOME", dir.path()).env("XDG_RUNTIME_DIR", dir.path());
    }
    // Where its monitor leaves a file after a kill for memory.
    command.current_dir(dir.path());
    command.arg("--root").arg(dir.path().join("root")).arg("--runroot").arg(dir.path().join("run"));
    command.arg("--tmpdir").arg(dir.path().join("tmp"));
    command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]);
    command
}

#[test]
fn its_containers_are_shown_like_dockers() -> Result {
    let podman = Podman::start()?;
    let mut exporter = podman.exporter()?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).eq([1.0]))?;
    let label = "--label=io.podman.compose.project=shop";
    let id = podman.container("web", &["--memory=64m", label], "hold 16777216 then sleep")?;
    let path = format!("/libpod_parent/libpod-{id}");
    let labels = [
        ("id", path.as_str()),
        ("image", IMAGE),
        ("name", "web"),
        ("container_label_io_podman_compose_project", "shop"),
    ];
    let page = exporter.until("its memory", |page| {
        page.get("container_memory_rss", &labels).is_some_and(|bytes| bytes >= f64::from(16 << 20))
    })?;
    for (family, expected) in [
        ("container_running", 1.0),
        ("container_spec_memory_limit_bytes", f64::from(64 << 20)),
        ("container_processes", 1.0),
        ("container_image_outdated", 0.0),
    ] {
        assert_eq!(page.get(family, &labels), Some(expected), "{family}");
    }
    assert!(page.0.contains("runtime=\"podman\""));
    exporter.until("the event", |page| page.get("container_starts_total", &labels) == Some(1.0))?;

    podman.container("job", &[], "exit 3")?;
    let job = [("name", "job")];
    exporter.until("its end", |page| {
        page.get("container_exit_code", &job) == Some(3.0)
            && page.get("container_state", &[job[0], ("state", "exited")]) == Some(1.0)
            && page.get("container_exits_total", &[job[0], ("reason", "error")]) == Some(1.0)
    })?;
    // Podman tells of no kill for memory by an event, and on version 1 not by its inspection either: the cgroup does.
    podman.container("fat", &["--memory=32m"], "pause 1500 then oom")?;
    exporter.until("its end for memory", |page| {
        page.get("container_exit_code", &[("name", "fat")]) == Some(137.0)
    })?;

    podman.run(&["rm", "--force", "--time=0", "web"])?;
    let page = exporter
        .until("the end of web", |page| page.all("container_running", &[("name", "web")]).next().is_none())?;
    assert_eq!(page.all("container_last_seen", &labels).count(), 1, "a tombstone");
    Ok(())
}

/// Of version 1 an engine without root gets no cgroups, so of usage nothing can be said here.
#[test]
fn one_without_root_has_states_and_ends() -> Result {
    let podman = Podman::start_as(Some(NOBODY))?;
    let mut exporter = podman.exporter()?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).eq([1.0]))?;
    podman.container("web", &[], "sleep")?;
    podman.container("job", &[], "exit 3")?;
    exporter.until("both", |page| {
        page.get("container_running", &[("name", "web")]) == Some(1.0)
            && page.get("container_exit_code", &[("name", "job")]) == Some(3.0)
            && page.get("container_exits_total", &[("name", "job"), ("reason", "error")]) == Some(1.0)
    })?;
    Ok(())
}

#[test]
fn a_stopped_engine_costs_docker_up_and_nothing_else() -> Result {
    let podman = Podman::start()?;
    podman.container("web", &[], "sleep")?;
    let mut exporter = podman.exporter()?;
    let web = [("name", "web")];
    exporter.until("the container", |page| page.get("container_memory_rss", &web).is_some())?;

    podman.service.signal(Signal::STOP)?;
    let page = exporter.until("the silence to be noticed", |page| page.all("docker_up", &[]).eq([0.0]))?;
    assert!(page.get("container_memory_rss", &web).is_some());
    let begin = Instant::now();
    exporter.page()?;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());

    podman.service.signal(Signal::CONT)?;
    exporter.until("all to be well", |page| page.all("docker_up", &[]).eq([1.0]))?;
    Ok(())
}
