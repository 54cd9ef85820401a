//! What is stored: by storage class and version, by size, and what was begun and never finished.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use super::Known;
use crate::labelled::families;
use crate::list::fold::SIZES;
use crate::usage::Usage;

pub(super) static USAGE: Collector =
    Collector { name: "usage", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    BYTES: 4/5 = Gauge("s3_bucket_usage_bytes", "Bytes stored; all versions together are billed.", ["bucket", "prefix", "storage_class", "version"]);
    OBJECTS: 4/5 = Gauge("s3_bucket_usage_objects", "Objects or old versions stored.", ["bucket", "prefix", "storage_class", "version"]);
    MARKERS: 2/3 = Gauge("s3_bucket_delete_markers", "Delete markers; only where versions are listed.", ["bucket", "prefix"]);
    EMPTY: 2/3 = Gauge("s3_empty_objects", "Objects of 0 bytes, such as failed dumps.", ["bucket", "prefix"]);
    SOURCE: 2/3 = Info("s3_bucket_usage_source_info", "Where a bucket's usage comes from.", ["bucket", "source"]);
    WHEN: 1/2 = Gauge("s3_bucket_usage_timestamp_seconds", "When the usage was measured, in seconds since 1970.", ["bucket"]);
    NEWEST: 2/3 = Gauge("s3_newest_object_timestamp_seconds", "When the newest object was modified, in seconds since 1970.", ["bucket", "prefix"]);
    OLDEST: 2/3 = Gauge("s3_oldest_object_timestamp_seconds", "When the oldest object was modified, in seconds since 1970.", ["bucket", "prefix"]);
    OLDEST_SIZE: 2/3 = Gauge("s3_oldest_object_size_bytes", "Size of the oldest object, in bytes.", ["bucket", "prefix"]);
    SIZE: 3/4 = Gauge("s3_object_size_distribution", "Objects up to a size in bytes, cumulative; may fall, so it is no histogram.", ["bucket", "prefix", "le"]);
    UPLOADS: 2/3 = Gauge("s3_multipart_uploads", "Multipart uploads that were begun and not finished.", ["bucket", "prefix"]);
    UPLOADS_OLDEST: 2/3 = Gauge("s3_multipart_upload_oldest_timestamp_seconds", "When the oldest unfinished upload was begun, in seconds since 1970.", ["bucket", "prefix"]);
    UPLOADS_BYTES: 2/3 = Gauge("s3_multipart_uploads_bytes", "Bytes of parts of unfinished uploads; only with multipart_bytes.", ["bucket", "prefix"]);
    QUOTA_BYTES: 3/4 = Gauge("s3_bucket_quota_bytes", "Bytes that a target may hold.", ["bucket", "prefix", "source"]);
    QUOTA_OBJECTS: 3/4 = Gauge("s3_bucket_quota_objects", "Objects that a target may hold.", ["bucket", "prefix", "source"]);
}

pub(super) fn put(page: &mut Page, known: &Known<'_>) {
    let (at, watching) = (known.at, &known.watcher.watching);
    let (bucket, prefix) = (&watching.bucket, &watching.prefix);
    if let Some(size) = watching.watch.quota_bytes {
        QUOTA_BYTES.put(page, at, [bucket, prefix, &"config"], size.0);
    }
    if let Some(count) = watching.watch.quota_objects {
        QUOTA_OBJECTS.put(page, at, [bucket, prefix, &"config"], count);
    }
    let Some(snapshot) = &known.snapshot else { return };
    if let Some(uploads) = &snapshot.uploads {
        UPLOADS.put(page, at, [bucket, prefix], uploads.count);
        if let Some(oldest) = uploads.oldest {
            UPLOADS_OLDEST.put(page, at, [bucket, prefix], oldest);
        }
        if let Some(bytes) = uploads.bytes {
            UPLOADS_BYTES.put(page, at, [bucket, prefix], bytes);
        }
    }
    let Some(totals) = &snapshot.totals else { return };
    for (class, current, old) in &totals.usage {
        for (version, sum) in [("current", current), ("noncurrent", old)] {
            if version == "current" || watching.watch.versions {
                OBJECTS.put(page, at, [bucket, prefix, class, &version], sum.objects);
                BYTES.put(page, at, [bucket, prefix, class, &version], sum.bytes);
            }
        }
    }
    if watching.watch.versions {
        MARKERS.put(page, at, [bucket, prefix], totals.markers);
    }
    EMPTY.put(page, at, [bucket, prefix], totals.empty);
    if prefix.is_empty() {
        SOURCE.put(page, at, [bucket, &"list"], 1);
        WHEN.put(page, at, [bucket], snapshot.finished);
    }
    if let Some(seen) = totals.newest {
        NEWEST.put(page, at, [bucket, prefix], seen.at);
    }
    if let Some(seen) = totals.oldest {
        OLDEST.put(page, at, [bucket, prefix], seen.at);
        OLDEST_SIZE.put(page, at, [bucket, prefix], seen.bytes);
    }
    let mut below = 0;
    for (bound, count) in SIZES.iter().zip(totals.sizes) {
        below += count;
        SIZE.put(page, at, [bucket, prefix, bound], below);
    }
    SIZE.put(page, at, [bucket, prefix, &"+Inf"], totals.all.objects);
}

/// What another source than a list says.
pub(super) fn put_measured(page: &mut Page, usage: &Usage, several: bool) {
    let at = several.then_some(usage.endpoint.config.name.as_str());
    let bucket = &usage.bucket;
    let measured = usage.lock();
    let Some(measured) = &*measured else { return };
    for (class, bytes) in &measured.bytes {
        BYTES.put(page, at, [bucket, &"", class, &"all"], *bytes);
    }
    if let Some(objects) = measured.objects {
        OBJECTS.put(page, at, [bucket, &"", &"all", &"all"], objects);
    }
    SOURCE.put(page, at, [bucket, &"cloudwatch"], 1);
    WHEN.put(page, at, [bucket], measured.at);
}
