//! What instances there are to be, and making them: all before any is served, so that a bad configuration changes
//! nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use crate::config::{ConfigFile, Entry, Setting};
use crate::exporter::{ConfigError, Discovered, Exporter};
use crate::flags::{DISABLE_DEFAULTS, FlagKind, Settings};
use crate::http::{Instance, clash::clash, listen};
use crate::plan::AllInOne;
use crate::probe::Probes;
use crate::registry::Registry;
use crate::source::Collector;
use crate::suggest::meant;

/// Who is neither owner nor of the group reads or writes.
const OTHERS: u32 = 0o006;

/// An instance that is to be.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    exporter: &'static Exporter,
    name: String,
    path: String,
    /// Addresses of its own.
    listen: Vec<String>,
    /// What `/sd` says of it.
    labels: Vec<(String, String)>,
    settings: Settings,
    /// Which entry of which file it is, for errors; empty where there is but one.
    place: String,
}

impl Blueprint {
    pub(crate) fn new(exporter: &'static Exporter, name: String, path: String, settings: Settings) -> Self {
        let labels = [("job", exporter.name.to_owned()), ("instance", name.clone()), ("host", hostname())];
        let labels = labels.map(|(label, value)| (label.to_owned(), value)).to_vec();
        Self { exporter, name, path, listen: Vec::new(), labels, settings, place: String::new() }
    }

    fn labelled(mut self, label: &str, value: String) -> Self {
        match self.labels.iter_mut().find(|(other, _)| other == label) {
            Some((_, old)) => *old = value,
            None => self.labels.push((label.to_owned(), value)),
        }
        self
    }

    /// What tells its series from those of other instances: rules and dashboards go by these two.
    fn identity(&self) -> [Option<&str>; 2] {
        ["job", "instance"].map(|label| {
            let mut labels = self.labels.iter();
            labels.find(|(other, _)| other == label).map(|(_, value)| value.as_str())
        })
    }

    fn with_listen(mut self, listen: Vec<String>) -> Self {
        self.listen = listen;
        self
    }

    /// What it is made from: when this is the same, so is the instance. Files that flags name count by their content.
    fn fingerprint(&self) -> Vec<String> {
        let mut parts = vec![self.exporter.name.to_owned(), self.name.clone(), self.path.clone()];
        parts.extend(self.listen.iter().cloned());
        parts.extend(self.labels.iter().map(|(label, value)| format!("{label}={value}")));
        parts.extend(self.settings.fingerprint());
        for flag in (self.exporter.flags)().iter().filter(|flag| flag.file) {
            let paths: Vec<&str> = match self.settings.list(flag.name) {
                [] => vec![self.settings.text(flag.name)],
                given => given.iter().map(String::as_str).collect(),
            };
            for path in paths.into_iter().filter(|path| !path.is_empty()) {
                parts.push(std::fs::read_to_string(path).unwrap_or_else(|error| error.to_string()));
            }
        }
        parts
    }

    fn build(&self, fingerprint: Vec<String>) -> Result<Instance, ConfigError> {
        self.try_build(fingerprint).map_err(|error| ConfigError::new(format!("{}{error}", self.place)))
    }

    fn warn_of_open_secrets(&self) {
        for flag in (self.exporter.flags)().iter().filter(|flag| flag.secret) {
            let file = self.settings.text(flag.name);
            let metadata =
                std::fs::metadata(file).ok().filter(|metadata| !file.is_empty() && metadata.is_file());
            if metadata.is_some_and(|metadata| metadata.permissions().mode() & OTHERS != 0) {
                let flag = flag.name;
                tracing::warn!(file, "{flag}: every user of this machine can get at this secret: chmod 0640");
            }
        }
    }

    fn try_build(&self, fingerprint: Vec<String>) -> Result<Instance, ConfigError> {
        let exporter = self.exporter;
        self.warn_of_open_secrets();
        let settings = self.settings.anew();
        let mut sources = (exporter.sources)(&settings)?;
        // Whatever the exporter does about its flags: what one switches off by name does not run.
        let is_off = |own: &Collector| {
            let flag = format!("collector.{}", own.name);
            settings.is_set(&flag) && !settings.switch(&flag)
        };
        sources.retain_mut(|source| source.keep_only(|collector| !is_off(collector)));
        let registry = Registry::new(exporter.namespace, sources)?.named(&self.name);
        let probes = (exporter.probes)(&settings)?;
        let probes = probes.into_iter().map(|spec| Probes::new(exporter.namespace, spec)).collect();
        Ok(Instance::new(exporter, self.name.clone(), self.path.clone(), registry)
            .with_probes(probes)
            .with_listen(self.listen.clone())
            .with_labels(self.labels.clone())
            .with_fingerprint(fingerprint))
    }
}

