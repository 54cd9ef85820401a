//! From a command line to what is served and where.

use std::ffi::OsString;
use std::sync::Arc;

use crate::cli::{Call, CommandLine, Exit, common_flags};
use crate::config::{ConfigFile, Setting};
use crate::exporter::{ConfigError, Discovered, Exporter};
use crate::flags::{DISABLE_DEFAULTS, Flag, Settings};
use crate::http::{App, AppOptions, Instance};
use crate::registry::Registry;
use crate::{health, log};

const HEALTH: &str = "health";
const HEALTH_ABOUT: &str = "Ask a URL and exit with 0 if it answers 200; for container health checks.";

/// A subcommand: takes its arguments, returns what to print.
#[derive(Debug)]
pub struct Subcommand {
    /// What it is called by.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Does it.
    pub run: fn(&[String]) -> Result<String, ConfigError>,
}

/// A program with several exporters.
#[derive(Debug)]
pub struct AllInOne {
    /// Its name.
    pub program: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Where it listens without a flag.
    pub default_listen: &'static str,
    /// What it is made of.
    pub exporters: &'static [&'static Exporter],
    /// What it does beside serving.
    pub subcommands: &'static [Subcommand],
}

/// What to serve, and where.
pub(crate) struct Plan {
    pub(crate) app: Arc<App>,
    pub(crate) listen: Vec<String>,
}

