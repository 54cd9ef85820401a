//! The engine's answers, as far as they are read. Fields that are not named here (Env, Cmd, Args, Command, health check
//! output) never become strings.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

use crate::labels::{Allowed, cut};
use crate::model::{Action, Container, DiskUsage, Health, HealthStatus, State};

/// Go writes an empty list or map as null.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A line of the list of containers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) state: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(crate) struct Inspect {
    pub(crate) id: String,
    name: String,
    created: String,
    image: String,
    restart_count: u64,
    state: InspectState,
    config: Config,
    host_config: HostConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InspectState {
    status: String,
    pid: u32,
    exit_code: i64,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    started_at: String,
    finished_at: String,
    health: Option<InspectHealth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InspectHealth {
    status: String,
    failing_streak: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
    restart_policy: RestartPolicy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    name: String,
}

impl Inspect {
    pub(crate) fn into_container(self, podman: bool, allowed: &Allowed) -> Container {
        let health = self.state.health.as_ref().and_then(|health| {
            let (status, _) = HealthStatus::ALL.into_iter().find(|(_, word)| *word == health.status)?;
            Some(Health { status, failing_streak: health.failing_streak })
        });
        Container {
            name: cut(self.name.trim_start_matches('/').to_owned()),
            image: cut(self.config.image),
            image_id: self.image,
            podman,
            labels: allowed.select(self.config.labels),
            state: State::parse(&self.state.status),
            pid: self.state.pid,
            created: unix_seconds(&self.created),
            started: unix_seconds(&self.state.started_at),
            finished: unix_seconds(&self.state.finished_at),
            exit_code: self.state.exit_code,
            oom_killed: self.state.oom_killed,
            restarts: self.restart_count,
            restart_policy: match self.host_config.restart_policy.name {
                empty if empty.is_empty() => "no".to_owned(),
                name => name,
            },
            network_mode: cut(self.host_config.network_mode),
            health,
            outdated: None,
            layer_bytes: None,
            id: self.id,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImageSummary {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(default)]
    pub(crate) size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Info {
    pub(crate) server_version: String,
    pub(crate) driver: String,
    pub(crate) cgroup_driver: String,
    pub(crate) cgroup_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Version {
    #[serde(deserialize_with = "nullable")]
    components: Vec<Component>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Component {
    name: String,
}

impl Version {
    pub(crate) fn is_podman(&self) -> bool {
        self.components.iter().any(|component| component.name.starts_with("Podman"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Df {
    layers_size: u64,
    #[serde(deserialize_with = "nullable")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "nullable")]
    build_cache: Vec<CacheEntry>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<SizedContainer>,
    #[serde(deserialize_with = "nullable")]
    images: Vec<ImageSummary>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Volume {
    #[serde(deserialize_with = "nullable")]
    usage_data: UsageData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UsageData {
    /// -1 where it is not known.
    size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CacheEntry {
    size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SizedContainer {
    id: String,
    #[serde(deserialize_with = "nullable")]
    size_rw: u64,
}

impl Df {
    pub(crate) fn into_usage(self) -> DiskUsage {
        DiskUsage {
            layers_bytes: self.layers_size,
            volumes: self.volumes.len() as u64,
            volumes_bytes: self
                .volumes
                .iter()
                .map(|volume| volume.usage_data.size.max(0).unsigned_abs())
                .sum(),
            build_cache_bytes: self.build_cache.iter().map(|one| one.size).sum(),
            containers: self.containers.into_iter().map(|one| (one.id, one.size_rw)).collect(),
            images: self
                .images
                .into_iter()
                .filter_map(|image| Some((image.repo_tags.first()?.clone(), image.size)))
                .collect(),
        }
    }
}

/// A line of the event stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RawEvent {
    r#type: String,
    action: String,
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes", deserialize_with = "nullable")]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    exit_code: Option<String>,
    /// Podman's spelling.
    container_exit_code: Option<String>,
}

impl RawEvent {
    /// The container (empty for an image) and what happened, if it is of interest.
    pub(crate) fn meaning(&self) -> Option<(&str, Action)> {
        if self.r#type == "image" {
            return Some(("", Action::Image));
        }
        if self.r#type != "container" {
            return None;
        }
        let attributes = &self.actor.attributes;
        let code = attributes.exit_code.as_ref().or(attributes.container_exit_code.as_ref());
        // Some actions carry a detail behind a colon.
        let action = match self.action.split(':').next().unwrap_or_default().trim() {
            "create" => Action::Create,
            "start" => Action::Start,
            "die" | "died" => {
                Action::Die { exit_code: code.and_then(|code| code.parse().ok()).unwrap_or_default() }
            }
            "oom" => Action::Oom,
            "pause" => Action::Pause,
            "unpause" => Action::Unpause,
            "rename" => Action::Rename,
            "update" => Action::Update,
            "destroy" | "remove" => Action::Destroy,
            "health_status" => Action::HealthStatus,
            _ => return None,
        };
        Some((&self.actor.id, action))
    }
}

/// `2026-11-20T21:56:33.408312389Z` or with an offset; 0 for Go's zero time and for what is no time.
pub(crate) fn unix_seconds(text: &str) -> f64 {
    parse_time(text).filter(|seconds| *seconds > 0.0).unwrap_or(0.0)
}

fn parse_time(text: &str) -> Option<f64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', '+', '-'])?;
    let fraction = match rest.get(..zone)? {
        "" => 0.0,
        digits => format!("0{digits}").parse::<f64>().ok()?,
    };
    let offset = match rest.get(zone..)? {
        "Z" => 0,
        offset => {
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if offset.starts_with('-') { -seconds } else { seconds }
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(seconds as f64 + fraction)
}

/// Days since 1970-01-01, by years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(unix_seconds("2026-11-20T21:56:33.5Z"), 1_795_211_793.5);
        assert_eq!(unix_seconds("2026-11-20T22:56:33+01:00"), 1_795_211_793.0);
        assert_eq!(unix_seconds("1970-01-02T00:00:00Z"), 86_400.0);
        for none in ["0001-01-01T00:00:00Z", "", "yesterday", "2026-11-20T21:56:33"] {
            assert_eq!(unix_seconds(none), 0.0, "{none}");
        }
    }

    #[test]
    fn an_inspection_keeps_no_secret() {
        let text = r#"{"Id":"abc","Name":"/web","Created":"2026-11-20T21:56:33Z","Image":"sha256:1","RestartCount":2,
            "Path":"/run","Args":["--password=hunter2"],
            "State":{"Status":"running","Pid":7,"ExitCode":0,"OOMKilled":false,"StartedAt":"2026-11-20T21:56:33Z",
              "Health":{"Status":"unhealthy","FailingStreak":4,"Log":[{"Output":"hunter2"}]}},
            "Config":{"Image":"web:1","Env":["TOKEN=hunter2"],"Cmd":["hunter2"],"Labels":{"secret":"hunter2"}},
            "HostConfig":{"NetworkMode":"host","RestartPolicy":{"Name":""}}}"#;
        let inspect: Inspect = serde_json::from_str(text).unwrap();
        let container = inspect.into_container(false, &Allowed::new(&[]));
        assert_eq!((container.name.as_str(), container.pid, container.restarts), ("web", 7, 2));
        assert_eq!(container.health, Some(Health { status: HealthStatus::Unhealthy, failing_streak: 4 }));
        assert_eq!(container.restart_policy, "no");
        assert!(!format!("{container:?}").contains("hunter2"));
    }

    #[test]
    fn events() {
        let meaning = |text: &str| {
            let event: RawEvent = serde_json::from_str(text).unwrap();
            event.meaning().map(|(id, action)| (id.to_owned(), action))
        };
        let die = r#"{"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":"137"}}}"#;
        assert_eq!(meaning(die), Some(("a".into(), Action::Die { exit_code: 137 })));
        let health =
            r#"{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"a","Attributes":null}}"#;
        assert_eq!(meaning(health), Some(("a".into(), Action::HealthStatus)));
        assert_eq!(
            meaning(r#"{"Type":"container","Action":"exec_create: sh -c hunter2","Actor":{"ID":"a"}}"#),
            None
        );
        assert_eq!(meaning(r#"{"Type":"network","Action":"create"}"#), None);
    }
}
