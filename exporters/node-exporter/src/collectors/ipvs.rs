//! The kernel's load balancer, from `ip_vs_stats` and `ip_vs` in `/proc/net`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, Flag, LabelValue};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, fields, hexadecimal, integer, lines};

pub(crate) static IPVS: Collector = Collector {
    name: "ipvs",
    enabled: true,
    families: &[
        CONNECTIONS.desc(),
        PACKETS_IN.desc(),
        PACKETS_OUT.desc(),
        BYTES_IN.desc(),
        BYTES_OUT.desc(),
        ACTIVE.desc(),
        INACTIVE.desc(),
        WEIGHT.desc(),
    ],
    dynamic: &[],
};

static CONNECTIONS: Family<0> = Family::counter("node_ipvs_connections_total", "Connections made.", &[]);
static PACKETS_IN: Family<0> = Family::counter("node_ipvs_incoming_packets_total", "Packets received.", &[]);
static PACKETS_OUT: Family<0> = Family::counter("node_ipvs_outgoing_packets_total", "Packets sent.", &[]);
static BYTES_IN: Family<0> = Family::counter("node_ipvs_incoming_bytes_total", "Bytes received.", &[]);
static BYTES_OUT: Family<0> = Family::counter("node_ipvs_outgoing_bytes_total", "Bytes sent.", &[]);

static LABELS: [&str; 6] =
    ["local_address", "local_mark", "local_port", "proto", "remote_address", "remote_port"];
static ACTIVE: Family<6> =
    Family::gauge("node_ipvs_backend_connections_active", "Active connections by server.", &LABELS);
static INACTIVE: Family<6> =
    Family::gauge("node_ipvs_backend_connections_inactive", "Inactive connections by server.", &LABELS);
static WEIGHT: Family<6> = Family::gauge("node_ipvs_backend_weight", "The server's weight.", &LABELS);

const BACKEND_LABELS: &str = "collector.ipvs.backend-labels";

pub(crate) const FLAGS: &[Flag] = &[Flag::value(
    BACKEND_LABELS,
    "local_address,local_port,remote_address,remote_port,proto,local_mark",
    "Labels by which servers are told apart; what differs only in others is summed up.",
)];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let wanted = wanted(context.settings.text(BACKEND_LABELS))?;
    let [stats, table] = ["ip_vs_stats", "ip_vs"].map(|file| context.proc_net(file));
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let [connections, packets_in, packets_out, bytes_in, bytes_out] =
            match reader.parse(&stats, parse_stats) {
                Err(error) if error.is_absent() => return Err(CollectError::no_data("no IPVS")),
                result => result?,
            };
        sink.put(&CONNECTIONS, [], connections);
        sink.put(&PACKETS_IN, [], packets_in);
        sink.put(&PACKETS_OUT, [], packets_out);
        sink.put(&BYTES_IN, [], bytes_in);
        sink.put(&BYTES_OUT, [], bytes_out);
        let mut sums: BTreeMap<Key, [u64; 3]> = BTreeMap::new();
        reader.parse(&table, |text| {
            parse_table(text, |mut key, numbers| {
                for (value, wanted) in key.iter_mut().zip(wanted) {
                    if !wanted {
                        value.clear();
                    }
                }
                let sum = sums.entry(key).or_default();
                for (sum, number) in sum.iter_mut().zip(numbers) {
                    *sum = sum.saturating_add(number);
                }
            })
        })?;
        for (at, family) in [&WEIGHT, &ACTIVE, &INACTIVE].into_iter().enumerate() {
            for (key, sum) in &sums {
                sink.put(family, key.each_ref().map(|value| value as &dyn LabelValue), sum[at]);
            }
        }
        Ok(())
    }))
}

/// The values of LABELS.
type Key = [String; LABELS.len()];

/// Which of LABELS are in a list.
fn wanted(list: &str) -> Result<[bool; LABELS.len()], ConfigError> {
    let names = || list.split(',').filter(|name| !name.is_empty());
    match names().find(|name| !LABELS.contains(name)) {
        Some(unknown) => Err(ConfigError::new(format!(
            "--{BACKEND_LABELS}={list}: {unknown} is none of {}",
            LABELS.join(", ")
        ))),
        None => Ok(LABELS.map(|label| names().any(|name| name == label))),
    }
}

/// Two lines of heading, then connections, packets and bytes as hexadecimal numbers.
fn parse_stats(text: &[u8]) -> Result<[u64; 5], Malformed> {
    const MISSING: Malformed = Malformed::new("five hexadecimal numbers in the third line");
    let mut parts = fields(lines(text).nth(2).ok_or(MISSING)?);
    let mut numbers = [0; 5];
    for number in &mut numbers {
        *number = parts.next().and_then(hexadecimal).ok_or(MISSING)?;
    }
    Ok(numbers)
}

