//! Groups of a key pattern: each host's shipped logs.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use super::Known;
use crate::labelled::families;

pub(super) static GROUPS: Collector =
    Collector { name: "groups", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    NEWEST: 3/4 = Gauge("s3_group_newest_object_timestamp_seconds", "When a group's newest object was modified, in seconds since 1970.", ["bucket", "pattern", "group"]);
    NEWEST_SIZE: 3/4 = Gauge("s3_group_newest_object_size_bytes", "Size of a group's newest object, in bytes.", ["bucket", "pattern", "group"]);
    OLDEST: 3/4 = Gauge("s3_group_oldest_object_timestamp_seconds", "When a group's oldest object was modified, in seconds since 1970.", ["bucket", "pattern", "group"]);
    PARTITIONS: 3/4 = Gauge("s3_group_partitions", "Partitions, such as days, that a group has.", ["bucket", "pattern", "group"]);
    OBJECTS: 3/4 = Gauge("s3_group_objects", "Objects of a group; not in mode newest.", ["bucket", "pattern", "group"]);
    BYTES: 3/4 = Gauge("s3_group_bytes", "Bytes of a group; not in mode newest.", ["bucket", "pattern", "group"]);
    DROPPED: 2/3 = Gauge("s3_groups_dropped", "Groups beyond max_groups, which have no series.", ["bucket", "pattern"]);
    UNMATCHED: 2/3 = Gauge("s3_group_unmatched_objects", "Objects whose keys do not fit the pattern.", ["bucket", "pattern"]);
}

pub(super) fn put(page: &mut Page, known: &Known<'_>) {
    let (at, watching) = (known.at, &known.watcher.watching);
    let (Some(snapshot), Some(pattern)) = (&known.snapshot, &watching.watch.pattern) else { return };
    let (bucket, pattern) = (&watching.bucket, &pattern.text);
    for group in &snapshot.groups {
        let labels: [&dyn exporter_core::LabelValue; 3] = [bucket, pattern, &group.name];
        if let Some(newest) = group.newest {
            NEWEST.put(page, at, labels, newest.at);
            NEWEST_SIZE.put(page, at, labels, newest.bytes);
        }
        if let Some(oldest) = group.oldest {
            OLDEST.put(page, at, labels, oldest);
        }
        PARTITIONS.put(page, at, labels, group.partitions);
        if let Some(all) = group.all {
            OBJECTS.put(page, at, labels, all.objects);
            BYTES.put(page, at, labels, all.bytes);
        }
    }
    DROPPED.put(page, at, [bucket, pattern], snapshot.groups_dropped);
    if let Some(count) = snapshot.unmatched {
        UNMATCHED.put(page, at, [bucket, pattern], count);
    }
}
