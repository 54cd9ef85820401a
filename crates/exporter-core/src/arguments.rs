//! Flags on a command line, and the names that they may have there.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::{TELEMETRY_PATH, common_flags};
use crate::exporter::{ConfigError, Exporter};
use crate::flags::{DISABLE_DEFAULTS, Flag, FlagKind};
use crate::source::Collector;

/// Adds declared flags and the collectors' switches to a command line.
pub(crate) fn add_to(mut command: Command, flags: &[Flag], collectors: &[&'static Collector]) -> Command {
    for flag in flags {
        command = match flag.kind {
            FlagKind::Value => command.arg({
                // Given twice, the last one counts.
                argument(flag).default_value(flag.default).action(ArgAction::Set).overrides_with(flag.name)
            }),
            FlagKind::List => command.arg(argument(flag).action(ArgAction::Append)),
            FlagKind::Switch => switch(command, flag.name.to_owned(), flag.help, flag.hidden),
        };
    }
    for collector in collectors {
        let state = if collector.enabled { "on" } else { "off" };
        let help = format!("The {} collector ({state} by default).", collector.name);
        command = switch(command, format!("collector.{}", collector.name), help, false);
    }
    command
}

fn argument(flag: &Flag) -> Arg {
    // A value may begin with a dash, as kingpin has it.
    Arg::new(flag.name).long(flag.name).help(flag.help).hide(flag.hidden).allow_hyphen_values(true)
}

fn switch(
    command: Command,
    name: String,
    help: impl Into<clap::builder::StyledStr>,
    hidden: bool,
) -> Command {
    let no = format!("no-{name}");
    command
        .arg(
            Arg::new(name.clone())
                .long(name.clone())
                .help(help)
                .hide(hidden)
                .action(ArgAction::SetTrue)
                .overrides_with_all([name.clone(), no.clone()]),
        )
        .arg(
            Arg::new(no.clone())
                .long(no.clone())
                .hide(true)
                .action(ArgAction::SetTrue)
                .overrides_with_all([no, name]),
        )
}

/// The given (not defaulted) flags of a parsed command line, by name.
pub(crate) fn given<'a>(
    matches: &'a ArgMatches,
    names: impl Iterator<Item = String> + 'a,
) -> impl Iterator<Item = (String, String)> + 'a {
    names.flat_map(move |name| {
        use clap::parser::ValueSource::DefaultValue;
        if matches.value_source(&name).is_none_or(|source| source == DefaultValue) {
            return Vec::new();
        }
        let values = match matches.try_get_many::<String>(&name) {
            Ok(values) => values.into_iter().flatten().cloned().collect(),
            Err(_) => vec![matches.get_flag(&name).to_string()],
        };
        values.into_iter().map(|value| (name.clone(), value)).collect()
    })
}

/// Keys of an instance in the all-in-one's file that are no flags.
const KEYS: [&str; 3] = ["name", "listen", "labels"];

/// Says which flag of an exporter has a name that is taken: nobody could set it.
pub(crate) fn check_names(exporter: &Exporter) -> Result<(), ConfigError> {
    let mut reserved = common_flags();
    reserved.extend([TELEMETRY_PATH, DISABLE_DEFAULTS]);
    let mut taken = names(&reserved, &(exporter.collectors)());
    taken.extend(KEYS.iter().chain(&["help", "version"]).map(|name| (*name).to_owned()));
    for flag in (exporter.flags)() {
        let own = names(&[flag], &[]);
        if let Some(name) = own.iter().find(|name| taken.contains(name)) {
            let exporter = exporter.name;
            let message = format!("exporter {exporter}: a flag is to be called {name}: that name is taken");
            return Err(ConfigError::new(message));
        }
        taken.extend(own);
    }
    Ok(())
}

/// The names under which [`given`] finds what [`add_to`] added.
pub(crate) fn names(flags: &[Flag], collectors: &[&'static Collector]) -> Vec<String> {
    let mut names = Vec::new();
    for flag in flags {
        names.push(flag.name.to_owned());
        if flag.kind == FlagKind::Switch {
            names.push(format!("no-{}", flag.name));
        }
    }
    for collector in collectors {
        names.push(format!("collector.{}", collector.name));
        names.push(format!("no-collector.{}", collector.name));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    static CPU: Collector = Collector { name: "cpu", enabled: true, families: &[], dynamic: &[] };

    #[test]
    fn names_that_are_taken_are_refused() {
        const NAMES: [&str; 7] =
            ["listen", "labels", "name", "log.level", "web.telemetry-path", "collector.cpu", "no-help.me"];
        // One exporter for each name: its flags are a plain function.
        fn exporter(flags: fn() -> Vec<Flag>) -> Exporter {
            Exporter {
                name: "test",
                namespace: "test",
                default_port: 0,
                about: "",
                collectors: || vec![&CPU],
                flags,
                sources: |_| Ok(Vec::new()),
                probes: |_| Ok(Vec::new()),
                discover: || Err(String::new()),
            }
        }
        let all: [fn() -> Vec<Flag>; 7] = [
            || vec![Flag::value(NAMES[0], "", "")],
            || vec![Flag::value(NAMES[1], "", "")],
            || vec![Flag::list(NAMES[2], "")],
            || vec![Flag::value(NAMES[3], "", "")],
            || vec![Flag::value(NAMES[4], "", "")],
            || vec![Flag::switch(NAMES[5], true, "")],
            || vec![Flag::switch("help.me", true, ""), Flag::value(NAMES[6], "", "")],
        ];
        for (flags, name) in all.into_iter().zip(NAMES) {
            let error = check_names(&exporter(flags)).unwrap_err().to_string();
            assert!(error.contains(&format!("test: a flag is to be called {name}:")), "{error}");
        }
        check_names(&exporter(|| vec![Flag::list("dir", ""), Flag::switch("fast", true, "")])).unwrap();
    }
}
