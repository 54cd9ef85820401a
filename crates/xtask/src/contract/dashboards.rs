//! A dashboard as a whole: its identity and its variables. Panels are in `panels`.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::known::Known;
use super::{Report, flow, panels, query};
use crate::repo;

/// The variables every dashboard has, from wide to narrow.
pub(super) const FILTERS: [&str; 3] = ["system", "job", "instance"];

/// The datasource every panel, query and variable refers to.
pub(super) const DATASOURCE: &str = "${datasource}";

/// Schema versions of the classic model which current Grafana loads without migration trouble.
const SCHEMA: std::ops::RangeInclusive<u64> = 39..=42;

/// One file below `grafana/dashboards`.
#[derive(Debug)]
pub(super) struct Dashboard {
    /// Path from the repository's root.
    pub(super) path: String,
    pub(super) json: Value,
}

impl Dashboard {
    pub(super) fn uid(&self) -> Option<&str> {
        self.json["uid"].as_str()
    }

    pub(super) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.variables().iter().any(|variable| variable["name"] == name)
    }
}

/// All dashboards of the repository.
pub(super) fn load(root: &Path) -> Result<Vec<Dashboard>> {
    let read = |path: &std::path::PathBuf| {
        let name = repo::relative(root, path);
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        let json = serde_json::from_str(&text).with_context(|| name.clone())?;
        Ok(Dashboard { path: name, json })
    };
    repo::files_with(&root.join("grafana/dashboards"), &["json"])?.iter().map(read).collect()
}

pub(super) fn check(dashboards: &[Dashboard], known: &Known<'_>, report: &mut Report) {
    for (at, dashboard) in dashboards.iter().enumerate() {
        check_identity(dashboard, report);
        if dashboards[..at].iter().any(|other| other.uid() == dashboard.uid()) {
            report.add(&dashboard.path, format!("uid {:?} is another dashboard's too", dashboard.uid()));
        }
        check_variables(dashboard, known, report);
        panels::check(dashboard, known, report);
    }
}

fn check_identity(dashboard: &Dashboard, report: &mut Report) {
    let (place, json) = (&dashboard.path, &dashboard.json);
    if !dashboard.uid().is_some_and(|uid| (1..=40).contains(&uid.len())) {
        report.add(place, "uid must be fixed, with 1 to 40 characters: links are built on it");
    }
    if !json["id"].is_null() {
        report.add(place, "id belongs to one Grafana's database: remove it");
    }
    for key in ["__inputs", "__requires"] {
        if !json[key].is_null() {
            report.add(place, format!("{key} asks for an import by hand and breaks provisioning: remove it"));
        }
    }
    if json["title"].as_str().is_none_or(str::is_empty) {
        report.add(place, "title is missing");
    }
    if json["editable"] != false {
        report
            .add(place, "editable must be false: what is changed in the browser is lost with the next start");
    }
    if !json["schemaVersion"].as_u64().is_some_and(|version| SCHEMA.contains(&version)) {
        report.add(place, format!("schemaVersion must be {} to {}", SCHEMA.start(), SCHEMA.end()));
    }
}

fn check_variables(dashboard: &Dashboard, known: &Known<'_>, report: &mut Report) {
    let source = dashboard.variables().iter().find(|variable| variable["name"] == "datasource");
    if !source.is_some_and(|v| v["type"] == "datasource" && v["query"] == "prometheus") {
        report.add(&dashboard.path, "variable datasource (type datasource, query prometheus) is missing");
    }
    for name in FILTERS {
        let place = format!("{}: variable {name}", dashboard.path);
        let Some(variable) = dashboard.variables().iter().find(|variable| variable["name"] == name) else {
            report.add(&place, "is missing");
            continue;
        };
        for key in ["multi", "includeAll"] {
            if variable[key] != true {
                report.add(&place, format!("{key} must be true: one page shows one target or all"));
            }
        }
        if !matches!(variable["allValue"].as_str(), Some(".+" | ".*")) {
            report.add(&place, "allValue must be .+ or .*: otherwise All is a list as long as the fleet");
        }
    }
    for variable in dashboard.variables().iter().filter(|variable| variable["type"] == "query") {
        let place = format!("{}: variable {}", dashboard.path, variable["name"].as_str().unwrap_or_default());
        if variable["datasource"]["uid"] != DATASOURCE {
            report.add(&place, format!("datasource uid must be {DATASOURCE}"));
        }
        if variable["refresh"] != 2 {
            report.add(
                &place,
                "refresh must be 2 (on time range change): old targets stay in the list otherwise",
            );
        }
        check_label_values(variable, known, &place, report);
    }
}

fn check_label_values(variable: &Value, known: &Known<'_>, place: &str, report: &mut Report) {
    // Grafana writes the query as text or as {query, refId}.
    let inner = &variable["query"]["query"];
    let text = if inner.is_null() { &variable["query"] } else { inner }.as_str().unwrap_or_default();
    match query::label_values(text) {
        Some((metric, label)) if !metric.is_empty() => {
            let metric = query::substitute(metric);
            // `count` around it: a list of label values is no use of a counter's value.
            let labels = flow::check(
                &format!("count without () ({metric})"),
                known,
                flow::Source::Dashboard,
                place,
                report,
            );
            if !labels.has(label) {
                report.add(place, format!("{metric} has no label {label}"));
            }
        }
        _ => report.add(place, format!("query {text:?} must be label_values(METRIC, LABEL)")),
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
