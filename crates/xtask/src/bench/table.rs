//! Figures side by side.

use std::fmt::Write as _;

use super::measure::Figures;

/// Name, how it is read, how it is written.
type Row = (&'static str, fn(&Figures) -> f64, fn(f64) -> String);

const ROWS: [Row; 21] = [
    ("own CPU a scrape, plain", |f| f.plain.cpu_ms, milliseconds),
    ("own CPU a scrape, gzip", |f| f.gzip.cpu_ms, milliseconds),
    ("own CPU a scrape, gzip, in ticks", |f| f.gzip.cpu_ticks_ms, milliseconds),
    ("own CPU a scrape, 8 at once", |f| f.concurrent.cpu_ms, milliseconds),
    ("server's CPU a scrape, plain", |f| f.plain.watched_ms, milliseconds),
    ("server's CPU a scrape, gzip", |f| f.gzip.watched_ms, milliseconds),
    ("p50, plain", |f| f.plain.p50_ms, milliseconds),
    ("p99, plain", |f| f.plain.p99_ms, milliseconds),
    ("p50, gzip", |f| f.gzip.p50_ms, milliseconds),
    ("p99, gzip", |f| f.gzip.p99_ms, milliseconds),
    ("p99, 8 at once", |f| f.concurrent.p99_ms, milliseconds),
    ("RSS at start", |f| f.resident_start as f64, megabytes),
    ("RSS after the plain scrapes", |f| f.plain.resident as f64, megabytes),
    ("RSS after the gzip scrapes", |f| f.gzip.resident as f64, megabytes),
    ("RSS after 8 at once", |f| f.concurrent.resident as f64, megabytes),
    ("series", |f| f.series as f64, whole),
    ("body bytes", |f| f.plain.wire_bytes as f64, whole),
    ("gzip bytes", |f| f.gzip.wire_bytes as f64, whole),
    ("binary", |f| f.binary_bytes as f64, megabytes),
    ("other load, plain (CPUs)", |f| f.plain.others_busy, two_digits),
    ("other load, gzip (CPUs)", |f| f.gzip.others_busy, two_digits),
];

fn milliseconds(value: f64) -> String {
    format!("{value:.3} ms")
}

fn megabytes(value: f64) -> String {
    format!("{:.1} MB", value / 1e6)
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn two_digits(value: f64) -> String {
    format!("{value:.2}")
}

/// The table. The ratio says how many times more the peer takes.
pub(super) fn render(peer_name: &str, ours: &Figures, peer: Option<&Figures>, scrapes: usize) -> String {
    let mut text = format!("{:<34} {:>12} {:>14} {:>10}\n", "", "ours", peer_name, "peer/ours");
    for (name, read, write) in ROWS {
        let own = read(ours);
        let theirs = peer.map(read);
        let ratio = theirs.filter(|_| own > 0.0 && !name.starts_with("other load"));
        let ratio = ratio.map_or_else(|| "-".to_owned(), |theirs| format!("{:.1}", theirs / own));
        let theirs = theirs.map_or_else(|| "-".to_owned(), write);
        let _ = writeln!(text, "{name:<34} {:>12} {theirs:>14} {ratio:>10}", write(own));
    }
    for (name, figures) in [("ours", Some(ours)), (peer_name, peer)] {
        if figures.is_some_and(|figures| !figures.compressed) {
            let _ = writeln!(text, "note: {name} answered gzip requests without compression");
        }
    }
    if scrapes < 500 {
        let _ = writeln!(text, "note: {scrapes} scrapes are too few for the row in ticks (10 ms each)");
    }
    let _ = write!(
        text,
        "Other load is this client and whatever else runs; latencies count on a quiet machine only."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Phase;

    fn figures(cpu_ms: f64) -> Figures {
        let phase = Phase {
            cpu_ms,
            cpu_ticks_ms: cpu_ms,
            watched_ms: 0.0,
            p50_ms: 1.0,
            p99_ms: 2.0,
            resident: 3_500_000,
            wire_bytes: 100,
            others_busy: 0.5,
        };
        Figures {
            binary_bytes: 1_000_000,
            resident_start: 3_000_000,
            series: 10,
            plain: phase.clone(),
            gzip: phase.clone(),
            compressed: true,
            concurrent: phase,
        }
    }

    #[test]
    fn the_ratio_is_the_peers_over_ours() {
        let text = render("node_exporter", &figures(0.5), Some(&figures(4.0)), 1000);
        let line = text.lines().find(|line| line.starts_with("own CPU a scrape, gzip ")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[5..], ["0.500", "ms", "4.000", "ms", "8.0"]);
        assert!(!text.contains("note:"), "{text}");
    }

    #[test]
    fn without_a_peer_there_is_no_ratio() {
        let mut ours = figures(0.5);
        ours.compressed = false;
        let text = render("node_exporter", &ours, None, 10);
        assert!(text.contains("ours answered gzip requests without compression"), "{text}");
        assert!(text.contains("too few"), "{text}");
    }
}