pub(crate) fn standalone(
    exporter: &'static Exporter,
    program: &'static str,
    own_subcommands: &'static [Subcommand],
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Plan, Exit> {
    let collectors = (exporter.collectors)();
    let mut flags = common_flags();
    flags.push(Flag::value("web.telemetry-path", "/metrics", "Path of the metrics."));
    flags.push(DISABLE_DEFAULTS);
    flags.extend((exporter.flags)());
    let mut line =
        CommandLine::new(program, exporter.about, flags, collectors).subcommand(HEALTH, HEALTH_ABOUT);
    for subcommand in own_subcommands {
        line = line.subcommand(subcommand.name, subcommand.about);
    }
    let (settings, subcommand) = line.parse(arguments)?;
    subcommands(subcommand, own_subcommands)?;
    log::init(settings.text("log.level"), settings.text("log.format"))?;
    let path = settings.text("web.telemetry-path").to_owned();
    if !path.starts_with('/') || path == "/" {
        return Err(Exit::Usage(format!("--web.telemetry-path={path}: write a path like /metrics")));
    }
    let instance = instance(exporter, hostname(), path, &settings)?;
    plan(program, None, format!(":{}", exporter.default_port), vec![instance], &settings)
}

pub(crate) fn all_in_one(
    program: &'static AllInOne,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Plan, Exit> {
    let mut flags = common_flags();
    flags.push(Flag::value("config.file", "", "YAML file that says which instances to serve."));
    let mut line =
        CommandLine::new(program.program, program.about, flags, Vec::new()).subcommand(HEALTH, HEALTH_ABOUT);
    for subcommand in program.subcommands {
        line = line.subcommand(subcommand.name, subcommand.about);
    }
    let (settings, subcommand) = line.parse(arguments)?;
    subcommands(subcommand, program.subcommands)?;
    log::init(settings.text("log.level"), settings.text("log.format"))?;
    let instances = match settings.text("config.file") {
        "" => discovered(program)?,
        path => configured(program, path)?,
    };
    let own_path = Some("/metrics".to_owned());
    plan(program.program, own_path, program.default_listen.to_owned(), instances, &settings)
}

fn plan(
    program: &'static str,
    own_path: Option<String>,
    default_listen: String,
    instances: Vec<Instance>,
    settings: &Settings,
) -> Result<Plan, Exit> {
    let options = AppOptions {
        program,
        own_path,
        own_metrics: !settings.switch("web.disable-exporter-metrics"),
        max_requests: settings.number("web.max-requests")?,
        family_cap: settings.number("web.max-series-per-family")?,
    };
    let listen = match settings.list("web.listen-address") {
        [] => vec![default_listen],
        given => given.to_vec(),
    };
    Ok(Plan { app: Arc::new(App::new(options, instances)), listen })
}

fn subcommands(given: Option<Call>, known: &[Subcommand]) -> Result<(), Exit> {
    let Some((name, arguments)) = given else { return Ok(()) };
    if name == HEALTH {
        let [url] = arguments.as_slice() else {
            return Err(Exit::Usage("health: give one URL, like http://127.0.0.1:9100/-/healthy".to_owned()));
        };
        return Err(health::check(url).map_or_else(Exit::Failed, Exit::Printed));
    }
    match known.iter().find(|subcommand| subcommand.name == name) {
        Some(subcommand) => Err(match (subcommand.run)(&arguments) {
            Ok(text) => Exit::Printed(text),
            Err(error) => Exit::Failed(format!("{name}: {error}")),
        }),
        None => Err(Exit::Usage(format!("unknown subcommand {name}"))),
    }
}

fn instance(
    exporter: &'static Exporter,
    name: String,
    path: String,
    settings: &Settings,
) -> Result<Instance, ConfigError> {
    let registry = Registry::new(exporter.namespace, (exporter.sources)(settings)?)?;
    Ok(Instance { exporter, name, path, registry })
}

fn discovered(program: &AllInOne) -> Result<Vec<Instance>, ConfigError> {
    let mut instances = Vec::new();
    for exporter in program.exporters {
        if let Some(Discovered { what, settings }) = (exporter.discover)() {
            tracing::info!(exporter = exporter.name, what, "found");
            let path = format!("/{}/metrics", exporter.name);
            instances.push(instance(exporter, hostname(), path, &exporter_settings(exporter, settings)?)?);
        }
    }
    Ok(instances)
}

fn configured(program: &AllInOne, path: &str) -> Result<Vec<Instance>, Exit> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Exit::Usage(format!("--config.file={path}: {error}")))?;
    let file = |error: ConfigError| ConfigError::new(format!("{path}: {error}"));
    let mut instances: Vec<Instance> = Vec::new();
    for (kind, entries) in ConfigFile::parse(&text).map_err(file)?.exporters.0 {
        let Some(exporter) = program.exporters.iter().find(|exporter| exporter.name == kind) else {
            let known: Vec<_> = program.exporters.iter().map(|exporter| exporter.name).collect();
            return Err(Exit::Usage(format!(
                "{path}: unknown exporter {kind:?}; known: {}",
                known.join(", ")
            )));
        };
        for entry in entries {
            let place = |error: ConfigError| ConfigError::new(format!("{path}: {kind}: {error}"));
            let one = configured_instance(exporter, entry.0).map_err(place)?;
            if instances.iter().any(|other| other.path == one.path) {
                return Err(Exit::Usage(format!("{path}: two instances at {}: give each a name", one.path)));
            }
            instances.push(one);
        }
    }
    Ok(instances)
}

fn configured_instance(
    exporter: &'static Exporter,
    entry: Vec<(String, Setting)>,
) -> Result<Instance, ConfigError> {
    let mut name = None;
    let mut given = Vec::new();
    for (key, setting) in entry {
        if key == "name" {
            name = setting.0.into_iter().next();
        } else {
            given.extend(setting.0.into_iter().map(|value| (key.clone(), value)));
        }
    }
    let path = match &name {
        None => format!("/{}/metrics", exporter.name),
        Some(name)
            if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) =>
        {
            format!("/{}/{name}/metrics", exporter.name)
        }
        Some(name) => {
            return Err(ConfigError::new(format!(
                "name {name:?}: only letters, digits, dot, dash and underscore"
            )));
        }
    };
    let settings = exporter_settings(exporter, given)?;
    instance(exporter, name.unwrap_or_else(hostname), path, &settings)
}

fn exporter_settings(
    exporter: &Exporter,
    given: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let mut flags = (exporter.flags)();
    flags.push(DISABLE_DEFAULTS);
    Settings::new(&flags, &(exporter.collectors)(), given)
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
