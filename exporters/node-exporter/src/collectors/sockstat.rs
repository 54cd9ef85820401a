//! Sockets, from `sockstat` and `sockstat6` in `/proc/net`. The kernel names the families.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Kind, Sink};
use std::path::Path;

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static SOCKSTAT: Collector =
    Collector { name: "sockstat", enabled: true, families: &[], dynamic: &[FIELD.desc()] };

static FIELD: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "node_sockstat_", "Field {} of /proc/net/sockstat.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let paths = ["sockstat", "sockstat6"].map(|file| context.proc_net(file));
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let [v4, v6] = &paths;
        let found = [put(&mut reader, v4, sink)?, put(&mut reader, v6, sink)?];
        if found == [false, false] { Err(CollectError::no_data("no sockstat in /proc/net")) } else { Ok(()) }
    }))
}

/// False if the file is absent: that protocol is off.
fn put(reader: &mut Reader, path: &Path, sink: &mut Sink) -> Result<bool, CollectError> {
    let page = rustix::param::page_size() as u64;
    let mut name = Vec::new();
    let mut field = |protocol: &[u8], key: &[u8], suffix: &[u8], value| {
        name.clear();
        for part in [protocol, b"_", key, suffix] {
            name.extend_from_slice(part);
        }
        sink.put_dynamic(&FIELD, &name, [], value);
    };
    let parsed = reader.parse(path, |text| {
        parse(text, |protocol, key, value| {
            field(protocol, key, b"", value);
            // In pages, unlike `memory`.
            if key == b"mem" {
                field(protocol, key, b"_bytes", value.saturating_mul(page));
            }
        })
    });
    match parsed {
        Ok(()) => Ok(true),
        Err(error) if error.is_absent() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Calls `field` with protocol, key and value: lines like `TCP: inuse 1 mem 2`.
fn parse(text: &[u8], mut field: impl FnMut(&[u8], &[u8], u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `TCP: inuse 1`");
    if text.is_empty() {
        return Err(MISSING);
    }
    for line in lines(text) {
        let mut parts = fields(line);
        let protocol = parts.next().and_then(|name| name.strip_suffix(b":")).ok_or(MISSING)?;
        while let Some(key) = parts.next() {
            // A kernel with a negative count (a short-lived miscount) is not worth losing the rest.
            let value = parts.next().ok_or(MISSING)?;
            if value.starts_with(b"-") {
                continue;
            }
            field(protocol, key, integer(value).ok_or(MISSING)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let mut all = Vec::new();
        parse(b"sockets: used 21\nTCP: inuse 1 mem 2\n", |protocol, key, value| {
            all.push((protocol.to_vec(), key.to_vec(), value));
        })
        .unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[2], (b"TCP".to_vec(), b"mem".to_vec(), 2));
        for bad in ["", "TCP inuse 1\n", "TCP: inuse\n", "TCP: inuse x\n"] {
            assert!(parse(bad.as_bytes(), |_, _, _| {}).is_err(), "{bad}");
        }
    }
}
