//! What must be there, and whether it is. Ages are judged at each scrape, so that a listing that stands still does not keep
//! a backup young.

use exporter_core::Collector;
use exporter_core::exposition::Page;

use super::Known;
use crate::clock;
use crate::config::file::Expectation;
use crate::labelled::families;
use crate::list::fold::Matches;

pub(super) static EXPECTATIONS: Collector =
    Collector { name: "expectations", enabled: true, families: DESCS, dynamic: &[] };

families! { DESCS:
    MET: 4/5 = Gauge("s3_expectation_met", "Whether an expectation's check holds.", ["name", "bucket", "prefix", "check"]);
    NEWEST: 3/4 = Gauge("s3_expectation_newest_timestamp_seconds", "When the newest object of an expectation was modified, in seconds since 1970.", ["name", "bucket", "prefix"]);
    NEWEST_SIZE: 3/4 = Gauge("s3_expectation_newest_bytes", "Size of the newest object of an expectation, in bytes.", ["name", "bucket", "prefix"]);
    PREVIOUS_SIZE: 3/4 = Gauge("s3_expectation_previous_bytes", "Size of the object before the newest one, in bytes.", ["name", "bucket", "prefix"]);
    OLDEST: 3/4 = Gauge("s3_expectation_oldest_timestamp_seconds", "When the oldest object of an expectation was modified, in seconds since 1970.", ["name", "bucket", "prefix"]);
    OBJECTS: 3/4 = Gauge("s3_expectation_objects", "Objects that fit an expectation.", ["name", "bucket", "prefix"]);
    MAX_AGE: 3/4 = Gauge("s3_expectation_max_age_seconds", "How old the newest object may be, by the configuration.", ["name", "bucket", "prefix"]);
    MIN_BYTES: 3/4 = Gauge("s3_expectation_min_bytes", "How large the newest object must be, by the configuration.", ["name", "bucket", "prefix"]);
    RETENTION: 3/4 = Gauge("s3_expectation_retention_seconds", "How old the oldest object may be, by the configuration.", ["name", "bucket", "prefix"]);
}

pub(super) fn put(page: &mut Page, known: &Known<'_>) {
    let (at, watching) = (known.at, &known.watcher.watching);
    for (place, expectation) in watching.expectations.iter().enumerate() {
        let labels: [&dyn exporter_core::LabelValue; 3] =
            [&expectation.name, &watching.bucket, &expectation.prefix];
        if let Some(age) = expectation.max_age {
            MAX_AGE.put(page, at, labels, age.0.as_secs_f64());
        }
        if let Some(size) = expectation.min_bytes {
            MIN_BYTES.put(page, at, labels, size.0);
        }
        if let Some(retention) = expectation.retention {
            RETENTION.put(page, at, labels, retention.0.as_secs_f64());
        }
        // Nothing is judged before it was looked at.
        let Some(matches) = known.snapshot.as_ref().and_then(|snapshot| snapshot.matches.get(place)) else {
            continue;
        };
        OBJECTS.put(page, at, labels, matches.count);
        if let Some(newest) = matches.newest {
            NEWEST.put(page, at, labels, newest.at);
            NEWEST_SIZE.put(page, at, labels, newest.bytes);
        }
        if let Some(previous) = matches.previous {
            PREVIOUS_SIZE.put(page, at, labels, previous.bytes);
        }
        if let Some(oldest) = matches.oldest {
            OLDEST.put(page, at, labels, oldest.at);
        }
        let [name, bucket, prefix] = labels;
        for (check, met) in judge(expectation, matches, clock::now()) {
            MET.put(page, at, [name, bucket, prefix, &check], met);
        }
    }
}

/// The checks that are asked for; without any object only that there is one can be judged.
fn judge(expectation: &Expectation, matches: &Matches, now: f64) -> Vec<(&'static str, bool)> {
    let mut checks = vec![("present", matches.newest.is_some())];
    if let Some(least) = expectation.min_count {
        checks.push(("count", matches.count >= least));
    }
    let Some(newest) = matches.newest else { return checks };
    if let Some(age) = expectation.max_age {
        checks.push(("age", now - newest.at <= age.0.as_secs_f64()));
    }
    if let Some(size) = expectation.min_bytes {
        checks.push(("size", newest.bytes >= size.0));
    }
    if let (Some(ratio), Some(previous)) = (expectation.min_ratio_to_previous, matches.previous) {
        checks.push(("size_ratio", newest.bytes as f64 >= ratio * previous.bytes as f64));
    }
    if let (Some(retention), Some(oldest)) = (expectation.retention, matches.oldest) {
        checks.push(("retention", now - oldest.at <= retention.0.as_secs_f64()));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::fold::Seen;

    #[test]
    fn each_check_by_itself() {
        let expectation: Expectation = serde_yaml::from_str(
            "{name: x, max_age: 100s, min_bytes: 10, min_ratio_to_previous: 0.5, min_count: 2, retention: 1000s}",
        )
        .unwrap();
        let seen = |at, bytes| Some(Seen { at, bytes });
        let good = Matches {
            count: 2,
            newest: seen(950.0, 60),
            previous: seen(900.0, 100),
            oldest: seen(900.0, 100),
        };
        let failing = |matches: &Matches| -> Vec<_> {
            judge(&expectation, matches, 1000.0)
                .into_iter()
                .filter(|(_, met)| !met)
                .map(|(check, _)| check)
                .collect()
        };
        assert!(failing(&good).is_empty());
        assert_eq!(failing(&Matches::default()), ["present", "count"]);
        assert_eq!(failing(&Matches { newest: seen(899.0, 60), ..good }), ["age"]);
        assert_eq!(failing(&Matches { newest: seen(950.0, 9), ..good }), ["size", "size_ratio"]);
        assert_eq!(failing(&Matches { oldest: seen(-1.0, 9), ..good }), ["retention"]);
        assert_eq!(failing(&Matches { count: 1, ..good }), ["count"]);
    }
}
