//! Flags of node_exporter that have no effect here. They are accepted, so that its command lines keep working, and each
//! that is given is told in the log.

use exporter_core::{Flag, Settings};

const HELP: &str = "Accepted without effect.";

/// Collectors that are not built in.
const COLLECTORS: &[&str] = &[
    "collector.bcache",
    "collector.bcachefs",
    "collector.dmmultipath",
    "collector.drbd",
    "collector.drm",
    "collector.fibrechannel",
    "collector.infiniband",
    "collector.logind",
    "collector.mountstats",
    "collector.ntp",
    "collector.nvmesubsystem",
    "collector.pcidevice",
    "collector.perf",
    "collector.runit",
    "collector.supervisord",
    "collector.tapestats",
    "collector.wifi",
];

/// Switches of those collectors.
const SWITCHES: &[&str] = &[
    "collector.bcache.priorityStats",
    "collector.ntp.server-is-local",
    "collector.pcidevice.names",
    "collector.perf.disable-cache-profilers",
    "collector.perf.disable-hardware-profilers",
    "collector.perf.disable-software-profilers",
];

/// Their values, of which some may be given more than once.
const VALUES: &[&str] = &[
    "collector.ntp.ip-ttl",
    "collector.ntp.local-offset-tolerance",
    "collector.ntp.max-distance",
    "collector.ntp.protocol-version",
    "collector.ntp.server",
    "collector.ntp.server-port",
    "collector.pcidevice.idsfile",
    "collector.perf.cache-profilers",
    "collector.perf.cpus",
    "collector.perf.hardware-profilers",
    "collector.perf.software-profilers",
    "collector.perf.tracepoint",
    "collector.qdisc.fixtures",
    "collector.runit.servicedir",
    "collector.supervisord.url",
    "collector.tapestats.ignored-devices",
    "collector.wifi.fixtures",
    // Go's scheduler; there is none here.
    "runtime.gomaxprocs",
];

pub(crate) fn flags() -> impl Iterator<Item = Flag> {
    let switches = COLLECTORS.iter().chain(SWITCHES).map(|name| Flag::switch(name, false, HELP).hidden());
    switches.chain(VALUES.iter().map(|name| Flag::list(name, HELP).hidden()))
}

/// Logs each that was given. Switching off what is not there needs no word.
pub(crate) fn tell(settings: &Settings) {
    for name in COLLECTORS.iter().chain(SWITCHES).filter(|name| settings.switch(name)) {
        tracing::warn!(flag = format!("--{name}"), "this flag of node_exporter has no effect here");
    }
    for name in VALUES.iter().filter(|name| settings.is_set(name)) {
        tracing::warn!(flag = format!("--{name}"), "this flag of node_exporter has no effect here");
    }
}
