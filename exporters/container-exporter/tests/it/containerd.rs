//! A host with containerd and nobody to ask: containers by their cgroups alone.

use super::docker::{docker, image};
use super::support::Exporter;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, Result, process, tools};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SPACE: &str = "exporters-test";
const LIMIT: Duration = Duration::from_secs(60);

/// A container of containerd's own; removed when dropped.
struct Container {
    id: String,
    _root: TempDir,
}

fn ctr(arguments: &[&str]) -> Result<String> {
    // Docker's own containerd, if there is no other.
    let sockets = ["/run/containerd/containerd.sock", "/var/run/docker/containerd/containerd.sock"];
    let socket = sockets.into_iter().find(|socket| Path::new(socket).exists());
    let socket =
        socket.ok_or_else(|| Error::new(format!("no containerd: none of {}", sockets.join(", "))))?;
    let mut command = Command::new(tools::path("ctr")?);
    process::run(command.args(["--address", socket, "--namespace", SPACE]).args(arguments), LIMIT)
}

impl Container {
    fn run(words: &str) -> Result<Self> {
        let root = TempDir::new()?;
        let source = docker(&["create", &image()?, "sleep"])?;
        let copied = docker(&["cp", &format!("{source}:/"), &root.path().display().to_string()]);
        docker(&["rm", &source])?;
        copied?;
        let id = format!("{:08x}", std::process::id()).repeat(8);
        let folder = root.path().display().to_string();
        let mut arguments = vec!["run", "--detach", "--rootfs", &folder, &id, "/bin/sh"];
        arguments.extend(words.split(' '));
        ctr(&arguments)?;
        Ok(Self { id, _root: root })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = ctr(&["task", "delete", "--force", &self.id]);
        let _ = ctr(&["container", "delete", &self.id]);
    }
}

#[test]
fn its_containers_have_usage_and_a_tombstone() -> Result {
    let guest = Container::run("hold 16777216 then sleep")?;
    let mut exporter = Exporter::start_as(Some(65534), &["--mode=cgroup"])?;
    let id = format!("/{SPACE}/{}", guest.id);
    let name = guest.id[..12].to_owned();
    let labels = [("id", id.as_str()), ("name", name.as_str())];
    let page = exporter.until("its memory", |page| {
        page.get("container_memory_rss", &labels).is_some_and(|bytes| bytes >= f64::from(16 << 20))
    })?;
    assert_eq!(page.get("container_threads", &labels), Some(1.0));
    assert!(page.get("container_cpu_usage_seconds_total", &labels).is_some_and(|seconds| seconds > 0.0));
    drop(guest);
    let page = exporter.until("its end", |page| page.get("container_memory_rss", &labels).is_none())?;
    let seen = page.get("container_last_seen", &labels);
    let page = exporter
        .until("a later look at the cgroups", |page| page.get("container_running", &labels).is_none())?;
    let frozen = page.get("container_last_seen", &labels);
    assert!(frozen.is_some() && seen.is_none_or(|seen| Some(seen) == frozen), "{seen:?} {frozen:?}");
    Ok(())
}
