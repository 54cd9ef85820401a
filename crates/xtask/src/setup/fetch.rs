//! Current builds of Prometheus and its companions, from Debian's unstable suite, unpacked and not installed: the stable
//! suite's are years old and judge rules differently. apt checks the signatures, with lists and a cache of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::say::say;
use crate::shell;

/// Signs the index.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where apt's own sources name no Debian mirror (Ubuntu).
const MIRROR: &str = "http://deb.debian.org/debian";

/// `(package, program in it, our name for it)`.
const TOOLS: [(&str, &str, &str); 7] = [
    ("prometheus", "prometheus", "prometheus"),
    ("promtool", "promtool", "promtool"),
    ("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
    ("prometheus-alertmanager", "amtool", "amtool"),
    ("docker-compose", "docker-compose", "docker-compose"),
    ("prometheus-node-exporter", "prometheus-node-exporter", "node_exporter"),
    ("prometheus-redis-exporter", "prometheus-redis-exporter", "redis_exporter"),
];

/// Fetches into `dir` unless it was done before. Remove `dir` for newer builds.
pub(super) fn run(dir: &Path) -> Result<()> {
    let packages = packages();
    let stamp = dir.join("done");
    let wanted = packages.join("\n");
    let is_done = || std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted);
    if is_done() {
        return Ok(());
    }
    if shell::find("apt-get").is_none() || shell::find("dpkg").is_none() {
        return on_path();
    }
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    // Two runs at once would unpack over each other.
    let lock = File::create(dir.join("lock"))?;
    lock.lock()?;
    if is_done() {
        return Ok(());
    }
    say(format!("setup: fetching {} from Debian sid into target/tools", packages.join(", ")));
    let debs = download(&dir.join("apt"), "sid", &packages)?;
    let root = dir.join("root");
    for deb in &debs {
        shell::run(Command::new("dpkg").arg("-x").arg(deb).arg(&root))?;
        std::fs::remove_file(deb)?;
    }
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin)?;
    for (_, program, name) in TOOLS {
        let link = bin.join(name);
        if link.symlink_metadata().is_ok() {
            std::fs::remove_file(&link)?;
        }
        // Relative, so that the folder can be moved.
        std::os::unix::fs::symlink(Path::new("../root/usr/bin").join(program), &link)?;
        let version = if name == "docker-compose" { "version" } else { "--version" };
        if !shell::succeeds(Command::new(&link).arg(version)) {
            bail!("{} was fetched but does not run here: {}", name, link.display());
        }
    }
    std::fs::write(&stamp, wanted)?;
    Ok(())
}

fn packages() -> Vec<&'static str> {
    let mut names: Vec<&str> = TOOLS.iter().map(|(package, _, _)| *package).collect();
    names.dedup();
    names
}

/// Without apt the tools have to come from elsewhere.
fn on_path() -> Result<()> {
    let missing: Vec<&str> =
        TOOLS.iter().map(|(_, _, name)| *name).filter(|name| shell::find(name).is_none()).collect();
    if !missing.is_empty() {
        bail!(
            "this system has no apt-get; put current builds on PATH (Prometheus >= 3.0, Alertmanager >= 0.27): {}",
            missing.join(", ")
        );
    }
    Ok(())
}

/// Downloads packages of one of Debian's suites, with apt's state in a folder of its own.
pub(super) fn download(state: &Path, suite: &str, packages: &[&str]) -> Result<Vec<PathBuf>> {
    if !Path::new(KEYRING).exists() {
        bail!("{KEYRING} is missing: install debian-archive-keyring");
    }
    let debs = state.join("debs");
    if debs.exists() {
        std::fs::remove_dir_all(&debs)?;
    }
    for folder in ["lists/partial", "cache/archives/partial", "debs"] {
        std::fs::create_dir_all(state.join(folder))?;
    }
    let mirror = debian_mirror(&system_sources()).unwrap_or_else(|| MIRROR.to_owned());
    let list = state.join("suite.list");
    std::fs::write(&list, format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))?;
    let apt_get = |verb: &str| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={}", state.join("lists").display()),
            format!("Dir::Cache={}", state.join("cache").display()),
            "Dir::State::status=/dev/null".to_owned(),
            // The unprivileged user apt would switch to cannot write below our folder.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.arg("-qq").arg(verb).current_dir(&debs);
        command
    };
    shell::run(&mut apt_get("update"))?;
    shell::run(apt_get("download").args(packages))?;
    crate::repo::files_with(&debs, &["deb"])
}

/// apt's own sources, in both formats.
fn system_sources() -> String {
    let dir = crate::repo::files(Path::new("/etc/apt/sources.list.d")).unwrap_or_default();
    let all = dir.into_iter().chain([PathBuf::from("/etc/apt/sources.list")]);
    all.filter_map(|path| std::fs::read_to_string(path).ok()).collect::<Vec<_>>().join("\n")
}

/// The first mirror of Debian itself in there.
fn debian_mirror(sources: &str) -> Option<String> {
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.contains("://") && word.ends_with("debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_comes_from_either_format() {
        let new = "Types: deb\n# URIs: http://old/debian\nURIs: http://a.example/debian/\nSuites: bookworm\n";
        assert_eq!(debian_mirror(new).as_deref(), Some("http://a.example/debian"));
        let old = "# deb http://no/debian x\ndeb [arch=amd64 signed-by=/k] https://b.example/debian bookworm main\n";
        assert_eq!(debian_mirror(old).as_deref(), Some("https://b.example/debian"));
        assert_eq!(debian_mirror("deb http://c.example/ubuntu noble main\n"), None);
        assert_eq!(debian_mirror("URIs: http://deb.example/debian-security\n"), None);
    }

    #[test]
    fn every_package_is_fetched_once() {
        assert_eq!(packages().iter().filter(|name| **name == "prometheus-alertmanager").count(), 1);
    }
}
