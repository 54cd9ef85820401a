//! What is known about a container beside its usage, and how news about it travels: from the engine to the cache, or over
//! the socket of `container-exporter meta`. Environment, command and arguments have no place here.

use serde::{Deserialize, Serialize};

/// A container as the engine describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) image_id: String,
    pub(crate) podman: bool,
    /// Only the labels that are let through.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) state: State,
    pub(crate) pid: u32,
    /// Unix seconds; 0 is never.
    pub(crate) created: f64,
    pub(crate) started: f64,
    pub(crate) finished: f64,
    pub(crate) exit_code: i64,
    pub(crate) oom_killed: bool,
    pub(crate) restarts: u64,
    pub(crate) restart_policy: String,
    pub(crate) network_mode: String,
    pub(crate) health: Option<Health>,
    /// Whether its image's tag points to another image by now; none where that cannot be said.
    pub(crate) outdated: Option<bool>,
    /// Bytes of its writable layer, where the slow loop has asked.
    pub(crate) layer_bytes: Option<u64>,
}

/// What the container is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    #[default]
    Exited,
    Dead,
}

impl State {
    pub(crate) const ALL: [(State, &'static str); 7] = [
        (State::Created, "created"),
        (State::Running, "running"),
        (State::Paused, "paused"),
        (State::Restarting, "restarting"),
        (State::Removing, "removing"),
        (State::Exited, "exited"),
        (State::Dead, "dead"),
    ];

    /// The engine's word; Podman has some of its own.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "configured" | "initialized" => State::Created,
            "stopping" => State::Running,
            _ => Self::ALL.iter().find(|(_, own)| *own == word).map_or(State::Exited, |(state, _)| *state),
        }
    }

    /// Whether it has processes.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, State::Running | State::Paused)
    }
}

/// The result of the container's own health check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: HealthStatus,
    pub(crate) failing_streak: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    Starting,
    Healthy,
    Unhealthy,
}

impl HealthStatus {
    pub(crate) const ALL: [(HealthStatus, &'static str); 3] = [
        (HealthStatus::Starting, "starting"),
        (HealthStatus::Healthy, "healthy"),
        (HealthStatus::Unhealthy, "unhealthy"),
    ];
}

/// The engine itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Engine {
    pub(crate) version: String,
    pub(crate) storage_driver: String,
    pub(crate) cgroup_driver: String,
    pub(crate) cgroup_version: String,
    pub(crate) podman: bool,
    pub(crate) images: u64,
    pub(crate) images_bytes: u64,
}

/// What the slow loop has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DiskUsage {
    pub(crate) layers_bytes: u64,
    pub(crate) volumes: u64,
    pub(crate) volumes_bytes: u64,
    pub(crate) build_cache_bytes: u64,
    /// Bytes of the writable layer by container.
    pub(crate) containers: Vec<(String, u64)>,
    /// Bytes by image tag.
    pub(crate) images: Vec<(String, u64)>,
}

/// A piece of news, from one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct News {
    /// The engine's address.
    pub(crate) endpoint: String,
    pub(crate) change: Change,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// These are all containers; forget the others.
    Reset(Vec<Container>),
    /// New or changed.
    Put(Box<Container>),
    /// Removed.
    Gone(String),
    /// The engine answers.
    Up(Engine),
    /// The engine does not answer any more.
    Down,
    /// The event stream was lost and taken up again.
    Reconnected,
    /// Something happened to a container.
    Event(Event),
    /// Disk space, from the slow loop.
    Disk(DiskUsage),
    /// Nothing new, but all is well.
    Alive,
}

/// An event of the fixed set that is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) container: String,
    pub(crate) action: Action,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) enum Action {
    Create,
    Start,
    Die { exit_code: i64 },
    Oom,
    Pause,
    Unpause,
    Rename,
    Update,
    Destroy,
    HealthStatus,
    Image,
}

impl Action {
    pub(crate) const NAMES: [&'static str; 11] = [
        "create",
        "start",
        "die",
        "oom",
        "pause",
        "unpause",
        "rename",
        "update",
        "destroy",
        "health_status",
        "image",
    ];

    /// Its place in [`Action::NAMES`].
    pub(crate) fn index(self) -> usize {
        match self {
            Action::Create => 0,
            Action::Start => 1,
            Action::Die { .. } => 2,
            Action::Oom => 3,
            Action::Pause => 4,
            Action::Unpause => 5,
            Action::Rename => 6,
            Action::Update => 7,
            Action::Destroy => 8,
            Action::HealthStatus => 9,
            Action::Image => 10,
        }
    }
}
