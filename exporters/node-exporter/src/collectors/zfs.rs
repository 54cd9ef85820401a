//! ZFS counters and pool states, from `/proc/spl/kstat/zfs`. The module names the families.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Family, Kind, Sink};
use std::path::Path;

use crate::context::Context;
use crate::read::{ReadError, Reader, names, names_or_none};
use crate::source;
use crate::text::{Malformed, fields, lines, signed};

pub(crate) static ZFS: Collector = Collector {
    name: "zfs",
    enabled: true,
    families: &[STATE.desc()],
    dynamic: &[COUNTER.desc(), POOL.desc(), DATASET.desc()],
};

static STATE: Family<2> =
    Family::gauge("node_zfs_zpool_state", "Whether the pool is in this state.", &["state", "zpool"]);
static COUNTER: Dynamic<0> = Dynamic::new(Kind::Untyped, "node_zfs_", "ZFS counter {}.", &[]);
static POOL: Dynamic<1> = Dynamic::new(Kind::Untyped, "node_zfs_zpool_", "ZFS pool counter {}.", &["zpool"]);
static DATASET: Dynamic<2> =
    Dynamic::new(Kind::Untyped, "node_zfs_zpool_dataset_", "ZFS dataset counter {}.", &["dataset", "zpool"]);

const STATES: [&str; 7] = ["degraded", "faulted", "offline", "online", "removed", "suspended", "unavail"];

/// File, and what its counters' names begin with.
const FILES: [(&str, &str); 11] = [
    ("abdstats", "abd_"),
    ("arcstats", "arc_"),
    ("dbufstats", "dbuf_"),
    ("dmu_tx", "dmu_tx_"),
    ("dnodestats", "dnode_"),
    ("fm", "fm_"),
    ("vdev_cache_stats", "vdev_cache_"),
    ("vdev_mirror_stats", "vdev_mirror_"),
    ("xuio_stats", "xuio_"),
    ("zfetchstats", "zfetch_"),
    ("zil", "zil_"),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let root = context.proc("spl/kstat/zfs");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let Some(entries) = names(&root)? else {
            return Err(CollectError::no_data("no ZFS"));
        };
        let mut name = String::new();
        for (file, prefix) in FILES {
            if !entries.iter().any(|entry| entry == file) {
                continue;
            }
            reader.parse(&root.join(file), |text| {
                parse(text, |key, value| {
                    name.clear();
                    name.push_str(prefix);
                    name.push_str(key);
                    sink.put_dynamic(&COUNTER, name.as_bytes(), [], value);
                })
            })?;
        }
        for pool in entries.into_iter().filter_map(|entry| entry.into_string().ok()) {
            let directory = root.join(&pool);
            if directory.is_dir() {
                put_pool(&pool, &directory, &mut reader, sink)?;
            }
        }
        Ok(())
    }))
}

fn put_pool(pool: &str, directory: &Path, reader: &mut Reader, sink: &mut Sink) -> Result<(), ReadError> {
    if let Some(current) = reader.text(&directory.join("state")) {
        for state in STATES {
            sink.put(&STATE, [&state, &pool], current.eq_ignore_ascii_case(state));
        }
    }
    for file in names_or_none(directory) {
        let path = directory.join(&file);
        if file == "io" {
            reader.parse(&path, |text| {
                parse_io(text, |key, value| sink.put_dynamic(&POOL, key, [&pool], value))
            })?;
        } else if file.starts_with("objset-") {
            reader.parse(&path, |text| {
                let dataset = dataset(text).unwrap_or_default();
                parse(text, |key, value| {
                    if !key.starts_with("zil_") {
                        sink.put_dynamic(&DATASET, key.as_bytes(), [&dataset, &pool], value);
                    }
                })
            })?;
        }
    }
    Ok(())
}

/// A kstat: two lines of heading, then name, type and value. Calls `each` with the numbers.
fn parse(text: &[u8], mut each: impl FnMut(&str, i64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines of name, type and data");
    let heading = lines(text).nth(1).ok_or(MISSING)?;
    if fields(heading).next() != Some(b"name") {
        return Err(MISSING);
    }
    for line in lines(text).skip(2) {
        let mut parts = fields(line);
        let (name, kind, value) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(kind), Some(value)) = (name, kind, value) else { return Err(MISSING) };
        // Signed and unsigned 64-bit numbers; the rest are texts.
        if matches!(kind, b"3" | b"4") {
            let name = std::str::from_utf8(name).map_err(|_| MISSING)?;
            each(name, signed(value).unwrap_or(i64::MAX));
        }
    }
    Ok(())
}

fn dataset(text: &[u8]) -> Option<String> {
    let line = lines(text).find(|line| line.starts_with(b"dataset_name"))?;
    fields(line).nth(2).map(|name| String::from_utf8_lossy(name).into_owned())
}

/// One line of heading, one of names, one of values.
fn parse_io(text: &[u8], mut each: impl FnMut(&[u8], i64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("a line of names and a line of values");
    let mut lines = lines(text).skip(1);
    let (names, values) = (lines.next().ok_or(MISSING)?, lines.next().ok_or(MISSING)?);
    let mut values = fields(values);
    for name in fields(names) {
        each(name, values.next().and_then(signed).ok_or(MISSING)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kstats() {
        let text = b"6 1 0x01 91 4368 526 979\nname type data\nhits 4 8772612\nneed -1 x\nfree 3 -5\n";
        let mut all = Vec::new();
        parse(text, |name, value| all.push((name.to_owned(), value))).unwrap();
        assert_eq!(all, [("hits".into(), 8_772_612), ("free".into(), -5)]);
        for bad in ["", "6 1\n", "6 1\nhits 4 1\n", "6 1\nname type data\nhits 4\n"] {
            assert!(parse(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }

    #[test]
    fn pools() {
        let mut all = Vec::new();
        parse_io(b"12 3 0x00\nnread nwritten\n1884160 3206144\n", |name, value| {
            all.push((name.to_vec(), value))
        })
        .unwrap();
        assert_eq!(all, [(b"nread".to_vec(), 1_884_160), (b"nwritten".to_vec(), 3_206_144)]);
        assert!(parse_io(b"12\nnread nwritten\n1\n", |_, _| {}).is_err());
        assert_eq!(dataset(b"1\nname type data\ndataset_name 7 pool/a\n").as_deref(), Some("pool/a"));
    }
}
