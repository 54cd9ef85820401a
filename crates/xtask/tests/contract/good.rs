//! A small repository that breaks no clause. Each test breaks one.

/// `(path, text)`.
pub(crate) const FILES: [(&str, &str); 6] = [
    (
        "prometheus/rules/toy/recording.yml",
        r#"
groups:
  - name: toy.recording
    rules:
      - record: instance:toy_used:ratio
        expr: toy_used_bytes / toy_size_bytes
      - record: job:toy_sold:rate5m
        expr: sum by (job, system) (rate(toy_sold_total[5m]))
      - record: instance:toy_used:latched
        expr: instance:toy_used:ratio > 0.5 or (last_over_time(instance:toy_used:latched[1h]) and instance:toy_used:ratio)
      - record: alert_threshold
        expr: 0.9
        labels: {name: toy_used_ratio, severity: warning, system: default}
"#,
    ),
    (
        "prometheus/rules/toy/alerts.yml",
        r#"
groups:
  - name: toy.alerts
    rules:
      - alert: ToyBoxFull
        expr: |
          instance:toy_used:ratio > on (system) group_left () alert_threshold{name="toy_used_ratio",severity="warning"}
          or (instance:toy_used:ratio unless on (system) alert_threshold{name="toy_used_ratio",severity="warning"})
            > scalar(alert_threshold{name="toy_used_ratio",severity="warning",system="default"})
        labels: {severity: warning, component: toy}
        annotations:
          summary: A box is full
          description: '{{ $labels.box }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full.'
          runbook_url: '{{ $externalLabels.runbook_base }}/toy.md#toyboxfull'
          dashboard_url: '{{ $externalLabels.dashboard_base }}/d/toys?var-job={{ $labels.job | urlquery }}'
"#,
    ),
    (
        "prometheus/tests/toy.yml",
        r#"
rule_files: [../rules/toy/alerts.yml]
tests:
  - input_series: [{series: 'toy_used_bytes{box="a"}', values: '9x9'}, {series: 'toy_size_bytes{box="a"}', values: '9x9'}]
    alert_rule_test:
      - {eval_time: 5m, alertname: ToyBoxFull, exp_alerts: [{exp_labels: {severity: warning, component: toy}}]}
  - input_series: []
    alert_rule_test:
      - {eval_time: 1m, alertname: ToyBoxFull, exp_alerts: []}
"#,
    ),
    (
        "prometheus/foreign-metrics.yml",
        "- {name: shop_orders_total, type: counter, labels: [code], owner: the shop, reason: sales are its own}\n",
    ),
    ("docs/runbooks/toy.md", "# Toys\n\n## ToyBoxFull\n\nEmpty it.\n"),
    (
        "grafana/dashboards/toys.json",
        r#"{
  "uid": "toys", "title": "Toys", "editable": false, "schemaVersion": 41,
  "annotations": {"list": [{"name": "refill", "datasource": {"uid": "${datasource}"}, "expr": "changes(toy_size_bytes[5m]) > 0"}]},
  "templating": {"list": [
    {"name": "datasource", "type": "datasource", "query": "prometheus"},
    {"name": "system", "type": "query", "datasource": {"uid": "${datasource}"}, "refresh": 2, "multi": true,
     "includeAll": true, "allValue": ".+", "query": "label_values(toy_sold_total, system)"},
    {"name": "job", "type": "query", "datasource": {"uid": "${datasource}"}, "refresh": 2, "multi": true,
     "includeAll": true, "allValue": ".+", "query": {"query": "label_values(toy_size_bytes{system=~\"$system\"}, job)", "refId": "A"}},
    {"name": "instance", "type": "query", "datasource": {"uid": "${datasource}"}, "refresh": 2, "multi": true,
     "includeAll": true, "allValue": ".+", "query": "label_values(toy_size_bytes{job=~\"$job\"}, instance)"}
  ]},
  "panels": [
    {"type": "row", "title": "All", "panels": [
      {"id": 1, "type": "timeseries", "title": "Sold", "description": "Toys sold.", "datasource": {"uid": "${datasource}"},
       "fieldConfig": {"defaults": {"unit": "ops"}}, "targets": [
        {"refId": "A", "datasource": {"uid": "${datasource}"}, "legendFormat": "{{kind}}",
         "expr": "sum by (kind) (rate(toy_sold_total{system=~\"$system\",job=~\"$job\",instance=~\"$instance\"}[$__rate_interval]))"},
        {"refId": "B", "datasource": {"uid": "${datasource}"}, "legendFormat": "orders",
         "expr": "sum(rate(shop_orders_total{system=~\"$system\",job=~\"$job\",instance=~\"$instance\"}[$__rate_interval]))"}]}]},
    {"id": 2, "type": "timeseries", "title": "Used", "description": "Space used.", "datasource": {"uid": "${datasource}"},
     "fieldConfig": {"defaults": {"unit": "percentunit"}}, "targets": [
        {"refId": "A", "datasource": {"uid": "${datasource}"}, "legendFormat": "{{box}}",
         "expr": "instance:toy_used:ratio{system=~\"$system\",job=~\"$job\",instance=~\"$instance\"}"},
        {"refId": "B", "datasource": {"uid": "${datasource}"}, "legendFormat": "full",
         "expr": "alert_threshold{name=\"toy_used_ratio\",system=\"default\"}"}]},
    {"id": 3, "type": "text", "title": "About", "description": "What toys are."}
  ]
}"#,
    ),
];
