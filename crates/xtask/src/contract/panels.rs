//! A dashboard's panels and their queries.

use promql_parser::label::Matcher;
use serde_json::Value;

use super::dashboards::{DATASOURCE, Dashboard, FILTERS, list};
use super::known::Known;
use super::{Report, flow, query};

/// Panels that show text or lists, not values.
const WITHOUT_QUERY: [&str; 4] = ["text", "dashlist", "alertlist", "annolist"];
/// Panels whose values have no unit of their own, or one in each column.
const WITHOUT_UNIT: [&str; 4] = ["table", "logs", "state-timeline", "status-history"];

pub(super) fn check(dashboard: &Dashboard, known: &Known<'_>, report: &mut Report) {
    let mut panels = Vec::new();
    collect(list(&dashboard.json["panels"]), &mut panels);
    if panels.is_empty() {
        report.add(&dashboard.path, "has no panels");
    }
    for panel in panels {
        let title = panel["title"].as_str().unwrap_or_default();
        let place = format!("{}: panel {title:?} (id {})", dashboard.path, panel["id"]);
        if title.is_empty() {
            report.add(&place, "title is missing");
        }
        if panel["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            report.add(&place, "description is missing: say what is normal and what to do when it is not");
        }
        let kind = panel["type"].as_str().unwrap_or_default();
        if WITHOUT_QUERY.contains(&kind) {
            continue;
        }
        check_values(panel, kind, &place, report);
        for target in list(&panel["targets"]) {
            check_target(target, known, &place, report);
        }
    }
    check_annotations(dashboard, known, report);
}

/// All panels, those folded into rows too; a row itself is none.
fn collect<'a>(panels: &'a [Value], found: &mut Vec<&'a Value>) {
    for panel in panels {
        if panel["type"] == "row" {
            collect(list(&panel["panels"]), found);
        } else {
            found.push(panel);
        }
    }
}

fn check_values(panel: &Value, kind: &str, place: &str, report: &mut Report) {
    if panel["datasource"]["uid"] != DATASOURCE {
        report.add(place, format!("datasource uid must be {DATASOURCE}"));
    }
    if list(&panel["targets"]).is_empty() {
        report.add(place, "has no query");
    }
    let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
    if unit.is_empty() && !WITHOUT_UNIT.contains(&kind) {
        report.add(place, "unit is missing (\"none\" or \"short\" where there is none)");
    }
}

fn check_target(target: &Value, known: &Known<'_>, place: &str, report: &mut Report) {
    let place = format!("{place} query {}", target["refId"].as_str().unwrap_or("?"));
    if target["datasource"]["uid"] != DATASOURCE {
        report.add(&place, format!("datasource uid must be {DATASOURCE}"));
    }
    let expr = target["expr"].as_str().unwrap_or_default();
    if expr.trim().is_empty() {
        report.add(&place, "expr is empty");
        return;
    }
    let expr = query::substitute(expr);
    let labels = flow::check(&expr, known, flow::Source::Dashboard, &place, report);
    for selector in flow::selectors(&expr) {
        let Some(name) = flow::name_of(&selector) else { continue };
        let Some(metric) = known.get(&name) else { continue };
        for filter in FILTERS.iter().filter(|filter| metric.labels.has(filter)) {
            let by_variable = |m: &Matcher| m.name == *filter && query::mentions(&m.value, filter);
            // Thresholds are data about all systems and a default one; a panel joins them with what it shows.
            let is_data = name == "alert_threshold";
            if !is_data && !selector.matchers.matchers.iter().any(by_variable) {
                report.add(&place, format!("{name} is not filtered by {filter}: {filter}=~\"${filter}\""));
            }
        }
    }
    for label in legend_labels(target["legendFormat"].as_str().unwrap_or_default()) {
        if !labels.has(label) && label != "__name__" {
            report.add(&place, format!("legend {{{{{label}}}}} is empty: the expression does not keep it"));
        }
    }
}

/// Marks on the graphs ask for metrics too.
fn check_annotations(dashboard: &Dashboard, known: &Known<'_>, report: &mut Report) {
    for annotation in list(&dashboard.json["annotations"]["list"]) {
        let name = annotation["name"].as_str().unwrap_or_default();
        let place = format!("{}: annotation {name:?}", dashboard.path);
        // Grafana's own "Annotations & Alerts" asks its own store.
        let Some(expr) = annotation["expr"].as_str() else { continue };
        if annotation["datasource"]["uid"] != DATASOURCE {
            report.add(&place, format!("datasource uid must be {DATASOURCE}"));
        }
        flow::check(&query::substitute(expr), known, flow::Source::Dashboard, &place, report);
    }
}

/// The labels in `{{name}}` of a legend.
fn legend_labels(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(name, _)| name.trim()).collect()
}
