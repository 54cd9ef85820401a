//! The stack as docker-compose.yml describes it, brought up, watched at work and taken down again. No registry is asked:
//! the images are made from this machine's programs. Grafana is left out, since nothing here could be made into it.

mod images;
mod stack;

use std::time::Duration;

use super::support::{LIMIT, command};
use exporter_testkit::{Error, Result, http, process, wait};
use serde_json::Value;
use stack::{RUNBOOKS, Stack};

/// What one run of everything takes on a busy two-core machine, a few times over.
const UP: Duration = Duration::from_secs(150);
const SCRAPED: Duration = Duration::from_secs(60);
/// Rules are evaluated every 15 s.
const EVALUATED: Duration = Duration::from_secs(60);
/// An alert that is evaluated before Prometheus knows its Alertmanager is sent a minute later again.
const DELIVERED: Duration = Duration::from_secs(150);

#[test]
fn the_stack_comes_up_alerts_reloads_and_leaves_nothing_behind() -> Result {
    let stack = Stack::new()?;
    watch(&stack).map_err(|error| Error::new(format!("{error}\n{}", stack.compose.state())))?;
    stack.compose.end()
}

fn watch(stack: &Stack) -> Result {
    // The sink listens in the stack's network, which therefore comes first.
    stack.compose.run(&["create", "--no-build", "--pull=never"], UP)?;
    let sink = stack.dead_man_listens()?;
    stack.compose.run(&["up", "--detach", "--wait", "--wait-timeout=120", "--no-build"], UP)?;

    http::get(&stack.exporters_url("/-/healthy"), &[])?.expect_status(200)?;
    everything_is_scraped(stack)?;
    it_is_this_host(stack)?;
    its_own_containers_are_seen(stack)?;
    thresholds_are_reloaded(stack)?;
    no_rule_fails(stack)?;
    the_watchdog_arrives(&sink)
}

