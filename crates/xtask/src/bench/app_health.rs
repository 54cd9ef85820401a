//! Probes of an nginx on this machine, over http and https, one at a time and fifty at once: ours beside
//! blackbox_exporter, with the same modules. Every answer is looked at: a failed probe ends the measurement.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::http::{Connection, request};
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::{self, Process};
use exporter_testkit::{tools, wait};

use super::load::percentile;
use super::measure::settled;
use super::process::{cpu, resident};
use crate::say::{complain, say};

/// Probes at once in the last phases.
const CLIENTS: usize = 50;
/// Of these the best is told: a busy machine makes figures worse, never better.
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);
const PEER: &str = "blackbox_exporter";
/// What monitored systems answer: 205 bytes.
const BODY: &str = r#"{"status":"healthy","timestamp":"2024-01-15T10:30:00Z","components":{"database":{"status":"healthy","response_time_ms":12.5},"etl":{"status":"healthy","last_run":"2024-01-15T02:00:00Z"},"api":"healthy"}}"#;

/// One kind of work.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    /// Own processor time of a probe.
    cpu_us: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    resident: u64,
}

#[derive(Debug, Default)]
struct Figures {
    idle: u64,
    phases: Vec<Phase>,
    peak: u64,
}

const PHASES: [(&str, bool, usize); 4] = [
    ("http", false, 1),
    ("https", true, 1),
    ("http, 50 at once", false, CLIENTS),
    ("https, 50 at once", true, CLIENTS),
];

/// Measures both and prints a table.
pub(super) fn run(ours: PathBuf, count: usize) -> Result<ExitCode> {
    let target = Target::start().context("the server to probe")?;
    let raw = target.raw(count)?;
    let own = measure(&ours, &target, count).context("our exporter")?;
    let peer = match tools::path(PEER) {
        Ok(path) => Some(measure(&path, &target, count).context(PEER)?),
        Err(error) => {
            complain(format!("bench: without the peer: {error}"));
            None
        }
    };
    say(format!(
        "app-health: {count} probes a round, the best of {ROUNDS} rounds, no compression; a bare GET takes {raw:.0} us"
    ));
    say(render(&own, peer.as_ref(), std::fs::metadata(&ours)?.len()));
    Ok(ExitCode::SUCCESS)
}

/// An nginx with a certificate of a private authority.
struct Target {
    _process: Process,
    dir: TempDir,
    http: Port,
    https: Port,
}

impl Target {
    fn start() -> Result<Self> {
        let (dir, http, https) = (TempDir::new()?, ports::free()?, ports::free()?);
        let openssl = |arguments: &str| {
            let mut command = Command::new(tools::path("openssl")?);
            process::run(command.args(arguments.split(' ')).current_dir(dir.path()), LIMIT)
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("req -x509 {key} -days 2 -subj /CN=bench-ca -keyout ca.key -out ca.pem"))?;
        openssl(&format!("req {key} -subj /CN=localhost -keyout own.key -out own.csr"))?;
        dir.write("own.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")?;
        openssl(
            "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem",
        )?;
        dir.write("health.json", BODY)?;
        let folder = dir.path().display();
        let config = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
             events {{ worker_connections 1024; }}
             http {{ access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2;
             fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
             server {{ listen {}; listen {} ssl; ssl_certificate {folder}/own.pem; ssl_certificate_key {folder}/own.key;
             location / {{ default_type application/json; alias {folder}/; }} }} }}",
            http.address(),
            https.address()
        );
        let config = dir.write("nginx.conf", config)?;
        let mut command = Command::new(tools::path("nginx").or_else(|_| tools::path("../sbin/nginx"))?);
        let mut process = Process::spawn(command.arg("-p").arg(dir.path()).arg("-c").arg(config))?;
        process.wait_http(&format!("http://{}/health.json", http.address()), wait::LONG)?;
        Ok(Self { _process: process, dir, http, https })
    }

    /// Median microseconds of a request without an exporter between.
    fn raw(&self, count: usize) -> Result<f64> {
        let mut seconds = Vec::with_capacity(count);
        let bytes = request("GET", &self.http.address(), "/health.json", &[("Connection", "close")], b"");
        for _ in 0..count {
            let begin = Instant::now();
            Connection::open(&self.http.address(), LIMIT)?.send(&bytes, LIMIT)?.expect_status(200)?;
            seconds.push(begin.elapsed().as_secs_f64());
        }
        Ok(percentile(&seconds, 0.5) * 1e6)
    }

    /// The path that has an exporter probe it. Each client has a target of its own: probes of the same one that meet share
    /// a run.
    fn path(&self, tls: bool, client: usize) -> String {
        let (module, origin) = match tls {
            true => ("https", format!("https://localhost:{}", self.https)),
            false => ("http", format!("http://{}", self.http.address())),
        };
        format!("/probe?module={module}&target={origin}/health.json%3Fclient={client}")
    }
}

fn measure(program: &Path, target: &Target, count: usize) -> Result<Figures> {
    let modules = format!(
        "modules:
  http: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4}}}}
  https: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {}/ca.pem}}}}}}\n",
        target.dir.path().display()
    );
    let config = target.dir.write("modules.yml", modules)?;
    let port = ports::free()?;
    let address = port.address();
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    let mut exporter = Process::spawn(command.arg(format!("--web.listen-address={address}")))?;
    exporter.until("the exporter to listen", wait::LONG, || Connection::open(&address, LIMIT).map(drop))?;
    let pid = exporter.pid();
    let mut figures = Figures { idle: settled(pid)?, ..Figures::default() };
    for (_, tls, clients) in PHASES {
        let paths: Vec<String> = (0..clients).map(|client| target.path(tls, client)).collect();
        let client = Clients { address: &address, paths: &paths, count: count.div_ceil(clients) };
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(client.round(pid)?);
        }
        figures.phases.push(best(&rounds));
    }
    figures.peak = peak(pid)?;
    exporter.stop()?;
    Ok(figures)
}

