//! Every request that was sent, by operation; and what is left of the day's.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use crate::client::Endpoint;
use crate::labelled::families;

pub(crate) static OPERATIONS: Collector =
    Collector { name: "operations", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    TOTAL: 3/4 = Counter("s3_operations_total", "Calls made to the storage, by result.", ["operation", "bucket", "status"]);
    DURATION: 2/3 = Histogram("s3_operation_duration_seconds", "Time that calls took, retries included, in seconds.", ["operation", "bucket"]);
    RETRIES: 2/3 = Counter("s3_operation_retries_total", "Requests that were sent again.", ["operation", "bucket"]);
    ERRORS: 3/4 = Counter("s3_operation_errors_total", "Calls that failed in the end, by reason.", ["operation", "bucket", "code"]);
    REQUESTS: 1/2 = Counter("s3_exporter_requests_total", "Requests sent, by what they are billed as.", ["class"]);
    BUDGET: 0/1 = Gauge("s3_exporter_request_budget", "Requests that a day has, by the configuration.", []);
    REMAINING: 0/1 = Gauge("s3_exporter_request_budget_remaining", "Requests that are left of this day.", []);
}

pub(crate) fn put(page: &mut Page, endpoint: &Endpoint, several: bool) {
    let at = several.then_some(endpoint.config.name.as_str());
    let meters = endpoint.meters.lock();
    for (bucket, operations) in &meters.by_bucket {
        for (operation, meter) in operations {
            let operation = &operation.name();
            TOTAL.put(page, at, [operation, bucket, &"success"], meter.succeeded);
            TOTAL.put(page, at, [operation, bucket, &"error"], meter.failed);
            let count = meter.succeeded + meter.failed;
            DURATION.histogram(page, at, [operation, bucket], meter.buckets(), count, meter.seconds);
            RETRIES.put(page, at, [operation, bucket], meter.retries);
            for (code, count) in &meter.errors {
                ERRORS.put(page, at, [operation, bucket, code], *count);
            }
        }
    }
    for (class, count) in &meters.requests {
        REQUESTS.put(page, at, [class], *count);
    }
    if let (Some(daily), Some(remaining)) = (endpoint.budget.daily, endpoint.budget.remaining()) {
        BUDGET.put(page, at, [], daily);
        REMAINING.put(page, at, [], remaining);
    }
}
