//! `cargo xtask setup`: brings what the tests need and the repository does not hold. Quick when all is there. It installs
//! only as root, and never asks for root by itself.

mod fetch;
mod postgres;
mod python;
mod servers;

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

const PACKAGES: &[Package] = &[
    Package {
        name: "debian-archive-keyring",
        brings: Brings::File(fetch::KEYRING),
        why: "checks the signatures of what is fetched",
    },
    Package {
        name: "python3-pip",
        brings: Brings::Program("pip3"),
        why: "brings Celery, whose workers and queues a test watches",
    },
    Package { name: "openssl", brings: Brings::Program("openssl"), why: "certificates for tests of TLS" },
    Package {
        name: "dnsmasq-base",
        brings: Brings::Program("dnsmasq"),
        why: "app-health-exporter's probes of a name server",
    },
    Package {
        name: "dbus-daemon",
        brings: Brings::Program("dbus-daemon"),
        why: "the bus of node-exporter's test of systemd",
    },
    Package {
        name: "systemd",
        brings: Brings::Program("systemctl"),
        why: "node-exporter's test of systemd; it does not run on this machine by that",
    },
    Package { name: "docker.io", brings: Brings::Program("dockerd"), why: "the compose test" },
    // Where docker.io brings the client itself, there is no such package.
    Package { name: "docker-cli", brings: Brings::Program("docker"), why: "the compose test" },
    Package { name: "iproute2", brings: Brings::Program("ip"), why: "the benchmark's private network" },
    Package {
        name: "nginx-light",
        brings: Brings::Program("nginx"),
        why: "app-health-exporter's probes of a web server",
    },
    Package { name: "podman", brings: Brings::Program("podman"), why: "container-exporter's second engine" },
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
    servers::run(&dir)?;
    python::run(&dir)?;
    install_templates(&dir)
}

fn install_packages() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !package.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if shell::find("apt-get").is_none() {
        let list = missing.iter().map(|package| format!("\n  {} ({})", package.name, package.why));
        bail!("this system has no apt-get; install by its own means:{}", list.collect::<String>());
    }
    if !is_root() {
        bail!("not root, so nothing is installed. Run:\n  {}", sudo_line(&known(&missing)));
    }
    for package in &missing {
        say(format!("setup: installing {} ({})", package.name, package.why));
    }
    shell::run(apt_get(&["update"]).arg("-qq"))?;
    shell::run(apt_get(&["install", "-qq", "--yes", "--no-install-recommends"]).args(known(&missing)))?;
    match missing.iter().find(|package| !package.is_there()) {
        Some(package) => bail!("{} was not found; install it by hand ({})", package.name, package.why),
        None => Ok(()),
    }
}

/// The names apt can install; all if it has no lists yet.
fn known<'a>(packages: &[&'a Package]) -> Vec<&'a str> {
    let names = packages.iter().map(|package| package.name);
    let in_lists = |name: &str| shell::succeeds(Command::new("apt-cache").args(["show", name]));
    let known: Vec<&str> = names.clone().filter(|name| in_lists(name)).collect();
    if known.is_empty() { names.collect() } else { known }
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
