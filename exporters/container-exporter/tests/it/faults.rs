//! Engines that hang, go away and lose events.

use super::docker::{Container, docker};
use super::proxy::Proxy;
use super::support::{Exporter, Page};
use exporter_testkit::Result;
use exporter_testkit::fixture::TempDir;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

#[test]
fn a_scrape_asks_the_engine_nothing_and_a_hanging_one_holds_up_nothing() -> Result {
    let guest = Container::run(&[], "sleep")?;
    let labels = [("name", guest.name.as_str())];
    let proxy = Proxy::start()?;
    let mut exporter = Exporter::start(&[&proxy.flag()])?;
    exporter.until("the container", |page| page.get("container_memory_rss", &labels).is_some())?;
    // A ping each 10 s, an inspection for events of others' containers: but none for these.
    let before = proxy.calls();
    for _ in 0..200 {
        exporter.page()?;
    }
    assert!(proxy.calls() - before < 100, "{} calls for 200 scrapes", proxy.calls() - before);

    proxy.hold();
    let page = exporter.until("the silence to be noticed", |page| page.all("docker_up", &[]).eq([0.0]))?;
    assert!(page.get("container_memory_rss", &labels).is_some());
    let begin = Instant::now();
    exporter.page()?;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    guest.command("kill")?;
    let page =
        exporter.until("the end of usage", |page| page.get("container_memory_rss", &labels).is_none())?;
    assert!(page.all("docker_up", &[]).eq([0.0]), "seen without the engine");

    let late = Container::run(&[], "sleep")?;
    proxy.cut();
    let page = exporter.until("all to be well", |page| {
        page.all("docker_up", &[]).eq([1.0])
            && page.get("container_running", &[("name", &late.name)]) == Some(1.0)
            && page.get("container_running", &labels) == Some(0.0)
    })?;
    assert!(page.all("container_exporter_event_stream_reconnects_total", &[]).all(|times| times >= 1.0));
    Ok(())
}

#[test]
fn without_an_engine_the_page_is_served() -> Result {
    let exporter = Exporter::start(&["--endpoint=unix:///nowhere/docker.sock"])?;
    let page = exporter.page()?;
    assert!(page.all("docker_up", &[("endpoint", "unix:///nowhere/docker.sock")]).eq([0.0]));
    assert!(page.get("container_memory_usage_bytes", &[("id", "/")]).is_some());
    Ok(())
}

#[test]
fn a_container_that_is_started_again_has_its_new_networks_figures() -> Result {
    let guest = Container::run(&[], "send 300 then sleep")?;
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    let labels = [("name", guest.name.as_str()), ("interface", "eth0")];
    let sent = |page: &Page| page.get("container_network_transmit_packets_total", &labels);
    exporter.until("its packets", |page| sent(page).is_some_and(|packets| packets >= 300.0))?;
    for _ in 0..3 {
        docker(&["restart", "--time=0", &guest.id])?;
        let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &guest.id])?;
        exporter.until("what its new network has counted", |page| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
            let now: Option<f64> = line.and_then(|line| line.split_whitespace().nth(9)?.parse().ok());
            now.is_some_and(|now| now >= 300.0 && sent(page) == Some(now))
        })?;
    }
    Ok(())
}

#[test]
fn an_engine_that_never_stops_talking_costs_its_own_series() -> Result {
    let dir = TempDir::new()?;
    let socket = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&socket)?;
    // Ends with the test's process.
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
                let mut going_on = client.write_all(head).is_ok();
                while going_on {
                    going_on = client.write_all(&[b' '; 1 << 16]).is_ok();
                }
            });
        }
    });
    let mut exporter = Exporter::start(&[&format!("--endpoint=unix://{}", socket.display())])?;
    exporter.process.wait_stderr_line("answer larger than", super::support::LIMIT)?;
    let page = exporter.page()?;
    assert!(page.all("docker_up", &[]).eq([0.0]));
    assert!(page.get("container_memory_usage_bytes", &[("id", "/")]).is_some());
    let (_, bytes) = exporter.footprint()?;
    assert!(bytes < 64 << 20, "{bytes}");
    Ok(())
}

#[test]
fn containers_beyond_the_limit_are_left_out_and_counted() -> Result {
    let guests = [Container::run(&[], "sleep")?, Container::run(&[], "sleep")?];
    let mut exporter = Exporter::start(&["--mode=engine", "--max-containers=1"])?;
    let page = exporter.until("the one", |page| page.all("container_running", &[]).count() == 1)?;
    assert!(
        page.get("container_exporter_dropped_containers_total", &[]).is_some_and(|dropped| dropped >= 1.0),
        "{}",
        page.0
    );
    assert_eq!(page.all("container_running", &[("name", &guests[1].name)]).count(), 0, "the newest");
    Ok(())
}
