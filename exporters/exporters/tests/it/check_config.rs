//! `check-config` looks at the program's own file and at the web configuration, and starts nothing.

use super::support::{LIMIT, command};
use exporter_testkit::fixture;
use exporter_testkit::process::Process;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn both_files_are_checked() {
    let dir = fixture::tree(&[
        ("good.yml", "exporters: {node: [{name: a}]}"),
        ("bad.yml", "exporters: {nodes: []}"),
        ("redis.yml", "exporters: {redis: [{name: cache, redis.addr: 'nonsense://x'}]}"),
        ("listen.yml", "exporters: {node: [{listen: 9100}]}"),
        ("web.yml", "rate_limit: {interval: 1s, burst: 1}"),
        ("bad-web.yml", "basic_auth_users: {alice: hunter2}"),
    ])
    .unwrap();
    let path = |file: &str| dir.path().join(file).display().to_string();
    let config = |file: &str| format!("--config.file={}", path(file));
    let web = |file: &str| format!("--web.config.file={}", path(file));
    for (arguments, wrong) in [
        (vec![path("good.yml")], None),
        (vec![config("good.yml"), web("web.yml")], None),
        (vec!["--config".to_owned(), path("good.yml")], None),
        (vec![format!("--config={}", path("bad.yml"))], Some("\"nodes\"")),
        (vec![path("bad.yml")], Some("\"nodes\"")),
        (vec![path("redis.yml")], Some("redis.yml: redis \"cache\": ")),
        (vec![path("listen.yml")], Some("listen.yml: node: listen: 9100: no port")),
        (
            vec![config("good.yml"), "--web.listen-address=:70000".to_owned()],
            Some("--web.listen-address=:70000"),
        ),
        (vec![config("good.yml"), web("bad-web.yml")], Some("basic_auth_users.alice")),
        (vec![config("good.yml"), "--web.max-request=1".to_owned()], Some("--web.max-requests")),
    ] {
        let mut process = Process::spawn(command().arg("check-config").args(&arguments)).unwrap();
        let code = process.wait_exit(LIMIT).unwrap().code();
        let (stdout, stderr) = (process.stdout(), process.stderr());
        match wrong {
            None => {
                assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "OK\n", ""), "{arguments:?}")
            }
            Some(part) => {
                assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
                assert!(stderr.contains(part) && !stderr.contains("hunter2"), "{part} in {stderr}");
            }
        }
    }
}

#[test]
fn a_secret_that_all_can_read_is_warned_of() {
    let dir = fixture::tree(&[("password", "hunter2")]).unwrap();
    let secret = dir.path().join("password");
    let text = format!("exporters: {{redis: [{{redis.password-file: '{}'}}]}}", secret.display());
    let file = dir.write("exporters.yml", text).unwrap();
    for (mode, warned) in [(0o640, false), (0o644, true), (0o666, true)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = command().arg("check-config").arg(&file).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success());
        assert_eq!(stderr.contains("redis.password-file: every user"), warned, "{mode:o}: {stderr}");
    }
}
