//! Figures of containers under known load, beside the kernel's own.

use super::docker::Container;
use super::support::{Exporter, Page};
use exporter_testkit::Result;

fn engine() -> Result<Exporter> {
    Exporter::start(&["--mode=engine"])
}

#[test]
fn cpu_memory_and_limits_are_the_kernels() -> Result {
    let guest = Container::run(
        &[
            "--cpus=0.2",
            "--memory=64m",
            "--memory-reservation=32m",
            "--pids-limit=20",
            "--label=com.docker.compose.project=shop",
        ],
        "hold 16777216 then burn 0",
    )?;
    let mut exporter = engine()?;
    let labels = [("name", guest.name.as_str())];
    let page = exporter.until("some throttling", |page| {
        page.get("container_cpu_cfs_throttled_periods_total", &labels).is_some_and(|periods| periods > 3.0)
    })?;
    let get = |family: &str| page.get(family, &labels).unwrap_or_else(|| panic!("no {family}: {}", page.0));
    for (family, expected) in [
        ("container_spec_cpu_quota", 20_000.0),
        ("container_spec_cpu_period", 100_000.0),
        ("container_spec_memory_limit_bytes", f64::from(64 << 20)),
        ("container_spec_memory_reservation_limit_bytes", f64::from(32 << 20)),
        ("container_threads_max", 20.0),
        ("container_processes", 1.0),
        ("container_threads", 1.0),
        ("container_health_state", -1.0),
        ("container_running", 1.0),
        ("container_oom_events_total", 0.0),
    ] {
        assert_eq!(get(family), expected, "{family}");
    }
    let rss = get("container_memory_rss");
    assert!(rss >= f64::from(16 << 20) && rss < f64::from(32 << 20), "{rss}");
    assert!(get("container_memory_working_set_bytes") >= rss);
    assert!(get("container_memory_usage_bytes") <= f64::from(64 << 20));
    assert!(get("container_last_seen") - get("container_start_time_seconds") < 120.0);
    let project = [labels[0], ("container_label_com_docker_compose_project", "shop")];
    assert!(page.get("container_memory_rss", &project).is_some());

    // CPU: the kernel's counter, read before and after, has ours between; ours is in whole microseconds where version 2 says it.
    let file = format!("/sys/fs/cgroup/cpuacct/docker/{}/cpuacct.usage", guest.id);
    if std::path::Path::new(&file).exists() {
        let read =
            || -> Result<f64> { Ok(std::fs::read_to_string(&file)?.trim().parse::<f64>().unwrap() / 1e9) };
        let (before, page, after) = (read()?, exporter.page()?, read()?);
        let ours = page.get("container_cpu_usage_seconds_total", &[labels[0], ("cpu", "total")]).unwrap();
        assert!(before - 1e-6 <= ours && ours <= after, "{before} {ours} {after}");
    }
    let (user, system) = (get("container_cpu_user_seconds_total"), get("container_cpu_system_seconds_total"));
    assert!(user > system && user > 0.0, "{user} {system}");
    Ok(())
}

#[test]
fn network_and_disk_count_what_was_sent_and_written() -> Result {
    // Recent kernels count for version 1 only where they may have to throttle (seen with 6.18).
    let limit = format!("--device-write-bps={}:1gb", engines_disk()?);
    let guest = Container::run(&[&limit], "send 100 then write 4194304 then sleep")?;
    let mut exporter = engine()?;
    let labels = [("name", guest.name.as_str()), ("interface", "eth0")];
    let page = exporter.until("packets", |page| {
        page.get("container_network_transmit_packets_total", &labels).is_some_and(|packets| packets >= 100.0)
    })?;
    // 1,000 bytes of content, 42 of headers.
    let bytes = page.get("container_network_transmit_bytes_total", &labels).unwrap();
    assert!((104_200.0..120_000.0).contains(&bytes), "{bytes}");
    exporter.until("bytes written", |page| {
        page.all("container_fs_writes_bytes_total", &[labels[0]]).sum::<f64>() >= f64::from(4 << 20)
    })?;
    Ok(())
}

