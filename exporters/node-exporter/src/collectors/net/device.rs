//! `netdev`: traffic counters.

use exporter_core::{Collector, ConfigError, Dynamic, Family, Kind, Settings, Sink};

use super::{DeviceFilter, Link, STATS, Stats};
use crate::context::Context;
use crate::filter::Filter;

pub(crate) static NETDEV: Collector = Collector {
    name: "netdev",
    enabled: true,
    families: &[
        RECEIVE_BYTES.desc(),
        RECEIVE_COMPRESSED.desc(),
        RECEIVE_DROP.desc(),
        RECEIVE_ERRS.desc(),
        RECEIVE_FIFO.desc(),
        RECEIVE_FRAME.desc(),
        RECEIVE_MULTICAST.desc(),
        RECEIVE_NOHANDLER.desc(),
        RECEIVE_PACKETS.desc(),
        TRANSMIT_BYTES.desc(),
        TRANSMIT_CARRIER.desc(),
        TRANSMIT_COLLS.desc(),
        TRANSMIT_COMPRESSED.desc(),
        TRANSMIT_DROP.desc(),
        TRANSMIT_ERRS.desc(),
        TRANSMIT_FIFO.desc(),
        TRANSMIT_PACKETS.desc(),
        ADDRESS_INFO.desc(),
    ],
    dynamic: &[NAMED.desc(), NAMED_ALIAS.desc()],
};

pub(super) static ADDRESS_INFO: Family<4> = Family::info(
    "node_network_address_info",
    "Addresses of interfaces.",
    &["address", "device", "netmask", "scope"],
);

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        pub(in crate::collectors) static $ident: Family<1> = Family::counter(concat!("node_network_", $name, "_total"), $help, &["device"]);
    )*};
}
families! {
    RECEIVE_BYTES "receive_bytes" "Bytes received."
    RECEIVE_COMPRESSED "receive_compressed" "Compressed packets received."
    RECEIVE_DROP "receive_drop" "Packets received and dropped by the host."
    RECEIVE_ERRS "receive_errs" "Packets received with errors."
    RECEIVE_FIFO "receive_fifo" "Receive FIFO errors."
    RECEIVE_FRAME "receive_frame" "Packets received with frame, length, overrun or CRC errors."
    RECEIVE_MULTICAST "receive_multicast" "Multicast packets received."
    RECEIVE_NOHANDLER "receive_nohandler" "Packets received that no protocol wanted."
    RECEIVE_PACKETS "receive_packets" "Packets received."
    TRANSMIT_BYTES "transmit_bytes" "Bytes sent."
    TRANSMIT_CARRIER "transmit_carrier" "Carrier, abort, heartbeat and window errors while sending."
    TRANSMIT_COLLS "transmit_colls" "Collisions while sending."
    TRANSMIT_COMPRESSED "transmit_compressed" "Compressed packets sent."
    TRANSMIT_DROP "transmit_drop" "Packets dropped instead of sent."
    TRANSMIT_ERRS "transmit_errs" "Packets not sent because of errors."
    TRANSMIT_FIFO "transmit_fifo" "Transmit FIFO errors."
    TRANSMIT_PACKETS "transmit_packets" "Packets sent."
}

static NAMED: Dynamic<1> =
    Dynamic::new(Kind::Counter, "node_network_", "Interface counter {}.", &["device"]).suffix("_total");
static NAMED_ALIAS: Dynamic<2> =
    Dynamic::new(Kind::Counter, "node_network_", "Interface counter {}.", &["device", "ifalias"])
        .suffix("_total");

/// A family, and the kernel's counters (by their place in STATS) that add up to it.
struct Sum {
    family: &'static Family<1>,
    parts: &'static [usize],
}

static SUMS: [Sum; 17] = [
    Sum { family: &RECEIVE_BYTES, parts: &[2] },
    Sum { family: &RECEIVE_COMPRESSED, parts: &[21] },
    Sum { family: &RECEIVE_DROP, parts: &[6, 15] },
    Sum { family: &RECEIVE_ERRS, parts: &[4] },
    Sum { family: &RECEIVE_FIFO, parts: &[14] },
    Sum { family: &RECEIVE_FRAME, parts: &[13, 10, 11, 12] },
    Sum { family: &RECEIVE_MULTICAST, parts: &[8] },
    Sum { family: &RECEIVE_NOHANDLER, parts: &[23] },
    Sum { family: &RECEIVE_PACKETS, parts: &[0] },
    Sum { family: &TRANSMIT_BYTES, parts: &[3] },
    Sum { family: &TRANSMIT_CARRIER, parts: &[17, 16, 19, 20] },
    Sum { family: &TRANSMIT_COLLS, parts: &[9] },
    Sum { family: &TRANSMIT_COMPRESSED, parts: &[22] },
    Sum { family: &TRANSMIT_DROP, parts: &[7] },
    Sum { family: &TRANSMIT_ERRS, parts: &[5] },
    Sum { family: &TRANSMIT_FIFO, parts: &[18] },
    Sum { family: &TRANSMIT_PACKETS, parts: &[1] },
];