/// Makes the instances; one that runs already and is to be as it is stays as it is, with its connections.
pub(crate) fn build(
    blueprints: &[Blueprint],
    running: &[Arc<Instance>],
) -> Result<Vec<Arc<Instance>>, ConfigError> {
    let mut instances = Vec::new();
    for blueprint in blueprints {
        let fingerprint = blueprint.fingerprint();
        instances.push(match running.iter().find(|instance| instance.fingerprint == fingerprint) {
            Some(instance) => instance.clone(),
            None => Arc::new(blueprint.build(fingerprint)?),
        });
    }
    Ok(instances)
}

/// What the exporters find by themselves, and a table of what was found and what was not.
pub(crate) fn discovered(program: &AllInOne) -> Result<(Vec<Blueprint>, String), ConfigError> {
    let mut blueprints = Vec::new();
    let mut table = String::new();
    let width = program.exporters.iter().map(|exporter| exporter.name.len()).max().unwrap_or_default();
    for exporter in program.exporters {
        let (found, why) = match (exporter.discover)() {
            Ok(Discovered { what, settings }) => {
                let path = format!("/{}/metrics", exporter.name);
                let what = format!("{what}, at {path}");
                blueprints.push(Blueprint::new(
                    exporter,
                    hostname(),
                    path,
                    exporter_settings(exporter, settings)?,
                ));
                ("found", what)
            }
            Err(why) => ("not found", why),
        };
        table.push_str(&format!("{:width$}  {found:9}  {why}\n", exporter.name));
    }
    table.push_str("--config.file=FILE says what else to serve; the README shows one.\n");
    Ok((blueprints, table))
}

/// Each port can be opened once: by the program, or by one instance.
pub(crate) fn check_ports(common: &[String], blueprints: &[Blueprint]) -> Result<(), ConfigError> {
    let common = common.iter().map(|address| (None, address));
    let own = blueprints.iter().flat_map(|one| one.listen.iter().map(move |address| (Some(one), address)));
    let mut taken: Vec<(String, &String)> = Vec::new();
    for (instance, address) in common.chain(own) {
        let whose = instance.map_or_else(
            || "--web.listen-address".to_owned(),
            |one| format!("{} {:?}", one.exporter.name, one.name),
        );
        if let Some((other, same)) = taken.iter().find(|(_, taken)| clash(taken, address)) {
            let place = instance.map_or_else(|| format!("{whose}: "), |one| format!("{}listen: ", one.place));
            let message = format!("{place}{address} is a port that {other} has ({same}): choose another one");
            return Err(ConfigError::new(message));
        }
        taken.push((whose, address));
    }
    Ok(())
}

