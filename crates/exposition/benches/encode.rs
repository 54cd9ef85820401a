//! `cargo bench -p exposition`: what a page of 10,000 series with 5 labels costs, best of many rounds.

use exposition::{Assembly, Family, Format, Options, Page};
use std::io::Write as _;
use std::time::{Duration, Instant};

static REQUESTS: Family<5> = Family::counter(
    "http_server_requests_total",
    "Requests by method, path, status, instance and zone.",
    &["method", "path", "status", "instance", "zone"],
);
const SERIES: usize = 10_000;
const ROUNDS: usize = 300;

fn main() -> std::io::Result<()> {
    let values: Vec<[String; 3]> = (0..SERIES)
        .map(|i| {
            [
                format!("/api/v1/resource/{i}"),
                format!("10.0.{}.{}:8080", i / 250, i % 250),
                format!("zone-{}", i % 7),
            ]
        })
        .collect();
    let mut page = Page::new();
    let mut assembly = Assembly::new();
    let mut out = Vec::new();
    let options = Options::new(Format::Text);
    let put = best(|| fill(&mut page, &values));
    let write = best(|| {
        out.clear();
        assembly.write(&[&page], &options, &mut out);
    });
    let both = best(|| {
        fill(&mut page, &values);
        out.clear();
        assembly.write(&[&page], &options, &mut out);
    });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{SERIES} series x 5 labels, {} bytes, best of {ROUNDS}", out.len())?;
    for (name, time) in [("put", put), ("assemble and write", write), ("put, assemble and write", both)] {
        writeln!(stdout, "{name:<24} {:>9.3} ms", time.as_secs_f64() * 1e3)?;
    }
    Ok(())
}

fn fill(page: &mut Page, values: &[[String; 3]]) {
    page.clear();
    for (at, [path, instance, zone]) in values.iter().enumerate() {
        page.put(&REQUESTS, [&"GET", path, &"200", instance, zone], at as f64 * 1.5);
    }
}

fn best(mut round: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            round();
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}
