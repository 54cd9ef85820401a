//! Damaged kernel files: the collector that reads one fails, everything else is served.

use crate::support::{Node, fixtures, flags, value};
use exporter_core::{Outcome, Registry, Settings};
use node_exporter::EXPORTER;
use std::path::{Path, PathBuf};

/// Files, and the collectors that cannot do without them.
const FILES: &[(&str, &[&str])] = &[
    ("proc/loadavg", &["loadavg", "processes"]),
    ("proc/stat", &["cpu", "stat"]),
    ("proc/meminfo", &["meminfo"]),
    ("proc/vmstat", &["vmstat"]),
    ("proc/diskstats", &["diskstats"]),
    ("proc/buddyinfo", &["buddyinfo"]),
    ("proc/cgroups", &["cgroups"]),
    ("proc/mdstat", &["mdadm"]),
    ("proc/schedstat", &["schedstat"]),
    ("proc/interrupts", &["interrupts"]),
    ("proc/softirqs", &["softirqs"]),
    ("proc/slabinfo", &["slabinfo"]),
    ("proc/zoneinfo", &["zoneinfo"]),
    ("sys/devices/system/node/node0/meminfo", &["meminfo_numa"]),
    ("sys/devices/system/node/node1/numastat", &["meminfo_numa"]),
    ("proc/1/net/stat/arp_cache", &["lnstat"]),
    ("proc/1/net/xfrm_stat", &["xfrm"]),
    ("proc/1/net/ip_vs", &["ipvs"]),
    ("proc/1/net/ip_vs_stats", &["ipvs"]),
    ("proc/1/mountinfo", &["filesystem"]),
    ("proc/1/net/dev", &["netdev"]),
    ("proc/1/net/rpc/nfs", &["nfs"]),
    ("proc/1/net/rpc/nfsd", &["nfsd"]),
    ("proc/spl/kstat/zfs/arcstats", &["zfs"]),
    ("proc/swaps", &["swap"]),
    ("sys/fs/xfs/sda1/stats/stats", &["xfs"]),
    ("proc/1/net/netstat", &["netstat"]),
    ("proc/1/net/snmp", &["netstat"]),
    ("proc/1/net/softnet_stat", &["softnet"]),
    ("proc/1/net/arp", &["arp"]),
    ("proc/1/net/tcp", &["tcpstat"]),
    ("proc/sys/fs/file-nr", &["filefd"]),
    ("proc/sys/kernel/random/entropy_avail", &["entropy"]),
    ("proc/sys/kernel/hung_task_detect_count", &["kernel_hung"]),
    ("proc/sys/kernel/pid_max", &["processes"]),
    ("proc/sys/kernel/threads-max", &["processes", "sysctl"]),
    ("proc/sys/net/netfilter/nf_conntrack_count", &["conntrack"]),
    ("root/etc/os-release", &["os"]),
];

const FLAGS: &[(&str, &str)] = &[
    ("collector.buddyinfo", "true"),
    ("collector.cgroups", "true"),
    ("collector.interrupts", "true"),
    ("collector.lnstat", "true"),
    ("collector.meminfo_numa", "true"),
    ("collector.slabinfo", "true"),
    ("collector.softirqs", "true"),
    ("collector.swap", "true"),
    ("collector.sysctl", "true"),
    ("collector.sysctl.include", "kernel.threads-max"),
    ("collector.tcpstat", "true"),
    ("collector.xfrm", "true"),
    ("collector.zoneinfo", "true"),
];

/// Damage that is no damage: an empty file, or none, where a host has none of these.
const FINE: &[(&str, &str)] = &[
    ("proc/diskstats", "empty"),
    ("proc/1/net/stat/arp_cache", "missing"),
    ("proc/spl/kstat/zfs/arcstats", "missing"),
    ("sys/fs/xfs/sda1/stats/stats", "missing"),
];

/// Files of the system's, whose last line may lack its end, and values that are one line in any case.
const UNENDED: &[&str] = &[
    "root/etc/os-release",
    "proc/sys/kernel/hung_task_detect_count",
    "proc/sys/kernel/pid_max",
    "proc/sys/kernel/threads-max",
    "proc/sys/net/netfilter/nf_conntrack_count",
];

