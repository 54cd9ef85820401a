//! The whole page of the host under `fixtures`. `UPDATE=1 cargo test -p node-exporter` writes it anew; look at the
//! difference before committing it.

use crate::support::{Node, fixtures, flags};
use std::path::Path;

/// Everything that the fixtures have, also what is off by default.
const FLAGS: &[(&str, &str)] = &[
    ("collector.cpu.info", "true"),
    ("collector.cpu.info.flags-include", "^(avx.*|fpu)$"),
    ("collector.cpu.info.bugs-include", "spectre"),
    ("collector.buddyinfo", "true"),
    ("collector.cgroups", "true"),
    ("collector.cpu_vulnerabilities", "true"),
    ("collector.interrupts", "true"),
    ("collector.ksmd", "true"),
    ("collector.lnstat", "true"),
    ("collector.meminfo_numa", "true"),
    ("collector.processes.state", "true"),
    ("collector.processes.threads-state", "true"),
    ("collector.slabinfo", "true"),
    ("collector.softirqs", "true"),
    ("collector.stat.softirq", "true"),
    ("collector.swap", "true"),
    ("collector.sysctl", "true"),
    ("collector.sysctl.include", "kernel.threads-max"),
    ("collector.sysctl.include", "net.ipv4.tcp_rmem"),
    ("collector.sysctl.include", "fs.file-nr:allocated,unused,max"),
    ("collector.sysctl.include-info", "kernel.core_pattern"),
    ("collector.tcpstat", "true"),
    ("collector.xfrm", "true"),
    ("collector.zoneinfo", "true"),
    // These two ask the kernel, not files.
    ("collector.timex", "false"),
    ("collector.uname", "false"),
];

/// Families with values of the moment, or of the machine the test runs on.
const MOVING: &[&str] = &[
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
    "node_filesystem_free_bytes",
    "node_filesystem_size_bytes",
    "node_scrape_collector_duration_seconds",
    "node_tcp_connection_states_timestamp_seconds",
    "node_textfile_mtime_seconds",
    "node_time_seconds",
    "node_time_zone_offset_seconds",
];

#[test]
fn the_whole_page() {
    let root = fixtures();
    let mut flags = flags(&root, FLAGS);
    flags.push(("collector.textfile.directory".into(), root.join("textfile").to_str().unwrap().into()));
    let node = Node::new(&flags);
    let page = steady(&node.scrape(), &root);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/page.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, (got, expected)) in page.lines().zip(golden.lines()).enumerate() {
        assert_eq!(got, expected, "line {} of {}", line + 1, path.display());
    }
    assert_eq!(page.lines().count(), golden.lines().count());
    assert_eq!(steady(&node.scrape(), &root), page, "a second scrape, with everything that is cached by now");
}

/// The page without what differs from run to run.
fn steady(page: &str, root: &Path) -> String {
    let page = page.replace(root.to_str().unwrap(), "FIXTURES");
    let line = |line: &str| {
        let family = line.split(['{', ' ']).next().unwrap();
        match line.rsplit_once(' ') {
            Some(_) if family == "node_time_zone_offset_seconds" => format!("{family}{{…}} …\n"),
            Some((series, _)) if MOVING.contains(&family) => format!("{series} …\n"),
            _ => format!("{line}\n"),
        }
    };
    page.lines().map(line).collect()
}
