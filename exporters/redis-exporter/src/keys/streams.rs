//! Streams, their groups and consumers, by XINFO.

use exporter_core::{Page, Scrape};
use redis::Value;

use super::list::Key;
use super::nodes::{Ask, Nodes};
use crate::families::families;
use crate::reply;

families! { DESCS:
    LENGTH: 2 = gauge("redis_stream_length", "Entries of a stream.", ["db", "stream"]);
    RADIX_KEYS: 2 = gauge("redis_stream_radix_tree_keys", "Keys of the stream's tree.", ["db", "stream"]);
    RADIX_NODES: 2 = gauge("redis_stream_radix_tree_nodes", "Nodes of the stream's tree.", ["db", "stream"]);
    LAST_ID: 2 = gauge("redis_stream_last_generated_id", "Milliseconds of the id that was given last.", ["db", "stream"]);
    DELETED_ID: 2 = gauge("redis_stream_max_deleted_entry_id", "Milliseconds of the largest id that was deleted.", ["db", "stream"]);
    FIRST_ENTRY: 2 = gauge("redis_stream_first_entry_id", "Milliseconds of the first entry's id.", ["db", "stream"]);
    LAST_ENTRY: 2 = gauge("redis_stream_last_entry_id", "Milliseconds of the last entry's id.", ["db", "stream"]);
    GROUPS: 2 = gauge("redis_stream_groups", "Consumer groups of a stream.", ["db", "stream"]);
    ADDED: 2 = counter("redis_stream_entries_added_total", "Entries added to a stream.", ["db", "stream"]);
    CONSUMERS: 3 = gauge("redis_stream_group_consumers", "Consumers of a group.", ["db", "stream", "group"]);
    PENDING: 3 = gauge("redis_stream_group_messages_pending", "Delivered and not acknowledged, by group.", ["db", "stream", "group"]);
    DELIVERED: 3 = gauge("redis_stream_group_last_delivered_id", "Milliseconds of the id delivered last.", ["db", "stream", "group"]);
    READ: 3 = gauge("redis_stream_group_entries_read", "Entries a group has read.", ["db", "stream", "group"]);
    LAG: 3 = gauge("redis_stream_group_lag", "Entries a group has still to read.", ["db", "stream", "group"]);
    CONSUMER_PENDING: 4 = gauge("redis_stream_group_consumer_messages_pending", "Delivered and not acknowledged, by consumer.", ["db", "stream", "group", "consumer"]);
    CONSUMER_IDLE: 4 = gauge("redis_stream_group_consumer_idle_seconds", "Since a consumer last tried, in seconds.", ["db", "stream", "group", "consumer"]);
}

/// Puts these streams, all of one database; two round trips.
pub(crate) async fn put(
    page: &mut Page,
    nodes: &mut Nodes,
    scrape: &Scrape,
    db: i64,
    keys: &[&Key],
    with_consumers: bool,
) {
    let ask = |key, command| Ask { key, name: "xinfo", words: vec![&b"XINFO"[..], command, key] };
    let asks: Vec<_> =
        keys.iter().flat_map(|key| [ask(&key.name, b"STREAM"), ask(&key.name, b"GROUPS")]).collect();
    let answers = nodes.ask(scrape, db, &asks).await;
    let label = format!("db{db}");
    let mut groups: Vec<(&Key, Vec<u8>)> = Vec::new();
    for (key, answer) in keys.iter().zip(answers.chunks_exact(2)) {
        if let Some(stream) = &answer[0] {
            put_stream(page, &label, &key.name, stream);
        }
        for group in answer[1].iter().flat_map(reply::items) {
            let Some(name) = reply::field(group, "name").and_then(reply::bytes) else { continue };
            put_group(page, &label, &key.name, name, group);
            groups.push((key, name.to_vec()));
        }
    }
    if !with_consumers {
        return;
    }
    let asks: Vec<_> = groups
        .iter()
        .map(|(key, group)| Ask {
            key: &key.name,
            name: "xinfo",
            words: vec![b"XINFO", b"CONSUMERS", &key.name, group],
        })
        .collect();
    let answers = nodes.ask(scrape, db, &asks).await;
    for ((key, group), answer) in groups.iter().zip(&answers) {
        for consumer in answer.iter().flat_map(reply::items) {
            let Some(name) = reply::field(consumer, "name").and_then(reply::bytes) else { continue };
            let labels: [&dyn exporter_core::LabelValue; 4] = [&label, &key.name, group, &name];
            if let Some(pending) = reply::field(consumer, "pending").and_then(reply::integer) {
                page.put(&CONSUMER_PENDING, labels, pending);
            }
            if let Some(idle) = reply::field(consumer, "idle").and_then(reply::number) {
                page.put(&CONSUMER_IDLE, labels, idle / 1000.0);
            }
        }
    }
}

fn put_stream(page: &mut Page, db: &String, name: &Vec<u8>, stream: &Value) {
    for (family, field) in [
        (&LENGTH, "length"),
        (&RADIX_KEYS, "radix-tree-keys"),
        (&RADIX_NODES, "radix-tree-nodes"),
        (&GROUPS, "groups"),
        (&ADDED, "entries-added"),
    ] {
        if let Some(value) = reply::field(stream, field).and_then(reply::integer) {
            page.put(family, [db, name], value);
        }
    }
    for (family, field) in [(&LAST_ID, "last-generated-id"), (&DELETED_ID, "max-deleted-entry-id")] {
        if let Some(id) = reply::field(stream, field).and_then(milliseconds) {
            page.put(family, [db, name], id);
        }
    }
    for (family, field) in [(&FIRST_ENTRY, "first-entry"), (&LAST_ENTRY, "last-entry")] {
        let entry = reply::field(stream, field).map(reply::items).unwrap_or_default();
        // As the peer: 0 in an empty stream.
        page.put(family, [db, name], entry.first().and_then(milliseconds).unwrap_or(0.0));
    }
}

fn put_group(page: &mut Page, db: &String, stream: &Vec<u8>, name: &[u8], group: &Value) {
    for (family, field) in
        [(&CONSUMERS, "consumers"), (&PENDING, "pending"), (&READ, "entries-read"), (&LAG, "lag")]
    {
        if let Some(value) = reply::field(group, field).and_then(reply::integer) {
            page.put(family, [db, stream, &name], value);
        }
    }
    if let Some(id) = reply::field(group, "last-delivered-id").and_then(milliseconds) {
        page.put(&DELIVERED, [db, stream, &name], id);
    }
}

/// The first part of `1526569495631-0`.
fn milliseconds(id: &Value) -> Option<f64> {
    reply::text(id)?.split('-').next()?.parse().ok()
}
