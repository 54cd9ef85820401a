//! Our own file: systems, and what tells that they are well.

use exporter_core::{ConfigError, Secret};
use serde::Deserialize;
use serde_json_path::JsonPath;
use serde_yaml::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::client::{self, ClientConfig};
use super::values::{Pattern, Scalar, Size, Span, secret};
use super::words;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Checks {
    pub(crate) systems: Vec<System>,
    /// Texts beyond those that everybody knows: 1 is well, 0 is not.
    pub(crate) status_map: BTreeMap<String, u8>,
    pub(crate) heartbeat: Option<HeartbeatServer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct System {
    pub(crate) system: String,
    pub(crate) checks: Vec<Check>,
    pub(crate) logs: Vec<Log>,
    pub(crate) files: Vec<Files>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) certificates: Vec<PathBuf>,
    pub(crate) objectives: BTreeMap<String, Span>,
}

#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) preset: Preset,
    pub(crate) map: Vec<Rule>,
    pub(crate) interval: Span,
    pub(crate) timeout: Span,
    pub(crate) max_body: Size,
    /// Seconds east of UTC of times without a zone.
    pub(crate) zone: i64,
    pub(crate) valid_status_codes: Vec<u16>,
    pub(crate) max_series: usize,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) client: ClientConfig,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    /// Any of the shapes below, by what the body is.
    #[default]
    Auto,
    /// `{status, database: "connected"}`
    Flat,
    /// `{services: {database: "healthy"}, workers: {active_tasks: 3}}`
    Nested,
    /// `{components: {etl: {status, last_run, age_hours}}}`
    Components,
    /// `[{name, status, last_seen}]`
    List,
    /// The body is not looked at, beyond the rules of `map`.
    None,
}

/// One value of a body, by an RFC 9535 path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) select: PathText,
    pub(crate) kind: RuleKind,
    /// Within each hit; the hit itself without it.
    pub(crate) value: Option<PathText>,
    /// Within each hit: the component's name; without it the hit's own key.
    pub(crate) key: Option<PathText>,
    #[serde(default)]
    pub(crate) component: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default = "one")]
    pub(crate) scale: f64,
}

fn one() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuleKind {
    Status,
    Value,
    Time,
    Version,
    Reported,
}

#[derive(Clone, Debug)]
pub(crate) struct PathText(pub(crate) JsonPath);

impl<'de> Deserialize<'de> for PathText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let failed = |error| serde::de::Error::custom(format!("path {text:?}: {error}"));
        JsonPath::parse(&text).map(Self).map_err(failed)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) file: PathBuf,
    /// The `file` label; the file's own name without it.
    #[serde(default)]
    pub(crate) name: String,
    /// Names that some lines have, and the expressions that find them.
    #[serde(default)]
    pub(crate) patterns: BTreeMap<String, Pattern>,
    /// Finds the level in its first group, where it stands in no usual place.
    pub(crate) level: Option<Pattern>,
    /// Event types to tell apart; all others count as `other`.
    #[serde(default)]
    pub(crate) events: Vec<String>,
}

