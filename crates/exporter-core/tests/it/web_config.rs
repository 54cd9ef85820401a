//! `--web.config.file`, as a scraper and an operator meet it.

use super::pki::Pki;
use super::program::{LIMIT, Weather, stations, weather};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::{Process, run};
use exporter_testkit::prometheus::Prometheus;
use exporter_testkit::{Error, http, wait};
use std::process::Command;

/// A file as exporter-toolkit takes it, with all its parts.
const FILE: &str = "
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [scraper.example]
  min_version: TLS12
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: true
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  prometheus: HASH
rate_limit: {interval: 10ms, burst: 1000}
";

fn configured(text: &str, pki: Option<&Pki>) -> Weather {
    Weather::start_with(10, |dir, command| {
        if let Some(pki) = pki {
            pki.write(dir);
        }
        // Written for its own folder: paths in it are relative to the file, not to where the program runs.
        let path = dir.write("web.yml", text).unwrap();
        command.current_dir("/").arg(format!("--web.config.file={}", path.display()));
    })
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap().replacen("$2b$", "$2y$", 1)
}

fn basic(login: &str) -> String {
    use base64::Engine as _;
    format!("authorization: Basic {}\r\n", base64::prelude::BASE64_STANDARD.encode(login))
}

#[test]
fn prometheus_scrapes_over_mutual_tls_with_a_password() {
    let mut pki = Pki::new();
    let server = configured(&FILE.replace("HASH", &hash("s3cret")), Some(&pki));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: weather\n    scheme: https\n    \
         basic_auth: {{username: prometheus, password: s3cret}}\n    tls_config: {{ca_file: '{0}/ca.crt', \
         cert_file: '{0}/client.crt', key_file: '{0}/client.key', server_name: localhost}}\n    \
         static_configs: [{{targets: ['{1}']}}]\n",
        server.dir.path().display(),
        server.port.address()
    );
    let mut prometheus = Prometheus::start(&config, &[], LIMIT).unwrap();
    prometheus.wait_targets_up(1, LIMIT).unwrap();
    let series = prometheus.wait_query("weather_temperature_celsius{station=\"station7\"}", LIMIT).unwrap();
    assert_eq!(series[0].value, 7.5);

    // Who lacks any of it does not get in.
    let login = basic("prometheus:s3cret");
    assert_eq!(pki.get(&server, Some(&pki.client), &login).unwrap().0, 200);
    assert_eq!(pki.get(&server, Some(&pki.client), "").unwrap().0, 401);
    assert_eq!(pki.get(&server, Some(&pki.client), &basic("prometheus:S3cret")).unwrap().0, 401);
    assert!(pki.get(&server, None, &login).is_err());
    assert!(pki.get(&server, Some(&pki.other_client("other.example")), &login).is_err());
    assert!(pki.get(&server, Some(&Pki::new().client), &login).is_err());
    let plain = server.scrape(&[]).unwrap();
    assert_eq!((plain.status, plain.text().contains("https")), (400, true));

    // A certificate that is replaced is shown to the next who come, without a restart; Prometheus goes on.
    let (_, old) = pki.get(&server, Some(&pki.client), &login).unwrap();
    pki.renew(&server.dir);
    wait::until("the new certificate", LIMIT, || {
        let (status, shown) = pki.get(&server, Some(&pki.client), &login)?;
        if status == 200 && shown != old { Ok(()) } else { Err(Error::new("still the old one")) }
    })
    .unwrap();
    prometheus
        .wait_query("exporter_web_config_reads_total{result=\"success\"} > 0 and on () up == 1", LIMIT)
        .unwrap();
}

#[test]
fn a_bad_file_keeps_the_one_before() {
    let text = format!("basic_auth_users: {{alice: {}}}", hash("one"));
    let server = configured(&text, None);
    let login =
        |password: &str| basic(&format!("alice:{password}")).trim_end()["authorization: ".len()..].to_owned();
    let status = |password: &str| server.scrape(&[("authorization", &login(password))]).unwrap().status;
    assert_eq!((status("one"), status("two")), (200, 401));

    server.dir.write("web.yml", "basic_auth_users: {alice: hunter2}").unwrap();
    let counted = |line: &str| {
        wait::until(line, LIMIT, || {
            let page = server.scrape(&[("authorization", &login("one"))])?.expect_status(200)?.text();
            if page.contains(line) { Ok(()) } else { Err(Error::new("not counted")) }
        })
        .unwrap();
    };
    counted("exporter_web_config_reads_total{result=\"failure\"} 1\n");
    counted("exporter_web_config_last_read_successful 0\n");
    let log = server.process.stderr();
    assert!(log.contains("basic_auth_users.alice") && !log.contains("hunter2"), "{log}");

    server.dir.write("web.yml", format!("basic_auth_users: {{alice: {}}}", hash("three"))).unwrap();
    wait::until("the new password", LIMIT, || match status("three") {
        200 => Ok(()),
        other => Err(Error::new(other.to_string())),
    })
    .unwrap();
    assert_eq!(status("one"), 401);
}

