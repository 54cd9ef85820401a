//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::say::{complain, say};
use crate::{bench, catalogue, garage, lint, setup, test};

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
        .subcommand(
            Command::new("garage").about("Build Garage (minutes), and compare s3-exporter with what it has"),
        )
        .subcommand(bench_command())
        .subcommand(Command::new(bench::SUBCOMMAND).hide(true).arg(Arg::new("job").required(true)))
        .subcommand(Command::new("catalogue").about("Print every family of every exporter as a table"))
        .subcommand(Command::new("docs").about("Write docs/metrics and docs/flags from the declarations"))
}

fn bench_command() -> Command {
    let number = |name: &'static str, default: &'static str| {
        Arg::new(name).long(name).default_value(default).value_parser(value_parser!(usize))
    };
    Command::new("bench")
        .about("Measure an exporter beside the one people run today")
        .arg(Arg::new("exporter").default_value("node").help(format!("One of: {}", bench::names())))
        .arg(number("n", "1000").help("Scrapes in each phase"))
        .arg(number("interfaces", "3").help("Network interfaces they see (odd; needs root)"))
        .arg(
            Arg::new("binary")
                .long("binary")
                .value_parser(value_parser!(PathBuf))
                .help("Measure this program instead of a release build"),
        )
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
        Some(("garage", _)) => return garage::run(),
        Some(("catalogue", _)) => say(catalogue::tsv(&crate::repo::root())?.trim_end()),
        Some(("docs", _)) => crate::docs::write(&crate::repo::root())?,
        Some(("bench", args)) => return bench::run(&bench_options(args)),
        Some((bench::SUBCOMMAND, args)) => return bench::inside(&text(args, "job")),
        // clap lets no other name through.
        _ => bail!("this subcommand is declared and not implemented"),
    }
    Ok(ExitCode::SUCCESS)
}

fn bench_options(args: &ArgMatches) -> bench::Options {
    let number = |name| args.get_one(name).copied().unwrap_or_default();
    bench::Options {
        name: text(args, "exporter"),
        scrapes: number("n"),
        interfaces: number("interfaces"),
        binary: args.get_one("binary").cloned(),
    }
}

fn text(args: &ArgMatches, name: &str) -> String {
    args.get_one(name).cloned().unwrap_or_default()
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
