//! Beside node_exporter, at the same moment: what it has, we have, with the same types, labels and values.

use crate::peer::{Page, Peer};
use crate::support::{Node, fixtures, flags};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Error, Result, wait};
use std::collections::BTreeSet;
use std::process::Command;

/// What is not about the host: the program's own page has ours.
const OWN: &[&str] = &["go_", "process_", "promhttp_", "node_exporter_build_info", "node_scrape_collector_"];

/// Collectors of the peer that are off by default, and are ours too.
const MORE: &[&str] = &[
    "buddyinfo",
    "cgroups",
    "cpu_vulnerabilities",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "processes",
    "slabinfo",
    "softirqs",
    "swap",
    "sysctl",
    "tcpstat",
    "xfrm",
    "zoneinfo",
];
/// Those of them that only ask this machine.
const SOCKETS: &[&str] = &["ethtool", "network_route", "qdisc"];

/// Given to both; each as often as one likes.
const SYSCTLS: &[(&str, &str)] = &[
    ("collector.sysctl.include", "kernel.threads-max"),
    ("collector.sysctl.include", "net.ipv4.tcp_rmem"),
    ("collector.sysctl.include", "fs.file-nr:allocated,unused,max"),
    ("collector.sysctl.include-info", "kernel.core_pattern"),
];

/// Series of the peer, by their beginning, that are not ours or have another value, and why. Types are the same for all.
const HOST: &[(&str, &str)] = &[
    ("node_disk_info", "the peer takes a disk without all files of queue/ for one that does not rotate"),
    ("node_textfile_scrape_error", "Debian's build of the peer has a directory by default"),
    ("node_filesystem_readonly", "the peer joins two lists of options without a separator"),
    ("node_filefd_allocated", "the scrape's own connection, as the next ones"),
    ("node_netstat_Tcp_CurrEstab", ""),
    ("node_sockstat_TCP_alloc", ""),
    ("node_sockstat_TCP_inuse", ""),
    ("node_sockstat_sockets_used", ""),
    ("node_tcp_connection_states{state=\"established\"", ""),
    ("node_processes_", "so are its threads"),
];

/// The same for the fixtures.
const FIXTURES: &[(&str, &str)] = &[
    ("node_arp_entries", "asked over netlink, which knows nothing of fixtures"),
    ("node_cpu_frequency_hertz", "two collectors of the peer give it, and clash"),
    ("node_disk_info", "as on a host"),
    ("node_filesystem_device_error{device=\"below\"", "covered by another mount, which we tell apart"),
    ("node_filesystem_readonly{device=\"below\"", "covered by another mount, which we tell apart"),
    ("node_filesystem_avail_bytes", "of this machine, and of the moment"),
    ("node_filesystem_free_bytes", "of this machine, and of the moment"),
    ("node_filesystem_files_free", "of this machine, and of the moment"),
    ("node_selinux_enabled", "the peer asks this machine"),
    ("node_tcp_connection_states", "the peer asks this machine"),
    ("node_textfile_mtime_seconds", "of the copy"),
    ("node_time_", "of the moment"),
];

/// Families of ours, by their beginning, that the peer does not have here: a new one is to be known by its name.
const EXTRAS: &[&str] = &[
    "node_cpu_online",
    "node_filesystem_mounted_elsewhere",
    // The kernel names these; the peer knows some of them.
    "node_memory_",
    "node_netstat_Tcp_MaxConn",
    "node_tcp_connection_states_timestamp_seconds",
    "node_textfile_file_error",
];

