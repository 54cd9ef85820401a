//! A real Prometheus 3 finds the instances through `/sd`, scrapes them and evaluates a rule.

use super::support::{Exporters, LIMIT};
use exporter_testkit::fixture;
use exporter_testkit::prometheus::Prometheus;
use std::collections::BTreeSet;

const CONFIG: &str = "
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: exporters
    http_sd_configs: [{url: 'http://ADDRESS/sd', refresh_interval: 1s}]
";

const RULES: &str = "
groups:
  - name: test
    rules:
      - record: instance:memory_used:ratio
        expr: 1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes
";

fn two_instances() -> (fixture::TempDir, Exporters) {
    let dir = fixture::tree(&[(
        "exporters.yml",
        "exporters: {node: [{name: a}, {name: b, collector.meminfo: true}]}",
    )])
    .unwrap();
    let file = dir.path().join("exporters.yml");
    let exporters = Exporters::start_on("box", &[&format!("--config.file={}", file.display())]);
    (dir, exporters)
}

#[test]
fn two_instances_are_found_scraped_and_told_apart() {
    let (_dir, exporters) = two_instances();
    let config = CONFIG.replace("ADDRESS", &exporters.address());
    let mut prometheus = Prometheus::start(&config, &[("rules.yml", RULES)], LIMIT).unwrap();
    let targets = prometheus.wait_targets_up(3, LIMIT).unwrap();
    let node: BTreeSet<_> =
        targets.iter().filter(|t| t.job == "node").map(|target| target.instance.as_str()).collect();
    assert_eq!(node, BTreeSet::from(["box/a", "box/b"]));

    let load = prometheus.wait_query("count by (instance) (node_load1{job=\"node\"})", LIMIT).unwrap();
    assert_eq!(load.len(), 2);
    let ratio = prometheus.wait_query("instance:memory_used:ratio{instance=\"box/a\"}", LIMIT).unwrap();
    assert!(ratio[0].value > 0.0 && ratio[0].value < 1.0, "{ratio:?}");
    for (series, expected) in [
        ("node_scrape_collector_success{collector=\"loadavg\",instance=\"box/a\"}", 1.0),
        ("promhttp_metric_handler_requests_in_flight{job=\"exporters\",instance=\"box\"} > bool 0", 1.0),
        ("node_exporter_build_info{instance=\"box/b\"}", 1.0),
    ] {
        assert_eq!(prometheus.wait_query(series, LIMIT).unwrap()[0].value, expected, "{series}");
    }

    let metadata = prometheus.metadata().unwrap();
    for (name, kind) in [
        ("node_load1", "gauge"),
        ("node_memory_MemTotal_bytes", "gauge"),
        ("process_cpu_seconds_total", "counter"),
        ("promhttp_metric_handler_requests_total", "counter"),
    ] {
        let (_, found, help) = metadata.iter().find(|(own, _, _)| own == name).expect(name);
        assert_eq!(found, kind, "{name}");
        assert!(!help.is_empty(), "{name}");
    }
}

const TWO_BOXES: &str = "
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: exporters
    http_sd_configs:
      - {url: 'http://ONE/sd', refresh_interval: 1s}
      - {url: 'http://OTHER/sd', refresh_interval: 1s}
";

const ONE_FILE: &str = "
exporters:
  node:
    - {labels: &whose {system: shop, env: test}}
    - {name: root, collector.disable-defaults: true, collector.loadavg: true, labels: *whose}
  app-health:
    - {labels: {system: shop, env: test, instance: probes-of-HOST, host: HOST}}
";

/// The same file on two machines; but for one label that it sets itself.
#[test]
fn two_machines_with_one_file_are_told_apart() {
    let boxes = ["one", "other"].map(|name| {
        let dir = fixture::tree(&[("exporters.yml", ONE_FILE.replace("HOST", name).as_str())]).unwrap();
        let file = dir.path().join("exporters.yml");
        let exporters = Exporters::start_on(name, &[&format!("--config.file={}", file.display())]);
        (dir, exporters)
    });
    let [one, other] = boxes.each_ref().map(|(_, exporters)| exporters.address());
    let config = TWO_BOXES.replace("ONE", &one).replace("OTHER", &other);
    let mut prometheus = Prometheus::start(&config, &[], LIMIT).unwrap();
    prometheus.wait_targets_up(8, LIMIT).unwrap();
    // A target is up a moment before its series can be asked for.
    prometheus.wait_query("count(up == 1) == 8", LIMIT).unwrap();
    let up = prometheus.wait_query("up == 1", LIMIT).unwrap();
    let labels = ["job", "instance", "host", "system", "env"];
    let found: BTreeSet<_> =
        up.iter().map(|sample| labels.map(|label| sample.label(label).unwrap_or("none"))).collect();
    let expected = |host| {
        [["node", "HOST"], ["node", "HOST/root"], ["app-health", "probes-of-HOST"], ["exporters", "HOST"]]
            .map(|[job, instance]| {
                [
                    job.to_owned(),
                    instance.replace("HOST", host),
                    host.to_owned(),
                    "shop".into(),
                    "test".into(),
                ]
            })
    };
    let expected: BTreeSet<_> = ["one", "other"].into_iter().flat_map(expected).collect();
    assert_eq!(found, expected.iter().map(|labels| labels.each_ref().map(String::as_str)).collect());
    // Each series says whose machine it is: nothing of one page stands under the other's name.
    let mixed = "count(node_uname_info) - count(label_join(node_uname_info, 'instance', '', 'nodename') == node_uname_info)";
    assert_eq!(prometheus.wait_query("count(node_uname_info)", LIMIT).unwrap()[0].value, 2.0);
    assert_eq!(prometheus.wait_query(mixed, LIMIT).unwrap()[0].value, 0.0);
}

#[test]
fn with_nothing_configured_it_serves_this_host() {
    let mut exporters = Exporters::start(&[]);
    let page = exporters.get("/node/metrics");
    assert!(page.contains("\nnode_load1 "), "{page}");
    assert!(exporters.get("/").contains("/node/metrics"));
    let url = format!("url=http://{}/node/metrics", exporters.address());
    assert!(exporters.process.stderr().contains(&url), "{}", exporters.process.stderr());
    assert!(exporters.process.stop().unwrap().success(), "SIGTERM is a clean end");
}
