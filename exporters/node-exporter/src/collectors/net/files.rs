//! Interfaces as files show them: `/proc/net/dev` and `/sys/class/net`.

use exporter_core::CollectError;
use std::path::{Path, PathBuf};

use super::{Link, STATS, Stats};
use crate::context::Context;
use crate::read::{ReadError, Reader, names};
use crate::text::{Malformed, fields, integer, lines, trim};

pub(super) struct Files {
    devices: PathBuf,
    classes: PathBuf,
    reader: Reader,
}

impl Files {
    pub(super) fn new(context: &Context) -> Self {
        Self { devices: context.proc_net("dev"), classes: context.sys("class/net"), reader: Reader::new() }
    }

    /// Names and counters.
    pub(super) fn devices(&mut self) -> Result<Vec<Link>, ReadError> {
        let mut links = self.reader.parse(&self.devices, parse)?;
        for link in &mut links {
            let directory = self.classes.join(&link.name);
            link.ifalias = text(&mut self.reader, &directory, "ifalias");
            // The only counter that `net/dev` lacks; it is the last one in the kernel's order.
            let unhandled = number(&mut self.reader, &directory, "statistics/rx_nohandler");
            if let (Some(stats), Some(count)) = (&mut link.stats, unhandled) {
                stats.counters[STATS.len() - 1] = count;
                stats.known = STATS.len();
            }
        }
        Ok(links)
    }

    /// Facts and states of the interfaces that `wanted` selects.
    pub(super) fn classes(
        &mut self,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Link>, CollectError> {
        let names =
            names(&self.classes)?.ok_or_else(|| CollectError::no_data("no network class in sysfs"))?;
        let mut links = Vec::with_capacity(names.len());
        for name in names {
            let Ok(name) = name.into_string() else { continue };
            // Files such as `bonding_masters` lie among the interfaces.
            let directory = self.classes.join(&name);
            if wanted(&name) && directory.is_dir() {
                links.push(self.class(name, &directory));
            }
        }
        Ok(links)
    }

    fn class(&mut self, name: String, directory: &Path) -> Link {
        let reader = &mut self.reader;
        Link {
            name,
            stats: None,
            flags: number(reader, directory, "flags").and_then(|flags| u32::try_from(flags).ok()),
            index: number(reader, directory, "ifindex"),
            link: number(reader, directory, "iflink"),
            master: None,
            address: text(reader, directory, "address"),
            broadcast: text(reader, directory, "broadcast"),
            duplex: text(reader, directory, "duplex"),
            operstate: text(reader, directory, "operstate"),
            ifalias: text(reader, directory, "ifalias"),
            mtu: number(reader, directory, "mtu"),
            queue_length: number(reader, directory, "tx_queue_len"),
            group: number(reader, directory, "netdev_group"),
            protocol: number(reader, directory, "type"),
            link_mode: number(reader, directory, "link_mode"),
            carrier: number(reader, directory, "carrier"),
            dormant: number(reader, directory, "dormant"),
            carrier_changes: number(reader, directory, "carrier_changes"),
            carrier_ups: number(reader, directory, "carrier_up_count"),
            carrier_downs: number(reader, directory, "carrier_down_count"),
            address_assign: number(reader, directory, "addr_assign_type"),
            name_assign: number(reader, directory, "name_assign_type"),
            device_id: number(reader, directory, "dev_id"),
            speed: speed(reader, &directory.join("speed")),
        }
    }
}

pub(super) fn number(reader: &mut Reader, directory: &Path, file: &str) -> Option<u64> {
    let text = reader.attribute(&directory.join(file))?;
    match text.strip_prefix(b"0x") {
        Some(hex) => u64::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok(),
        None => integer(text),
    }
}

/// The file cannot be read where speed has no meaning.
pub(super) fn speed(reader: &mut Reader, path: &Path) -> Option<i64> {
    std::str::from_utf8(reader.attribute(path)?).ok()?.parse().ok()
}

fn text(reader: &mut Reader, directory: &Path, file: &str) -> String {
    reader.text(&directory.join(file)).unwrap_or_default()
}

/// Two lines of heading, then name, colon, eight counters received, eight sent.
fn parse(text: &[u8]) -> Result<Vec<Link>, Malformed> {
    /// The place in STATS of each column.
    const COLUMNS: [usize; 16] = [2, 0, 4, 6, 14, 13, 21, 8, 3, 1, 5, 7, 18, 9, 17, 22];
    const HEADING: Malformed = Malformed::new("the heading of net/dev");
    const MISSING: Malformed = Malformed::new("a name and sixteen counters");
    let mut lines = lines(text);
    let columns = lines.nth(1).ok_or(HEADING)?;
    if memchr::memchr_iter(b'|', columns).count() != 2 {
        return Err(HEADING);
    }
    let link = |line: &[u8]| {
        let colon = memchr::memrchr(b':', line)?;
        let mut stats = Stats { counters: [0; STATS.len()], known: STATS.len() - 1 };
        let mut values = fields(&line[colon + 1..]);
        for column in COLUMNS {
            stats.counters[column] = integer(values.next()?)?;
        }
        let name = String::from_utf8_lossy(trim(&line[..colon])).into_owned();
        Some(Link { name, stats: Some(stats), ..Link::default() })
    };
    lines.map(|line| link(line).ok_or(MISSING)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "Inter-|   Receive  |  Transmit\n face |bytes |bytes carrier\n";

    #[test]
    fn counters_by_column() {
        let text = format!(
            "{HEADING}    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nveth0:1: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        let links = parse(text.as_bytes()).unwrap();
        assert_eq!((links[0].name.as_str(), links[1].name.as_str()), ("lo", "veth0:1"));
        let stats = links[0].stats.unwrap();
        let named = |name| stats.counters[STATS.iter().position(|known| *known == name).unwrap()];
        let order = [
            "receive_bytes",
            "receive_packets",
            "receive_errors",
            "receive_dropped",
            "receive_fifo_errors",
            "receive_frame_errors",
            "receive_compressed",
            "multicast",
            "transmit_bytes",
            "transmit_packets",
            "transmit_errors",
            "transmit_dropped",
            "transmit_fifo_errors",
            "collisions",
            "transmit_carrier_errors",
            "transmit_compressed",
        ];
        assert_eq!(order.map(named).to_vec(), (1..=16).collect::<Vec<_>>());
    }

    #[test]
    fn refuses_garbage() {
        for bad in
            ["", "x\n", "Inter\nface\n", &format!("{HEADING}eth0: 1 2 3\n"), &format!("{HEADING}eth0\n")]
        {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(parse(HEADING.as_bytes()), Ok(vec![]));
    }
}
