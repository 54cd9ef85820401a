//! INFO: one pass over its lines, every field by its name. Servers differ in what they say and in what order.

pub(crate) mod fields;
mod number;
pub(crate) mod put;
mod recall;

use std::cmp::Ordering;

use crate::session::{Mode, Server};
use number::whole;
pub(crate) use number::{number, parts};
pub(crate) use recall::Recall;

/// What one INFO says, sorted by what it becomes.
#[derive(Debug, Default)]
pub(crate) struct Info<'a> {
    /// Fields of one value.
    pub(crate) plain: Vec<(&'a [u8], &'a [u8])>,
    /// In the order of their labels.
    pub(crate) commands: Vec<Command<'a>>,
    pub(crate) percentiles: Vec<Percentiles<'a>>,
    pub(crate) errors: Vec<(&'a [u8], u64)>,
    pub(crate) databases: Vec<Database<'a>>,
    pub(crate) replicas: Vec<Replica<'a>>,
    pub(crate) masters: Vec<SentinelMaster<'a>>,
    pub(crate) modules: Vec<&'a [u8]>,
    /// `db0_distrib_strings_sizes`: type and unit, and counts by power of two.
    pub(crate) sizes: Vec<Sizes<'a>>,
    /// `io_thread_0` of Redis: clients, reads, writes.
    pub(crate) threads: Vec<(&'a [u8], [Option<f64>; 3])>,
    /// `used_active_time_io_thread_1` of Valkey.
    pub(crate) active: Vec<(&'a [u8], f64)>,
    pub(crate) facts: Facts<'a>,
}

/// Fields that become labels or decide about others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) role: &'a [u8],
    pub(crate) redis_version: &'a [u8],
    pub(crate) redis_build_id: &'a [u8],
    pub(crate) mode: &'a [u8],
    pub(crate) os: &'a [u8],
    pub(crate) maxmemory_policy: &'a [u8],
    pub(crate) tcp_port: &'a [u8],
    pub(crate) run_id: &'a [u8],
    pub(crate) process_id: &'a [u8],
    pub(crate) master_replid: &'a [u8],
    pub(crate) valkey_version: &'a [u8],
    pub(crate) valkey_release_stage: &'a [u8],
    pub(crate) master_host: &'a [u8],
    pub(crate) master_port: &'a [u8],
    pub(crate) slave_read_only: &'a [u8],
    pub(crate) is_loading: bool,
    pub(crate) is_cluster: bool,
}

/// `cmdstat_*`.
#[derive(Debug, Default)]
pub(crate) struct Command<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) calls: u64,
    pub(crate) usec: u64,
    pub(crate) rejected: Option<u64>,
    pub(crate) failed: Option<u64>,
}

/// `latency_percentiles_usec_*`.
#[derive(Debug)]
pub(crate) struct Percentiles<'a> {
    pub(crate) name: &'a [u8],
    /// `p50=1.003,p99=1.003`.
    pub(crate) values: &'a [u8],
}

/// `dbN`.
#[derive(Debug, Default)]
pub(crate) struct Database<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) keys: f64,
    pub(crate) expires: f64,
    pub(crate) avg_ttl_ms: Option<f64>,
    pub(crate) cached: Option<f64>,
    /// `subexpiry` of Redis, `keys_with_volatile_items` of Valkey.
    pub(crate) expiring_items: Option<f64>,
}

/// `slaveN` of a master.
#[derive(Debug, Default)]
pub(crate) struct Replica<'a> {
    pub(crate) ip: &'a [u8],
    pub(crate) port: &'a [u8],
    pub(crate) state: &'a [u8],
    pub(crate) offset: Option<f64>,
    pub(crate) lag: Option<f64>,
}

/// `masterN` of a sentinel.
#[derive(Debug, Default)]
pub(crate) struct SentinelMaster<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) status: &'a [u8],
    pub(crate) address: &'a [u8],
    pub(crate) slaves: Option<f64>,
    pub(crate) sentinels: Option<f64>,
}

/// How many keys of a database have about this size, by powers of two.
#[derive(Debug)]
pub(crate) struct Sizes<'a> {
    pub(crate) db: &'a [u8],
    pub(crate) kind: &'a [u8],
    pub(crate) counts: Vec<(u64, u64)>,
}

