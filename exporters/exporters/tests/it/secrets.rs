//! Secrets go in by every way there is, and come out nowhere.

use super::support::{LIMIT, command};
use exporter_testkit::process::{Process, Signal};
use exporter_testkit::{fixture, http, ports, wait};

/// Begins every secret of this test.
const MARK: &str = "sEcReT";

/// A bcrypt hash of `sEcReT-web`, of cost 4: its plain text is what clients send.
fn web_config() -> String {
    let hash = bcrypt::hash(format!("{MARK}-web"), 4).unwrap();
    format!("basic_auth_users:\n  alice: {hash}\n")
}

fn config(dir: &str) -> String {
    format!(
        "exporters:
  postgres:
    - {{name: url, dsn: 'postgresql://u:{MARK}-url@127.0.0.1:1/db?connect_timeout=1'}}
    - {{name: keys, dsn: 'host=127.0.0.1 port=1 user=u password={MARK}-key'}}
  redis:
    - {{name: url, redis.addr: 'redis://u:{MARK}-redis@127.0.0.1:1'}}
    - {{name: file, redis.addr: 'redis://127.0.0.1:1', redis.password-file: {dir}/passwords.json}}
    - {{name: flag, redis.addr: 'redis://127.0.0.1:1', redis.password: {MARK}-flag}}
  app-health:
    - {{name: web, config.file: {dir}/blackbox.yml}}
"
    )
}

const BLACKBOX: &str = "modules:
  guarded:
    prober: http
    timeout: 1s
    http:
      basic_auth: {username: u, password: sEcReT-basic}
      headers: {X-Api-Key: sEcReT-header}
  token:
    prober: http
    timeout: 1s
    http:
      authorization: {type: Bearer, credentials: sEcReT-bearer}
";

#[test]
fn no_secret_comes_out_anywhere() {
    let dir = fixture::tree(&[
        ("web.yml", web_config()),
        ("blackbox.yml", BLACKBOX.to_owned()),
        ("passwords.json", format!("{{\"redis://127.0.0.1:1\": \"{MARK}-map\"}}")),
    ])
    .unwrap();
    let path = dir.path().display().to_string();
    dir.write("exporters.yml", config(&path)).unwrap();
    for (file, text) in [
        ("pg.yml", format!("auth_modules: {{a: {{type: userpass, userpass: {MARK}-bad}}}}")),
        (
            "modules.yml",
            format!("modules: {{a: {{prober: http, http: {{basic_auth: {MARK}-bad, oauth2: {MARK}-bad}}}}}}"),
        ),
        ("checks.yml", format!("systems: [{{name: a, checks: [{MARK}-bad]}}]")),
        ("s3.yml", format!("endpoints: [{{name: a, secret_access_key: [{MARK}-bad]}}]")),
        ("s3-2.yml", format!("endpoints: {MARK}-bad")),
    ] {
        dir.write(file, text).unwrap();
    }
    let port = ports::free().unwrap();
    let mut process = Process::spawn(
        command()
            .env("PGPASSWORD", format!("{MARK}-environment"))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg(format!("--web.config.file={path}/web.yml"))
            .arg(format!("--config.file={path}/exporters.yml"))
            .args(["--web.enable-lifecycle", "--log.level=debug"]),
    )
    .unwrap();
    let address = port.address();
    process.wait_stderr_line("listening", LIMIT).unwrap();

    let authorization = format!("Basic {}", base64(&format!("alice:{MARK}-web")));
    let headers = [("Authorization", authorization.as_str())];
    let get = |path: &str| http::get(&format!("http://{address}{path}"), &headers).unwrap();
    let mut seen = Vec::new();
    let landing = get("/");
    assert_eq!(landing.status, 200);
    let mut scraped = 0;
    for path in [
        "/metrics",
        "/sd",
        "/postgres/url/metrics",
        "/postgres/keys/metrics",
        "/redis/url/metrics",
        "/redis/file/metrics",
        "/redis/flag/metrics",
        "/app-health/web/metrics",
        "/app-health/web/probe?module=guarded&target=127.0.0.1:1",
        "/app-health/web/probe?module=token&target=127.0.0.1:1&debug=true",
        "/redis/url/scrape?target=redis://u:p@127.0.0.1:1",
        "/nothing/here",
    ] {
        let answer = get(path);
        scraped += usize::from(answer.status == 200);
        seen.push((path.to_owned(), answer.text()));
    }
    // They were asked, and said what is wrong.
    assert!(scraped >= 9, "{scraped} pages: {seen:?}");
    assert!(seen.iter().any(|(_, page)| page.contains("\npg_up 0")), "postgres was tried");
    assert!(seen.iter().any(|(_, page)| page.contains("\nredis_up 0")), "redis was tried");
    seen.push(("/ again".to_owned(), get("/").text()));

    // Configurations that cannot be used name what is wrong, not the secret in it.
    for bad in [
        format!("exporters: {{postgres: [{{dsn: 'postgresql://u:{MARK}-bad@[::1'}}]}}"),
        format!("exporters: {{postgres: [{{dsn: 'host=a password={MARK}-bad port=x'}}]}}"),
        format!("exporters: {{redis: [{{redis.addr: 'http://u:{MARK}-bad@h'}}]}}"),
        format!("exporters: {{redis: [{{redis.addr: 'redis://u:{MARK}-bad@h:notaport'}}]}}"),
        // Where something else is to stand.
        format!("exporters: {{postgres: ['postgresql://u:{MARK}-bad@h/db']}}"),
        format!("exporters: {{redis: {MARK}-bad}}"),
        format!("exporters: {{redis: [{{labels: {MARK}-bad}}]}}"),
        format!("{MARK}-bad"),
        format!("exporters: {{postgres: [{{config.file: {path}/pg.yml}}]}}"),
        format!("exporters: {{app-health: [{{config.file: {path}/modules.yml}}]}}"),
        format!("exporters: {{app-health: [{{checks.file: {path}/checks.yml}}]}}"),
        format!("exporters: {{s3: [{{targets.file: {path}/s3.yml}}]}}"),
        format!("exporters: {{s3: [{{targets.file: {path}/s3-2.yml}}]}}"),
    ] {
        dir.write("exporters.yml", &bad).unwrap();
        let answer = http::post(&format!("http://{address}/-/reload"), &headers, b"").unwrap();
        seen.push((format!("reload of {bad}").replace(MARK, "*"), answer.text()));
        let check = command().args(["check-config", &format!("{path}/exporters.yml")]).output().unwrap();
        seen.push(("check-config".to_owned(), String::from_utf8_lossy(&check.stderr).into_owned()));
    }
    let line = std::fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap();
    seen.push(("command line".to_owned(), String::from_utf8_lossy(&line).into_owned()));
    process.signal(Signal::HUP).unwrap();
    wait::until("the reload to be logged", LIMIT, || {
        let logged = process.stderr().matches("not loaded").count();
        if logged > 0 { Ok(()) } else { Err(exporter_testkit::Error::new("not yet")) }
    })
    .unwrap();
    seen.push(("standard output".to_owned(), process.stdout()));
    seen.push(("log".to_owned(), process.stderr()));
    assert!(process.stderr().contains("level=debug") || process.stderr().contains("DEBUG"), "at debug");

    for (place, text) in &seen {
        assert!(!text.contains(MARK), "{place}: {text}");
        assert!(!text.contains(&base64(&format!("u:{MARK}-basic"))), "{place}: {text}");
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
