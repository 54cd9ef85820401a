//! A listing of 200,000 objects in the background, and the pages that are asked for meanwhile.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::http::{Connection, get, request};
use exporter_testkit::process::Process;
use exporter_testkit::{Error, ports, tools, wait};
use fake_s3::FakeS3;

use super::load::percentile;
use super::process;
use crate::say::{complain, say};

const OBJECTS: u32 = 200_000;
const PEER: &str = "s3_exporter";

/// Longer than connections are kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// What one pass costs.
struct Pass {
    wall: f64,
    cpu: f64,
    peak: u64,
    /// Seconds of `/metrics` while it ran.
    scrapes: Vec<f64>,
    requests: usize,
}

pub(super) fn run(ours: &Path) -> Result<ExitCode> {
    let server = FakeS3::start()?;
    for number in 0..OBJECTS {
        // Keys of 70 characters, as shipped logs have them.
        let host = number % 20;
        let key =
            format!("logs/production/host-{host:02}.example.com/2026-11-20/archive-{number:010}.tar.gz");
        server.put("bench", &key, u64::from(number), f64::from(number));
    }
    say(format!("s3: {OBJECTS} objects on a fake server in this process, plain HTTP"));
    say(format!("{:<44} {:>9} {:>9} {:>10} {:>9}", "", "wall", "CPU", "peak RSS", "requests"));
    for parallel in [2, 4] {
        measure(ours, &server, parallel)?;
    }
    between_passes(ours, &server)?;
    ten_at_once(ours, &server)?;
    say(format!("binary: {:.2} MB", std::fs::metadata(ours)?.len() as f64 / 1e6));
    match tools::path(PEER) {
        Ok(path) => peer(&path, &server)?,
        Err(error) => complain(format!("bench: without the peer: {error}")),
    }
    Ok(ExitCode::SUCCESS)
}

struct Running {
    process: Process,
    address: String,
    _dir: TempDir,
}

fn start(program: &Path, server: &FakeS3, file: &str) -> Result<Running> {
    let dir = TempDir::new()?;
    let path = dir.path().join("targets.yml");
    let endpoint = format!(
        "endpoints: [{{url: '{}', credentials: {{access_key_id: a, secret_access_key: b}}}}]\n",
        server.url()
    );
    std::fs::File::create(&path)?.write_all(format!("{endpoint}{file}").as_bytes())?;
    let port = ports::free()?;
    let mut command = Command::new(program);
    command.arg(format!("--web.listen-address={}", port.address()));
    command.arg(format!("--targets.file={}", path.display()));
    let mut process = Process::spawn(&mut command)?;
    let address = port.address();
    process
        .until("the exporter to listen", wait::LONG, || Connection::open(&address, wait::LONG).map(drop))?;
    Ok(Running { process, address, _dir: dir })
}

fn measure(program: &Path, server: &FakeS3, parallel: usize) -> Result<()> {
    let idle = start(program, server, "")?;
    // What it takes with keys read and nothing to do.
    get(&format!("http://{}/metrics", idle.address), &[])?;
    let resident = process::resident(idle.process.pid())?;
    drop(idle);
    let file = format!(
        "targets: [{{bucket: bench, interval: 4s, parallel: {parallel}, multipart: false, bucket_settings: false}}]\n"
    );
    let running = start(program, server, &file)?;
    let mut passes = Vec::new();
    for _ in 0..4 {
        passes.push(pass(&running, server)?);
    }
    let after = process::resident(running.process.pid())?;
    for (at, pass) in passes.iter().enumerate() {
        let name = match at {
            0 => format!("first pass, 1 page in flight (parallel {parallel})"),
            _ => format!("pass {}, {parallel} pages in flight", at + 1),
        };
        say(format!(
            "{name:<44} {:>7.3} s {:>7.3} s {:>7.1} MB {:>9}",
            pass.wall,
            pass.cpu,
            pass.peak as f64 / 1e6,
            pass.requests
        ));
    }
    let scrapes: Vec<f64> = passes.iter().flat_map(|pass| pass.scrapes.iter().copied()).collect();
    say(format!(
        "  /metrics meanwhile: p50 {:.2} ms, p99 {:.2} ms, slowest {:.2} ms of {}; RSS {:.1} MB before any target, {:.1} MB after the passes",
        1000.0 * percentile(&scrapes, 0.5),
        1000.0 * percentile(&scrapes, 0.99),
        1000.0 * percentile(&scrapes, 1.0),
        scrapes.len(),
        resident as f64 / 1e6,
        after as f64 / 1e6
    ));
    Ok(())
}

