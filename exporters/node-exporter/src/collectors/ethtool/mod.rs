//! What drivers of interfaces tell: themselves, the link's abilities, and counters under names of their own. Off by
//! default: a modern card has a thousand counters.

mod ask;
mod modes;

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Family, Flag, Kind, Sink};
use std::collections::HashMap;

use super::net::{DeviceFilter, OTHER_NETWORK};
use crate::context::Context;
use crate::filter::Filter;
use crate::read::names_or_none;
use crate::source;
use crate::text::metric_name;
use ask::{Ethtool, Link, MAX_COUNTERS, Modes, text};

pub(crate) static ETHTOOL: Collector = Collector {
    name: "ethtool",
    enabled: false,
    families: &[
        INFO.desc(),
        AUTONEGOTIATE.desc(),
        SUPPORTED.speed.desc(),
        SUPPORTED.autonegotiate.desc(),
        SUPPORTED.pause.desc(),
        SUPPORTED.asymmetric_pause.desc(),
        SUPPORTED_PORT.desc(),
        ADVERTISED.speed.desc(),
        ADVERTISED.autonegotiate.desc(),
        ADVERTISED.pause.desc(),
        ADVERTISED.asymmetric_pause.desc(),
    ],
    dynamic: &[COUNTER.desc()],
};

static INFO: Family<6> = Family::info(
    "node_ethtool_info",
    "The interface's driver.",
    &["bus_info", "device", "driver", "expansion_rom_version", "firmware_version", "version"],
);
static COUNTER: Dynamic<1> = Dynamic::new(Kind::Untyped, "node_ethtool_", "The driver's {}.", &["device"]);
static AUTONEGOTIATE: Family<1> =
    Family::gauge("node_network_autonegotiate", "Whether the link is negotiated.", &["device"]);
static SUPPORTED_PORT: Family<2> =
    Family::info("node_network_supported_port_info", "Ports that the device can have.", &["device", "type"]);

/// What a device can do, or offers to its peer.
struct Abilities {
    speed: Family<3>,
    autonegotiate: Family<1>,
    pause: Family<1>,
    asymmetric_pause: Family<1>,
}

const SPEED_LABELS: &[&str; 3] = &["device", "duplex", "mode"];

static SUPPORTED: Abilities = Abilities {
    speed: Family::gauge(
        "node_network_supported_speed_bytes",
        "Speeds that the device can have, in bytes per second.",
        SPEED_LABELS,
    ),
    autonegotiate: Family::gauge(
        "node_network_autonegotiate_supported",
        "Whether the device can negotiate the link.",
        &["device"],
    ),
    pause: Family::gauge(
        "node_network_pause_supported",
        "Whether the device knows pause frames.",
        &["device"],
    ),
    asymmetric_pause: Family::gauge(
        "node_network_asymmetricpause_supported",
        "Whether the device knows pause frames in one direction.",
        &["device"],
    ),
};
static ADVERTISED: Abilities = Abilities {
    speed: Family::gauge(
        "node_network_advertised_speed_bytes",
        "Speeds that the device offers, in bytes per second.",
        SPEED_LABELS,
    ),
    autonegotiate: Family::gauge(
        "node_network_autonegotiate_advertised",
        "Whether the device offers to negotiate the link.",
        &["device"],
    ),
    pause: Family::gauge(
        "node_network_pause_advertised",
        "Whether the device offers pause frames.",
        &["device"],
    ),
    asymmetric_pause: Family::gauge(
        "node_network_asymmetricpause_advertised",
        "Whether the device offers pause frames in one direction.",
        &["device"],
    ),
};

const INCLUDE: &str = "collector.ethtool.device-include";
const EXCLUDE: &str = "collector.ethtool.device-exclude";
const METRICS: &str = "collector.ethtool.metrics-include";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, "", "Interfaces whose drivers are asked, as a regular expression."),
    Flag::value(EXCLUDE, "", "Interfaces whose drivers are not asked, as a regular expression."),
    Flag::value(METRICS, ".*", "Counters to report, by the driver's names, as a regular expression."),
];

/// A driver's counters as it named them last, and what they are here. The names cost far more than the counts.
#[derive(Default)]
struct Names {
    raw: Vec<u8>,
    metrics: Vec<Option<String>>,
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let own = Filter::new(&context.settings, INCLUDE, EXCLUDE)?;
    let mut filter = DeviceFilter::new(context, own)?;
    let mut wanted = Filter::including(&context.settings, METRICS)?;
    let classes = context.sys("class/net");
    let here = context.shares_network();
    let mut asked: Option<Ethtool> = None;
    let mut known: HashMap<String, Names> = HashMap::new();
    Ok(source::custom(move |sink| {
        if !here {
            return Err(CollectError::no_data(OTHER_NETWORK));
        }
        let ethtool = match &mut asked {
            Some(ethtool) => ethtool,
            none => none.insert(Ethtool::new()?),
        };
        let devices: Vec<String> = names_or_none(&classes)
            .into_iter()
            .filter(|device| filter.selects(device) && classes.join(device).is_dir())
            .collect();
        known.retain(|device, _| devices.contains(device));
        let mut any = false;
        for device in devices {
            // A driver that does not answer one question may answer another.
            if let Ok(link) = ethtool.link(&device) {
                put_link(&device, &link, sink);
                any = true;
            }
            let Ok(driver) = ethtool.driver(&device) else { continue };
            any = true;
            sink.put(
                &INFO,
                [&driver.bus, &device, &driver.name, &driver.rom, &driver.firmware, &driver.version],
                true,
            );
            let count = driver.counters;
            if count > 0 && count <= MAX_COUNTERS {
                put_counters(
                    ethtool,
                    &device,
                    count,
                    known.entry(device.clone()).or_default(),
                    &mut wanted,
                    sink,
                );
            }
        }
        if any { Ok(()) } else { Err(CollectError::no_data("no interface's driver answers")) }
    }))
}

