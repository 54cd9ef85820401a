//! What CloudWatch says of a bucket's size: a number a day and storage type, for two requests.
//!
//! Its own SDK would be seventeen crates more for two calls of a protocol that is a form and a bit of XML: what signs S3's
//! requests and reads S3's lists does for it, too.

mod answer;
mod request;

use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};
use crate::clock;
use crate::usage::Measured;
use answer::{Metric, Series};

/// Points come once a day, and late: the newest of so many days counts.
const WINDOW: f64 = 3.0 * 86_400.0;
/// Storage types of a bucket; AWS has about twenty.
const MAX_METRICS: usize = 100;
const NAMESPACE: &str = "AWS/S3";
const BYTES: &str = "BucketSizeBytes";
const OBJECTS: &str = "NumberOfObjects";

pub(crate) async fn measure(endpoint: &Endpoint, bucket: &str) -> Result<Measured, Failure> {
    // Which there are differs by bucket, and each that is asked for is billed.
    let mut form =
        vec![("Namespace".to_owned(), NAMESPACE.to_owned()), ("MetricName".to_owned(), BYTES.to_owned())];
    dimension(&mut form, "", 1, "BucketName", bucket);
    let answer = ask(endpoint, bucket, Operation::ListMetrics, form).await?;
    let mut metrics = answer::metrics(&answer)?;
    metrics.truncate(MAX_METRICS);
    if metrics.is_empty() {
        return Err(Failure::new(
            "no_data",
            "no metric of this bucket: CloudWatch has one a day after it was filled",
        ));
    }
    metrics.push(Metric { name: OBJECTS.to_owned(), storage_type: "AllStorageTypes".to_owned() });
    let answer =
        ask(endpoint, bucket, Operation::GetMetricData, queries(bucket, &metrics, clock::now())).await?;
    measured(&metrics, answer::series(&answer)?)
        .ok_or_else(|| Failure::new("no_data", "no point of the last three days"))
}

fn queries(bucket: &str, metrics: &[Metric], now: f64) -> Vec<(String, String)> {
    let mut form = vec![
        ("StartTime".to_owned(), clock::text(now - WINDOW)),
        ("EndTime".to_owned(), clock::text(now)),
        ("ScanBy".to_owned(), "TimestampDescending".to_owned()),
    ];
    for (at, metric) in metrics.iter().enumerate() {
        let query = format!("MetricDataQueries.member.{}.", at + 1);
        let stat = format!("{query}MetricStat.");
        form.push((format!("{query}Id"), format!("m{at}")));
        for (name, value) in [
            ("Metric.Namespace", NAMESPACE),
            ("Metric.MetricName", &metric.name),
            ("Period", "86400"),
            ("Stat", "Average"),
        ] {
            form.push((format!("{stat}{name}"), value.to_owned()));
        }
        dimension(&mut form, &format!("{stat}Metric."), 1, "BucketName", bucket);
        dimension(&mut form, &format!("{stat}Metric."), 2, "StorageType", &metric.storage_type);
    }
    form
}

fn dimension(form: &mut Vec<(String, String)>, before: &str, number: usize, name: &str, value: &str) {
    let place = format!("{before}Dimensions.member.{number}");
    form.push((format!("{place}.Name"), name.to_owned()));
    form.push((format!("{place}.Value"), value.to_owned()));
}

async fn ask(
    endpoint: &Endpoint,
    bucket: &str,
    operation: Operation,
    form: Vec<(String, String)>,
) -> Result<Vec<u8>, Failure> {
    let form = &form;
    endpoint
        .call(operation, bucket, Spend::Budgeted, |_| request::send(endpoint, bucket, operation.name(), form))
        .await
}

/// The newest point of each; of what has none in a while, nothing.
fn measured(metrics: &[Metric], series: Vec<Series>) -> Option<Measured> {
    let mut found = Measured::default();
    for Series { id, points } in series {
        let metric = id.strip_prefix('m').and_then(|at| metrics.get(at.parse::<usize>().ok()?));
        let newest = points.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
        let (Some(metric), Some((at, value))) = (metric, newest) else { continue };
        found.at = found.at.max(at);
        if metric.name == OBJECTS {
            found.objects = Some(value);
        } else {
            found.bytes.push((class(&metric.storage_type).to_owned(), value));
        }
    }
    (found.at > 0.0).then_some(found)
}

/// S3's own name of a storage class; types that are none, such as overheads, keep CloudWatch's.
fn class(storage_type: &str) -> &str {
    match storage_type {
        "StandardStorage" => "STANDARD",
        "StandardIAStorage" => "STANDARD_IA",
        "OneZoneIAStorage" => "ONEZONE_IA",
        "ReducedRedundancyStorage" => "REDUCED_REDUNDANCY",
        "GlacierInstantRetrievalStorage" => "GLACIER_IR",
        "GlacierStorage" => "GLACIER",
        "DeepArchiveStorage" => "DEEP_ARCHIVE",
        "ExpressOneZone" => "EXPRESS_ONEZONE",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_point_of_each_counts() {
        let metric = |name: &str, storage_type: &str| Metric {
            name: name.to_owned(),
            storage_type: storage_type.to_owned(),
        };
        let metrics = [
            metric(BYTES, "StandardStorage"),
            metric(OBJECTS, "AllStorageTypes"),
            metric(BYTES, "GlacierStorage"),
        ];
        let series = |id: &str, points: &[(f64, f64)]| Series { id: id.to_owned(), points: points.to_vec() };
        let found = measured(
            &metrics,
            vec![
                series("m1", &[(100.0, 7.0)]),
                series("m0", &[(100.0, 5.0), (200.0, 6.0)]),
                series("m2", &[]),
                series("m9", &[(300.0, 1.0)]),
            ],
        );
        let bytes = vec![("STANDARD".to_owned(), 6.0)];
        assert_eq!(found, Some(Measured { at: 200.0, bytes, objects: Some(7.0) }));
        assert_eq!(measured(&metrics, vec![series("m2", &[])]), None);
    }
}
