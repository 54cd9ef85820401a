//! Interfaces as the kernel shows them over netlink: one RTM_GETLINK dump; see rtnetlink(7).

use exporter_core::{CollectError, Sink};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::files::{number, speed};
use super::{Link, STATS, Stats, address};
use crate::context::Context;
use crate::netlink::{Netlink, NetlinkError, attributes, messages, u8_at, u16_at, u32_at, u64_at};
use crate::read::Reader;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
/// `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;
const IFF_PROMISC: u32 = 0x100;
const IFF_ALLMULTI: u32 = 0x200;
const IFF_LOWER_UP: u32 = 0x1_0000;
const IFF_DORMANT: u32 = 0x2_0000;

pub(super) struct Kernel {
    netlink: Netlink,
    reader: Reader,
    classes: PathBuf,
    facts: HashMap<u64, Facts>,
    /// Whether addresses are asked for.
    addresses: bool,
    speeds: Speeds,
}

/// What netlink does not tell, and what does not change while name and address stay.
struct Facts {
    name: String,
    address: String,
    address_assign: Option<u64>,
    name_assign: Option<u64>,
    device_id: Option<u64>,
    speed_path: PathBuf,
    duplex_path: PathBuf,
    speed: Option<i64>,
    duplex: String,
}

/// Speed and duplex are looked up again when so long has passed.
const SPEEDS_LAST: Duration = Duration::from_secs(60);
/// How many scrapes after a change they are looked up at each: a bond finds out a moment later.
const UNSETTLED: u32 = 2;

/// When speed and duplex, two files an interface, for which drivers ask the hardware, are looked up: they change with a
/// carrier, maybe that of another interface, on which this one stands.
#[derive(Default)]
struct Speeds {
    hasher: foldhash::fast::RandomState,
    /// Of all interfaces' states.
    hash: u64,
    since: Option<Instant>,
    unsettled: u32,
}

impl Speeds {
    fn are_due(&mut self, links: &[Link]) -> bool {
        let mut hasher = self.hasher.build_hasher();
        for link in links {
            (&link.name, &link.address, link.index, link.master).hash(&mut hasher);
            (link.flags, link.carrier, link.carrier_changes, &link.operstate).hash(&mut hasher);
        }
        let hash = hasher.finish();
        if self.since.is_none_or(|since| since.elapsed() >= SPEEDS_LAST) || self.hash != hash {
            (self.hash, self.since, self.unsettled) = (hash, Some(Instant::now()), UNSETTLED);
        }
        let due = self.unsettled > 0;
        self.unsettled = self.unsettled.saturating_sub(1);
        due
    }
}

impl Kernel {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            netlink: Netlink::new(None),
            reader: Reader::new(),
            classes: context.sys("class/net"),
            facts: HashMap::new(),
            addresses: context.settings.switch("collector.netdev.address-info"),
            speeds: Speeds::default(),
        }
    }

    /// All interfaces.
    pub(super) fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        Ok(parse(self.netlink.dump(RTM_GETLINK, &[0; LINK_HEADER])?))
    }

    pub(super) fn put_addresses(&mut self, links: &[Link], sink: &mut Sink) -> Result<(), CollectError> {
        if !self.addresses {
            return Ok(());
        }
        address::put(self.netlink.dump(RTM_GETADDR, &[0; address::HEADER])?, links, sink);
        Ok(())
    }

    /// Adds what only sysfs tells.
    pub(super) fn add_facts(&mut self, links: &mut [Link]) {
        let due = self.speeds.are_due(links);
        if due {
            self.facts.retain(|index, _| links.iter().any(|link| link.index == Some(*index)));
        }
        for link in links {
            let Some(index) = link.index else { continue };
            let known = self.facts.get(&index);
            if known.is_none_or(|facts| facts.name != link.name || facts.address != link.address) {
                let directory = self.classes.join(&link.name);
                let reader = &mut self.reader;
                let facts = Facts {
                    name: link.name.clone(),
                    address: link.address.clone(),
                    address_assign: number(reader, &directory, "addr_assign_type"),
                    name_assign: number(reader, &directory, "name_assign_type"),
                    device_id: number(reader, &directory, "dev_id"),
                    speed_path: directory.join("speed"),
                    duplex_path: directory.join("duplex"),
                    speed: None,
                    duplex: String::new(),
                };
                self.facts.insert(index, facts);
            }
            let Some(facts) = self.facts.get_mut(&index) else { continue };
            link.address_assign = facts.address_assign;
            link.name_assign = facts.name_assign;
            link.device_id = facts.device_id;
            // Drivers answer for interfaces that are up; a loop has neither speed nor duplex.
            if link.flags.is_some_and(|flags| flags & (IFF_UP | IFF_LOOPBACK) == IFF_UP) {
                if due {
                    facts.speed = speed(&mut self.reader, &facts.speed_path);
                    let known = facts.speed.and_then(|_| self.reader.text(&facts.duplex_path));
                    facts.duplex = known.unwrap_or_default();
                }
                link.speed = facts.speed;
                link.duplex.clone_from(&facts.duplex);
            }
        }
    }
}

/// The interfaces in an answer to RTM_GETLINK.
fn parse(answer: &[u8]) -> Vec<Link> {
    messages(answer).filter(|message| message.kind == RTM_NEWLINK).filter_map(|m| link(m.body)).collect()
}

