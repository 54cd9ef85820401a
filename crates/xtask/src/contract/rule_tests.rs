//! Coverage: every alert is seen firing, silent, and without data in promtool's tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::rules::RuleFile;
use super::{Report, alerts};
use crate::repo;

#[derive(Debug, Deserialize)]
struct TestFile {
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    input_series: Vec<Input>,
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
}

#[derive(Debug, Deserialize)]
struct Input {
    series: String,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    exp_alerts: Option<Vec<Expected>>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    #[serde(default)]
    exp_labels: BTreeMap<String, String>,
}

/// Checks coverage by alert and severity: a name that exists as warning and as critical has two thresholds to test.
pub(super) fn check(root: &Path, files: &[RuleFile], report: &mut Report) -> Result<()> {
    let pairs = alerts::pairs(files);
    let (mut firing, mut silent, mut without_data) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for path in repo::files_with(&root.join("prometheus/tests"), &["yml", "yaml"])? {
        let file = repo::relative(root, &path);
        let text = std::fs::read_to_string(&path).with_context(|| file.clone())?;
        let content: TestFile = serde_yaml::from_str(&text).with_context(|| file.clone())?;
        for (test, case) in content.tests.iter().flat_map(|t| t.alert_rule_test.iter().map(move |c| (t, c))) {
            let mut is_defined = false;
            for (pair, alert) in pairs.iter().filter(|((name, _), _)| *name == case.alertname) {
                is_defined = true;
                let expected = case.exp_alerts.as_deref().unwrap_or_default();
                let fires = expected.iter().any(|alert| alert.exp_labels.get("severity") == Some(&pair.1));
                if fires { &mut firing } else { &mut silent }.insert(pair.clone());
                if !test.input_series.iter().any(|input| alert.sources.contains(name_of(&input.series))) {
                    without_data.insert(pair.clone());
                }
            }
            if !is_defined {
                report.add(&file, format!("tests {}, which no rule file defines", case.alertname));
            }
        }
    }
    for (pair, alert) in &pairs {
        let mut missing = vec![(&firing, "fire")];
        // A dead man's switch asks for no metric: it is never silent.
        if !alert.sources.is_empty() {
            missing.extend([(&silent, "stay silent"), (&without_data, "when none of its metrics is there")]);
        }
        for (_, what) in missing.iter().filter(|(seen, _)| !seen.contains(pair)) {
            let (name, severity) = pair;
            report.add(&alert.place, format!("no test in prometheus/tests sees {name} ({severity}) {what}"));
        }
    }
    Ok(())
}

/// The metric of `up{job="a"}`.
fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or_default().trim()
}
