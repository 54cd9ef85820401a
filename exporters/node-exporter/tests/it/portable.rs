//! The portable backend beside the native one, on the host that the tests run on.

use crate::peer::Page;
use crate::support::Node;
use exporter_core::{Outcome, Settings};
use node_exporter::EXPORTER;

fn page(backend: &str) -> Page {
    let node = Node::new(&[("backend".to_owned(), backend.to_owned())]);
    node.scrape();
    for (name, outcome) in node.outcomes() {
        assert!(matches!(outcome, Outcome::Ok | Outcome::NoData(_)), "{backend}: {name}: {outcome:?}");
    }
    Page::parse(&node.scrape())
}

#[test]
fn the_same_names_types_and_values() {
    let (before, portable, after) = (page("native"), page("portable"), page("native"));
    let types = portable.types("node_");
    let of_host = |name: &&str| !name.starts_with("node_scrape_");
    assert!(types.keys().copied().filter(|name| of_host(name)).count() >= 24, "{types:?}");
    for (name, kind) in &types {
        assert_eq!(after.types("").get(name), Some(kind), "{name}");
    }
    assert!(!types.contains_key("node_cpu_seconds_total"));
    // What stands still, and what only grows, for every device that the native one has too.
    let mut compared = 0;
    for start in [
        "node_memory_MemTotal",
        "node_memory_SwapTotal",
        "node_filesystem_size_bytes",
        "node_filesystem_readonly",
        "node_disk_read_bytes_total",
        "node_disk_written_bytes_total",
        "node_network_receive_bytes_total",
        "node_network_transmit_packets_total",
        "node_network_mtu_bytes",
        "node_network_up",
        "node_time_seconds",
    ] {
        let (before, after) = (before.values(start, &[]), after.values(start, &[]));
        let values = portable.values(start, &[]);
        assert!(!values.is_empty(), "{start}");
        for (series, value) in values {
            let (Some(low), Some(high)) = (before.get(series), after.get(series)) else { continue };
            assert!((*low..=*high).contains(&value), "{series}: {value}, native {low} and {high}");
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared} series in common");
    let boot = |page: &Page| page.value("node_boot_time_seconds").unwrap();
    assert!((boot(&portable) - boot(&after)).abs() <= 1.0);
}

#[test]
fn collectors_and_filters_are_the_same_flags() {
    let flags = [
        ("backend", "portable"),
        ("collector.loadavg", "false"),
        ("collector.netdev.device-exclude", "^lo$"),
        ("collector.filesystem.mount-points-exclude", "^/"),
    ];
    let node = Node::new(&flags.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let page = node.scrape();
    for absent in ["node_load1", "device=\"lo\"", "node_filesystem_size_bytes"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("\nnode_memory_MemTotal_bytes "));
}

#[test]
fn a_backend_that_there_is_not_is_refused() {
    let given = [("backend".to_owned(), "windows".to_owned())];
    let settings = Settings::new(&(EXPORTER.flags)(), &[], given).unwrap();
    let error = (EXPORTER.sources)(&settings).unwrap_err().to_string();
    assert_eq!(error, "--backend=windows: it is native or portable");
}
