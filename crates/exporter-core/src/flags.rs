//! Flags as data: an exporter declares them, and the command line, the environment and the all-in-one's config file
//! set them by the same names.

use regex_lite::Regex;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::duration::parse_duration;
use crate::exporter::ConfigError;
use crate::shared::Shared;
use crate::source::Collector;
use crate::suggest::meant;

/// A flag's declaration.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub(crate) name: &'static str,
    pub(crate) kind: FlagKind,
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
    pub(crate) hidden: bool,
    pub(crate) file: bool,
    pub(crate) secret: bool,
    pub(crate) env: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FlagKind {
    Value,
    List,
    Switch,
}

impl Flag {
    const fn new(kind: FlagKind, name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, kind, default, help, hidden: false, file: false, secret: false, env: None }
    }

    /// `--name=VALUE`.
    pub const fn value(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(FlagKind::Value, name, default, help)
    }

    /// `--name=VALUE`, as often as one likes.
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(FlagKind::List, name, "", help)
    }

    /// `--name` and `--no-name`.
    pub const fn switch(name: &'static str, on: bool, help: &'static str) -> Self {
        let default = if on { "true" } else { "false" };
        Self::new(FlagKind::Switch, name, default, help)
    }

    /// What it is where it is not given.
    pub const fn default(&self) -> &'static str {
        self.default
    }

    /// What it does.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// Whether `--help` leaves it out.
    pub const fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Its value is a file that is read when instances are made: a reload makes them anew when its content has changed.
    #[must_use]
    pub const fn file(mut self) -> Self {
        self.file = true;
        self
    }

    /// Its value is a file with a secret: one that every user can read is warned of.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Also taken from this variable, the peer's; the command line and the flag's own variable come first.
    #[must_use]
    pub const fn env(mut self, variable: &'static str) -> Self {
        self.env = Some(variable);
        self
    }

    /// Its name, without dashes.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The peer's variable, see [`Flag::env`].
    pub const fn variable(&self) -> Option<&'static str> {
        self.env
    }

    /// Whether it is on or off, rather than a value.
    pub const fn is_switch(&self) -> bool {
        matches!(self.kind, FlagKind::Switch)
    }

    /// Left out of `--help`.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// Switches every collector that is on by default off.
pub(crate) const DISABLE_DEFAULTS: Flag =
    Flag::switch("collector.disable-defaults", false, "Switch all collectors off that no flag switches on.");

/// The values of declared flags.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, Vec<String>>,
    /// Of all flags: each of an exporter's collectors may keep the settings.
    defaults: Arc<BTreeMap<&'static str, &'static str>>,
    shared: Shared,
}

impl Settings {
    /// Settings of these flags, given by name and value; a list's values come one by one.
    ///
    /// # Errors
    /// A name that is not declared, a value given twice, a switch that is neither `true` nor `false`.
    pub fn new(
        flags: &[Flag],
        collectors: &[&'static Collector],
        given: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let defaults = Arc::new(flags.iter().map(|flag| (flag.name, flag.default)).collect());
        let mut settings = Self { values: BTreeMap::new(), defaults, shared: Shared::default() };
        for (name, value) in given {
            let (name, value) = negated(name, value);
            let kind = flags.iter().find(|flag| flag.name == name).map(|flag| flag.kind).or_else(|| {
                let collector = name.strip_prefix("collector.")?;
                collectors.iter().any(|c| c.name == collector).then_some(FlagKind::Switch)
            });
            let Some(kind) = kind else {
                let known = flags.iter().filter(|flag| !flag.hidden).map(|flag| flag.name.to_owned());
                let switches = collectors.iter().map(|collector| format!("collector.{}", collector.name));
                let meant = meant(&name, known.chain(switches));
                return Err(ConfigError::new(format!(
                    "unknown setting {name:?}{meant}: take the name of a flag of this exporter (docs/flags/), without dashes"
                )));
            };
            if kind == FlagKind::Switch && !matches!(value.as_str(), "true" | "false") {
                return Err(ConfigError::new(format!("{name}: {value:?} is neither true nor false")));
            }
            let values = settings.values.entry(name).or_default();
            if kind != FlagKind::List {
                values.clear();
            }
            values.push(value);
        }
        Ok(settings)
    }

    /// The value, or the flag's default.
    pub fn text(&self, name: &str) -> &str {
        let given = self.values.get(name).and_then(|values| values.last());
        given.map_or_else(|| self.defaults.get(name).copied().unwrap_or_default(), String::as_str)
    }

    /// All values of a list.
    pub fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub fn switch(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Sets a value, for one target that a URL names.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), vec![value.to_owned()]);
    }

    /// What an exporter's sources and probes of one instance have in common, made by whoever asks first.
    ///
    /// # Errors
    /// What `make` says.
    pub fn shared<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<Arc<T>, ConfigError> {
        self.shared.get_or(make)
    }

    /// The same settings for an instance that is made anew, from files that may have changed.
    pub(crate) fn anew(&self) -> Self {
        Self { shared: Shared::default(), ..self.clone() }
    }

    /// Takes over what is not set yet.
    pub(crate) fn fill(&mut self, other: Settings) {
        for (name, values) in other.values {
            self.values.entry(name).or_insert(values);
        }
    }

    /// Whether it was set, to whatever.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A regular expression, unanchored; `None` where it is empty.
    ///
    /// # Errors
    /// The flag and what is wrong with its expression.
    pub fn regex(&self, name: &str) -> Result<Option<Regex>, ConfigError> {
        match self.text(name) {
            "" => Ok(None),
            text => Regex::new(text).map(Some).map_err(|error| {
                ConfigError::new(format!("--{name}={text}: bad regular expression: {error}"))
            }),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// The flag and its value.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        let text = self.text(name);
        text.parse().map_err(|_| ConfigError::new(format!("--{name}={text}: not a number that fits here")))
    }

    /// A duration as Go writes it: `1h30m`, `5s`, `100ms`.
    ///
    /// # Errors
    /// The flag and its value.
    pub fn duration(&self, name: &str) -> Result<Duration, ConfigError> {
        let text = self.text(name);
        parse_duration(text).ok_or_else(|| {
            ConfigError::new(format!("--{name}={text}: not a duration; write 5s, 1m30s or 100ms"))
        })
    }

    /// All that was given, to compare.
    pub(crate) fn fingerprint(&self) -> impl Iterator<Item = String> + '_ {
        self.values.iter().map(|(name, values)| format!("{name}={values:?}"))
    }

    /// Whether a collector is on: by its own flag, else by default.
    pub fn enabled(&self, collector: &Collector) -> bool {
        let name = format!("collector.{}", collector.name);
        if self.is_set(&name) {
            return self.switch(&name);
        }
        collector.enabled && !self.switch(DISABLE_DEFAULTS.name)
    }
}

