//! TCP sockets by state: a dump of inet_diag in the host's network, `/proc/net/tcp` of a mounted `/proc` in another one.
//!
//! Either way the kernel walks its whole table of connections, which is sized by the host's memory. The dump asks for both
//! families in one walk, and leaves out the state of sockets that are bound and no more: for those the kernel would walk
//! the table of all ports as well. Above a number of sockets nothing is asked.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, Flag};
use rustix::net::netlink::SOCK_DIAG;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::netlink::{Netlink, NetlinkError, messages, u8_at, u32_at};
use crate::read::{ReadError, Reader};
use crate::source;
use crate::text::{Malformed, fields, hexadecimal, integer, lines};

pub(crate) static TCPSTAT: Collector =
    Collector { name: "tcpstat", enabled: true, families: &[STATES.desc()], dynamic: &[] };

static STATES: Family<1> = Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets by state, and bytes in their queues.",
    &["state"],
);

/// By the kernel's number, which begins with 1.
const NAMES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

const MAX_SOCKETS: &str = "collector.tcpstat.max-sockets";

pub(crate) const FLAGS: &[Flag] =
    &[Flag::value(MAX_SOCKETS, "20000", "Leave tcpstat out while there are more TCP sockets than this.")];

const TCPDIAG_GETSOCK: u16 = 18;
/// One bit a state: those that have a name here, and requests that are half open (12), which the kernel reports as the
/// third.
const STATES_ASKED: u32 = 0x1ffe;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Counts {
    states: [u64; NAMES.len()],
    received: u64,
    sent: u64,
}

impl Counts {
    fn add(&mut self, state: u64, received: u64, sent: u64) {
        if let Some(count) = self.states.get_mut((state as usize).wrapping_sub(1)) {
            *count += 1;
        }
        self.received += received;
        self.sent += sent;
    }
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let limit: u64 = context.settings.number(MAX_SOCKETS)?;
    let sockstat = ["sockstat", "sockstat6"].map(|file| context.proc_net(file));
    let files = ["tcp", "tcp6"].map(|file| context.proc_net(file));
    let mut netlink = context.shares_network().then(|| Netlink::new(Some(SOCK_DIAG)));
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let sockets: u64 = sockstat.iter().map(|path| reader.read(path).map_or(0, sockets)).sum();
        if sockets > limit {
            return Err(CollectError::no_data(format!("{sockets} TCP sockets, and --{MAX_SOCKETS}={limit}")));
        }
        let mut counts = Counts::default();
        match &mut netlink {
            Some(netlink) => ask(netlink, &mut counts)?,
            None => read(&mut reader, &files, &mut counts)?,
        }
        for (name, count) in NAMES.iter().zip(counts.states) {
            sink.put(&STATES, [name], count);
        }
        sink.put(&STATES, [&"rx_queued_bytes"], counts.received);
        sink.put(&STATES, [&"tx_queued_bytes"], counts.sent);
        Ok(())
    }))
}

/// TCP sockets in use or waiting, by a `sockstat` file.
fn sockets(text: &[u8]) -> u64 {
    let tcp = |line: &&[u8]| line.starts_with(b"TCP:") || line.starts_with(b"TCP6:");
    let Some(line) = lines(text).find(tcp) else { return 0 };
    let words: Vec<&[u8]> = fields(line).collect();
    let counted = words.windows(2).filter(|pair| matches!(pair[0], b"inuse" | b"tw"));
    counted.filter_map(|pair| integer(pair[1])).sum()
}

fn ask(netlink: &mut Netlink, counts: &mut Counts) -> Result<(), NetlinkError> {
    // `struct inet_diag_req`: any family and address, no extensions. The newer request is for one family, and each walk
    // through the kernel's table costs the same, however few sockets there are.
    let mut request = [0; 60];
    request[52..56].copy_from_slice(&STATES_ASKED.to_ne_bytes());
    // A count that is torn is one that never was at any moment; so is every count of sockets.
    netlink.dump_each(TCPDIAG_GETSOCK, &request, |piece| {
        let sockets = messages(piece).filter(|message| message.kind == TCPDIAG_GETSOCK);
        sockets.for_each(|socket| count(socket.body, counts));
    })?;
    Ok(())
}

/// A `struct inet_diag_msg`.
fn count(body: &[u8], counts: &mut Counts) {
    if let (Some(state), Some(received), Some(sent)) = (u8_at(body, 1), u32_at(body, 56), u32_at(body, 60)) {
        counts.add(state.into(), received.into(), sent.into());
    }
}

fn read(reader: &mut Reader, files: &[PathBuf], counts: &mut Counts) -> Result<(), ReadError> {
    let absent = |path: &Path, result: Result<(), ReadError>| match result {
        // IPv6 is off.
        Err(error) if error.is_absent() && path.ends_with("tcp6") => Ok(()),
        result => result,
    };
    files.iter().try_for_each(|path| absent(path, reader.parse(path, |text| parse(text, counts))))
}

/// Lines of sockets after a heading: the state is the fourth field, the queues are the fifth.
fn parse(text: &[u8], counts: &mut Counts) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and sockets with state and queues");
    let mut lines = lines(text);
    lines.next().ok_or(MISSING)?;
    for line in lines {
        let mut parts = fields(line).skip(3);
        let state = parts.next().and_then(hexadecimal).ok_or(MISSING)?;
        let queues = parts.next().ok_or(MISSING)?;
        let colon = memchr::memchr(b':', queues).ok_or(MISSING)?;
        let (sent, received) = (hexadecimal(&queues[..colon]), hexadecimal(&queues[colon + 1..]));
        counts.add(state, received.ok_or(MISSING)?, sent.ok_or(MISSING)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_file() {
        let mut counts = Counts::default();
        parse(
            b"sl local\n 0: 0:1 0:0 0A 00000000:00000003 x\n 1: 0:1 0:0 01 00000002:00000000 x\n",
            &mut counts,
        )
        .unwrap();
        assert_eq!((counts.states[0], counts.states[9], counts.sent, counts.received), (1, 1, 2, 3));
        for bad in ["", "sl\n 0: 1 2\n", "sl\n 0: 1 2 0A 3\n"] {
            assert!(parse(bad.as_bytes(), &mut counts).is_err(), "{bad}");
        }
    }

    #[test]
    fn messages_of_the_kernel() {
        let mut counts = Counts::default();
        let mut body = vec![0; 72];
        body[1] = 6;
        body[60..64].copy_from_slice(&5_u32.to_ne_bytes());
        count(&body, &mut counts);
        count(&body[..50], &mut counts);
        assert_eq!((counts.states[5], counts.sent), (1, 5));
    }

    #[test]
    fn sockets_in_use_and_waiting() {
        assert_eq!(sockets(b"sockets: used 9\nTCP: inuse 3 orphan 1 tw 4 alloc 5 mem 6\n"), 7);
        assert_eq!(sockets(b"TCP6: inuse 2\n"), 2);
        assert_eq!(sockets(b""), 0);
    }
}
