//! A sentinel, a master and its replica, beside the peer.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, Result, wait};

use crate::support::{Ours, Peer, REDIS_7, REDIS_8, Redis, VALKEY};

#[test]
fn replicas() -> Result {
    for program in [REDIS_7, VALKEY] {
        let master = Redis::start(program, &[])?;
        let follow = format!("127.0.0.1 {}", master.port);
        let replica = Redis::start(program, &["--replicaof", "127.0.0.1", &master.port.to_string()])?;
        let _ = follow;
        let ours = Ours::of(&replica);
        let labels = format!("{{master_host=\"127.0.0.1\",master_port=\"{}\"}}", master.port);
        wait::until("the replica to follow", wait::LONG, || {
            let up = ours.page().value(&format!("redis_master_link_up{labels}"));
            if up == Some(1.0) { Ok(()) } else { Err(Error::new(format!("{up:?}"))) }
        })?;
        let theirs = Peer::start(&replica, &[])?.page()?;
        let page = ours.page();
        for name in [
            "redis_slave_info",
            "redis_slave_repl_offset",
            "redis_master_sync_in_progress",
            "redis_slave_priority",
        ] {
            let line = |text: &str| {
                text.lines()
                    .find(|line| line.starts_with(name))
                    .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            };
            assert_eq!(line(&page.text).map(sorted), line(&theirs).map(sorted), "{program}: {name}");
        }
        let of_master = Ours::of(&master).page();
        assert!(
            of_master.text.contains("redis_connected_slave_offset_bytes{slave_ip=\"127.0.0.1\""),
            "{}",
            of_master.text
        );
    }
    Ok(())
}

#[test]
fn a_sentinel() -> Result {
    let master = Redis::start(REDIS_8, &[])?;
    let dir = TempDir::new()?;
    let config = format!(
        "sentinel monitor mymaster 127.0.0.1 {} 1\nsentinel auth-pass mymaster hunter2\n",
        master.port
    );
    let config = dir.write("sentinel.conf", config)?;
    let sentinel = Redis::sentinel(REDIS_8, &config)?;
    let ours = Ours::of(&sentinel);
    let page = wait::until("the sentinel to know its master", wait::LONG, || {
        let page = ours.page();
        let known = page.text.contains("master_status=\"ok\"");
        if known { Ok(page) } else { Err(Error::new(page.text)) }
    })?;
    let theirs = Peer::start(&sentinel, &[])?.page()?;
    for line in theirs.lines().filter(|line| line.starts_with("redis_sentinel_")) {
        let series = sorted(line.rsplit_once(' ').unwrap().0.to_owned());
        let has = page
            .text
            .lines()
            .any(|own| own.rsplit_once(' ').is_some_and(|(own, _)| sorted(own.to_owned()) == series));
        assert!(has, "missing {series} in\n{}", page.text);
    }
    assert!(!page.text.contains("hunter2"));
    assert_eq!(page.value("redis_total_error_replies").unwrap_or(0.0), 0.0);
    Ok(())
}

/// Labels in order.
fn sorted(series: String) -> String {
    let Some((name, labels)) = series.trim_end_matches('}').split_once('{') else { return series };
    let mut labels: Vec<_> = labels.split("\",").map(|label| label.trim_end_matches('"')).collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}
