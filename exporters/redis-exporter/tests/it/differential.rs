//! Beside redis_exporter, on the same server: what it has, we have.

use exporter_testkit::Result;
use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Ours, Peer, REDIS_6, REDIS_8, Redis, VALKEY, WITH_OLD};

/// What the peer has and we do not, on purpose.
const OTHER: &[&str] = &[
    // Its own process and build: the program's page has ours.
    "process_",
    "redis_exporter_build_info",
    // A count of something else, put there by mistake (redis_exporter PR 1168).
    "redis_db_keys_cached",
];

/// What Redis 6 does not tell: the peer makes a 0 of it, we nothing.
const NOT_IN_6: [&str; 4] = [
    "redis_stream_max_deleted_entry_id",
    "redis_stream_entries_added",
    "redis_stream_group_entries_read",
    "redis_stream_group_lag",
];

/// Family to type, series (without values) by family.
fn read(page: &str) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let mut types = BTreeMap::new();
    let mut series = BTreeSet::new();
    for line in page.lines().filter(|line| !OTHER.iter().any(|other| line.contains(other))) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            series.insert(normal(line.rsplit_once(' ').unwrap().0));
        }
    }
    (types, series)
}

/// Labels in order; the bounds of histograms are another test's.
fn normal(series: &str) -> String {
    let Some((name, labels)) = series.trim_end_matches('}').split_once('{') else { return series.to_owned() };
    let mut labels: Vec<_> = labels.split("\",").map(|label| label.trim_end_matches('"')).collect();
    labels.retain(|label| !label.starts_with("le="));
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

fn compare(program: &'static str, args: &[&str], flags: &[(&str, &str)], peer_flags: &[&str]) -> Result {
    let server = Redis::start(program, args)?;
    for command in [
        "SET a 5",
        "SET t x EX 1000",
        "LPUSH q 1 2 3",
        "NOSUCH",
        "LPUSH a 1",
        "DEBUG SLEEP 0.02",
        "HSET h f 1",
        "SAVE",
    ] {
        let _ = server.run(command);
    }
    let mut client = server.client();
    // Not in a cluster.
    let _ = redis::cmd("SELECT").arg(3).exec(&mut client);
    let _ = redis::cmd("XADD").arg(&["s", "*", "f", "v"]).exec(&mut client);
    let mut peer = Peer::start(&server, peer_flags)?;
    let address = server.address();
    let ours = Ours::new(&[&[("redis.addr", address.as_str())], flags].concat());
    ours.page();
    peer.page()?;
    // The peer last: what it causes on the server must not be in its page only.
    let theirs = peer.page()?;
    let ours = ours.page().text;
    let (their_types, their_series) = read(&theirs);
    let (our_types, our_series) = read(&ours);
    let untold = |name: &str| program == REDIS_6 && NOT_IN_6.iter().any(|own| name.starts_with(own));
    for (name, kind) in their_types.iter().filter(|(name, _)| !untold(name)) {
        assert_eq!(our_types.get(name), Some(kind), "{program}: type of {name}");
    }
    // Client ids, and the mode that the peer does not find in Valkey, differ; databases without a key have no groups.
    let has_keys = |series: &str| series.contains("db0") || series.contains("db3");
    let skipped = |series: &str| {
        series.contains("redis_connected_client_")
            || untold(series)
            || series.starts_with("redis_number_of_distinct_key_groups") && !has_keys(series)
            || program == VALKEY && series.contains("redis_instance_info")
    };
    let missing: Vec<_> = their_series.difference(&our_series).filter(|series| !skipped(series)).collect();
    assert!(missing.is_empty(), "{program}: missing {missing:#?}");
    Ok(())
}

#[test]
fn default_scrapes() -> Result {
    for program in WITH_OLD {
        compare(program, &["--latency-monitor-threshold", "1"], &[], &["-include-system-metrics"])?;
    }
    Ok(())
}

#[test]
fn everything_about_configuration_and_clients() -> Result {
    for program in WITH_OLD {
        compare(
            program,
            &["--appendonly", "yes"],
            &[
                ("include-config-metrics", "true"),
                ("export-client-list", "true"),
                ("export-client-port", "true"),
            ],
            &["-include-config-metrics", "-export-client-list", "-export-client-port"],
        )?;
    }
    Ok(())
}

#[test]
fn keys_and_streams() -> Result {
    const FLAGS: [(&str, &str); 4] = [
        ("check-keys", "db0=*"),
        ("check-single-keys", "absent,db3=s"),
        ("count-keys", "db0=*,db3=s*"),
        ("check-streams", "db3=s*"),
    ];
    let peer = FLAGS.map(|(name, value)| format!("-{name}={value}"));
    for program in WITH_OLD {
        compare(program, &[], &FLAGS, &peer.each_ref().map(String::as_str))?;
    }
    Ok(())
}

#[test]
fn groups_scripts_and_the_dump() -> Result {
    let dir = exporter_testkit::fixture::tree(&[
        ("good.lua", "return {'a','1','b',tostring(#redis.call('KEYS','*'))}"),
        ("empty.lua", "return {}"),
    ])?;
    let scripts = ["good.lua", "empty.lua"].map(|name| dir.path().join(name).display().to_string()).join(",");
    let flags = [
        ("check-key-groups", "^(.)$,nothing(.*)"),
        ("max-distinct-key-groups", "2"),
        ("include-rdb-file-size-metric", "true"),
        ("script", scripts.as_str()),
    ];
    let peer = flags.map(|(name, value)| format!("-{name}={value}"));
    for program in WITH_OLD {
        compare(program, &[], &flags, &peer.each_ref().map(String::as_str))?;
    }
    Ok(())
}

#[test]
fn a_cluster_node() -> Result {
    let bus = exporter_testkit::ports::free()?;
    compare(REDIS_8, &["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()], &[], &[])
}

/// From a command's first bucket on, bounds are the same for all commands, and counts rise: so do sums by bound, since what
/// is left out is 0.
#[test]
fn histograms_can_be_added_up() -> Result {
    let server = Redis::start(REDIS_8, &[])?;
    for command in ["DEBUG SLEEP 0.05", "SET a 1", "GET a", "CONFIG GET *"] {
        let _ = server.run(command);
    }
    let page = Ours::of(&server).page();
    let mut ladders: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for line in page.text.lines().filter(|line| line.starts_with("redis_commands_latencies_usec_bucket")) {
        let parts: Vec<_> = line.split('"').collect();
        let count = line.rsplit(' ').next().unwrap().parse().unwrap();
        ladders.entry(parts[1]).or_default().push((parts[3], count));
    }
    assert!(ladders.len() >= 4, "{ladders:?}");
    let bounds = |ladder: &[(&str, u64)]| ladder.iter().map(|(le, _)| (*le).to_owned()).collect::<Vec<_>>();
    let all = bounds(ladders.values().max_by_key(|ladder| ladder.len()).unwrap());
    let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
    for (command, ladder) in &ladders {
        assert!(all.ends_with(&bounds(ladder)), "{command}: {ladder:?}");
        assert!(ladder[0].1 > 0, "{command}");
        for (at, (_, count)) in ladder.iter().enumerate() {
            *sums.entry(all.len() - ladder.len() + at).or_default() += count;
        }
        assert!(ladder.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{command}: {ladder:?}");
    }
    let sums: Vec<u64> = sums.into_values().collect();
    assert!(sums.windows(2).all(|pair| pair[0] <= pair[1]), "{sums:?}");
    Ok(())
}
