//! The program as people run it: the peer's flags and paths, reloads, heartbeats beside the page.

use crate::nginx::Nginx;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::{self, Process, Signal};
use exporter_testkit::{Error, Result, http, wait};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) port: Port,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app-health-exporter"));
    command.args(arguments);
    command
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Result<Program> {
        let port = ports::free()?;
        let listen = format!("--web.listen-address={}", port.address());
        let mut process = Process::spawn(command(arguments).arg(listen))?;
        process.wait_http(&format!("http://{}/-/ready", port.address()), wait::LONG)?;
        Ok(Program { process, port })
    }

    pub(crate) fn get(&self, path: &str, status: u16) -> Result<String> {
        let url = format!("http://{}{path}", self.port.address());
        Ok(http::get(&url, &[])?.expect_status(status)?.text())
    }
}

const MODULES: &str = "modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, basic_auth: {username: u, password: hunter2}}}
";

#[test]
fn what_a_probe_did_is_told_as_in_the_peer() -> Result {
    let (nginx, dir) = (Nginx::start(None)?, TempDir::new()?);
    let file = format!("--config.file={}", dir.write("blackbox.yml", MODULES)?.display());
    let program = Program::start(&[&file, "--history.limit=5"])?;
    let target = nginx.url("/gone").replacen("://", "://u:hunter2@", 1);
    let debug = program.get(&format!("/probe?target={target}&debug=true"), 200)?;
    for part in [
        "Logs for the probe:\n",
        "resolved to 127.0.0.1",
        "answered with status 410",
        "reason=status",
        "\n\n\nMetrics that would have been returned:\n# HELP ",
        "\nprobe_success 0\n",
        "\n\n\nModule configuration:\nprober: http\n",
    ] {
        assert!(debug.contains(part), "{part:?} is missing:\n{debug}");
    }
    for _ in 0..8 {
        program.get(&format!("/probe?target={}", nginx.url("/")), 200)?;
    }
    let list = program.get("/logs", 200)?;
    assert_eq!(
        list.lines().filter(|line| line.contains("  http_2xx  ")).count(),
        6,
        "five, and a failure:\n{list}"
    );
    assert!(program.get("/logs?id=0", 200)?.contains("status 410"));
    let last = program.get(&format!("/logs?target={}&module=http_2xx", nginx.url("/")), 200)?;
    assert!(last.contains("probe succeeded"), "{last}");
    program.get("/logs?id=1", 404)?;
    let config = program.get("/config", 200)?;
    assert!(config.contains("  http_2xx:\n    prober: http\n"), "{config}");
    for page in [debug, list, last, config, program.process.stderr()] {
        assert!(!page.contains("hunter2"), "{page}");
    }
    Ok(())
}

#[test]
fn a_changed_file_counts_after_a_reload() -> Result {
    let (nginx, dir) = (Nginx::start(None)?, TempDir::new()?);
    let path = dir.write("blackbox.yml", MODULES)?;
    let program = Program::start(&[&format!("--config.file={}", path.display())])?;
    let probe = format!("/probe?module=other&target={}", nginx.url("/"));
    let told = |value: &str| format!("blackbox_exporter_config_last_reload_successful {value}\n");
    program.get(&probe, 400)?;
    assert!(program.get("/metrics", 200)?.contains(&told("1")));
    dir.write("blackbox.yml", "modules: {other: {prober: http, http: {nope: 1}}}")?;
    program.process.signal(Signal::HUP)?;
    wait::until("the refusal", wait::LONG, || {
        let page = program.get("/metrics", 200)?;
        if page.contains(&told("0")) { Ok(()) } else { Err(Error::new(page)) }
    })?;
    program.get(&format!("/probe?target={}", nginx.url("/")), 200)?;
    dir.write("blackbox.yml", "modules: {other: {prober: http}}")?;
    program.process.signal(Signal::HUP)?;
    wait::until("the new module", wait::LONG, || program.get(&probe, 200))?;
    assert!(program.get("/metrics", 200)?.contains(&told("1")));
    Ok(())
}

#[test]
fn heartbeats_are_taken_beside_the_page() -> Result {
    let dir = TempDir::new()?;
    let checks =
        "{systems: [{system: s, heartbeats: [{task: nightly, interval: 24h}]}], heartbeat: {token: hunter2}}";
    let file = format!("--checks.file={}", dir.write("checks.yml", checks)?.display());
    let program = Program::start(&[&file])?;
    let url = |task: &str| format!("http://{}/heartbeat/{task}?code=3&duration=12.5", program.port.address());
    for (task, token, status) in [
        ("nightly", "Bearer wrong", 401),
        ("nope", "Bearer hunter2", 404),
        ("nightly", "Bearer hunter2", 200),
    ] {
        assert_eq!(
            http::post(&url(task), &[("Authorization", token)], b"")?.status,
            status,
            "{task} {token}"
        );
    }
    assert_eq!(http::get(&url("nightly"), &[("Authorization", "Bearer hunter2")])?.status, 405);
    let page = program.get("/metrics", 200)?;
    assert!(page.contains("app_heartbeat_last_exit_code{system=\"s\",task=\"nightly\"} 3\n"), "{page}");
    assert!(!page.contains("hunter2"));
    Ok(())
}

