//! Groups of a pattern, partitions that are closed, and what is kept over a restart.

use exporter_testkit::fixture::TempDir;
use fake_s3::FakeS3;

use crate::support::{Ours, date, now};

const DAY: f64 = 86_400.0;

/// Logs of two hosts: `days` archives each, the last one from an hour ago.
fn logs(days: u32) -> FakeS3 {
    let server = FakeS3::start().unwrap();
    let at = now();
    for back in 0..days {
        let when = at - f64::from(back) * DAY - if back == 0 { 3600.0 } else { 0.0 };
        for host in ["web1", "web2"] {
            server.put("b", &format!("logs/prod/{host}/{}/a.gz", date(when)), 100, when);
        }
    }
    server.put("b", "logs/stray", 1, at - 10.0);
    server
}

fn file(more: &str) -> String {
    format!(
        "targets: [{{bucket: b, prefix: logs/, pattern: 'logs/{{env}}/{{host}}/{{date}}/', interval: 100ms, \
         multipart: false, bucket_settings: false{more}}}]"
    )
}

fn group(name: &str, group: &str) -> String {
    format!("s3_group_{name}{{bucket=\"b\",pattern=\"logs/{{env}}/{{host}}/{{date}}/\",group=\"{group}\"}}")
}

/// When the pass ended that a state file holds.
fn stored(path: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let state: serde_json::Value = serde_json::from_str(&text).ok()?;
    state["targets"][0]["passed"]["finished"].as_f64()
}

#[test]
fn closed_partitions_are_not_listed_again() {
    let server = logs(10);
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state.json").display().to_string();
    let flags = [("state.file", state.as_str())];
    let ours = Ours::with_file_and(&server, &file(""), &flags);
    ours.page_with(&[
        ("s3_objects", 21.0),
        (&group("objects", "prod/web1"), 10.0),
        (&group("partitions", "prod/web2"), 10.0),
        (&group("bytes", "prod/web2"), 1000.0),
        ("s3_group_unmatched_objects", 1.0),
        ("s3_groups_dropped", 0.0),
    ]);
    // What is new today is seen, what changes in an old partition is not.
    let at = now();
    server.put("b", &format!("logs/prod/web1/{}/b.gz", date(at)), 7, at);
    server.put("b", &format!("logs/prod/web1/{}/late.gz", date(at - 8.0 * DAY)), 7, at);
    ours.page_with(&[("s3_objects", 22.0), (&group("newest_object_size_bytes", "prod/web1"), 7.0)]);
    let listed = |server: &FakeS3| {
        let requests = server.state().requests.clone();
        requests.iter().filter(|request| request.contains(&date(at - 8.0 * DAY))).count()
    };
    assert_eq!(listed(&server), 0);
    // An expired day goes, though it is closed.
    server
        .state()
        .buckets
        .get_mut("b")
        .unwrap()
        .objects
        .retain(|key, _| !key.contains(&date(at - 9.0 * DAY)));
    let last = "s3_list_last_success_timestamp_seconds";
    let seen = ours.page_with(&[(&group("partitions", "prod/web1"), 9.0), ("s3_objects", 20.0)]).value(last);
    ours.page_when("the pass to be stored", |_| stored(&state) >= seen);
    drop(ours);
    // After a restart the values are there before anything was asked, and closed partitions stay closed.
    let before = server.count("");
    server.state().delay = std::time::Duration::from_millis(200);
    let again = Ours::with_file_and(&server, &file(""), &flags);
    let page = again.page();
    assert_eq!(page.value("s3_objects"), Some(20.0), "{}", page.text);
    assert!(page.value("s3_list_last_success_timestamp_seconds").unwrap() <= now());
    server.state().delay = std::time::Duration::ZERO;
    again.page_when("another pass", |_| server.count("") > before + 8);
    assert_eq!(listed(&server), 0);
    // Everything is listed again when it is time.
    drop(again);
    let verified = Ours::with_file_and(&server, &file(", verify: 1ms"), &flags);
    verified.page_with(&[("s3_objects", 21.0)]);
}

#[test]
fn another_question_starts_afresh() {
    let server = logs(3);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state.json");
    let state = path.display().to_string();
    let flags = [("state.file", state.as_str())];
    Ours::with_file_and(&server, &file(""), &flags).page_when("the state file", |_| path.exists());
    let other = Ours::with_file_and(&server, &file(", versions: true"), &flags);
    other.page_with(&[("s3_objects", 7.0)]);
    assert!(server.count("ListObjectVersions") > 0);
    drop(other);
    for text in ["{\"version\":1,\"spent\"", "", "{\"version\":99,\"spent\":{},\"targets\":[]}"] {
        std::fs::write(&path, text).unwrap();
        let ours = Ours::with_file_and(&server, &file(""), &flags);
        assert_eq!(ours.page_with(&[("s3_objects", 7.0)]).value("s3_exporter_state_error"), Some(0.0));
        ours.page_when("the file to be whole again", |_| {
            std::fs::read_to_string(&path).is_ok_and(|text| text.contains("web2"))
        });
    }
    let unwritable = Ours::with_file_and(&server, &file(""), &[("state.file", "/proc/no/state.json")]);
    unwritable.page_with(&[("s3_exporter_state_error", 1.0), ("s3_objects", 7.0)]);
}

#[test]
fn the_newest_of_each_group_for_two_requests() {
    let server = logs(10);
    let ours =
        Ours::with_file(&server, &file(", mode: newest, interval: 1h").replace("interval: 100ms, ", ""));
    let page = ours.page_with(&[
        (&group("partitions", "prod/web1"), 10.0),
        (&group("newest_object_size_bytes", "prod/web2"), 100.0),
    ]);
    let oldest = page.value(&group("oldest_object_timestamp_seconds", "prod/web1")).unwrap();
    assert!((now() - oldest - 9.0 * DAY).abs() < 60.0, "{}", page.text);
    assert!(
        !page.text.contains("\ns3_objects{") && !page.text.contains("s3_group_objects{"),
        "{}",
        page.text
    );
    // Environments, hosts; then each host's dates, first and newest.
    assert_eq!(server.count("ListObjectsV2"), 2 + 2 * 3);
}

#[test]
fn groups_that_are_silent_for_long_are_left_out() {
    let server = logs(2);
    let old = now() - 20.0 * DAY;
    server.put("b", &format!("logs/prod/gone/{}/a.gz", date(old)), 1, old);
    let all = Ours::with_file(&server, &file(""));
    all.page_with(&[(&group("partitions", "prod/gone"), 1.0)]);
    let active = Ours::with_file(&server, &file(", expect_active: 7d"));
    let page = active.page_with(&[(&group("partitions", "prod/web1"), 2.0)]);
    assert!(!page.text.contains("prod/gone"), "{}", page.text);
    let few = Ours::with_file(&server, &file(", max_groups: 1"));
    few.page_with(&[("s3_groups_dropped", 2.0), (&group("partitions", "prod/gone"), 1.0)]);
}
