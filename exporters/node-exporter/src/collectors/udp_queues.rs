//! Bytes waiting in UDP sockets, from `udp` and `udp6` in `/proc/net`.

use exporter_core::{CollectError, Collector, Family, Sink};
use std::path::PathBuf;

use super::sockstat::Counts;
use crate::context::Context;
use crate::read::Reader;
use crate::text::{Malformed, fields, hexadecimal, lines};

pub(crate) static UDP_QUEUES: Collector =
    Collector { name: "udp_queues", enabled: true, families: &[QUEUES.desc()], dynamic: &[] };

static QUEUES: Family<2> = Family::gauge("node_udp_queues", "Bytes queued in UDP sockets.", &["ip", "queue"]);

pub(super) struct Queues {
    /// Name, the count of its sockets, and the list of them.
    files: [(&'static str, &'static str, PathBuf); 2],
    reader: Reader,
}

impl Queues {
    pub(super) fn new(context: &Context) -> Self {
        let file = |ip, count, file| (ip, count, context.proc_net(file));
        Self {
            files: [file("v4", "UDP_inuse", "udp"), file("v6", "UDP6_inuse", "udp6")],
            reader: Reader::short(),
        }
    }

    pub(super) fn put(&mut self, sockets: &Counts, sink: &mut Sink) -> Result<(), CollectError> {
        let mut found = false;
        for (ip, count, path) in &self.files {
            // To list none, the kernel would walk through its whole table.
            let sums = match sockets.get(count) {
                Some(0) => Ok((0, 0)),
                _ => self.reader.parse(path, parse),
            };
            match sums {
                Ok((sent, received)) => {
                    found = true;
                    sink.put(&QUEUES, [ip, &"tx"], sent);
                    sink.put(&QUEUES, [ip, &"rx"], received);
                }
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if found { Ok(()) } else { Err(CollectError::no_data("no UDP in /proc/net")) }
    }
}

/// The sums of the transmit and the receive queues, in bytes: the fifth field of each line but the first.
fn parse(text: &[u8]) -> Result<(u64, u64), Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and sockets with tx_queue:rx_queue");
    let mut lines = lines(text);
    lines.next().ok_or(MISSING)?;
    let mut sums = (0_u64, 0_u64);
    for line in lines {
        let queues = fields(line).nth(4).ok_or(MISSING)?;
        let colon = memchr::memchr(b':', queues).ok_or(MISSING)?;
        sums.0 += hexadecimal(&queues[..colon]).ok_or(MISSING)?;
        sums.1 += hexadecimal(&queues[colon + 1..]).ok_or(MISSING)?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let text = b"sl local rem st queues\n 1: 0:1 0:0 07 0000000A:00000001 x\n 2: 0:1 0:0 07 00000001:00000002 x\n";
        assert_eq!(parse(text), Ok((11, 3)));
        assert_eq!(parse(b"sl\n"), Ok((0, 0)));
        for bad in ["", "sl\n1 2\n", "sl\n1 2 3 4 5\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