impl Log {
    /// What it is called on the page.
    pub(crate) fn label(&self) -> String {
        match self.name.as_str() {
            "" => self.file.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned()),
            name => name.to_owned(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    pub(crate) glob: String,
    /// The kind of backup that the newest file is.
    #[serde(default)]
    pub(crate) backup: String,
    /// A smaller file is no backup.
    #[serde(default)]
    pub(crate) min_size: Size,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heartbeat {
    pub(crate) task: String,
    pub(crate) interval: Span,
    /// Its modification is the beat.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeartbeatServer {
    /// An address of its own, where who may report is not who may scrape.
    #[serde(default)]
    pub(crate) listen: String,
    pub(crate) state: Option<PathBuf>,
    #[serde(deserialize_with = "secret", default)]
    pub(crate) token: Option<Secret>,
    pub(crate) token_file: Option<PathBuf>,
}

impl Checks {
    pub(crate) fn read(path: &str) -> Result<Self, ConfigError> {
        let failed = |error: String| ConfigError::new(format!("--checks.file={path}: {error}"));
        let text = std::fs::read_to_string(Path::new(path)).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(|error| failed(error.to_string()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let told = |error: serde_yaml::Error| ConfigError::new(words::of(&error));
        // Of two equal keys in a map the typed reader takes the last, in silence.
        let _: Value = serde_yaml::from_str(text).map_err(told)?;
        let checks: Self = serde_yaml::from_str(text).map_err(told)?;
        checks.verify().map_err(ConfigError::new)?;
        Ok(checks)
    }

    fn verify(&self) -> Result<(), String> {
        let mut labels = Labels::default();
        let mut tasks = BTreeSet::new();
        for system in &self.systems {
            for check in &system.checks {
                labels.take(system, "checks", &check.name, "give each its own name")?;
                if let Some(why) = check.client.refused() {
                    return Err(format!("check {:?}: {why}", check.name));
                }
            }
            for log in &system.logs {
                labels.take(system, "logs", &log.label(), "give one a `name`")?;
            }
            for files in &system.files {
                labels.take(system, "files", &files.glob, "take one out")?;
                if files.glob.trim_matches('/').is_empty() {
                    return Err(format!("glob {:?}: name files, like /backups/*.dump", files.glob));
                }
                if !files.backup.is_empty() {
                    labels.take(system, "backups", &files.backup, "name two kinds")?;
                }
            }
            for path in &system.certificates {
                labels.take(system, "certificates", &path.to_string_lossy(), "take one out")?;
            }
            for kind in system.objectives.keys() {
                labels.take(system, "objectives", kind, "take one out")?;
            }
            for heartbeat in &system.heartbeats {
                let valid = !heartbeat.task.is_empty()
                    && heartbeat.task.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                if !valid {
                    return Err(format!(
                        "task {:?}: letters, digits, dot, dash and underscore",
                        heartbeat.task
                    ));
                }
                if !tasks.insert(&heartbeat.task) {
                    return Err(format!(
                        "two heartbeats of task {:?}: give them different names",
                        heartbeat.task
                    ));
                }
            }
        }
        let listen = self.heartbeat.as_ref().map_or("", |server| server.listen.as_str());
        let is_address = listen.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !listen.is_empty() && !is_address {
            return Err(format!("heartbeat: listen {listen:?}: write HOST:PORT"));
        }
        Ok(())
    }
}

/// What becomes a label, by system and kind. Of two that are called alike one would be dropped from the page.
#[derive(Default)]
struct Labels(BTreeSet<(String, &'static str, String)>);

impl Labels {
    fn take(&mut self, system: &System, what: &'static str, label: &str, cure: &str) -> Result<(), String> {
        if self.0.insert((system.system.clone(), what, label.to_owned())) {
            return Ok(());
        }
        Err(format!("system {:?} has two {what} {label:?}: {cure}", system.system))
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Own {
            name: String,
            url: String,
            #[serde(default)]
            preset: Preset,
            #[serde(default)]
            map: Vec<Rule>,
            interval: Option<Span>,
            timeout: Option<Span>,
            max_body: Option<Size>,
            #[serde(default)]
            assume_timezone: String,
            #[serde(default)]
            valid_status_codes: Vec<u16>,
            max_series: Option<usize>,
            #[serde(default)]
            headers: BTreeMap<String, Scalar>,
        }
        const OWN: [&str; 11] = [
            "name",
            "url",
            "preset",
            "map",
            "interval",
            "timeout",
            "max_body",
            "assume_timezone",
            "valid_status_codes",
            "max_series",
            "headers",
        ];
        let error = |error: String| serde::de::Error::custom(error);
        let map = Mapping::deserialize(deserializer)?;
        let is_own = |key: &Value| key.as_str().is_some_and(|key| OWN.contains(&key));
        let (own, client): (Mapping, Mapping) = map.into_iter().partition(|(key, _)| is_own(key));
        let mut keys = client.keys().filter_map(Value::as_str);
        if let Some(key) = keys.find(|key| !client::OPTIONS.contains(key)) {
            return Err(error(words::unknown(key, &[&OWN, client::OPTIONS])));
        }
        let own: Own = serde_yaml::from_value(Value::Mapping(own)).map_err(|e| error(words::of(&e)))?;
        let client: ClientConfig =
            serde_yaml::from_value(Value::Mapping(client)).map_err(|e| error(words::of(&e)))?;
        let zone = match own.assume_timezone.as_str() {
            "" => 0,
            text => crate::clock::zone(text)
                .ok_or_else(|| error(format!("assume_timezone {text:?}: write UTC or +02:00")))?,
        };
        crate::net::url::Url::parse(&own.url)
            .map_err(|e| error(format!("check {}: {}", own.name, e.detail)))?;
        let interval = own.interval.unwrap_or(Span(std::time::Duration::from_secs(15)));
        if interval.0 < std::time::Duration::from_millis(100) {
            return Err(error(format!("check {}: interval: not below 100ms", own.name)));
        }
        // By default no longer than the interval; runs do not overlap.
        let timeout = own.timeout.unwrap_or(Span(interval.0.min(std::time::Duration::from_secs(5))));
        if timeout > interval {
            return Err(error(format!("check {}: timeout: not above interval, {:?}", own.name, interval.0)));
        }
        Ok(Self {
            name: own.name,
            url: own.url,
            preset: own.preset,
            map: own.map,
            interval,
            timeout,
            max_body: own.max_body.unwrap_or(Size(256 * 1024)),
            zone,
            valid_status_codes: own.valid_status_codes,
            max_series: own.max_series.unwrap_or(200),
            headers: own.headers.into_iter().map(|(name, value)| (name, value.text())).collect(),
            client,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file() {
        let checks = Checks::parse(
            "systems:
  - system: alkana
    checks:
      - {name: health, url: 'http://backend:8000/health', assume_timezone: '+01:00', interval: 30s,
         basic_auth: {username: u, password: hunter2},
         map: [{select: '$.components.*', kind: status, value: '$.status'}]}
    logs: [{file: /var/log/app.log, patterns: {beat: 'agent_heartbeat'}}]
    files: [{glob: '/backups/*.dump', backup: database, min_size: 1KB}]
    heartbeats: [{task: daily-check, interval: 24h}]
    certificates: [/etc/ssl/x.pem]
    objectives: {rpo: 24h, rto: 4h}
heartbeat: {listen: '127.0.0.1:0', state: /tmp/x, token: hunter2}
",
        )
        .unwrap();
        assert_eq!(checks.systems[0].checks[0].zone, 3600);
        assert!(!format!("{checks:?}").contains("hunter2"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("systems: [{system: a, checks: [{name: x, url: 'ftp://h'}]}]", "only http"),
            ("systems: [{system: a, checks: [{name: x, url: h, nope: 1}]}]", "nope"),
            ("systems: [{checks: [{name: x, url: h, intervall: 5s}]}]", "did you mean \"interval\""),
            ("systems: [{checks: [{name: x, url: h, interval: 5s, timeout: 20s}]}]", "not above interval"),
            ("systems: [{checks: [{name: x, url: h, max_series: many}]}]", "write a whole number"),
            ("systems: [{objectives: {rpo: 1h, rpo: 2h}}]", "duplicate"),
            ("systems:\n  - heartbeats: [{task: a, interval: often}]", "line 2"),
            ("systems: [{system: a, checks: [{name: x, url: h}, {name: x, url: i}]}]", "two checks"),
            (
                "systems: [{system: a, logs: [{file: /a/x.log}, {file: /b/x.log}]}]",
                "two logs \"x.log\": give one a `name`",
            ),
            ("systems: [{system: a, files: [{glob: /a}]}, {system: a, files: [{glob: /a}]}]", "two files"),
            ("systems: [{files: [{glob: /a, backup: b}, {glob: /c, backup: b}]}]", "two backups"),
            ("systems: [{certificates: [/a, /a]}]", "two certificates"),
            ("systems: [{files: [{glob: ''}]}]", "glob"),
            ("systems: [{files: [{glob: /}]}]", "glob"),
            ("heartbeat: {listen: here}", "HOST:PORT"),
            ("systems: [{heartbeats: [{task: 'a/b', interval: 1h}]}]", "a/b"),
            ("systems: [{checks: [{name: x, url: h, map: [{select: '$[', kind: value}]}]}]", "path"),
            ("systems: [{checks: [{name: x, url: h, assume_timezone: Mars}]}]", "Mars"),
        ] {
            let error = Checks::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
