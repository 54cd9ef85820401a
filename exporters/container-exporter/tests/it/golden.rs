//! A recorded host with cgroup version 2, and a teller in place of meta: the whole page, to the letter.

use super::support::{Exporter, Page};
use exporter_testkit::{Result, fixture, golden};
use std::io::Write;
use std::os::unix::net::UnixListener;

const ID: &str = "3f4e5d6c3f4e5d6c3f4e5d6c3f4e5d6c3f4e5d6c3f4e5d6c3f4e5d6c3f4e5d6c";

fn host() -> Result<fixture::TempDir> {
    let scope = format!("sys/fs/cgroup/system.slice/docker-{ID}.scope");
    let file = |name: &str| format!("{scope}/{name}");
    let root = |name: &str| format!("sys/fs/cgroup/{name}");
    let stat = "anon 52428800\nfile 41943040\nkernel 1048576\nfile_mapped 4096\nfile_dirty 8192\nfile_writeback 0\n\
        inactive_file 20971520\nactive_file 20971520\nworkingset_refault_anon 1\nworkingset_refault_file 2\npgscan 3\n\
        pgsteal 4\npgfault 5\npgmajfault 6\n";
    let cpu = "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\n\
        throttled_usec 250000\nnr_bursts 1\nburst_usec 1000\n";
    let pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";
    let net = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo:   1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n";
    let files = [
        (root("cgroup.controllers"), "cpu io memory pids\n"),
        (root("cpu.stat"), cpu),
        (root("memory.stat"), stat),
        (root("io.stat"), "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"),
        (file("cpu.stat"), cpu),
        (file("memory.current"), "104857600\n"),
        (file("memory.stat"), stat),
        (file("memory.swap.current"), "0\n"),
        (file("memory.peak"), "209715200\n"),
        (file("memory.events"), "low 0\nhigh 7\nmax 8\noom 1\noom_kill 2\n"),
        (file("memory.swap.events"), "high 0\nmax 9\nfail 0\n"),
        (file("io.stat"), "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
        (file("cpu.pressure"), pressure),
        (file("memory.pressure"), pressure),
        (file("io.pressure"), pressure),
        (file("pids.current"), "5\n"),
        (file("pids.peak"), "6\n"),
        (file("cgroup.procs"), "42\n43\n"),
        (file("cpu.max"), "50000 100000\n"),
        (file("cpu.weight"), "100\n"),
        (file("memory.max"), "268435456\n"),
        (file("memory.low"), "134217728\n"),
        (file("memory.swap.max"), "0\n"),
        (file("pids.max"), "max\n"),
        ("sys/devices/system/cpu/cpu0/topology/core_id".to_owned(), "0\n"),
        ("sys/class/dmi/id/product_uuid".to_owned(), "uuid\n"),
        ("etc/machine-id".to_owned(), "machine\n"),
        ("proc/sys/kernel/random/boot_id".to_owned(), "boot\n"),
        ("proc/meminfo".to_owned(), "MemTotal: 2048 kB\nMemFree: 1024 kB\nSwapTotal: 512 kB\n"),
        ("proc/stat".to_owned(), "cpu  1 2\ncpu0 1 2\nbtime 1795200000\n"),
        ("proc/diskstats".to_owned(), "   8       0 sda 100 1 2000 300 200 2 4000 500 0 600 800\n"),
        ("proc/1/net/dev".to_owned(), net),
        ("proc/1/mountinfo".to_owned(), ""),
        ("proc/42/net/dev".to_owned(), net),
    ];
    let process = format!("0::/system.slice/docker-{ID}.scope\n");
    let dir = fixture::tree(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>())?;
    dir.write("proc/42/cgroup", process)?;
    Ok(dir)
}

/// What meta says, as it stands on the wire.
fn news() -> String {
    let web = format!(
        r#"{{"id":"{ID}","name":"shop-web-1","image":"shop:1","image_id":"sha256:11","podman":false,
        "labels":[["container_label_com_docker_compose_project","shop"]],"state":"running","pid":42,
        "created":1795200100.5,"started":1795200101.5,"finished":0.0,"exit_code":0,"oom_killed":false,"restarts":2,
        "restart_policy":"always","network_mode":"shop_default","health":{{"status":"healthy","failing_streak":0}},
        "outdated":true,"layer_bytes":4096}}"#
    );
    let job = r#"{"id":"99","name":"job","image":"job:1","image_id":"sha256:22","podman":false,"labels":[],
        "state":"exited","pid":0,"created":1795200000.0,"started":1795200001.0,"finished":1795200002.0,"exit_code":3,
        "oom_killed":false,"restarts":0,"restart_policy":"no","network_mode":"bridge","health":null,"outdated":null,
        "layer_bytes":null}"#;
    let engine = r#"{"version":"28.5.2","storage_driver":"overlay2","cgroup_driver":"systemd","cgroup_version":"2",
        "podman":false,"images":2,"images_bytes":1000}"#;
    let disk = r#"{"layers_bytes":900,"volumes":1,"volumes_bytes":50,"build_cache_bytes":60,"containers":[],
        "images":[["shop:1",700]]}"#;
    let event = |id: &str, action: &str| format!(r#"{{"Event":{{"container":"{id}","action":{action}}}}}"#);
    [
        format!(r#"{{"Reset":[{web},{job}]}}"#),
        format!(r#"{{"Disk":{disk}}}"#),
        event("99", "\"Start\""),
        event("99", r#"{"Die":{"exit_code":3}}"#),
        format!(r#"{{"Up":{engine}}}"#),
    ]
    .map(|change| {
        format!(r#"{{"endpoint":"unix:///run/docker.sock","change":{change}}}"#).replace('\n', "") + "\n"
    })
    .concat()
}

#[test]
fn the_page_of_version_2() -> Result {
    let dir = host()?;
    let socket = dir.path().join("meta.sock");
    let listener = UnixListener::bind(&socket)?;
    std::thread::spawn(move || {
        let mut told = Vec::new();
        for mut client in listener.incoming().flatten() {
            let _ = client.write_all(news().as_bytes());
            told.push(client);
        }
    });
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut exporter = Exporter::start(&[
        &format!("--meta.socket={}", socket.display()),
        &format!("--path.procfs={}", path("proc")),
        &format!("--path.sysfs={}", path("sys")),
        &format!("--path.rootfs={}", dir.path().display()),
        "--web.disable-exporter-metrics",
        "--expect=shop-web-1,gone",
    ])?;
    let page = exporter.until("the news", |page| page.all("docker_up", &[]).eq([1.0]))?;
    golden::check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/version2.txt"), steady(&page))?;
    Ok(())
}

/// Without what differs from run to run.
fn steady(page: &Page) -> String {
    const CHANGING: [&str; 6] = [
        "container_last_seen{",
        "container_scrape_collector_duration_seconds{",
        "container_exporter_cache_age_seconds{",
        "container_exporter_collect_seconds ",
        "container_exporter_build_info{",
        "cadvisor_version_info{",
    ];
    let line = |line: &str| match CHANGING.iter().any(|start| line.starts_with(start)) {
        true => format!(
            "{} 0\n",
            line.rsplit_once(' ').map_or(line, |(before, _)| match before.split_once('{') {
                Some((name, _)) if name.ends_with("_info") => name,
                _ => before,
            })
        ),
        false => format!("{line}\n"),
    };
    page.0.lines().map(line).collect()
}
