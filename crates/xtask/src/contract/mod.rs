//! The contract between what the exporters emit and what rules and dashboards ask for: each query can return data, each
//! alert can be understood, tested and followed up. Static: it reads files and runs nothing.

mod alerts;
mod catalogue;
mod dashboards;
mod flow;
mod foreign;
mod joins;
mod known;
mod labels;
mod panels;
mod query;
mod rule_tests;
mod rules;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

pub use catalogue::{Catalogue, Kind, Row, to_tsv};

use crate::Violation;
use known::Known;

/// Prometheus' scrape interval in this repository; ranges are judged by it.
pub const SCRAPE_INTERVAL_SECONDS: u64 = 15;

/// Labels our target files and service discovery put on every series.
pub const TARGET_LABELS: [&str; 6] = ["env", "host", "instance", "job", "service", "system"];

/// Collects violations of one place at a time.
#[derive(Debug, Default)]
struct Report {
    violations: Vec<Violation>,
    /// Every metric some query names, to find declarations nobody needs.
    used: BTreeSet<String>,
}

impl Report {
    fn add(&mut self, place: &str, what: impl Into<String>) {
        self.violations.push(Violation::new(place, what));
    }

    fn add_all(&mut self, place: &str, all: impl IntoIterator<Item = String>) {
        for what in all {
            self.add(place, what);
        }
    }
}

/// Checks the repository at `root` against the catalogue. `Err` is for files that cannot be read as what they are.
pub fn check(root: &Path, catalogue: &Catalogue) -> Result<Vec<Violation>> {
    let mut report = Report::default();
    let files = rules::load(root)?;
    let foreign = foreign::load(root)?;
    let dashboards = dashboards::load(root)?;
    let known = Known::new(catalogue, &foreign, &files, &mut report);
    alerts::check(root, &files, &known, &dashboards, &mut report)?;
    rule_tests::check(root, &files, &mut report)?;
    dashboards::check(&dashboards, &known, &mut report);
    foreign::check_used(&foreign, catalogue, &mut report);
    let mut violations = report.violations;
    violations.sort();
    violations.dedup();
    Ok(violations)
}
