//! Size, memory and value of keys: two round trips for any number of them, three where a HyperLogLog is among them.

use exporter_core::{Page, Scrape};
use redis::Value;

use super::list::Key;
use super::nodes::{Ask, IDLE_TIME, Nodes};
use crate::families::families;
use crate::reply;

families! { DESCS:
    SIZE: 2 = gauge("redis_key_size", "Elements of a key, or bytes of a string.", ["db", "key"]);
    MEMORY: 2 = gauge("redis_key_memory_usage_bytes", "Memory of a key, in bytes.", ["db", "key"]);
    VALUE: 2 = gauge("redis_key_value", "The value of a string that is a number.", ["db", "key"]);
    TTL: 2 = gauge("redis_key_ttl_seconds", "How long a key has still to live, in seconds; none where it stays.", ["db", "key"]);
    IDLE: 2 = gauge("redis_key_idle_seconds", "Since a key was last read or written, in seconds.", ["db", "key"]);
    TEXT: 3 = gauge("redis_key_value_as_string", "Another string's value, as a label; always 1.", ["db", "key", "val"]);
}

/// Longer values are no labels.
const LONGEST: &[u8] = b"255";

/// How a HyperLogLog begins.
const HLL: &[u8] = b"HYLL";

/// What is asked for beside type, size and memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extras {
    pub(crate) values: bool,
    /// Time to live, and time since the last use.
    pub(crate) ages: bool,
}

/// What is known of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    pub(crate) size: Option<i64>,
    memory: Option<i64>,
    value: Option<Vec<u8>>,
    ttl_ms: Option<i64>,
    idle: Option<i64>,
    pub(crate) exists: bool,
}

/// The command that tells a type's size.
fn size_command(kind: &[u8]) -> Option<(&'static str, &'static [u8])> {
    Some(match kind {
        b"string" => ("strlen", b"STRLEN"),
        b"list" => ("llen", b"LLEN"),
        b"set" => ("scard", b"SCARD"),
        b"zset" => ("zcard", b"ZCARD"),
        b"hash" => ("hlen", b"HLEN"),
        b"stream" => ("xlen", b"XLEN"),
        _ => return None,
    })
}

/// Looks at keys of one database.
pub(crate) async fn of<'a>(
    nodes: &mut Nodes,
    scrape: &Scrape,
    db: i64,
    keys: &[&'a [u8]],
    extras: Extras,
) -> Vec<Details> {
    let types = keys.iter().map(|key| Ask { key, name: "type", words: vec![b"TYPE", key] });
    let memory =
        keys.iter().map(|key| Ask { key, name: "memory usage", words: vec![b"MEMORY", b"USAGE", key] });
    let mut asks: Vec<_> = types.chain(memory).collect();
    if extras.ages {
        asks.extend(keys.iter().map(|key| Ask { key, name: "pttl", words: vec![b"PTTL", key] }));
        // Where our own reading is a use, the answer would be about us.
        if nodes.leaves_use_alone() {
            let idle =
                |key: &&'a [u8]| Ask { key, name: IDLE_TIME, words: vec![b"OBJECT", b"IDLETIME", key] };
            asks.extend(keys.iter().map(idle));
        }
    }
    let mut first = nodes.ask(scrape, db, &asks).await;
    let mut rest = first.split_off(keys.len());
    let ages = rest.split_off(keys.len());
    let memory = rest;
    let age = |kind: usize, at: usize| ages.get(kind * keys.len() + at)?.as_ref().and_then(reply::integer);
    let mut all: Vec<Details> = Vec::with_capacity(keys.len());
    let mut asks = Vec::new();
    // Which key, and whether it is asked for its size.
    let mut places = Vec::new();
    for (at, (key, (kind, memory))) in keys.iter().zip(first.iter().zip(memory)).enumerate() {
        let kind = kind.as_ref().and_then(reply::bytes).unwrap_or_default();
        let exists = !matches!(kind, b"" | b"none");
        let memory = memory.as_ref().and_then(reply::integer);
        let size = (kind == b"none").then_some(0);
        let (ttl_ms, idle) = (age(0, at), age(1, at));
        all.push(Details { size, memory, value: None, ttl_ms, idle, exists });
        if let Some((name, command)) = size_command(kind) {
            asks.push(Ask { key, name, words: vec![command, key] });
            places.push((at, true));
        }
        if kind == b"string" && extras.values {
            asks.push(Ask { key, name: "getrange", words: vec![b"GETRANGE", key, b"0", LONGEST] });
            places.push((at, false));
        }
    }
    let answers = nodes.ask(scrape, db, &asks).await;
    let mut sketches = Vec::new();
    for ((at, is_size), answer) in places.into_iter().zip(answers) {
        let Some(answer) = answer else { continue };
        if is_size {
            all[at].size = reply::integer(&answer);
        } else if let Value::BulkString(value) = answer {
            if value.starts_with(HLL) {
                sketches.push(at);
            } else {
                all[at].value = Some(value);
            }
        }
    }
    // Only what is a HyperLogLog is counted as one: of any other string that would be an error.
    let asks: Vec<_> = sketches
        .iter()
        .map(|&at| Ask { key: keys[at], name: "pfcount", words: vec![b"PFCOUNT", keys[at]] })
        .collect();
    for (at, answer) in sketches.into_iter().zip(nodes.ask(scrape, db, &asks).await) {
        if let Some(count) = answer.as_ref().and_then(reply::integer) {
            all[at].size = Some(count);
        }
    }
    all
}

impl Details {
    pub(crate) fn put(&self, page: &mut Page, key: &Key) {
        let (db, name) = (key.db_label(), &key.name);
        if let Some(size) = self.size {
            page.put(&SIZE, [&db, name], size);
        }
        if let Some(memory) = self.memory {
            page.put(&MEMORY, [&db, name], memory);
        }
        // Negative without expiry, or without the key.
        if let Some(ttl) = self.ttl_ms.filter(|ttl| *ttl >= 0) {
            page.put(&TTL, [&db, name], ttl as f64 / 1000.0);
        }
        if let Some(idle) = self.idle {
            page.put(&IDLE, [&db, name], idle);
        }
        let Some(value) = &self.value else { return };
        let number = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<f64>().ok());
        if let Some(number) = number {
            page.put(&VALUE, [&db, name], number);
        } else if self.size.is_some_and(|size| usize::try_from(size) == Ok(value.len())) {
            // The whole of it, and nothing longer.
            page.put(&TEXT, [&db, name, value], 1_u8);
        }
    }
}
