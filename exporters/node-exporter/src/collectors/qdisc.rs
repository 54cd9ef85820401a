//! Queueing disciplines of interfaces, from one RTM_GETQDISC dump. Only the root of each interface is reported.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, Flag};

use super::net::{DeviceFilter, OTHER_NETWORK};
use crate::context::Context;
use crate::filter::Filter;
use crate::netlink::{Netlink, attributes, messages, u32_at, u64_at};
use crate::source;

pub(crate) static QDISC: Collector = Collector {
    name: "qdisc",
    enabled: false,
    families: &[
        BYTES.desc(),
        PACKETS.desc(),
        DROPS.desc(),
        REQUEUES.desc(),
        OVERLIMITS.desc(),
        LENGTH.desc(),
        BACKLOG.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<2> = Family::$kind(concat!("node_qdisc_", $name), $help, &["device", "kind"]);
    )*};
}
families! {
    BYTES counter "bytes_total" "Bytes sent."
    PACKETS counter "packets_total" "Packets sent."
    DROPS counter "drops_total" "Packets dropped."
    REQUEUES counter "requeues_total" "Packets that the interface did not take and that went back into the queue."
    OVERLIMITS counter "overlimits_total" "Times that a limit held packets back."
    LENGTH gauge "current_queue_length" "Packets in the queue."
    BACKLOG gauge "backlog" "Bytes in the queue."
}

const INCLUDE: &str = "collector.qdisc.device-include";
const EXCLUDE: &str = "collector.qdisc.device-exclude";
/// As the peer once spelled them.
const OLD: [&str; 2] = ["collector.qdisk.device-include", "collector.qdisk.device-exclude"];

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, "", "Interfaces whose queues are reported, as a regular expression."),
    Flag::value(EXCLUDE, "", "Interfaces whose queues are left out, as a regular expression."),
    Flag::value(OLD[0], "", "Old name of collector.qdisc.device-include.").hidden(),
    Flag::value(OLD[1], "", "Old name of collector.qdisc.device-exclude.").hidden(),
];

const RTM_NEWQDISC: u16 = 36;
const RTM_GETQDISC: u16 = 38;
/// `struct tcmsg`.
const HEADER: usize = 20;
/// The parent of an interface's root.
const ROOT: u32 = u32::MAX;

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let own = Filter::renamed(&context.settings, [INCLUDE, EXCLUDE], OLD.map(Some))?;
    let mut filter = DeviceFilter::new(context, own)?;
    let mut netlink = context.shares_network().then(|| Netlink::new(None));
    Ok(source::custom(move |sink| {
        let netlink = netlink.as_mut().ok_or_else(|| CollectError::no_data(OTHER_NETWORK))?;
        for queue in parse(netlink.dump(RTM_GETQDISC, &[0; HEADER])?) {
            // An interface may go meanwhile.
            let Some(device) = netlink.interface_name(queue.interface).filter(|name| filter.selects(name))
            else {
                continue;
            };
            let counts = [
                (&BYTES, queue.bytes),
                (&PACKETS, queue.packets),
                (&DROPS, queue.drops),
                (&REQUEUES, queue.requeues),
                (&OVERLIMITS, queue.overlimits),
                (&LENGTH, queue.length),
                (&BACKLOG, queue.backlog),
            ];
            for (family, count) in counts {
                sink.put(family, [&device, &queue.kind], count);
            }
        }
        Ok(())
    }))
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Queue {
    interface: u32,
    kind: String,
    bytes: u64,
    packets: u64,
    drops: u64,
    requeues: u64,
    overlimits: u64,
    length: u64,
    backlog: u64,
}

/// The roots in an answer to RTM_GETQDISC.
fn parse(answer: &[u8]) -> Vec<Queue> {
    let queues = messages(answer).filter(|message| message.kind == RTM_NEWQDISC);
    queues.filter_map(|message| queue(message.body)).collect()
}

fn queue(body: &[u8]) -> Option<Queue> {
    if u32_at(body, 12)? != ROOT {
        return None;
    }
    let mut queue = Queue { interface: u32_at(body, 4)?, ..Queue::default() };
    for (kind, value) in attributes(body.get(HEADER..)?) {
        match kind {
            // TCA_KIND, with a zero byte at its end; TCA_STATS2.
            1 => {
                queue.kind = String::from_utf8_lossy(value.strip_suffix(b"\0").unwrap_or(value)).into_owned()
            }
            7 => queue.statistics(value),
            _ => {}
        }
    }
    Some(queue)
}

impl Queue {
    fn statistics(&mut self, nested: &[u8]) {
        let number = |value: &[u8], at| u32_at(value, at).map_or(0, u64::from);
        for (kind, value) in attributes(nested) {
            match kind {
                // TCA_STATS_BASIC
                1 => {
                    self.bytes = u64_at(value, 0).unwrap_or_default();
                    self.packets = number(value, 8);
                }
                // TCA_STATS_QUEUE
                3 => {
                    self.length = number(value, 0);
                    self.backlog = number(value, 4);
                    self.drops = number(value, 8);
                    self.requeues = number(value, 12);
                    self.overlimits = number(value, 16);
                }
                // TCA_STATS_PKT64 comes after the others where 32 bits are not enough.
                8 => self.packets = u64_at(value, 0).unwrap_or(self.packets),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{attribute, message};

    fn answer(parent: u32, packets64: Option<u64>) -> Vec<u8> {
        let mut basic = 1000_u64.to_ne_bytes().to_vec();
        basic.extend(10_u32.to_ne_bytes());
        let queue: Vec<u8> = [1_u32, 2, 3, 4, 5].into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut nested = Vec::new();
        attribute(1, &basic, &mut nested);
        attribute(3, &queue, &mut nested);
        if let Some(packets) = packets64 {
            attribute(8, &packets.to_ne_bytes(), &mut nested);
        }
        let mut body = vec![0; 4];
        body.extend([7, 0x10000, parent, 2].into_iter().flat_map(u32::to_ne_bytes));
        attribute(1, b"fq_codel\0", &mut body);
        attribute(7, &nested, &mut body);
        message(RTM_NEWQDISC, &body)
    }

    #[test]
    fn roots_with_their_counts() {
        let expected = Queue {
            interface: 7,
            kind: "fq_codel".into(),
            bytes: 1000,
            packets: 10,
            length: 1,
            backlog: 2,
            drops: 3,
            requeues: 4,
            overlimits: 5,
        };
        assert_eq!(parse(&answer(ROOT, None)), [expected]);
        assert_eq!(parse(&answer(ROOT, Some(1 << 40)))[0].packets, 1 << 40);
        assert_eq!(parse(&answer(0x10000, None)), [], "a class");
        let whole = answer(ROOT, None);
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), []);
        }
    }
}
