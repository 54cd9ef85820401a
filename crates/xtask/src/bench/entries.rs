//! The exporters that are measured, as data: a new one is one entry. `PORT` in an argument is replaced.

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

pub(super) const ENTRIES: [Entry; 1] = [Entry {
    name: "node",
    package: "node-exporter",
    args: NODE,
    peer: "node_exporter",
    peer_args: NODE,
    path: "/metrics",
}];
