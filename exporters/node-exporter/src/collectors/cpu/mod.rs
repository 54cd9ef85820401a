//! CPU seconds by mode, and facts about CPUs.
//!
//! The kernel's counters step back now and then (idle and iowait on tickless kernels, all of them at hotplug), which
//! would show as a reset with a huge rate. So the last values are kept and held.

mod info;
mod sysfs;

use exporter_core::{CollectError, Collector, ConfigError, Family, Flag, Sink};
use std::path::PathBuf;

use crate::context::Context;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static CPU: Collector = Collector {
    name: "cpu",
    enabled: true,
    families: &[
        SECONDS.desc(),
        GUEST_SECONDS.desc(),
        sysfs::ONLINE.desc(),
        sysfs::ISOLATED.desc(),
        sysfs::CORE_THROTTLES.desc(),
        sysfs::PACKAGE_THROTTLES.desc(),
        info::INFO.desc(),
        info::FLAG_INFO.desc(),
        info::BUG_INFO.desc(),
        info::FREQUENCY.desc(),
    ],
    dynamic: &[],
};

static SECONDS: Family<2> =
    Family::counter("node_cpu_seconds_total", "Seconds that CPUs spent in each mode.", &["cpu", "mode"]);
static GUEST_SECONDS: Family<2> = Family::counter(
    "node_cpu_guest_seconds_total",
    "Seconds that CPUs spent running guests; part of user and nice.",
    &["cpu", "mode"],
);

pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch("collector.cpu.guest", true, "Report the time spent running guests."),
    Flag::switch("collector.cpu.info", false, "Report facts of /proc/cpuinfo."),
    Flag::value("collector.cpu.info.flags-include", "", "CPU flags to report, as a regular expression."),
    Flag::value("collector.cpu.info.bugs-include", "", "CPU bugs to report, as a regular expression."),
    Flag::switch("collector.cpu.total", false, "Report the sum of all CPUs (cpu=\"total\") instead of each."),
];

/// As the fields of a `cpu` line come.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const IDLE: usize = 3;
/// The kernel shows these times in hundredths of a second, whatever its own tick is.
const TICKS_PER_SECOND: u64 = 100;
/// Idle stepping back this far is no jitter: the CPU was replugged and counts anew.
const REPLUGGED: u64 = 3 * TICKS_PER_SECOND;

type Ticks = [u64; MODES.len() + GUEST_MODES.len()];

/// A line of `/proc/stat`: one CPU's, or the sum's.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Who {
    Total,
    Cpu(u32),
}

/// What is remembered of the CPUs between scrapes.
pub(crate) struct Cpus {
    path: PathBuf,
    guest: bool,
    total: bool,
    kept: Vec<(Who, Ticks)>,
    fresh: Vec<(Who, Ticks)>,
    sysfs: sysfs::Facts,
    info: Option<info::Info>,
}

impl Cpus {
    pub(crate) fn new(context: &Context) -> Result<Self, ConfigError> {
        Ok(Self {
            path: context.proc("stat"),
            guest: context.settings.switch("collector.cpu.guest"),
            total: context.settings.switch("collector.cpu.total"),
            kept: Vec::new(),
            fresh: Vec::new(),
            sysfs: sysfs::Facts::new(context),
            info: info::Info::new(context)?,
        })
    }

    /// Puts everything about CPUs; `text` is that of `/proc/stat`.
    pub(crate) fn put(&mut self, text: &[u8], sink: &mut Sink) -> Result<(), CollectError> {
        self.fresh.clear();
        parse(text, |who, ticks| {
            if self.total == (who == Who::Total) {
                self.fresh.push((who, ticks));
            }
        })
        .map_err(|error| error.at(&self.path))?;
        guard(&mut self.kept, &self.fresh);
        for (who, ticks) in &self.kept {
            for (mode, ticks) in MODES.iter().zip(ticks) {
                put_seconds(sink, &SECONDS, *who, mode, *ticks);
            }
        }
        if self.guest {
            for (who, ticks) in &self.kept {
                for (mode, ticks) in GUEST_MODES.iter().zip(&ticks[MODES.len()..]) {
                    put_seconds(sink, &GUEST_SECONDS, *who, mode, *ticks);
                }
            }
        }
        self.sysfs.put(sink);
        self.info.as_mut().map_or(Ok(()), |info| info.put(sink))
    }
}

