//! What INFO said, as families.

use exporter_core::{Dynamic, Family, Kind, LabelValue, Page};

use super::fields::{MODULE_FIELDS, find};
use crate::families::families;

use super::{Command, Facts, Info, Percentiles, Recall, by_label, number};

/// What to leave out or to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) system_metrics: bool,
    pub(crate) modules: bool,
    pub(crate) unmapped: bool,
    /// How many databases there are, to show the empty ones; 0 where they are left out.
    pub(crate) databases: u32,
}

families! { DESCS:
    INSTANCE: 12 = info("redis_instance_info", "What the server is; always 1.", [
        "role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port", "run_id",
        "process_id", "master_replid", "valkey_version", "valkey_release_stage"]);
    FRAGMENTATION: 0 = gauge(
        "redis_memory_fragmentation_ratio",
        "Resident by used memory; the name that the redis mixin's dashboard uses.",
        []
    );
    START: 0 = gauge("redis_start_time_seconds", "When the server started, in seconds since 1970.", []);
    DB_KEYS: 1 = gauge("redis_db_keys", "Keys in a database.", ["db"]);
    DB_EXPIRING: 1 = gauge("redis_db_keys_expiring", "Keys in a database that expire.", ["db"]);
    DB_TTL: 1 = gauge("redis_db_avg_ttl_seconds", "Mean time to live of keys that expire, in seconds.", ["db"]);
    DB_CACHED: 1 = gauge("redis_db_keys_cached", "Keys that KeyDB holds in memory.", ["db"]);
    DB_ITEMS: 1 = gauge("redis_db_keys_with_expiring_items", "Keys with fields that expire.", ["db"]);
    SIZES: 4 = gauge("redis_db_key_sizes", "Keys by type and size: those from this power of two up to the next (Redis 8).",
        ["db", "type", "unit", "from"]);
    CALLS: 1 = counter("redis_commands_total", "Calls of a command.", ["cmd"]);
    CALL_SECONDS: 1 = counter("redis_commands_duration_seconds_total", "Time spent in a command, in seconds.", ["cmd"]);
    REJECTED: 1 = counter("redis_commands_rejected_calls_total", "Calls refused before they ran.", ["cmd"]);
    FAILED: 1 = counter("redis_commands_failed_calls_total", "Calls that ended with an error.", ["cmd"]);
    ERRORS: 1 = counter("redis_errors_total", "Error replies by their first word.", ["err"]);
    PERCENTILES: 1 = summary("redis_latency_percentiles_usec", "Latency of a command in microseconds; quantiles in percent.", ["cmd"]);
    REPLICA_OFFSET: 3 = gauge("redis_connected_slave_offset_bytes", "Replication offset a replica has acknowledged.",
        ["slave_ip", "slave_port", "slave_state"]);
    REPLICA_LAG: 3 = gauge("redis_connected_slave_lag_seconds", "Seconds since a replica was last heard of.",
        ["slave_ip", "slave_port", "slave_state"]);
    SLAVE_INFO: 3 = info("redis_slave_info", "Whom this replica follows; always 1.", ["master_host", "master_port", "read_only"]);
    MASTER_LINK: 2 = gauge("redis_master_link_up", "Whether this replica is connected to its master.", ["master_host", "master_port"]);
    MASTER_IO: 2 = gauge("redis_master_last_io_seconds_ago", "Seconds since the master was last heard of.", ["master_host", "master_port"]);
    MASTER_SYNC: 2 = gauge("redis_master_sync_in_progress", "Whether this replica is loading from its master.", ["master_host", "master_port"]);
    SLAVE_OFFSET: 2 = gauge("redis_slave_repl_offset", "Replication offset of this replica.", ["master_host", "master_port"]);
    SENTINEL_STATUS: 3 = gauge("redis_sentinel_master_status", "Whether a sentinel sees its master as ok.",
        ["master_name", "master_address", "master_status"]);
    SENTINEL_SLAVES: 2 = gauge("redis_sentinel_master_slaves", "Replicas of a master, as a sentinel counts them.", ["master_name", "master_address"]);
    SENTINEL_SENTINELS: 2 = gauge("redis_sentinel_master_sentinels", "Sentinels of a master.", ["master_name", "master_address"]);
    MODULE: 6 = info("redis_module_info", "A loaded module; always 1.", ["name", "ver", "api", "filters", "usedby", "using"]);
    THREAD_CLIENTS: 1 = gauge("redis_io_thread_clients", "Clients an I/O thread serves.", ["thread"]);
    THREAD_READS: 1 = counter("redis_io_thread_reads_total", "Reads by an I/O thread.", ["thread"]);
    THREAD_WRITES: 1 = counter("redis_io_thread_writes_total", "Writes by an I/O thread.", ["thread"]);
    THREAD_ACTIVE: 1 = counter("redis_active_time_io_thread_seconds_total", "Time an I/O thread was busy, in seconds.", ["thread"]);
}

