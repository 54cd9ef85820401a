//! The split: one process has the engine's socket, another, which is nobody, has the port.

use super::docker::Container;
use super::support::{Exporter, Meta, command, spawn_meta};
use exporter_testkit::Result;

#[test]
fn nobody_shows_names_and_figures_and_outlives_its_source() -> Result {
    let guest = Container::run(&["--label=com.docker.compose.service=web"], "send 10 then sleep")?;
    let mut meta = Meta::start(&[])?;
    let socket = meta.socket.clone();
    let mut exporter = Exporter::start_as(Some(65534), &[&format!("--meta.socket={}", socket.display())])?;
    let labels = [("name", guest.name.as_str()), ("container_label_com_docker_compose_service", "web")];
    exporter.until("names, memory, network, pressure", |page| {
        page.get("container_memory_rss", &labels).is_some()
            && page.all("container_network_transmit_bytes_total", &labels).any(|bytes| bytes > 0.0)
            && page.get("container_running", &labels) == Some(1.0)
            && page.all("docker_up", &[]).eq([1.0])
    })?;
    let health = || command().args(["meta", "health", &format!("--socket={}", socket.display())]).status();
    assert!(health()?.success());
    assert!(meta.process.stop()?.success(), "SIGTERM is a clean end");
    assert_eq!(health()?.code(), Some(2));
    let page = exporter.until("the loss", |page| page.all("docker_up", &[]).eq([0.0]))?;
    assert!(page.get("container_memory_rss", &labels).is_some(), "usage stays, with its name");
    // What happens meanwhile is made good by the next state.
    let late = Container::run(&[], "sleep")?;
    let _meta = spawn_meta(&socket, &[])?;
    exporter.until("the return", |page| {
        page.all("docker_up", &[]).eq([1.0])
            && page.get("container_memory_rss", &[("name", &late.name)]).is_some()
    })?;
    Ok(())
}
