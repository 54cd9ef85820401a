//! The host that the tests run on.

use crate::support::{Node, value};
use exporter_core::{Outcome, Settings};
use node_exporter::EXPORTER;

#[test]
fn what_every_linux_host_has_is_there() {
    let node = Node::new(&[]);
    for scrape in 0..3 {
        let page = node.scrape();
        for name in [
            "cpu",
            "diskstats",
            "filesystem",
            "loadavg",
            "meminfo",
            "netclass",
            "netdev",
            "netstat",
            "stat",
            "uname",
            "vmstat",
        ] {
            let success = format!("node_scrape_collector_success{{collector=\"{name}\"}}");
            assert_eq!(
                value(&page, &success),
                Some(1.0),
                "scrape {scrape}: {name}: {:?}",
                node.outcomes().get(name)
            );
        }
        assert!(value(&page, "node_network_receive_bytes_total{device=\"lo\"}").is_some());
        assert!(
            value(&page, "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}")
                .is_some_and(|seconds| seconds > 0.0)
        );
        assert!(value(&page, "node_memory_MemTotal_bytes").is_some_and(|bytes| bytes > 1e6));
        assert!(!page.contains("exporter_series_dropped_total"), "a series came twice");
    }
}

#[test]
fn nothing_fails_here() {
    let node = Node::new(&[]);
    node.scrape();
    for (name, outcome) in node.outcomes() {
        assert!(matches!(outcome, Outcome::Ok | Outcome::NoData(_)), "{name}: {outcome:?}");
    }
}

/// Another program here may have left more sockets behind than are counted by default.
const ANY_NUMBER: (&str, &str) = ("collector.tcpstat.max-sockets", "10000000");
const ASKED: (&str, &str) = ("collector.tcpstat", "true");

fn given((flag, value): (&str, &str)) -> (String, String) {
    (flag.to_owned(), value.to_owned())
}

#[test]
fn sockets_are_counted_over_netlink() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let six = std::net::TcpListener::bind("[::1]:0");
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let page = Node::new(&[ANY_NUMBER, ASKED].map(given)).scrape();
    let state =
        |state: &str| value(&page, &format!("node_tcp_connection_states{{state=\"{state}\"}}")).unwrap();
    assert!(state("listen") >= 1.0 + f64::from(u8::from(six.is_ok())));
    assert!(state("established") >= 2.0, "both ends");
    drop(client);
}

#[test]
fn queued_bytes_are_seen_once_there_is_a_socket() {
    let node = Node::new(&[]);
    let queued = || value(&node.scrape(), "node_udp_queues{ip=\"v4\",queue=\"rx\"}").unwrap();
    let before = queued();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
    // Others may read or close theirs meanwhile.
    assert!((0..100).any(|_| queued() >= before + 1000.0 || queued() >= 1000.0), "{before} bytes before");
}

#[test]
fn counts_of_sockets_say_when_they_are_from() {
    const COUNTED: &str = "node_tcp_connection_states_timestamp_seconds";
    let asked = Node::new(&[ANY_NUMBER, ASKED].map(given));
    let times = [(); 3].map(|()| value(&asked.scrape(), COUNTED).unwrap());
    assert!(times.is_sorted_by(|a, b| a < b), "asked for, they are new each time: {times:?}");
    let node = Node::new(&[ANY_NUMBER].map(given));
    let (counted, now) =
        (|page: &str| value(page, COUNTED).unwrap(), |page: &str| value(page, "node_time_seconds"));
    let page = node.scrape();
    assert!((counted(&page) - now(&page).unwrap()).abs() < 5.0);
    assert!(counted(&node.scrape()) >= counted(&page));
}

#[test]
fn files_and_netlink_tell_the_same_about_the_loopback() {
    let page = |netlink: &str| Node::new(&[("collector.netdev.netlink".into(), netlink.into())]).scrape();
    let (kernel, files) = (page("true"), page("false"));
    let still = |page: &str| -> Vec<String> {
        let of_lo = |line: &&str| line.contains("device=\"lo\"") && !line.contains("_total");
        page.lines()
            .filter(of_lo)
            .filter(|line| line.starts_with("node_network_"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(still(&kernel), still(&files));
    assert!(still(&kernel).len() > 8, "{:?}", still(&kernel));
}

#[test]
fn a_bad_flag_is_named() {
    let error = |flag: &str, value: &str| {
        let settings = Settings::new(
            &(EXPORTER.flags)(),
            &(EXPORTER.collectors)(),
            [(flag.to_owned(), value.to_owned())],
        );
        match settings.and_then(|settings| (EXPORTER.sources)(&settings)) {
            // The sources are made with their settings by the registry.
            Ok(sources) => exporter_core::Registry::new("node", sources).err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        }
    };
    assert!(
        error("collector.netdev.device-exclude", "(")
            .unwrap()
            .contains("--collector.netdev.device-exclude=(")
    );
    assert!(error("collector.nosuch", "true").unwrap().contains("collector.nosuch"));
    assert_eq!(error("collector.netdev.device-exclude", "^lo$"), None);
}
