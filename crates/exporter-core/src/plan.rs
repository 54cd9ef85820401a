//! From a command line to what is served and where.

use std::ffi::OsString;
use std::sync::Arc;

use crate::arguments::check_names;
use crate::blueprint::{self, Blueprint, hostname};
use crate::cli::{CONFIG, CONFIG_FILE, Call, CommandLine, Exit, TELEMETRY_PATH, common_flags};
use crate::exporter::{ConfigError, Exporter};
use crate::flags::{DISABLE_DEFAULTS, Settings};
use crate::http::{App, AppOptions, listen};
use crate::{health, log};

const CHECK: &str = "check-config";
const CHECK_ABOUT: &str = "Load what the same flags would load, print OK or what is wrong, and exit; or check one FILE of --config.file.";
const CHECK_WEB_ABOUT: &str = "Load what the same flags would load, print OK or what is wrong, and exit; or check one FILE of --web.config.file.";
const HEALTH: &str = "health";
const HEALTH_ABOUT: &str = "Ask a URL and exit with 0 if the server is alive; for container health checks.";

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
    pub(crate) systemd_socket: bool,
    /// For standard output, when it listens.
    pub(crate) greeting: String,
}

pub(crate) fn standalone(
    exporter: &'static Exporter,
    program: &'static str,
    peer: Option<&'static str>,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Plan, Exit> {
    check_names(exporter)?;
    let collectors = (exporter.collectors)();
    let mut flags = common_flags();
    flags.extend([TELEMETRY_PATH, DISABLE_DEFAULTS]);
    let own = (exporter.flags)();
    // A peer may have a flag of that name; then it is the peer's.
    if own.iter().all(|flag| flag.name() != CONFIG.name()) {
        flags.push(CONFIG);
    }
    flags.extend(own);
    let line = CommandLine::new(program, exporter.about, flags, collectors)
        .subcommand(HEALTH, HEALTH_ABOUT)
        .subcommand(CHECK, CHECK_WEB_ABOUT);
    let Parsed { given, settings, check } = parsed(&line, arguments, &[], "web.config.file")?;
    let path = settings.text("web.telemetry-path").to_owned();
    let taken = path == "/" || path == "/sd" || path.starts_with("/-/");
    if !path.starts_with('/') || taken || path.contains(['?', '#']) {
        let cure = "write a path of your own like /metrics, not /, /sd or /-/...";
        return Err(Exit::Usage(format!("--web.telemetry-path={path}: {cure}")));
    }
    let default_listen = format!(":{}", exporter.default_port);
    // A reload reads the file again; where to listen stays as it was.
    let blueprints = move || {
        let settings = line.with_file(&given)?;
        Ok(vec![Blueprint::new(exporter, hostname(), path.clone(), settings)])
    };
    let plan = plan((program, peer), None, default_listen, &settings, Box::new(blueprints))?;
    if check { Err(fine()) } else { Ok(plan) }
}

pub(crate) fn all_in_one(
    program: &'static AllInOne,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Plan, Exit> {
    program.exporters.iter().try_for_each(|exporter| check_names(exporter))?;
    let mut flags = common_flags();
    flags.push(CONFIG_FILE);
    let mut line = CommandLine::new(program.program, program.about, flags, Vec::new())
        .subcommand(HEALTH, HEALTH_ABOUT)
        .subcommand(CHECK, CHECK_ABOUT);
    for subcommand in program.subcommands {
        line = line.subcommand(subcommand.name, subcommand.about);
    }
    let arguments = arguments.into_iter().map(long_name);
    let Parsed { settings, check, .. } = parsed(&line, arguments, program.subcommands, "config.file")?;
    let file = settings.text("config.file").to_owned();
    let mut greeting = String::new();
    let blueprints: Blueprints = match file.as_str() {
        "" => {
            let (found, table) = blueprint::discovered(program)?;
            greeting = table;
            Box::new(move || Ok(found.clone()))
        }
        _ => Box::new(move || blueprint::configured(program, &file)),
    };
    let own_path = Some("/metrics".to_owned());
    let plan =
        plan((program.program, None), own_path, program.default_listen.to_owned(), &settings, blueprints)?;
    if check {
        plan.app.warn_of_nothing();
        return Err(fine());
    }
    Ok(Plan { greeting, ..plan })
}

