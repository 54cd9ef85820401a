//! NFS server, from `/proc/net/rpc/nfsd`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use super::rpc::{Proc, numbers, procedures, procs};
use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, lines};

pub(crate) static NFSD: Collector = Collector {
    name: "nfsd",
    enabled: true,
    families: &[
        HITS.desc(),
        MISSES.desc(),
        NOCACHE.desc(),
        STALE.desc(),
        READ.desc(),
        WRITTEN.desc(),
        THREADS.desc(),
        READ_AHEAD.desc(),
        READ_AHEAD_MISSES.desc(),
        PACKETS.desc(),
        CONNECTIONS.desc(),
        RPC_ERRORS.desc(),
        RPCS.desc(),
        REQUESTS.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<0> = Family::$kind(concat!("node_nfsd_", $name), $help, &[]);
    )*};
}
families! {
    HITS counter "reply_cache_hits_total" "Replies found in the reply cache."
    MISSES counter "reply_cache_misses_total" "Replies not found in the reply cache."
    NOCACHE counter "reply_cache_nocache_total" "Replies that need no cache."
    STALE counter "file_handles_stale_total" "Stale file handles."
    READ counter "disk_bytes_read_total" "Bytes read."
    WRITTEN counter "disk_bytes_written_total" "Bytes written."
    THREADS gauge "server_threads" "Threads of the server."
    READ_AHEAD gauge "read_ahead_cache_size_blocks" "Blocks that the read-ahead cache holds."
    READ_AHEAD_MISSES counter "read_ahead_cache_not_found_total" "Look-ups that the read-ahead cache could not serve."
    CONNECTIONS counter "connections_total" "TCP connections accepted."
    RPCS counter "server_rpcs_total" "Remote calls."
}
static PACKETS: Family<1> =
    Family::counter("node_nfsd_packets_total", "Packets by transport protocol.", &["proto"]);
static RPC_ERRORS: Family<1> = Family::counter("node_nfsd_rpc_errors_total", "Bad remote calls.", &["error"]);
static REQUESTS: Family<2> =
    Family::counter("node_nfsd_requests_total", "Remote calls by method.", &["method", "proto"]);

/// Operations by number; empty names are not reported.
const V4: &[&str] = &[
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

const PROCS: [Proc; 3] = procs(b"proc4ops", V4);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(context.proc_net("rpc/nfsd"), "no NFS server", |text, sink| {
        const MISSING: Malformed = Malformed::new("a line `net` of four numbers and a line `rpc` of five");
        let (mut net, mut rpc) = (None, None);
        for line in lines(text) {
            match fields(line).next() {
                Some(b"rc") => {
                    let [hits, misses, nocache] = numbers(line).ok_or(MISSING)?;
                    sink.put(&HITS, [], hits);
                    sink.put(&MISSES, [], misses);
                    sink.put(&NOCACHE, [], nocache);
                }
                Some(b"fh") => sink.put(&STALE, [], numbers::<1>(line).ok_or(MISSING)?[0]),
                Some(b"io") => {
                    let [read, written] = numbers(line).ok_or(MISSING)?;
                    sink.put(&READ, [], read);
                    sink.put(&WRITTEN, [], written);
                }
                Some(b"th") => sink.put(&THREADS, [], numbers::<1>(line).ok_or(MISSING)?[0]),
                // Size, ten parts of a histogram, not found. Gone since Linux 5.4.
                Some(b"ra") => {
                    let numbers: [u64; 12] = numbers(line).ok_or(MISSING)?;
                    sink.put(&READ_AHEAD, [], numbers[0]);
                    sink.put(&READ_AHEAD_MISSES, [], numbers[11]);
                }
                Some(b"net") => net = numbers::<4>(line),
                Some(b"rpc") => rpc = numbers::<5>(line),
                Some(b"wdeleg_getattr") => {
                    let [count] = numbers(line).ok_or(MISSING)?;
                    sink.put(&REQUESTS, [&"WdelegGetattr", &"4"], count);
                }
                _ => {}
            }
        }
        let ([_, udp, tcp, connections], [calls, _, format, auth, client]) =
            (net.ok_or(MISSING)?, rpc.ok_or(MISSING)?);
        sink.put(&PACKETS, [&"udp"], udp);
        sink.put(&PACKETS, [&"tcp"], tcp);
        sink.put(&CONNECTIONS, [], connections);
        // The peer spells the last of these with a capital I.
        for (error, count) in [("fmt", format), ("auth", auth), ("cInt", client)] {
            sink.put(&RPC_ERRORS, [&error], count);
        }
        sink.put(&RPCS, [], calls);
        procedures(text, &PROCS, |proto, method, count| {
            if method != "Null" {
                sink.put(&REQUESTS, [&method, &proto], count);
            }
        })
    }))
}
