//! What is found is what is there.

use fake_s3::{Content, FakeS3, Object, Upload};

use crate::support::{Ours, now, refused};

#[test]
fn the_peers_eight_families() {
    let server = FakeS3::start().unwrap();
    server.put("b", "a/1", 10, 1000.75);
    server.put("b", "a/2", 30, 900.5);
    server.put("b", "c & d/<x>", 20, 2000.25);
    let ours = Ours::with_file(&server, "targets: []");
    let page = ours.probe(&[("bucket", "b"), ("prefix", "a/")]).unwrap();
    for (series, value) in [
        ("s3_list_success{bucket=\"b\",prefix=\"a/\",delimiter=\"\"}", 1.0),
        ("s3_last_modified_object_date{bucket=\"b\",prefix=\"a/\"}", 1000.0),
        ("s3_last_modified_object_size_bytes{bucket=\"b\",prefix=\"a/\"}", 10.0),
        ("s3_objects{bucket=\"b\",prefix=\"a/\"}", 2.0),
        ("s3_objects_size_sum_bytes{bucket=\"b\",prefix=\"a/\"}", 40.0),
        ("s3_biggest_object_size_bytes{bucket=\"b\",prefix=\"a/\"}", 30.0),
    ] {
        assert_eq!(page.value(series), Some(value), "{}", page.text);
    }
    assert!(page.value("s3_list_duration_seconds{bucket=\"b\",prefix=\"a/\",delimiter=\"\"}").unwrap() > 0.0);
    let levels = ours.probe(&[("bucket", "b"), ("delimiter", "/")]).unwrap();
    assert_eq!(levels.value("s3_common_prefixes{bucket=\"b\",prefix=\"\",delimiter=\"/\"}"), Some(2.0));
    assert!(!levels.text.contains("s3_objects"), "{}", levels.text);
    // The peer shows -6795364578 here.
    let empty = ours.probe(&[("target", "b/nothing")]).unwrap();
    assert_eq!(empty.value("s3_last_modified_object_date{bucket=\"b\",prefix=\"nothing\"}"), Some(0.0));
    assert_eq!(empty.value("s3_objects"), Some(0.0));
}

#[test]
fn what_is_stored() {
    let server = FakeS3::start().unwrap();
    {
        let mut state = server.state();
        state.buckets.entry("b".to_owned()).or_default().versioned = true;
        let mut cold = Object::new(Content::Size(5000), 100.5);
        cold.class = "GLACIER";
        state.put("b", "cold", cold);
        for (size, modified) in [(100, 200.0), (2000, 300.25)] {
            state.put("b", "hot", Object::new(Content::Size(size), modified));
        }
        state.put("b", "gone", Object::new(Content::Size(7), 50.0));
        state.put("b", "gone", Object::new(Content::Marker, 400.0));
        state.put("b", "empty", Object::new(Content::Size(0), 250.0));
        state.put("b", ".s3-exporter-probe/box/roundtrip", Object::new(Content::Size(9000), 500.0));
        let bucket = state.buckets.get_mut("b").unwrap();
        bucket.region = "eu-central-1".to_owned();
        bucket.lifecycle = Some(
            "<Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>30</Days>\
             </Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload></Rule>"
                .to_owned(),
        );
        let upload = Upload { begun: 77.0, parts: vec![5, 6] };
        bucket.uploads.insert(("k".to_owned(), "1".to_owned()), upload);
    }
    let ours = Ours::with_file(
        &server,
        "targets: [{bucket: b, versions: true, multipart_bytes: true, quota_bytes: 10KB, quota_objects: 5}]",
    );
    let usage = |class: &str, version: &str| {
        format!(
            "s3_bucket_usage_bytes{{bucket=\"b\",prefix=\"\",storage_class=\"{class}\",version=\"{version}\"}}"
        )
    };
    ours.page_with(&[
        (&usage("GLACIER", "current"), 5000.0),
        (&usage("STANDARD", "current"), 2000.0),
        (&usage("STANDARD", "noncurrent"), 107.0),
        ("s3_objects", 3.0),
        ("s3_bucket_delete_markers", 1.0),
        ("s3_empty_objects", 1.0),
        ("s3_newest_object_timestamp_seconds", 300.25),
        ("s3_oldest_object_timestamp_seconds", 100.5),
        ("s3_oldest_object_size_bytes", 5000.0),
        ("s3_object_size_distribution{bucket=\"b\",prefix=\"\",le=\"1024\"}", 1.0),
        ("s3_object_size_distribution{bucket=\"b\",prefix=\"\",le=\"10240\"}", 3.0),
        ("s3_object_size_distribution{bucket=\"b\",prefix=\"\",le=\"+Inf\"}", 3.0),
        ("s3_multipart_uploads", 1.0),
        ("s3_multipart_uploads_bytes", 11.0),
        ("s3_multipart_upload_oldest_timestamp_seconds", 77.0),
        ("s3_bucket_quota_bytes", 10_000.0),
        ("s3_bucket_quota_objects", 5.0),
        ("s3_bucket_info{bucket=\"b\",region=\"eu-central-1\"}", 1.0),
        ("s3_bucket_versioning_enabled", 1.0),
        ("s3_bucket_replication_rules", 0.0),
        ("s3_bucket_lifecycle_expiration_days{bucket=\"b\",rule=\"old\",prefix=\"logs/\"}", 30.0),
        ("s3_bucket_lifecycle_abort_multipart_days", 7.0),
        ("s3_bucket_usage_source_info{bucket=\"b\",source=\"list\"}", 1.0),
        ("s3_operations_total{operation=\"ListObjectVersions\",bucket=\"b\",status=\"success\"}", 1.0),
        ("s3_exporter_requests_total{class=\"list\"}", 3.0),
    ]);
}

