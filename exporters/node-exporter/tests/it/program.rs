//! The program itself, as a process: its config file, and a mount that hangs.

use crate::flags::PEER;
use exporter_core::common_flags;
use exporter_testkit::fixture::{self, TempDir};
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::{Process, Signal};
use exporter_testkit::{Error, Result, http, wait};
use node_exporter::EXPORTER;
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_node-exporter");

struct Program {
    process: Process,
    port: Port,
}

impl Program {
    fn start(mut command: Command) -> Result<Self> {
        let port = ports::free()?;
        command.arg(format!("--web.listen-address={}", port.address()));
        let mut process = Process::spawn(&mut command)?;
        process.wait_stderr_line("listening", wait::LONG)?;
        Ok(Self { process, port })
    }

    fn page(&self) -> Result<String> {
        let response = http::get(&format!("http://{}/metrics", self.port.address()), &[])?;
        Ok(response.expect_status(200)?.text())
    }
}

/// Values that mean something; any other flag that takes one is content with a word.
const VALUES: &[(&str, &str)] = &[
    ("collector.filesystem.mount-timeout", "5s"),
    ("collector.ipvs.backend-labels", "proto,local_address"),
    ("collector.sysctl.include", "kernel.threads-max"),
    ("collector.sysctl.include-info", "kernel.core_pattern"),
    ("path.procfs", "/proc"),
    ("path.rootfs", "/"),
    ("path.sysfs", "/sys"),
    ("log.format", "json"),
    ("log.level", "debug"),
    ("web.max-requests", "1"),
    ("web.telemetry-path", "/metrics"),
];

/// Those about the web and the log; a listening address stands on every command line here.
const WEB: &[&str] =
    &["log.format", "log.level", "web.disable-exporter-metrics", "web.max-requests", "web.telemetry-path"];

#[test]
fn every_flag_of_the_peer_starts_and_one_without_effect_says_so_once() -> Result {
    let (flags, collectors) = ((EXPORTER.flags)(), (EXPORTER.collectors)());
    let mut without_effect = 0;
    for name in PEER.lines().chain(WEB.iter().copied()) {
        let switch = match flags.iter().chain(&common_flags()).find(|flag| flag.name() == name) {
            Some(flag) => flag.is_switch(),
            None => collectors.iter().any(|collector| format!("collector.{}", collector.name) == name),
        };
        let value = VALUES.iter().find(|(flag, _)| *flag == name).map_or("x", |(_, value)| value);
        let flag = if switch { format!("--{name}") } else { format!("--{name}={value}") };
        let mut command = Command::new(PROGRAM);
        command.arg(&flag);
        let program = Program::start(command)?;
        assert!(program.page()?.contains("node_exporter_build_info{"), "{flag}");
        let log = program.process.stderr();
        let told = log.lines().filter(|line| line.contains("has no effect")).collect::<Vec<_>>();
        assert!(told.len() <= 1 && told.iter().all(|line| line.contains(name)), "{flag}: {log}");
        without_effect += told.len();
    }
    assert!(without_effect > 20, "{without_effect} flags without effect");
    Ok(())
}

