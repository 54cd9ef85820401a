//! What every alert must carry, and where its links must lead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use promql_parser::parser::{self, Expr};
use promql_parser::util::visitor::{ExprVisitor, walk_expr};

use super::dashboards::Dashboard;
use super::known::Known;
use super::labels::Labels;
use super::rules::{Rule, RuleFile};
use super::{Report, flow};

const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "none"];
const ANNOTATIONS: [&str; 4] = ["summary", "description", "runbook_url", "dashboard_url"];

pub(super) fn check(
    root: &Path,
    files: &[RuleFile],
    known: &Known<'_>,
    dashboards: &[Dashboard],
    report: &mut Report,
) -> Result<()> {
    for file in files {
        let runbook = format!("docs/runbooks/{}.md", file.pack);
        let mut headings = None;
        for (place, name, rule) in file.alerts() {
            let labels = flow::check(&rule.expr, known, flow::Source::Rule, &place, report);
            if !can_stay_silent(&rule.expr) {
                report.add(&place, "nothing in this expression compares: it fires whenever there is data");
            }
            check_labels(rule, &place, report);
            check_annotations(rule, &labels, &place, report);
            if headings.is_none() {
                headings = Some(read_headings(&root.join(&runbook))?);
            }
            if !headings.iter().flatten().any(|heading| heading == name) {
                report.add(&place, format!("{runbook} has no heading \"## {name}\""));
            }
            check_links(rule, name, &file.pack, dashboards, &place, report);
        }
    }
    Ok(())
}

fn check_labels(rule: &Rule, place: &str, report: &mut Report) {
    match rule.labels.get("severity") {
        Some(severity) if SEVERITIES.contains(&severity.as_str()) => {}
        _ => report.add(place, format!("label severity must be one of {}", SEVERITIES.join(", "))),
    }
    if rule.labels.get("component").is_none_or(String::is_empty) {
        report.add(place, "label component is missing");
    }
    if rule.labels.contains_key("system") {
        report.add(place, "rules never set system: it comes from the target");
    }
}

fn check_annotations(rule: &Rule, labels: &Labels, place: &str, report: &mut Report) {
    for name in ANNOTATIONS {
        if rule.annotations.get(name).is_none_or(|text| text.trim().is_empty()) {
            report.add(place, format!("annotation {name} is missing"));
        }
    }
    if rule.annotations.get("summary").is_some_and(|text| text.contains("$value")) {
        report.add(place, "the summary groups and must not change: the value belongs into the description");
    }
    for text in rule.annotations.values().chain(rule.labels.values()) {
        for label in template_labels(text) {
            if !labels.has(label) {
                report.add(
                    place,
                    format!("{{{{ $labels.{label} }}}} is empty: the expression does not keep it"),
                );
            }
        }
    }
}

fn check_links(
    rule: &Rule,
    name: &str,
    pack: &str,
    dashboards: &[Dashboard],
    place: &str,
    report: &mut Report,
) {
    let annotation = |key| rule.annotations.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
    let anchor = format!("/{pack}.md#{}", name.to_lowercase());
    if annotation("runbook_url").is_some_and(|url| !url.ends_with(&anchor)) {
        report.add(place, format!("runbook_url must end with {anchor}"));
    }
    let Some(url) = annotation("dashboard_url") else { return };
    let after = url.split_once("/d/").map_or("", |(_, after)| after);
    let uid = after.split(['/', '?']).next().unwrap_or_default();
    let Some(dashboard) = dashboards.iter().find(|dashboard| dashboard.uid() == Some(uid)) else {
        report.add(place, format!("dashboard_url leads to /d/{uid}, and no dashboard has that uid"));
        return;
    };
    for part in url.split(['?', '&']).skip(1) {
        let variable = part.strip_prefix("var-").and_then(|rest| rest.split('=').next());
        if variable.is_some_and(|variable| !dashboard.has_variable(variable)) {
            report.add(place, format!("dashboard_url sets {part}, and dashboard {uid} has no such variable"));
        }
    }
}

/// The second-level headings of a runbook; none if there is no such file.
fn read_headings(path: &Path) -> Result<Vec<String>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("## ")).map(|name| name.trim().to_owned()).collect())
}

/// The labels a template asks for as `$labels.NAME` or `.Labels.NAME`.
fn template_labels(text: &str) -> Vec<&str> {
    let names = |marker: &'static str| {
        text.match_indices(marker).map(move |(at, _)| {
            let rest = &text[at + marker.len()..];
            &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())]
        })
    };
    names("$labels.").chain(names(".Labels.")).collect()
}

/// Whether the expression can be empty while its target is well: it compares, asks for absence, or is the constant of a
/// dead man's switch.
fn can_stay_silent(text: &str) -> bool {
    struct Look(bool);
    impl ExprVisitor for Look {
        type Error = std::convert::Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
            self.0 |= match expr {
                Expr::Binary(binary) => {
                    let bool_result = binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
                    binary.op.is_comparison_operator() && !bool_result
                }
                Expr::Call(call) => matches!(call.func.name, "absent" | "absent_over_time" | "vector"),
                _ => false,
            };
            Ok(true)
        }
    }
    // One that does not parse has its own message.
    let Ok(expr) = parser::parse(text) else { return true };
    let mut look = Look(false);
    let Ok(_) = walk_expr(&mut look, &expr);
    look.0
}

/// One alert at one severity.
pub(super) struct Defined {
    pub(super) place: String,
    /// The scraped metrics it rests on, recording rules followed down. None for a dead man's switch.
    pub(super) sources: BTreeSet<String>,
}

/// Every pair of alert and severity, for the tests' coverage.
pub(super) fn pairs(files: &[RuleFile]) -> BTreeMap<(String, String), Defined> {
    let severity = |rule: &Rule| rule.labels.get("severity").cloned().unwrap_or_default();
    files
        .iter()
        .flat_map(RuleFile::alerts)
        .map(|(place, name, rule)| {
            let mut sources = BTreeSet::new();
            follow(&rule.expr, files, &mut BTreeSet::new(), &mut sources);
            ((name.to_owned(), severity(rule)), Defined { place, sources })
        })
        .collect()
}

/// Adds the metrics of `expr` that no rule records, and those behind the recorded ones.
fn follow(expr: &str, files: &[RuleFile], seen: &mut BTreeSet<String>, sources: &mut BTreeSet<String>) {
    for name in flow::metric_names(expr) {
        if !seen.insert(name.clone()) {
            continue;
        }
        let mut is_recorded = false;
        for (_, _, rule) in
            files.iter().flat_map(RuleFile::rules).filter(|(_, _, r)| r.record.as_ref() == Some(&name))
        {
            is_recorded = true;
            follow(&rule.expr, files, seen, sources);
        }
        if !is_recorded {
            sources.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_in_templates() {
        let text = "{{ $labels.device }} on {{ with .Labels.instance }}x{{ end }} {{ $labels.a_1|title }}";
        assert_eq!(template_labels(text), ["device", "a_1", "instance"]);
        assert!(template_labels("{{ $value }} {{ $externalLabels.base }}").is_empty());
    }

    #[test]
    fn constants_and_comparisons_can_be_silent() {
        for expr in ["up == 0", "absent(up)", "vector(1)", "(a > 1) or b", "sum(a) / sum(b) > 0.5"] {
            assert!(can_stay_silent(expr), "{expr}");
        }
        for expr in ["up", "rate(x[5m])", "up == bool 0"] {
            assert!(!can_stay_silent(expr), "{expr}");
        }
    }
}
