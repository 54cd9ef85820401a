//! The seeds of the fuzz target and the corpus as an ordinary test of what must hold for any input.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

#[path = "../fuzz/checks.rs"]
mod checks;
#[allow(dead_code, reason = "shared with the test that asks promtool")]
mod corpus;

#[test]
fn whatever_must_hold_for_any_input_holds_for_the_seeds() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
    let mut files = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        checks::any_input(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 10, "{files} seeds in {seeds}");
    let differ = corpus::DIFFER.iter().map(|differ| &differ.page);
    for page in corpus::TAKEN.iter().chain(corpus::REFUSED).chain(differ) {
        checks::any_input(page);
    }
}

/// Time grows with the length of a hostile page, not with its square: eight times the length takes about eight times
/// as long. A square would make it 64.
#[test]
fn large_hostile_pages_take_linear_time() {
    for (name, page) in HOSTILE {
        let (small, large) = (quickest(&page(2_000)), quickest(&page(16_000)));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        assert!(ratio < 30.0, "{name}: {small:?} and {large:?}, {ratio:.1} times as long");
    }
}

/// Of a few, and by the CPU's time: machines are noisy, and others have their turn meanwhile.
fn quickest(page: &str) -> Duration {
    let time = |_| {
        let start = cpu_time();
        checks::any_input(page.as_bytes());
        cpu_time() - start
    };
    (0..7).map(time).min().unwrap().max(Duration::from_nanos(1))
}

/// The time that this thread has had a CPU.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

type Hostile = (&'static str, fn(usize) -> String);

const HOSTILE: [Hostile; 8] = [
    ("labels of one sample", |many| format!("a{{{}}} 1\n", lines(many, |at| format!("l{at}=\"\",")))),
    ("one label again and again", |many| format!("a{{{}}} 1\n", "x=\"1\",".repeat(many))),
    ("families", |many| lines(many, |at| format!("a{at} 1\n"))),
    ("scattered families", |many| lines(many, |at| format!("a{}{{x=\"{at}\"}} 1\n", at % 1000))),
    ("many families after a large one", |many| {
        lines(many, |at| format!("a{{x=\"{at}\"}} 1\n")) + &lines(many, |at| format!("b{at} 1\n"))
    }),
    ("escapes", |many| format!("a{{x=\"{}\"}} 1\n", "\\n".repeat(many))),
    ("escapes without an end", |many| format!("a{{x=\"{}\n", "\\\"".repeat(many))),
    ("buckets", |many| {
        let buckets = lines(many, |at| format!("h_bucket{{le=\"{at}\"}} 1\n"));
        format!("# TYPE h histogram\n{buckets}h_bucket{{le=\"+Inf\"}} 1\n")
    }),
];

fn lines(many: usize, line: impl FnMut(usize) -> String) -> String {
    (0..many).map(line).collect()
}
