//! The command line of every program: the flags that all exporters have, and their one-line errors.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;

use crate::arguments::{add_to, given, names};
use crate::exporter::ConfigError;
use crate::flags::{DISABLE_DEFAULTS, Flag, Settings};
use crate::source::Collector;

/// The flags that every program has, with the peers' names.
pub fn common_flags() -> Vec<Flag> {
    vec![
        Flag::list(
            "web.listen-address",
            "Address to listen on, HOST:PORT or unix:/PATH; give it again for more.",
        ),
        Flag::switch(
            "web.systemd-socket",
            false,
            "Listen on the sockets that systemd has opened (LISTEN_FDS), on nothing else.",
        ),
        Flag::value("web.config.file", "", "YAML file with TLS, passwords, headers and rate limit."),
        Flag::value(
            "web.max-requests",
            "40",
            "Pages collected at once before 503 is answered; 0 is no limit.",
        ),
        Flag::switch("web.disable-exporter-metrics", false, "Leave process_* and promhttp_* out."),
        Flag::value(
            "web.max-series-per-family",
            "20000",
            "Series of one family beyond this are dropped and counted.",
        ),
        Flag::switch("web.enable-lifecycle", false, "Reload at POST /-/reload; SIGHUP always does."),
        Flag::value("log.level", "info", "debug, info, warn or error."),
        Flag::value("log.format", "logfmt", "logfmt or json."),
    ]
}

/// For the programs of one exporter; the all-in-one's `--config.file` is another kind of file.
pub(crate) const CONFIG: Flag = Flag::value(
    "config",
    "",
    "YAML file with any of these flags, as NAME: VALUE; the command line comes first.",
);

pub(crate) const TELEMETRY_PATH: Flag = Flag::value("web.telemetry-path", "/metrics", "Path of the metrics.");
pub(crate) const CONFIG_FILE: Flag =
    Flag::value("config.file", "", "YAML file that says which instances to serve.");

/// The flags that the programs of one exporter have beside [`common_flags`].
pub fn standalone_flags() -> [Flag; 3] {
    [TELEMETRY_PATH, CONFIG, DISABLE_DEFAULTS]
}

/// Those of a program with several.
pub fn all_in_one_flags() -> [Flag; 1] {
    [CONFIG_FILE]
}

/// How parsing the command line ended, if not with flags.
#[derive(Debug)]
pub(crate) enum Exit {
    /// `--help`, `--version` or a subcommand: text for standard output.
    Printed(String),
    /// Wrong usage: one line for standard error, exit code 2.
    Usage(String),
    /// Anything else: one line, exit code 1.
    Failed(String),
}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        Exit::Usage(error.to_string())
    }
}

/// A subcommand's name and arguments.
pub(crate) type Call = (String, Vec<String>);

/// A command line: flags, collectors' switches and subcommands. It stays for reloads, what parses it does not: a few
/// hundred kilobytes.
#[derive(Debug)]
pub(crate) struct CommandLine {
    program: &'static str,
    about: &'static str,
    flags: Vec<Flag>,
    collectors: Vec<&'static Collector>,
    /// Names and what they do.
    subcommands: Vec<(&'static str, &'static str)>,
}

impl CommandLine {
    pub(crate) fn new(
        program: &'static str,
        about: &'static str,
        flags: Vec<Flag>,
        collectors: Vec<&'static Collector>,
    ) -> Self {
        Self { program, about, flags, collectors, subcommands: Vec::new() }
    }

    /// A subcommand; its arguments, flags of its own among them, are its own business.
    pub(crate) fn subcommand(mut self, name: &'static str, about: &'static str) -> Self {
        self.subcommands.push((name, about));
        self
    }

    /// Every flag can also be given in the environment: `--web.max-requests` of `node-exporter` as
    /// `NODE_EXPORTER_WEB_MAX_REQUESTS`.
    fn command(&self) -> Command {
        let prefix = variable(self.program);
        let command = Command::new(self.program)
            .about(self.about)
            .after_help(format!(
                "Each flag can be given in the environment too: --web.max-requests as {prefix}_WEB_MAX_REQUESTS."
            ))
            .version(crate::build::line())
            .disable_help_subcommand(true);
        let command = add_to(command, &self.flags, &self.collectors);
        let command = command.mut_args(|arg| match arg.get_long() {
            Some(long) if !long.starts_with("no-") => {
                let name = format!("{prefix}_{}", variable(long));
                arg.env(name).hide_env(true)
            }
            _ => arg,
        });
        self.subcommands.iter().fold(command, |command, (name, about)| {
            let arguments = Arg::new("arguments")
                .num_args(0..)
                .value_name("ARGUMENT")
                .trailing_var_arg(true)
                .allow_hyphen_values(true);
            command.subcommand(Command::new(*name).about(*about).arg(arguments))
        })
    }

    /// What was set, and beneath it what the file of `--config` sets, if one is named. Read anew at each call.
    pub(crate) fn with_file(&self, given: &Settings) -> Result<Settings, ConfigError> {
        let path = given.text(CONFIG.name());
        let mut settings = given.clone();
        if !path.is_empty() && self.flags.iter().any(|flag| flag.name == CONFIG.name()) {
            let named = |error: &dyn std::fmt::Display| ConfigError::new(format!("--config={path}: {error}"));
            let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            let entries = crate::config::parse_flags(&text).map_err(|error| named(&error))?;
            let file =
                Settings::new(&self.flags, &self.collectors, entries).map_err(|error| named(&error))?;
            settings.fill(file);
        }
        Ok(settings)
    }

