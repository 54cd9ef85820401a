//! What the engine knows, the engine itself, the machine.

use exporter_core::{Collector, Family};

use super::{BASE, DEVICE, IN_STATE, INFO, REASON, STATUS};

pub(crate) static STATE: Collector = Collector {
    name: "state",
    enabled: true,
    families: &[
        INFO_FAMILY.desc(),
        RUNNING.desc(),
        STATE_FAMILY.desc(),
        HEALTH_STATUS.desc(),
        FAILING_STREAK.desc(),
        RESTARTS.desc(),
        STARTS.desc(),
        EXITS.desc(),
        EXIT_CODE.desc(),
        FINISHED.desc(),
        OOM_KILLED.desc(),
        IMAGE_OUTDATED.desc(),
        EXPECTED.desc(),
    ],
    dynamic: &[],
};
pub(crate) static INFO_FAMILY: Family<13> =
    Family::info("container_info", "Facts that do not change.", &INFO);
pub(crate) static RUNNING: Family<9> = Family::gauge("container_running", "Whether it runs.", &BASE);
pub(crate) static STATE_FAMILY: Family<10> =
    Family::gauge("container_state", "1 for the state that it is in.", &IN_STATE);
pub(crate) static HEALTH_STATUS: Family<10> = Family::gauge(
    "container_health_status",
    "1 for the result of its health check; absent without one.",
    &STATUS,
);
pub(crate) static FAILING_STREAK: Family<9> =
    Family::gauge("container_health_failing_streak", "Health checks that failed in a row.", &BASE);
pub(crate) static RESTARTS: Family<9> =
    Family::counter("container_restarts_total", "Restarts by the engine's restart policy.", &BASE);
pub(crate) static STARTS: Family<9> =
    Family::counter("container_starts_total", "Starts since the exporter looks.", &BASE);
pub(crate) static EXITS: Family<10> =
    Family::counter("container_exits_total", "Ends since the exporter looks.", &REASON);
pub(crate) static EXIT_CODE: Family<9> =
    Family::gauge("container_exit_code", "Exit code of its last end; absent before the first one.", &BASE);
pub(crate) static FINISHED: Family<9> = Family::gauge(
    "container_finished_time_seconds",
    "When it ended last, in Unix seconds; absent before the first end.",
    &BASE,
);
pub(crate) static OOM_KILLED: Family<9> =
    Family::gauge("container_oom_killed", "Whether its last end was for want of memory.", &BASE);
pub(crate) static EXPECTED: Family<1> = Family::gauge(
    "container_expected_running",
    "Whether a container of the list of expected ones runs; with --expect.",
    &["name"],
);
pub(crate) static IMAGE_OUTDATED: Family<9> = Family::gauge(
    "container_image_outdated",
    "Whether its image's tag names another image by now, on this host.",
    &BASE,
);

pub(crate) static LAYERS: Collector =
    Collector { name: "layers", enabled: true, families: &[FS_USAGE.desc()], dynamic: &[] };

pub(crate) static ENGINE: Collector = Collector {
    name: "engine",
    enabled: true,
    families: &[
        DOCKER_UP.desc(),
        DOCKER_INFO.desc(),
        DOCKER_CONTAINERS.desc(),
        DOCKER_IMAGES.desc(),
        DOCKER_IMAGES_BYTES.desc(),
        DOCKER_IMAGE_BYTES.desc(),
        DOCKER_LAYERS_BYTES.desc(),
        DOCKER_VOLUMES.desc(),
        DOCKER_VOLUMES_BYTES.desc(),
        DOCKER_BUILD_CACHE_BYTES.desc(),
        DOCKER_EVENTS.desc(),
        RECONNECTS.desc(),
        CACHE_AGE.desc(),
        DROPPED.desc(),
        COLLECT_SECONDS.desc(),
    ],
    dynamic: &[],
};
pub(crate) static DOCKER_UP: Family<1> =
    Family::gauge("docker_up", "Whether the engine answers.", &["endpoint"]);
pub(crate) static DOCKER_INFO: Family<5> = Family::info(
    "docker_info",
    "The engine.",
    &["endpoint", "version", "storage_driver", "cgroup_driver", "cgroup_version"],
);
pub(crate) static DOCKER_CONTAINERS: Family<2> =
    Family::gauge("docker_containers", "Containers by state.", &["endpoint", "state"]);