/// `--config` is `--config.file`: this program has no other file.
fn long_name(argument: OsString) -> OsString {
    match argument.to_str().and_then(|text| text.strip_prefix("--config")) {
        Some(rest) if rest.is_empty() || rest.starts_with('=') => format!("--config.file{rest}").into(),
        _ => argument,
    }
}

/// What the command line and the environment say.
struct Parsed {
    given: Settings,
    /// The same with what a file of `--config` adds.
    settings: Settings,
    /// The configuration is only to be checked.
    check: bool,
}

/// Parses the command line, does what a subcommand says, and switches the log on. What is checked is what the flags that
/// stand before or behind `check-config` say, or one file, which is then taken for `file_flag`.
fn parsed(
    line: &CommandLine,
    arguments: impl IntoIterator<Item = OsString>,
    known: &[Subcommand],
    file_flag: &str,
) -> Result<Parsed, Exit> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut check = arguments.get(1).is_some_and(|first| first == CHECK);
    if check {
        arguments.remove(1);
        if let [_, file, ..] = arguments.as_mut_slice()
            && !file.as_encoded_bytes().starts_with(b"-")
        {
            let mut flag = OsString::from(format!("--{file_flag}="));
            flag.push(&*file);
            *file = flag;
        }
    }
    let (given, subcommand) = line.parse(arguments)?;
    match subcommand {
        Some((name, arguments)) if name == CHECK && arguments.is_empty() => check = true,
        Some((name, _)) if name == CHECK => {
            return Err(Exit::Usage("check-config: put a file's name, or the flags, behind it".to_owned()));
        }
        other => subcommands(other, known)?,
    }
    let settings = line.with_file(&given)?;
    let level = settings.text("log.level");
    // What a check finds questionable is told beside its result; that it reads files is not.
    log::init(if check && level == "info" { "warn" } else { level }, settings.text("log.format"))?;
    Ok(Parsed { given, settings, check })
}

fn fine() -> Exit {
    Exit::Printed("OK\n".to_owned())
}

/// Says what to serve; asked again at each reload.
type Blueprints = Box<dyn Fn() -> Result<Vec<Blueprint>, ConfigError> + Send + Sync>;

fn plan(
    (program, peer): (&'static str, Option<&'static str>),
    own_path: Option<String>,
    default_listen: String,
    settings: &Settings,
    blueprints: Blueprints,
) -> Result<Plan, Exit> {
    let options = AppOptions {
        program,
        own_path,
        own_metrics: !settings.switch("web.disable-exporter-metrics"),
        max_requests: settings.number("web.max-requests")?,
        family_cap: settings.number("web.max-series-per-family")?,
        lifecycle: settings.switch("web.enable-lifecycle"),
    };
    let listen = match settings.list("web.listen-address") {
        [] => vec![default_listen],
        given => given.to_vec(),
    };
    for address in &listen {
        listen::check(address).map_err(|error| Exit::Usage(format!("--web.listen-address={error}")))?;
    }
    let systemd_socket = settings.switch("web.systemd-socket");
    let common = if systemd_socket { Vec::new() } else { listen.clone() };
    let blueprints = move || {
        let blueprints = blueprints()?;
        blueprint::check_ports(&common, &blueprints)?;
        Ok::<_, ConfigError>(blueprints)
    };
    let instances = blueprint::build(&blueprints()?, &[])?;
    let mut app = App::new(options, instances)
        .reloaded_by(Box::new(move |running| blueprint::build(&blueprints()?, running)));
    if let Some(peer) = peer {
        app.own.also_as(peer);
    }
    match settings.text("web.config.file") {
        "" => {}
        file => {
            let named = |error| Exit::Usage(format!("--web.config.file: {error}"));
            app = app.with_web_config(file).map_err(named)?;
        }
    }
    Ok(Plan { app: Arc::new(app), listen, systemd_socket, greeting: String::new() })
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
