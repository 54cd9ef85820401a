//! Logs, files and heartbeats, as they reach the page.

use crate::certs::Certs;
use crate::program::Program;
use crate::support::Running;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Result, http, ports, wait};
use std::io::Write as _;

#[test]
fn heartbeats_are_taken_with_a_token_and_survive_a_restart() -> Result {
    let (dir, port) = (TempDir::new()?, ports::free()?);
    let token = dir.write("token", "hunter2\n")?;
    let checks = format!(
        "{{systems: [{{system: s, heartbeats: [{{task: nightly, interval: 24h}}, {{task: never, interval: 1h}}]}}],
          heartbeat: {{listen: '{}', state: '{}', token_file: '{}'}}}}",
        port.address(),
        dir.path().join("state.json").display(),
        token.display()
    );
    let series = r#"app_heartbeat_last_timestamp_seconds{system="s",task="nightly"}"#;
    let never = r#"app_heartbeat_awaited_since_timestamp_seconds{system="s",task="never"}"#;
    let first = {
        let running = Running::start(&checks)?;
        running.until("the receiver", |page| page.samples.get("app_heartbeat_receiver_up") == Some(&1.0))?;
        let page = running.scrape();
        assert_eq!(page.value(series), 0.0);
        let awaited = page.value(&series.replace("_last_", "_awaited_since_"));
        assert!(awaited > 1.7e9, "waited for since the start, not since 1970: {awaited}");
        let url = format!("http://{}/heartbeat/nightly?code=3&duration=12.5", port.address());
        for (url, token, status) in [
            (url.clone(), "Bearer wrong", 401),
            (url.replace("nightly", "nope"), "Bearer hunter2", 404),
            (url.replace("=3", "=x"), "Bearer hunter2", 400),
            (url, "Bearer hunter2", 200),
        ] {
            assert_eq!(http::post(&url, &[("Authorization", token)], b"")?.status, status);
        }
        let page = running.scrape();
        assert!(page.value(series) > 1.7e9);
        assert_eq!(page.value(r#"app_heartbeat_last_exit_code{system="s",task="nightly"}"#), 3.0);
        assert!(!page.text.contains("hunter2"));
        page.value(never)
    };
    let again = Running::start(&checks)?.scrape();
    assert_eq!(again.value(never), first, "a restart is no report");
    assert!(again.value(series) > 1.7e9, "{}", again.text);
    assert_eq!(again.value(r#"app_heartbeat_last_timestamp_seconds{system="s",task="never"}"#), 0.0);
    Ok(())
}

#[test]
fn files_certificates_and_objectives() -> Result {
    let certs = Certs::new()?;
    let dir = exporter_testkit::fixture::tree(&[("b/1.dump", "xxx"), ("b/2.dump", ""), ("b/x.txt", "")])?;
    let root = dir.path().display();
    let running = Running::start(&format!(
        "systems: [{{system: s, files: [{{glob: '{root}/b/*.dump', backup: database}}, {{glob: '{root}/none/*', backup: full}}],
          certificates: ['{}', '{root}/nope.pem', /dev/zero], objectives: {{rpo: 24h, rto: 4h}}}}]",
        certs.path("expired.pem").display()
    ))?;
    let page = running.scrape();
    let file = |family: &str, glob: &str, agg: &str| {
        page.value(&format!(r#"{family}{{system="s",glob="{root}/{glob}",agg="{agg}"}}"#))
    };
    assert!(file("app_file_age_seconds", "b/*.dump", "min") < 60.0);
    assert_eq!(file("app_file_age_seconds", "none/*", "min"), f64::INFINITY);
    assert_eq!(file("app_file_size_bytes", "b/*.dump", "sum"), 3.0);
    assert_eq!(page.value(&format!(r#"app_file_count{{system="s",glob="{root}/b/*.dump"}}"#)), 2.0);
    assert_eq!(page.value(&format!(r#"app_file_error{{system="s",glob="{root}/b/*.dump"}}"#)), 0.0);
    assert_eq!(page.value(&format!(r#"app_file_error{{system="s",glob="{root}/none/*"}}"#)), 1.0);
    // An empty file is no backup.
    assert_eq!(page.value(r#"app_backup_size_bytes{system="s",kind="database"}"#), 3.0);
    assert_eq!(page.value(r#"app_backup_last_success_timestamp_seconds{system="s",kind="full"}"#), 0.0);
    assert_eq!(page.value(r#"app_objective_seconds{system="s",kind="rpo"}"#), 86_400.0);
    let path = certs.path("expired.pem");
    let end = page.value(&format!(
        r#"app_certificate_expiry_timestamp_seconds{{system="s",path="{}"}}"#,
        path.display()
    ));
    assert!(end > 1.7e9, "{end}");
    let end = page.value(r#"app_certificate_expiry_timestamp_seconds{system="s",path="/dev/zero"}"#);
    assert_eq!(end, 0.0, "what has no end is not read");
    Ok(())
}

#[test]
fn log_lines_are_counted_while_they_are_written() -> Result {
    let dir = exporter_testkit::fixture::tree(&[("app.log", "ERROR from before\n")])?;
    let path = dir.path().join("app.log");
    let running = Running::start(&format!(
        "systems: [{{system: s, logs: [{{file: '{}', patterns: {{beat: agent_heartbeat}}}}]}}]",
        path.display()
    ))?;
    let errors = r#"app_log_lines_total{system="s",file="app.log",level="ERROR"}"#;
    running.until("a first look", |page| page.samples.get(errors) == Some(&0.0))?;
    std::fs::File::options().append(true).open(&path)?.write_all(b"x ERROR y\nINFO agent_heartbeat\n")?;
    let page = running.until("the new line", |page| page.value(errors) > 0.0)?;
    assert_eq!(page.value(errors), 1.0);
    assert_eq!(page.value(r#"app_log_matches_total{system="s",file="app.log",pattern="beat"}"#), 1.0);
    assert_eq!(page.value(r#"app_log_file_present{system="s",file="app.log"}"#), 1.0);
    Ok(())
}

#[test]
fn what_cannot_be_looked_at_is_told_once_and_when_it_is_over() -> Result {
    let dir = TempDir::new()?;
    let root = dir.path().display();
    let checks = format!(
        "systems: [{{logs: [{{file: '{root}/app.log'}}], files: [{{glob: '{root}/none/*'}}], certificates: ['{root}/x.pem']}}]"
    );
    let file = format!("--checks.file={}", dir.write("checks.yml", checks)?.display());
    let mut program = Program::start(&[&file])?;
    program.get("/metrics", 200)?;
    for part in ["log {}/app.log", "files {}/none/*", "certificate {}/x.pem"] {
        let part = format!("what=\"{}\"", part.replace("{}", &root.to_string()));
        let line = program.process.wait_stderr_line(&part, wait::LONG)?;
        assert!(line.contains("level=warn") && line.contains("cannot be looked at"), "{line}");
    }
    dir.write("app.log", "")?;
    program.process.wait_stderr_line("can be looked at again", wait::LONG)?;
    let told = program.process.stderr();
    assert_eq!(told.matches("app.log").count(), 2, "{told}");
    Ok(())
}
