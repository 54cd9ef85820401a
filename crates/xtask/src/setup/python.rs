//! Python packages that tests run, in a folder of their own: nothing of the system is touched.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::say::say;
use crate::shell;

/// As pip names them.
const PACKAGES: [&str; 2] = ["celery[redis]", "moto[server]"];

/// Installs into `tools/python` unless it was done before. Tests set `PYTHONPATH` to it.
pub(super) fn run(tools: &Path) -> Result<()> {
    let dir = tools.join("python");
    let stamp = dir.join("done");
    let wanted = PACKAGES.join("\n");
    let is_done = || std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted);
    if is_done() {
        return Ok(());
    }
    std::fs::create_dir_all(&dir)?;
    let lock = File::create(dir.join("lock"))?;
    lock.lock()?;
    if is_done() {
        return Ok(());
    }
    say(format!("setup: installing {} into target/tools/python", PACKAGES.join(", ")));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
    shell::run(pip.arg("--upgrade").arg("--target").arg(&dir).args(PACKAGES))?;
    std::fs::write(&stamp, wanted)?;
    Ok(())
}
