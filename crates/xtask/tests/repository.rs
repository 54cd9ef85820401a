//! This repository keeps its own rules: what `cargo xtask lint` checks beside format and clippy.

use xtask::contract::{self, Catalogue};
use xtask::{Violation, catalogue, repo, tidy};

fn list(violations: &[Violation]) -> String {
    violations.iter().map(|violation| format!("\n{violation}")).collect()
}

#[test]
fn is_tidy() {
    let found = tidy::check(&repo::root()).unwrap();
    assert!(found.is_empty(), "{}", list(&found));
}

#[test]
fn rules_and_dashboards_keep_the_contract() {
    let known = Catalogue::from_rows(&catalogue::rows(&repo::root()).unwrap()).unwrap();
    let found = contract::check(&repo::root(), &known).unwrap();
    assert!(found.is_empty(), "{}", list(&found));
}

#[test]
fn docs_of_metrics_and_flags_are_current() {
    for (path, text) in xtask::docs::files() {
        let written = std::fs::read_to_string(repo::root().join(&path)).unwrap_or_default();
        assert!(written == text, "{} is not current: run `cargo xtask docs`", path.display());
    }
}
