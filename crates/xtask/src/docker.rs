//! A Docker daemon for the tests that need one.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use exporter_testkit::Error;
use exporter_testkit::process::Process;
use exporter_testkit::wait;

use crate::say::say;
use crate::{setup, shell};

const LIMIT: Duration = Duration::from_secs(90);

/// A daemon we started; ended when dropped. `None`: one answered already, and is not ours to end.
pub(crate) fn ensure() -> Result<Option<Process>> {
    if answers() {
        return Ok(None);
    }
    if std::env::var_os("DOCKER_HOST").is_some() {
        bail!("the Docker daemon named by DOCKER_HOST does not answer");
    }
    if is_running() {
        // Somebody's daemon that is starting; a second one would fight it for the same files.
        wait::until("the running dockerd to answer", LIMIT, look)?;
        return Ok(None);
    }
    let Some(program) = shell::find("dockerd") else { bail!("dockerd is missing: run `cargo xtask setup`") };
    if !setup::is_root() {
        bail!(
            "no Docker daemon answers, and only root can start one: start it (sudo systemctl start docker)"
        );
    }
    say("test: starting dockerd for the time of the tests");
    let mut daemon = Process::spawn(&mut Command::new(program))?;
    let Err(error) = daemon.until("dockerd to answer", LIMIT, look) else { return Ok(Some(daemon)) };
    drop(daemon);
    // Another run may have started one in the same moment; the later one gives way by itself.
    if is_running() {
        wait::until("the other dockerd to answer", LIMIT, look)?;
        return Ok(None);
    }
    Err(error.into())
}

fn answers() -> bool {
    // Unlike `docker info`, this fails where only the client answers.
    shell::succeeds(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
}

fn look() -> exporter_testkit::Result {
    if answers() { Ok(()) } else { Err(Error::new("docker version fails")) }
}

fn is_running() -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|entry| {
        std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|name| name.trim() == "dockerd")
    })
}
