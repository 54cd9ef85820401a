//! The checked-in recording rules of thresholds are what `exporters thresholds` prints.

use super::support::{LIMIT, command};
use exporter_testkit::fixture;
use std::path::Path;

#[test]
fn the_rendered_rules_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let printed =
        exporter_testkit::process::run(command().current_dir(&root).arg("thresholds"), LIMIT).unwrap();
    exporter_testkit::golden::check(root.join("prometheus/rules/thresholds.yml"), printed).unwrap();
}

/// Rules are tested at levels of their own, so that a level can be edited; a new one has to come to both.
#[test]
fn the_tests_of_the_rules_know_each_threshold() {
    let prometheus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../prometheus");
    let defaults = |file: &str| {
        let text = std::fs::read_to_string(prometheus.join(file)).unwrap();
        let labels = text.lines().filter(|line| line.contains("system: \"default\""));
        labels.map(|line| line.trim().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let (all, tested) = (defaults("rules/thresholds.yml"), defaults("tests/thresholds.rules"));
    assert!(all.len() > 50, "{all:?}");
    let missing: Vec<_> = all.difference(&tested).collect();
    let cure = "exporters thresholds prometheus/thresholds.yml prometheus/tests/thresholds.rules";
    assert!(missing.is_empty(), "not in prometheus/tests/thresholds.rules: {missing:?}; {cure}");
}

#[test]
fn a_mistake_leaves_the_rules_as_they_were() {
    let dir = fixture::tree(&[("thresholds.yml", "default:\n  cpu: {warning: 0.8}\n")]).unwrap();
    let [from, to] = ["thresholds.yml", "rules.yml"].map(|name| dir.path().join(name));
    let render = || exporter_testkit::process::run(command().arg("thresholds").arg(&from).arg(&to), LIMIT);

    render().unwrap();
    let rules = std::fs::read_to_string(&to).unwrap();
    assert!(rules.contains("vector(0.8)"), "{rules}");

    std::fs::write(&from, "default:\n  cpu: {warnin: 0.9}\n").unwrap();
    assert!(render().is_err());
    assert_eq!(std::fs::read_to_string(&to).unwrap(), rules);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left there");
}
