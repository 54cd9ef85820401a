//! `/proc/stat`, read once for two collectors: `stat` here, `cpu` next door; see proc_stat(5).

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Flag};

use super::cpu;
use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static STAT: Collector = Collector {
    name: "stat",
    enabled: true,
    families: &[
        INTERRUPTS.desc(),
        SWITCHES.desc(),
        FORKS.desc(),
        BOOT_TIME.desc(),
        RUNNING.desc(),
        BLOCKED.desc(),
        SOFTIRQS.desc(),
    ],
    dynamic: &[],
};

static INTERRUPTS: Family<0> = Family::counter("node_intr_total", "Interrupts serviced.", &[]);
static SWITCHES: Family<0> = Family::counter("node_context_switches_total", "Context switches.", &[]);
static FORKS: Family<0> = Family::counter("node_forks_total", "Processes and threads created.", &[]);
pub(super) static BOOT_TIME: Family<0> =
    Family::gauge("node_boot_time_seconds", "When the host was booted, in Unix time.", &[]);
static RUNNING: Family<0> = Family::gauge("node_procs_running", "Threads that run or could.", &[]);
static BLOCKED: Family<0> =
    Family::gauge("node_procs_blocked", "Threads that wait for I/O to complete.", &[]);
static SOFTIRQS: Family<1> =
    Family::counter("node_softirqs_total", "Soft interrupts serviced, by vector.", &["vector"]);

/// The order of the kernel's `softirq` line, after its sum.
const VECTORS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

pub(crate) const FLAGS: &[Flag] =
    &[Flag::switch("collector.stat.softirq", false, "Report soft interrupts by vector.")];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let path = context.proc("stat");
    let by_vector = context.settings.switch("collector.stat.softirq");
    let mut reader = Reader::short();
    let mut cpus = cpu::Cpus::new(context)?;
    Ok(source::custom(move |sink| {
        let text = reader.lines(&path)?;
        sink.collector(&cpu::CPU, |sink| cpus.put(text, sink));
        sink.collector(&STAT, |sink| {
            let stat = parse(text).map_err(|error| error.at(&path))?;
            sink.put(&INTERRUPTS, [], stat.interrupts);
            sink.put(&SWITCHES, [], stat.switches);
            sink.put(&FORKS, [], stat.forks);
            sink.put(&BOOT_TIME, [], stat.boot_time);
            sink.put(&RUNNING, [], stat.running);
            sink.put(&BLOCKED, [], stat.blocked);
            if by_vector {
                for (vector, count) in VECTORS.iter().zip(stat.softirqs) {
                    sink.put(&SOFTIRQS, [vector], count);
                }
            }
            Ok(())
        });
        Ok(())
    }))
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Stat {
    interrupts: u64,
    switches: u64,
    forks: u64,
    boot_time: u64,
    running: u64,
    blocked: u64,
    softirqs: [u64; VECTORS.len()],
}

fn parse(text: &[u8]) -> Result<Stat, Malformed> {
    const MISSING: Malformed =
        Malformed::new("intr, ctxt, btime, processes, procs_running and procs_blocked");
    let mut stat = Stat::default();
    let mut found = 0;
    for line in lines(text) {
        let mut parts = fields(line);
        let key = parts.next().unwrap_or_default();
        let slot = match key {
            b"intr" => &mut stat.interrupts,
            b"ctxt" => &mut stat.switches,
            b"btime" => &mut stat.boot_time,
            b"processes" => &mut stat.forks,
            b"procs_running" => &mut stat.running,
            b"procs_blocked" => &mut stat.blocked,
            b"softirq" => {
                for (slot, count) in stat.softirqs.iter_mut().zip(parts.skip(1)) {
                    *slot = integer(count).ok_or(MISSING)?;
                }
                continue;
            }
            _ => continue,
        };
        *slot = parts.next().and_then(integer).ok_or(MISSING)?;
        found += 1;
    }
    if found == 6 { Ok(stat) } else { Err(MISSING) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "cpu  1 2 3 4\nintr 90 1 2 3\nctxt 80\nbtime 70\nprocesses 60\nprocs_running 5\n\
                        procs_blocked 4\nsoftirq 55 1 2 3 4 5 6 7 8 9 10\n";

    #[test]
    fn takes_the_first_number_of_each_line() {
        let stat = parse(TEXT.as_bytes()).unwrap();
        assert_eq!((stat.interrupts, stat.switches, stat.boot_time), (90, 80, 70));
        assert_eq!((stat.forks, stat.running, stat.blocked), (60, 5, 4));
        assert_eq!(stat.softirqs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn refuses_what_is_cut_short() {
        for bad in ["", "intr", "ctxt x\n", &TEXT[..40], &TEXT[..TEXT.find("procs_blocked").unwrap()]] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