fn put_link(device: &str, link: &Link, sink: &mut Sink) {
    put_abilities(&SUPPORTED, device, link.supported, sink);
    for (_, port) in modes::PORTS.iter().filter(|(bit, _)| link.supported.has(*bit)) {
        sink.put(&SUPPORTED_PORT, [&device, port], true);
    }
    put_abilities(&ADVERTISED, device, link.advertised, sink);
    sink.put(&AUTONEGOTIATE, [&device], u64::from(link.autonegotiation));
}

fn put_abilities(families: &'static Abilities, device: &str, told: Modes, sink: &mut Sink) {
    for speed in modes::speeds(|bit| told.has(bit)) {
        let bytes = u64::from(speed.megabits) * (1_000_000 / 8);
        sink.put(&families.speed, [&device, &speed.duplex, &speed.name], bytes);
    }
    sink.put(&families.autonegotiate, [&device], told.has(modes::AUTONEGOTIATION));
    sink.put(&families.pause, [&device], told.has(modes::PAUSE));
    sink.put(&families.asymmetric_pause, [&device], told.has(modes::ASYMMETRIC_PAUSE));
}

fn put_counters(
    ethtool: &mut Ethtool,
    device: &str,
    count: usize,
    names: &mut Names,
    wanted: &mut Filter,
    sink: &mut Sink,
) {
    let Ok(raw) = ethtool.names(device, count) else { return };
    if names.raw != raw {
        names.metrics = metrics(raw, wanted);
        names.raw = raw.to_vec();
    }
    let Ok(counts) = ethtool.counts(device, count) else { return };
    for (name, count) in names.metrics.iter().zip(counts) {
        if let Some(name) = name {
            sink.put_dynamic(&COUNTER, name.as_bytes(), [&device], count);
        }
    }
}

/// The metrics of a driver's counters. Where two come to the same name, neither is reported: they would be one series.
fn metrics(raw: &[u8], wanted: &mut Filter) -> Vec<Option<String>> {
    let mut metrics: Vec<Option<String>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, name) in raw.chunks_exact(32).map(text).enumerate() {
        metrics.push(None);
        if name.is_empty() || !wanted.selects(name.as_bytes()) {
            continue;
        }
        let metric = metric(&name);
        match places.get(&metric) {
            Some(first) => metrics[*first] = None,
            None => {
                places.insert(metric.clone(), at);
                metrics[at] = Some(metric);
            }
        }
    }
    metrics
}

/// The peer's name: `rx` and `tx` are spelled out, and what every driver counts is a `_total`.
fn metric(name: &str) -> String {
    match name {
        "rx_bytes" | "rx_dropped" | "rx_errors" | "rx_packets" | "tx_bytes" | "tx_errors" | "tx_packets" => {
            let (direction, what) = name.split_at(2);
            let direction = if direction == "rx" { "received" } else { "transmitted" };
            return format!("{direction}{what}_total");
        }
        _ => {}
    }
    let name = metric_name(name).to_ascii_lowercase();
    let mut out = String::with_capacity(name.len() + 16);
    // The peer's expressions take the underscores of a word along, so of two such words in a row one stays as it is.
    let (mut received, mut transmitted) = (false, false);
    for (at, word) in name.trim_start_matches('_').split('_').enumerate() {
        if at > 0 {
            out.push('_');
        }
        received = word == "rx" && !received;
        transmitted = word == "tx" && !transmitted;
        out.push_str(match (received, transmitted) {
            (true, _) => "received",
            (_, true) => "transmitted",
            _ => word,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_peers() {
        for (name, expected) in [
            ("rx_bytes", "received_bytes_total"),
            ("tx_packets", "transmitted_packets_total"),
            ("tx_dropped", "transmitted_dropped"),
            ("rx0_kicks", "rx0_kicks"),
            ("tx_tx_timeouts", "transmitted_tx_timeouts"),
            ("tx_tx_tx", "transmitted_tx_transmitted"),
            ("rx_tx_rx", "received_transmitted_received"),
            ("tx_xdp_tx_drops", "transmitted_xdp_transmitted_drops"),
            ("port.rx_bytes", "port_received_bytes"),
            ("[0]: rx bytes", "0_received_bytes"),
            ("Tx Queue#: 0", "transmitted_queue_0"),
            ("__rx", "received"),
        ] {
            assert_eq!(metric(name), expected, "{name}");
        }
    }

    #[test]
    fn counters_of_the_same_name_are_left_out() {
        let raw: Vec<u8> = ["rx errs", "b", "rx_errs", "", "rx-errs", "c"]
            .iter()
            .flat_map(|name| {
                let mut field = name.as_bytes().to_vec();
                field.resize(32, 0);
                field
            })
            .collect();
        let told = metrics(&raw, &mut Filter::all());
        assert_eq!(told, [None, Some("b".to_owned()), None, None, None, Some("c".to_owned())]);
    }
}
