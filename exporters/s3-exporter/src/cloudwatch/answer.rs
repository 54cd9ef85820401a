//! What CloudWatch answers, from its XML.

use crate::client::failure::Failure;
use crate::clock;
use crate::list::xml::{Events, Malformed, Reader};

/// One that it has of a bucket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) storage_type: String,
}

/// Points in time of one that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) id: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Texts with the path of elements that they stand in, below the root's result.
#[derive(Debug, Default)]
struct Leaves {
    path: Vec<String>,
    value: String,
    found: Vec<(String, String)>,
}

impl Events for Leaves {
    type Error = Malformed;

    fn open(&mut self, name: &str) -> Result<(), Malformed> {
        self.path.push(name.to_owned());
        self.value.clear();
        // Each entry of a list leaves a mark: one that is empty must not take the next one's texts.
        if name == "member" {
            self.leaf(String::new());
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Malformed> {
        self.value.push_str(text);
        Ok(())
    }

    fn close(&mut self, _: &str) -> Result<(), Malformed> {
        let value = std::mem::take(&mut self.value);
        if !value.trim().is_empty() {
            self.leaf(value);
        }
        self.path.pop();
        Ok(())
    }
}

impl Leaves {
    fn leaf(&mut self, value: String) {
        let path = self.path.get(2..).unwrap_or_default().join("/");
        self.found.push((path, value));
    }
}

fn leaves(xml: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    let (mut reader, mut leaves) = (Reader::default(), Leaves::default());
    reader.feed(xml, &mut leaves)?;
    reader.end()?;
    Ok(leaves.found)
}

/// Of `ListMetrics`.
pub(super) fn metrics(xml: &[u8]) -> Result<Vec<Metric>, Failure> {
    let mut found: Vec<Metric> = Vec::new();
    let mut dimension = String::new();
    for (path, value) in leaves(xml)? {
        if path == "Metrics/member" {
            found.push(Metric::default());
        }
        let Some(metric) = found.last_mut() else { continue };
        match path.as_str() {
            "Metrics/member/MetricName" => metric.name = value,
            "Metrics/member/Dimensions/member/Name" => dimension = value,
            "Metrics/member/Dimensions/member/Value" if dimension == "StorageType" => {
                metric.storage_type = value
            }
            _ => {}
        }
    }
    found.retain(|metric| !metric.storage_type.is_empty());
    Ok(found)
}

/// Of `GetMetricData`.
pub(super) fn series(xml: &[u8]) -> Result<Vec<Series>, Failure> {
    let odd = |what: &str| Failure { status: 200, ..Failure::new("decode", format!("CloudWatch's {what}")) };
    let mut found: Vec<(Series, Vec<f64>, Vec<f64>)> = Vec::new();
    for (path, value) in leaves(xml)? {
        if path == "MetricDataResults/member" {
            found.push(Default::default());
        }
        let Some((series, times, values)) = found.last_mut() else { continue };
        match path.as_str() {
            "MetricDataResults/member/Id" => series.id = value,
            "MetricDataResults/member/Timestamps/member" if !value.is_empty() => {
                times.push(clock::instant(&value).ok_or_else(|| odd("time"))?);
            }
            "MetricDataResults/member/Values/member" if !value.is_empty() => {
                values.push(value.parse().map_err(|_| odd("value"))?);
            }
            _ => {}
        }
    }
    let points = |(mut series, times, values): (Series, Vec<f64>, Vec<f64>)| {
        series.points = times.into_iter().zip(values).collect();
        series
    };
    Ok(found.into_iter().map(points).collect())
}

/// Code and message of `<ErrorResponse><Error>…`.
pub(super) fn error(xml: &[u8]) -> (String, String) {
    let (mut reader, mut leaves) = (Reader::default(), Leaves::default());
    // A proxy's page is no XML: then there is neither.
    let _ = reader.feed(xml, &mut leaves);
    let of = |name: &str| leaves.found.iter().find(|(path, _)| path == name).map(|(_, value)| value.clone());
    (of("Code").unwrap_or_default(), of("Message").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let found = metrics(
            b"<ListMetricsResponse xmlns='x'><ListMetricsResult><Metrics>\
              <member><Dimensions><member><Name>StorageType</Name><Value>StandardStorage</Value></member>\
              <member><Name>BucketName</Name><Value>b</Value></member></Dimensions>\
              <MetricName>BucketSizeBytes</MetricName><Namespace>AWS/S3</Namespace></member>\
              <member><MetricName>AllRequests</MetricName></member>\
              </Metrics></ListMetricsResult></ListMetricsResponse>",
        )
        .unwrap();
        let name = "BucketSizeBytes".to_owned();
        assert_eq!(found, [Metric { name, storage_type: "StandardStorage".to_owned() }]);
        let found = series(
            b"<R><GetMetricDataResult><MetricDataResults><member><Timestamps/><Values/><Id>m0</Id></member>\
              <member><Timestamps><member>1970-01-02T00:00:00Z</member><member>1970-01-01T00:00:00Z</member></Timestamps>\
              <Values><member>2.5E9</member><member>0.0</member></Values><Label>l</Label><Id>m1</Id></member>\
              </MetricDataResults></GetMetricDataResult></R>",
        )
        .unwrap();
        assert_eq!(found[0], Series { id: "m0".to_owned(), points: Vec::new() });
        assert_eq!(found[1], Series { id: "m1".to_owned(), points: vec![(86_400.0, 2.5e9), (0.0, 0.0)] });
        let told = error(b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>");
        assert_eq!(told, ("AccessDenied".to_owned(), "no".to_owned()));
        assert_eq!(error(b"Bad gateway"), (String::new(), String::new()));
    }
}
