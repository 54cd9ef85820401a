//! Lists as XML.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use crate::fault::Fault;
use crate::store::{Bucket, Object};

/// Keys a page has, at most.
const PAGE: usize = 1000;

/// A query's parameters.
pub(crate) type Query = BTreeMap<String, String>;

pub(crate) fn text<'a>(query: &'a Query, name: &str) -> &'a str {
    query.get(name).map_or("", String::as_str)
}

/// `ListObjectsV2`. A token is the last key of the page before, with a letter in front.
pub(crate) fn objects(bucket: &Bucket, query: &Query, fault: Option<Fault>) -> String {
    let (prefix, delimiter) = (text(query, "prefix"), text(query, "delimiter"));
    let most = text(query, "max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let mut after = text(query, "start-after").to_owned();
    if let Some(token) = query.get("continuation-token") {
        after = token.get(1..).unwrap_or_default().to_owned();
    }
    let mut rows: Vec<String> = Vec::new();
    let mut prefixes = String::new();
    let mut last = String::new();
    let (mut count, mut truncated) = (0, false);
    let mut skip: Option<String> = None;
    for (key, versions) in from(bucket, prefix, &after) {
        let Some(object) = versions.first().filter(|object| !object.is_marker()) else { continue };
        if !key.starts_with(prefix) {
            break;
        }
        if skip.as_ref().is_some_and(|skip| key.starts_with(skip.as_str())) {
            continue;
        }
        let common = (!delimiter.is_empty())
            .then(|| {
                key[prefix.len()..].find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()])
            })
            .flatten();
        // The one that ended the page before.
        if common.is_some_and(|common| after.starts_with(common)) {
            continue;
        }
        if count == most {
            truncated = true;
            break;
        }
        count += 1;
        match common {
            Some(common) => {
                let _ =
                    write!(prefixes, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(common));
                last = common.to_owned();
                skip = Some(last.clone());
            }
            None => {
                let mut row = String::new();
                row.push_str("<Contents>");
                entry(&mut row, key, object);
                row.push_str("</Contents>");
                rows.push(row);
                last.clone_from(key);
            }
        }
    }
    if fault == Some(Fault::KeyOrder) && rows.len() > 1 {
        rows.swap(0, 1);
    }
    let token = match fault {
        Some(Fault::NoToken) => {
            truncated = true;
            String::new()
        }
        Some(Fault::SameToken) => {
            truncated = true;
            "<NextContinuationToken>t</NextContinuationToken>".to_owned()
        }
        _ if truncated => format!("<NextContinuationToken>t{}</NextContinuationToken>", escaped(&last)),
        _ => String::new(),
    };
    let rows = rows.concat();
    format!(
        "{HEADER}<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Prefix>{}</Prefix>\
         <KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{truncated}</IsTruncated>\
         {token}{rows}{prefixes}</ListBucketResult>",
        escaped(prefix)
    )
}

/// `ListObjectVersions`.
pub(crate) fn versions(bucket: &Bucket, query: &Query) -> String {
    let prefix = text(query, "prefix");
    let most = text(query, "max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let (marker, version_marker) = (text(query, "key-marker"), text(query, "version-id-marker"));
    let mut rows = String::new();
    let mut next = String::new();
    let mut count = 0;
    let mut last = (String::new(), String::new());
    let start = if version_marker.is_empty() { Bound::Excluded(marker) } else { Bound::Included(marker) };
    let start = if marker.is_empty() { Bound::Included(prefix) } else { start };
    'keys: for (key, versions) in bucket.objects.range::<str, _>((start, Bound::Unbounded)) {
        if key.as_str() < prefix {
            continue;
        }
        if !key.starts_with(prefix) {
            break;
        }
        let mut seen = key != marker || version_marker.is_empty();
        for (at, object) in versions.iter().enumerate() {
            if !seen {
                seen = object.version == version_marker;
                continue;
            }
            if count == most {
                next = format!(
                    "<NextKeyMarker>{}</NextKeyMarker><NextVersionIdMarker>{}</NextVersionIdMarker>",
                    escaped(&last.0),
                    last.1
                );
                break 'keys;
            }
            count += 1;
            let kind = if object.is_marker() { "DeleteMarker" } else { "Version" };
            let _ = write!(
                rows,
                "<{kind}><VersionId>{}</VersionId><IsLatest>{}</IsLatest>",
                object.version,
                at == 0
            );
            entry(&mut rows, key, object);
            let _ = write!(rows, "</{kind}>");
            last = (key.clone(), object.version.clone());
        }
    }
    let truncated = !next.is_empty();
    format!(
        "{HEADER}<ListVersionsResult><IsTruncated>{truncated}</IsTruncated>{next}{rows}</ListVersionsResult>"
    )
}

/// `ListMultipartUploads`.
pub(crate) fn uploads(bucket: &Bucket, query: &Query) -> String {
    let prefix = text(query, "prefix");
    let mut rows = String::new();
    for ((key, id), upload) in bucket.uploads.iter().filter(|((key, _), _)| key.starts_with(prefix)) {
        let _ = write!(
            rows,
            "<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>{}</Initiated></Upload>",
            escaped(key),
            time(upload.begun)
        );
    }
    format!(
        "{HEADER}<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>"
    )
}

/// `ListParts`.
pub(crate) fn parts(sizes: &[u64]) -> String {
    let rows: String = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| format!("<Part><PartNumber>{}</PartNumber><Size>{size}</Size></Part>", at + 1))
        .collect();
    format!("{HEADER}<ListPartsResult><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>")
}

pub(crate) const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn from<'a>(
    bucket: &'a Bucket,
    prefix: &'a str,
    after: &'a str,
) -> impl Iterator<Item = (&'a String, &'a Vec<Object>)> {
    let start = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
    bucket.objects.range::<str, _>((start, Bound::Unbounded))
}

fn entry(out: &mut String, key: &str, object: &Object) {
    let _ = write!(out, "<Key>{}</Key><LastModified>{}</LastModified>", escaped(key), time(object.modified));
    if !object.is_marker() {
        let _ = write!(
            out,
            "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{}</Size><StorageClass>{}</StorageClass>",
            object.size(),
            object.class
        );
    }
}

pub(crate) fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").into()
}

/// RFC 3339 in milliseconds.
pub fn time(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as i64;
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    let (second, milli) = (of_day / 1000, of_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{milli:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The Gregorian date of a day since 1970.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(time(0.0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_795_219_199.25), "2026-11-20T23:59:59.250Z");
        assert_eq!(time(951_782_400.0), "2000-02-29T00:00:00.000Z");
    }
}
