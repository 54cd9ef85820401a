//! Flags, and what they mean.

use exporter_core::{ConfigError, Flag, Settings};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::{Address, Watch};
use crate::feed::Feed;
use crate::labels::Allowed;

pub(crate) const DEFAULT_SOCKET: &str = "/run/container-exporter/meta.sock";
const DOCKER: &str = "unix:///var/run/docker.sock";
const PODMAN: &str = "unix:///run/podman/podman.sock";

/// The peer's flags that have no meaning here: numbers are read when they are asked for, logs go to standard error. Taken,
/// so that a compose file keeps working, and named in the log.
const IGNORED: [&str; 37] = [
    "housekeeping_interval",
    "max_housekeeping_interval",
    "global_housekeeping_interval",
    "storage_duration",
    "storage_driver",
    "storage_driver_buffer_duration",
    "storage_driver_db",
    "storage_driver_host",
    "storage_driver_table",
    "storage_driver_user",
    "update_machine_info_interval",
    "max_procs",
    "event_storage_age_limit",
    "event_storage_event_limit",
    "application_metrics_count_limit",
    "machine_id_file",
    "boot_id_file",
    "container_hints",
    "containerd",
    "containerd-namespace",
    "containerd_env_metadata_whitelist",
    "crio",
    "docker_env_metadata_whitelist",
    "docker_root",
    "env_metadata_whitelist",
    "log_backtrace_at",
    "log_dir",
    "log_file",
    "log_file_max_size",
    "perf_events_config",
    "raw_cgroup_prefix_whitelist",
    "resctrl_interval",
    "resctrl_vendor_id",
    "stderrthreshold",
    "storage_driver_secure",
    "v",
    "vmodule",
];
const IGNORED_SWITCHES: [&str; 11] = [
    "add_dir_header",
    "allow_dynamic_housekeeping",
    "alsologtostderr",
    "docker_only",
    "enable_load_reader",
    "logtostderr",
    "log_cadvisor_usage",
    "one_output",
    "profiling",
    "skip_headers",
    "skip_log_headers",
];

/// The peer's flags without which a page would be open to more people, or an engine be asked otherwise, than somebody
/// believes; and what there is instead.
const REFUSED: [(&str, &str); 9] = [
    ("http_auth_file", "--web.config.file has basic_auth_users"),
    ("http_auth_realm", "--web.config.file has basic_auth_users"),
    ("http_digest_file", "--web.config.file has basic_auth_users"),
    ("http_digest_realm", "--web.config.file has basic_auth_users"),
    ("docker-tls", "run `container-exporter meta` beside the engine, on its socket"),
    ("docker-tls-cert", "run `container-exporter meta` beside the engine, on its socket"),
    ("docker-tls-key", "run `container-exporter meta` beside the engine, on its socket"),
    ("docker-tls-ca", "run `container-exporter meta` beside the engine, on its socket"),
    ("storage_driver_password", "figures are not sent anywhere; let Prometheus write to the storage"),
];

/// How containers are found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// As engines tell.
    Engine,
    /// By the names of their cgroups.
    Cgroup,
}

/// Flags that the process with the engine's socket has.
pub(crate) fn engine_flags() -> Vec<Flag> {
    vec![
        Flag::list(
            "endpoint",
            "Engine to ask, unix:///PATH or tcp://HOST:PORT; default: Docker's and Podman's own.",
        ),
        Flag::list(
            "container-labels",
            "Labels of containers to show, comma-separated; all, none, or a short default.",
        ),
        Flag::value("max-containers", "1000", "Containers beyond this are left out, the newest first."),
        Flag::value(
            "df-interval",
            "0s",
            "How often sizes of layers, volumes and caches are asked; 0s is never.",
        ),
    ]
}

