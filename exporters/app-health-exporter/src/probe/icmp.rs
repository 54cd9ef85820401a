//! The icmp prober: one echo request.

use exporter_core::{Collector, Family, Page};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::socket::Socket;
use super::{ADDRESS, COMMON, Probe, put_address, within};
use crate::config::options::Icmp;
use crate::net::dial::{self, Stage};
use crate::net::{Failure, Reason};

pub(crate) static ICMP: Collector = Collector {
    name: "icmp",
    enabled: true,
    families: &[
        COMMON[0],
        COMMON[1],
        COMMON[2],
        ADDRESS[0],
        ADDRESS[1],
        ADDRESS[2],
        PHASES.desc(),
        HOP_LIMIT.desc(),
    ],
    dynamic: &[],
};

static PHASES: Family<1> =
    Family::gauge("probe_icmp_duration_seconds", "How long each phase took, in seconds.", &["phase"]);
static HOP_LIMIT: Family<0> =
    Family::gauge("probe_icmp_reply_hop_limit", "Hops that the reply had left (TTL).", &[]);

/// What is sent without a configured size.
const PAYLOAD: &[u8] = b"app-health-exporter echo";
/// Larger ones do not fit into a packet.
const MAX_PAYLOAD: usize = 65_000;

#[derive(Default)]
struct Trace {
    stage: Stage,
    lookup: Duration,
    setup: Duration,
    rtt: Duration,
    address: Option<IpAddr>,
    hop_limit: Option<u8>,
}

pub(super) async fn run(
    probe: &Probe,
    options: &Icmp,
    begin: Instant,
    deadline: Instant,
    page: &mut Page,
) -> Result<(), Failure> {
    let mut trace = Trace::default();
    let result = match within(begin, deadline, ask(probe, options, &mut trace)).await {
        Ok(result) => result,
        Err(after) => Err(trace.stage.timeout(after)),
    };
    put_address(probe, page, trace.lookup, trace.address);
    for (phase, took) in [("resolve", trace.lookup), ("rtt", trace.rtt), ("setup", trace.setup)] {
        page.put(&PHASES, [&phase], took.as_secs_f64());
    }
    if let Some(hops) = trace.hop_limit {
        page.put(&HOP_LIMIT, [], hops);
    }
    result
}

async fn ask(probe: &Probe, options: &Icmp, trace: &mut Trace) -> Result<(), Failure> {
    let host = probe.target.trim().trim_start_matches('[').trim_end_matches(']');
    let begin = Instant::now();
    let result = dial::resolve(&probe.context.lookups, host, options.ip).await;
    trace.lookup = begin.elapsed();
    let address = result?;
    trace.address = Some(address);
    dial::admit(&probe.context.policy, host, SocketAddr::new(address, 0))?;
    trace.stage = Stage::Connect;
    let begin = Instant::now();
    let socket = Socket::open(address, options)?;
    let (id, sequence) = (std::process::id() as u16, probe.context.next_number());
    let mut payload = PAYLOAD.to_vec();
    if options.payload_size > 0 {
        payload.resize(options.payload_size.min(MAX_PAYLOAD), b'.');
    }
    let packet = packet(address.is_ipv4(), id, sequence, &payload);
    trace.setup = begin.elapsed();
    trace.stage = Stage::Response;
    let begin = Instant::now();
    socket.send(&packet, address).await.map_err(|error| {
        let mut failure = Failure::connect(&error);
        if error.raw_os_error() == Some(libc::EMSGSIZE) {
            failure.reason = Reason::Other;
        }
        failure
    })?;
    loop {
        let reply = socket.receive(payload.len()).await.map_err(|error| Failure::io(&error))?;
        // The kernel gives unprivileged sockets an id of its own, and only their replies.
        let is_ours = is_reply(&reply.message, address.is_ipv4(), sequence, &payload)
            && (!socket.is_raw() || reply.message.get(4..6) == Some(&id.to_be_bytes()[..]));
        if is_ours && reply.from.is_none_or(|from| from == address) {
            trace.rtt = begin.elapsed();
            trace.hop_limit = reply.hop_limit;
            return Ok(());
        }
    }
}

/// An echo request. The kernel fills in the checksum of version 6.
fn packet(v4: bool, id: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![if v4 { 8 } else { 128 }, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend_from_slice(payload);
    if v4 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

fn is_reply(message: &[u8], v4: bool, sequence: u16, payload: &[u8]) -> bool {
    message.first() == Some(if v4 { &0 } else { &129 })
        && message.get(6..8) == Some(&sequence.to_be_bytes()[..])
        && message.get(8..) == Some(payload)
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_sum_zero() {
        let packet = packet(true, 1, 2, b"odd");
        assert_eq!(checksum(&packet), 0);
        let mut reply = packet;
        reply[0] = 0;
        assert!(is_reply(&reply, true, 2, b"odd"));
        assert!(!is_reply(&reply, true, 3, b"odd"));
        assert!(!is_reply(&reply[..5], true, 2, b"odd"));
    }
}
