//! Coverage: every alert is seen firing and silent in promtool's tests.

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
    alert_rule_test: Vec<AlertTest>,
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
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for path in repo::files_with(&root.join("prometheus/tests"), &["yml", "yaml"])? {
        let file = repo::relative(root, &path);
        let text = std::fs::read_to_string(&path).with_context(|| file.clone())?;
        let content: TestFile = serde_yaml::from_str(&text).with_context(|| file.clone())?;
        for case in content.tests.iter().flat_map(|test| &test.alert_rule_test) {
            let severities: Vec<_> = pairs.keys().filter(|(name, _)| *name == case.alertname).collect();
            if severities.is_empty() {
                report.add(&file, format!("tests {}, which no rule file defines", case.alertname));
            }
            for pair in severities {
                let expected = case.exp_alerts.iter().flatten();
                let fires =
                    expected.into_iter().any(|alert| alert.exp_labels.get("severity") == Some(&pair.1));
                if fires { &mut firing } else { &mut silent }.insert(pair.clone());
            }
        }
    }
    for (pair, alert) in &pairs {
        let (name, severity) = pair;
        if !firing.contains(pair) {
            report.add(&alert.place, format!("no test in prometheus/tests sees {name} ({severity}) fire"));
        }
        if !silent.contains(pair) && !alert.constant {
            report.add(
                &alert.place,
                format!("no test in prometheus/tests sees {name} ({severity}) stay silent"),
            );
        }
    }
    Ok(())
}
