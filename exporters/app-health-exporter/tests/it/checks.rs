//! Checks on their own schedule.

use crate::bad_server::BadServer;
use crate::nginx::Nginx;
use crate::support::Running;
use exporter_testkit::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

#[test]
fn the_four_shapes_from_their_urls_alone() -> Result {
    let nginx = Nginx::start(None)?;
    let check = |name: &str| format!("{{name: {name}, url: '{}'}}", nginx.url(&format!("/{name}")));
    let checks: Vec<String> = ["flat", "nested", "components", "list"].map(check).to_vec();
    let running = Running::start(&format!("systems: [{{system: alkana, checks: [{}]}}]", checks.join(", ")))?;
    let page = running.until("all four", |page| {
        page.samples.keys().filter(|series| series.starts_with("app_health_up{")).count() == 4
    })?;
    for (series, value) in [
        (r#"app_health_up{system="alkana",check="flat"}"#, 1.0),
        (r#"app_health_status{system="alkana",check="flat",component="database"}"#, 1.0),
        (r#"app_health_status{system="alkana",check="nested",component="minio"}"#, 1.0),
        (r#"app_health_value{system="alkana",check="nested",component="workers",name="active_tasks"}"#, 3.0),
        (r#"app_health_info{system="alkana",check="nested",version="1.0.0"}"#, 1.0),
        (r#"app_health_status{system="alkana",check="components",component="overall"}"#, 0.0),
        (r#"app_health_state{system="alkana",check="components",component="etl",state="stale"}"#, 1.0),
        (r#"etl_last_run_timestamp{system="alkana",check="components",component="etl"}"#, 1_705_284_000.0),
        (r#"etl_age_seconds{system="alkana",check="components",component="etl"}"#, 95_400.0),
        (
            r#"app_health_component_response_seconds{system="alkana",check="components",component="database"}"#,
            0.0125,
        ),
        (
            r#"agent_last_heartbeat_timestamp{system="alkana",check="list",agent_name="alpha"}"#,
            1_705_314_600.0,
        ),
        (r#"agent_status{system="alkana",check="list",agent_name="beta",status="inactive"}"#, 1.0),
        (r#"agent_count{system="alkana",check="list",status="active"}"#, 1.0),
        (r#"app_health_reported_timestamp_seconds{system="alkana",check="flat"}"#, 1_705_314_600.0),
    ] {
        assert_eq!(page.value(series), value, "{series}");
    }
    assert!(!page.text.contains("hunter2"), "text of a body got out");
    Ok(())
}

#[test]
fn counters_go_on_between_scrapes_and_no_stale_health_is_served() -> Result {
    let mode = Arc::new(AtomicU8::new(0));
    let server = BadServer::start({
        let mode = mode.clone();
        move |client| {
            client.head();
            let (status, body) = match mode.load(Ordering::SeqCst) {
                0 => ("200 OK", r#"{"status": "healthy", "services": {"redis": "healthy"}}"#),
                1 => ("503 No", r#"{"status": "unhealthy", "services": {"redis": "unhealthy"}}"#),
                2 => ("200 OK", r#"{"status": "unhealthy"}"#),
                _ => return,
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            client.send(head.as_bytes());
        }
    })?;
    let running = Running::start(&format!(
        "systems: [{{system: s, checks: [{{name: c, url: 'http://{}/', interval: 100ms}}]}}]",
        server.address()
    ))?;
    let runs = |result: &str, reason: &str| {
        format!(r#"app_health_check_total{{system="s",check="c",result="{result}",reason="{reason}"}}"#)
    };
    let redis = r#"app_health_status{system="s",check="c",component="redis"}"#;
    let page = running.until("a success", |page| page.samples.get(redis) == Some(&1.0))?;
    assert_eq!(page.value(&runs("failure", "")), 0.0, "a counter that is there before it counts");
    // Nobody scrapes meanwhile.
    let before = page.value(&runs("success", ""));
    running.until("several runs", |page| page.value(&runs("success", "")) >= before + 5.0)?;
    mode.store(1, Ordering::SeqCst);
    let page = running.until("status", |page| page.samples.contains_key(&runs("failure", "status")))?;
    assert_eq!((page.value(redis), page.value(r#"app_health_up{system="s",check="c"}"#)), (0.0, 0.0));
    mode.store(2, Ordering::SeqCst);
    let page = running.until("unhealthy", |page| page.samples.contains_key(&runs("failure", "unhealthy")))?;
    assert_eq!(page.value(r#"app_health_up{system="s",check="c"}"#), 1.0);
    mode.store(3, Ordering::SeqCst);
    let page = running.until("closed", |page| page.samples.contains_key(&runs("failure", "closed")))?;
    assert!(!page.text.contains("app_health_status{"), "{}", page.text);
    let count = page.value(r#"app_health_check_duration_seconds_count{system="s",check="c"}"#);
    assert_eq!(
        page.value(r#"app_health_check_duration_seconds_bucket{system="s",check="c",le="+Inf"}"#),
        count
    );
    Ok(())
}

#[test]
fn a_check_that_hangs_does_not_hold_the_page() -> Result {
    let silent = BadServer::start(|client| client.hang())?;
    let running = Running::start(&format!(
        "systems: [{{system: s, checks: [{{name: c, url: 'http://{}/', interval: 300ms, timeout: 300ms}}]}}]",
        silent.address()
    ))?;
    let begin = std::time::Instant::now();
    running.scrape();
    assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
    let reason = r#"app_health_check_total{system="s",check="c",result="failure",reason="timeout_response"}"#;
    running.until("the reason", |page| page.samples.contains_key(reason))?;
    Ok(())
}

/// Bodies that are none: the check is down for the right reason, the page stays small, and so does the program.
#[test]
fn bodies_that_are_none() -> Result {
    let serving = |body: Vec<u8>| {
        BadServer::start(move |client| {
            client.head();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            client.send(head.as_bytes());
            client.send(&body);
        })
    };
    let cases = [
        ("text", b"all is well, really".to_vec(), "json"),
        ("bytes", b"{\"status\": \"\xff\xfe\"}".to_vec(), "json"),
        ("deep", b"[".repeat(200_000), "json"),
        ("huge", b" ".repeat(20_000_000), "body_limit"),
        ("strange", b"{\"hello\": [1, 2]}".to_vec(), "mapping"),
    ];
    let mut servers = Vec::new();
    let mut checks = Vec::new();
    for (name, body, _) in &cases {
        let server = serving(body.clone())?;
        checks.push(format!("{{name: {name}, url: 'http://{}/', interval: 200ms}}", server.address()));
        servers.push(server);
    }
    let running = Running::start(&format!("systems: [{{system: s, checks: [{}]}}]", checks.join(", ")))?;
    for (name, _, reason) in cases {
        let runs = format!(
            r#"app_health_check_total{{system="s",check="{name}",result="failure",reason="{reason}"}}"#
        );
        let page = running.until(reason, |page| page.samples.contains_key(&runs))?;
        assert_eq!(page.value(&format!(r#"app_health_up{{system="s",check="{name}"}}"#)), 0.0);
        assert!(!page.text.contains("app_health_status{"), "{}", page.text);
    }
    Ok(())
}