/// Labels without empty ones, which are the same to Prometheus, in order.
fn normal(series: &str) -> String {
    let Some((name, labels)) = series.strip_suffix('}').and_then(|series| series.split_once('{')) else {
        return series.to_owned();
    };
    let mut labels: Vec<_> = labels.split_inclusive("\",").map(|label| label.trim_end_matches(',')).collect();
    labels.retain(|label| !label.ends_with("=\"\""));
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

fn is_own(series: &str) -> bool {
    OWN.iter().any(|own| series.starts_with(own))
}

/// What of the peer's page ours lacks or tells otherwise. Counters and gauges move between the pages, so the peer's value
/// has to lie between ours of before and after, or near them.
fn differences(before: &Page, peer: &Page, after: &Page, excused: &[(&str, &str)]) -> Vec<String> {
    let excused = |name: &str| excused.iter().any(|(start, _)| name.starts_with(start));
    let mut found = Vec::new();
    let ours = after.types("");
    for (name, kind) in peer.types("").into_iter().filter(|(name, _)| !is_own(name)) {
        match ours.get(name) {
            Some(own) if *own == kind => {}
            own => found.push(format!("type of {name}: {own:?} instead of {kind}")),
        }
    }
    let values = |page: &Page| -> std::collections::BTreeMap<String, f64> {
        page.values("", OWN).into_iter().map(|(series, value)| (normal(series), value)).collect()
    };
    let (before, after) = (values(before), values(after));
    for (series, theirs) in values(peer).into_iter().filter(|(series, _)| !excused(series)) {
        let (Some(a), Some(b)) = (before.get(&series), after.get(&series)) else {
            found.push(format!("missing: {series}"));
            continue;
        };
        let (low, high) = (a.min(*b), a.max(*b));
        let slack = 1e-9 * high.abs();
        let same = (low - slack..=high + slack).contains(&theirs) || theirs.is_nan() && a.is_nan();
        if !same {
            found.push(format!("value: {series}: {theirs}, ours {a} and {b}"));
        }
    }
    found
}

fn extras(peer: &Page, ours: &Page) -> Vec<String> {
    let theirs = peer.types("");
    let ours = ours.types("node_").into_keys();
    ours.filter(|name| !theirs.contains_key(name) && !is_own(name)).map(str::to_owned).collect()
}

#[test]
fn this_host_at_the_same_moment() -> Result {
    let more = || MORE.iter().chain(SOCKETS);
    let mut theirs: Vec<_> = more().map(|name| format!("--collector.{name}")).collect();
    theirs.extend(SYSCTLS.iter().map(|(name, value)| format!("--{name}={value}")));
    let peer = Peer::start(&theirs, &[])?;
    let switches = more().chain(&["processes.threads-state"]);
    let mut ours: Vec<_> = switches.map(|name| (format!("collector.{name}"), "true".to_owned())).collect();
    // The peer counts sockets however many there are.
    ours.push(("collector.tcpstat.max-sockets".to_owned(), "10000000".to_owned()));
    ours.extend(SYSCTLS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let node = Node::new(&ours);
    let page = || Page::parse(&node.scrape());
    // A gauge may go up and down between two pages. What the peer has and we lack, or what is another number, stays.
    let mut lasting: Option<BTreeSet<String>> = None;
    wait::until("the same values", wait::LONG, || {
        page();
        peer.page()?;
        let (before, theirs, after) = (page(), peer.page()?, page());
        assert!(theirs.types("node_").len() > 200, "the peer's page is whole");
        let found = differences(&before, &theirs, &after, HOST);
        let series = |difference: &String| difference.split(": ").take(2).collect::<Vec<_>>().join(": ");
        let found_series: BTreeSet<String> = found.iter().map(series).collect();
        let left = match lasting.take() {
            Some(before) => before.intersection(&found_series).cloned().collect(),
            None => found_series,
        };
        let done = left.is_empty();
        let extras: Vec<_> = extras(&theirs, &after)
            .into_iter()
            .filter(|name| !EXTRAS.iter().any(|extra| name.starts_with(extra)))
            .collect();
        assert!(extras.is_empty(), "ours alone, and not listed: {extras:?}");
        let told = format!("{left:#?} of {found:#?}");
        lasting = Some(left);
        if done { Ok(()) } else { Err(Error::new(told)) }
    })
}

/// The fixtures as the peer wants them: it looks at its own network's files, whatever `/proc` it is given.
#[test]
fn the_fixtures() -> Result {
    let root = TempDir::new()?;
    let status =
        Command::new("cp").arg("-r").arg(format!("{}/.", fixtures().display())).arg(root.path()).status()?;
    assert!(status.success());
    std::os::unix::fs::symlink("1/net", root.path().join("proc/net"))?;
    std::os::unix::fs::symlink("1", root.path().join("proc/self"))?;
    // The peer takes an empty file of a process for the end of all.
    for entry in std::fs::read_dir(root.path().join("proc"))? {
        let stat = entry?.path().join("stat");
        if std::fs::metadata(&stat).is_ok_and(|stat| stat.len() == 0) {
            std::fs::remove_dir_all(stat.parent().unwrap_or(root.path()))?;
        }
    }
    let mut more = vec![
        ("collector.cpu.info", "true"),
        ("collector.stat.softirq", "true"),
        ("collector.netdev.netlink", "false"),
        ("collector.timex", "false"),
        ("collector.uname", "false"),
        ("collector.processes.threads-state", "true"),
    ];
    let names: Vec<String> = MORE.iter().map(|name| format!("collector.{name}")).collect();
    more.extend(names.iter().map(|name| (name.as_str(), "true")));
    let textfiles = root.path().join("textfile").display().to_string();
    more.push(("collector.textfile.directory", &textfiles));
    more.extend(SYSCTLS);
    let given = flags(root.path(), &more);
    let theirs: Vec<String> = given
        .iter()
        .filter(|(name, _)| name != "collector.processes.threads-state")
        .map(|(name, value)| match value.as_str() {
            "true" => format!("--{name}"),
            "false" => format!("--no-{name}"),
            value => format!("--{name}={value}"),
        })
        .collect();
    let peer = Peer::start(&theirs, &[])?;
    let node = Node::new(&given);
    node.scrape();
    peer.page()?;
    let (before, theirs) = (Page::parse(&node.scrape()), peer.page()?);
    let after = Page::parse(&node.scrape());
    assert!(theirs.types("node_").len() > 300, "the peer's page is whole");
    let found = differences(&before, &theirs, &after, FIXTURES);
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}
