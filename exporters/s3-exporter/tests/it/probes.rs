//! `/probe`: one listing for all who ask, and only for what may be asked.

use fake_s3::{FakeS3, Fault, When};
use std::time::Duration;

use crate::support::Ours;

#[test]
fn one_listing_answers_all_who_ask() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let ours = Ours::with_file(&server, "targets: []");
    for _ in 0..10 {
        assert_eq!(ours.probe(&[("bucket", "b")]).unwrap().value("s3_objects"), Some(1.0));
    }
    assert_eq!(server.count("ListObjectsV2"), 1);
    let eager = Ours::with_file_and(&server, "targets: []", &[("probe.max-age", "0s")]);
    for _ in 0..3 {
        eager.probe(&[("bucket", "b")]).unwrap();
    }
    assert_eq!(server.count("ListObjectsV2"), 4);
}

#[test]
fn a_listing_that_takes_longer_goes_on_by_itself() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    server.state().delay = Duration::from_millis(400);
    let ours = Ours::with_file(&server, "targets: []");
    let early = ours.probe_within(&[("bucket", "b")], Duration::from_millis(200)).unwrap();
    assert_eq!(early.value("s3_list_success"), Some(0.0), "{}", early.text);
    assert!(early.took < Duration::from_millis(250), "{:?}", early.took);
    let late = ours.probe(&[("bucket", "b")]).unwrap();
    assert_eq!(
        (late.value("s3_list_success"), late.value("s3_objects")),
        (Some(1.0), Some(1.0)),
        "{}",
        late.text
    );
    assert_eq!(server.count("ListObjectsV2"), 1);
}

#[test]
fn a_failure_is_not_repeated_at_once() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    server.fail(Fault::AccessDenied);
    let ours = Ours::with_file(&server, "targets: []");
    for _ in 0..5 {
        assert_eq!(ours.probe(&[("bucket", "b")]).unwrap().value("s3_list_success"), Some(0.0));
    }
    assert_eq!(server.count("ListObjectsV2"), 1);
}

#[test]
fn only_what_is_allowed() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let ours =
        Ours::with_file_and(&server, "targets: []", &[("probe.allow", "b/.*"), ("probe.max-targets", "2")]);
    assert!(ours.probe(&[("bucket", "other")]).unwrap_err().contains("not allowed"));
    assert!(ours.probe(&[("bucket", "bb")]).unwrap_err().contains("not allowed"));
    assert!(ours.probe(&[]).unwrap_err().contains("parameter bucket is missing"));
    for prefix in ["1", "2"] {
        ours.probe(&[("bucket", "b"), ("prefix", prefix)]).unwrap();
    }
    assert!(ours.probe(&[("bucket", "b"), ("prefix", "3")]).unwrap_err().contains("--probe.max-targets"));
    ours.probe(&[("bucket", "b"), ("prefix", "1")]).unwrap();
}

#[test]
fn a_target_of_the_file_is_not_listed_again() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let ours = Ours::with_file(&server, "targets: [{bucket: b, bucket_settings: false}]");
    ours.page_with(&[("s3_objects", 1.0)]);
    assert_eq!(ours.probe(&[("bucket", "b")]).unwrap().value("s3_objects"), Some(1.0));
    assert_eq!(server.count("ListObjectsV2"), 1);
}

#[test]
fn who_asks_for_a_target_without_totals_gets_them() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let ours = Ours::with_file(&server, "targets: [{bucket: b, mode: none}]");
    assert_eq!(ours.probe(&[("bucket", "b")]).unwrap().value("s3_objects"), Some(1.0));
    let page = ours.page();
    assert!(!page.text.contains("s3_bucket_usage"), "{}", page.text);
}

