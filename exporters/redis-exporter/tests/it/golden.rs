//! Pages whose names documentation and checks go by. Values move; names, types and labels do not.

use exporter_testkit::{Result, golden};
use std::path::Path;

use crate::support::{ALL, Ours, Redis};

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

/// Of each family, its head and its first series, with 0 for the value and the labels that a run gives.
fn steady(page: &str) -> String {
    let mut out = String::new();
    let mut last = String::new();
    for line in page.lines() {
        if line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        if name == last {
            continue;
        }
        last = name.to_owned();
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let series =
            if name == "redis_instance_info" { "redis_instance_info{role=\"master\"}" } else { series };
        out.push_str(&format!("{series} 0\n"));
    }
    out
}
