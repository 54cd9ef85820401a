//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Arg, ArgMatches, Command};

use crate::say::{complain, say};
use crate::{catalogue, lint, setup, test};

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    match dispatch(&command().get_matches()) {
        Ok(code) => code,
        Err(error) => {
            complain(format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let rest = Arg::new("args").num_args(..).trailing_var_arg(true).allow_hyphen_values(true);
    Command::new("cargo xtask")
        .about("Every chore of the repository")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("setup").about("Bring what the tests need; quick when all is there"))
        .subcommand(
            Command::new("test")
                .about("Set up, then run every test of the workspace")
                .arg(rest.help("Passed on to cargo nextest run, or to cargo test where there is no nextest")),
        )
        .subcommand(
            Command::new("lint").about("Format, tidy, contract of rules and dashboards, clippy, licences"),
        )
        .subcommand(Command::new("catalogue").about("Print every family of every exporter as a table"))
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode> {
    match matches.subcommand() {
        Some(("setup", _)) => {
            setup::run()?;
            say("setup: all there");
        }
        Some(("test", args)) => {
            let args: Vec<String> = args.get_many("args").into_iter().flatten().cloned().collect();
            return test::run(&args);
        }
        Some(("lint", _)) => return lint::run(),
        Some(("catalogue", _)) => say(catalogue::tsv().trim_end()),
        _ => unreachable_subcommand(),
    }
    Ok(ExitCode::SUCCESS)
}

/// clap lets no other name through.
fn unreachable_subcommand() {
    complain("xtask: a subcommand is declared and not implemented");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn everything_after_test_goes_to_the_runner() {
        let matches = command().get_matches_from(["xtask", "test", "-p", "exposition", "--no-fail-fast"]);
        let Some(("test", args)) = matches.subcommand() else { panic!("not test") };
        let args: Vec<&String> = args.get_many("args").into_iter().flatten().collect();
        assert_eq!(args, ["-p", "exposition", "--no-fail-fast"]);
    }
}
