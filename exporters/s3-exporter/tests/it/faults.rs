//! Each way in which a server can fail ends with a metric, in time, and the process goes on.

use fake_s3::{FakeS3, Fault, Upload, When};
use std::time::{Duration, Instant};

use crate::support::{Ours, Page};

const SUCCESS: &str = "s3_list_success{bucket=\"b\",prefix=\"\",delimiter=\"\"}";

fn filled(objects: u32) -> FakeS3 {
    let server = FakeS3::start().unwrap();
    for number in 0..objects {
        server.put("b", &format!("key-{number:05}"), 1, f64::from(number));
    }
    server
}

fn code(page: &Page) -> &str {
    let line = page.text.lines().find(|line| line.starts_with("s3_list_errors_total{")).unwrap_or_default();
    line.split("code=\"").nth(1).unwrap_or_default().split('"').next().unwrap_or_default()
}

/// What a listing of 2,500 objects comes to, and how many requests it took.
fn after(fault: Fault) -> (Page, usize) {
    let server = filled(2500);
    server.fail(fault);
    let ours = Ours::with_file(&server, "targets: []");
    let page = ours.probe(&[("bucket", "b")]).unwrap();
    assert!(page.took < Duration::from_secs(9), "{:?}", page.took);
    let requests = server.count("");
    // The process is well: without the fault the same listing succeeds.
    server.heal();
    let other = ours.probe(&[("bucket", "b"), ("prefix", "key-0")]).unwrap();
    assert_eq!(other.value("s3_objects"), Some(2500.0), "{}", other.text);
    (page, requests)
}

#[test]
fn answers_that_are_errors() {
    for (fault, expected, requests) in [
        (Fault::SlowDown, "SlowDown", 3),
        (Fault::InternalError, "InternalError", 3),
        (Fault::ErrorIn200, "InternalError", 3),
        (Fault::AccessDenied, "AccessDenied", 1),
        (Fault::ClockSkew, "RequestTimeTooSkewed", 1),
    ] {
        let (page, sent) = after(fault);
        assert_eq!(
            (page.value(SUCCESS), code(&page), sent),
            (Some(0.0), expected, requests),
            "{}",
            page.text
        );
        assert!(!page.text.contains("s3_objects{"), "{}", page.text);
    }
}

#[test]
fn lists_that_cannot_be_trusted() {
    for (fault, expected) in [
        (Fault::NoToken, "no_token"),
        (Fault::SameToken, "key_order"),
        (Fault::KeyOrder, "key_order"),
        (Fault::Html, "decode"),
    ] {
        let (page, _) = after(fault);
        assert_eq!((page.value(SUCCESS), code(&page)), (Some(0.0), expected), "{}", page.text);
    }
}

#[test]
fn answers_that_do_not_come() {
    for (fault, expected) in
        [(Fault::HalfBody, "timeout"), (Fault::Hang, "timeout"), (Fault::CutBody, "dispatch")]
    {
        let (page, requests) = after(fault);
        assert_eq!((page.value(SUCCESS), code(&page), requests), (Some(0.0), expected, 3), "{}", page.text);
    }
}

#[test]
fn what_a_page_had_told_before_it_was_cut_off_is_not_counted_twice() {
    let server = filled(2500);
    let when = When { times: Some(2), operation: Some("ListObjectsV2") };
    server.state().faults.push((when, Fault::CutBody));
    let ours = Ours::with_file(&server, "targets: []");
    let page = ours.probe(&[("bucket", "b")]).unwrap();
    assert_eq!((page.value(SUCCESS), page.value("s3_objects")), (Some(1.0), Some(2500.0)), "{}", page.text);
    assert_eq!(server.count(""), 5);
}

#[test]
fn nobody_listens() {
    let server = filled(1);
    let file = "endpoints: [{# ENDPOINT\nurl: 'http://127.0.0.1:1', credentials: {source: anonymous}}]";
    let ours = Ours::with_file(&server, file);
    let page = ours.probe(&[("bucket", "b")]).unwrap();
    assert_eq!((page.value(SUCCESS), code(&page)), (Some(0.0), "dispatch"), "{}", page.text);
    assert!(page.took < Duration::from_secs(3), "{:?}", page.took);
}

