//! btrfs filesystems, from `/sys/fs/btrfs`.
//!
//! The peer asks each mount by an ioctl as well, as root, for errors by device; those families are not here.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family, Sink};
use std::path::Path;

use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::{fields, integer, lines};

pub(crate) static BTRFS: Collector = Collector {
    name: "btrfs",
    enabled: true,
    families: &[
        INFO.desc(),
        GLOBAL_RESERVE.desc(),
        COMMITS.desc(),
        LAST_COMMIT.desc(),
        MAX_COMMIT.desc(),
        COMMIT_SECONDS.desc(),
        RESERVED.desc(),
        USED.desc(),
        SIZE.desc(),
        RATIO.desc(),
        DEVICE_SIZE.desc(),
    ],
    dynamic: &[],
};

static INFO: Family<2> = Family::info("node_btrfs_info", "The filesystem's label.", &["label", "uuid"]);
static GLOBAL_RESERVE: Family<1> =
    Family::gauge("node_btrfs_global_rsv_size_bytes", "Size of the global reserve.", &["uuid"]);
static COMMITS: Family<1> = Family::counter("node_btrfs_commits_total", "Commits.", &["uuid"]);
static LAST_COMMIT: Family<1> =
    Family::gauge("node_btrfs_last_commit_seconds", "How long the last commit took.", &["uuid"]);
static MAX_COMMIT: Family<1> =
    Family::gauge("node_btrfs_max_commit_seconds", "How long the slowest commit took.", &["uuid"]);
static COMMIT_SECONDS: Family<1> =
    Family::counter("node_btrfs_commit_seconds_total", "Time that commits took.", &["uuid"]);
static RESERVED: Family<2> = Family::gauge(
    "node_btrfs_reserved_bytes",
    "Space reserved for a kind of data.",
    &["block_group_type", "uuid"],
);
macro_rules! layouts {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<3> =
            Family::gauge(concat!("node_btrfs_", $name), $help, &["block_group_type", "mode", "uuid"]);
    )*};
}
layouts! {
    USED "used_bytes" "Space used by a kind of data in a layout."
    SIZE "size_bytes" "Space allocated for a kind of data in a layout."
    RATIO "allocation_ratio" "Bytes on disk for each byte of data in the layout."
}
static DEVICE_SIZE: Family<2> =
    Family::gauge("node_btrfs_device_size_bytes", "Size of a device of the filesystem.", &["device", "uuid"]);

const SECTOR: u64 = 512;

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let root = context.sys("fs/btrfs");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        // Beside filesystems there is `features`.
        let uuids: Vec<_> = names_or_none(&root).into_iter().filter(|name| name.contains('-')).collect();
        if uuids.is_empty() {
            return Err(CollectError::no_data("no btrfs"));
        }
        for uuid in uuids {
            put(&root.join(&uuid), &uuid, &mut reader, sink);
        }
        Ok(())
    }))
}

fn put(directory: &Path, uuid: &str, reader: &mut Reader, sink: &mut Sink) {
    let label = reader.text(&directory.join("label")).unwrap_or_default();
    sink.put(&INFO, [&label, &uuid], true);
    let allocation = directory.join("allocation");
    if let Some(bytes) = reader.integer(&allocation.join("global_rsv_size")) {
        sink.put(&GLOBAL_RESERVE, [&uuid], bytes);
    }
    // Kernels before 5.19 do not count; to the peer that is 0.
    let commits = reader.attribute(&directory.join("commit_stats")).map(parse).unwrap_or_default();
    sink.put(&COMMITS, [&uuid], commits.count);
    for (family, milliseconds) in
        [(&LAST_COMMIT, commits.last), (&MAX_COMMIT, commits.max), (&COMMIT_SECONDS, commits.total)]
    {
        sink.put(family, [&uuid], milliseconds as f64 / 1000.0);
    }
    let devices = names_or_none(&directory.join("devices"));
    for kind in ["data", "metadata", "system"] {
        let directory = allocation.join(kind);
        if let Some(bytes) = reader.integer(&directory.join("bytes_reserved")) {
            sink.put(&RESERVED, [&kind, &uuid], bytes);
        }
        for mode in names_or_none(&directory) {
            let layout = directory.join(&mode);
            let (Some(used), Some(size)) =
                (reader.integer(&layout.join("used_bytes")), reader.integer(&layout.join("total_bytes")))
            else {
                continue;
            };
            sink.put(&USED, [&kind, &mode, &uuid], used);
            sink.put(&SIZE, [&kind, &mode, &uuid], size);
            sink.put(&RATIO, [&kind, &mode, &uuid], ratio(&mode, devices.len()));
        }
    }
    for device in devices {
        if let Some(sectors) = reader.integer(&directory.join("devices").join(&device).join("size")) {
            sink.put(&DEVICE_SIZE, [&device, &uuid], sectors.saturating_mul(SECTOR));
        }
    }
}

/// What a byte of data takes on disk.
fn ratio(mode: &str, devices: usize) -> f64 {
    let parity = |lost: usize| match devices.checked_sub(lost) {
        Some(data) if data > 0 => devices as f64 / data as f64,
        _ => 0.0,
    };
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => parity(1),
        "raid6" => parity(2),
        _ => 0.0,
    }
}

/// The file `commit_stats`, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Commits {
    count: u64,
    last: u64,
    max: u64,
    total: u64,
}

fn parse(text: &[u8]) -> Commits {
    let mut commits = Commits::default();
    for line in lines(text) {
        let mut parts = fields(line);
        let (Some(name), Some(value)) = (parts.next(), parts.next().and_then(integer)) else { continue };
        match name {
            b"commits" => commits.count = value,
            b"last_commit_ms" => commits.last = value,
            b"max_commit_ms" => commits.max = value,
            b"total_commit_ms" => commits.total = value,
            _ => {}
        }
    }
    commits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_by_their_names() {
        let text =
            b"commits 258051\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\nnew 1\n";
        assert_eq!(parse(text), Commits { count: 258_051, last: 1000, max: 51_462, total: 47_836_090 });
        assert_eq!(parse(b"commits\nx y\n"), Commits::default());
    }

    #[test]
    fn layouts() {
        assert_eq!(
            ["raid1", "raid5", "raid6", "single"].map(|mode| ratio(mode, 4)),
            [2.0, 4.0 / 3.0, 2.0, 1.0]
        );
        assert_eq!((ratio("raid5", 1), ratio("raid6", 0), ratio("new", 2)), (0.0, 0.0, 0.0));
    }
}