fn link(body: &[u8]) -> Option<Link> {
    let told = u32_at(body, 8)?;
    let index = u64::from(u32_at(body, 4)?);
    let up = told & IFF_UP != 0;
    // The flags of the device itself, as sysfs shows them, without states.
    let mut flags = told & !(IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT);
    let mut link = Link {
        index: Some(index),
        link: Some(index),
        protocol: u16_at(body, 2).map(u64::from),
        dormant: up.then_some(u64::from(told & IFF_DORMANT != 0)),
        ..Link::default()
    };
    for (kind, value) in attributes(body.get(LINK_HEADER..)?) {
        let number = || u32_at(value, 0).map(u64::from);
        let byte = || u8_at(value, 0).map(u64::from);
        match kind {
            1 => link.address = hardware_address(value),
            2 => link.broadcast = hardware_address(value),
            3 => link.name = text(value),
            4 => link.mtu = number(),
            5 => link.link = number(),
            10 => link.master = number(),
            13 => link.queue_length = number(),
            16 => link.operstate = operstate(u8_at(value, 0)?).to_owned(),
            17 => link.link_mode = byte(),
            20 => link.ifalias = text(value),
            23 => link.stats = Some(stats(value)),
            27 => link.group = number(),
            30 if number() > Some(0) => flags |= IFF_PROMISC,
            33 if up => link.carrier = byte(),
            35 => link.carrier_changes = number(),
            47 => link.carrier_ups = number(),
            48 => link.carrier_downs = number(),
            61 if number() > Some(0) => flags |= IFF_ALLMULTI,
            _ => {}
        }
    }
    link.flags = Some(flags);
    (!link.name.is_empty()).then_some(link)
}

fn stats(value: &[u8]) -> Stats {
    let mut stats = Stats::default();
    for (at, counter) in stats.counters.iter_mut().enumerate() {
        let Some(value) = u64_at(value, at * 8) else { break };
        *counter = value;
        stats.known = at + 1;
    }
    debug_assert!(stats.known <= STATS.len());
    stats
}

/// A string that ends at its first zero byte.
fn text(value: &[u8]) -> String {
    let end = memchr::memchr(0, value).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn hardware_address(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len() * 3);
    for (at, byte) in value.iter().enumerate() {
        let _ = write!(text, "{}{byte:02x}", if at == 0 { "" } else { ":" });
    }
    text
}

/// RFC 2863's states.
fn operstate(state: u8) -> &'static str {
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"]
        .get(usize::from(state))
        .copied()
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{attribute, message};

    fn link_message(flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0, 0];
        body.extend(1_u16.to_ne_bytes());
        body.extend(7_u32.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        for (kind, value) in attributes {
            attribute(*kind, value, &mut body);
        }
        message(RTM_NEWLINK, &body)
    }

    #[test]
    fn an_interface_that_is_up() {
        let stats: Vec<u8> = (1..=24_u64).flat_map(u64::to_ne_bytes).collect();
        let answer = link_message(
            IFF_UP | IFF_RUNNING | IFF_LOWER_UP | 0x2,
            &[
                (3, b"eth0\0"),
                (1, &[2, 0xfc, 0, 0, 0, 1]),
                (16, &[6]),
                (33, &[1]),
                (30, &1_u32.to_ne_bytes()),
                (5, &9_u32.to_ne_bytes()),
                (23, &stats),
            ],
        );
        let links = parse(&answer);
        let link = &links[0];
        assert_eq!((link.name.as_str(), link.address.as_str()), ("eth0", "02:fc:00:00:00:01"));
        assert_eq!((link.index, link.link, link.carrier, link.dormant), (Some(7), Some(9), Some(1), Some(0)));
        assert_eq!((link.flags, link.operstate.as_str()), (Some(IFF_UP | 0x2 | IFF_PROMISC), "up"));
        assert_eq!(link.stats.unwrap().counters[23], 24);
    }

    #[test]
    fn what_has_no_meaning_while_it_is_down_is_left_out() {
        let links = parse(&link_message(0x82, &[(3, b"ifb0\0"), (33, &[1]), (16, &[2]), (23, &[0; 8 * 23])]));
        assert_eq!((links[0].carrier, links[0].dormant, links[0].link), (None, None, Some(7)));
        assert_eq!(links[0].stats.unwrap().known, 23);
    }

    #[test]
    fn speeds_are_looked_up_after_a_change_of_any_carrier_and_seldom_else() {
        let mut speeds = Speeds::default();
        let mut links = vec![Link { carrier_changes: Some(1), ..Link::default() }, Link::default()];
        let mut due = |links: &[Link]| [(); 4].map(|()| speeds.are_due(links));
        assert_eq!(due(&links), [true, true, false, false]);
        links[0].carrier_changes = Some(2);
        assert_eq!(due(&links), [true, true, false, false]);
        links[1].master = Some(7);
        assert_eq!(due(&links), [true, true, false, false]);
        links.pop();
        assert_eq!(due(&links), [true, true, false, false]);
        speeds.since = Instant::now().checked_sub(SPEEDS_LAST);
        assert!(speeds.are_due(&links));
    }

    #[test]
    fn cut_answers_do_no_harm() {
        let answer = link_message(1, &[(3, b"eth0\0"), (16, &[6]), (23, &[0; 200])]);
        for cut in 0..answer.len() {
            assert!(parse(&answer[..cut]).is_empty());
        }
        assert!(parse(&link_message(1, &[])).is_empty());
    }
}
