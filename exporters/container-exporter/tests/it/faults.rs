//! Engines that hang, go away and lose events; containers that come and go.

use super::docker::{Container, docker};
use super::proxy::Proxy;
use super::support::{Exporter, Page};
use exporter_testkit::Result;
use std::time::{Duration, Instant};

/// How many come and go at once.
const CHURNERS: usize = 4;

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

/// As fast as the engine can, with several at once. CHURN_SECONDS=300 is the long form.
#[test]
fn containers_that_come_and_go_leave_nothing() -> Result {
    let seconds = std::env::var("CHURN_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut exporter = Exporter::start(&["--mode=engine", "--tombstone=0s"])?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).any(|up| up == 1.0))?;
    let image = super::docker::image()?;
    let prefix = format!("ctest-churn-{}", std::process::id());
    let round = |thread: usize, number: usize| -> Result<()> {
        let name = format!("{prefix}-{thread}-{number}");
        let id = docker(&["run", "--detach", "--name", &name, &image, "send", "5", "then", "sleep"])?;
        docker(&["rm", "--force", &id]).map(drop)
    };
    // What a first one costs is no leak.
    round(0, 0)?;
    exporter.page()?;
    let before = exporter.footprint()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (rounds, seen) = std::thread::scope(|scope| -> Result<(usize, usize)> {
        let work = |thread: usize| {
            let mut number = 0;
            while Instant::now() < end {
                number += 1;
                round(thread, number)?;
            }
            Ok(number)
        };
        let threads: Vec<_> = (1..=CHURNERS).map(|thread| scope.spawn(move || work(thread))).collect();
        let mut seen = 0;
        while !threads.iter().all(|thread| thread.is_finished()) {
            let page = exporter.page()?;
            seen += page
                .0
                .lines()
                .filter(|line| line.starts_with("container_network_") && line.contains(&prefix))
                .count();
        }
        let mut rounds = 0;
        for thread in threads {
            let number: Result<usize> =
                thread.join().unwrap_or_else(|_| Err(exporter_testkit::Error::new("a thread panicked")));
            rounds += number?;
        }
        Ok((rounds, seen))
    })?;
    assert!(rounds > CHURNERS && seen > 0, "{rounds} containers, {seen} samples of their networks");
    let page = exporter.until("the end of the last", |page| !page.0.contains(&prefix))?;
    assert_eq!(page.get("container_scrape_error", &[]), Some(0.0));
    // Other tests' containers come and go too: what is left must not be a dozen files or a page for each of ours.
    let others = docker(&["ps", "--quiet"])?.lines().count();
    let after = exporter.footprint()?;
    eprintln!("{rounds} containers in {seconds} s: files and bytes {before:?}, then {after:?}");
    assert!(after.0 < before.0 + 20 * others + 30, "{before:?} {after:?}, {others} others run");
    assert!(after.1 < before.1 + (8 << 20), "{before:?} {after:?} after {rounds} containers");
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
