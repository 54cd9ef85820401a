//! A cluster of three: each master has its own keys, and one of them may be dead.

use exporter_testkit::{Error, Result, ports, wait};
use std::time::Duration;

use crate::support::{Ours, REDIS_8, Redis, run};

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
