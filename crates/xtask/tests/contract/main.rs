//! Each clause of the contract, broken once in an otherwise good repository.

mod good;

use exporter_testkit::{Error, Result, fixture};
use xtask::contract::{self, Catalogue};

const RECORDING: &str = "prometheus/rules/toy/recording.yml";
const ALERTS: &str = "prometheus/rules/toy/alerts.yml";
const TESTS: &str = "prometheus/tests/toy.yml";
const FOREIGN: &str = "prometheus/foreign-metrics.yml";
const RUNBOOK: &str = "docs/runbooks/toy.md";
const DASHBOARD: &str = "grafana/dashboards/toys.json";

/// The violations after replacing `from` (which must be there) by `to` in one file.
fn violations(file: &str, from: &str, to: &str) -> Result<Vec<String>> {
    let catalogue =
        Catalogue::from_tsv(include_str!("catalogue.tsv")).map_err(Error::context("catalogue"))?;
    let dir = fixture::tree(&good::FILES)?;
    let text = std::fs::read_to_string(dir.path().join(file))?;
    if !text.contains(from) {
        return Err(Error::new(format!("the case is stale: {file} has no {from:?}")));
    }
    dir.write(file, text.replacen(from, to, 1))?;
    let found = contract::check(dir.path(), &catalogue).map_err(|e| Error::new(format!("{e:#}")))?;
    Ok(found.iter().map(ToString::to_string).collect())
}

/// Each of these changes must bring a message that contains the first part; the other messages, if there are any, must
/// contain one of the parts. Parts are separated by ` | `.
fn each(cases: &[(&str, &str, &str, &str)]) -> Result {
    for (file, from, to, expected) in cases {
        let found = violations(file, from, to)?;
        let parts: Vec<&str> = expected.split(" | ").collect();
        let hit = found.iter().any(|message| message.contains(parts[0]));
        let all = found.iter().all(|message| parts.iter().any(|part| message.contains(part)));
        assert!(hit && all, "{file}: {from:?} -> {to:?}: expected {expected:?}, got {found:#?}");
    }
    Ok(())
}