/// Without a token anybody who can scrape could say that all is well.
#[test]
fn without_a_token_there_is_no_path_for_heartbeats() -> Result {
    let (dir, own) = (TempDir::new()?, ports::free()?);
    let checks = format!(
        "{{systems: [{{heartbeats: [{{task: t, interval: 24h}}]}}], heartbeat: {{listen: '{}'}}}}",
        own.address()
    );
    let file = format!("--checks.file={}", dir.write("checks.yml", checks)?.display());
    let program = Program::start(&[&file])?;
    let post = |port: &Port| http::post(&format!("http://{}/heartbeat/t", port.address()), &[], b"");
    wait::until("the receiver", wait::LONG, || post(&own)?.expect_status(200))?;
    assert_eq!(post(&program.port)?.status, 405);
    Ok(())
}

/// After a reload the address may be held for a moment by what was there before.
#[test]
fn an_address_that_is_taken_is_waited_for() -> Result {
    let (dir, own) = (TempDir::new()?, std::net::TcpListener::bind("127.0.0.1:0")?);
    let address = own.local_addr()?;
    let checks = format!(
        "{{systems: [{{heartbeats: [{{task: t, interval: 24h}}]}}], heartbeat: {{listen: '{address}'}}}}"
    );
    let file = format!("--checks.file={}", dir.write("checks.yml", checks)?.display());
    let program = Program::start(&[&file])?;
    program.get("/metrics", 200)?;
    drop(own);
    // Sooner than the source's own interval of 30 s.
    wait::until("the receiver", Duration::from_secs(10), || {
        http::post(&format!("http://{address}/heartbeat/t"), &[], b"")?.expect_status(200)
    })?;
    Ok(())
}

/// A name server that never answers, in a network of the exporter's own: probes end in time and say why, and what needs
/// no name goes on, however many wait.
#[test]
fn a_name_server_that_is_silent() -> Result {
    let dir = TempDir::new()?;
    dir.write("resolv.conf", "nameserver 192.0.2.53\n")?;
    let modules = format!(
        "modules: {{http_2xx: {{prober: http, timeout: 1s, http: {{preferred_ip_protocol: ip4, authorization: {{credentials_file: '{}'}}}}}}}}",
        dir.write("token", "t")?.display()
    );
    let file = format!("--config.file={}", dir.write("blackbox.yml", modules)?.display());
    let socket = dir.path().join("socket");
    // What is sent there is dropped by the other end of the link.
    let script = "mount --bind resolv.conf /etc/resolv.conf && ip link set lo up \
        && ip link add v0 type veth peer name v1 && ip address add 192.0.2.1/24 dev v0 && ip link set v0 up \
        && ip link set v1 up && ip neighbour add 192.0.2.53 lladdr 02:00:00:00:00:01 dev v0 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--fork", "--kill-child"]).current_dir(dir.path());
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_app-health-exporter"), &file]);
    command.arg(format!("--web.listen-address=unix:{}", socket.display()));
    command.args(["--web.listen-address=127.0.0.1:9115", "--web.max-requests=200"]);
    let mut process = Process::spawn(&mut command)?;
    let probe = |target: &str| -> Result<(String, Duration)> {
        let begin = Instant::now();
        let mut stream = UnixStream::connect(&socket)?;
        write!(stream, "GET /probe?target={target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok((page, begin.elapsed()))
    };
    let local = "http://127.0.0.1:9115/-/healthy";
    process.until("the exporter", wait::LONG, || match probe(local)?.0.contains("\nprobe_success 1\n") {
        true => Ok(()),
        false => Err(Error::new("no success")),
    })?;
    std::thread::scope(|scope| -> Result {
        let all: Vec<_> = (0..100)
            .map(|number| scope.spawn(move || probe(&format!("http://n{number}.example.test/"))))
            .collect();
        for one in all {
            let (page, took) = one.join().map_err(|_| Error::new("a probe panicked"))??;
            assert!(page.contains("probe_failure_reason{reason=\"timeout_resolve\"} 1"), "{page}");
            assert!(took < Duration::from_secs(3), "{took:?}");
        }
        Ok(())
    })?;
    // The resolver is still at it. This one has a file to read, on a thread.
    let (page, _) = probe(local)?;
    assert!(page.contains("\nprobe_success 1\n"), "{page}");
    process.signal(Signal::KILL)
}

#[test]
fn the_peers_command_line() -> Result {
    let dir = TempDir::new()?;
    let good = dir.write("good.yml", MODULES)?.display().to_string();
    let bad = dir.write("bad.yml", "modules: {x: {prober: http, http: {nope: 1}}}")?.display().to_string();
    let limit = Duration::from_secs(20);
    process::run(&mut command(&["--config.check", "--config.file", &good]), limit)?;
    let error = process::run(&mut command(&["--config.check", "--config.file", &bad]), limit).unwrap_err();
    assert!(error.to_string().contains("nope"), "{error}");
    // What costs its module only is no mistake, but told.
    let odd = dir.write("odd.yml", "modules: {x: {prober: http, http: {oauth2: {client_id: a}}}}")?;
    let mut check =
        Process::spawn(command(&["check-config"]).arg(format!("--config.file={}", odd.display())))?;
    assert!(check.wait_exit(limit)?.success());
    assert!(
        check.stdout() == "OK\n" && check.stderr().contains("oauth2 is not supported"),
        "{}",
        check.stderr()
    );
    let program = Program::start(&["--web.external-url=http://example.test/bb/", "--timeout-offset=1"])?;
    program.get("/bb/metrics", 200)?;
    program.get("/bb/probe", 400)?;
    Ok(())
}
