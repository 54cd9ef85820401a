//! Network, disks, pressure, tasks.

use exporter_core::{Collector, Family};

use super::{BASE, DEVICE, INTERFACE, OPERATION};

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
