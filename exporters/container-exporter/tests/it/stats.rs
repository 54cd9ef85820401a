//! Figures beside those that `docker stats` shows.

use super::docker::{Container, api};
use super::support::Exporter;
use super::usage::engines_disk;
use exporter_testkit::{Error, Result};
use serde_json::Value;

#[test]
fn docker_stats_says_the_same() -> Result {
    let limit = format!("--device-write-bps={}:1gb", engines_disk()?);
    let guest = Container::run(
        &[&limit, "--memory=128m"],
        "hold 33554432 then send 200 then write 8388608 then burn 2000 then sleep",
    )?;
    let mut exporter = Exporter::start(&["--mode=engine"])?;
    let name = [("name", guest.name.as_str())];
    exporter.until("some of its work", |page| {
        page.get("container_cpu_usage_seconds_total", &[name[0], ("cpu", "total")])
            .is_some_and(|used| used >= 0.5)
    })?;
    // It goes to sleep soon, and pages may still be written behind its back: both are asked until they agree.
    exporter.until("both to say the same", |page| {
        let theirs = stats(&guest.id).unwrap_or_default();
        let number = |path: &str| theirs.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let get = |family: &str| page.all(family, &name).sum::<f64>();
        let io = |operation: &str| {
            let all = theirs.pointer("/blkio_stats/io_service_bytes_recursive").and_then(Value::as_array);
            let of =
                |entry: &&Value| entry["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case(operation));
            all.into_iter().flatten().filter(of).filter_map(|entry| entry["value"].as_f64()).sum::<f64>()
        };
        let pairs = [
            (
                get("container_cpu_usage_seconds_total"),
                number("/cpu_stats/cpu_usage/total_usage") / 1e9,
                0.02,
            ),
            (get("container_memory_usage_bytes"), number("/memory_stats/usage"), 0.01),
            (
                get("container_memory_rss"),
                number("/memory_stats/stats/total_rss").max(number("/memory_stats/stats/anon")),
                0.01,
            ),
            (get("container_spec_memory_limit_bytes"), number("/memory_stats/limit"), 0.0),
            (get("container_threads"), number("/pids_stats/current"), 0.0),
            (get("container_network_transmit_bytes_total"), number("/networks/eth0/tx_bytes"), 0.01),
            (get("container_network_receive_packets_total"), number("/networks/eth0/rx_packets"), 0.1),
            (get("container_fs_writes_bytes_total"), io("write"), 0.01),
        ];
        pairs.iter().all(|(ours, theirs, error)| (ours - theirs).abs() <= theirs * error)
            && get("container_fs_writes_bytes_total") >= f64::from(8 << 20)
    })?;
    Ok(())
}

/// What the engine's own statistics say, which `docker stats` shows.
fn stats(id: &str) -> Result<Value> {
    let body = api("GET", &format!("/containers/{id}/stats?stream=false&one-shot=true"), "")?;
    serde_json::from_str(&body).map_err(|error| Error::new(format!("{error}: {body}")))
}