#[test]
fn a_hiccup_is_no_failure() {
    let server = filled(2500);
    let when = When { times: Some(1), ..When::default() };
    server.state().faults.push((when, Fault::SlowDown));
    let ours = Ours::with_file(&server, "targets: [{bucket: b, bucket_settings: false, multipart: false}]");
    ours.page_with(&[
        ("s3_objects", 2500.0),
        (SUCCESS, 1.0),
        ("s3_operation_retries_total{operation=\"ListObjectsV2\",bucket=\"b\"}", 1.0),
        ("s3_exporter_requests_total{class=\"list\"}", 4.0),
        ("s3_list_pages", 3.0),
    ]);
}

#[test]
fn a_bucket_elsewhere_is_found() {
    let server = filled(2500);
    server.fail(Fault::WrongRegion("eu-west-3"));
    let ours = Ours::with_file(&server, "targets: []");
    let page = ours.probe(&[("bucket", "b")]).unwrap();
    assert_eq!((page.value(SUCCESS), page.value("s3_objects")), (Some(1.0), Some(2500.0)), "{}", page.text);
    // Learnt once: one redirect, three pages.
    assert_eq!(server.count(""), 4);
}

/// As Garage has it, and AWS where the header is lost on the way.
#[test]
fn a_region_is_learnt_from_a_refusal() {
    let server = filled(10);
    server.fail(Fault::WrongScope("garage"));
    let ours = Ours::with_file(
        &server,
        "targets: [{bucket: b}]\nprobes: [{bucket: b, access: {interval: 50ms}, roundtrip: {interval: 50ms}}]",
    );
    ours.page_with(&[
        ("s3_objects", 10.0),
        ("s3_bucket_versioning_enabled", 0.0),
        ("s3_probe_success{bucket=\"b\",check=\"access\"}", 1.0),
        ("s3_probe_success{bucket=\"b\",check=\"roundtrip\"}", 1.0),
    ]);
}

#[test]
fn uploads_are_counted_whose_parts_are_not_told() {
    for (fault, bytes) in [(Fault::AccessDenied, None), (Fault::NoSuchUpload, Some(5.0))] {
        let server = filled(1);
        for (id, parts) in [("1", vec![3]), ("2", vec![5])] {
            let upload = Upload { begun: 77.0, parts };
            let mut state = server.state();
            state.buckets.get_mut("b").unwrap().uploads.insert(("k".to_owned(), id.to_owned()), upload);
        }
        let when = When { operation: Some("ListParts"), times: Some(1) };
        server.state().faults.push((when, fault));
        let ours = Ours::with_file(&server, "targets: [{bucket: b, multipart_bytes: true}]");
        let page = ours.page_with(&[("s3_multipart_uploads", 2.0)]);
        assert_eq!(page.value("s3_multipart_uploads_bytes"), bytes, "{}", page.text);
    }
}

#[test]
fn a_bucket_that_is_not_there() {
    let server = filled(1);
    let ours = Ours::with_file(&server, "targets: []");
    let page = ours.probe(&[("bucket", "b2")]).unwrap();
    assert_eq!(page.value("s3_list_success{bucket=\"b2\",prefix=\"\",delimiter=\"\"}"), Some(0.0));
    assert_eq!(code(&page), "NoSuchBucket");
}

#[test]
fn what_was_found_before_stays() {
    let server = filled(10);
    let ours = Ours::with_file(&server, "targets: [{bucket: b, interval: 100ms}]");
    ours.page_with(&[("s3_objects", 10.0), (SUCCESS, 1.0)]);
    server.fail(Fault::AccessDenied);
    let page = ours.page_with(&[("s3_objects", 10.0), (SUCCESS, 0.0)]);
    assert!(page.value("s3_list_last_success_timestamp_seconds").is_some(), "{}", page.text);
    assert!(
        page.text.contains("s3_list_errors_total{bucket=\"b\",prefix=\"\",code=\"AccessDenied\"}"),
        "{}",
        page.text
    );
    server.heal();
    ours.page_with(&[(SUCCESS, 1.0)]);
}

