//! Protocol counters, from `netstat`, `snmp` and `snmp6` in `/proc/net`. The kernel names the families; a flag
//! selects them.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Flag, Kind, Sink};
use std::path::PathBuf;

use crate::context::Context;
use crate::filter::Filter;
use crate::read::{ReadError, Reader};
use crate::source;
use crate::text::{Malformed, fields, lines, signed};

pub(crate) static NETSTAT: Collector =
    Collector { name: "netstat", enabled: true, families: &[], dynamic: &[FIELD.desc()] };

static FIELD: Dynamic<0> = Dynamic::new(Kind::Untyped, "node_netstat_", "Protocol counter {}.", &[]);

const FIELDS: &str = "collector.netstat.fields";

/// The peer's default and `Tcp_MaxConn`, which a widely used dashboard asks for.
pub(crate) const FLAGS: &[Flag] = &[Flag::value(
    FIELDS,
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
     TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
     Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab|MaxConn)|\
     Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "Protocol counters to report, as a regular expression.",
)];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut reader = Reader::short();
    let mut wanted = Filter::including(&context.settings, FIELDS)?;
    let mut tables = ["netstat", "snmp"].map(|file| Table::new(context.proc_net(file)));
    let snmp6 = context.proc_net("snmp6");
    Ok(source::custom(move |sink| {
        for table in &mut tables {
            table.put(&mut reader, &mut wanted, sink)?;
        }
        let put = |text: &[u8]| {
            parse_snmp6(text, |key, value| {
                if wanted.selects(key) {
                    sink.put_dynamic(&FIELD, key, [], value);
                }
            })
        };
        match reader.parse(&snmp6, put) {
            // IPv6 is off.
            Err(error) if error.is_absent() => Ok(()),
            result => Ok(result?),
        }
    }))
}

/// A file of pairs of lines: headings, values. The headings change with the kernel only, so which columns are wanted is
/// worked out once.
struct Table {
    path: PathBuf,
    headings: Vec<Heading>,
}

#[derive(Default)]
struct Heading {
    line: Vec<u8>,
    /// Column and key of what is wanted.
    columns: Vec<(usize, Vec<u8>)>,
}

impl Table {
    fn new(path: PathBuf) -> Self {
        Self { path, headings: Vec::new() }
    }

    fn put(&mut self, reader: &mut Reader, wanted: &mut Filter, sink: &mut Sink) -> Result<(), ReadError> {
        let headings = &mut self.headings;
        reader.parse(&self.path, |text| {
            for (at, (heading, values)) in pairs(text)?.into_iter().enumerate() {
                if headings.len() <= at {
                    headings.push(Heading::default());
                }
                let known = &mut headings[at];
                if known.line != heading {
                    *known = Heading { line: heading.to_vec(), columns: columns(heading, wanted) };
                }
                known.put(values, sink)?;
            }
            Ok(())
        })
    }
}

impl Heading {
    fn put(&self, values: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
        let mut wanted = self.columns.iter().peekable();
        for (column, value) in fields(values).enumerate() {
            let Some((_, key)) = wanted.next_if(|(wanted, _)| *wanted == column) else { continue };
            let value = signed(value).ok_or(Malformed::new("a number under each heading"))?;
            sink.put_dynamic(&FIELD, key, [], value);
        }
        if wanted.next().is_some() { Err(Malformed::new("a value under each heading")) } else { Ok(()) }
    }
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// Lines two by two, each pair beginning with the same protocol.
fn pairs(text: &[u8]) -> Result<Vec<Pair<'_>>, Malformed> {
    const MISSING: Malformed = Malformed::new("pairs of lines like `Tcp: InSegs` and `Tcp: 1`");
    let mut pairs = Vec::new();
    let mut lines = lines(text);
    while let Some(heading) = lines.next() {
        let values = lines.next().ok_or(MISSING)?;
        if protocol(heading).is_none() || protocol(heading) != protocol(values) {
            return Err(MISSING);
        }
        pairs.push((heading, values));
    }
    if pairs.is_empty() { Err(MISSING) } else { Ok(pairs) }
}

fn protocol(line: &[u8]) -> Option<&[u8]> {
    fields(line).next()?.strip_suffix(b":")
}

fn columns(heading: &[u8], wanted: &mut Filter) -> Vec<(usize, Vec<u8>)> {
    let protocol = protocol(heading).unwrap_or_default();
    let key = |name| [protocol, b"_", name].concat();
    let keys = fields(heading).enumerate().skip(1).map(|(column, name)| (column, key(name)));
    keys.filter(|(_, key)| wanted.selects(key)).collect()
}

/// Lines like `Ip6InReceives 1`; the key is `Ip6_InReceives`.
fn parse_snmp6(text: &[u8], mut field: impl FnMut(&[u8], i64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `Ip6InReceives 1`");
    if text.is_empty() {
        return Err(MISSING);
    }
    let mut key = Vec::new();
    for line in lines(text) {
        let mut parts = fields(line);
        let name = parts.next().ok_or(MISSING)?;
        let value = parts.next().and_then(signed).ok_or(MISSING)?;
        let Some(six) = memchr::memchr(b'6', name) else { continue };
        key.clear();
        key.extend_from_slice(&name[..=six]);
        key.push(b'_');
        key.extend_from_slice(&name[six + 1..]);
        field(&key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_values_go_together() {
        let pairs = pairs(b"Tcp: MaxConn InSegs\nTcp: -1 5\nUdp: InErrors\nUdp: 0\n").unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!(protocol(pairs[0].1), Some(b"Tcp".as_slice()));
        for bad in ["", "Tcp: A\n", "Tcp: A\nUdp: 1\n", "garbage\nmore\n"] {
            assert!(super::pairs(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn six_ends_the_protocol() {
        let mut all = Vec::new();
        parse_snmp6(b"Icmp6InMsgs   3\nUdpLite6InErrors 0\nOther 1\n", |key, value| {
            all.push((String::from_utf8(key.to_vec()).unwrap(), value));
        })
        .unwrap();
        assert_eq!(all, [("Icmp6_InMsgs".into(), 3), ("UdpLite6_InErrors".into(), 0)]);
        assert!(parse_snmp6(b"Icmp6InMsgs\n", |_, _| {}).is_err());
    }
}
