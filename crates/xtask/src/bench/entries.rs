//! The exporters that are measured, as data: a new one is one entry. `PORT` in an argument is replaced.

use anyhow::Result;

use super::redis::Server;

/// One exporter and the one people run today, both with the same collectors.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Package and binary.
    pub(super) package: &'static str,
    pub(super) args: &'static [&'static str],
    /// Program as `cargo xtask setup` names it.
    pub(super) peer: &'static str,
    pub(super) peer_args: &'static [&'static str],
    /// Where both serve their page.
    pub(super) path: &'static str,
    /// What both watch, where it is not this machine; `SERVER` in an argument is its address.
    pub(super) server: Option<fn() -> Result<Server>>,
}

/// The same flags for both: ours takes the peer's.
const NODE: &[&str] = &[
    "--web.listen-address=127.0.0.1:PORT",
    "--collector.disable-defaults",
    "--collector.cpu",
    "--collector.diskstats",
    "--collector.filesystem",
    "--collector.loadavg",
    "--collector.meminfo",
    "--collector.netclass",
    "--collector.netdev",
    "--collector.os",
    "--collector.stat",
    "--collector.textfile",
    "--collector.time",
    "--collector.uname",
    "--collector.vmstat",
];

const REDIS: &[&str] =
    &["-web.listen-address=127.0.0.1:PORT", "-redis.addr=SERVER", "-include-system-metrics"];

/// Its arguments, its peer's and what it watches stand in `container.rs`.
const fn containers(name: &'static str) -> Entry {
    Entry {
        name,
        package: "container-exporter",
        args: &[],
        peer: "cadvisor",
        peer_args: &[],
        path: "/metrics",
        server: None,
    }
}

pub(super) const ENTRIES: [Entry; 5] = [
    containers("container"),
    containers("container-50"),
    Entry {
        name: "node",
        package: "node-exporter",
        args: NODE,
        peer: "node_exporter",
        peer_args: NODE,
        path: "/metrics",
        server: None,
    },
    // About 50 commands in the server's statistics, and about 165.
    Entry {
        name: "redis",
        package: "redis-exporter",
        args: REDIS,
        peer: "redis_exporter",
        peer_args: REDIS,
        path: "/metrics",
        server: Some(|| Server::start(false)),
    },
    Entry {
        name: "redis-large",
        package: "redis-exporter",
        args: REDIS,
        peer: "redis_exporter",
        peer_args: REDIS,
        path: "/metrics",
        server: Some(|| Server::start(true)),
    },
];