pub(crate) static DOCKER_IMAGES: Family<1> = Family::gauge("docker_images", "Images.", &["endpoint"]);
pub(crate) static DOCKER_IMAGES_BYTES: Family<1> = Family::gauge(
    "docker_images_bytes",
    "Size of all images; layers in common are counted for each.",
    &["endpoint"],
);
pub(crate) static DOCKER_IMAGE_BYTES: Family<2> =
    Family::gauge("docker_image_bytes", "Size of an image; with --df-interval.", &["endpoint", "image"]);
pub(crate) static DOCKER_LAYERS_BYTES: Family<1> = Family::gauge(
    "docker_layers_bytes",
    "Disk space of all image layers; with --df-interval.",
    &["endpoint"],
);
pub(crate) static DOCKER_VOLUMES: Family<1> =
    Family::gauge("docker_volumes", "Volumes; with --df-interval.", &["endpoint"]);
pub(crate) static DOCKER_VOLUMES_BYTES: Family<1> =
    Family::gauge("docker_volumes_bytes", "Disk space of volumes; with --df-interval.", &["endpoint"]);
pub(crate) static DOCKER_BUILD_CACHE_BYTES: Family<1> = Family::gauge(
    "docker_build_cache_bytes",
    "Disk space of the build cache; with --df-interval.",
    &["endpoint"],
);
pub(crate) static DOCKER_EVENTS: Family<2> = Family::counter(
    "docker_events_total",
    "Events of the engine since the exporter looks.",
    &["endpoint", "action"],
);
pub(crate) static RECONNECTS: Family<1> = Family::counter(
    "container_exporter_event_stream_reconnects_total",
    "How often the event stream was lost and taken up again.",
    &["endpoint"],
);
pub(crate) static CACHE_AGE: Family<1> = Family::gauge(
    "container_exporter_cache_age_seconds",
    "Time since the engine was last known to be well.",
    &["endpoint"],
);
pub(crate) static DROPPED: Family<0> = Family::counter(
    "container_exporter_dropped_containers_total",
    "Containers left out for --max-containers, counted each time the engine tells of one.",
    &[],
);
pub(crate) static COLLECT_SECONDS: Family<0> =
    Family::gauge("container_exporter_collect_seconds", "How long reading all cgroups took this time.", &[]);

pub(crate) static DISK: Collector = Collector {
    name: "disk",
    enabled: true,
    families: &[FS_USAGE.desc(), FS_LIMIT.desc(), FS_INODES_FREE.desc(), FS_INODES_TOTAL.desc()],
    dynamic: &[],
};
pub(crate) static FS_USAGE: Family<10> = Family::gauge(
    "container_fs_usage_bytes",
    "Bytes used of a file system of the host; of a container, by its writable layer (with --df-interval).",
    &DEVICE,
);
pub(crate) static FS_LIMIT: Family<2> =
    Family::gauge("container_fs_limit_bytes", "Size of a file system of the host.", &["id", "device"]);
pub(crate) static FS_INODES_FREE: Family<2> =
    Family::gauge("container_fs_inodes_free", "Inodes left on a file system of the host.", &["id", "device"]);
pub(crate) static FS_INODES_TOTAL: Family<2> =
    Family::gauge("container_fs_inodes_total", "Inodes of a file system of the host.", &["id", "device"]);

pub(crate) static MACHINE: Collector = Collector {
    name: "machine",
    enabled: true,
    families: &[
        CORES.desc(),
        PHYSICAL_CORES.desc(),
        SOCKETS.desc(),
        MACHINE_MEMORY.desc(),
        MACHINE_SWAP.desc(),
        MACHINE_SCRAPE_ERROR.desc(),
    ],
    dynamic: &[],
};
pub(crate) static CORES: Family<3> =
    Family::gauge("machine_cpu_cores", "Logical CPUs.", &["boot_id", "machine_id", "system_uuid"]);
pub(crate) static PHYSICAL_CORES: Family<3> =
    Family::gauge("machine_cpu_physical_cores", "CPU cores.", &["boot_id", "machine_id", "system_uuid"]);
pub(crate) static SOCKETS: Family<3> =
    Family::gauge("machine_cpu_sockets", "CPU sockets.", &["boot_id", "machine_id", "system_uuid"]);
pub(crate) static MACHINE_MEMORY: Family<3> =
    Family::gauge("machine_memory_bytes", "Memory.", &["boot_id", "machine_id", "system_uuid"]);
pub(crate) static MACHINE_SWAP: Family<3> =
    Family::gauge("machine_swap_bytes", "Swap.", &["boot_id", "machine_id", "system_uuid"]);
pub(crate) static MACHINE_SCRAPE_ERROR: Family<0> =
    Family::gauge("machine_scrape_error", "Whether the machine's facts could not be read.", &[]);
