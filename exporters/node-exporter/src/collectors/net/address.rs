//! Addresses of interfaces, on request, from an RTM_GETADDR dump.

use exporter_core::Sink;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Link;
use super::device::ADDRESS_INFO;
use crate::netlink::{attributes, messages, u8_at, u32_at};

const RTM_NEWADDR: u16 = 20;
/// `struct ifaddrmsg`.
pub(super) const HEADER: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

pub(super) fn put(answer: &[u8], links: &[Link], sink: &mut Sink) {
    for (index, address, prefix) in
        messages(answer).filter(|m| m.kind == RTM_NEWADDR).filter_map(|m| parse(m.body))
    {
        let Some(link) = links.iter().find(|link| link.index == Some(index)) else { continue };
        sink.put(&ADDRESS_INFO, [&address.to_string(), &link.name, &prefix, &scope(address)], true);
    }
}

/// Interface index, address and length of the network part.
fn parse(body: &[u8]) -> Option<(u64, IpAddr, u8)> {
    let prefix = u8_at(body, 1)?;
    let index = u32_at(body, 4)?;
    let (mut address, mut local) = (None, None);
    for (kind, value) in attributes(body.get(HEADER..)?) {
        match kind {
            IFA_ADDRESS => address = ip(value),
            IFA_LOCAL => local = ip(value),
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end.
    Some((u64::from(index), local.or(address)?, prefix))
}

pub(in crate::collectors) fn ip(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        16 => value.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        _ => None,
    }
}

fn scope(address: IpAddr) -> &'static str {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_loopback(),
    };
    match address {
        _ if link_local => "link-local",
        address if address.is_unspecified() || address.is_multicast() => "",
        _ => "global",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_end_wins() {
        let mut body = vec![2, 24, 0, 0, 5, 0, 0, 0];
        for (kind, last) in [(IFA_ADDRESS, 9), (IFA_LOCAL, 1)] {
            body.extend(8_u16.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend([10, 0, 0, last]);
        }
        assert_eq!(parse(&body), Some((u64::from(5_u32.to_le()), "10.0.0.1".parse().unwrap(), 24)));
        assert_eq!(parse(&body[..8]), None);
    }

    #[test]
    fn scopes() {
        for (address, expected) in
            [("127.0.0.1", "link-local"), ("fe80::1", "link-local"), ("192.0.2.1", "global"), ("::", "")]
        {
            assert_eq!(scope(address.parse().unwrap()), expected, "{address}");
        }
    }
}
