//! `cargo xtask lint`: everything that needs no running program. All parts run, also after one has failed.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::contract::{self, Catalogue};
use crate::say::{complain, say};
use crate::{Violation, catalogue, repo, shell, tidy};

type Part = (&'static str, fn() -> Result<()>);

/// Runs all parts; says which failed.
pub(crate) fn run() -> Result<ExitCode> {
    let parts: [Part; 5] = [
        ("format", format),
        ("tidy", tidy),
        ("contract", contract),
        ("clippy", clippy),
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