/// A file on a file system that hangs, which a pipe without a writer is like.
#[test]
fn a_file_that_cannot_be_read_again_holds_one_thread_and_nobody_up() {
    let mut server = configured("http_server_config: {headers: {X-Frame-Options: deny}}", None);
    let file = server.dir.path().join("web.yml");
    std::fs::remove_file(&file).unwrap();
    run(Command::new("mkfifo").arg(&file), LIMIT).unwrap();
    let threads = |server: &Weather| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.pid())).unwrap();
        status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<usize>().ok()).unwrap()
    };
    wait::until("the change to be seen", LIMIT, || {
        server.scrape(&[])?.expect_status(200)?;
        match server.process.stderr().contains("not read in time") {
            true => Ok(()),
            false => Err(Error::new("not yet")),
        }
    })
    .unwrap();
    let before = threads(&server);
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(4) {
        let asked = std::time::Instant::now();
        assert_eq!(server.scrape(&[]).unwrap().header("x-frame-options"), Some("deny"));
        assert!(asked.elapsed() < std::time::Duration::from_millis(900), "{:?}", asked.elapsed());
    }
    assert_eq!(threads(&server), before);
    assert!(server.process.exited().unwrap().is_none());
}

#[test]
fn headers_are_on_every_answer_and_the_rate_has_a_limit() {
    let text = "http_server_config: {headers: {X-Content-Type-Options: nosniff}}\n\
                rate_limit: {interval: 1h, burst: 3}\n";
    let server = configured(text, None);
    let answers: Vec<_> = (0..4).map(|_| server.scrape(&[]).unwrap()).collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn health_needs_neither_password_nor_certificate() {
    let pki = Pki::new();
    let server = configured(&FILE.replace("HASH", &hash("s3cret")), Some(&pki));
    let health = |url: String| run(weather().args(["health", &url]), LIMIT);
    let address = server.port.address();
    assert_eq!(health(format!("https://{address}/-/healthy")).unwrap(), "healthy\n");
    assert!(health(format!("http://{address}/-/healthy")).unwrap_err().to_string().contains("https"));

    let guarded = configured(&format!("basic_auth_users: {{alice: {}}}", hash("x")), None);
    let address = guarded.port.address();
    assert_eq!(http::get(&format!("http://{address}/-/healthy"), &[]).unwrap().status, 401);
    assert_eq!(health(format!("http://{address}/-/healthy")).unwrap(), "healthy\n");
    assert!(health("http://127.0.0.1:1/".to_owned()).is_err());
}

/// Exit code, standard output, standard error.
fn check(command: &mut Command) -> (Option<i32>, String, String) {
    let mut process = Process::spawn(command).unwrap();
    let status = process.wait_exit(LIMIT).unwrap();
    (status.code(), process.stdout(), process.stderr())
}

#[test]
fn check_config_says_ok_or_what_is_wrong() {
    let dir = TempDir::new().unwrap();
    let file = stations(&dir, 1);
    let good = dir.write("good.yml", "rate_limit: {interval: 1s, burst: 1}").unwrap();
    let bad = dir.write("bad.yml", "rate_limit:\n  brust: 1\n").unwrap();
    let ok = (Some(0), "OK\n".to_owned(), String::new());
    let flag = |path: &std::path::Path| format!("--web.config.file={}", path.display());
    let stations = format!("--station.file={}", file.display());
    assert_eq!(check(weather().arg("check-config").arg(&good)), ok);
    assert_eq!(check(weather().args(["check-config", &flag(&good), &stations])), ok);
    assert_eq!(check(weather().args([&flag(&good), "check-config"])), ok);
    for command in [
        weather().arg("check-config").arg(&bad),
        weather().args(["check-config", &flag(&bad)]),
        weather().arg(flag(&bad)),
    ] {
        let (code, stdout, stderr) = check(command);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
        for part in ["--web.config.file", "bad.yml", "brust", "line 2"] {
            assert!(stderr.contains(part), "{part} in {stderr}");
        }
    }
    assert_eq!(check(weather().args(["check-config", "a", "b"])).0, Some(2));
}