/// Calls `each` with a server's labels and its weight, active and inactive connections. Servers stand below their service,
/// after an arrow.
fn parse_table(text: &[u8], mut each: impl FnMut(Key, [u64; 3])) -> Result<(), Malformed> {
    const SERVICE: Malformed = Malformed::new("services like `TCP C0A80016:0CEA wlc`");
    const SERVER: Malformed = Malformed::new("servers like `-> C0A85216:0CEA Tunnel 100 248 2`");
    let mut service: Option<[String; 4]> = None;
    if !text.starts_with(b"IP Virtual Server") {
        return Err(SERVICE);
    }
    // A version, the services' heading, and the servers'.
    for line in lines(text).skip(3) {
        let mut parts = fields(line);
        let Some(first) = parts.next() else { continue };
        let what = parts.next().ok_or(SERVICE)?;
        if first != b"->" {
            let proto = String::from_utf8_lossy(first).into_owned();
            service = Some(if first == b"FWM" {
                [String::new(), String::from_utf8_lossy(what).into_owned(), "0".to_owned(), proto]
            } else {
                let (address, port) = address(what).ok_or(SERVICE)?;
                [address.to_string(), String::new(), port.to_string(), proto]
            });
            continue;
        }
        let [local_address, mark, local_port, proto] = service.clone().ok_or(SERVER)?;
        let (address, port) = address(what).ok_or(SERVER)?;
        let mut numbers = [0; 3];
        let mut counts = parts.skip(1);
        for number in &mut numbers {
            *number = counts.next().and_then(integer).ok_or(SERVER)?;
        }
        each([local_address, mark, local_port, proto, address.to_string(), port.to_string()], numbers);
    }
    Ok(())
}

/// `C0A80016:0CEA`, or `[2001:0db8:…]:0CEA`.
fn address(text: &[u8]) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_at(memchr::memrchr(b':', text)?);
    let port = hexadecimal(&port[1..]).and_then(|port| u16::try_from(port).ok())?;
    let address = match address.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        Some(six) => std::str::from_utf8(six).ok()?.parse::<Ipv6Addr>().ok()?.into(),
        None if address.len() == 8 => Ipv4Addr::from(u32::try_from(hexadecimal(address)?).ok()?).into(),
        None => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "IP Virtual Server\nProt LocalAddress:Port\n  -> RemoteAddress:Port\n";

    #[test]
    fn services_and_their_servers() {
        let text = format!(
            "{HEADING}TCP  C0A80016:0CEA wlc\n  -> C0A85216:0CEA Tunnel 100 248 2\n\
             UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 sh\n  -> [2001:0db8::2]:0035 Route 1 0 3\n\
             FWM  10001000 wlc\n  -> C0A83215:0000 Route 0 0 1\n"
        );
        let mut all = Vec::new();
        parse_table(text.as_bytes(), |key, numbers| all.push((key.join(" "), numbers))).unwrap();
        assert_eq!(
            all,
            [
                ("192.168.0.22  3306 TCP 192.168.82.22 3306".to_owned(), [100, 248, 2]),
                ("2001:db8::1  53 UDP 2001:db8::2 53".to_owned(), [1, 0, 3]),
                (" 10001000 0 FWM 192.168.50.21 0".to_owned(), [0, 0, 1]),
            ]
        );
        assert!(parse_table(b"", |_, _| {}).is_err());
        for bad in [
            "  -> C0A85216:0CEA Tunnel 1 2 3\n",
            "TCP\n",
            "TCP x wlc\n",
            "TCP C0A80016:0CEA wlc\n -> C0A85216:0CEA x 1 2\n",
        ] {
            assert!(parse_table(format!("{HEADING}{bad}").as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }

    #[test]
    fn sums_and_labels() {
        assert_eq!(
            parse_stats(b"Total\nConns\n 16AA370 E3 0 51D8C8883AB3 f\n\n"),
            Ok([23_765_872, 227, 0, 89_991_519_156_915, 15])
        );
        for bad in ["", "a\nb\n", "a\nb\n1 2 3 4\n", "a\nb\n1 2 3 4 x\n"] {
            assert!(parse_stats(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(wanted("proto,,local_address").unwrap(), [true, false, false, true, false, false]);
        assert!(wanted("proto,nosuch").unwrap_err().to_string().contains("nosuch is none of"));
    }
}
