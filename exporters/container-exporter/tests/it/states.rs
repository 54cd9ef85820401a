//! What becomes of containers: ends, kills, health, names.

use super::docker::{Container, docker};
use super::support::Exporter;
use exporter_testkit::Result;

#[test]
fn an_end_is_told_and_leaves_a_tombstone() -> Result {
    let guest = Container::run(&[], "sleep")?;
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    let labels = [("name", guest.name.as_str())];
    exporter.until("the container", |page| page.get("container_memory_rss", &labels).is_some())?;
    guest.command("pause")?;
    let state = |word| [labels[0], ("state", word)];
    let page =
        exporter.until("its pause", |page| page.get("container_state", &state("paused")) == Some(1.0))?;
    assert_eq!(page.get("container_running", &labels), Some(0.0));
    assert!(page.get("container_memory_rss", &labels).is_some());
    guest.command("unpause")?;
    exporter.until("its going on", |page| page.get("container_running", &labels) == Some(1.0))?;
    guest.command("kill")?;
    let page = exporter.until("its end", |page| page.get("container_running", &labels) == Some(0.0))?;
    assert_eq!(page.get("container_state", &state("exited")), Some(1.0));
    assert_eq!(page.get("container_exit_code", &labels), Some(137.0));
    assert_eq!(page.get("container_exits_total", &[labels[0], ("reason", "signal")]), Some(1.0));
    assert!(page.get("container_finished_time_seconds", &labels).unwrap() > 1e9);
    assert!(page.get("container_memory_rss", &labels).is_none(), "usage ends with the container");
    let seen = page.get("container_last_seen", &labels).expect("a tombstone");
    docker(&["rename", &guest.name, &format!("{}-old", guest.name)])?;
    let renamed = format!("{}-old", guest.name);
    exporter.until("its new name", |page| page.get("container_running", &[("name", &renamed)]).is_some())?;
    let id = guest.id.clone();
    drop(guest);
    let page = exporter
        .until("its removal", |page| page.get("container_running", &[("name", &renamed)]).is_none())?;
    let stones: Vec<_> = page.all("container_last_seen", &[("id", &format!("/docker/{id}"))]).collect();
    assert_eq!(stones, [seen]);
    Ok(())
}

#[test]
fn kills_for_memory_are_counted_over_restarts() -> Result {
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    exporter.until("the engine", |page| page.all("docker_up", &[]).any(|up| up == 1.0))?;
    let guest = Container::run(&["--memory=16m", "--memory-swap=16m", "--restart=on-failure:2"], "oom")?;
    let labels = [("name", guest.name.as_str())];
    let ends = |page: &super::support::Page, reason: &str| {
        page.get("container_exits_total", &[labels[0], ("reason", reason)]).unwrap_or(0.0)
    };
    let page = exporter.until("three lives", |page| {
        page.get("container_restarts_total", &labels) == Some(2.0)
            && page.get("container_running", &labels) == Some(0.0)
            && ends(page, "oom") + ends(page, "signal") == 3.0
    })?;
    assert_eq!(page.get("container_starts_total", &labels), Some(3.0));
    // The engine itself overlooks a kill now and then when a container lives for milliseconds.
    assert!(ends(&page, "oom") >= 1.0, "{}", ends(&page, "signal"));
    assert!(page.get("container_oom_events_total", &labels).unwrap() >= ends(&page, "oom"));
    assert_eq!(page.get("container_exit_code", &labels), Some(137.0));
    Ok(())
}

#[test]
fn health_follows_the_check() -> Result {
    let guest = Container::run(
        &["--health-cmd=absent /sick", "--health-interval=1s", "--health-retries=2", "--health-timeout=5s"],
        "sleep",
    )?;
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    let labels = [("name", guest.name.as_str())];
    let status = |word| [labels[0], ("status", word)];
    let page = exporter
        .until("health", |page| page.get("container_health_status", &status("healthy")) == Some(1.0))?;
    assert_eq!(page.get("container_health_state", &labels), Some(1.0));
    assert_eq!(page.get("container_health_failing_streak", &labels), Some(0.0));
    docker(&["exec", &guest.name, "/bin/sh", "touch", "/sick"])?;
    let page = exporter
        .until("sickness", |page| page.get("container_health_status", &status("unhealthy")) == Some(1.0))?;
    assert_eq!(page.get("container_health_state", &labels), Some(0.0));
    assert!(page.get("container_health_failing_streak", &labels).unwrap() >= 2.0);
    Ok(())
}

#[test]
fn an_image_that_was_replaced_makes_its_containers_outdated() -> Result {
    let tag = format!("ctest-moving:{}", std::process::id());
    docker(&["tag", &super::docker::image()?, &tag])?;
    let name = format!("ctest-moving-{}", std::process::id());
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    let id = docker(&["run", "--detach", "--name", &name, &tag, "sleep"])?;
    let labels = [("name", name.as_str())];
    let current =
        exporter.until("the container", |page| page.get("container_image_outdated", &labels) == Some(0.0));
    docker(&["commit", &name, &tag])?;
    let outdated =
        exporter.until("its age", |page| page.get("container_image_outdated", &labels) == Some(1.0));
    docker(&["rm", "--force", &id])?;
    docker(&["rmi", &tag])?;
    current.and(outdated).map(drop)
}
