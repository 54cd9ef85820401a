//! `cargo xtask garage`: builds Garage, a storage server, and compares s3-exporter with what it has. Apart from `cargo xtask
//! test`, since the build takes minutes.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::say::say;
use crate::{repo, setup, shell};

const VERSION: &str = "2.5.0";

/// Builds what is missing and runs the tests. The exit code is the test runner's.
pub(crate) fn run() -> Result<ExitCode> {
    setup::run()?;
    let tools = repo::root().join("target/tools");
    build(&tools)?;
    let mut tests = shell::cargo(&["test", "--package", "s3-exporter", "--test", "it", "garage"]);
    let status = shell::status(tests.args(["--", "--ignored"]))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build(tools: &Path) -> Result<()> {
    let program = tools.join("bin/garage");
    let is_there = Command::new(&program)
        .arg("--version")
        .output()
        .is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains(VERSION));
    if is_there {
        return Ok(());
    }
    say(format!("garage: building {VERSION} into target/tools, which takes minutes"));
    let scratch = tools.join("garage-build");
    let mut install = shell::cargo(&["install", "garage", "--version", VERSION, "--locked", "--force"]);
    install.args(["--no-default-features", "--features", "bundled-libs,lmdb,metrics"]);
    shell::run(install.arg("--root").arg(tools).arg("--target-dir").arg(&scratch))?;
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}