/// The same of a server that is not Valkey, as the peer has it: an empty label is one all the same to those who compare.
static INSTANCE_REDIS: Family<10> = Family::info(
    "redis_instance_info",
    "What the server is; always 1.",
    &[
        "role",
        "redis_version",
        "redis_build_id",
        "redis_mode",
        "os",
        "maxmemory_policy",
        "tcp_port",
        "run_id",
        "process_id",
        "master_replid",
    ],
);

/// Everything about the cluster passes under its own name.
pub(crate) static CLUSTER: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "redis_cluster_", "Field cluster_{} of INFO or CLUSTER INFO.", &[]);

/// `--include-unmapped-info-fields`.
pub(crate) static UNMAPPED: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "redis_info_", "Field {} of INFO, which no other family has.", &[]);

/// Finds commands by name. They are asked for in their own order, so the next one is near in the list; else it is searched.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    commands: &'a [Command<'a>],
    next: usize,
}

/// How far ahead the next one is looked for.
const NEAR: usize = 8;

impl Totals<'_> {
    /// Calls and microseconds; 0 where there is no such command.
    pub(crate) fn of(&mut self, name: &[u8]) -> (u64, u64) {
        let ahead = self.commands.iter().skip(self.next).take(NEAR).position(|command| command.name == name);
        let at = match ahead {
            Some(ahead) => Some(self.next + ahead),
            None => self.commands.binary_search_by(|command| by_label(command.name, name)).ok(),
        };
        let Some(command) = at.and_then(|at| self.commands.get(at)) else { return (0, 0) };
        self.next = at.map_or(0, |at| at + 1);
        (command.calls, command.usec)
    }
}