#[test]
fn a_pass_that_failed_does_not_wait_for_its_interval() {
    let server = filled(10);
    server.fail(Fault::AccessDenied);
    let begun = Instant::now();
    let ours = Ours::with_file(&server, "targets: [{bucket: b, interval: 40s}]");
    ours.page_with(&[(SUCCESS, 0.0)]);
    server.heal();
    ours.page_with(&[(SUCCESS, 1.0), ("s3_objects", 10.0)]);
    assert!(begun.elapsed() < Duration::from_secs(35), "{:?}", begun.elapsed());
}

#[test]
fn credentials_that_are_not_there() {
    let server = filled(1);
    let secrets = exporter_testkit::fixture::tree(&[("secret", "s\n")]).unwrap();
    let file = format!(
        "endpoints: [{{url: '{}', credentials: {{access_key_id: a, secret_access_key_file: {}}}}}] # ENDPOINT",
        server.url(),
        secrets.path().join("secret").display()
    );
    let ours = Ours::with_file(&server, &file);
    // It was there at the start; it is read for the first request.
    drop(secrets);
    let page = ours.probe(&[("bucket", "b")]).unwrap();
    assert_eq!((page.value(SUCCESS), code(&page)), (Some(0.0), "credentials"), "{}", page.text);
    assert_eq!(server.count(""), 0);
}

#[test]
fn a_day_has_so_many_requests() {
    let server = filled(2500);
    let file = format!(
        "endpoints: [{{url: '{}', credentials: {{source: anonymous}}, daily_requests: 8, prices: b2}}] # ENDPOINT
targets: [{{bucket: b, interval: 100ms, bucket_settings: false, multipart: false}}]
probes: [{{bucket: b, access: {{interval: 50ms}}}}]",
        server.url()
    );
    let ours = Ours::with_file(&server, &file);
    let page = ours.page_when("a pass to be left out", |page| {
        page.value("s3_list_skipped_total").is_some_and(|n| n > 0.0)
    });
    assert_eq!(page.value("s3_objects"), Some(2500.0));
    assert_eq!(page.value("s3_exporter_request_budget"), Some(8.0));
    // Probes go on.
    let before = server.count("HeadObject");
    ours.page_when("more probes", |_| server.count("HeadObject") > before + 2);
    assert!(server.count("ListObjectsV2") <= 8);
    ours.page_with(&[("s3_exporter_request_budget_remaining", 0.0), ("s3_probe_success", 1.0)]);
}

#[test]
fn what_keys_may_not_ask_for_is_asked_once() {
    let server = filled(10);
    for operation in ["ListMultipartUploads", "GetBucketVersioning", "GetBucketLifecycleConfiguration"] {
        let when = When { operation: Some(operation), times: None };
        server.state().faults.push((when, Fault::AccessDenied));
    }
    let ours = Ours::with_file(&server, "targets: [{bucket: b, interval: 50ms}]");
    let page = ours.page_when("several passes and the settings", |page| {
        server.count("ListObjectsV2") > 5 && page.value("s3_bucket_replication_rules") == Some(0.0)
    });
    assert_eq!(page.value("s3_objects"), Some(10.0), "{}", page.text);
    for operation in ["ListMultipartUploads", "GetBucketVersioning", "GetBucketLifecycleConfiguration"] {
        assert_eq!(server.count(operation), 1, "{operation}");
    }
    // That a bucket is not replicated is an answer.
    let errors = "s3_operations_total{operation=\"GetBucketReplication\",bucket=\"b\",status=\"error\"}";
    assert_eq!(page.value(errors), Some(0.0), "{}", page.text);
    assert!(!page.text.contains("s3_multipart_uploads{"), "{}", page.text);
}
