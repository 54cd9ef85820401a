//! Several pages in flight, and no more requests than one at a time takes.

use exporter_testkit::fixture::TempDir;
use fake_s3::{Content, FakeS3, Object};
use std::time::Duration;

use crate::support::{Ours, Page};

fn target(more: &str) -> String {
    format!("targets: [{{bucket: b, interval: 100ms, multipart: false, bucket_settings: false{more}}}]")
}

/// 100 pages of objects, some with a second version.
fn filled(versioned: bool) -> FakeS3 {
    let server = FakeS3::start().unwrap();
    let mut state = server.state();
    state.buckets.entry("b".to_owned()).or_default().versioned = versioned;
    for number in 0..if versioned { 70_000 } else { 100_000_u32 } {
        let object = |size| Object::new(Content::Size(size), f64::from(number));
        let key = format!("k/{:03}/{number}", number % 7);
        state.put("b", &key, object(2));
        if versioned && number % 7 < 3 {
            state.put("b", &key, object(1));
        }
    }
    drop(state);
    server
}

#[test]
fn cuts_of_the_last_pass_are_listed_side_by_side() {
    for versioned in [false, true] {
        let server = filled(versioned);
        let ours = Ours::with_file(&server, &target(&format!(", parallel: 4, versions: {versioned}")));
        let first = ours.page_when("the first pass", |page| page.value("s3_list_pages").is_some());
        server.state().delay = Duration::from_millis(2);
        let finished = first.value("s3_list_last_success_timestamp_seconds");
        let second = ours.page_when("another pass", |page| {
            page.value("s3_list_last_success_timestamp_seconds") != finished
                && server.state().most_at_once > 1
        });
        let (first, second) = (sums(&first.text), sums(&second.text));
        assert_eq!(first, second);
        assert!(
            first.contains(if versioned { "s3_objects{bucket=\"b\",prefix=\"\"} 70000" } else { " 100000" }),
            "{first}"
        );
        let third = ours.page_when("a third pass", |page| {
            // On a busy machine not every pass has all of them under way at one moment.
            page.value("s3_list_pages").is_some_and(|pages| pages >= 100.0)
                && server.state().most_at_once >= 4
        });
        // Each cut costs part of a page at most.
        assert!(third.value("s3_list_pages").unwrap() <= 106.0, "{}", third.text);
        assert_eq!(server.state().most_at_once, 4);
    }
}

/// Everything that does not change from pass to pass.
fn sums(text: &str) -> String {
    let wanted = ["s3_objects", "s3_bucket_usage_", "s3_oldest", "s3_newest", "s3_object_size", "s3_biggest"];
    let lines = text.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start)));
    lines.filter(|line| !line.contains("_timestamp_seconds{bucket=\"b\"} ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_list_that_is_too_long_is_told() {
    let server = filled(false);
    let ours = Ours::with_file(&server, &target(", max_objects: 5000"));
    ours.page_with(&[("s3_list_truncated", 1.0), ("s3_objects", 5000.0)]);
}

#[test]
fn buckets_are_found_and_watched() {
    let server = FakeS3::start().unwrap();
    for bucket in ["app-one", "app-two", "app-secret", "other"] {
        server.put(bucket, "x", 1, 1.0);
    }
    let ours = Ours::with_file(
        &server,
        "endpoints: [{ENDPOINT, discover: {include: 'app-.*', exclude: '.*secret', interval: 1s, target: {interval: 1h}}}]",
    );
    let page = ours.page_with(&[
        ("s3_buckets", 4.0),
        ("s3_objects{bucket=\"app-one\",prefix=\"\"}", 1.0),
        ("s3_objects{bucket=\"app-two\",prefix=\"\"}", 1.0),
    ]);
    assert!(!page.text.contains("secret") && !page.text.contains("other"), "{}", page.text);
    server.put("app-new", "x", 1, 1.0);
    ours.page_with(&[("s3_objects{bucket=\"app-new\",prefix=\"\"}", 1.0), ("s3_buckets_dropped", 0.0)]);
    // Who removes a bucket does not want to hear of it any more.
    server.state().buckets.remove("app-one");
    ours.page_when("the bucket to be forgotten", |page| {
        !page.text.contains("s3_objects{bucket=\"app-one\"")
            && page.value("s3_objects{bucket=\"app-two\",prefix=\"\"}") == Some(1.0)
    });
}

#[test]
fn many_buckets_are_asked_for_few_at_a_time() {
    let server = FakeS3::start().unwrap();
    for bucket in 0..1010 {
        server.put(&format!("b{bucket:04}"), "x", 1, 1.0);
    }
    server.state().delay = Duration::from_millis(1);
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state.json").display().to_string();
    let flags = [("state.file", state.as_str())];
    let file = "endpoints: [{ENDPOINT, discover: {target: {interval: 1h, multipart: false, bucket_settings: false}}}]";
    let listed = |page: &Page| page.text.matches("\ns3_objects{").count();
    let ours = Ours::with_file_and(&server, file, &flags);
    let page = ours.page_when("all to be listed", |page| listed(page) == 1000);
    assert_eq!((page.value("s3_buckets"), page.value("s3_buckets_dropped")), (Some(1010.0), Some(10.0)));
    assert!(server.state().most_at_once <= 8, "{}", server.state().most_at_once);
    let stored =
        || std::fs::read_to_string(&state).is_ok_and(|text| text.matches("\"bucket\":").count() == 1000);
    ours.page_when("all to be stored", |_| stored());
    drop(ours);
    // What was found is known when a bucket is found again.
    let before = server.count("ListObjectsV2");
    let again = Ours::with_file_and(&server, file, &flags);
    again.page_when("all to be found again", |page| listed(page) == 1000);
    assert_eq!(server.count("ListObjectsV2"), before);
}
