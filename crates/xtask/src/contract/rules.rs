//! Rule files, as far as the contract looks at them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::repo;

/// One file below `prometheus/rules`.
#[derive(Debug)]
pub(super) struct RuleFile {
    /// Path from the repository's root.
    pub(super) path: String,
    /// The pack: the folder it is in, or its own name right below `rules`.
    pub(super) pack: String,
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// A recording or an alerting rule.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    #[serde(deserialize_with = "expression")]
    pub(super) expr: String,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `expr: 80` is a number in YAML.
fn expression<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Expression {
        Text(String),
        Whole(i64),
        Number(f64),
    }
    Ok(match Expression::deserialize(deserializer)? {
        Expression::Text(text) => text,
        Expression::Whole(number) => number.to_string(),
        Expression::Number(number) => number.to_string(),
    })
}

impl RuleFile {
    /// All rules with their group's name.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&RuleFile, &str, &Rule)> {
        self.groups
            .iter()
            .flat_map(move |group| group.rules.iter().map(move |rule| (self, &*group.name, rule)))
    }

    /// The alerts, with the place to name in messages.
    pub(super) fn alerts(&self) -> impl Iterator<Item = (String, &str, &Rule)> {
        self.rules().filter_map(|(file, group, rule)| {
            let name = rule.alert.as_deref()?;
            Some((format!("{}: group {group}, alert {name}", file.path), name, rule))
        })
    }
}

/// All rule files of the repository, in the order of their paths.
pub(super) fn load(root: &Path) -> Result<Vec<RuleFile>> {
    let base = root.join("prometheus/rules");
    repo::files_with(&base, &["yml", "yaml"])?.iter().map(|path| parse(root, &base, path)).collect()
}

fn parse(root: &Path, base: &Path, path: &Path) -> Result<RuleFile> {
    let name = repo::relative(root, path);
    let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
    let content: Content = serde_yaml::from_str(&text).with_context(|| name.clone())?;
    let below = path.strip_prefix(base).unwrap_or(path);
    let pack = below.iter().next().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    let mut groups = content.groups;
    for group in &mut groups {
        for rule in &mut group.rules {
            for (label, value) in &group.labels {
                rule.labels.entry(label.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Ok(RuleFile { path: name, pack: pack.to_string_lossy().into_owned(), groups })
}
