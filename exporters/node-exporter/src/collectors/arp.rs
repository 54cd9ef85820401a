//! ARP entries by interface, from `/proc/net/arp`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Flag};
use std::collections::BTreeMap;

use super::net::DeviceFilter;
use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::{Malformed, fields, lines};

pub(crate) static ARP: Collector =
    Collector { name: "arp", enabled: true, families: &[ENTRIES.desc()], dynamic: &[] };

static ENTRIES: Family<1> = Family::gauge("node_arp_entries", "ARP entries.", &["device"]);

const INCLUDE: &str = "collector.arp.device-include";
const EXCLUDE: &str = "collector.arp.device-exclude";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, "", "Interfaces whose entries are reported, as a regular expression."),
    Flag::value(EXCLUDE, "", "Interfaces whose entries are left out, as a regular expression."),
    Flag::switch("collector.arp.netlink", true, "Accepted without effect: the file has the same entries.")
        .hidden(),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut filter = DeviceFilter::new(context, Filter::new(&context.settings, INCLUDE, EXCLUDE)?)?;
    Ok(source::optional_file(context.proc_net("arp"), "no ARP in /proc/net", move |text, sink| {
        for (device, entries) in parse(text)? {
            let device = String::from_utf8_lossy(device);
            if filter.selects(&device) {
                sink.put(&ENTRIES, [&&*device], entries);
            }
        }
        Ok(())
    }))
}

/// Entries by the last field of each line but the first.
fn parse(text: &[u8]) -> Result<BTreeMap<&[u8], u64>, Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and entries of six fields");
    let mut lines = lines(text);
    lines.next().ok_or(MISSING)?;
    let mut devices = BTreeMap::new();
    for line in lines {
        *devices.entry(fields(line).nth(5).ok_or(MISSING)?).or_default() += 1;
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_device() {
        let text = b"IP HW Flags\n192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n192.0.2.2 0x1 0x0 00:00:00:00:00:00 * eth0\n";
        assert_eq!(parse(text).unwrap().into_iter().collect::<Vec<_>>(), [(b"eth0".as_slice(), 2)]);
        assert!(parse(b"IP\n").unwrap().is_empty());
        for bad in ["", "IP\n192.0.2.1 0x1\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
