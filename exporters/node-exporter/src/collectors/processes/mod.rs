//! How many processes and threads there are, and may be.
//!
//! Those come nearly free: the directory `/proc` has a link of each directory in it, and to list what is no process is
//! quick. Where that does not agree with the whole list (another namespace of processes, hidden processes) the whole
//! list is counted. How many are in each state needs a file of every process, or of every thread: only on
//! request.

#[cfg(target_os = "linux")]
mod read;

#[cfg(target_os = "linux")]
pub(crate) use read::source;

use exporter_core::{Collector, Family, Flag};

pub(crate) static PROCESSES: Collector = Collector {
    name: "processes",
    enabled: true,
    families: &[
        PIDS.desc(),
        THREADS.desc(),
        MAX_PROCESSES.desc(),
        MAX_THREADS.desc(),
        STATE.desc(),
        THREADS_STATE.desc(),
    ],
    dynamic: &[],
};

pub(super) static PIDS: Family<0> = Family::gauge("node_processes_pids", "Processes.", &[]);
static THREADS: Family<0> = Family::gauge("node_processes_threads", "Threads.", &[]);
static MAX_PROCESSES: Family<0> =
    Family::gauge("node_processes_max_processes", "Process numbers that there are.", &[]);
static MAX_THREADS: Family<0> =
    Family::gauge("node_processes_max_threads", "Threads that there may be.", &[]);
static STATE: Family<1> = Family::gauge("node_processes_state", "Processes by state.", &["state"]);
static THREADS_STATE: Family<1> =
    Family::gauge("node_processes_threads_state", "Threads by state.", &["thread_state"]);

const BY_STATE: &str = "collector.processes.state";
const BY_THREAD_STATE: &str = "collector.processes.threads-state";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch(BY_STATE, false, "Report processes by state; on where --collector.processes is given."),
    Flag::switch(BY_THREAD_STATE, false, "Report threads by state; reads a file of each thread."),
];