/// What is resident between two passes, once idle connections are closed.
fn between_passes(program: &Path, server: &FakeS3) -> Result<()> {
    let file = "targets: [{bucket: bench, interval: 1h, multipart: false, bucket_settings: false}]\n";
    let running = start(program, server, file)?;
    wait::until("the only pass to end", wait::LONG, || match finished(&running.address) {
        Ok((Some(_), _)) => Ok(()),
        _ => Err(Error::new("not yet")),
    })?;
    let begin = Instant::now();
    while begin.elapsed() < IDLE {
        finished(&running.address)?;
        std::thread::sleep(Duration::from_secs(1));
    }
    let resident = process::resident(running.process.pid())?;
    say(format!("between passes, scraped each second: {:.1} MB", resident as f64 / 1e6));
    Ok(())
}

/// Waits for the next pass to begin and to end.
fn pass(running: &Running, server: &FakeS3) -> Result<Pass> {
    let pid = running.process.pid();
    // The peak is that of this pass.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("resetting the peak of memory")?;
    let before = server.count("ListObjectsV2");
    let cpu = process::cpu(pid)?.threads;
    let last = finished(&running.address)?.0;
    wait::until("a pass to begin", wait::LONG, || {
        if server.count("ListObjectsV2") > before { Ok(()) } else { Err(Error::new("not yet")) }
    })?;
    let mut connection = Connection::open(&running.address, wait::LONG)?;
    let bytes = request("GET", &running.address, "/metrics", &[], b"");
    let mut scrapes = Vec::new();
    let begin = Instant::now();
    loop {
        let asked = Instant::now();
        let page = connection.send(&bytes, wait::LONG)?.text();
        let took = asked.elapsed().as_secs_f64();
        let (at, wall) = values(&page);
        if at != last && at.is_some() {
            let requests = server.count("ListObjectsV2") - before;
            let cpu = process::cpu(pid)?.threads - cpu;
            return Ok(Pass { wall: wall.unwrap_or(f64::NAN), cpu, peak: peak(pid)?, scrapes, requests });
        }
        scrapes.push(took);
        if begin.elapsed() > wait::LONG {
            bail!("a pass does not end; the last page:\n{page}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn finished(address: &str) -> Result<(Option<f64>, Option<f64>)> {
    Ok(values(&get(&format!("http://{address}/metrics"), &[])?.text()))
}

/// When the last pass ended, and how long it took.
fn values(page: &str) -> (Option<f64>, Option<f64>) {
    let value = |start: &str| {
        let line = page.lines().find(|line| line.starts_with(start))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    (value("s3_list_last_success_timestamp_seconds{"), value("s3_list_duration_seconds{"))
}

fn peak(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the exporter has ended")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// Ten who ask for the same at the same time.
fn ten_at_once(program: &Path, server: &FakeS3) -> Result<()> {
    let running = start(program, server, "")?;
    let before = server.count("ListObjectsV2");
    let url = format!("http://{}/probe?bucket=bench", running.address);
    let bad = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let page = get(&url, &[]).map(|answer| answer.text()).unwrap_or_default();
                if !page.contains(&format!("s3_objects{{bucket=\"bench\",prefix=\"\"}} {OBJECTS}")) {
                    bad.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    if bad.load(Ordering::Relaxed) {
        bail!("an answer to /probe has not all objects");
    }
    let requests = server.count("ListObjectsV2") - before;
    say(format!("ten /probe at once: {requests} list requests ({} make one pass)", OBJECTS / 1000));
    Ok(())
}

/// The same listing, by the peer's only way.
fn peer(program: &Path, server: &FakeS3) -> Result<()> {
    let port = ports::free()?;
    let mut command = Command::new(program);
    command.arg(format!("--web.listen-address={}", port.address()));
    command.args([&format!("--s3.endpoint-url={}", server.url()), "--s3.force-path-style"]);
    command.envs([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "us-east-1")]);
    let mut process = Process::spawn(&mut command)?;
    process.wait_http(&format!("http://{}/metrics", port.address()), wait::LONG)?;
    let cpu = process::cpu(process.pid())?.threads;
    let begin = Instant::now();
    let page = get(&format!("http://{}/probe?bucket=bench", port.address()), &[])?.text();
    let wall = begin.elapsed().as_secs_f64();
    if !page.contains("s3_list_success") {
        bail!("the peer has not listed:\n{page}");
    }
    let cpu = process::cpu(process.pid())?.threads - cpu;
    let peak = peak(process.pid())? as f64 / 1e6;
    say(format!("{PEER:<44} {wall:>7.3} s {cpu:>7.3} s {peak:>7.1} MB"));
    Ok(())
}