#[test]
fn several_endpoints_have_their_own_keys_and_a_label() {
    let (one, two) = (FakeS3::start().unwrap(), FakeS3::start().unwrap());
    one.put("b", "x", 1, 1.0);
    two.put("b", "x", 2, 1.0);
    let secrets = exporter_testkit::fixture::tree(&[("secret", "s\n".to_owned())]).unwrap();
    let file = format!(
        "endpoints:
  - {{name: here, url: '{}', credentials: {{access_key_id: first, secret_access_key_file: {}}}}}
  - {{name: there, url: '{}', credentials: {{source: anonymous}}}}
targets: [{{bucket: b, endpoint: here}}, {{bucket: b, endpoint: there}}]
",
        one.url(),
        secrets.path().join("secret").display(),
        two.url()
    );
    let ours = Ours::with_file(&one, &file.replace("endpoints:", "# ENDPOINT\nendpoints:"));
    ours.page_with(&[
        ("s3_objects_size_sum_bytes{endpoint=\"here\",bucket=\"b\",prefix=\"\"}", 1.0),
        ("s3_objects_size_sum_bytes{endpoint=\"there\",bucket=\"b\",prefix=\"\"}", 2.0),
    ]);
    assert!(one.state().signers.iter().all(|key| key == "first"));
    assert!(two.state().signers.iter().all(String::is_empty));
    let probed = ours.probe(&[("bucket", "b"), ("endpoint", "there")]).unwrap();
    assert_eq!(
        probed.value("s3_objects_size_sum_bytes{endpoint=\"there\",bucket=\"b\",prefix=\"\"}"),
        Some(2.0)
    );
    assert!(ours.probe(&[("bucket", "b"), ("endpoint", "nowhere")]).unwrap_err().contains("here, there"));
}

#[test]
fn expectations_are_judged_at_each_scrape() {
    let server = FakeS3::start().unwrap();
    let at = now();
    server.put("b", "db/2026-01-01.dump", 1000, at - 7200.0);
    server.put("b", "db/2026-01-02.dump", 400, at - 3600.0);
    server.put("b", "db/readme", 1, at);
    let ours = Ours::with_file(
        &server,
        "targets:
  - bucket: b
    prefix: db/
    expectations:
      - {name: full, key: '.*\\.dump', max_age: 2h, min_bytes: 500, min_ratio_to_previous: 0.3, min_count: 3, retention: 1h}
      - {name: none, prefix: other/, max_age: 1h}
",
    );
    let met = |name: &str, prefix: &str, check: &str| {
        format!("s3_expectation_met{{name=\"{name}\",bucket=\"b\",prefix=\"{prefix}\",check=\"{check}\"}}")
    };
    let page = ours.page_with(&[
        (&met("full", "db/", "present"), 1.0),
        (&met("full", "db/", "age"), 1.0),
        (&met("full", "db/", "size"), 0.0),
        (&met("full", "db/", "size_ratio"), 1.0),
        (&met("full", "db/", "count"), 0.0),
        (&met("full", "db/", "retention"), 0.0),
        (&met("none", "db/other/", "present"), 0.0),
        ("s3_expectation_previous_bytes", 1000.0),
        ("s3_expectation_max_age_seconds{name=\"full\",bucket=\"b\",prefix=\"db/\"}", 7200.0),
    ]);
    assert!(
        !page.text.contains("name=\"none\",bucket=\"b\",prefix=\"db/other/\",check=\"age\""),
        "{}",
        page.text
    );
}