#[test]
fn a_damaged_file_costs_its_own_collectors_only() {
    let root = Copy::new("damage");
    let before = scrape(&root.0);
    for (file, collectors) in FILES {
        let path = root.0.join(file);
        let whole = std::fs::read(&path).unwrap();
        for (damage, content) in
            [("missing", None), ("empty", Some(vec![])), ("garbage", Some(b"\xff\0 {}\n\n: 1\n".to_vec()))]
        {
            match content {
                Some(content) => std::fs::write(&path, content).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let after = scrape(&root.0);
            for ((name, outcome), (_, old)) in after.iter().zip(&before) {
                if collectors.contains(name) {
                    let fine = FINE.contains(&(*file, damage));
                    assert_eq!(outcome.success(), fine, "{name} with {file} {damage}: {outcome:?}");
                } else {
                    assert_eq!(outcome.success(), old.success(), "{name} with {file} {damage}: {outcome:?}");
                }
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_file_cut_anywhere_costs_its_own_collectors_only() {
    let root = Copy::new("cut");
    let before = scrape(&root.0);
    for (file, collectors) in FILES {
        let path = root.0.join(file);
        let whole = std::fs::read(&path).unwrap();
        for tenth in 1..10 {
            let length = whole.len() * tenth / 10;
            let within_a_line = length > 0 && whole[length - 1] != b'\n';
            std::fs::write(&path, &whole[..length]).unwrap();
            for ((name, outcome), (_, old)) in scrape(&root.0).iter().zip(&before) {
                if let Outcome::Error(error) = outcome {
                    assert!(!error.contains("panic"), "{name} with {file} cut: {error}");
                }
                if !collectors.contains(name) {
                    assert_eq!(outcome.success(), old.success(), "{name} with {file} cut: {outcome:?}");
                } else if within_a_line && !UNENDED.contains(file) {
                    assert!(
                        !outcome.success(),
                        "{name} with {file} cut to {length}: its last number is wrong"
                    );
                }
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_host_without_anything_still_has_a_page() {
    let nowhere = std::env::temp_dir().join(format!("node-exporter-nowhere-{}", std::process::id()));
    for directory in ["proc", "sys", "root"] {
        std::fs::create_dir_all(nowhere.join(directory)).unwrap();
    }
    let node = Node::new(&flags(&nowhere, &[]));
    let page = node.scrape();
    std::fs::remove_dir_all(&nowhere).unwrap();
    assert!(value(&page, "node_time_seconds").is_some());
    assert_eq!(value(&page, "node_scrape_collector_success{collector=\"loadavg\"}"), Some(0.0));
    for (name, outcome) in node.outcomes() {
        assert!(!matches!(outcome, Outcome::Timeout), "{name}");
    }
}

#[test]
fn a_setting_that_is_wrong_hides_no_other() {
    let given = [
        ("collector.sysctl", "true"),
        ("collector.sysctl.include", "no.such.setting"),
        ("collector.sysctl.include", "fs.file-nr:allocated,unused"),
        ("collector.sysctl.include", "kernel.core_pattern"),
        ("collector.sysctl.include", "kernel.threads-max"),
    ];
    let node = Node::new(&flags(&fixtures(), &given));
    let page = node.scrape();
    assert_eq!(value(&page, "node_sysctl_kernel_threads_max"), Some(192_000.0));
    assert!(!page.contains("node_sysctl_fs_file_nr"), "numbers under names that are not theirs");
    let Outcome::Error(error) = &node.outcomes()["sysctl"] else { panic!("{:?}", node.outcomes()["sysctl"]) };
    assert!(error.contains("kernel.core_pattern") && error.contains("include-info"), "{error}");
    for bad in ["../../etc/passwd", "/etc/passwd", "kernel/../x", "", "a..b"] {
        let given = [
            ("collector.sysctl".to_owned(), "true".to_owned()),
            ("collector.sysctl.include".to_owned(), bad.to_owned()),
        ];
        let settings = Settings::new(&(EXPORTER.flags)(), &(EXPORTER.collectors)(), given).unwrap();
        let error = Registry::new("node", (EXPORTER.sources)(&settings).unwrap()).unwrap_err().to_string();
        assert!(error.contains(&format!("--collector.sysctl.include={bad}: ")), "{error}");
    }
}

/// Outcomes of a fresh instance, which has nothing cached.
fn scrape(root: &Path) -> Vec<(&'static str, Outcome)> {
    let node = Node::new(&flags(root, FLAGS));
    let page = node.scrape();
    assert!(page.contains("\nnode_scrape_collector_success{"), "{page}");
    node.outcomes().into_iter().collect()
}

/// A copy of the fixtures, gone at the end.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("node-exporter-{name}-{}", std::process::id()));
        copy(&fixtures(), &root);
        Self(root)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