impl Sum {
    fn of(&self, stats: &Stats) -> Option<u64> {
        let known = self.parts.iter().all(|part| *part < stats.known);
        known.then(|| self.parts.iter().fold(0, |sum: u64, part| sum.wrapping_add(stats.counters[*part])))
    }

    /// `receive_bytes` of `node_network_receive_bytes_total`.
    fn name(&self) -> &'static str {
        let name = self.family.desc().name;
        let name = name.strip_prefix("node_network_").unwrap_or(name);
        name.strip_suffix("_total").unwrap_or(name)
    }
}

/// Which interfaces netdev reports.
pub(in crate::collectors) fn filter(settings: &Settings) -> Result<Filter, ConfigError> {
    Filter::new(settings, "collector.netdev.device-include", "collector.netdev.device-exclude")
}

pub(super) struct Devices {
    filter: DeviceFilter,
    detailed: bool,
    alias: bool,
}

impl Devices {
    pub(super) fn new(context: &Context) -> Result<Self, ConfigError> {
        let settings = &context.settings;
        let own = filter(settings)?;
        Ok(Self {
            filter: DeviceFilter::new(context, own)?,
            detailed: settings.switch("collector.netdev.enable-detailed-metrics"),
            alias: settings.switch("collector.netdev.label-ifalias"),
        })
    }

    pub(super) fn put(&mut self, links: &[Link], sink: &mut Sink) {
        let links: Vec<_> = links
            .iter()
            .filter(|link| self.filter.selects(&link.name))
            .filter_map(|link| Some((link, link.stats.as_ref()?)))
            .collect();
        if self.detailed {
            for (at, name) in STATS.iter().enumerate() {
                for (link, stats) in links.iter().filter(|(_, stats)| at < stats.known) {
                    self.put_named(name, link, stats.counters[at], sink);
                }
            }
            return;
        }
        for sum in &SUMS {
            for (link, stats) in &links {
                match sum.of(stats) {
                    Some(value) if self.alias => self.put_named(sum.name(), link, value, sink),
                    Some(value) => sink.put(sum.family, [&link.name], value),
                    None => {}
                }
            }
        }
    }

    fn put_named(&self, name: &str, link: &Link, value: u64, sink: &mut Sink) {
        if self.alias {
            sink.put_dynamic(&NAMED_ALIAS, name.as_bytes(), [&link.name, &link.ifalias], value);
        } else {
            sink.put_dynamic(&NAMED, name.as_bytes(), [&link.name], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_name_the_counters_they_are_made_of() {
        let parts = |name: &str| {
            let sum = SUMS.iter().find(|sum| sum.name() == name).unwrap();
            sum.parts.iter().map(|part| STATS[*part]).collect::<Vec<_>>()
        };
        assert_eq!(parts("receive_drop"), ["receive_dropped", "receive_missed_errors"]);
        assert_eq!(parts("receive_multicast"), ["multicast"]);
        assert_eq!(parts("transmit_colls"), ["collisions"]);
        for same in ["receive_bytes", "transmit_packets", "receive_compressed", "transmit_compressed"] {
            assert_eq!(parts(same), [same]);
        }
        assert_eq!(parts("receive_fifo"), ["receive_fifo_errors"]);
        assert_eq!(parts("transmit_fifo"), ["transmit_fifo_errors"]);
        assert!(parts("transmit_carrier").iter().all(|part| part.starts_with("transmit_")));
        assert!(parts("receive_frame").iter().all(|part| part.starts_with("receive_")));
    }

    #[test]
    fn a_counter_that_is_not_known_is_left_out() {
        let stats = Stats { counters: [1; STATS.len()], known: STATS.len() - 1 };
        assert_eq!(SUMS.iter().filter(|sum| sum.of(&stats).is_none()).count(), 1);
    }
}