#[test]
fn mistakes_in_the_file_are_named() {
    for (file, part) in [
        ("targets: [{bucket: b, intervall: 5m}]", "intervall"),
        ("targets: [{bucket: b, interval: 5}]", "has a unit"),
        ("targets: [{bucket: b, mode: newest}]", "{date}"),
        ("targets: [{bucket: b, mode: none, expectations: [{name: x}]}]", "a list of all objects"),
        ("targets: [{bucket: b, usage: cloudwatch, prefix: p}]", "whole buckets only"),
        ("targets: [{bucket: b, usage: cloudwatch, mode: full}]", "needs no CloudWatch"),
        ("targets: [{bucket: b, usage: cloudwatch, expectations: [{name: x}]}]", "a list of all objects"),
        ("endpoints: [{url: 'http://x'}]\ntargets: [{bucket: b, usage: cloudwatch}]", "cloudwatch_url"),
        ("endpoints: [{url: 'http://x', discover: {target: {usage: cloudwatch}}}]", "cloudwatch_url"),
        ("targets: [{bucket: b}, {bucket: b}]", "twice"),
        ("targets: [{bucket: b, endpoint: x}]", "no endpoint \"x\""),
        ("endpoints: [{name: a}, {name: a}]", "two endpoints"),
        ("endpoints: [{url: 'ftp://x'}]", "http://HOST:PORT"),
        ("endpoints: [{credentials: {access_key_id: a}}]", "secret_access_key_file"),
        ("endpoints: [{ca_file: /nowhere.pem}]", "/nowhere.pem"),
        (
            "endpoints: [{credentials: {access_key_id: a, secret_access_key_file: /nowhere}}]",
            "secret_access_key_file: reading secret /nowhere",
        ),
        (
            "endpoints: [{credentials: {access_key_id: a, secret_access_key_file: /dev/null}}]",
            "no regular file",
        ),
        ("targets: [{bucket: b/logs}]", "without blanks and slashes"),
        ("probes: [{bucket: b}]", "checks nothing"),
        ("probes: [{bucket: b, access: }]", "checks nothing"),
        (
            "endpoints: [{credentials: {session_token_file: /nowhere}}]",
            "session_token_file: give access_key_id",
        ),
        (
            "endpoints: [{credentials: {access_key_id: a, secret_access_key: hunter2, source: anonymous}}]",
            "leave out one",
        ),
        ("targets: [{bucket: b, parallel: 50}]", "parallel: 1 to 8"),
        (
            "targets: [{bucket: b, expectations: [{name: x, min_ratio_to_previous: 50}]}]",
            "min_ratio_to_previous: 0 to 1",
        ),
        (
            "targets: [{bucket: b, expectations: [{name: x, min_ratio_to_previous: .nan}]}]",
            "min_ratio_to_previous: 0 to 1",
        ),
        ("endpoints: [{discover: {target: {parallel: 0}}}]", "parallel"),
        ("probes: [{bucket: b, throughput: {size: 1GiB}}]", "throughput: size: at most 64MiB"),
        ("targets: [{bucket: b, expectations: [{name: x}, {name: x}]}]", "two expectations"),
        ("probes: [{bucket: b, access: {mode: head-everything}}]", "head-everything"),
        ("endpoints: [{credentials: {access_key_id: a, secret_access_key: [hunter2]}}]", "quotes"),
    ] {
        let error = refused(file);
        assert!(
            error.contains(part) && !error.contains("hunter2") && !error.contains('\n'),
            "{file}: {error}"
        );
    }
}