/// What a config file says.
pub(crate) fn configured(program: &AllInOne, path: &str) -> Result<Vec<Blueprint>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(format!("--config.file={path}: {error}")))?;
    let mut blueprints: Vec<Blueprint> = Vec::new();
    let place = |place: &str, error: &ConfigError| ConfigError::new(format!("{path}: {place}{error}"));
    for (kind, entries) in ConfigFile::parse(&text).map_err(|error| place("", &error))?.0 {
        let Some(exporter) = program.exporters.iter().find(|exporter| exporter.name == kind) else {
            let known: Vec<_> = program.exporters.iter().map(|exporter| exporter.name).collect();
            let meant = meant(&kind, known.iter().map(|name| (*name).to_owned()));
            let known = known.join(", ");
            return Err(ConfigError::new(format!(
                "{path}: unknown exporter {kind:?}{meant}; known: {known}"
            )));
        };
        let Some(entries) = entries else {
            tracing::warn!(
                file = path,
                "nothing stands under `{kind}:`, so it is not served; `{kind}: [{{}}]` serves one without settings"
            );
            continue;
        };
        for entry in entries {
            let named =
                entry.settings.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name.0.first());
            let entry_of = match named {
                Some(name) => format!("{kind} {name:?}: "),
                None => format!("{kind}: "),
            };
            let mut one = configured_one(exporter, entry).map_err(|error| place(&entry_of, &error))?;
            one.place = format!("{path}: {entry_of}");
            if blueprints.iter().any(|other| other.path == one.path) {
                let twice = one.path;
                return Err(ConfigError::new(format!(
                    "{path}: two instances at {twice}: give each a name of its own"
                )));
            }
            let same = |other: &&Blueprint| other.exporter.name == kind && other.name == one.name;
            if blueprints.iter().any(|other| same(&other)) {
                let twice = &one.name;
                return Err(ConfigError::new(format!(
                    "{path}: {kind}: two instances are called {twice:?} (without a name it is the host's): \
                     give each a name of its own"
                )));
            }
            if blueprints.iter().any(|other| other.identity() == one.identity()) {
                let [job, instance] = one.identity().map(Option::unwrap_or_default);
                return Err(ConfigError::new(format!(
                    "{path}: {kind}: two instances have job={job:?}, instance={instance:?} in their labels: their \
                     series would mix; give each an instance of its own"
                )));
            }
            blueprints.push(one);
        }
    }
    Ok(blueprints)
}

fn configured_one(
    exporter: &'static Exporter,
    Entry { labels, settings: entry }: Entry,
) -> Result<Blueprint, ConfigError> {
    let mut name = None;
    let mut given = Vec::new();
    let mut listen = Vec::new();
    for (key, setting) in entry {
        match key.as_str() {
            "name" => name = Some(one_value(&key, setting)?),
            "listen" => listen.extend(setting.0),
            _ if (exporter.flags)().iter().any(|flag| flag.name == key && flag.kind == FlagKind::List) => {
                given.extend(setting.0.into_iter().map(|value| (key.clone(), value)));
            }
            _ => {
                let value = one_value(&key, setting)?;
                given.push((key, value));
            }
        }
    }
    let plain = |name: &String| {
        // Clients take `.` and `..` out of a path.
        !matches!(name.as_str(), "" | "." | "..")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let path = match &name {
        None => format!("/{}/metrics", exporter.name),
        Some(name) if plain(name) => format!("/{}/{name}/metrics", exporter.name),
        Some(name) => {
            let message = format!("name {name:?}: only letters, digits, dot, dash and underscore");
            return Err(ConfigError::new(message));
        }
    };
    for address in &listen {
        listen::check(address).map_err(|error| ConfigError::new(format!("listen: {error}")))?;
    }
    let settings = exporter_settings(exporter, given)?;
    let mut one = match name {
        None => Blueprint::new(exporter, hostname(), path, settings),
        Some(name) => {
            // The same file may serve on several machines.
            let instance = format!("{}/{name}", hostname());
            Blueprint::new(exporter, name, path, settings).labelled("instance", instance)
        }
    };
    for (label, value) in labels {
        let value = one_value(&format!("labels: {label}"), value)?;
        one = one.labelled(plain_label(&label)?, not_empty(&label, value)?);
    }
    Ok(one.with_listen(listen))
}

fn plain_label(label: &str) -> Result<&str, ConfigError> {
    let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !label.starts_with("__");
    if plain && !label.is_empty() {
        return Ok(label);
    }
    Err(ConfigError::new(format!(
        "labels: {label:?}: a label is letters, digits and underscores, and begins with no digit and no two underscores"
    )))
}

fn not_empty(label: &str, value: String) -> Result<String, ConfigError> {
    if value.is_empty() {
        return Err(ConfigError::new(format!("labels: {label} is empty: give it a value or leave it out")));
    }
    Ok(value)
}

fn one_value(key: &str, setting: Setting) -> Result<String, ConfigError> {
    match <[String; 1]>::try_from(setting.0) {
        Ok([value]) => Ok(value),
        Err(values) => Err(ConfigError::new(format!("{key}: one value is wanted, not {}", values.len()))),
    }
}

fn exporter_settings(
    exporter: &Exporter,
    given: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let mut flags = (exporter.flags)();
    flags.push(DISABLE_DEFAULTS);
    Settings::new(&flags, &(exporter.collectors)(), given)
}

/// The machine's name: the `instance` of what has no name of its own.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