/// The disk below the engine's folder.
pub(crate) fn engines_disk() -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let folder = super::docker::docker(&["info", "--format", "{{.DockerRootDir}}"])?;
    let device = std::fs::metadata(&folder)?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let event = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/uevent"))?;
    let name = event.lines().find_map(|line| line.strip_prefix("DEVNAME=")).unwrap_or_default();
    // Limits are a whole disk's.
    let whole = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let disk = if name.starts_with("nvme") { whole.trim_end_matches('p') } else { whole };
    Ok(format!("/dev/{disk}"))
}

#[test]
fn a_shared_network_is_counted_once() -> Result {
    let owner = Container::run(&[], "send 10 then sleep")?;
    let sharer = Container::run(&[&format!("--network=container:{}", owner.name)], "sleep")?;
    let host = Container::run(&["--network=host"], "sleep")?;
    let mut exporter = engine()?;
    let page = exporter.until("all three", |page| {
        [&owner, &sharer, &host]
            .iter()
            .all(|one| page.get("container_memory_rss", &[("name", &one.name)]).is_some())
    })?;
    let network = |name: &str| page.all("container_network_receive_bytes_total", &[("name", name)]).count();
    assert_eq!([&owner, &sharer, &host].map(|one| network(&one.name)), [1, 0, 0]);
    Ok(())
}

#[test]
fn the_host_has_series_that_dashboards_ask_for() -> Result {
    let page = engine()?.page()?;
    let root = [("id", "/")];
    for family in [
        "container_cpu_usage_seconds_total",
        "container_memory_usage_bytes",
        "container_memory_rss",
        "container_memory_working_set_bytes",
        "container_start_time_seconds",
    ] {
        assert!(page.get(family, &root).is_some_and(|value| value > 0.0), "{family}");
    }
    for family in
        ["container_network_receive_bytes_total", "container_fs_usage_bytes", "container_fs_limit_bytes"]
    {
        assert!(page.all(family, &root).next().is_some(), "{family}");
    }
    for family in
        ["machine_cpu_cores", "machine_memory_bytes", "cadvisor_version_info", "container_scrape_error"]
    {
        assert!(page.all(family, &[]).next().is_some(), "{family}");
    }
    assert!(!page.0.contains("name=\"\""));
    Ok(())
}

#[test]
fn without_an_engine_containers_have_their_short_ids() -> Result {
    let guest = Container::run(&[], "sleep")?;
    let exporter = Exporter::start_as(Some(65534), &["--mode=cgroup"])?;
    let page: Page = exporter.page()?;
    let labels = [("name", &guest.id[..12]), ("id", &format!("/docker/{}", guest.id))];
    let labels = labels.map(|(name, value)| (name, value));
    assert!(page.get("container_memory_usage_bytes", &labels).is_some(), "{}", page.0);
    assert!(page.all("container_network_receive_bytes_total", &labels).next().is_some());
    assert!(page.all("docker_up", &[]).next().is_none());
    Ok(())
}

#[test]
fn without_an_engine_a_network_is_shown_once_and_the_hosts_is_the_hosts() -> Result {
    let owner = Container::run(&[], "send 10 then sleep")?;
    let sharer = Container::run(&[&format!("--network=container:{}", owner.id)], "sleep")?;
    let host = Container::run(&["--network=host"], "sleep")?;
    let mut exporter = Exporter::start(&["--mode=cgroup"])?;
    let with_network = |page: &Page, guest: &Container| {
        page.all("container_network_receive_bytes_total", &[("name", &guest.id[..12])]).count()
    };
    let page = exporter.until("all three", |page| {
        let shown = |guest: &Container| page.get("container_threads", &[("name", &guest.id[..12])]).is_some();
        [&owner, &sharer, &host].iter().all(|guest| shown(guest))
    })?;
    assert_eq!(with_network(&page, &owner) + with_network(&page, &sharer), 1, "{}", page.0);
    assert_eq!(with_network(&page, &host), 0, "{}", page.0);
    assert!(page.all("container_network_receive_bytes_total", &[("id", "/")]).next().is_some());
    Ok(())
}
