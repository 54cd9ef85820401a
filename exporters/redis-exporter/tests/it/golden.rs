//! Pages whose names documentation and checks go by. Values move; names, types and labels do not.

use exporter_testkit::{Result, golden};
use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{ALL, Ours, REDIS_8, Redis};

#[test]
fn names_by_server() -> Result {
    for program in ALL {
        let server = Redis::start(program, &["--latency-monitor-threshold", "1"])?;
        for command in ["SET a 5 EX 1000", "NOSUCH", "DEBUG SLEEP 0.02"] {
            let _ = server.run(command);
        }
        let address = server.address();
        let ours = Ours::new(&[("redis.addr", &address), ("include-unmapped-info-fields", "true")]);
        ours.page();
        let page = steady(&ours.page().text);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{program}.txt"));
        golden::check(path, page)?;
    }
    Ok(())
}

#[test]
fn names_of_a_cluster_node() -> Result {
    let bus = exporter_testkit::ports::free()?;
    let server = Redis::start(REDIS_8, &["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()])?;
    let ours = Ours::of(&server);
    ours.page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cluster.txt");
    golden::check(path, steady(&ours.page().text))
}

/// Of each family, its head and its first series, with 0 for the value and a word for labels that a run gives.
fn steady(page: &str) -> String {
    let mut out = String::new();
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let name = series.split('{').next().unwrap_or_default();
        // How far a histogram goes depends on how slow the machine was.
        let is_open = name.ends_with("_bucket") && !series.contains("le=\"+Inf\"");
        if is_open || !seen.insert(name) {
            continue;
        }
        let labels = series[name.len()..].split("\",").map(|label| match label.split_once("=\"") {
            Some((label, value)) => {
                let label = label.trim_start_matches('{');
                let known = matches!(
                    label,
                    "role" | "db" | "state" | "le" | "quantile" | "class" | "limit" | "collector"
                );
                format!("{label}=\"{}\"", if known { value.trim_end_matches("\"}") } else { "X" })
            }
            None => String::new(),
        });
        let labels: Vec<_> = labels.filter(|label| !label.is_empty()).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        out.push_str(&format!("{name}{labels} 0\n"));
    }
    out
}