pub(crate) fn flags() -> Vec<Flag> {
    let mut flags = engine_flags();
    flags.extend([
        Flag::value("mode", "auto", "auto, engine, meta, or cgroup (no engine: usage by id)."),
        Flag::value("meta.socket", "", "Socket of `container-exporter meta`, instead of an engine's."),
        Flag::value("docker", "", "The peer's name for --endpoint.").hidden(),
        Flag::value("podman", "", "The peer's name for --endpoint.").hidden(),
        Flag::list("expect", "Containers that must run, by name or compose service, comma-separated."),
        Flag::value(
            "tombstone",
            "5m",
            "How long container_last_seen of a stopped container stays; 0s is not at all.",
        ),
        Flag::switch("root", true, "Series of the whole host, id=\"/\"."),
        Flag::switch("disable_root_cgroup_stats", false, "The peer's name for --no-root.").hidden(),
        Flag::switch(
            "compat-device-wide",
            false,
            "Repeat the disks' own figures on each container, as the peer does.",
        ),
        Flag::value("disable_metrics", "", "Groups to leave out, comma-separated, with the peer's names."),
        Flag::value("enable_metrics", "", "Only these groups, comma-separated, with the peer's names."),
        Flag::value("whitelisted_container_labels", "", "The peer's name for --container-labels.").hidden(),
        Flag::switch("store_container_labels", true, "As the peer's: off means --container-labels=none.")
            .hidden(),
        Flag::value("path.procfs", "/proc", "Where the host's procfs is mounted."),
        Flag::value("path.sysfs", "/sys", "Where the host's sysfs is mounted."),
        Flag::value(
            "path.cgroup",
            "",
            "Where the host's cgroups are mounted; default: fs/cgroup of the sysfs.",
        ),
        Flag::value("path.rootfs", "/", "Where the host's root filesystem is mounted."),
    ]);
    flags.extend(IGNORED.map(|name| Flag::value(name, "", "Of the peer; without meaning here.").hidden()));
    flags.extend(
        IGNORED_SWITCHES.map(|name| Flag::switch(name, false, "Of the peer; without meaning here.").hidden()),
    );
    flags.extend(REFUSED.map(|(name, _)| match name {
        "docker-tls" => Flag::switch(name, false, "Of the peer; refused.").hidden(),
        _ => Flag::value(name, "", "Of the peer; refused.").hidden(),
    }));
    flags
}

/// All about one instance.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) feed: Option<Feed>,
    pub(crate) max_containers: usize,
    pub(crate) tombstone: Duration,
    pub(crate) expected: Vec<String>,
    pub(crate) root: bool,
    pub(crate) device_wide: bool,
    pub(crate) procfs: PathBuf,
    pub(crate) sysfs: PathBuf,
    pub(crate) cgroup: PathBuf,
    pub(crate) rootfs: PathBuf,
}

impl Options {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let path = |name| PathBuf::from(settings.text(name));
        if let Some((name, instead)) = REFUSED.iter().find(|(name, _)| settings.is_set(name)) {
            return Err(ConfigError::new(format!("--{name}: not offered here; {instead}")));
        }
        let ignored: Vec<_> =
            IGNORED.iter().chain(&IGNORED_SWITCHES).filter(|name| settings.is_set(name)).copied().collect();
        if !ignored.is_empty() {
            tracing::info!(
                flags = ignored.join(", "),
                "taken but without meaning here: container-exporter's README says what is not offered"
            );
        }
        let (mode, feed) = feed(settings)?;
        Ok(Self {
            mode,
            feed,
            max_containers: settings.number("max-containers")?,
            tombstone: settings.duration("tombstone")?,
            expected: split(settings.list("expect")),
            root: settings.switch("root") && !settings.switch("disable_root_cgroup_stats"),
            device_wide: settings.switch("compat-device-wide"),
            procfs: path("path.procfs"),
            cgroup: match settings.text("path.cgroup") {
                "" => path("path.sysfs").join("fs/cgroup"),
                given => given.into(),
            },
            sysfs: path("path.sysfs"),
            rootfs: path("path.rootfs"),
        })
    }
}

fn feed(settings: &Settings) -> Result<(Mode, Option<Feed>), ConfigError> {
    let meta = |socket: &str| Feed::Meta { socket: socket.into(), labels: allowed(settings) };
    let socket = settings.text("meta.socket");
    match settings.text("mode") {
        "cgroup" => Ok((Mode::Cgroup, None)),
        "meta" if socket.is_empty() => Ok((Mode::Engine, Some(meta(DEFAULT_SOCKET)))),
        "meta" => Ok((Mode::Engine, Some(meta(socket)))),
        "engine" => Ok((Mode::Engine, Some(Feed::Engines(watches(settings)?)))),
        "auto" if !socket.is_empty() => Ok((Mode::Engine, Some(meta(socket)))),
        "auto" if Path::new(DEFAULT_SOCKET).exists() && endpoints(settings).is_empty() => {
            Ok((Mode::Engine, Some(meta(DEFAULT_SOCKET))))
        }
        "auto" => {
            let watches = watches(settings)?;
            let given = !endpoints(settings).is_empty();
            let found = watches.iter().any(|watch| match &watch.address {
                Address::Unix(path) => path.exists(),
                Address::Tcp(_) => true,
            });
            if given || found {
                return Ok((Mode::Engine, Some(Feed::Engines(watches))));
            }
            tracing::info!("no engine's socket is here: usage by id only (--mode=cgroup)");
            Ok((Mode::Cgroup, None))
        }
        other => Err(ConfigError::new(format!("--mode={other}: unknown; use auto, engine, meta or cgroup"))),
    }
}

