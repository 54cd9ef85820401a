//! The repository's own prometheus.yml, with a real Prometheus: whose `system` a series is of, and the job that probes.

use crate::bad_server::BadServer;
use crate::nginx::Nginx;
use crate::program::Program;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::prometheus::Prometheus;
use exporter_testkit::{Error, Result, tools, wait};
use serde_yaml::Value;

/// prometheus.yml without what needs the rest of the stack, with this exporter in the place of the stack's.
fn config(exporter: &str) -> Result<String> {
    let path = tools::workspace_root().join("prometheus/prometheus.yml");
    let told = |error: serde_yaml::Error| Error::new(error.to_string());
    let mut config: Value = serde_yaml::from_str(&std::fs::read_to_string(path)?).map_err(told)?;
    let map = config.as_mapping_mut().ok_or_else(|| Error::new("no mapping"))?;
    map.remove("rule_files");
    map.remove("alerting");
    map["global"]["scrape_interval"] = "1s".into();
    map["global"]["scrape_timeout"] = "1s".into();
    let jobs = map["scrape_configs"].as_sequence_mut().ok_or_else(|| Error::new("no jobs"))?;
    jobs.retain(|job| job["job_name"] != "exporters-sd");
    let text = serde_yaml::to_string(&config).map_err(told)?;
    Ok(text.replace("exporters:9555", exporter).replace("/app-health/probe", "/probe"))
}

#[test]
fn a_series_is_of_its_own_system_and_probes_are_asked() -> Result {
    let (nginx, dir) = (Nginx::start(None)?, TempDir::new()?);
    let foreign = BadServer::start(|client| {
        client.head();
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 3}");
    })?;
    let modules = "modules: {http_2xx: {prober: http}, json: {metrics: [{name: foreign_value, path: '{.a}', labels: {system: b}}]}}";
    let modules = format!("--config.file={}", dir.write("modules.yml", modules)?.display());
    let checks = "systems: [{system: alkana, objectives: {rpo: 24h}}]";
    let checks = format!("--checks.file={}", dir.write("checks.yml", checks)?.display());
    let program = Program::start(&[&modules, &checks])?;
    let exporter = program.port.address();
    let targets = format!(
        "- {{targets: ['{exporter}'], labels: {{job: app-health, system: monitoring}}}}
- {{targets: ['{exporter}'], labels: {{job: json, system: monitoring, __metrics_path__: /probe, __param_module: json,
   __param_target: 'http://{}/'}}}}",
        foreign.address()
    );
    let probes = format!(
        "- {{targets: ['{}'], labels: {{module: http_2xx, system: monitoring}}}}",
        nginx.url("/flat")
    );
    let files = [("targets/a.yml", targets.as_str()), ("probes/a.yml", probes.as_str())];
    let prometheus = Prometheus::start(&config(&exporter)?, &files, wait::LONG)?;
    for (query, value) in [
        (
            r#"app_objective_seconds{job="app-health",system="alkana",exported_system=""}"#.to_owned(),
            86_400.0,
        ),
        (r#"foreign_value{job="json",system="monitoring",exported_system="b"}"#.to_owned(), 3.0),
        (
            format!(r#"probe_success{{job="probes",instance="{}",module="http_2xx"}}"#, nginx.url("/flat")),
            1.0,
        ),
    ] {
        wait::until(&query, wait::LONG, || match prometheus.query(&query)?.as_slice() {
            [sample] if sample.value == value => Ok(()),
            other => Err(Error::new(format!("{other:?}"))),
        })?;
    }
    Ok(())
}