impl<'a> Info<'a> {
    /// Never fails: a line that makes no sense is no reason to lose the others.
    pub(crate) fn parse(text: &'a [u8]) -> Self {
        let mut info = Self::default();
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
        for line in ends.map(|end| &text[std::mem::replace(&mut start, end + 1)..end]) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.first().is_none_or(|&byte| byte == b'#') {
                continue;
            }
            // A command's name may hold colons, a field's may not; the statistics behind it never do.
            let colon = if line.starts_with(b"cmdstat_") || line.starts_with(b"latency_percentiles_usec_") {
                memchr::memrchr(b':', line)
            } else {
                memchr::memchr(b':', line)
            };
            if let Some(colon) = colon {
                info.line(&line[..colon], &line[colon + 1..]);
            }
        }
        info.commands.sort_unstable_by(|a, b| by_label(a.name, b.name));
        info.percentiles.sort_unstable_by(|a, b| by_label(a.name, b.name));
        info
    }

    fn line(&mut self, name: &'a [u8], value: &'a [u8]) {
        if let Some(command) = name.strip_prefix(b"cmdstat_") {
            self.commands.push(command_stats(command, value));
        } else if let Some(command) = name.strip_prefix(b"latency_percentiles_usec_") {
            self.percentiles.push(Percentiles { name: command, values: value });
        } else if let Some(error) = name.strip_prefix(b"errorstat_") {
            let count = parts(value).find(|(key, _)| *key == b"count").and_then(|(_, n)| whole(n));
            self.errors.extend(count.map(|count| (error, count)));
        } else if let Some(rest) = numbered(name, b"db") {
            match rest.strip_prefix(b"_distrib_") {
                None if rest.is_empty() => self.databases.extend(database(name, value)),
                Some(kind) => self.sizes.push(sizes(&name[..name.len() - rest.len()], kind, value)),
                None => {}
            }
        } else if numbered(name, b"slave") == Some(b"") && value.contains(&b'=') {
            self.replicas.push(replica(value));
        } else if numbered(name, b"master") == Some(b"") {
            self.masters.push(sentinel_master(value));
        } else if numbered(name, b"io_thread_") == Some(b"") {
            let of =
                |wanted: &[u8]| parts(value).find(|(key, _)| *key == wanted).and_then(|(_, n)| number(n));
            self.threads.push((&name[b"io_thread_".len()..], [of(b"clients"), of(b"reads"), of(b"writes")]));
        } else if let Some(thread) = name.strip_prefix(b"used_active_time_io_thread_") {
            self.active.extend(number(value).map(|seconds| (thread, seconds)));
        } else if name == b"module" {
            self.modules.push(value);
        } else {
            self.fact(name, value);
            self.plain.push((name, value));
        }
    }

    fn fact(&mut self, name: &[u8], value: &'a [u8]) {
        let facts = &mut self.facts;
        let place = match name {
            b"role" => &mut facts.role,
            b"redis_version" => &mut facts.redis_version,
            b"redis_build_id" => &mut facts.redis_build_id,
            b"redis_mode" | b"server_mode" => &mut facts.mode,
            b"os" => &mut facts.os,
            b"maxmemory_policy" => &mut facts.maxmemory_policy,
            b"tcp_port" => &mut facts.tcp_port,
            b"run_id" => &mut facts.run_id,
            b"process_id" => &mut facts.process_id,
            b"master_replid" => &mut facts.master_replid,
            b"valkey_version" => &mut facts.valkey_version,
            b"valkey_release_stage" => &mut facts.valkey_release_stage,
            b"master_host" => &mut facts.master_host,
            b"master_port" => &mut facts.master_port,
            b"slave_read_only" => &mut facts.slave_read_only,
            b"loading" => {
                facts.is_loading = value == b"1";
                return;
            }
            b"cluster_enabled" => {
                facts.is_cluster = value == b"1";
                return;
            }
            _ => return,
        };
        *place = value;
    }
}

/// The order in which samples cost the least to write: that of their labels, by length first.
pub(crate) fn by_label(a: &[u8], b: &[u8]) -> Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}

/// What `INFO SERVER` says about version and kind.
pub(crate) fn server(text: &[u8]) -> Server {
    let info = Info::parse(text);
    let mode = match info.facts.mode {
        b"cluster" => Mode::Cluster,
        b"sentinel" => Mode::Sentinel,
        _ => Mode::Standalone,
    };
    let mut numbers = info.facts.redis_version.split(|&byte| byte == b'.');
    let mut next = || numbers.next().and_then(whole).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Server { version: (next(), next()), mode }
}

/// What follows `prefix` and at least one digit.
#[inline]
fn numbered<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    // Nearly all names begin otherwise.
    if name.first() != prefix.first() {
        return None;
    }
    let rest = name.strip_prefix(prefix)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &rest[digits..])
}

fn command_stats<'a>(name: &'a [u8], value: &'a [u8]) -> Command<'a> {
    let mut command = Command { name, ..Command::default() };
    for (key, value) in parts(value) {
        match key {
            b"calls" => command.calls = whole(value).unwrap_or(0),
            b"usec" => command.usec = whole(value).unwrap_or(0),
            b"rejected_calls" => command.rejected = whole(value),
            b"failed_calls" => command.failed = whole(value),
            _ => {}
        }
    }
    command
}