fn put_seconds(sink: &mut Sink, family: &'static Family<2>, who: Who, mode: &str, ticks: u64) {
    let seconds = ticks as f64 / TICKS_PER_SECOND as f64;
    match who {
        Who::Total => sink.put(family, [&"total", &mode], seconds),
        Who::Cpu(cpu) => sink.put(family, [&cpu, &mode], seconds),
    }
}

/// Takes over the `fresh` counters, but none that is lower than the one kept, unless the CPU was replugged. CPUs that
/// have gone are forgotten.
fn guard(kept: &mut Vec<(Who, Ticks)>, fresh: &[(Who, Ticks)]) {
    kept.retain(|(who, _)| fresh.iter().any(|(other, _)| other == who));
    for &(who, new) in fresh {
        match kept.iter_mut().find(|(other, _)| *other == who) {
            None => kept.push((who, new)),
            Some((_, old)) if old[IDLE].saturating_sub(new[IDLE]) >= REPLUGGED => *old = new,
            Some((_, old)) => {
                for (old, new) in old.iter_mut().zip(new) {
                    *old = new.max(*old);
                }
            }
        }
    }
    kept.sort_unstable_by_key(|(who, _)| *who);
}

/// Calls `cpu` for each CPU line. Old kernels have fewer fields; those stay 0.
fn parse(text: &[u8], mut cpu: impl FnMut(Who, Ticks)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `cpu0 1 2 3 4`");
    let mut found = false;
    for line in lines(text) {
        let Some(rest) = line.strip_prefix(b"cpu") else { continue };
        let (name, rest) = rest.split_at(rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count());
        let who = match name {
            b"" => Who::Total,
            name => Who::Cpu(integer(name).and_then(|n| u32::try_from(n).ok()).ok_or(MISSING)?),
        };
        let mut ticks = Ticks::default();
        let mut count = 0;
        for (slot, value) in ticks.iter_mut().zip(fields(rest)) {
            *slot = integer(value).ok_or(MISSING)?;
            count += 1;
        }
        if count <= IDLE {
            return Err(MISSING);
        }
        found |= who != Who::Total;
        cpu(who, ticks);
    }
    if found { Ok(()) } else { Err(MISSING) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(Who, Ticks)>, Malformed> {
        let mut all = Vec::new();
        parse(text.as_bytes(), |who, ticks| all.push((who, ticks)))?;
        Ok(all)
    }

    #[test]
    fn lines_of_new_and_old_kernels() {
        let text = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu17 1 2 3 4\nintr 5\n";
        assert_eq!(
            parsed(text).unwrap(),
            [
                (Who::Total, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
                (Who::Cpu(0), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
                (Who::Cpu(17), [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]),
            ]
        );
    }

    #[test]
    fn refuses_garbage() {
        for bad in ["", "cpu 1 2 3 4\n", "cpu0\n", "cpu0 1 2 3\n", "cpux 1 2 3 4\n", "cpu0 1 2 3 -4\n"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    fn at(idle: u64, user: u64) -> Ticks {
        let mut ticks = Ticks::default();
        (ticks[IDLE], ticks[0]) = (idle, user);
        ticks
    }

    #[test]
    fn counters_never_step_back_by_jitter() {
        let mut kept = vec![(Who::Cpu(0), at(1000, 50))];
        guard(&mut kept, &[(Who::Cpu(0), at(701, 60))]);
        assert_eq!(kept, [(Who::Cpu(0), at(1000, 60))]);
        guard(&mut kept, &[(Who::Cpu(0), at(1001, 40))]);
        assert_eq!(kept, [(Who::Cpu(0), at(1001, 60))]);
    }

    #[test]
    fn a_replugged_cpu_counts_anew_and_one_that_is_gone_is_forgotten() {
        let mut kept = vec![(Who::Cpu(0), at(1000, 50)), (Who::Cpu(1), at(1000, 50))];
        guard(&mut kept, &[(Who::Cpu(1), at(700, 5)), (Who::Cpu(2), at(1, 1))]);
        assert_eq!(kept, [(Who::Cpu(1), at(700, 5)), (Who::Cpu(2), at(1, 1))]);
    }
}
