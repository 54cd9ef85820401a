//! The checked-in recording rules of thresholds are what `exporters thresholds` prints.

use super::support::{LIMIT, command};
use std::path::Path;

#[test]
fn the_rendered_rules_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let printed =
        exporter_testkit::process::run(command().current_dir(&root).arg("thresholds"), LIMIT).unwrap();
    exporter_testkit::golden::check(root.join("prometheus/rules/thresholds.yml"), printed).unwrap();
}
