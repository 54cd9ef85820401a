//! Metrics of programs that are not ours (the applications, Prometheus itself) which our rules may use.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Catalogue, Report};

/// Where they are declared.
pub(super) const FILE: &str = "prometheus/foreign-metrics.yml";

/// One declared metric.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Foreign {
    name: String,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    /// Absent means that both rates and values are fine.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    /// Who emits it.
    owner: String,
    /// Why we rely on something we do not emit.
    reason: String,
}

/// The declarations by name; no file is no declaration.
pub(super) fn load(root: &Path) -> Result<BTreeMap<String, Foreign>> {
    let path = root.join(FILE);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(&path).with_context(|| FILE.to_owned())?;
    let list: Option<Vec<Foreign>> = serde_yaml::from_str(&text).with_context(|| FILE.to_owned())?;
    let mut all = BTreeMap::new();
    for foreign in list.unwrap_or_default() {
        if foreign.owner.trim().is_empty() || foreign.reason.trim().is_empty() {
            bail!("{FILE}: {} needs an owner and a reason", foreign.name);
        }
        if let Some(twice) = all.insert(foreign.name.clone(), foreign) {
            bail!("{FILE}: {} is declared twice", twice.name);
        }
    }
    Ok(all)
}

/// A declaration nobody uses hides the day on which somebody misspells it; one of our own metrics is not foreign.
pub(super) fn check_used(foreign: &BTreeMap<String, Foreign>, catalogue: &Catalogue, report: &mut Report) {
    for name in foreign.keys() {
        if catalogue.get(name).is_some() {
            report.add(FILE, format!("{name} is in the catalogue, so not foreign: remove it here"));
        } else if !report.used.contains(name) {
            report.add(FILE, format!("no rule and no dashboard uses {name}: remove it"));
        }
    }
}
