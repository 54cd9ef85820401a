//! `cargo xtask bench`: what a scrape costs, ours beside the exporter people run today.

mod app_health;
mod composed;
mod container;
mod entries;
mod load;
mod measure;
mod namespace;
mod postgres;
mod process;
mod redis;
mod s3;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use exporter_testkit::tools;

use crate::say::{complain, say};
use crate::{repo, setup, shell};

pub(crate) use namespace::{SUBCOMMAND, inside};

use entries::ENTRIES;
use measure::{Figures, Job};

/// What the command line says.
pub(crate) struct Options {
    /// Exporter, or `encode`.
    pub(crate) name: String,
    /// Scrapes in each phase.
    pub(crate) scrapes: usize,
    /// Network interfaces the exporters see.
    pub(crate) interfaces: usize,
    /// Another binary than the one cargo would build.
    pub(crate) binary: Option<PathBuf>,
}

/// Names for the command line's help.
pub(crate) fn names() -> String {
    ENTRIES
        .iter()
        .map(|entry| entry.name)
        .chain(["app-health", "composed", "container", "container-50", "encode", "s3"])
        .collect::<Vec<_>>()
        .join(", ")
}

/// A server that exporters watch, ended with its value.
trait Watched {
    /// What stands for `SERVER` in arguments and variables.
    fn address(&self) -> String;

    /// Its process, whose processor time is measured too, with its children's.
    fn pid(&self) -> u32;
}

/// Measures and prints one table.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.name == "encode" {
        shell::run(&mut shell::cargo(&["bench", "--package", "exposition"]))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.name == "app-health" {
        setup::run()?;
        let ours = binary(options, "app-health-exporter")?;
        return app_health::run(ours, options.scrapes);
    }
    if options.name == "s3" {
        return s3::run(&binary(options, "s3-exporter")?);
    }
    if options.name == "composed" {
        let ours = match &options.binary {
            Some(_) => binary(options, "exporters")?,
            None => build(&["--package", "exporters", "--example", "with_your_own"])?
                .join("examples/with_your_own"),
        };
        return composed::run(&ours, options.scrapes);
    }
    if let Some(count) = container::count(&options.name) {
        return container::run(options, binary(options, "container-exporter")?, count);
    }
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == options.name) else {
        bail!("no benchmark {:?}; there are: {}", options.name, names());
    };
    // What is missing costs the comparison only.
    if let Err(error) = setup::run() {
        complain(format!("bench: set-up is not complete: {error:#}"));
    }
    let ours = binary(options, entry.package)?;
    let server = entry.server.map(|start| start()).transpose().context("what is to be watched")?;
    let address = server.as_ref().map(|server| server.address()).unwrap_or_default();
    let filled = |texts: &[&str]| texts.iter().map(|text| text.replace("SERVER", &address)).collect();
    let private = namespace::is_possible();
    let measure = |program: PathBuf, args: &[&str]| -> Result<Figures> {
        let job = Job {
            program,
            args: filled(args),
            env: filled(entry.env),
            watched: server.as_ref().map(|server| server.pid()),
            path: entry.path.to_owned(),
            scrapes: options.scrapes,
            interfaces: options.interfaces,
        };
        if private { namespace::measure(&job) } else { measure::run(&job) }
    };
    let ours = measure(ours, entry.args).context("our exporter")?;
    let peer = match tools::path(entry.peer) {
        Ok(path) => Some(measure(path, entry.peer_args).context(entry.peer)?),
        Err(error) => {
            complain(format!("bench: without the peer: {error}"));
            None
        }
    };
    let network = if private {
        format!("private network with {} interfaces", options.interfaces)
    } else {
        "this machine's own network (only root can make a private one)".to_owned()
    };
    say(format!("{}: {} scrapes a phase, keep-alive, {network}", entry.name, options.scrapes));
    say(table::render(entry.peer, &ours, peer.as_ref(), options.scrapes));
    Ok(ExitCode::SUCCESS)
}

fn binary(options: &Options, package: &str) -> Result<PathBuf> {
    match &options.binary {
        Some(path) => path.canonicalize().with_context(|| path.display().to_string()),
        None => Ok(build(&["--package", package])?.join(package)),
    }
}

/// The binary as it is shipped, of this one package (what else is in the workspace must not change its features), static as in
/// the image: what a process of another kind would share with it is not there to be shared. Returns the folder.
fn build(what: &[&str]) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo =
        shell::cargo(&[&["build", "--quiet", "--profile", "dist", "--target", &triple], what].concat());
    shell::run(cargo.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static"))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo::root().join("target"), PathBuf::from);
    Ok(target.join(triple).join("dist"))
}
