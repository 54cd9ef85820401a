//! The exporters that are measured, as data: a new one is one entry. `PORT` in an argument is replaced.

use anyhow::Result;

use super::{Watched, postgres, redis};

/// Starts what is watched.
type Start = fn() -> Result<Box<dyn Watched>>;

/// One exporter and the one people run today, as far as can be with the same collectors.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Package and binary.
    pub(super) package: &'static str,
    pub(super) args: &'static [&'static str],
    /// Variables of both, `NAME=VALUE`.
    pub(super) env: &'static [&'static str],
    /// Program as `cargo xtask setup` names it.
    pub(super) peer: &'static str,
    pub(super) peer_args: &'static [&'static str],
    /// Where both serve their page.
    pub(super) path: &'static str,
    /// What both watch, where it is not this machine; `SERVER` in an argument is its address.
    pub(super) server: Option<Start>,
}

/// What each has on by default: ours has all of the peer's that this machine has data for, and some more.
const NODE: &[&str] = &["--web.listen-address=127.0.0.1:PORT"];

/// The same collectors in both, one flag for both as ours takes the peer's.
const NODE_SAME: &[&str] = &[
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

/// Debian's build has systemd's units on, which the peer itself has not.
const NODE_PEER: &[&str] = &["--web.listen-address=127.0.0.1:PORT", "--no-collector.systemd"];

const REDIS: &[&str] =
    &["-web.listen-address=127.0.0.1:PORT", "-redis.addr=SERVER", "-include-system-metrics"];

const POSTGRES: &[&str] = &["--web.listen-address=127.0.0.1:PORT"];

/// What ours shows and the peer has switched off.
const POSTGRES_PEER: &[&str] = &[
    "--web.listen-address=127.0.0.1:PORT",
    "--collector.database_wraparound",
    "--collector.long_running_transactions",
    "--collector.postmaster",
    "--collector.stat_activity_autovacuum",
    "--collector.stat_statements",
    "--collector.stat_wal_receiver",
];

pub(super) const ENTRIES: [Entry; 6] = [
    Entry {
        name: "node",
        package: "node-exporter",
        args: NODE,
        env: &[],
        peer: "node_exporter",
        peer_args: NODE_PEER,
        path: "/metrics",
        server: None,
    },
    Entry {
        name: "node-same",
        package: "node-exporter",
        args: NODE_SAME,
        env: &[],
        peer: "node_exporter",
        peer_args: NODE_SAME,
        path: "/metrics",
        server: None,
    },
    // 200 tables, and 3,000.
    Entry {
        name: "postgres",
        package: "postgres-exporter",
        args: POSTGRES,
        env: &["DATA_SOURCE_NAME=SERVER"],
        peer: "postgres_exporter",
        peer_args: POSTGRES_PEER,
        path: "/metrics",
        server: Some(|| Ok(Box::new(postgres::Server::start(200)?))),
    },
    Entry {
        name: "postgres-large",
        package: "postgres-exporter",
        args: POSTGRES,
        env: &["DATA_SOURCE_NAME=SERVER"],
        peer: "postgres_exporter",
        peer_args: POSTGRES_PEER,
        path: "/metrics",
        server: Some(|| Ok(Box::new(postgres::Server::start(3000)?))),
    },
    // About 50 commands in the server's statistics, and about 165.
    Entry {
        name: "redis",
        package: "redis-exporter",
        args: REDIS,
        env: &[],
        peer: "redis_exporter",
        peer_args: REDIS,
        path: "/metrics",
        server: Some(|| Ok(Box::new(redis::Server::start(false)?))),
    },
    Entry {
        name: "redis-large",
        package: "redis-exporter",
        args: REDIS,
        env: &[],
        peer: "redis_exporter",
        peer_args: REDIS,
        path: "/metrics",
        server: Some(|| Ok(Box::new(redis::Server::start(true)?))),
    },
];