struct Clients<'a> {
    address: &'a str,
    /// One a client.
    paths: &'a [String],
    /// Probes of each client.
    count: usize,
}

impl Clients<'_> {
    fn round(&self, pid: u32) -> Result<Phase> {
        let (begin, before) = (Instant::now(), cpu(pid)?.threads);
        let results: Vec<Result<Vec<f64>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = self.paths.iter().map(|path| scope.spawn(|| self.sequence(path))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked")))
                .collect()
        });
        let wall = begin.elapsed().as_secs_f64();
        let used = cpu(pid)?.threads - before;
        let mut seconds = Vec::new();
        for result in results {
            seconds.extend(result?);
        }
        let probes = seconds.len() as f64;
        Ok(Phase {
            cpu_us: used / probes * 1e6,
            per_second: probes / wall,
            p50_us: percentile(&seconds, 0.5) * 1e6,
            p99_us: percentile(&seconds, 0.99) * 1e6,
            resident: resident(pid)?,
        })
    }

    /// One probe after the other on a connection of its own, as Prometheus does.
    fn sequence(&self, path: &str) -> Result<Vec<f64>> {
        let mut connection = Connection::open(self.address, LIMIT)?;
        let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "10")];
        let bytes = request("GET", self.address, path, &headers, b"");
        let mut seconds = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let begin = Instant::now();
            let answer = connection.send(&bytes, LIMIT)?;
            seconds.push(begin.elapsed().as_secs_f64());
            let text = std::str::from_utf8(&answer.body)?;
            if answer.status != 200 || !text.contains("\nprobe_success 1\n") {
                bail!("a probe failed ({}):\n{text}", answer.status);
            }
        }
        Ok(seconds)
    }
}

/// Each figure at its best; memory at its worst.
fn best(rounds: &[Phase]) -> Phase {
    let least = |read: fn(&Phase) -> f64| rounds.iter().map(read).fold(f64::INFINITY, f64::min);
    Phase {
        cpu_us: least(|phase| phase.cpu_us),
        per_second: -least(|phase| -phase.per_second),
        p50_us: least(|phase| phase.p50_us),
        p99_us: least(|phase| phase.p99_us),
        resident: rounds.iter().map(|phase| phase.resident).max().unwrap_or(0),
    }
}

/// The most memory that it ever had.
fn peak(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmHWM")?;
    Ok(kilobytes * 1024)
}

/// The table; the ratio says how many times better ours is.
fn render(own: &Figures, peer: Option<&Figures>, binary: u64) -> String {
    let mut text = format!("{:<36} {:>12} {:>18} {:>8}\n", "", "ours", PEER, "ratio");
    let mut row = |name: String, unit: &str, more: bool, read: &dyn Fn(&Figures) -> f64| {
        let (own, theirs) = (read(own), peer.map(read));
        let ratio = theirs.map_or("-".to_owned(), |theirs| {
            format!("{:.1}", if more { own / theirs } else { theirs / own })
        });
        let digits = usize::from(unit == "MB");
        let theirs = theirs.map_or("-".to_owned(), |theirs| format!("{theirs:.digits$} {unit}"));
        let _ = writeln!(text, "{name:<36} {:>12} {theirs:>18} {ratio:>8}", format!("{own:.digits$} {unit}"));
    };
    row("RSS idle".to_owned(), "MB", false, &|figures| figures.idle as f64 / 1e6);
    for (at, (name, _, clients)) in PHASES.iter().enumerate() {
        row(format!("{name}: own CPU a probe"), "us", false, &|figures| figures.phases[at].cpu_us);
        if *clients > 1 {
            row(format!("{name}: probes a second"), "", true, &|figures| figures.phases[at].per_second);
        }
        row(format!("{name}: p50"), "us", false, &|figures| figures.phases[at].p50_us);
        row(format!("{name}: p99"), "us", false, &|figures| figures.phases[at].p99_us);
        row(format!("{name}: RSS after"), "MB", false, &|figures| figures.phases[at].resident as f64 / 1e6);
    }
    row("RSS, the most it had".to_owned(), "MB", false, &|figures| figures.peak as f64 / 1e6);
    let _ = write!(
        text,
        "binary {:.1} MB. Client, server and exporter share this machine: latencies count on a quiet one only.",
        binary as f64 / 1e6
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peer is a real exporter, and is there.
    #[test]
    fn real_probes_have_real_figures() {
        let target = Target::start().unwrap();
        let figures = measure(&tools::path(PEER).unwrap(), &target, 50).unwrap();
        assert!(figures.idle > 1_000_000 && figures.peak >= figures.idle, "{figures:?}");
        for phase in &figures.phases {
            assert!(
                phase.cpu_us > 10.0 && phase.p50_us <= phase.p99_us && phase.per_second > 1.0,
                "{figures:?}"
            );
        }
        let text = render(&figures, Some(&figures), 0);
        assert_eq!(text.lines().filter(|line| line.ends_with("     1.0")).count(), 20, "{text}");
    }

    #[test]
    fn a_probe_that_fails_ends_it() {
        let target = Target::start().unwrap();
        let wrong = Clients { address: &target.http.address(), paths: &[], count: 1 };
        assert!(wrong.sequence("/health.json").unwrap_err().to_string().contains("a probe failed"));
    }
}
