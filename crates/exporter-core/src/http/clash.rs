//! Whether two addresses are one port, so that the second could not be opened.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;

/// As [`super::Listener::bind`] would find them. Names are looked up only where the ports are the same.
pub(crate) fn clash(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (one.strip_prefix("unix:"), other.strip_prefix("unix:")) {
        (Some(one), Some(other)) => return Path::new(one) == Path::new(other),
        (None, None) => {}
        _ => return false,
    }
    match (port(one), port(other)) {
        (Some(one), Some(other)) if one == other && one != 0 => {}
        _ => return false,
    }
    let (Some(one), Some(other)) = (ip(one), ip(other)) else { return false };
    // All addresses of IPv6 are those of IPv4, too.
    let all = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let same_kind = one.is_ipv4() == other.is_ipv4();
    one == other
        || one == all
        || other == all
        || same_kind && (one.is_unspecified() || other.is_unspecified())
}

fn port(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
}

fn ip(address: &str) -> Option<IpAddr> {
    if address.starts_with(':') {
        return Some(Ipv6Addr::UNSPECIFIED.into());
    }
    let found = address.to_socket_addrs().ok()?;
    found.min_by_key(SocketAddr::is_ipv6).map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::clash;

    #[test]
    fn one_port_has_many_names() {
        for (one, other, same) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "localhost:1", true),
            ("127.0.0.1:1", "127.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:01", true),
            ("127.0.0.1:1", ":1", true),
            ("[::1]:1", ":1", true),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "[::]:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("127.0.0.1:1", "[::1]:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "localhost:0", false),
            ("unix:/run/a", "unix:/run//a", true),
            ("unix:/run/a", "unix:/run/b", false),
            ("unix:/run/a:1", "127.0.0.1:1", false),
        ] {
            assert_eq!((clash(one, other), clash(other, one)), (same, same), "{one} {other}");
        }
    }
}