fn database<'a>(name: &'a [u8], value: &'a [u8]) -> Option<Database<'a>> {
    let mut database = Database { name, ..Database::default() };
    let mut has_keys = false;
    for (key, value) in parts(value) {
        match key {
            b"keys" => {
                database.keys = number(value)?;
                has_keys = true;
            }
            b"expires" => database.expires = number(value)?,
            b"avg_ttl" => database.avg_ttl_ms = number(value),
            b"cached_keys" => database.cached = number(value),
            b"subexpiry" | b"keys_with_volatile_items" => database.expiring_items = number(value),
            _ => {}
        }
    }
    has_keys.then_some(database)
}

fn replica<'a>(value: &'a [u8]) -> Replica<'a> {
    let mut replica = Replica::default();
    for (key, value) in parts(value) {
        match key {
            b"ip" => replica.ip = value,
            b"port" => replica.port = value,
            b"state" => replica.state = value,
            b"offset" => replica.offset = number(value),
            b"lag" => replica.lag = number(value),
            _ => {}
        }
    }
    replica
}

fn sentinel_master<'a>(value: &'a [u8]) -> SentinelMaster<'a> {
    let mut master = SentinelMaster::default();
    for (key, value) in parts(value) {
        match key {
            b"name" => master.name = value,
            b"status" => master.status = value,
            b"address" => master.address = value,
            b"slaves" => master.slaves = number(value),
            b"sentinels" => master.sentinels = number(value),
            _ => {}
        }
    }
    master
}

/// Above this a count has wrapped below zero, which Redis 8.0 is seen to do.
const WRAPPED: u64 = 1 << 62;

fn sizes<'a>(db: &'a [u8], kind: &'a [u8], value: &'a [u8]) -> Sizes<'a> {
    let counts = parts(value).filter_map(|(size, count)| {
        // `1K` and the like; what is malformed (`1=12=1`) is left out.
        let (digits, unit) = match size.split_last()? {
            (b'K', digits) => (digits, 1_u64 << 10),
            (b'M', digits) => (digits, 1 << 20),
            (b'G', digits) => (digits, 1 << 30),
            (b'T', digits) => (digits, 1 << 40),
            _ => (size, 1),
        };
        let count = whole(count).filter(|count| *count < WRAPPED)?;
        Some((whole(digits)?.checked_mul(unit)?, count))
    });
    Sizes { db, kind, counts: counts.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_kinds() {
        let of = |text: &str| server(text.as_bytes());
        assert_eq!(of("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n").version, (7, 0));
        let valkey = of("redis_version:7.2.4\r\nserver_name:valkey\r\nserver_mode:cluster\r\n");
        assert_eq!(valkey, Server { version: (7, 2), mode: Mode::Cluster });
        assert_eq!(of("redis_version:999999.x\r\n").version, (999_999, 0));
        assert_eq!(of(""), Server::default());
    }

    #[test]
    fn keyspace_by_name_not_by_place() {
        let text = b"db0:keys=3,expires=1,avg_ttl=99,subexpiry=2\r\ndb1:avg_ttl=0,keys_with_volatile_items=4,expires=0,keys=7\r\ndb2:nothing\r\n";
        let info = Info::parse(text);
        let rows: Vec<_> = info.databases.iter().map(|db| (db.keys, db.expiring_items, db.cached)).collect();
        assert_eq!(rows, [(3.0, Some(2.0), None), (7.0, Some(4.0), None)]);
    }

    #[test]
    fn sizes_that_wrapped_or_are_malformed_are_dropped() {
        let info = Info::parse(b"db0_distrib_lists_items:0=18446744073709551615,1=12=1,2=5,4K=1\r\n");
        assert_eq!(info.sizes[0].counts, [(2, 5), (4096, 1)]);
        assert_eq!((info.sizes[0].db, info.sizes[0].kind), (&b"db0"[..], &b"lists_items"[..]));
    }

    #[test]
    fn commands_with_colons_and_bars() {
        let info = Info::parse(b"cmdstat_my:mod|x:calls=2,usec=30,usec_per_call=15.00\r\n");
        assert_eq!((info.commands[0].name, info.commands[0].calls), (&b"my:mod|x"[..], 2));
        assert_eq!(info.commands[0].rejected, None);
    }

    #[test]
    fn totals_are_found_in_any_order() {
        let text: String = (0..50).map(|n| format!("cmdstat_c{n}:calls={n},usec={}\r\n", n * 2)).collect();
        let info = Info::parse(text.as_bytes());
        for order in
            [Vec::from_iter(0..50), (0..50).rev().collect(), (0..50).step_by(7).chain([3, 3]).collect()]
        {
            let mut totals = info.totals();
            for n in order {
                assert_eq!(totals.of(format!("c{n}").as_bytes()), (n, n * 2));
                assert_eq!(totals.of(b"nothing"), (0, 0));
            }
        }
    }

    #[test]
    fn garbage_does_no_harm() {
        for text in
            [&b"\0\xff:\xfe"[..], b":::", b"cmdstat_", b"slave0:=", b"db:", b"db0:keys=,", b"io_thread_:x"]
        {
            let _ = Info::parse(text);
        }
    }
}
