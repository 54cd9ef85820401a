//! What buckets are set to.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use crate::bucket::BucketSettings;
use crate::discover::Buckets;
use crate::labelled::families;

pub(super) static SETTINGS: Collector =
    Collector { name: "buckets", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    INFO: 2/3 = Info("s3_bucket_info", "A bucket and where it is.", ["bucket", "region"]);
    VERSIONED: 1/2 = Gauge("s3_bucket_versioning_enabled", "Whether old versions are kept.", ["bucket"]);
    REPLICATION: 1/2 = Gauge("s3_bucket_replication_rules", "Replication rules of a bucket.", ["bucket"]);
    RULES: 1/2 = Gauge("s3_bucket_lifecycle_rules", "Lifecycle rules that are on.", ["bucket"]);
    EXPIRATION: 3/4 = Gauge("s3_bucket_lifecycle_expiration_days", "Days after which a rule removes objects.", ["bucket", "rule", "prefix"]);
    ABORT: 3/4 = Gauge("s3_bucket_lifecycle_abort_multipart_days", "Days after which a rule removes unfinished uploads.", ["bucket", "rule", "prefix"]);
    BUCKETS: 0/1 = Gauge("s3_buckets", "Buckets that the account has; only with discover.", []);
    DROPPED: 0/1 = Gauge("s3_buckets_dropped", "Buckets that discover found and that are not watched, since there are more than 1000.", []);
}

pub(super) fn put(page: &mut Page, settings: &BucketSettings, several: bool) {
    let at = several.then_some(settings.endpoint.config.name.as_str());
    let bucket = &settings.bucket;
    let facts = settings.lock();
    let Some(facts) = &*facts else { return };
    if let Some(region) = &facts.region {
        INFO.put(page, at, [bucket, region], 1);
    }
    if let Some(enabled) = facts.is_versioned {
        VERSIONED.put(page, at, [bucket], enabled);
    }
    if let Some(rules) = facts.replication_rules {
        REPLICATION.put(page, at, [bucket], rules);
    }
    let Some(rules) = &facts.lifecycle else { return };
    RULES.put(page, at, [bucket], rules.len());
    for rule in rules {
        if let Some(days) = rule.expiration_days {
            EXPIRATION.put(page, at, [bucket, &rule.id, &rule.prefix], days);
        }
        if let Some(days) = rule.abort_multipart_days {
            ABORT.put(page, at, [bucket, &rule.id, &rule.prefix], days);
        }
    }
}

pub(super) fn put_count(page: &mut Page, buckets: &Buckets, several: bool) {
    let at = several.then_some(buckets.endpoint.config.name.as_str());
    let Some(found) = buckets.found() else { return };
    BUCKETS.put(page, at, [], found.count);
    if let Some(dropped) = found.dropped {
        DROPPED.put(page, at, [], dropped);
    }
}
