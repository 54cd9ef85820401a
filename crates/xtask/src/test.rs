//! `cargo xtask test`: set-up, then every test of the workspace.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use exporter_testkit::tools;

use crate::say::complain;
use crate::{docker, setup, shell};

/// Runs all tests, those `args` ask for if there are any. The exit code is the test runner's.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    setup::run()?;
    // The tests that need it say so by failing; all others are still worth running.
    let daemon = docker::ensure().inspect_err(|error| complain(format!("test: {error:#}")));
    let path = search_path()?;
    let has_nextest = shell::succeeds(&mut shell::cargo(&["nextest", "--version"]));
    let words: &[&str] = if has_nextest { &["nextest", "run"] } else { &["test"] };
    // nextest does not run the examples in the documentation.
    if has_nextest && args.is_empty() {
        shell::run(shell::cargo(&["test", "--quiet", "--workspace", "--doc"]).env("PATH", &path))?;
    }
    let status = shell::status(shell::cargo(words).arg("--workspace").args(args).env("PATH", &path))?;
    drop(daemon);
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}

/// The fetched tools first: tests may start them by name.
fn search_path() -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(tools::fetched_dir()).chain(std::env::split_paths(&old)))?)
}
