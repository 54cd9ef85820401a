//! `cargo xtask lint`: everything that needs no running program. All parts run, also after one has failed.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::contract::{self, Catalogue};
use crate::say::{complain, say};
use crate::{Violation, catalogue, repo, shell, tidy};

type Part = (&'static str, fn() -> Result<()>);

/// Runs all parts; says which failed.
pub(crate) fn run() -> Result<ExitCode> {
    let parts: [Part; 6] = [
        ("format", format),
        ("tidy", tidy),
        ("contract", contract),
        ("clippy", clippy),
        ("other systems", other_systems),
        ("licences", licences),
    ];
    let mut failed = Vec::new();
    for (name, part) in parts {
        if let Err(error) = part() {
            complain(format!("lint: {name}: {error:#}"));
            failed.push(name);
        }
    }
    if failed.is_empty() {
        say("lint: clean");
        return Ok(ExitCode::SUCCESS);
    }
    complain(format!("lint: failed: {}", failed.join(", ")));
    Ok(ExitCode::FAILURE)
}

fn format() -> Result<()> {
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let args = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    shell::run(&mut shell::cargo(&args))
}

/// The node exporter has a backend for other systems than Linux, and nobody here runs one.
fn other_systems() -> Result<()> {
    for target in ["x86_64-unknown-freebsd", "x86_64-apple-darwin"] {
        let mut rustc = Command::new("rustc");
        let libraries = rustc.args(["--print", "target-libdir", "--target", target]).output();
        let directory = libraries.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        if !directory.is_ok_and(|directory| Path::new(&directory).is_dir()) {
            say(format!("lint: {target} NOT checked: no standard library (rustup target add {target})"));
            continue;
        }
        let args = ["check", "--quiet", "--package", "node-exporter", "--target", target];
        shell::run(&mut shell::cargo(&args))?;
    }
    Ok(())
}

/// Tidy, over this repository.
fn tidy() -> Result<()> {
    none(&tidy::check(&repo::root())?)
}

/// The contract, over this repository.
fn contract() -> Result<()> {
    none(&contract::check(&repo::root(), &Catalogue::from_rows(&catalogue::rows(&repo::root())?)?)?)
}

fn licences() -> Result<()> {
    if !shell::succeeds(&mut shell::cargo(&["deny", "--version"])) {
        say("lint: licences and bans NOT checked: cargo-deny is missing (cargo install --locked cargo-deny)");
        return Ok(());
    }
    shell::run(&mut shell::cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))
}

fn none(violations: &[Violation]) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let list: String = violations.iter().map(|violation| format!("\n  {violation}")).collect();
    bail!("{} violations:{list}", violations.len());
}
