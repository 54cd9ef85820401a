//! `cargo xtask test`: set-up, then every test of the workspace.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use exporter_testkit::tools;

use crate::say::complain;
use crate::{docker, setup, shell};

/// Deadlines for tests that hang; beside the crate, because the tests' other runner has none.
const NEXTEST_CONFIG: &str = "crates/xtask/nextest.toml";

/// Runs all tests, those `args` ask for if there are any. The exit code is the test runner's.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    setup::run()?;
    // The tests that need it say so by failing; all others are still worth running.
    let daemon = docker::ensure().inspect_err(|error| complain(format!("test: {error:#}")));
    let path = search_path()?;
    let has_nextest = shell::succeeds(&mut shell::cargo(&["nextest", "--version"]));
    // nextest does not run the examples in the documentation.
    if has_nextest && args.is_empty() {
        shell::run(shell::cargo(&["test", "--quiet", "--workspace", "--doc"]).env("PATH", &path))?;
    }
    let status = shell::status(shell::cargo(&words(has_nextest, args)).args(args).env("PATH", &path))?;
    drop(daemon);
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}

/// What goes before `args`: the runner, and the whole workspace unless they name packages.
fn words(has_nextest: bool, args: &[String]) -> Vec<&'static str> {
    let mut words =
        if has_nextest { vec!["nextest", "run", "--config-file", NEXTEST_CONFIG] } else { vec!["test"] };
    let is_package = |arg: &String| arg == "-p" || arg.starts_with("--package");
    if !args.iter().any(is_package) {
        words.push("--workspace");
    }
    // One run tells all; nextest has it in its configuration.
    if !has_nextest && args.is_empty() {
        words.push("--no-fail-fast");
    }
    words
}

/// The fetched tools first: tests may start them by name.
fn search_path() -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(tools::fetched_dir()).chain(std::env::split_paths(&old)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_replace_the_workspace() {
        let args = ["-p", "exposition"].map(str::to_owned);
        assert_eq!(words(false, &args), ["test"]);
        assert_eq!(words(false, &[]), ["test", "--workspace", "--no-fail-fast"]);
        assert_eq!(words(true, &["encode".to_owned()])[4..], ["--workspace"]);
    }

    #[test]
    fn the_runner_has_deadlines() {
        let text = std::fs::read_to_string(crate::repo::root().join(NEXTEST_CONFIG)).unwrap();
        assert!(text.contains("terminate-after"), "{text}");
    }
}
