//! The scheduler's view of CPUs, from `/proc/schedstat`; see sched-stats.rst.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static SCHEDSTAT: Collector = Collector {
    name: "schedstat",
    enabled: true,
    families: &[RUNNING.desc(), WAITING.desc(), TIMESLICES.desc()],
    dynamic: &[],
};

static RUNNING: Family<1> =
    Family::counter("node_schedstat_running_seconds_total", "Time that the CPU ran tasks.", &["cpu"]);
static WAITING: Family<1> =
    Family::counter("node_schedstat_waiting_seconds_total", "Time that tasks waited for the CPU.", &["cpu"]);
static TIMESLICES: Family<1> =
    Family::counter("node_schedstat_timeslices_total", "Time slices that the CPU ran.", &["cpu"]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::long_file(
        context.proc("schedstat"),
        Some("the kernel keeps no scheduler statistics"),
        |text, sink| {
            let cpus = parse(text)?;
            for cpu in &cpus {
                sink.put(&RUNNING, [&cpu.number], cpu.running as f64 / 1e9);
            }
            for cpu in &cpus {
                sink.put(&WAITING, [&cpu.number], cpu.waiting as f64 / 1e9);
            }
            for cpu in &cpus {
                sink.put(&TIMESLICES, [&cpu.number], cpu.timeslices);
            }
            Ok(())
        },
    ))
}

#[derive(Debug, Eq, PartialEq)]
struct Cpu {
    number: u64,
    running: u64,
    waiting: u64,
    timeslices: u64,
}

/// The last three of the nine numbers of each `cpu` line; times in nanoseconds.
fn parse(text: &[u8]) -> Result<Vec<Cpu>, Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `cpu0 1 2 3 4 5 6 7 8 9`");
    let mut cpus = Vec::new();
    for line in lines(text) {
        let mut parts = fields(line);
        let Some(number) = parts.next().and_then(|name| name.strip_prefix(b"cpu")) else { continue };
        let mut parts = parts.skip(6).map(integer);
        let mut next = || parts.next().flatten().ok_or(MISSING);
        cpus.push(Cpu {
            number: integer(number).ok_or(MISSING)?,
            running: next()?,
            waiting: next()?,
            timeslices: next()?,
        });
    }
    if cpus.is_empty() { Err(MISSING) } else { Ok(cpus) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lines_only() {
        let text = b"version 15\ntimestamp 1\ncpu3 1 2 3 4 5 6 7 8 9\ndomain0 3 1 2\n";
        assert_eq!(parse(text), Ok(vec![Cpu { number: 3, running: 7, waiting: 8, timeslices: 9 }]));
        for bad in ["", "version 15\n", "cpu0 1 2\n", "cpux 1 2 3 4 5 6 7 8 9\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
