//! Which targets may be asked on a stranger's word (`/probe?target=…`).
//!
//! A name is only a promise: what counts is the address it resolves to, at every connect and at every redirect. So the
//! policy is asked with both, and nothing is connected that it has not admitted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::exporter::ConfigError;

/// Targets that may be asked. Without a list: all but link-local, unspecified and multicast addresses and those at which
/// clouds hand out credentials.
#[derive(Clone, Debug, Default)]
pub struct TargetPolicy {
    allowed: Vec<Pattern>,
}

/// A target that may be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Admitted {
    /// Whether a list names it. Configured credentials go to listed targets only.
    pub listed: bool,
}

/// Why a target is not asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// There is a list, and it is not on it.
    #[error("target {0} is not on the list of allowed targets")]
    NotListed(String),
    /// Its address is one that nobody should be able to have asked.
    #[error(
        "target {0}: addresses of this kind ({1}) are refused unless the list of allowed targets names them"
    )]
    Reserved(String, &'static str),
}

impl TargetPolicy {
    /// A policy of these patterns: `db.example.com`, `*.example.com`, `10.1.0.0/16`, `fd00::/8`, each with an optional
    /// `:PORT` or `:FIRST-LAST` (an IPv6 network in brackets then).
    ///
    /// # Errors
    /// A pattern of no such form.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let allowed = patterns.into_iter().map(Pattern::from_str).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Asks about a host, as the client wrote it, and one address it resolved to.
    ///
    /// # Errors
    /// [`Refused`], for the client.
    pub fn admit(&self, host: &str, address: SocketAddr) -> Result<Admitted, Refused> {
        let (ip, port) = (canonical(address.ip()), address.port());
        let told = || if host.is_empty() { address.to_string() } else { format!("{host}:{port}") };
        let by_address = self.allowed.iter().any(|pattern| pattern.is_address(ip, port));
        let by_name = self.allowed.iter().any(|pattern| pattern.is_name(host, port));
        if !by_address && let Some(kind) = reserved(ip) {
            return Err(Refused::Reserved(told(), kind));
        }
        match (self.allowed.is_empty(), by_address || by_name) {
            (true, _) => Ok(Admitted { listed: false }),
            (false, true) => Ok(Admitted { listed: true }),
            (false, false) => Err(Refused::NotListed(told())),
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern {
    host: Host,
    ports: (u16, u16),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Host {
    Name(String),
    /// Everything below this domain.
    Below(String),
    Network(IpAddr, u8),
}

impl Pattern {
    fn is_address(&self, ip: IpAddr, port: u16) -> bool {
        matches!(self.host, Host::Network(network, bits) if within(ip, network, bits)) && self.has_port(port)
    }

    fn is_name(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let fits = match &self.host {
            Host::Name(name) => *name == host,
            Host::Below(domain) => host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Host::Network(..) => false,
        };
        fits && self.has_port(port)
    }

    fn has_port(&self, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
    }
}

impl FromStr for Pattern {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bad = || {
            ConfigError::new(format!(
                "allowed target {text:?}: write a name, *.domain or a network like 10.0.0.0/8, each with :PORT or :FIRST-LAST"
            ))
        };
        let (host, ports) = split_ports(text).ok_or_else(bad)?;
        let ports = match ports {
            None => (0, u16::MAX),
            Some(ports) => {
                let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
                (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?)
            }
        };
        Ok(Self { host: parse_host(host).ok_or_else(bad)?, ports })
    }
}

/// The host and the ports behind its last colon; an IPv6 network has ports only when it stands in brackets.
fn split_ports(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    match text.matches(':').count() {
        0 => Some((text, None)),
        1 => text.split_once(':').map(|(host, ports)| (host, Some(ports))),
        _ => Some((text, None)),
    }
}

fn parse_host(host: &str) -> Option<Host> {
    let (address, bits) = match host.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (host, None),
    };
    if let Ok(ip) = address.parse::<IpAddr>() {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        return (bits <= most).then_some(Host::Network(ip, bits));
    }
    let name = host.to_ascii_lowercase();
    let (below, plain) = match name.strip_prefix("*.") {
        Some(domain) => (true, domain),
        None => (false, name.as_str()),
    };
    let valid = !plain.is_empty() && plain.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    valid.then(|| if below { Host::Below(plain.to_owned()) } else { Host::Name(plain.to_owned()) })
}

fn within(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            u32::from(ip) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            u128::from(ip) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

/// The IPv4 address inside an IPv6 one that stands for it (mapped, or by NAT64), so that no spelling slips through.
fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    if within(ip, IpAddr::V6(nat64), 96) {
        let [.., a, b, c, d] = v6.octets();
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    v6.to_ipv4_mapped().map_or(ip, IpAddr::V4)
}

/// What kind of address this is, if it is one that nobody should be able to have asked.
fn reserved(ip: IpAddr) -> Option<&'static str> {
    // Alibaba, Oracle (twice), Azure's WireServer, AWS (instances, pods), Google.
    const METADATA: [IpAddr; 7] = [
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
        IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
        IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    ];
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        _ if link_local => Some("link-local, cloud metadata"),
        _ if METADATA.contains(&ip) => Some("cloud metadata"),
        _ if ip.is_unspecified() => Some("unspecified"),
        _ if ip.is_multicast() => Some("multicast"),
        _ => None,
    }
}

impl fmt::Display for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.listed { "listed" } else { "not listed" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(patterns: &[&str], host: &str, address: &str) -> Result<bool, &'static str> {
        let policy = TargetPolicy::new(patterns.iter().copied()).unwrap();
        match policy.admit(host, address.parse().unwrap()) {
            Ok(admitted) => Ok(admitted.listed),
            Err(Refused::NotListed(_)) => Err("not listed"),
            Err(Refused::Reserved(_, _)) => Err("reserved"),
        }
    }

