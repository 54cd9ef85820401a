//! Routes, from one RTM_GETROUTE dump. Off by default: a series for each route.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::net::{DeviceFilter, OTHER_NETWORK, ip};
use crate::context::Context;
use crate::filter::Filter;
use crate::netlink::{Netlink, attributes, messages, u8_at, u16_at, u32_at};
use crate::source;

pub(crate) static NETWORK_ROUTE: Collector =
    Collector { name: "network_route", enabled: false, families: &[INFO.desc(), COUNT.desc()], dynamic: &[] };

static INFO: Family<7> = Family::info(
    "node_network_route_info",
    "Routes to other hosts.",
    &["dest", "device", "gw", "priority", "proto", "src", "weight"],
);
static COUNT: Family<1> = Family::gauge("node_network_routes", "Routes by interface.", &["device"]);

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// `struct rtmsg`.
const HEADER: usize = 12;
/// A gateway or a direct route; others are the host's own addresses, broadcasts, and what is refused.
const RTN_UNICAST: u8 = 1;

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut filter = DeviceFilter::new(context, Filter::all())?;
    let mut netlink = context.shares_network().then(|| Netlink::new(None));
    Ok(source::custom(move |sink| {
        let netlink = netlink.as_mut().ok_or_else(|| CollectError::no_data(OTHER_NETWORK))?;
        let mut devices: BTreeMap<u32, (String, u64)> = BTreeMap::new();
        for route in parse(netlink.dump(RTM_GETROUTE, &[0; HEADER])?) {
            for hop in &route.hops {
                // A route without an interface belongs to none.
                let (device, count) = devices
                    .entry(hop.interface)
                    .or_insert_with(|| (netlink.interface_name(hop.interface).unwrap_or_default(), 0));
                if filter.selects(device) {
                    *count += 1;
                    let (source, gateway) = (address(route.source), address(hop.gateway));
                    sink.put(
                        &INFO,
                        [
                            &route.destination(),
                            device,
                            &gateway,
                            &route.priority,
                            &route.protocol(),
                            &source,
                            &hop.weight,
                        ],
                        true,
                    );
                }
            }
        }
        for (device, count) in devices.values().filter(|(_, count)| *count > 0) {
            sink.put(&COUNT, [device], *count);
        }
        Ok(())
    }))
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Route {
    destination: Option<IpAddr>,
    length: u8,
    source: Option<IpAddr>,
    priority: u32,
    protocol: u8,
    hops: Vec<Hop>,
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Hop {
    interface: u32,
    gateway: Option<IpAddr>,
    /// Of several ways; empty where there is only one.
    weight: String,
}

/// The routes to other hosts in an answer to RTM_GETROUTE.
fn parse(answer: &[u8]) -> Vec<Route> {
    let routes = messages(answer).filter(|message| message.kind == RTM_NEWROUTE);
    routes.filter_map(|message| route(message.body)).collect()
}

fn route(body: &[u8]) -> Option<Route> {
    if u8_at(body, 7)? != RTN_UNICAST {
        return None;
    }
    let mut route = Route { length: u8_at(body, 1)?, protocol: u8_at(body, 5)?, ..Route::default() };
    let mut only = Hop::default();
    for (kind, value) in attributes(body.get(HEADER..)?) {
        match kind {
            1 => route.destination = ip(value),
            4 => only.interface = u32_at(value, 0)?,
            5 => only.gateway = ip(value),
            6 => route.priority = u32_at(value, 0)?,
            7 => route.source = ip(value),
            9 => route.hops.extend(hops(value)),
            _ => {}
        }
    }
    if route.hops.is_empty() {
        route.hops.push(only);
    }
    Some(route)
}

/// A row of `struct rtnexthop`, each with attributes of its own.
fn hops(mut value: &[u8]) -> impl Iterator<Item = Hop> {
    const HOP: usize = 8;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(value, 0)?);
        let own = value.get(HOP..length)?;
        let gateway = attributes(own).find(|(kind, _)| *kind == 5).and_then(|(_, gateway)| ip(gateway));
        // The kernel counts from 0.
        let weight = u16::from(u8_at(value, 3)?) + 1;
        let hop = Hop { interface: u32_at(value, 4)?, gateway, weight: weight.to_string() };
        value = value.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(hop)
    })
}

impl Route {
    fn destination(&self) -> String {
        match self.destination {
            Some(address) if self.length > 0 => format!("{address}/{}", self.length),
            _ => "default".to_owned(),
        }
    }

    /// Who made the route; see rtnetlink(7) and the kernel's rtnetlink.h.
    fn protocol(&self) -> &'static str {
        match self.protocol {
            0 => "unspec",
            1 => "redirect",
            2 => "kernel",
            3 => "boot",
            4 => "static",
            8 => "gated",
            9 => "ra",
            10 => "mrt",
            11 => "zebra",
            12 => "bird",
            13 => "dnrouted",
            14 => "xorp",
            15 => "ntk",
            16 => "dhcp",
            17 => "mrouted",
            42 => "babel",
            186 => "bgp",
            187 => "isis",
            188 => "ospf",
            189 => "rip",
            192 => "eigrp",
            _ => "unknown",
        }
    }
}

fn address(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{attribute, message};

    fn header(kind: u8, length: u8) -> Vec<u8> {
        vec![2, length, 0, 0, 254, 4, 0, kind, 0, 0, 0, 0]
    }

    #[test]
    fn one_way_and_several() {
        let mut direct = header(RTN_UNICAST, 24);
        attribute(1, &[192, 0, 2, 0], &mut direct);
        attribute(4, &3_u32.to_ne_bytes(), &mut direct);
        attribute(6, &100_u32.to_ne_bytes(), &mut direct);
        attribute(7, &[192, 0, 2, 9], &mut direct);
        let mut several = header(RTN_UNICAST, 0);
        let mut ways = Vec::new();
        for (interface, weight) in [(3_u32, 0), (4, 9)] {
            ways.extend([16, 0, 0, weight]);
            ways.extend(interface.to_ne_bytes());
            attribute(5, &[192, 0, 2, interface as u8], &mut ways);
        }
        attribute(9, &ways, &mut several);
        let answer = [message(RTM_NEWROUTE, &direct), message(RTM_NEWROUTE, &several)].concat();
        let routes = parse(&answer);
        assert_eq!((routes[0].destination().as_str(), routes[0].priority), ("192.0.2.0/24", 100));
        assert_eq!((routes[0].protocol(), address(routes[0].source).as_str()), ("static", "192.0.2.9"));
        assert_eq!(routes[0].hops, [Hop { interface: 3, ..Hop::default() }]);
        let told = |hop: &Hop| (hop.interface, address(hop.gateway), hop.weight.clone());
        assert_eq!(
            routes[1].hops.iter().map(told).collect::<Vec<_>>(),
            [(3, "192.0.2.3".into(), "1".into()), (4, "192.0.2.4".into(), "10".into())]
        );
        assert_eq!(routes[1].destination(), "default");
        for cut in 0..answer.len() {
            assert!(parse(&answer[..cut]).len() < 2);
        }
    }

    #[test]
    fn the_hosts_own_addresses_are_no_routes() {
        assert_eq!(parse(&message(RTM_NEWROUTE, &header(2, 32))), []);
    }
}
