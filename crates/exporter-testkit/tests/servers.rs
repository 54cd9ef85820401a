//! The harness against the real programs.

use std::io::Write;
use std::net::TcpListener;

use exporter_testkit::alertmanager::Alertmanager;
use exporter_testkit::prometheus::Prometheus;
use exporter_testkit::sink::Sink;
use exporter_testkit::wait::LONG;
use exporter_testkit::{Result, tools};

/// A page with one family, served until the test process ends.
fn page() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 2048];
            let _ = std::io::Read::read(&mut stream, &mut request);
            let body = "# HELP toy_total Toys.\n# TYPE toy_total counter\ntoy_total{kind=\"car\"} 3\n";
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    Ok(address)
}

#[test]
fn prometheus_scrapes_evaluates_and_tells() -> Result {
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: toys, static_configs: [{{targets: ['{}']}}]}}]\n",
        page()?
    );
    let rules = "groups: [{name: g, rules: [{record: 'toys:sum', expr: 'sum(toy_total)'}]}]\n";
    let mut prometheus = Prometheus::start(&config, &[("rules.yml", rules)], LONG)?;
    let targets = prometheus.wait_targets_up(1, LONG)?;
    assert_eq!(targets[0].job, "toys");
    let series = prometheus.wait_query("toys:sum", LONG)?;
    assert_eq!(series[0].value, 3.0);
    let toys = prometheus.query(r#"toy_total{kind=~"c.+"}"#)?;
    assert_eq!(toys[0].label("kind"), Some("car"));
    assert_eq!(prometheus.query("1 + 1")?[0].value, 2.0);
    let metadata = prometheus.metadata()?;
    assert!(metadata.contains(&("toy_total".into(), "counter".into(), "Toys.".into())), "{metadata:?}");
    assert!(prometheus.query("sum(").unwrap_err().to_string().contains("parse error"));
    Ok(())
}

#[test]
fn a_bad_configuration_is_told_at_once() {
    let error = Prometheus::start("nonsense: true\n", &[], LONG).unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn alertmanager_delivers_to_the_sink() -> Result {
    let sink = Sink::start()?;
    let config = format!(
        "route: {{receiver: hook, group_wait: 1ms}}\nreceivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook")
    );
    let alertmanager = Alertmanager::start(&config, &[], LONG)?;
    alertmanager.fire(&[("alertname", "Toy"), ("severity", "info")], &[("summary", "a toy")])?;
    let post = sink.wait_for("the alert", LONG, |r| r.path == "/hook")?.json()?;
    assert_eq!(post["alerts"][0]["labels"]["alertname"], "Toy");
    assert_eq!(alertmanager.api("/api/v2/alerts")?[0]["annotations"]["summary"], "a toy");
    Ok(())
}

#[test]
fn every_tool_the_tests_need_is_there() -> Result {
    for tool in ["prometheus", "promtool", "alertmanager", "amtool", "docker-compose"] {
        tools::path(tool)?;
    }
    Ok(())
}