    #[test]
    fn without_a_list_all_but_reserved_addresses() {
        assert_eq!(admit(&[], "db", "10.0.0.5:5432"), Ok(false));
        assert_eq!(admit(&[], "localhost", "127.0.0.1:80"), Ok(false));
        for address in [
            "169.254.169.254:80",
            "[fe80::1]:80",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[fd00:ec2::254]:80",
            "[fd00:ec2::23]:80",
            "[fd20:ce::254]:80",
            "[fd00:c1::a9fe:a9fe]:80",
            "168.63.129.16:80",
            "100.100.100.200:80",
            "0.0.0.0:80",
            "[::]:80",
            "224.0.0.1:80",
        ] {
            assert_eq!(admit(&[], "innocent.example", address), Err("reserved"), "{address}");
        }
    }

    #[test]
    fn a_list_admits_by_name_network_and_port() {
        let list =
            ["db.example.com:5432-5433", "*.svc.example", "10.1.0.0/16:80", "[fd00::]:80", "192.168.1.7"];
        for (host, address, expected) in [
            ("DB.example.com.", "10.9.9.9:5433", Ok(true)),
            ("db.example.com", "10.9.9.9:5434", Err("not listed")),
            ("a.svc.example", "10.9.9.9:1", Ok(true)),
            ("svc.example", "10.9.9.9:1", Err("not listed")),
            ("evil-svc.example", "10.9.9.9:1", Err("not listed")),
            ("x", "10.1.255.1:80", Ok(true)),
            ("x", "10.1.255.1:81", Err("not listed")),
            ("x", "10.2.0.1:80", Err("not listed")),
            ("x", "[fd00::]:80", Ok(true)),
            ("x", "[::ffff:192.168.1.7]:9", Ok(true)),
            // A listed name that resolves to a metadata address is still refused.
            ("db.example.com", "169.254.169.254:5432", Err("reserved")),
        ] {
            assert_eq!(admit(&list, host, address), expected, "{host} {address}");
        }
        assert_eq!(admit(&["169.254.0.0/16"], "x", "169.254.1.1:80"), Ok(true), "named by its network");
    }

    #[test]
    fn bad_patterns_are_refused_by_name() {
        for bad in ["", "10.0.0.0/33", "a b", "host:port", "host:1-x", "[fd00::/8", "*.", "http://x"] {
            let error = TargetPolicy::new([bad]).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