/// `no-x=true` is `x=false`.
fn negated(name: String, value: String) -> (String, String) {
    match (name.strip_prefix("no-"), value.as_str()) {
        (Some(base), "true") => (base.to_owned(), "false".to_owned()),
        (Some(base), "false") => (base.to_owned(), "true".to_owned()),
        _ => (name, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CPU: Collector = Collector { name: "cpu", enabled: true, families: &[], dynamic: &[] };
    static WIFI: Collector = Collector { name: "wifi", enabled: false, families: &[], dynamic: &[] };
    const FLAGS: &[Flag] = &[
        DISABLE_DEFAULTS,
        Flag::value("path.procfs", "/proc", ""),
        Flag::list("dir", ""),
        Flag::value("skip", "^lo$", ""),
    ];

    fn settings(given: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::new(FLAGS, &[&CPU, &WIFI], given.iter().map(|(k, v)| ((*k).into(), (*v).into())))
    }

    #[test]
    fn collectors_follow_their_own_flag_then_the_default() {
        let on = |given| {
            let settings = settings(given).unwrap();
            (settings.enabled(&CPU), settings.enabled(&WIFI))
        };
        assert_eq!(on(&[]), (true, false));
        assert_eq!(on(&[("no-collector.cpu", "true"), ("collector.wifi", "true")]), (false, true));
        assert_eq!(on(&[("collector.disable-defaults", "true")]), (false, false));
        assert_eq!(on(&[("collector.disable-defaults", "true"), ("collector.cpu", "true")]), (true, false));
    }

    #[test]
    fn values_and_defaults() {
        let settings = settings(&[("path.procfs", "/host/proc"), ("dir", "a"), ("dir", "b")]).unwrap();
        assert_eq!(settings.text("path.procfs"), "/host/proc");
        assert_eq!(settings.list("dir"), ["a", "b"]);
        assert!(settings.regex("skip").unwrap().unwrap().is_match("lo"));
    }

    #[test]
    fn refuses_by_name() {
        let error = settings(&[("path.prcfs", "/")]).unwrap_err().to_string();
        assert!(error.contains("\"path.prcfs\", did you mean \"path.procfs\"?"), "{error}");
        assert!(!settings(&[("zzz", "/")]).unwrap_err().to_string().contains("mean"));
        assert!(settings(&[("nope", "1")]).unwrap_err().to_string().contains("\"nope\""));
        assert!(settings(&[("collector.cpu", "maybe")]).unwrap_err().to_string().contains("collector.cpu"));
        let bad = settings(&[("skip", "(")]).unwrap();
        assert!(bad.regex("skip").unwrap_err().to_string().starts_with("--skip=("));
    }
}
