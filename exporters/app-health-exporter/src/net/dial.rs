//! From a name to an open connection: one address is chosen as the peer does, asked for leave, and connected.

use exporter_core::Lookups;
use exporter_core::probe::TargetPolicy;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};

use super::{Failure, Reason};
use crate::config::options::{Ip, Protocol};

/// The address of a host: the first of the preferred family, else, if allowed, the first of the other one.
pub(crate) async fn resolve(lookups: &Lookups, host: &str, ip: Ip) -> Result<IpAddr, Failure> {
    let none = || Failure::new(Reason::Resolve, format!("{host} has no address"));
    let name = host.split('%').next().unwrap_or(host);
    let found = lookups.find(name, 0).await;
    let found = found.map_err(|error| Failure::new(Reason::Resolve, format!("{host}: {error}")))?;
    let found: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
    let wanted = |address: &&IpAddr| address.is_ipv4() == (ip.preferred_ip_protocol == Protocol::Ip4);
    match found.iter().find(wanted) {
        Some(address) => Ok(*address),
        None if ip.ip_protocol_fallback => found.first().copied().ok_or_else(none),
        None if found.is_empty() => Err(none()),
        None => Err(Failure::new(Reason::Resolve, format!("{host} has no address of the wanted family"))),
    }
}

/// Connects, if the policy allows it.
pub(crate) async fn connect(
    policy: &TargetPolicy,
    host: &str,
    address: SocketAddr,
    source: Option<IpAddr>,
) -> Result<TcpStream, Failure> {
    admit(policy, host, address)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(|error| Failure::connect(&error))?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0)).map_err(|error| Failure::connect(&error))?;
    }
    let stream = socket.connect(address).await.map_err(|error| Failure::connect(&error))?;
    // Costs a system call; without it a request in two writes waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

pub(crate) fn admit(policy: &TargetPolicy, host: &str, address: SocketAddr) -> Result<(), Failure> {
    match policy.admit(host, address) {
        Ok(_) => Ok(()),
        Err(refused) => Err(Failure::new(Reason::NotAllowed, refused.to_string())),
    }
}

/// FNV-1a over the address bytes, as `probe_ip_addr_hash` has it.
pub(crate) fn address_hash(address: IpAddr) -> u32 {
    let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
    match address {
        IpAddr::V4(address) => address.octets().iter().fold(2_166_136_261, fold),
        IpAddr::V6(address) => address.octets().iter().fold(2_166_136_261, fold),
    }
}

/// Where a probe is, so that its deadline can be told from another one's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Stage {
    #[default]
    Resolve,
    Connect,
    Tls,
    Response,
    Body,
}

impl Stage {
    pub(crate) fn timeout(self, after: Duration) -> Failure {
        let (reason, what) = match self {
            Stage::Resolve => (Reason::TimeoutResolve, "resolving"),
            Stage::Connect => (Reason::TimeoutConnect, "connecting"),
            Stage::Tls => (Reason::TimeoutTls, "the TLS handshake"),
            Stage::Response => (Reason::TimeoutResponse, "waiting for the answer"),
            Stage::Body => (Reason::TimeoutBody, "reading the answer"),
        };
        Failure::new(reason, format!("not done with {what} after {:.3} s", after.as_secs_f64()))
    }
}

/// Adds the time since `begin` to a phase.
pub(crate) fn took(phase: &mut Duration, begin: Instant) {
    *phase += begin.elapsed();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_the_peer() {
        assert_eq!(address_hash("127.0.0.1".parse().unwrap()), 3_668_918_509);
    }
}
