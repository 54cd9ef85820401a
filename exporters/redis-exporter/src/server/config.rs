//! CONFIG GET: the few names that dashboards use, or all of it.

use exporter_core::Page;
use redis::Value;
use std::path::Path;
use std::time::Duration;

use crate::families::families;
use crate::reply;

/// The names that are asked for by default. All of them would cost the server thirty times as much.
pub(super) const NAMES: [&[u8]; 6] = [
    b"maxmemory",
    b"maxclients",
    b"io-threads",
    b"repl-backlog-size",
    b"client-output-buffer-limit",
    b"databases",
];

/// Where the dump is.
pub(super) const DUMP: [&[u8]; 2] = [b"dir", b"dbfilename"];

families! { DESCS:
    MAXMEMORY: 0 = gauge("redis_config_maxmemory", "Configured limit of memory, in bytes; 0 is none.", []);
    MAXCLIENTS: 0 = gauge("redis_config_maxclients", "Configured limit of clients.", []);
    IO_THREADS: 0 = gauge("redis_config_io_threads", "Configured number of I/O threads.", []);
    BACKLOG: 0 = gauge("redis_config_repl_backlog_size", "Configured size of the replication backlog, in bytes.", []);
    LIMIT: 2 = gauge("redis_config_client_output_buffer_limit_bytes", "Output buffer limit by class of client, in bytes; 0 is none.", ["class", "limit"]);
    OVERCOME: 2 = gauge("redis_config_client_output_buffer_limit_overcome_seconds", "How long the soft limit may be exceeded, in seconds.", ["class", "limit"]);
    VALUE: 1 = gauge("redis_config_value", "A numeric setting.", ["key"]);
    KEY_VALUE: 2 = gauge("redis_config_key_value", "A setting; always 1.", ["key", "value"]);
}

/// How long a look at the dump may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Names whose values never leave the server: passwords, and what holds some.
const SECRET: [&[u8]; 5] =
    [b"requirepass", b"masterauth", b"tls-key-file-pass", b"tls-client-key-file-pass", b"sentinel-pass"];

pub(super) fn put<'a>(page: &mut Page, replies: impl Iterator<Item = &'a Value> + Clone, all: bool) {
    let pairs = || {
        replies.clone().flat_map(reply::pairs).filter_map(|(name, value)| Some((name, reply::bytes(value)?)))
    };
    for (name, value) in pairs() {
        if name == b"client-output-buffer-limit" {
            limits(page, value);
            continue;
        }
        let family = match name {
            b"maxmemory" => &MAXMEMORY,
            b"maxclients" => &MAXCLIENTS,
            b"io-threads" => &IO_THREADS,
            b"repl-backlog-size" => &BACKLOG,
            _ => continue,
        };
        if let Some(value) = crate::info::number(value) {
            page.put(family, [], value);
        }
    }
    if !all {
        return;
    }
    let open =
        |name: &[u8]| !SECRET.contains(&name) && !name.ends_with(b"pass") && !name.ends_with(b"password");
    for (name, value) in pairs().filter(|(name, _)| open(name)) {
        page.put(&KEY_VALUE, [&name, &value], 1_u8);
    }
    for (name, value) in pairs().filter(|(name, _)| open(name)) {
        if let Some(value) =
            crate::info::number(value).filter(|_| value.first().is_some_and(|b| !b.is_ascii_alphabetic()))
        {
            page.put(&VALUE, [&name], value);
        }
    }
}

/// The size of the dump, if its file is on this host.
pub(super) async fn rdb_size<'a>(replies: impl Iterator<Item = &'a Value> + Clone) -> Option<u64> {
    let of = |wanted: &[u8]| {
        let (_, value) = replies.clone().flat_map(reply::pairs).find(|(name, _)| *name == wanted)?;
        reply::text(value).map(str::to_owned)
    };
    let path = Path::new(&of(DUMP[0])?).join(of(DUMP[1])?);
    // The folder may be one of a network that hangs.
    let size = tokio::task::spawn_blocking(move || std::fs::metadata(path).map(|file| file.len()));
    tokio::time::timeout(PATIENCE, size).await.ok()?.ok()?.ok()
}

/// `normal 0 0 0 slave 268435456 67108864 60 ...`: class, hard, soft, seconds.
fn limits(page: &mut Page, value: &[u8]) {
    let words: Vec<&[u8]> = value.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    for four in words.chunks_exact(4) {
        let class = four[0];
        let numbers = [1, 2, 3].map(|at| crate::info::number(four[at]));
        let [Some(hard), Some(soft), Some(seconds)] = numbers else { continue };
        page.put(&LIMIT, [&class, &"hard"], hard);
        page.put(&LIMIT, [&class, &"soft"], soft);
        page.put(&OVERCOME, [&class, &"soft"], seconds);
    }
}
