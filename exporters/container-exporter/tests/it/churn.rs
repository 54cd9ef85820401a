//! Containers that come and go: as fast as the engine here can, and ten a second as no engine here can.

use super::docker::{api, docker};
use super::fleet::Fleet;
use super::support::{Exporter, Page, until};
use exporter_testkit::{Error, Result};
use std::time::{Duration, Instant};

/// How many come and go in the engine at once.
const CHURNERS: usize = 8;
const PER_SECOND: u32 = 10;
const LIFE: Duration = Duration::from_secs(1);
/// Between two pages: work is left for those that come and go.
const PAUSE: Duration = Duration::from_millis(20);

/// CHURN_SECONDS=300 is the long form.
fn duration() -> Duration {
    let seconds = std::env::var("CHURN_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// Names of containers with a network on the page, and the interface: a pair a sample.
fn networks(page: &Page) -> impl Iterator<Item = (&str, &str)> {
    page.0.lines().filter(|line| line.starts_with("container_network_")).filter_map(|line| {
        let label =
            |name: &str| line.split_once(&format!(",{name}=\""))?.1.split_once('"').map(|(value, _)| value);
        Some((label("name")?, label("interface")?))
    })
}

/// Processes of our own in cgroups and network namespaces of their own, with an engine that only tells of them: the
/// exporter's work is the same, and what is on a page can be said exactly.
#[test]
fn ten_a_second_come_and_go_and_leave_nothing() -> Result {
    let fleet = Fleet::start()?;
    let mut exporter =
        Exporter::start(&[&fleet.flag(), "--mode=engine", "--tombstone=0s", "--max-containers=100000"])?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).eq([1.0]))?;
    // What the first ones cost is no leak.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..PER_SECOND as usize).map(|_| scope.spawn(|| fleet.live(LIFE))).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| Error::new("a thread panicked"))?)
    })?;
    let is_quiet = |page: &Page| page.all("container_running", &[]).next().is_none();
    exporter.until("the end of the first", is_quiet)?;
    let before = exporter.footprint()?;

    let planned = PER_SECOND as usize * duration().as_secs() as usize;
    let begin = Instant::now();
    let (pages, seen) = std::thread::scope(|scope| -> Result<(usize, usize)> {
        let fleet = &fleet;
        let driver = scope.spawn(move || -> Result {
            let mut all = Vec::with_capacity(planned);
            for number in 0..planned {
                // The rate, not something that is waited for.
                let due = begin + Duration::from_secs(1) / PER_SECOND * number as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                all.push(scope.spawn(move || fleet.live(LIFE)));
            }
            all.into_iter().try_for_each(|one| one.join().map_err(|_| Error::new("a thread panicked"))?)
        });
        let (mut pages, mut seen) = (0, 0);
        while !driver.is_finished() {
            let ended = fleet.ended();
            let page = exporter.page()?;
            for (name, interface) in networks(&page) {
                assert!(!ended.contains(name), "{name} had ended before the page was asked for");
                assert_eq!(interface, Fleet::interface(name), "{name} has another one's network");
                seen += 1;
            }
            pages += 1;
            std::thread::sleep(PAUSE);
        }
        driver.join().map_err(|_| Error::new("the driver panicked"))??;
        Ok((pages, seen))
    })?;
    let took = begin.elapsed().as_secs_f64();
    let page = exporter.until("the end of the last", is_quiet)?;
    let started = page.all("docker_events_total", &[("action", "start")]).sum::<f64>();
    assert_eq!(started, (planned + PER_SECOND as usize) as f64, "no event is lost");
    assert_eq!(page.get("container_scrape_error", &[]), Some(0.0));
    // The server closes a connection a moment after its client.
    let after = until("its files to be closed", || {
        let after = exporter.footprint()?;
        if after.0 <= before.0 { Ok(after) } else { Err(Error::new(format!("{after:?}, {before:?} before"))) }
    })?;
    eprintln!(
        "{planned} containers in {took:.1} s, {pages} pages, {seen} samples of networks: files and bytes {before:?}, then {after:?}"
    );
    assert!(seen > planned, "{seen} samples of {planned} containers' networks");
    assert!(after.0 <= before.0, "open files {before:?} {after:?}");
    assert!(after.1 < before.1 + (1 << 20), "memory {before:?} {after:?}");
    Ok(())
}

/// As fast as the engine can, with several at once.
#[test]
fn containers_that_come_and_go_leave_nothing() -> Result {
    let mut exporter = Exporter::start(&["--mode=engine", "--tombstone=0s"])?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).any(|up| up == 1.0))?;
    let image = super::docker::image()?;
    let prefix = format!("ctest-churn-{}", std::process::id());
    let round = |thread: usize, number: usize| -> Result<()> {
        let name = format!("{prefix}-{thread}-{number}");
        let body = format!(r#"{{"Image":"{image}","Cmd":["send","5","then","sleep"]}}"#);
        api("POST", &format!("/containers/create?name={name}"), &body)?;
        let started = api("POST", &format!("/containers/{name}/start"), "");
        api("DELETE", &format!("/containers/{name}?force=1"), "")?;
        started.map(drop)
    };
    // What a first one costs is no leak.
    round(0, 0)?;
    exporter.page()?;
    let before = exporter.footprint()?;
    let begin = Instant::now();
    let end = begin + duration();
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
            seen += networks(&exporter.page()?).filter(|(name, _)| name.starts_with(&prefix)).count();
            std::thread::sleep(PAUSE);
        }
        let mut rounds = 0;
        for thread in threads {
            let number: Result<usize> =
                thread.join().unwrap_or_else(|_| Err(Error::new("a thread panicked")));
            rounds += number?;
        }
        Ok((rounds, seen))
    })?;
    let rate = rounds as f64 / begin.elapsed().as_secs_f64();
    assert!(rounds > CHURNERS && seen > 0, "{rounds} containers, {seen} samples of their networks");
    let page = exporter.until("the end of the last", |page| !page.0.contains(&prefix))?;
    assert_eq!(page.get("container_scrape_error", &[]), Some(0.0));
    // Other tests' containers come and go too: what is left must not be a dozen files or a page for each of ours.
    let others = docker(&["ps", "--quiet"])?.lines().count();
    // The server closes a connection a moment after its client.
    let after = until("its files to be closed", || {
        let after = exporter.footprint()?;
        if after.0 <= before.0 { Ok(after) } else { Err(Error::new(format!("{after:?}, {before:?} before"))) }
    })?;
    eprintln!("{rounds} containers, {rate:.1} a second: files and bytes {before:?}, then {after:?}");
    assert!(after.0 < before.0 + 20 * others + 30, "{before:?} {after:?}, {others} others run");
    assert!(after.1 < before.1 + (8 << 20), "{before:?} {after:?} after {rounds} containers");
    Ok(())
}