fn split(lists: &[String]) -> Vec<String> {
    lists
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect()
}

fn endpoints(settings: &Settings) -> Vec<String> {
    let aliases = ["docker", "podman"].map(|name| settings.text(name).to_owned());
    settings.list("endpoint").iter().cloned().chain(aliases).filter(|one| !one.is_empty()).collect()
}

fn allowed(settings: &Settings) -> Allowed {
    let mut given = settings.list("container-labels").to_vec();
    given.push(settings.text("whitelisted_container_labels").to_owned());
    given.retain(|one| !one.is_empty());
    // Flags that the process with the socket does not have are empty there.
    if given.is_empty() && settings.text("store_container_labels") == "false" {
        given.push("none".to_owned());
    }
    Allowed::new(&given)
}

pub(crate) fn watches(settings: &Settings) -> Result<Vec<Watch>, ConfigError> {
    let mut given = endpoints(settings);
    if given.is_empty() {
        given.push(DOCKER.to_owned());
        if Path::new(PODMAN.trim_start_matches("unix://")).exists() {
            given.push(PODMAN.to_owned());
        }
    }
    let disk_interval = Some(settings.duration("df-interval")?).filter(|interval| !interval.is_zero());
    let watch = |endpoint: String| {
        let address = Address::parse(&endpoint).ok_or_else(|| {
            ConfigError::new(format!("--endpoint={endpoint}: write unix:///PATH or tcp://HOST:PORT"))
        })?;
        let max_containers = settings.number("max-containers")?;
        Ok(Watch { endpoint, address, labels: allowed(settings), disk_interval, max_containers })
    };
    given.into_iter().map(watch).collect()
}

/// Whether the peer's lists of groups leave this one in.
pub(crate) fn is_in_groups(settings: &Settings, group: &str) -> bool {
    let has = |flag| settings.text(flag).split(',').any(|name| name.trim().eq_ignore_ascii_case(group));
    match (settings.text("enable_metrics"), settings.text("disable_metrics")) {
        ("", "") => true,
        ("", _) => !has("disable_metrics"),
        // As the peer's: the first list makes the second one meaningless.
        _ => has("enable_metrics"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> Settings {
        Settings::new(&flags(), &[], given.iter().map(|(k, v)| ((*k).into(), (*v).into()))).unwrap()
    }

    #[test]
    fn the_peers_command_line_is_taken() {
        let settings = settings(&[
            ("housekeeping_interval", "30s"),
            ("docker_only", "true"),
            ("disable_metrics", "percpu,sched,diskIO"),
            ("store_container_labels", "false"),
            ("docker", "unix:///x.sock"),
        ]);
        let options = Options::new(&settings).unwrap();
        let Some(Feed::Engines(watches)) = options.feed else { panic!("{options:?}") };
        assert_eq!(
            (watches[0].endpoint.as_str(), &watches[0].labels),
            ("unix:///x.sock", &Allowed::These(vec![]))
        );
        assert!(!is_in_groups(&settings, "diskIO") && is_in_groups(&settings, "cpu"));
    }

    #[test]
    fn mistakes_are_named() {
        for (name, value, part) in [
            ("http_auth_file", "/passwords", "--web.config.file"),
            ("mode", "x", "--mode=x"),
            ("endpoint", "docker", "--endpoint=docker"),
            ("df-interval", "5", "--df-interval=5"),
            ("max-containers", "-1", "--max-containers=-1"),
        ] {
            let error = Options::new(&settings(&[(name, value), ("root", "true")])).err();
            let error = error.or_else(|| Options::new(&settings(&[(name, value), ("mode", "engine")])).err());
            assert!(error.unwrap().to_string().contains(part), "{part}");
        }
    }
}
