//! TCP sockets by state: a dump of inet_diag in the host's network, `/proc/net/tcp` of a mounted `/proc` in another one.
//!
//! Either way the kernel walks its whole table of connections, which is sized by the host's memory. The dump asks for both
//! families in one walk, and leaves out the state of sockets that are bound and no more: for those the kernel would walk
//! the table of all ports as well. Above a number of sockets nothing is asked.
//!
//! With much memory the walk takes as long as a fifth of all the rest. Who has not asked for this collector, which the peer
//! has not on, gets it for a bounded share of the processor: what was counted is shown again for as long as the walk was
//! dear, at most a minute, with the time it is from.

use exporter_core::{CollectError, Collector, ConfigError, Family, Flag, Sink};
use rustix::net::netlink::SOCK_DIAG;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::sockstat;
use crate::context::Context;
use crate::netlink::{Netlink, NetlinkError, messages, u8_at, u32_at};
use crate::read::{ReadError, Reader};
use crate::text::{Malformed, fields, hexadecimal, lines};

pub(crate) static TCPSTAT: Collector =
    Collector { name: "tcpstat", enabled: true, families: &[STATES.desc(), COUNTED.desc()], dynamic: &[] };

static STATES: Family<1> = Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets by state, and bytes in their queues.",
    &["state"],
);

static COUNTED: Family<0> = Family::gauge(
    "node_tcp_connection_states_timestamp_seconds",
    "When the TCP sockets were counted, in Unix time.",
    &[],
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

/// Counts last this many times as long as it took to count: five microseconds in a second are spent at most. Those of a
/// small machine, where it takes twenty, are new at each scrape ...
const LASTS_TIMES: u32 = 200_000;
/// ... and on any machine once a minute, at the usual intervals.
const LASTS: Duration = Duration::from_secs(50);

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

pub(super) struct States {
    limit: u64,
    files: [PathBuf; 2],
    netlink: Option<Netlink>,
    reader: Reader,
    /// Whether counts are new at each scrape.
    always: bool,
    last: Option<Counted>,
}

struct Counted {
    counts: Counts,
    at: SystemTime,
    until: Instant,
}

impl States {
    pub(super) fn new(context: &Context) -> Result<Self, ConfigError> {
        Ok(Self {
            limit: context.settings.number(MAX_SOCKETS)?,
            files: ["tcp", "tcp6"].map(|file| context.proc_net(file)),
            netlink: context.shares_network().then(|| Netlink::new(Some(SOCK_DIAG))),
            reader: Reader::short(),
            always: context.settings.is_set("collector.tcpstat"),
            last: None,
        })
    }

    pub(super) fn put(&mut self, sockets: &sockstat::Counts, sink: &mut Sink) -> Result<(), CollectError> {
        let named = ["TCP_inuse", "TCP_tw", "TCP6_inuse"];
        let sockets: u64 = named.into_iter().filter_map(|name| sockets.get(name)).sum();
        if sockets > self.limit {
            let told = format!("{sockets} TCP sockets, and --{MAX_SOCKETS}={}", self.limit);
            return Err(CollectError::no_data(told));
        }
        let kept = self.last.take().filter(|last| !self.always && Instant::now() < last.until);
        let counted = match kept {
            Some(last) => last,
            None => {
                let (at, began) = (SystemTime::now(), Instant::now());
                let counts = self.count()?;
                Counted { counts, at, until: Instant::now() + lasts(began.elapsed()) }
            }
        };
        let Counted { counts, at, .. } = self.last.insert(counted);
        for (name, count) in NAMES.iter().zip(counts.states) {
            sink.put(&STATES, [name], count);
        }
        sink.put(&STATES, [&"rx_queued_bytes"], counts.received);
        sink.put(&STATES, [&"tx_queued_bytes"], counts.sent);
        sink.put(&COUNTED, [], at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        Ok(())
    }

    fn count(&mut self) -> Result<Counts, CollectError> {
        let mut counts = Counts::default();
        match &mut self.netlink {
            Some(netlink) => ask(netlink, &mut counts)?,
            None => read(&mut self.reader, &self.files, &mut counts)?,
        }
        Ok(counts)
    }
}

fn lasts(took: Duration) -> Duration {
    (took * LASTS_TIMES).min(LASTS)
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
    fn what_was_dear_to_count_lasts() {
        assert_eq!(lasts(Duration::from_micros(20)), Duration::from_secs(4));
        assert_eq!(lasts(Duration::from_micros(200)), Duration::from_secs(40));
        assert_eq!(lasts(Duration::from_secs(3)), LASTS);
    }
}
