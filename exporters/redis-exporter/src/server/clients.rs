//! CLIENT LIST, with `--export-client-list`: many series that come and go.

use exporter_core::{Family, Page};
use redis::Value;
use std::time::SystemTime;

use crate::families::families;
use crate::info::number;
use crate::reply;

families! { DESCS:
    INFO: 8 = info("redis_connected_client_info", "A client; always 1.", ["id", "name", "user", "flags", "db", "host", "resp", "port"]);
    CREATED: 2 = gauge("redis_connected_client_created_at_timestamp", "When it connected, in seconds since 1970.", ["id", "name"]);
    IDLE: 2 = gauge("redis_connected_client_idle_since_timestamp", "Since when it is idle, in seconds since 1970.", ["id", "name"]);
    SUBSCRIPTIONS: 2 = gauge("redis_connected_client_channel_subscriptions_count", "Its channels.", ["id", "name"]);
    PATTERNS: 2 = gauge("redis_connected_client_pattern_matching_subscriptions_count", "Its channel patterns.", ["id", "name"]);
    SHARDS: 2 = gauge("redis_connected_client_shard_channel_subscriptions_count", "Its shard channels.", ["id", "name"]);
    WATCHED: 2 = gauge("redis_connected_client_shard_channel_watched_keys", "Keys it watches.", ["id", "name"]);
    QUERY: 2 = gauge("redis_connected_client_query_buffer_length_bytes", "Its query buffer, in bytes.", ["id", "name"]);
    QUERY_FREE: 2 = gauge("redis_connected_client_query_buffer_free_space_bytes", "What is free in its query buffer, in bytes.", ["id", "name"]);
    OUTPUT: 2 = gauge("redis_connected_client_output_buffer_length_bytes", "Its output buffer, in bytes.", ["id", "name"]);
    OUTPUT_MEMORY: 2 = gauge("redis_connected_client_output_buffer_memory_usage_bytes", "Memory of its output, in bytes.", ["id", "name"]);
    OUTPUT_LIST: 2 = gauge("redis_connected_client_output_list_length", "Replies that wait for it.", ["id", "name"]);
    MEMORY: 2 = gauge("redis_connected_client_total_memory_consumed_bytes", "All memory it takes, in bytes.", ["id", "name"]);
}

static INFO_NO_PORT: Family<7> = Family::info(
    "redis_connected_client_info",
    "A client; always 1.",
    &["id", "name", "user", "flags", "db", "host", "resp"],
);

pub(super) fn put(page: &mut Page, list: &Value, now: SystemTime, with_port: bool) {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()).floor();
    for line in reply::bytes(list).unwrap_or_default().split(|&byte| byte == b'\n') {
        let of = |wanted: &[u8]| {
            line.split(|&byte| byte == b' ')
                .find_map(|field| field.strip_prefix(wanted)?.strip_prefix(b"="))
                .unwrap_or_default()
        };
        let (id, name) = (of(b"id"), of(b"name"));
        if id.is_empty() {
            continue;
        }
        let address = of(b"addr");
        let colon = address.iter().rposition(|&byte| byte == b':').unwrap_or(address.len());
        let port = address.get(colon + 1..).unwrap_or_default();
        let (user, flags, db, host, resp) =
            (of(b"user"), of(b"flags"), of(b"db"), &address[..colon], of(b"resp"));
        if with_port {
            page.put(&INFO, [&id, &name, &user, &flags, &db, &host, &resp, &port], 1_u8);
        } else {
            page.put(&INFO_NO_PORT, [&id, &name, &user, &flags, &db, &host, &resp], 1_u8);
        }
        for (family, field) in [(&CREATED, &b"age"[..]), (&IDLE, b"idle")] {
            if let Some(seconds) = number(of(field)) {
                page.put(family, [&id, &name], now - seconds);
            }
        }
        for (family, field) in [
            (&SUBSCRIPTIONS, &b"sub"[..]),
            (&PATTERNS, b"psub"),
            (&SHARDS, b"ssub"),
            (&WATCHED, b"watch"),
            (&QUERY, b"qbuf"),
            (&QUERY_FREE, b"qbuf-free"),
            (&OUTPUT, b"obl"),
            (&OUTPUT_MEMORY, b"omem"),
            (&OUTPUT_LIST, b"oll"),
            (&MEMORY, b"tot-mem"),
        ] {
            if let Some(value) = number(of(field)) {
                page.put(family, [&id, &name], value);
            }
        }
    }
}
