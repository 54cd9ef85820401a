//! Several pages in flight, and no more requests than one at a time takes.

use fake_s3::{Content, FakeS3, Object};
use std::time::Duration;

use crate::support::Ours;

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
    ours.page_with(&[("s3_objects{bucket=\"app-new\",prefix=\"\"}", 1.0)]);
}