#[test]
fn a_file_of_flags_is_read_again_at_a_reload_and_the_command_line_comes_first() -> Result {
    let files = fixture::tree(&[("a/a.prom", "from_a 1\n"), ("b/b.prom", "from_b 1\n"), ("stat/stat", "")])?;
    let write = |directories: &str, arp: bool| {
        files.write(
            "node.yml",
            format!(
                "log.format: json\ncollector.loadavg: false\ncollector.uname: false\ncollector.arp: {arp}\n\
                 collector.textfile.directory: {directories}\n"
            ),
        )
    };
    let path = |name: &str| files.path().join(name).display().to_string();
    let config = write(&format!("[{}, {}]", path("a"), path("b")), true)?;
    let mut command = Command::new(PROGRAM);
    command.arg(format!("--config={}", config.display())).arg("--collector.uname");
    let program = Program::start(command)?;
    let page = program.page()?;
    assert!(page.contains("\nfrom_a 1\n") && page.contains("\nfrom_b 1\n"), "{page}");
    assert!(!page.contains("\nnode_load1 ") && page.contains("\nnode_uname_info{"), "{page}");
    assert!(page.contains("collector=\"arp\""));
    assert!(program.process.stderr().contains("{\""), "the log is JSON");

    write(&path("b"), false)?;
    program.process.signal(Signal::HUP)?;
    wait::until("the reloaded file", wait::LONG, || {
        let page = program.page()?;
        if page.contains("\nfrom_a 1\n") || page.contains("collector=\"arp\"") {
            return Err(Error::new("still the old one"));
        }
        assert!(page.contains("\nfrom_b 1\n") && page.contains("\nnode_uname_info{"), "{page}");
        Ok(())
    })?;

    // A broken file changes nothing.
    files.write("node.yml", "collector.nosuch: true\n")?;
    program.process.signal(Signal::HUP)?;
    wait::until("the refusal in the log", wait::LONG, || {
        let log = program.process.stderr();
        if log.contains("collector.nosuch") { Ok(()) } else { Err(Error::new(log)) }
    })?;
    assert!(program.page()?.contains("\nfrom_b 1\n"));
    Ok(())
}

#[test]
fn a_bad_file_of_flags_is_refused_by_name_and_line() -> Result {
    let directory = TempDir::new()?;
    for (text, expected) in [
        ("collector.nosuch: true\n", "collector.nosuch"),
        ("collector.cpu: maybe\n", "neither true nor false"),
        ("collector.cpu: {a: b}\n", "line 1"),
        ("log.level: loud\n", "loud"),
    ] {
        let file = directory.write("bad.yml", text)?;
        let output = Command::new(PROGRAM).arg(format!("--config={}", file.display())).output()?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && error.contains(expected) && error.lines().count() == 1,
            "{error}"
        );
    }
    let output = Command::new(PROGRAM).arg("--config=/nowhere.yml").output()?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("--config=/nowhere.yml: "));
    Ok(())
}

/// A FUSE mount that nobody answers for, in namespaces of the exporter's own: what it reads is the mounts of its own first
/// process. The exporter holds the other end open, so the mount hangs for as long as it runs.
#[test]
fn a_mount_that_never_answers_costs_the_first_scrape_only_itself() -> Result {
    let hung = TempDir::new()?;
    let script = "exec 3<>/dev/fuse \
        && mount -i -t fuse.hung -o fd=3,rootmode=40000,user_id=0,group_id=0 server:/export \"$HUNG\" \
        && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh", PROGRAM]).env("HUNG", hung.path());
    let program = Program::start(command)?;
    let mount = format!(
        "device=\"server:/export\",device_error=\"mountpoint timeout\",fstype=\"fuse.hung\",mountpoint=\"{}\"",
        hung.path().display()
    );
    for scrape in 1..=3 {
        let begin = Instant::now();
        let page = program.page()?;
        let took = begin.elapsed();
        assert!(
            page.contains(&format!("\nnode_filesystem_device_error{{{mount}}} 1\n")),
            "scrape {scrape}: {page}"
        );
        assert!(!page.contains(&format!("node_filesystem_size_bytes{{{mount}")), "scrape {scrape}");
        assert!(
            page.contains("\nnode_filesystem_size_bytes{"),
            "scrape {scrape}: the other mounts are there"
        );
        assert!(
            page.contains("\nnode_scrape_collector_state{collector=\"filesystem\",state=\"ok\"} 1\n"),
            "{page}"
        );
        assert!(page.contains("\nnode_load1 ") && page.contains("\nnode_memory_MemTotal_bytes "), "{page}");
        // 0.75 s is what a mount is waited for, once.
        let limit = if scrape == 1 { 2000 } else { 600 };
        assert!(took < Duration::from_millis(limit), "scrape {scrape} took {took:?}");
    }
    // unshare itself waits for its child whatever it is told.
    program.process.signal(Signal::KILL)
}
