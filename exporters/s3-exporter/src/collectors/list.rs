//! The families that s3_exporter has, and how listing itself fares.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use super::Known;
use crate::engine::Shared;
use crate::labelled::families;

pub(crate) static LIST: Collector = Collector { name: "list", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    SUCCESS: 3/4 = Gauge("s3_list_success", "Whether the last listing succeeded.", ["bucket", "prefix", "delimiter"]);
    DURATION: 3/4 = Gauge("s3_list_duration_seconds", "Time that the last good listing took, in seconds.", ["bucket", "prefix", "delimiter"]);
    LAST_MODIFIED: 2/3 = Gauge("s3_last_modified_object_date", "When the newest object was modified, in whole seconds since 1970; 0 where there is none.", ["bucket", "prefix"]);
    LAST_SIZE: 2/3 = Gauge("s3_last_modified_object_size_bytes", "Size of the newest object, in bytes.", ["bucket", "prefix"]);
    OBJECTS: 2/3 = Gauge("s3_objects", "Objects below the prefix.", ["bucket", "prefix"]);
    BYTES: 2/3 = Gauge("s3_objects_size_sum_bytes", "Size of all objects below the prefix, in bytes.", ["bucket", "prefix"]);
    BIGGEST: 2/3 = Gauge("s3_biggest_object_size_bytes", "Size of the biggest object, in bytes.", ["bucket", "prefix"]);
    COMMON: 3/4 = Gauge("s3_common_prefixes", "Common prefixes up to the delimiter.", ["bucket", "prefix", "delimiter"]);
    WHEN: 2/3 = Gauge("s3_list_last_success_timestamp_seconds", "When the last good listing ended, in seconds since 1970.", ["bucket", "prefix"]);
    INTERVAL: 2/3 = Gauge("s3_list_interval_seconds", "How often a listing begins, by the configuration.", ["bucket", "prefix"]);
    PAGES: 2/3 = Gauge("s3_list_pages", "List requests that the last good listing took.", ["bucket", "prefix"]);
    TRUNCATED: 2/3 = Gauge("s3_list_truncated", "1 when the last good listing stopped at max_objects: its sums are too small.", ["bucket", "prefix"]);
    ERRORS: 3/4 = Counter("s3_list_errors_total", "Listings that failed, by reason.", ["bucket", "prefix", "code"]);
    LEFT_OUT: 2/3 = Counter("s3_list_skipped_total", "Listings left out because the day's requests are used up.", ["bucket", "prefix"]);
    STATE_ERROR: 0/1 = Gauge("s3_exporter_state_error", "1 while the state file cannot be written.", []);
}

/// A target of the configuration.
pub(super) fn put(page: &mut Page, known: &Known<'_>) {
    let (at, watching) = (known.at, &known.watcher.watching);
    if watching.mode() == crate::config::file::Mode::None {
        return;
    }
    let (bucket, prefix) = (&watching.bucket, &watching.prefix);
    put_peers(page, known);
    INTERVAL.put(page, at, [bucket, prefix], watching.watch.interval.0.as_secs_f64());
    if let Some(snapshot) = &known.snapshot {
        WHEN.put(page, at, [bucket, prefix], snapshot.finished);
        PAGES.put(page, at, [bucket, prefix], snapshot.pages);
        TRUNCATED.put(page, at, [bucket, prefix], snapshot.truncated);
    }
    put_errors(page, known);
}

/// What `/probe` shows of a listing of its own.
pub(crate) fn put_probed(page: &mut Page, known: &Known<'_>) {
    put_peers(page, known);
    let watching = &known.watcher.watching;
    if let Some(snapshot) = &known.snapshot {
        WHEN.put(page, known.at, [&watching.bucket, &watching.prefix], snapshot.finished);
    }
    put_errors(page, known);
}

fn put_errors(page: &mut Page, known: &Known<'_>) {
    let (at, watching) = (known.at, &known.watcher.watching);
    let inner = known.watcher.lock();
    for (code, count) in &inner.errors {
        ERRORS.put(page, at, [&watching.bucket, &watching.prefix, code], *count);
    }
    if known.watcher.endpoint.budget.daily.is_some() {
        LEFT_OUT.put(page, at, [&watching.bucket, &watching.prefix], inner.left_out);
    }
}

/// Exactly what the peer shows.
fn put_peers(page: &mut Page, known: &Known<'_>) {
    let (at, watcher) = (known.at, known.watcher);
    let (bucket, prefix, delimiter) =
        (&watcher.watching.bucket, &watcher.watching.prefix, &watcher.delimiter);
    let succeeded = watcher.lock().last.map(|(success, _)| success);
    // After a restart there is data before there was a pass.
    if let Some(succeeded) = succeeded.or(known.snapshot.as_ref().map(|_| true)) {
        SUCCESS.put(page, at, [bucket, prefix, delimiter], succeeded);
    }
    let Some(snapshot) = &known.snapshot else { return };
    DURATION.put(page, at, [bucket, prefix, delimiter], snapshot.took);
    if let Some(count) = snapshot.common_prefixes {
        COMMON.put(page, at, [bucket, prefix, delimiter], count);
    }
    let Some(totals) = &snapshot.totals else { return };
    let newest = totals.newest.unwrap_or_default();
    LAST_MODIFIED.put(page, at, [bucket, prefix], newest.at.floor());
    LAST_SIZE.put(page, at, [bucket, prefix], newest.bytes);
    OBJECTS.put(page, at, [bucket, prefix], totals.all.objects);
    BYTES.put(page, at, [bucket, prefix], totals.all.bytes);
    BIGGEST.put(page, at, [bucket, prefix], totals.biggest);
}

pub(super) fn put_state(page: &mut Page, shared: &Shared) {
    if let Some(broken) = shared.state.is_broken() {
        STATE_ERROR.put(page, None, [], broken);
    }
}

/// A listing that has failed, or is not finished in time, before it was ever good.
pub(crate) fn put_failure(page: &mut Page, known: &Known<'_>) {
    let watcher = known.watcher;
    let labels = (&watcher.watching.bucket, &watcher.watching.prefix, &watcher.delimiter);
    SUCCESS.put(page, known.at, [labels.0, labels.1, labels.2], false);
    put_errors(page, known);
}
