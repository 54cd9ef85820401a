//! What cannot be used is refused in one line that names it: exit code 2 for usage, 1 for the rest.

use super::support::{LIMIT, command};
use exporter_testkit::fixture;
use exporter_testkit::process::Process;

/// Runs the program, which must refuse; returns its one line.
fn refused(arguments: &[&str], code: i32) -> String {
    let mut process = Process::spawn(command().args(arguments)).unwrap();
    let status = process.wait_exit(LIMIT).unwrap();
    let stderr = process.stderr();
    // Log lines of what went well before are no error.
    let lines: Vec<_> = stderr.lines().filter(|line| !line.starts_with("time=")).collect();
    assert_eq!((status.code(), lines.len()), (Some(code), 1), "{arguments:?}: {stderr}");
    assert!(process.stdout().is_empty());
    lines[0].to_owned()
}

fn refused_config(text: &str) -> String {
    let dir = fixture::tree(&[("bad.yml", text)]).unwrap();
    let line = refused(&[&format!("--config.file={}", dir.path().join("bad.yml").display())], 2);
    assert!(line.contains("bad.yml"), "{line}");
    line
}

fn names(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn usage() {
    names(&refused(&["--web.max-request=3"], 2), &["--web.max-request", "did you mean --web.max-requests"]);
    names(&refused(&["--log.level=loud"], 2), &["--log.level=loud", "debug, info, warn or error"]);
    names(&refused(&["--web.max-requests=many"], 2), &["--web.max-requests=many"]);
    names(&refused(&["--config.file=/no/such.yml"], 2), &["--config.file=/no/such.yml", "No such file"]);
    names(
        &refused(&["--collector.textfile.directory=/x"], 2),
        &["--collector.textfile.directory", "--config.file"],
    );
    names(&refused(&["health"], 2), &["health", "give one URL"]);
}

#[test]
fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refused(&[&format!("--web.listen-address={address}")], 1);
    names(&line, &[&address, "in use", "--web.listen-address"]);
    names(&refused(&["--web.listen-address=nonsense"], 2), &["nonsense", "no port"]);
    names(&refused(&["--web.listen-address=two\nlines"], 2), &["two lines"]);
}

#[test]
fn config_files() {
    names(&refused_config("exporters: {nodes: []}"), &["\"nodes\"", "did you mean \"node\"", "known: "]);
    names(
        &refused_config("exporters: {node: [{path.procfss: /x}]}"),
        &["node", "path.procfss", "did you mean \"path.procfs\""],
    );
    names(
        &refused_config("exporters: {redis: [{redis.password-file: /no/such}]}"),
        &["redis", "--redis.password-file", "/no/such"],
    );
    names(
        &refused_config("exporters: {redis: [{tls-ca-cert-file: /no/such}]}"),
        &["redis", "--tls-ca-cert-file", "/no/such"],
    );
    names(&refused_config("exporters: {node: [{}, {}]}"), &["/node/metrics", "name"]);
    names(&refused_config("exporters: {node: [{name: a/b}]}"), &["a/b"]);
    names(&refused_config("exporters: {node: [{name: '..'}]}"), &["\"..\""]);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let same = format!("exporters: {{node: [{{}}, {{name: {}}}]}}", host.trim());
    names(&refused_config(&same), &[host.trim(), "name"]);
    let same = "exporters: {node: [{name: a, labels: {instance: x}}, {name: b, labels: {instance: x}}]}";
    names(&refused_config(same), &["job=\"node\", instance=\"x\"", "of its own"]);
    names(&refused_config("exporters: {node: [{labels: {a-b: x}}]}"), &["labels: \"a-b\"", "letters"]);
    names(&refused_config("exporters: {node: [{labels: {__address__: x}}]}"), &["__address__"]);
    names(&refused_config("exporters: {node: [{labels: {system: ''}}]}"), &["labels: system", "empty"]);
    names(
        &refused_config("exporters: {node: [{labels: {system: [a, b]}}]}"),
        &["labels: system", "one value"],
    );
    names(&refused_config("exporters: {node: [{labels: x}]}"), &["labels", "map"]);
    names(&refused_config("exporters:\n  node: [\n"), &["line"]);
    names(&refused_config("exporters: {node: [{collector.cpu: maybe}]}"), &["collector.cpu"]);
    names(&refused_config("exporters: {node: [{collector.nope: true}]}"), &["collector.nope"]);
}
