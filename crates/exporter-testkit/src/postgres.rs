//! PostgreSQL's programs, of every major version.

use std::path::PathBuf;
use std::process::Command;

use crate::{Error, Result, tools};

/// A program of this major version, as `cargo xtask setup` brings it: `initdb` or `postgres`.
pub fn program(major: u32, name: &str) -> Result<PathBuf> {
    let path = tools::workspace_root().join(format!("target/tools/postgres/{major}/native/bin/{name}"));
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("PostgreSQL {major} is missing: run `cargo xtask setup`")))
}

/// Runs a program that refuses to run as root. As nobody it may still read where it is.
pub fn unprivileged(program: PathBuf) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]).arg(program);
    command
}

/// Gives what is at this path to whom [`unprivileged`] runs programs as.
pub fn hand_over(path: &std::path::Path) -> Result {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(65534), Some(65534))?;
    }
    Ok(())
}
