//! Identity, CPU and memory.

use exporter_core::{Collector, Family};

use super::{BASE, CPUS, FAILURE};

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
