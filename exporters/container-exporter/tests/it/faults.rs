//! Engines that hang, go away and lose events; containers that come and go.

use super::docker::{Container, docker};
use super::proxy::Proxy;
use super::support::Exporter;
use exporter_testkit::Result;
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
fn containers_that_come_and_go_leave_nothing_open() -> Result {
    let mut exporter = Exporter::start(&["--mode=engine", "--tombstone=0s"])?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).any(|up| up == 1.0))?;
    let image = super::docker::image()?;
    let round = |number: usize| -> Result<Vec<String>> {
        let name = format!("ctest-churn-{}-{number}", std::process::id());
        let one = docker(&["run", "--detach", "--name", &name, "--network=none", &image, "sleep"])?;
        Ok(vec![one, name])
    };
    let files = exporter.files()?;
    for number in 0..8 {
        let one = round(number)?;
        exporter
            .until("the new one", |page| page.get("container_memory_rss", &[("name", &one[1])]).is_some())?;
        docker(&["rm", "--force", &one[0]])?;
        exporter
            .until("its end", |page| page.all("container_running", &[("name", &one[1])]).next().is_none())?;
    }
    exporter.page()?;
    // Other tests' containers come and go too: what is left open must not be a dozen files for each of ours.
    let others = docker(&["ps", "--quiet"])?.lines().count();
    let after = exporter.files()?;
    assert!(after < files + 20 * others + 30, "{files} files before, {after} after, {others} containers run");
    Ok(())
}
