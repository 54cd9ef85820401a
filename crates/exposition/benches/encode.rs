//! What a page costs: `cargo bench -p exposition`. The best of many runs, since machines are noisy.
//!
//! With an argument, e.g. `cargo bench -p exposition -- declared 1000`, runs that case so many times and nothing else,
//! for a profiler or an instruction count.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use exposition::{Assembly, Dynamic, Family, Format, Kind, Options, Page};

const SERIES: usize = 10_000;
const LABELS: [&str; 5] = ["device", "mode", "operation", "status", "instance_name"];
/// How long a case is measured.
const SPAN: Duration = Duration::from_secs(2);

static DECLARED: Family<5> =
    Family::counter("bench_operations_duration_seconds_total", "Time in operations.", &LABELS);
static DYNAMIC: Dynamic<5> = Dynamic::new(Kind::Untyped, "bench_netstat_", "Statistic {}.", &LABELS);

macro_rules! many {
    ($($name:literal)*) => { [$(Family::gauge($name, "One of several families.", &LABELS)),*] };
}
static MANY: [Family<5>; 10] = many!["bench_a_bytes" "bench_b_bytes" "bench_c_bytes" "bench_d_bytes" "bench_e_bytes"
    "bench_f_bytes" "bench_g_bytes" "bench_h_bytes" "bench_i_bytes" "bench_j_bytes"];

/// A way to fill a page.
struct Case {
    name: &'static str,
    fill: fn(&mut Page, &[Row]),
}

/// One device's label values and value.
struct Row {
    device: String,
    status: u32,
    instance: String,
    value: f64,
}

const CASES: [Case; 4] = [
    Case { name: "declared", fill: declared },
    Case { name: "families in turn", fill: in_turn },
    Case { name: "dynamic names", fill: dynamic },
    Case { name: "page full of text", fill: escaped },
];

/// One family.
fn declared(page: &mut Page, rows: &[Row]) {
    for row in rows {
        page.put(&DECLARED, [&row.device, &"read", &"sequential", &row.status, &row.instance], row.value);
    }
}

/// Each device puts one sample of each of ten families, as a netlink dump does.
fn in_turn(page: &mut Page, rows: &[Row]) {
    for row in &rows[..SERIES / MANY.len()] {
        for family in &MANY {
            page.put(family, [&row.device, &"read", &"sequential", &row.status, &row.instance], row.value);
        }
    }
}

/// A hundred names of a hundred samples.
fn dynamic(page: &mut Page, rows: &[Row]) {
    for (at, row) in rows.iter().enumerate() {
        let name = [b'A' + (at / 1000) as u8, b'a' + (at / 100 % 10) as u8];
        page.put_dynamic(&DYNAMIC, &name, [&row.device, &"r", &"s", &row.status, &row.instance], row.value);
    }
}

/// Values in which much is escaped.
fn escaped(page: &mut Page, rows: &[Row]) {
    const PATH: &str = "C:\\Program Files\\\"Application\"\\data, and a long path behind it";
    for row in rows {
        page.put(&DECLARED, [&row.device, &PATH, &"sequential", &row.status, &row.instance], row.value);
    }
}

fn main() {
    let rows: Vec<Row> = (0..SERIES)
        .map(|at| Row {
            device: format!("eth{at}"),
            status: 200 + (at % 7) as u32,
            instance: format!("worker-{:04}", at * 7 % SERIES),
            value: if at % 3 == 0 { at as f64 * 1.25 } else { at as f64 },
        })
        .collect();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if let (Some(name), Some(times)) = (arguments.next(), arguments.next()) {
        let case = CASES.iter().find(|case| case.name == name);
        let (case, times) = (case.unwrap_or(&CASES[0]), times.parse().unwrap_or(1));
        let mut run = Run::default();
        for _ in 0..times {
            run.all(case, &rows, Format::Text);
        }
        return;
    }
    println!("{SERIES} series x {} labels, best of {SPAN:?} each", LABELS.len());
    for case in &CASES {
        let mut run = Run::default();
        let name = case.name;
        report(name, "put + assemble + write", &mut run, |run| run.all(case, &rows, Format::Text));
        report(name, "assemble + write", &mut run, |run| run.write(Format::Text));
        report(name, "the same, OpenMetrics", &mut run, |run| run.write(Format::OpenMetrics));
    }
    let mut run = Run::default();
    run.all(&CASES[0], &rows, Format::Text);
    report("declared", "parse", &mut run, |run| {
        assert!(black_box(exposition::parse::parse(&run.out, Format::Text)).is_ok());
    });
}

fn report(case: &str, part: &str, run: &mut Run, mut work: impl FnMut(&mut Run)) {
    let (start, mut best) = (Instant::now(), Duration::MAX);
    while start.elapsed() < SPAN {
        let start = Instant::now();
        work(run);
        best = best.min(start.elapsed());
    }
    let each = best.as_nanos() as f64 / SERIES as f64;
    println!("{case:18} {part:24} {:>9} ns  {each:6.1} ns/series  {} bytes", best.as_nanos(), run.out.len());
}

#[derive(Default)]
struct Run {
    page: Page,
    assembly: Assembly,
    out: Vec<u8>,
}

impl Run {
    fn all(&mut self, case: &Case, rows: &[Row], format: Format) {
        self.page.clear();
        (case.fill)(&mut self.page, rows);
        self.write(format);
    }

    fn write(&mut self, format: Format) {
        self.out.clear();
        let written = self.assembly.write(&[&self.page], &Options::new(format), &mut self.out);
        assert_eq!(written.samples, SERIES, "a benchmark that drops samples measures nothing");
    }
}