impl Info<'_> {
    /// Puts all of it.
    pub(crate) fn put(&self, page: &mut Page, choice: Choice, recall: &mut Recall) {
        self.put_plain(page, choice, recall);
        self.put_fragmentation(page);
        self.put_instance(page);
        self.put_commands(page);
        self.put_databases(page, choice);
        self.put_replication(page);
        for (error, count) in &self.errors {
            page.put(&ERRORS, [error], *count);
        }
        for (thread, [clients, reads, writes]) in &self.threads {
            for (family, value) in
                [(&THREAD_CLIENTS, clients), (&THREAD_READS, reads), (&THREAD_WRITES, writes)]
            {
                if let Some(value) = value {
                    page.put(family, [thread], *value);
                }
            }
        }
        for (thread, seconds) in &self.active {
            page.put(&THREAD_ACTIVE, [thread], *seconds);
        }
        if choice.modules {
            for module in &self.modules {
                let of = |wanted: &[u8]| {
                    super::parts(module).find(|(key, _)| *key == wanted).map_or(&b""[..], |(_, value)| value)
                };
                page.put(
                    &MODULE,
                    [&of(b"name"), &of(b"ver"), &of(b"api"), &of(b"filters"), &of(b"usedby"), &of(b"using")],
                    1_u8,
                );
            }
        }
    }

    fn put_plain(&self, page: &mut Page, choice: Choice, recall: &mut Recall) {
        recall.begin();
        let labels = (&self.facts.master_host, &self.facts.master_port);
        for (name, value) in &self.plain {
            let Some(value) = number(value) else { continue };
            if let Some(field) = recall.find(name) {
                match *name {
                    b"total_system_memory" if !choice.system_metrics => {}
                    b"latest_fork_usec" => page.put(&field.family, [], value / 1e6),
                    _ => page.put(&field.family, [], value),
                }
                if *name == b"uptime_in_seconds"
                    && let Some(now) = self.server_time()
                {
                    page.put(&START, [], now - value);
                }
                continue;
            }
            match *name {
                b"master_link_status" => page.put(&MASTER_LINK, [labels.0, labels.1], value),
                b"master_last_io_seconds_ago" => page.put(&MASTER_IO, [labels.0, labels.1], value),
                b"master_sync_in_progress" => page.put(&MASTER_SYNC, [labels.0, labels.1], value),
                b"slave_repl_offset" => page.put(&SLAVE_OFFSET, [labels.0, labels.1], value),
                _ => {
                    if let Some(rest) = name.strip_prefix(b"cluster_") {
                        page.put_dynamic(&CLUSTER, rest, [], value);
                    } else if let Some(field) = find(MODULE_FIELDS, name) {
                        if choice.modules {
                            page.put(&field.family, [], value);
                        }
                    } else if choice.unmapped {
                        page.put_dynamic(&UNMAPPED, name, [], value);
                    }
                }
            }
        }
    }

    fn put_fragmentation(&self, page: &mut Page) {
        let of = |name: &[u8]| {
            self.plain.iter().find(|(own, _)| *own == name).and_then(|(_, value)| number(value))
        };
        if let (Some(resident), Some(used)) = (of(b"used_memory_rss"), of(b"used_memory"))
            && used > 0.0
        {
            page.put(&FRAGMENTATION, [], resident / used);
        }
    }

    /// The server's own clock, in whole seconds: the start must not move by a little at each scrape.
    fn server_time(&self) -> Option<f64> {
        let (_, value) = self.plain.iter().find(|(name, _)| *name == b"server_time_usec")?;
        Some((number(value)? / 1e6).floor())
    }

    fn put_instance(&self, page: &mut Page) {
        let facts = &self.facts;
        if facts.run_id.is_empty() && facts.redis_version.is_empty() {
            return;
        }
        let Facts { role, redis_version, redis_build_id, mode, os, .. } = facts;
        let Facts { maxmemory_policy, tcp_port, run_id, process_id, master_replid, .. } = facts;
        if facts.valkey_version.is_empty() {
            let labels: [&dyn LabelValue; 10] = [
                role,
                redis_version,
                redis_build_id,
                mode,
                os,
                maxmemory_policy,
                tcp_port,
                run_id,
                process_id,
                master_replid,
            ];
            return page.put(&INSTANCE_REDIS, labels, 1_u8);
        }
        let (version, stage) = (&facts.valkey_version, &facts.valkey_release_stage);
        let labels: [&dyn LabelValue; 12] = [
            role,
            redis_version,
            redis_build_id,
            mode,
            os,
            maxmemory_policy,
            tcp_port,
            run_id,
            process_id,
            master_replid,
            version,
            stage,
        ];
        page.put(&INSTANCE, labels, 1_u8);
    }

    fn put_commands(&self, page: &mut Page) {
        // One text for the four of them, and family by family.
        let mut all = Vec::with_capacity(self.commands.len());
        for command in &self.commands {
            let Ok(labels) = page.label_set(None, [("cmd", &command.name as &dyn LabelValue)]) else {
                return;
            };
            all.push((command, labels));
        }
        let mut put = |family, value: fn(&Command<'_>) -> Option<f64>| {
            for (command, labels) in &all {
                if let Some(value) = value(command) {
                    page.put_set(family, *labels, value);
                }
            }
        };
        put(&CALLS, |command| Some(command.calls as f64));
        put(&CALL_SECONDS, |command| Some(command.usec as f64 / 1e6));
        put(&REJECTED, |command| command.rejected.map(|calls| calls as f64));
        put(&FAILED, |command| command.failed.map(|calls| calls as f64));
        let mut totals = self.totals();
        for Percentiles { name, values } in &self.percentiles {
            let (calls, usec) = totals.of(name);
            let values = super::parts(values)
                .filter_map(|(key, value)| Some((number(key.strip_prefix(b"p")?)?, number(value)?)));
            page.summary(&PERCENTILES, [name], values, calls, usec as f64);
        }
    }

    /// Calls and microseconds by command.
    pub(crate) fn totals(&self) -> Totals<'_> {
        Totals { commands: &self.commands, next: 0 }
    }

    fn put_databases(&self, page: &mut Page, choice: Choice) {
        let shown = |name: &str| self.databases.iter().any(|db| db.name == name.as_bytes());
        let empty: Vec<String> =
            (0..choice.databases).map(|number| format!("db{number}")).filter(|name| !shown(name)).collect();
        for db in &self.databases {
            page.put(&DB_KEYS, [&db.name], db.keys);
        }
        for name in &empty {
            page.put(&DB_KEYS, [name], 0_u8);
        }
        for db in &self.databases {
            page.put(&DB_EXPIRING, [&db.name], db.expires);
        }
        for name in &empty {
            page.put(&DB_EXPIRING, [name], 0_u8);
        }
        for db in &self.databases {
            for (family, value) in [
                (&DB_TTL, db.avg_ttl_ms.map(|ms| ms / 1000.0)),
                (&DB_CACHED, db.cached),
                (&DB_ITEMS, db.expiring_items),
            ] {
                if let Some(value) = value {
                    page.put(family, [&db.name], value);
                }
            }
        }
        for sizes in &self.sizes {
            // `strings_sizes`, `lists_items`, `sets_items`, `zsets_items`, `hashes_items`.
            let at = sizes.kind.iter().rposition(|&byte| byte == b'_').unwrap_or(sizes.kind.len());
            let (kind, unit) = (&sizes.kind[..at], sizes.kind.get(at + 1..).unwrap_or_default());
            for (from, count) in &sizes.counts {
                page.put(&SIZES, [&sizes.db, &kind, &unit, from], *count);
            }
        }
    }

    fn put_replication(&self, page: &mut Page) {
        for replica in &self.replicas {
            if let Some(offset) = replica.offset {
                page.put(&REPLICA_OFFSET, [&replica.ip, &replica.port, &replica.state], offset);
            }
            if let Some(lag) = replica.lag {
                page.put(&REPLICA_LAG, [&replica.ip, &replica.port, &replica.state], lag);
            }
        }
        let facts = &self.facts;
        if facts.role == b"slave" {
            page.put(&SLAVE_INFO, [&facts.master_host, &facts.master_port, &facts.slave_read_only], 1_u8);
        }
        for master in &self.masters {
            page.put(
                &SENTINEL_STATUS,
                [&master.name, &master.address, &master.status],
                master.status == b"ok",
            );
        }
        for master in &self.masters {
            if let Some(slaves) = master.slaves {
                page.put(&SENTINEL_SLAVES, [&master.name, &master.address], slaves);
            }
            if let Some(sentinels) = master.sentinels {
                page.put(&SENTINEL_SENTINELS, [&master.name, &master.address], sentinels);
            }
        }
    }
}
