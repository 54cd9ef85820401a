//! The declarations of all families, by collector. Names and types are the peer's where it has the family.

use exporter_core::{Collector, Family};

use crate::labels::DEFAULT;

/// What every container's series carry: the last ones only where the container has that label, and more with
/// --container-labels.
const BASE: [&str; 9] = [
    "id",
    "image",
    "name",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
    "container_label_com_docker_compose_project_working_dir",
    "container_label_com_docker_compose_container_number",
    "container_label_org_label_schema_group",
    "container_label_io_podman_compose_project",
];
const _: () = assert!(BASE.len() == 3 + DEFAULT.len());

const fn with<const N: usize, const M: usize>(extra: [&'static str; M]) -> [&'static str; N] {
    let mut all = [""; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < BASE.len() { BASE[at] } else { extra[at - BASE.len()] };
        at += 1;
    }
    all
}

const INTERFACE: [&str; 10] = with(["interface"]);
const DEVICE: [&str; 10] = with(["device"]);
const CPUS: [&str; 10] = with(["cpu"]);
const IN_STATE: [&str; 10] = with(["state"]);
const STATUS: [&str; 10] = with(["status"]);
const REASON: [&str; 10] = with(["reason"]);
const FAILURE: [&str; 11] = with(["failure_type", "scope"]);
const OPERATION: [&str; 13] = with(["device", "major", "minor", "operation"]);
const INFO: [&str; 13] = with(["image_id", "runtime", "restart_policy", "network_mode"]);

pub(crate) static CONTAINER: Collector = Collector {
    name: "container",
    enabled: true,
    families: &[
        LAST_SEEN.desc(),
        START_TIME.desc(),
        CREATION_TIME.desc(),
        HEALTH_STATE.desc(),
        SPEC_CPU_PERIOD.desc(),
        SPEC_CPU_QUOTA.desc(),
        SPEC_CPU_SHARES.desc(),
        SPEC_MEMORY_LIMIT.desc(),
        SPEC_MEMORY_SWAP.desc(),
        SPEC_MEMORY_RESERVATION.desc(),
        SCRAPE_ERROR.desc(),
        VERSION_INFO.desc(),
    ],
    dynamic: &[],
};
pub(crate) static LAST_SEEN: Family<9> = Family::gauge(
    "container_last_seen",
    "When the container was last seen running, in Unix seconds; kept for a while after it stops.",
    &BASE,
);
pub(crate) static START_TIME: Family<9> =
    Family::gauge("container_start_time_seconds", "When the container was started, in Unix seconds.", &BASE);
pub(crate) static CREATION_TIME: Family<9> = Family::gauge(
    "container_creation_time_seconds",
    "When the container was created, in Unix seconds.",
    &BASE,
);
pub(crate) static HEALTH_STATE: Family<9> = Family::gauge(
    "container_health_state",
    "1 healthy, 0 starting or unhealthy, -1 without a health check.",
    &BASE,
);
pub(crate) static SPEC_CPU_PERIOD: Family<9> =
    Family::gauge("container_spec_cpu_period", "Period of the CPU quota, in microseconds.", &BASE);
pub(crate) static SPEC_CPU_QUOTA: Family<9> = Family::gauge(
    "container_spec_cpu_quota",
    "CPU quota a period, in microseconds; absent without one.",
    &BASE,
);
pub(crate) static SPEC_CPU_SHARES: Family<9> =
    Family::gauge("container_spec_cpu_shares", "CPU shares.", &BASE);
pub(crate) static SPEC_MEMORY_LIMIT: Family<9> =
    Family::gauge("container_spec_memory_limit_bytes", "Memory limit; 0 is none.", &BASE);
pub(crate) static SPEC_MEMORY_SWAP: Family<9> = Family::gauge(
    "container_spec_memory_swap_limit_bytes",
    "Swap limit (with memory in cgroup version 1); 0 is none.",
    &BASE,
);
pub(crate) static SPEC_MEMORY_RESERVATION: Family<9> =
    Family::gauge("container_spec_memory_reservation_limit_bytes", "Memory reservation; 0 is none.", &BASE);
pub(crate) static SCRAPE_ERROR: Family<0> =
    Family::gauge("container_scrape_error", "Whether a container could not be read whole.", &[]);
pub(crate) static VERSION_INFO: Family<5> = Family::info(
    "cadvisor_version_info",
    "Versions, under the name that dashboards of the peer ask for; cadvisorVersion is ours.",
    &["kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision"],
);

pub(crate) static CPU: Collector = Collector {
    name: "cpu",
    enabled: true,
    families: &[
        CPU_USAGE.desc(),
        CPU_USER.desc(),
        CPU_SYSTEM.desc(),
        CFS_PERIODS.desc(),
        CFS_THROTTLED_PERIODS.desc(),
        CFS_THROTTLED.desc(),
        CFS_BURSTS.desc(),
        CFS_BURST.desc(),
    ],
    dynamic: &[],
};
pub(crate) static CPU_USAGE: Family<10> =
    Family::counter("container_cpu_usage_seconds_total", "CPU time used.", &CPUS);
pub(crate) static CPU_USER: Family<9> =
    Family::counter("container_cpu_user_seconds_total", "CPU time used in user space.", &BASE);
pub(crate) static CPU_SYSTEM: Family<9> =
    Family::counter("container_cpu_system_seconds_total", "CPU time used in the kernel.", &BASE);
pub(crate) static CFS_PERIODS: Family<9> = Family::counter(
    "container_cpu_cfs_periods_total",
    "Periods of the CPU quota in which the container ran.",
    &BASE,
);
pub(crate) static CFS_THROTTLED_PERIODS: Family<9> = Family::counter(
    "container_cpu_cfs_throttled_periods_total",
    "Periods in which it was stopped for its quota.",
    &BASE,
);
pub(crate) static CFS_THROTTLED: Family<9> = Family::counter(
    "container_cpu_cfs_throttled_seconds_total",
    "Time for which it was stopped for its quota.",
    &BASE,
);
pub(crate) static CFS_BURSTS: Family<9> =
    Family::counter("container_cpu_cfs_burst_periods_total", "Periods in which it used saved quota.", &BASE);
pub(crate) static CFS_BURST: Family<9> = Family::counter(
    "container_cpu_cfs_burst_seconds_total",
    "Time that it used beyond its quota from what it had saved.",
    &BASE,
);

pub(crate) static MEMORY: Collector = Collector {
    name: "memory",
    enabled: true,
    families: &[
        MEMORY_USAGE.desc(),
        MEMORY_WORKING_SET.desc(),
        MEMORY_RSS.desc(),
        MEMORY_CACHE.desc(),
        MEMORY_SWAP.desc(),
        MEMORY_MAPPED_FILE.desc(),
        MEMORY_MAX_USAGE.desc(),
        MEMORY_FAILCNT.desc(),
        MEMORY_KERNEL.desc(),
        MEMORY_ACTIVE_FILE.desc(),
        MEMORY_INACTIVE_FILE.desc(),
        MEMORY_FAILURES.desc(),
        MEMORY_EVENTS_HIGH.desc(),
        MEMORY_EVENTS_MAX.desc(),
        MEMORY_FILE_DIRTY.desc(),
        MEMORY_FILE_WRITEBACK.desc(),
        MEMORY_PGSCAN.desc(),
        MEMORY_PGSTEAL.desc(),
        MEMORY_REFAULT_FILE.desc(),
        MEMORY_REFAULT_ANON.desc(),
        MEMORY_SWAP_MAX.desc(),
    ],
    dynamic: &[],
};
pub(crate) static MEMORY_USAGE: Family<9> = Family::gauge(
    "container_memory_usage_bytes",
    "Memory charged to the container, page cache included.",
    &BASE,
);
pub(crate) static MEMORY_WORKING_SET: Family<9> = Family::gauge(
    "container_memory_working_set_bytes",
    "Memory in use without file pages that could be dropped at once.",
    &BASE,
);
pub(crate) static MEMORY_RSS: Family<9> =
    Family::gauge("container_memory_rss", "Anonymous memory, in bytes.", &BASE);
pub(crate) static MEMORY_CACHE: Family<9> =
    Family::gauge("container_memory_cache", "Page cache, in bytes.", &BASE);
pub(crate) static MEMORY_SWAP: Family<9> =
    Family::gauge("container_memory_swap", "Swap used, in bytes.", &BASE);
pub(crate) static MEMORY_MAPPED_FILE: Family<9> =
    Family::gauge("container_memory_mapped_file", "Files mapped into memory, in bytes.", &BASE);
pub(crate) static MEMORY_MAX_USAGE: Family<9> =
    Family::gauge("container_memory_max_usage_bytes", "Highest usage so far.", &BASE);
pub(crate) static MEMORY_FAILCNT: Family<9> =
    Family::counter("container_memory_failcnt", "How often the memory limit was hit.", &BASE);
pub(crate) static MEMORY_KERNEL: Family<9> =
    Family::gauge("container_memory_kernel_usage", "Kernel memory, in bytes.", &BASE);
pub(crate) static MEMORY_ACTIVE_FILE: Family<9> =
    Family::gauge("container_memory_total_active_file_bytes", "File pages used lately.", &BASE);
pub(crate) static MEMORY_INACTIVE_FILE: Family<9> =
    Family::gauge("container_memory_total_inactive_file_bytes", "File pages not used lately.", &BASE);
pub(crate) static MEMORY_FAILURES: Family<11> = Family::counter(
    "container_memory_failures_total",
    "Page faults: pgfault all, pgmajfault those that read a disk.",
    &FAILURE,
);
pub(crate) static MEMORY_EVENTS_HIGH: Family<9> = Family::counter(
    "container_memory_events_high_total",
    "How often it was slowed down at memory.high (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_EVENTS_MAX: Family<9> = Family::counter(
    "container_memory_events_max_total",
    "How often it reached memory.max (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_FILE_DIRTY: Family<9> =
    Family::gauge("container_memory_file_dirty_bytes", "File pages to be written (cgroup version 2).", &BASE);
pub(crate) static MEMORY_FILE_WRITEBACK: Family<9> = Family::gauge(
    "container_memory_file_writeback_bytes",
    "File pages being written (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_PGSCAN: Family<9> = Family::counter(
    "container_memory_pgscan_total",
    "Pages looked at to free memory (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_PGSTEAL: Family<9> =
    Family::counter("container_memory_pgsteal_total", "Pages freed (cgroup version 2).", &BASE);
pub(crate) static MEMORY_REFAULT_FILE: Family<9> = Family::counter(
    "container_memory_workingset_refault_file_total",
    "File pages read again after they were dropped (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_REFAULT_ANON: Family<9> = Family::counter(
    "container_memory_workingset_refault_anon_total",
    "Anonymous pages swapped in again (cgroup version 2).",
    &BASE,
);
pub(crate) static MEMORY_SWAP_MAX: Family<9> = Family::counter(
    "container_memory_swap_max_events_total",
    "How often the swap limit was hit (cgroup version 2).",
    &BASE,
);

pub(crate) static NETWORK: Collector = Collector {
    name: "network",
    enabled: true,
    families: &[
        RECEIVE_BYTES.desc(),
        RECEIVE_PACKETS.desc(),
        RECEIVE_ERRORS.desc(),
        RECEIVE_DROPPED.desc(),
        TRANSMIT_BYTES.desc(),
        TRANSMIT_PACKETS.desc(),
        TRANSMIT_ERRORS.desc(),
        TRANSMIT_DROPPED.desc(),
    ],
    dynamic: &[],
};
pub(crate) static RECEIVE_BYTES: Family<10> =
    Family::counter("container_network_receive_bytes_total", "Bytes received.", &INTERFACE);
pub(crate) static RECEIVE_PACKETS: Family<10> =
    Family::counter("container_network_receive_packets_total", "Packets received.", &INTERFACE);
pub(crate) static RECEIVE_ERRORS: Family<10> = Family::counter(
    "container_network_receive_errors_total",
    "Packets that could not be received for an error.",
    &INTERFACE,
);
pub(crate) static RECEIVE_DROPPED: Family<10> = Family::counter(
    "container_network_receive_packets_dropped_total",
    "Packets dropped instead of being received.",
    &INTERFACE,
);
pub(crate) static TRANSMIT_BYTES: Family<10> =
    Family::counter("container_network_transmit_bytes_total", "Bytes sent.", &INTERFACE);
pub(crate) static TRANSMIT_PACKETS: Family<10> =
    Family::counter("container_network_transmit_packets_total", "Packets sent.", &INTERFACE);
pub(crate) static TRANSMIT_ERRORS: Family<10> = Family::counter(
    "container_network_transmit_errors_total",
    "Packets that could not be sent for an error.",
    &INTERFACE,
);
pub(crate) static TRANSMIT_DROPPED: Family<10> = Family::counter(
    "container_network_transmit_packets_dropped_total",
    "Packets dropped instead of being sent.",
    &INTERFACE,
);

pub(crate) static DISK_IO: Collector = Collector {
    name: "diskIO",
    enabled: true,
    families: &[
        READS_BYTES.desc(),
        WRITES_BYTES.desc(),
        READS.desc(),
        WRITES.desc(),
        BLKIO.desc(),
        SECTOR_READS.desc(),
        SECTOR_WRITES.desc(),
        READS_MERGED.desc(),
        WRITES_MERGED.desc(),
        READ_SECONDS.desc(),
        WRITE_SECONDS.desc(),
        IO_CURRENT.desc(),
        IO_TIME.desc(),
        IO_TIME_WEIGHTED.desc(),
    ],
    dynamic: &[],
};
pub(crate) static READS_BYTES: Family<10> =
    Family::counter("container_fs_reads_bytes_total", "Bytes read from the device.", &DEVICE);
pub(crate) static WRITES_BYTES: Family<10> =
    Family::counter("container_fs_writes_bytes_total", "Bytes written to the device.", &DEVICE);
pub(crate) static READS: Family<10> =
    Family::counter("container_fs_reads_total", "Reads from the device.", &DEVICE);
pub(crate) static WRITES: Family<10> =
    Family::counter("container_fs_writes_total", "Writes to the device.", &DEVICE);
pub(crate) static BLKIO: Family<13> =
    Family::counter("container_blkio_device_usage_total", "Bytes read and written, by device.", &OPERATION);
pub(crate) static SECTOR_READS: Family<10> = Family::counter(
    "container_fs_sector_reads_total",
    "Sectors of 512 bytes read, by the whole host.",
    &DEVICE,
);
pub(crate) static SECTOR_WRITES: Family<10> = Family::counter(
    "container_fs_sector_writes_total",
    "Sectors of 512 bytes written, by the whole host.",
    &DEVICE,
);
pub(crate) static READS_MERGED: Family<10> = Family::counter(
    "container_fs_reads_merged_total",
    "Reads merged with others, of the whole host.",
    &DEVICE,
);
pub(crate) static WRITES_MERGED: Family<10> = Family::counter(
    "container_fs_writes_merged_total",
    "Writes merged with others, of the whole host.",
    &DEVICE,
);
pub(crate) static READ_SECONDS: Family<10> =
    Family::counter("container_fs_read_seconds_total", "Time spent by reads, of the whole host.", &DEVICE);
pub(crate) static WRITE_SECONDS: Family<10> =
    Family::counter("container_fs_write_seconds_total", "Time spent by writes, of the whole host.", &DEVICE);
pub(crate) static IO_CURRENT: Family<10> =
    Family::gauge("container_fs_io_current", "Requests under way, of the whole host.", &DEVICE);
pub(crate) static IO_TIME: Family<10> =
    Family::counter("container_fs_io_time_seconds_total", "Time in which the device was busy.", &DEVICE);
pub(crate) static IO_TIME_WEIGHTED: Family<10> = Family::counter(
    "container_fs_io_time_weighted_seconds_total",
    "Time of all requests together, of the whole host.",
    &DEVICE,
);

pub(crate) static PRESSURE: Collector = Collector {
    name: "pressure",
    enabled: true,
    families: &[
        PRESSURE_CPU_WAITING.desc(),
        PRESSURE_CPU_STALLED.desc(),
        PRESSURE_MEMORY_WAITING.desc(),
        PRESSURE_MEMORY_STALLED.desc(),
        PRESSURE_IO_WAITING.desc(),
        PRESSURE_IO_STALLED.desc(),
    ],
    dynamic: &[],
};
pub(crate) static PRESSURE_CPU_WAITING: Family<9> = Family::counter(
    "container_pressure_cpu_waiting_seconds_total",
    "Time in which some tasks waited for a CPU.",
    &BASE,
);
pub(crate) static PRESSURE_CPU_STALLED: Family<9> = Family::counter(
    "container_pressure_cpu_stalled_seconds_total",
    "Time in which all tasks waited for a CPU.",
    &BASE,
);
pub(crate) static PRESSURE_MEMORY_WAITING: Family<9> = Family::counter(
    "container_pressure_memory_waiting_seconds_total",
    "Time in which some tasks waited for memory.",
    &BASE,
);
pub(crate) static PRESSURE_MEMORY_STALLED: Family<9> = Family::counter(
    "container_pressure_memory_stalled_seconds_total",
    "Time in which all tasks waited for memory.",
    &BASE,
);
pub(crate) static PRESSURE_IO_WAITING: Family<9> = Family::counter(
    "container_pressure_io_waiting_seconds_total",
    "Time in which some tasks waited for a disk.",
    &BASE,
);
pub(crate) static PRESSURE_IO_STALLED: Family<9> = Family::counter(
    "container_pressure_io_stalled_seconds_total",
    "Time in which all tasks waited for a disk.",
    &BASE,
);

pub(crate) static OOM: Collector =
    Collector { name: "oom_event", enabled: true, families: &[OOM_EVENTS.desc()], dynamic: &[] };
pub(crate) static OOM_EVENTS: Family<9> = Family::counter(
    "container_oom_events_total",
    "Processes killed for want of memory, over all starts of the container.",
    &BASE,
);

pub(crate) static PROCESS: Collector = Collector {
    name: "process",
    enabled: true,
    families: &[PROCESSES.desc(), THREADS.desc(), THREADS_MAX.desc(), PIDS_PEAK.desc()],
    dynamic: &[],
};
pub(crate) static PROCESSES: Family<9> = Family::gauge("container_processes", "Processes.", &BASE);
pub(crate) static THREADS: Family<9> = Family::gauge("container_threads", "Threads.", &BASE);
pub(crate) static THREADS_MAX: Family<9> =
    Family::gauge("container_threads_max", "Threads that it may have; 0 is no limit.", &BASE);
pub(crate) static PIDS_PEAK: Family<9> =
    Family::gauge("container_pids_peak", "Most threads at once so far.", &BASE);

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