#[test]
fn what_is_written_is_read_compared_and_removed() {
    let server = FakeS3::start().unwrap();
    server.state().buckets.entry("b".to_owned()).or_default().versioned = true;
    let ours = Ours::with_file(
        &server,
        "probes: [{bucket: b, access: {interval: 50ms}, roundtrip: {interval: 50ms}, throughput: {interval: 50ms, size: 1MiB}}]",
    );
    let page = ours.page_when("three round trips", |page| {
        page.value("s3_probe_bytes_total{bucket=\"b\",direction=\"download\"}")
            .is_some_and(|bytes| bytes > 3e6)
    });
    for check in ["access", "roundtrip", "throughput"] {
        assert_eq!(
            page.value(&format!("s3_probe_success{{bucket=\"b\",check=\"{check}\"}}")),
            Some(1.0),
            "{}",
            page.text
        );
    }
    assert!(
        page.value("s3_probe_throughput_bytes_per_second{bucket=\"b\",direction=\"upload\"}").unwrap() > 1e5
    );
    assert_eq!(page.value("s3_probe_integrity_errors_total"), Some(0.0));
    // At most those under way: not one version a run.
    let left: usize = server.state().buckets["b"].objects.values().map(Vec::len).sum();
    assert!(left <= 2, "{left}");
    server.fail(Fault::Damage);
    ours.page_when("damage to be seen", |page| {
        page.value("s3_probe_integrity_errors_total").is_some_and(|count| count > 0.0)
            && page.text.contains("check=\"roundtrip\",code=\"integrity\"")
    });
    server.fail(Fault::QuotaExceeded);
    server.state().faults[0].0.operation = Some("PutObject");
    ours.page_when("a full bucket to be seen", |page| {
        page.text.contains("s3_probe_failures_total{bucket=\"b\",check=\"roundtrip\",code=\"AccessDenied\"}")
            && page.value("s3_probe_success{bucket=\"b\",check=\"access\"}") == Some(1.0)
    });
}

#[test]
fn two_exporters_of_a_machine_write_two_objects() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let file = "probes: [{bucket: b, roundtrip: {interval: 1h}}]";
    for _ in 0..2 {
        Ours::with_file(&server, file)
            .page_with(&[("s3_probe_success{bucket=\"b\",check=\"roundtrip\"}", 1.0)]);
    }
    let state = server.state();
    let written: std::collections::BTreeSet<_> =
        state.requests.iter().filter(|request| request.starts_with("PutObject")).collect();
    assert_eq!(written.len(), 2, "{written:?}");
}

/// A deadline that fits all requests would call each slow line an outage.
#[test]
fn a_large_object_may_take_longer() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let when = When { operation: Some("PutObject"), times: None };
    server.state().faults.push((when, Fault::Late(Duration::from_millis(1200))));
    let ours = Ours::with_file(
        &server,
        "probes: [{bucket: b, roundtrip: {interval: 1h, size: 1KiB}, throughput: {interval: 1h, size: 1MiB}}]",
    );
    ours.page_with(&[
        ("s3_probe_success{bucket=\"b\",check=\"roundtrip\"}", 0.0),
        ("s3_probe_success{bucket=\"b\",check=\"throughput\"}", 1.0),
        ("s3_probe_failures_total{bucket=\"b\",check=\"roundtrip\",code=\"timeout\"}", 1.0),
    ]);
}

#[test]
fn who_may_not_see_the_bucket_may_list_it() {
    let server = FakeS3::start().unwrap();
    server.put("b", "x", 1, 1.0);
    let when = When { operation: Some("HeadBucket"), times: None };
    server.state().faults.push((when, Fault::AccessDenied));
    let ours = Ours::with_file(
        &server,
        "probes: [{bucket: b, access: {interval: 50ms}}, {bucket: none, access: {}}]",
    );
    ours.page_with(&[
        ("s3_probe_success{bucket=\"b\",check=\"access\"}", 1.0),
        ("s3_probe_success{bucket=\"none\",check=\"access\"}", 0.0),
    ]);
    ours.page_when("the fallback to be kept", |_| server.count("ListObjectsV2") > 3);
    assert!(server.count("HeadBucket") <= 4);
}

#[test]
fn a_copy_that_arrives_and_one_that_does_not() {
    let server = FakeS3::start().unwrap();
    server.put("copy", "x", 1, 1.0);
    server.put("b", "x", 1, 1.0);
    let ours = Ours::with_file(
        &server,
        "probes:
  - {bucket: b, replica: {bucket: b, interval: 50ms, timeout: 5s}}
  - {bucket: copy, replica: {bucket: b, interval: 50ms, timeout: 100ms}}",
    );
    let page = ours.page_with(&[
        ("s3_probe_success{bucket=\"b\",check=\"replication\"}", 1.0),
        ("s3_probe_success{bucket=\"copy\",check=\"replication\"}", 0.0),
    ]);
    assert!(page.value("s3_probe_replication_lag_seconds{bucket=\"b\",replica=\"b\"}").unwrap() < 5.0);
}