/// The two of targets/stack.yml, the two of probes/stack.yml, and what the exporters offer at /sd with the labels that
/// prometheus.yml adds.
fn everything_is_scraped(stack: &Stack) -> Result {
    wait::until("all targets up", SCRAPED, || {
        let mut targets = stack.prometheus.targets()?;
        targets.sort_by(|a, b| a.job.cmp(&b.job));
        let jobs: Vec<&str> = targets.iter().map(|target| target.job.as_str()).collect();
        let up = targets.iter().all(|target| target.health == "up");
        let all = up
            && jobs
                == [
                    "alertmanager",
                    "app-health",
                    "container",
                    "exporters",
                    "node",
                    "probes",
                    "probes",
                    "prometheus",
                ];
        if all { Ok(()) } else { Err(Error::new(format!("{targets:?}"))) }
    })?;
    let name = hostname()?;
    let labels =
        format!(r#"instance="{name}",system="default",service="node",env="production",host="{name}""#);
    expect(stack, &format!(r#"up{{job="node",{labels}}}"#), 1.0, SCRAPED)?;
    expect(stack, &format!(r#"up{{job="exporters",instance="{name}"}}"#), 1.0, SCRAPED)?;
    let probe =
        r#"probe_success{job="probes",instance="http://prometheus:9090/-/healthy",module="http_2xx"}"#;
    expect(stack, probe, 1.0, SCRAPED)
}

fn hostname() -> Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_owned())
}

/// Not the container alone: it has no bridge, and a name of its own.
fn it_is_this_host(stack: &Stack) -> Result {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"));
    let kilobytes: f64 = kilobytes.unwrap_or_default().trim().parse().map_err(Error::context("MemTotal"))?;
    let name = hostname()?;
    let memory = format!("node_memory_MemTotal_bytes{{instance={name:?}}}");
    expect(stack, &memory, kilobytes * 1024.0, SCRAPED)?;
    let bridge = stack.compose.bridge("monitoring")?;
    expect(stack, &format!("count(node_network_receive_bytes_total{{device={bridge:?}}})"), 1.0, SCRAPED)?;
    expect(stack, &format!("node_uname_info{{nodename={name:?}}}"), 1.0, SCRAPED)?;
    expect(stack, r#"count(node_filesystem_size_bytes{mountpoint="/"} > 0)"#, 1.0, SCRAPED)
}

/// By a process that is nobody and has no way to the engine: names come from the one that has, figures from the kernel.
fn its_own_containers_are_seen(stack: &Stack) -> Result {
    expect(stack, "docker_up", 1.0, SCRAPED)?;
    let of = |service: &str| {
        let label = "container_label_com_docker_compose";
        format!(r#"{label}_project="{}",{label}_service="{service}""#, stack::PROJECT)
    };
    for service in ["prometheus", "alertmanager", "exporters", "container-meta"] {
        let memory = format!("count(container_memory_working_set_bytes{{{}}} > 0)", of(service));
        expect(stack, &memory, 1.0, SCRAPED)?;
        expect(stack, &format!("container_running{{{}}}", of(service)), 1.0, SCRAPED)?;
    }
    let network = |service| format!("count(container_network_receive_bytes_total{{{}}} > 0)", of(service));
    expect(stack, &network("prometheus"), 1.0, SCRAPED)?;
    assert_eq!(stack.prometheus.query(&network("container-meta"))?, [], "it has no network");
    expect(stack, "count(container:memory_used_of_limit:ratio > 0) >= bool 4", 1.0, EVALUATED)
}

fn the_watchdog_arrives(sink: &exporter_testkit::sink::Sink) -> Result {
    let post = sink.wait_for("the Watchdog", DELIVERED, |post| post.path == "/deadman")?.json()?;
    let alert = &post["alerts"][0];
    assert_eq!(alert["labels"]["alertname"], "Watchdog", "{post}");
    assert_eq!(alert["annotations"]["runbook_url"], format!("{RUNBOOKS}/meta.md#watchdog"), "{post}");
    assert!(alert["labels"]["runbook_base"].is_null(), "only links are made of it: {post}");
    Ok(())
}

/// As the header of thresholds.yml says it is done.
fn thresholds_are_reloaded(stack: &Stack) -> Result {
    let series = r#"alert_threshold{name="cpu_used_ratio",severity="warning",system="compose-test"}"#;
    assert_eq!(stack.prometheus.query(series)?, []);
    stack.edit("prometheus/thresholds.yml", |text| {
        format!("{text}\ncompose-test:\n  cpu_used_ratio: {{warning: 0.625}}\n")
    })?;
    let render = &mut command();
    let rules = process::run(render.arg("thresholds").arg(stack.path("prometheus/thresholds.yml")), LIMIT)?;
    stack.edit("prometheus/rules/thresholds.yml", |_| rules)?;
    stack.compose.run(&["kill", "--signal=HUP", "prometheus"], LIMIT)?;
    expect(stack, series, 0.625, EVALUATED)
}

/// Not even with data: only evaluations count that begin now, when all targets have been scraped.
fn no_rule_fails(stack: &Stack) -> Result {
    let before: Vec<Value> = rules(stack)?.iter().map(|rule| rule["lastEvaluation"].clone()).collect();
    wait::until("every rule evaluated", EVALUATED, || {
        let mut bad = rules(stack)?;
        bad.retain(|rule| rule["health"] != "ok" || before.contains(&rule["lastEvaluation"]));
        if bad.is_empty() { Ok(()) } else { Err(Error::new(Value::from(bad).to_string())) }
    })
}

fn rules(stack: &Stack) -> Result<Vec<Value>> {
    let answer = stack.prometheus.get("/api/v1/rules")?;
    let groups = answer["groups"].as_array().into_iter().flatten();
    let rules: Vec<_> = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
    if rules.is_empty() { Err(Error::new("no rules")) } else { Ok(rules.into_iter().cloned().collect()) }
}

/// Waits until the query gives one series with this value.
fn expect(stack: &Stack, query: &str, value: f64, limit: Duration) -> Result {
    wait::until(&format!("{query} = {value}"), limit, || match stack.prometheus.query(query)?.as_slice() {
        [sample] if sample.value == value => Ok(()),
        other => Err(Error::new(format!("{other:?}"))),
    })
}
