//! Sockets, from `sockstat` and `sockstat6` in `/proc/net`. The kernel names the families.
//!
//! How many there are tells two neighbours, `tcpstat` and `udp_queues`, whether to look at each.

use exporter_core::{
    BlockingSource, BoxedSource, CollectError, Collector, ConfigError, Dynamic, Kind, Scrape, Sink,
};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{tcpstat, udp_queues};
use crate::context::Context;
use crate::read::Reader;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static SOCKSTAT: Collector =
    Collector { name: "sockstat", enabled: true, families: &[], dynamic: &[FIELD.desc()] };

static FIELD: Dynamic<0> =
    Dynamic::new(Kind::Gauge, "node_sockstat_", "Field {} of /proc/net/sockstat.", &[]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(BoxedSource::blocking(Sockets {
        paths: ["sockstat", "sockstat6"].map(|file| context.proc_net(file)),
        reader: Reader::short(),
        counts: Counts::default(),
        tcp: tcpstat::States::new(context)?,
        udp: udp_queues::Queues::new(context),
    }))
}

struct Sockets {
    paths: [PathBuf; 2],
    reader: Reader,
    counts: Counts,
    tcp: tcpstat::States,
    udp: udp_queues::Queues,
}

impl BlockingSource for Sockets {
    fn collect(&mut self, _: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Self { paths, reader, counts, tcp, udp } = self;
        let read = counts.read(reader, paths);
        sink.collector(&SOCKSTAT, |sink| {
            read?;
            counts.put(sink);
            Ok(())
        });
        sink.collector(&tcpstat::TCPSTAT, |sink| tcp.put(counts, sink));
        sink.collector(&udp_queues::UDP_QUEUES, |sink| udp.put(counts, sink));
        Ok(())
    }
}

/// What both files say, in their order.
#[derive(Debug, Default)]
pub(super) struct Counts {
    names: Vec<u8>,
    values: Vec<(Range<usize>, u64)>,
}

impl Counts {
    /// The field of this name, such as `TCP_inuse`; `None` where that protocol is off, or the file cannot be read.
    pub(super) fn get(&self, name: &str) -> Option<u64> {
        let named = self.values.iter().find(|(range, _)| self.names[range.clone()] == *name.as_bytes());
        named.map(|(_, value)| *value)
    }

    fn read(&mut self, reader: &mut Reader, paths: &[PathBuf; 2]) -> Result<(), CollectError> {
        self.names.clear();
        self.values.clear();
        let [v4, v6] = paths;
        let found = [self.add(reader, v4)?, self.add(reader, v6)?];
        if found == [false, false] { Err(CollectError::no_data("no sockstat in /proc/net")) } else { Ok(()) }
    }

    /// False if the file is absent: that protocol is off.
    fn add(&mut self, reader: &mut Reader, path: &Path) -> Result<bool, CollectError> {
        let parsed = reader.parse(path, |text| {
            parse(text, |protocol, key, value| {
                let start = self.names.len();
                for part in [protocol, b"_", key] {
                    self.names.extend_from_slice(part);
                }
                self.values.push((start..self.names.len(), value));
            })
        });
        match parsed {
            Ok(()) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn put(&self, sink: &mut Sink) {
        let page = rustix::param::page_size() as u64;
        for (range, value) in &self.values {
            let name = &self.names[range.clone()];
            sink.put_dynamic(&FIELD, name, [], *value);
            // In pages, unlike `memory`.
            if name.ends_with(b"_mem") {
                let name = [name, b"_bytes"].concat();
                sink.put_dynamic(&FIELD, &name, [], value.saturating_mul(page));
            }
        }
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
