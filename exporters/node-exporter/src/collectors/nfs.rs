//! NFS client, from `/proc/net/rpc/nfs`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use super::rpc::{Proc, numbers, procedures, procs};
use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, lines};

pub(crate) static NFS: Collector = Collector {
    name: "nfs",
    enabled: true,
    families: &[
        CONNECTIONS.desc(),
        PACKETS.desc(),
        RPCS.desc(),
        RETRANSMISSIONS.desc(),
        REFRESHES.desc(),
        REQUESTS.desc(),
    ],
    dynamic: &[],
};

static CONNECTIONS: Family<0> = Family::counter("node_nfs_connections_total", "TCP connections made.", &[]);
static PACKETS: Family<1> =
    Family::counter("node_nfs_packets_total", "Packets by transport protocol.", &["protocol"]);
static RPCS: Family<0> = Family::counter("node_nfs_rpcs_total", "Remote calls.", &[]);
static RETRANSMISSIONS: Family<0> =
    Family::counter("node_nfs_rpc_retransmissions_total", "Remote calls sent again.", &[]);
static REFRESHES: Family<0> = Family::counter(
    "node_nfs_rpc_authentication_refreshes_total",
    "Times that credentials were refreshed for a call.",
    &[],
);
static REQUESTS: Family<2> =
    Family::counter("node_nfs_requests_total", "Remote calls by method.", &["method", "proto"]);

/// As the client numbers them.
const V4: &[&str] = &[
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

const PROCS: [Proc; 3] = procs(b"proc4", V4);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(context.proc_net("rpc/nfs"), "no NFS client", |text, sink| {
        let client = parse(text)?;
        let [_, udp, tcp, connections] = client.net;
        sink.put(&CONNECTIONS, [], connections);
        sink.put(&PACKETS, [&"udp"], udp);
        sink.put(&PACKETS, [&"tcp"], tcp);
        let [calls, again, refreshes] = client.rpc;
        sink.put(&RPCS, [], calls);
        sink.put(&RETRANSMISSIONS, [], again);
        sink.put(&REFRESHES, [], refreshes);
        procedures(text, &PROCS, |proto, method, count| sink.put(&REQUESTS, [&method, &proto], count))
    }))
}

#[derive(Debug, Eq, PartialEq)]
struct Client {
    /// All packets, UDP, TCP, connections.
    net: [u64; 4],
    /// Calls, calls sent again, refreshed credentials.
    rpc: [u64; 3],
}

fn parse(text: &[u8]) -> Result<Client, Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `net 1 2 3 4` and `rpc 1 2 3`");
    let (mut net, mut rpc) = (None, None);
    for line in lines(text) {
        match fields(line).next() {
            Some(b"net") => net = numbers(line),
            Some(b"rpc") => rpc = numbers(line),
            _ => {}
        }
    }
    Ok(Client { net: net.ok_or(MISSING)?, rpc: rpc.ok_or(MISSING)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_their_names() {
        assert_eq!(
            parse(b"net 1 2 3 4\nrpc 5 6 7\nproc3 1 9\n"),
            Ok(Client { net: [1, 2, 3, 4], rpc: [5, 6, 7] })
        );
        for bad in ["", "net 1 2 3 4\n", "net 1 2\nrpc 1 2 3\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
