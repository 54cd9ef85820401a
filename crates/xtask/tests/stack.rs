//! The stack's files before the programs that will read them: promtool and amtool.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use exporter_testkit::{Error, Result, process, tools};
use serde::Deserialize;
use xtask::repo;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs a tool from the repository's root.
fn run(tool: &str, args: &[&str], files: &[PathBuf]) -> Result<String> {
    let mut command = Command::new(tools::path(tool)?);
    process::run(command.args(args).args(files).current_dir(repo::root()), LIMIT)
}

/// The YAML files of a folder; an empty folder would make its test say nothing.
fn yaml(folder: &str) -> Result<Vec<PathBuf>> {
    let all = repo::files_with(&repo::root().join(folder), &["yml"]).map_err(Error::context(folder))?;
    if all.is_empty() { Err(Error::new(format!("{folder} has no .yml file"))) } else { Ok(all) }
}

#[test]
fn promtool_takes_the_configuration() -> Result {
    run("promtool", &["check", "config", "--lint=all", "--lint-fatal", "prometheus/prometheus.yml"], &[])?;
    Ok(())
}

#[test]
fn promtool_takes_the_rules() -> Result {
    run("promtool", &["check", "rules", "--lint=all", "--lint-fatal"], &yaml("prometheus/rules")?)?;
    Ok(())
}

#[test]
fn promtool_passes_the_rule_tests() -> Result {
    run("promtool", &["test", "rules", "--diff"], &yaml("prometheus/tests")?)?;
    Ok(())
}

#[test]
fn every_rule_file_is_loaded() -> Result {
    let answer = run("promtool", &["check", "config", "prometheus/prometheus.yml"], &[])?;
    for path in yaml("prometheus/rules")? {
        let below = repo::relative(&repo::root().join("prometheus"), &path);
        assert!(
            answer.contains(&below),
            "no rule_files pattern of prometheus.yml matches {below}:\n{answer}"
        );
    }
    Ok(())
}

#[test]
fn amtool_takes_the_configuration() -> Result {
    run("amtool", &["check-config", "alertmanager/alertmanager.yml"], &[])?;
    Ok(())
}

/// One case of `alertmanager/tests/routes.yml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    labels: BTreeMap<String, String>,
    receivers: Vec<String>,
}

#[test]
fn routes_lead_where_they_should() -> Result {
    let path = repo::root().join("alertmanager/tests/routes.yml");
    let text = std::fs::read_to_string(&path).map_err(Error::context("alertmanager/tests/routes.yml"))?;
    let cases: Vec<Route> =
        serde_yaml::from_str(&text).map_err(Error::context("alertmanager/tests/routes.yml"))?;
    assert!(!cases.is_empty(), "alertmanager/tests/routes.yml has no case");
    let mut wrong = String::new();
    for case in &cases {
        let verify = format!("--verify.receivers={}", case.receivers.join(","));
        let labels: Vec<String> = case.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut args =
            vec!["config", "routes", "test", "--config.file=alertmanager/alertmanager.yml", &verify];
        args.extend(labels.iter().map(String::as_str));
        if let Err(error) = run("amtool", &args, &[]) {
            wrong += &format!("{}: expected {}: {error}\n", labels.join(" "), case.receivers.join(","));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}
