//! A cluster of three: each master has its own keys, and one of them may be dead.

use exporter_testkit::process::Process;
use exporter_testkit::{Error, Result, http, ports, wait};
use rustix::process::Signal;
use std::process::Command;
use std::time::Duration;

use crate::support::{Ours, Page, Peer, REDIS_8, Redis, run};

fn cluster() -> Result<Vec<Redis>> {
    // The bus' own port would be one that another test may have.
    let buses = (0..3).map(|_| ports::free()).collect::<Result<Vec<_>>>()?;
    let start = |bus: &ports::Port| {
        let bus = bus.to_string();
        let timeout = ["--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no"];
        Redis::start(REDIS_8, &[&["--cluster-enabled", "yes", "--cluster-port", &bus], &timeout[..]].concat())
    };
    let nodes = buses.iter().map(start).collect::<Result<Vec<_>>>()?;
    for (node, range) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
        node.run(&format!("CLUSTER ADDSLOTSRANGE {range}")).unwrap();
    }
    for (node, bus) in nodes.iter().zip(&buses).skip(1) {
        nodes[0].run(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port)).unwrap();
    }
    for node in &nodes {
        wait::until("the cluster to agree", wait::LONG, || {
            let info = node.run("CLUSTER INFO").map_err(|error| Error::new(error.to_string()))?;
            let redis::Value::BulkString(text) = info else { return Err(Error::new("no text")) };
            let text = String::from_utf8_lossy(&text).into_owned();
            let agreed = text.contains("cluster_state:ok") && text.contains("cluster_slots_assigned:16384");
            if agreed { Ok(()) } else { Err(Error::new(text)) }
        })?;
    }
    for number in 0..300 {
        // Whose key it is does not matter: the others refuse it.
        let set =
            nodes.iter().filter(|node| run(&mut node.client(), &format!("SET k:{number} 1")).is_ok()).count();
        assert_eq!(set, 1);
    }
    Ok(nodes)
}

#[test]
fn keys_of_all_masters_from_one_target() -> Result {
    let mut nodes = cluster()?;
    let address = nodes[0].address();
    let ours = Ours::new(&[
        ("redis.addr", &address),
        ("is-cluster", "true"),
        ("check-keys", "k:*"),
        ("count-keys", "k:*"),
        ("check-single-keys", "k:1,k:2,k:3,absent"),
        ("scan-budget", "2s"),
    ]);
    let page = ours.page();
    let sizes = |text: &str| text.lines().filter(|line| line.starts_with("redis_key_size{")).count();
    assert_eq!(sizes(&page.text), 300, "{}", page.text);
    assert_eq!(page.value("redis_keys_count{db=\"db0\",key=\"k:*\"}"), Some(300.0));
    assert_eq!(page.value("redis_cluster_state"), Some(1.0));
    assert_eq!(page.value("redis_cluster_known_nodes"), Some(3.0));
    // Half dead: the others' keys are still there, and the collector says that something is missing.
    nodes[2].process.stop()?;
    let page = ours.page_within(Duration::from_secs(5));
    assert_eq!(page.value("redis_up"), Some(1.0));
    assert_eq!(page.success("keys"), Some(0.0));
    assert!((100..300).contains(&sizes(&page.text)), "{}", sizes(&page.text));
    Ok(())
}

/// A node that hangs costs a share of the scrape: what the others hold is still told, with what is known by name only, too.
#[test]
fn a_node_that_hangs() -> Result {
    let nodes = cluster()?;
    let address = nodes[0].address();
    let single: Vec<_> = (0..30).map(|number| format!("k:{number}")).collect();
    let single = single.join(",");
    let ours = Ours::new(&[
        ("redis.addr", &address),
        ("is-cluster", "true"),
        ("check-single-keys", &single),
        ("queue", "list:nowhere"),
    ]);
    let sizes = |page: &Page| page.text.lines().filter(|line| line.starts_with("redis_key_size{")).count();
    assert_eq!(sizes(&ours.page()), 30);
    nodes[2].process.signal(Signal::STOP)?;
    for _ in 0..3 {
        let page = ours.page_within(Duration::from_secs(2));
        assert!(page.took < Duration::from_secs(2), "{:?}", page.took);
        assert_eq!(page.success("keys"), Some(0.0), "what is missing is told");
        assert!((10..30).contains(&sizes(&page)), "{}", page.text);
    }
    nodes[2].process.signal(Signal::CONT)?;
    let page = ours.page();
    assert_eq!((sizes(&page), page.success("keys"), page.success("queues")), (30, Some(1.0), Some(1.0)));
    Ok(())
}

/// The program and its address.
fn program(seed: &Redis, flags: &[&str]) -> Result<(Process, ports::Port)> {
    let port = ports::free()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-exporter"));
    command.arg(format!("-redis.addr={}", seed.address())).args(flags);
    let mut program = Process::spawn(command.arg(format!("-web.listen-address={}", port.address())))?;
    program.wait_http(&format!("http://{}/-/ready", port.address()), wait::LONG)?;
    Ok((program, port))
}

/// As the peer tells it, so that one configuration of Prometheus fits both.
#[test]
fn nodes_for_prometheus_to_scrape() -> Result {
    let mut nodes = cluster()?;
    nodes[1].run("CONFIG SET cluster-announce-hostname node-1.example").unwrap();
    let mut expected: Vec<_> = nodes.iter().map(Redis::address).collect();
    expected.sort();
    let (_ours, port) = program(&nodes[0], &["-is-cluster"])?;
    let found = |port: &ports::Port| -> Result<Vec<String>> {
        let answer = http::get(&format!("http://{}/discover-cluster-nodes", port.address()), &[])?;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        Ok(targets(&answer.text()))
    };
    assert_eq!(found(&port)?, expected);
    let peer = Peer::start(&nodes[0], &["-is-cluster"])?;
    assert_eq!(targets(&peer.get("/discover-cluster-nodes")?), expected, "the peer's");

    let (_named, named) = program(&nodes[0], &["-is-cluster", "-cluster-discover-hostnames"])?;
    let name = format!("redis://node-1.example:{}", nodes[1].port);
    wait::until("the name to be known", wait::LONG, || {
        let found = found(&named)?;
        if found.contains(&name) { Ok(()) } else { Err(Error::new(format!("{found:?}"))) }
    })?;
    // What it finds is what /scrape takes; a node that is down stays on the list, or nobody would hear of it.
    nodes[2].process.stop()?;
    assert_eq!(found(&port)?, expected);
    for (node, up) in [(&nodes[1], "redis_up 1"), (&nodes[2], "redis_up 0")] {
        let url = format!("http://{}/scrape?target={}", port.address(), node.address());
        let page = http::get(&url, &[])?.text();
        assert!(page.lines().any(|line| line == up), "{up} in {page}");
    }
    nodes[0].process.stop()?;
    let down = http::get(&format!("http://{}/discover-cluster-nodes", port.address()), &[])?;
    assert_eq!(down.status, 502);
    assert!(down.text().contains("refused"), "{}", down.text());
    Ok(())
}

#[test]
fn no_cluster_no_nodes() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    let (_ours, port) = program(&server, &[])?;
    let answer = http::get(&format!("http://{}/discover-cluster-nodes", port.address()), &[])?;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("--is-cluster"), "{}", answer.text());
    Ok(())
}

fn targets(json: &str) -> Vec<String> {
    let groups: serde_json::Value = serde_json::from_str(json).unwrap();
    let targets = groups[0]["targets"].as_array().unwrap();
    let mut targets: Vec<_> = targets.iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    targets.sort();
    targets
}
