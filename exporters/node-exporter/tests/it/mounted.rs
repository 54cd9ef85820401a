//! As in a container: the host's `/proc` is mounted elsewhere, and its network may be another one.

use crate::support::{Node, value};
use exporter_testkit::process::{Process, Signal};
use exporter_testkit::{Error, Result, wait};
use std::process::Command;

/// What only a socket can ask for.
const SOCKETS: [&str; 3] = ["ethtool", "network_route", "qdisc"];

fn node(proc: &str) -> Node {
    let mut flags: Vec<_> =
        SOCKETS.iter().map(|name| (format!("collector.{name}"), "true".to_owned())).collect();
    flags.push(("path.procfs".to_owned(), proc.to_owned()));
    flags.push(("collector.tcpstat.max-sockets".to_owned(), "10000000".to_owned()));
    Node::new(&flags)
}

fn devices(page: &str) -> Vec<&str> {
    let of = |line| str::strip_prefix(line, "node_network_receive_bytes_total{device=\"")?.split('"').next();
    page.lines().filter_map(of).collect()
}

#[test]
fn another_network_is_read_from_its_first_process_and_sockets_do_not_answer_for_it() -> Result {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", "echo ready >&2; exec sleep 600"]);
    let mut host = Process::spawn(&mut command)?;
    host.wait_stderr_line("ready", wait::LONG)?;
    let unshare = host.pid();
    let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"))?;
    let first = children.split_whitespace().next().ok_or_else(|| Error::new("unshare has no child"))?;

    let node = node(&format!("/proc/{first}/root/proc"));
    let page = node.scrape();
    // A new network has a loopback that nothing has used.
    assert_eq!(devices(&page), ["lo"], "{page}");
    assert_eq!(value(&page, "node_network_receive_bytes_total{device=\"lo\"}"), Some(0.0));
    assert_eq!(value(&page, "node_tcp_connection_states{state=\"listen\"}"), Some(0.0));
    for name in SOCKETS {
        let outcome = &node.outcomes()[name];
        assert_eq!(outcome.as_str(), "nodata", "{name}: {outcome:?}");
    }
    // unshare itself waits for its child whatever it is told.
    host.signal(Signal::KILL)
}

#[test]
fn where_the_network_is_shared_sockets_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // The same files by another path.
    let node = node("/proc/self/root/proc");
    let page = node.scrape();
    for name in ["network_route", "qdisc"] {
        let outcome = &node.outcomes()[name];
        assert_eq!(outcome.as_str(), "ok", "{name}: {outcome:?}");
    }
    let mut here: Vec<_> = devices(&page);
    here.sort_unstable();
    let table = std::fs::read_to_string("/proc/net/dev").unwrap();
    let mut listed: Vec<_> =
        table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    listed.sort_unstable();
    assert_eq!(here, listed);
    assert!(value(&page, "node_tcp_connection_states{state=\"listen\"}").unwrap() >= 1.0);
    drop(listener);
}