    /// Parses; returns what was set, and the subcommand if there is one.
    pub(crate) fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Settings, Option<Call>), Exit> {
        let arguments = expand(arguments)?;
        let matches = match self.command().try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) if !error.use_stderr() => return Err(Exit::Printed(error.to_string())),
            Err(error) => {
                let line = one_line(&error);
                // The flags of a single exporter, tried on the all-in-one, which has no collectors itself.
                let foreign = error.kind() == ErrorKind::UnknownArgument
                    && self.collectors.is_empty()
                    && ["--collector.", "--no-collector.", "--path."]
                        .iter()
                        .any(|start| line.contains(start));
                let cure =
                    if foreign { "; an exporter's own flags go into the file of --config.file" } else { "" };
                return Err(Exit::Usage(format!("{line}{cure}")));
            }
        };
        let names = names(&self.flags, &self.collectors);
        let mut set: Vec<_> = given(&matches, names.into_iter()).collect();
        set.extend(from_peers_variables(&self.flags, &set, |name| std::env::var(name).ok()));
        let settings = Settings::new(&self.flags, &self.collectors, set)?;
        let subcommand = matches.subcommand().map(|(name, matches)| (name.to_owned(), arguments_of(matches)));
        Ok((settings, subcommand))
    }
}

/// What the peers' variables set of flags that nothing else has set.
fn from_peers_variables(
    flags: &[Flag],
    given: &[(String, String)],
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<(String, String)> {
    let is_open =
        |flag: &&Flag| given.iter().all(|(own, _)| own.strip_prefix("no-").unwrap_or(own) != flag.name);
    flags
        .iter()
        .filter(is_open)
        .filter_map(|flag| Some((flag.name.to_owned(), flag.env.and_then(&variable)?)))
        .collect()
}

fn arguments_of(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("arguments").into_iter().flatten().cloned().collect()
}

fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Replaces `@file` by the arguments in that file, one a line, as kingpin does.
fn expand(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Exit::Usage(format!("reading arguments from {path}: {error}")))?;
                let lines = text.lines().map(str::trim);
                expanded.extend(lines.filter(|l| !l.is_empty() && !l.starts_with('#')).map(OsString::from));
            }
            None => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// What is wrong and what may be meant, in one line.
fn one_line(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    let told = match (error.kind(), argument) {
        (ErrorKind::UnknownArgument, Some(argument)) => format!("unknown argument {argument}"),
        (ErrorKind::ArgumentConflict, Some(argument)) => format!("{argument} is given twice"),
        _ => {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    };
    let meant = text(ContextKind::SuggestedArg).map(|meant| format!(", did you mean {meant}?"));
    format!("{told}{} (--help lists the flags)", meant.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    static CPU: Collector = Collector { name: "cpu", enabled: true, families: &[], dynamic: &[] };

    fn parse(arguments: &[&str]) -> Result<Settings, Exit> {
        let line = CommandLine::new("test-exporter", "", common_flags(), vec![&CPU]);
        let arguments = ["test-exporter"].iter().chain(arguments).map(OsString::from);
        line.parse(arguments).map(|(settings, _)| settings)
    }

    fn usage(arguments: &[&str]) -> String {
        match parse(arguments) {
            Err(Exit::Usage(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn as_kingpin_takes_them() {
        let settings = parse(&[
            "--web.listen-address=:1",
            "--web.listen-address",
            ":2",
            "--no-collector.cpu",
            "--log.level=debug",
        ])
        .unwrap();
        assert_eq!(settings.list("web.listen-address"), [":1", ":2"]);
        assert!(!settings.enabled(&CPU));
        assert_eq!(settings.text("log.level"), "debug");
        assert!(parse(&["--collector.cpu", "--no-collector.cpu", "--collector.cpu"]).unwrap().enabled(&CPU));
    }

    #[test]
    fn errors_are_one_line_that_names_the_flag() {
        for (arguments, expected) in [
            (vec!["--collector.cpuu"], "unknown argument --collector.cpuu, did you mean --collector.cpu?"),
            (vec!["stray"], "stray"),
            (vec!["--log.level"], "--log.level"),
            (vec!["@/no/such/file"], "/no/such/file"),
        ] {
            let line = usage(&arguments);
            assert!(line.contains(expected) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn peers_variables_set_what_is_open() {
        let flags = [Flag::value("dsn", "", "").env("PEERS_DSN"), Flag::value("x", "", "")];
        let set = |given: &[_]| from_peers_variables(&flags, given, |name| Some(format!("${name}")));
        assert_eq!(set(&[]), [("dsn".to_owned(), "$PEERS_DSN".to_owned())]);
        assert!(set(&[("dsn".to_owned(), String::new())]).is_empty());
    }

    #[test]
    fn help_and_version_are_printed() {
        assert!(
            matches!(parse(&["--help"]), Err(Exit::Printed(text)) if text.contains("--web.listen-address"))
        );
        assert!(matches!(parse(&["--version"]), Err(Exit::Printed(text)) if text.contains("rustc")));
    }
}
