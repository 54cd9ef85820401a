//! What instances there are to be, and making them: all before any is served, so that a bad configuration changes
//! nothing.

use std::sync::Arc;

use crate::config::{ConfigFile, Setting};
use crate::exporter::{ConfigError, Discovered, Exporter};
use crate::flags::{DISABLE_DEFAULTS, FlagKind, Settings};
use crate::http::{Instance, listen};
use crate::plan::AllInOne;
use crate::probe::Probes;
use crate::registry::Registry;

/// An instance that is to be.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    exporter: &'static Exporter,
    name: String,
    path: String,
    /// Addresses of its own.
    listen: Vec<String>,
    settings: Settings,
    /// Which entry of which file it is, for errors; empty where there is but one.
    place: String,
}

impl Blueprint {
    pub(crate) fn new(exporter: &'static Exporter, name: String, path: String, settings: Settings) -> Self {
        Self { exporter, name, path, listen: Vec::new(), settings, place: String::new() }
    }

    fn with_listen(mut self, listen: Vec<String>) -> Self {
        self.listen = listen;
        self
    }

    /// What it is made from: when this is the same, so is the instance. Files that flags name count by their content.
    fn fingerprint(&self) -> Vec<String> {
        let mut parts = vec![self.exporter.name.to_owned(), self.name.clone(), self.path.clone()];
        parts.extend(self.listen.iter().cloned());
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

    fn try_build(&self, fingerprint: Vec<String>) -> Result<Instance, ConfigError> {
        let exporter = self.exporter;
        let settings = self.settings.anew();
        let registry = Registry::new(exporter.namespace, (exporter.sources)(&settings)?)?;
        let probes = (exporter.probes)(&settings)?;
        let probes = probes.into_iter().map(|spec| Probes::new(exporter.namespace, spec)).collect();
        Ok(Instance::new(exporter, self.name.clone(), self.path.clone(), registry)
            .with_probes(probes)
            .with_listen(self.listen.clone())
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

/// What a config file says.
pub(crate) fn configured(program: &AllInOne, path: &str) -> Result<Vec<Blueprint>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(format!("--config.file={path}: {error}")))?;
    let mut blueprints: Vec<Blueprint> = Vec::new();
    let place = |place: &str, error: &ConfigError| ConfigError::new(format!("{path}: {place}{error}"));
    for (kind, entries) in ConfigFile::parse(&text).map_err(|error| place("", &error))?.exporters.0 {
        let Some(exporter) = program.exporters.iter().find(|exporter| exporter.name == kind) else {
            let known: Vec<_> = program.exporters.iter().map(|exporter| exporter.name).collect();
            let known = known.join(", ");
            return Err(ConfigError::new(format!("{path}: unknown exporter {kind:?}; known: {known}")));
        };
        for entry in entries {
            let named = entry.0.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name.0.first());
            let entry_of = match named {
                Some(name) => format!("{kind} {name:?}: "),
                None => format!("{kind}: "),
            };
            let mut one = configured_one(exporter, entry.0).map_err(|error| place(&entry_of, &error))?;
            one.place = format!("{path}: {entry_of}");
            if blueprints.iter().any(|other| other.path == one.path) {
                let twice = one.path;
                return Err(ConfigError::new(format!("{path}: two instances at {twice}: give each a name")));
            }
            if let Some(twice) =
                one.listen.iter().find(|own| blueprints.iter().any(|other| other.listen.contains(own)))
            {
                return Err(ConfigError::new(format!(
                    "{path}: two instances listen on {twice}: give each its own"
                )));
            }
            // `/sd` gives both the same labels then, and their series would mix.
            let same = |other: &&Blueprint| other.exporter.name == kind && other.name == one.name;
            if blueprints.iter().any(|other| same(&other)) {
                let twice = &one.name;
                return Err(ConfigError::new(format!(
                    "{path}: {kind}: two instances are called {twice:?} (without a name it is the host's): \
                     give each a name of its own"
                )));
            }
            blueprints.push(one);
        }
    }
    Ok(blueprints)
}

fn configured_one(
    exporter: &'static Exporter,
    entry: Vec<(String, Setting)>,
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
    Ok(Blueprint::new(exporter, name.unwrap_or_else(hostname), path, settings).with_listen(listen))
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
