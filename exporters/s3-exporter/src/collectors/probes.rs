//! Results of probes.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use crate::labelled::families;
use crate::probe::Prober;

pub(super) static PROBES: Collector =
    Collector { name: "probes", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    SUCCESS: 2/3 = Gauge("s3_probe_success", "Whether the last probe succeeded.", ["bucket", "check"]);
    LAST: 2/3 = Gauge("s3_probe_last_success_timestamp_seconds", "When a probe last succeeded, in seconds since 1970.", ["bucket", "check"]);
    DURATION: 2/3 = Gauge("s3_probe_duration_seconds", "Time that the last probe took, in seconds.", ["bucket", "check"]);
    FAILURES: 3/4 = Counter("s3_probe_failures_total", "Probes that failed, by reason.", ["bucket", "check", "code"]);
    THROUGHPUT: 2/3 = Gauge("s3_probe_throughput_bytes_per_second", "Speed of the last transfer of 1 MiB or more.", ["bucket", "direction"]);
    BYTES: 2/3 = Counter("s3_probe_bytes_total", "Bytes that probes have written and read.", ["bucket", "direction"]);
    DAMAGED: 1/2 = Counter("s3_probe_integrity_errors_total", "Probes that read something else than they had written.", ["bucket"]);
    LAG: 2/3 = Gauge("s3_probe_replication_lag_seconds", "How long the last object took to arrive in the replica.", ["bucket", "replica"]);
}

pub(super) fn put(page: &mut Page, prober: &Prober, several: bool) {
    let at = several.then_some(prober.endpoint.config.name.as_str());
    let bucket = &prober.bucket;
    let results = prober.lock();
    for (check, result) in &results.checks {
        SUCCESS.put(page, at, [bucket, check], result.success);
        DURATION.put(page, at, [bucket, check], result.took);
        if let Some(last) = result.last_success {
            LAST.put(page, at, [bucket, check], last);
        }
    }
    for ((check, code), count) in &results.failures {
        FAILURES.put(page, at, [bucket, check, code], *count);
    }
    for (direction, speed) in &results.throughput {
        THROUGHPUT.put(page, at, [bucket, direction], *speed);
    }
    for (direction, bytes) in &results.bytes {
        BYTES.put(page, at, [bucket, direction], *bytes);
    }
    if prober.probe.roundtrip.is_some() || prober.probe.throughput.is_some() {
        DAMAGED.put(page, at, [bucket], results.damaged);
    }
    if let (Some(replica), Some(lag)) = (&prober.probe.replica, results.lag) {
        LAG.put(page, at, [bucket, &replica.bucket], lag);
    }
}
