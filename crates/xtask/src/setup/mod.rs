//! `cargo xtask setup`: brings what the tests need and the repository does not hold. Quick when all is there. It installs
//! only as root, and never asks for root by itself.

mod fetch;
mod postgres;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::say::say;
use crate::{repo, shell};

/// What a system package brings.
enum Brings {
    Program(&'static str),
    File(&'static str),
}

/// A package of the system.
struct Package {
    name: &'static str,
    brings: Brings,
    why: &'static str,
}

const PACKAGES: [Package; 4] = [
    Package {
        name: "debian-archive-keyring",
        brings: Brings::File(fetch::KEYRING),
        why: "checks the signatures of what is fetched",
    },
    Package { name: "docker.io", brings: Brings::Program("dockerd"), why: "the compose test" },
    Package { name: "iproute2", brings: Brings::Program("ip"), why: "the benchmark's private network" },
    Package {
        name: "util-linux",
        brings: Brings::Program("unshare"),
        why: "the benchmark's private network",
    },
];

/// Debian's Alertmanager reads its default templates from here, whatever its flags say.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager";

/// Brings everything, or says what to do.
pub(crate) fn run() -> Result<()> {
    install_packages()?;
    let dir = repo::root().join("target/tools");
    fetch::run(&dir)?;
    postgres::run(&dir)?;
    install_templates(&dir)
}

fn install_packages() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !package.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if shell::find("apt-get").is_none() {
        let list = missing.iter().map(|package| format!("\n  {} ({})", package.name, package.why));
        bail!("this system has no apt-get; install by its own means:{}", list.collect::<String>());
    }
    if !is_root() {
        bail!("not root, so nothing is installed. Run:\n  {}", sudo_line(&names));
    }
    for package in &missing {
        say(format!("setup: installing {} ({})", package.name, package.why));
    }
    shell::run(apt_get(&["update"]).arg("-qq"))?;
    shell::run(apt_get(&["install", "-qq", "--yes", "--no-install-recommends"]).args(names))
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn sudo_line(names: &[&str]) -> String {
    format!("sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}", names.join(" "))
}

fn install_templates(dir: &Path) -> Result<()> {
    let source = dir.join("root").join(TEMPLATES.trim_start_matches('/'));
    if Path::new(TEMPLATES).join("default.tmpl").exists() || !source.exists() {
        return Ok(());
    }
    let target = Path::new(TEMPLATES).parent().unwrap_or(Path::new("/"));
    let (source, target) = (source.display(), target.display());
    if !is_root() {
        bail!(
            "not root, so Alertmanager's default templates are not installed. Run:\n  \
             sudo mkdir -p {target} && sudo cp -r {source} {target}/"
        );
    }
    say(format!("setup: copying Alertmanager's default templates to {TEMPLATES}"));
    shell::run(Command::new("mkdir").args(["-p", &target.to_string()]))?;
    shell::run(Command::new("cp").args(["-r", &source.to_string(), &format!("{target}/")]))
}

impl Package {
    fn is_there(&self) -> bool {
        match self.brings {
            Brings::Program(name) => shell::find(name).is_some(),
            Brings::File(path) => Path::new(path).exists(),
        }
    }
}

/// Whether we may install.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