#[test]
fn the_good_repository_is_good() -> Result {
    assert_eq!(violations(RUNBOOK, "Empty it.", "Empty it soon.")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn metrics_exist() -> Result {
    each(&[
        (RECORDING, "toy_used_bytes /", "toy_usde_bytes /", "toy_usde_bytes is in no exporter's catalogue"),
        (
            ALERTS,
            "{name=\"toy_used_ratio\",severity",
            "{name=\"toy_ratio\",severity",
            "no rule produces alert_threshold",
        ),
        (
            DASHBOARD,
            "instance:toy_used:ratio{",
            "instance:toy_usage:ratio{",
            "instance:toy_usage:ratio is in no",
        ),
        (
            DASHBOARD,
            "\"changes(toy_size_bytes[5m]) > 0\"",
            "\"changes(toy_sighs[5m]) > 0\"",
            "toy_sighs is in no",
        ),
        (
            DASHBOARD,
            "toy_size_bytes{job=~",
            "toy_sise_bytes{job=~",
            "variable instance: toy_sise_bytes is in no",
        ),
        (RECORDING, "toy_used_bytes / toy_size_bytes", "'{job=\"toys\"}'", "names no metric"),
        (RECORDING, "toy_used_bytes / toy_size_bytes", "toy_used_bytes / (", "does not parse"),
        (FOREIGN, "shop_orders_total", "shop_baskets_total", "shop_"),
        (
            FOREIGN,
            "- {name",
            "- {name: shop_x, owner: a, reason: b}\n- {name",
            "no rule and no dashboard uses shop_x",
        ),
        (FOREIGN, "- {name", "- {name: toy_info, owner: a, reason: b}\n- {name", "so not foreign"),
    ])
}

#[test]
fn labels_exist_and_survive() -> Result {
    each(&[
        (RECORDING, "rate(toy_sold_total[5m])", "rate(toy_sold_total{shop=\"a\"}[5m])", "has no label shop"),
        (RECORDING, "by (job, system)", "by (job, shop)", "sum by (...) uses label shop"),
        (RECORDING, "sum by (job, system)", "sum without (shop)", "sum without (...) uses label shop"),
        (ALERTS, "> on (system) group_left", "> on (shop) group_left", "uses label shop"),
        (ALERTS, "group_left ()", "group_left (shop)", "group_left (...) uses label shop"),
        (
            RECORDING,
            "toy_used_bytes / toy_size_bytes",
            "toy_used_bytes / ignoring (shop) toy_size_bytes",
            "ignoring (...)",
        ),
        (
            RECORDING,
            "toy_used_bytes / toy_size_bytes",
            "toy_used_bytes / sum without (box) (toy_size_bytes)",
            "never meet",
        ),
        (
            RECORDING,
            "toy_used_bytes / toy_size_bytes",
            "label_replace(toy_used_bytes, \"x\", \"$1\", \"shop\", \".*\") / on (box, system, job, instance) toy_size_bytes",
            "label_replace uses label shop",
        ),
        (
            RECORDING,
            "rate(toy_sold_total[5m])",
            "histogram_quantile(0.9, sum by (job, system) (rate(toy_wait_seconds_bucket[5m])))",
            "histogram_quantile uses label le",
        ),
        (ALERTS, "{{ $labels.box }}", "{{ $labels.kind }}", "$labels.kind }} is empty"),
        (DASHBOARD, "{{kind}}", "{{colour}}", "legend {{colour}}"),
        (
            DASHBOARD,
            "label_values(toy_sold_total, system)",
            "label_values(toy_sold_total, shop)",
            "has no label shop",
        ),
    ])
}

#[test]
fn what_is_right_about_labels_passes() -> Result {
    for expr in [
        "toy_used_bytes * on (job, instance, system, box) group_left (colour) toy_info / on (job, instance, system, box) toy_size_bytes",
        "label_replace(toy_used_bytes, \"x\", \"$1\", \"box\", \"(.).*\") / ignoring (x) toy_size_bytes",
        "topk(3, toy_used_bytes) / toy_size_bytes",
        "(toy_used_bytes / toy_size_bytes) and on (instance) (up == 1)",
        "sum without (kind) (rate(toy_sold_total[5m])) / toy_size_bytes",
        "avg_over_time((toy_used_bytes / toy_size_bytes)[10m:1m])",
        "histogram_quantile(0.9, sum without (kind) (rate(toy_wait_seconds_bucket[5m]))) / on (job, instance, system) group_right () toy_size_bytes",
    ] {
        let found = violations(RECORDING, "toy_used_bytes / toy_size_bytes", &format!("'{}'", expr))?;
        assert_eq!(found, Vec::<String>::new(), "{expr}");
    }
    Ok(())
}

#[test]
fn functions_suit_types_and_ranges_suit_scrapes() -> Result {
    each(&[
        (RECORDING, "rate(toy_sold_total[5m])", "rate(toy_used_bytes[5m])", "not a counter"),
        (RECORDING, "rate(toy_sold_total[5m])", "deriv(toy_sold_total[5m])", "a reset looks like a fall"),
        (RECORDING, "rate(toy_sold_total[5m])", "toy_sold_total", "its value alone says nothing"),
        (RECORDING, "[5m]", "[45s]", "less than 4 scrape intervals"),
        (DASHBOARD, "$__rate_interval", "5m", "use $__rate_interval"),
        (DASHBOARD, "$__rate_interval", "$__interval", "4 scrape intervals | use $__rate_interval"),
    ])
}

#[test]
fn recording_rules() -> Result {
    each(&[
        (RECORDING, "record: job:toy_sold:rate5m", "record: toy_sold_rate", "level:metric:operations"),
        (
            RECORDING,
            "expr: toy_used_bytes / toy_size_bytes",
            "expr: instance:toy_used:latched",
            "in a circle",
        ),
        (
            RECORDING,
            "expr: toy_used_bytes / toy_size_bytes",
            "expr: toy_used_bytes / toy_size_bytes\n        labels: {system: a}",
            "rules never set system",
        ),
    ])
}

#[test]
fn alerts_carry_what_they_need() -> Result {
    each(&[
        (ALERTS, "severity: warning, component", "component", "label severity must be | fire"),
        (ALERTS, "severity: warning, component", "severity: bad, component", "label severity must be | fire"),
        (ALERTS, ", component: toy", "", "component is missing"),
        (ALERTS, ", component: toy", ", component: toy, system: a", "rules never set system"),
        (ALERTS, "summary: A box is full", "summary: ''", "annotation summary is missing"),
        (ALERTS, "summary: A box is full", "summary: 'full {{ $value }}'", "belongs into the description"),
        (ALERTS, "description:", "descriptoin:", "annotation description is missing"),
        (ALERTS, "runbook_url:", "runbook:", "annotation runbook_url is missing"),
        (ALERTS, "dashboard_url:", "dashboard:", "annotation dashboard_url is missing"),
        (ALERTS, "toy.md#toyboxfull", "toys.md#toyboxfull", "runbook_url must end with /toy.md#toyboxfull"),
        (ALERTS, "/d/toys?", "/d/toy?", "no dashboard has that uid"),
        (ALERTS, "?var-job=", "?var-jobs=", "no such variable"),
        (RUNBOOK, "## ToyBoxFull", "## ToyBoxEmpty", "has no heading \"## ToyBoxFull\""),
    ])
}

#[test]
fn alerts_compare() -> Result {
    let dir = fixture::tree(&good::FILES)?;
    let text = std::fs::read_to_string(dir.path().join(ALERTS))?;
    let from = text.find("expr: |").zip(text.find("        labels:"));
    let (start, end) = from.ok_or_else(|| Error::new("the case is stale"))?;
    each(&[(ALERTS, &text[start..end], "expr: toy_used_bytes\n", "fires whenever there is data")])
}

#[test]
fn a_dead_mans_switch_need_not_be_seen_silent() -> Result {
    let alert = r#"
      - alert: ToyWatch
        expr: vector(1)
        labels: {severity: none, component: toy}
        annotations: {summary: a, description: b, runbook_url: /toy.md#toywatch, dashboard_url: /d/toys}
      - alert: ToyBoxFull"#;
    each(&[(
        ALERTS,
        "\n      - alert: ToyBoxFull",
        alert,
        "sees ToyWatch (none) fire | has no heading \"## ToyWatch\"",
    )])
}

#[test]
fn alerts_are_tested() -> Result {
    each(&[
        (
            TESTS,
            ", exp_alerts: [{exp_labels: {severity: warning, component: toy}}]",
            "",
            "sees ToyBoxFull (warning) fire",
        ),
        (
            TESTS,
            "{eval_time: 1m, alertname: ToyBoxFull, exp_alerts: []}",
            "{eval_time: 1m, alertname: ToyBoxFull, exp_alerts: [{exp_labels: {severity: warning}}]}",
            "(warning) stay silent",
        ),
        (TESTS, "severity: warning", "severity: critical", "(warning) fire"),
        (
            TESTS,
            "- input_series: []",
            "- input_series: [{series: 'toy_size_bytes{box=\"b\"}', values: 1}]",
            "when none of its metrics is there",
        ),
        (
            TESTS,
            "1m, alertname: ToyBoxFull, exp_alerts: []}",
            "1m, alertname: ToyBoxFull}\n      - {eval_time: 1m, alertname: Gone}",
            "tests Gone, which no rule file defines",
        ),
    ])
}

#[test]
fn dashboards_can_be_provisioned() -> Result {
    each(&[
        (
            DASHBOARD,
            "\"uid\": \"toys\", ",
            "\"uid\": \"toys\", \"id\": 7, ",
            "id belongs to one Grafana's database",
        ),
        (DASHBOARD, "\"title\": \"Toys\"", "\"title\": \"Toys\", \"__inputs\": []", "__inputs"),
        (DASHBOARD, "\"title\": \"Toys\", ", "", "title is missing"),
        (DASHBOARD, "\"editable\": false", "\"editable\": true", "editable must be false"),
        (DASHBOARD, "\"schemaVersion\": 41", "\"schemaVersion\": 12", "schemaVersion must be"),
        (DASHBOARD, "\"type\": \"datasource\"", "\"type\": \"custom\"", "variable datasource"),
        (DASHBOARD, "\"refresh\": 2", "\"refresh\": 1", "refresh must be 2"),
        (DASHBOARD, "\"multi\": true", "\"multi\": false", "multi must be true"),
        (DASHBOARD, "\"allValue\": \".+\"", "\"allValue\": \"\"", "allValue must be"),
        (
            DASHBOARD,
            "\"type\": \"query\", \"datasource\": {\"uid\": \"${datasource}\"}",
            "\"type\": \"query\", \"datasource\": {\"uid\": \"abc\"}",
            "variable system: datasource uid",
        ),
        (DASHBOARD, "label_values(toy_sold_total, system)", "query_result(up)", "must be label_values"),
        (DASHBOARD, "{\"name\": \"instance\"", "{\"name\": \"target\"", "variable instance: is missing"),
    ])?;
    // Without its uid, links to it lead nowhere too.
    let found = violations(DASHBOARD, "\"uid\": \"toys\"", "\"uid\": \"\"")?;
    assert!(found.iter().any(|message| message.contains("uid must be fixed")), "{found:#?}");
    Ok(())
}

#[test]
fn panels_are_complete() -> Result {
    each(&[
        (DASHBOARD, "\"title\": \"Sold\", ", "", "title is missing"),
        (DASHBOARD, "\"description\": \"Toys sold.\", ", "", "description is missing"),
        (DASHBOARD, "{\"unit\": \"ops\"}", "{}", "unit is missing"),
        (
            DASHBOARD,
            "\"description\": \"Toys sold.\", \"datasource\": {\"uid\": \"${datasource}\"}",
            "\"description\": \"Toys sold.\"",
            "datasource uid must be",
        ),
        (
            DASHBOARD,
            "\"refId\": \"A\", \"datasource\": {\"uid\": \"${datasource}\"}, \"legendFormat\": \"{{kind}}\"",
            "\"refId\": \"A\", \"legendFormat\": \"{{kind}}\"",
            "query A: datasource uid",
        ),
        (
            DASHBOARD,
            "{\"name\": \"refill\", \"datasource\": {\"uid\": \"${datasource}\"}",
            "{\"name\": \"refill\", \"datasource\": {\"uid\": \"x\"}",
            "annotation \"refill\"",
        ),
        (
            DASHBOARD,
            "toy_sold_total{system=~\\\"$system\\\",job=~\\\"$job\\\",instance=~\\\"$instance\\\"}",
            "toy_sold_total{system=~\\\"$system\\\",job=~\\\"$job\\\"}",
            "not filtered by instance",
        ),
        (
            DASHBOARD,
            "\"alert_threshold{name=\\\"toy_used_ratio\\\",system=\\\"default\\\"}\"",
            "\"\"",
            "expr is empty",
        ),
        (
            DASHBOARD,
            "\"type\": \"text\"",
            "\"type\": \"stat\", \"datasource\": {\"uid\": \"${datasource}\"}, \"fieldConfig\": {\"defaults\": {\"unit\": \"short\"}}",
            "has no query",
        ),
    ])
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let error = violations(ALERTS, "groups:", "groups: [").unwrap_err().to_string();
    assert!(error.contains(ALERTS), "{error}");
    let error = violations(DASHBOARD, "{", "").unwrap_err().to_string();
    assert!(error.contains(DASHBOARD), "{error}");
    let error = violations(FOREIGN, "owner: the shop, ", "").unwrap_err().to_string();
    assert!(error.contains(FOREIGN), "{error}");
}
