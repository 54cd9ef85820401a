//! Interrupts by CPU, from `/proc/interrupts`. Off by default: a series for each interrupt on each CPU.

use exporter_core::{BoxedSource, Collector, ConfigError, Family, Flag};

use crate::context::Context;
use crate::filter::Filter;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static INTERRUPTS: Collector =
    Collector { name: "interrupts", enabled: false, families: &[COUNT.desc()], dynamic: &[] };

static COUNT: Family<4> =
    Family::counter("node_interrupts_total", "Interrupts serviced.", &["cpu", "devices", "info", "type"]);

const INCLUDE: &str = "collector.interrupts.name-include";
const EXCLUDE: &str = "collector.interrupts.name-exclude";
const ZEROS: &str = "collector.interrupts.include-zeros";

pub(crate) const FLAGS: &[Flag] = &[
    Flag::value(INCLUDE, "", "Interrupts to report (name;info;devices), as a regular expression."),
    Flag::value(EXCLUDE, "", "Interrupts to leave out (name;info;devices), as a regular expression."),
    Flag::switch(ZEROS, true, "Report interrupts that never came."),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut filter = Filter::new(&context.settings, INCLUDE, EXCLUDE)?;
    let zeros = context.settings.switch(ZEROS);
    Ok(source::long_file(context.proc("interrupts"), None, move |text, sink| {
        for interrupt in parse(text)? {
            let key = [interrupt.name, b";", &interrupt.info, b";", &interrupt.devices].concat();
            if !filter.selects(&key) {
                continue;
            }
            for (cpu, count) in interrupt.counts {
                if zeros || count > 0 {
                    let labels =
                        [&cpu as _, &interrupt.devices as _, &interrupt.info as _, &interrupt.name as _];
                    sink.put(&COUNT, labels, count);
                }
            }
        }
        Ok(())
    }))
}

#[derive(Debug, Eq, PartialEq)]
struct Interrupt<'a> {
    name: &'a [u8],
    info: Vec<u8>,
    devices: Vec<u8>,
    counts: Vec<(u64, u64)>,
}

/// A heading of CPUs, then an interrupt a line. The few that are not counted by CPU are left out, as the peer does.
fn parse(text: &[u8]) -> Result<Vec<Interrupt<'_>>, Malformed> {
    const MISSING: Malformed = Malformed::new("a heading of CPUs and lines like `24: 1 0 IO-APIC`");
    let mut lines = lines(text);
    let cpus: Vec<u64> = fields(lines.next().ok_or(MISSING)?)
        .map(|name| name.strip_prefix(b"CPU").and_then(integer).ok_or(MISSING))
        .collect::<Result<_, _>>()?;
    let mut interrupts = Vec::new();
    for line in lines {
        let mut parts = fields(line);
        let name = parts.next().and_then(|name| name.strip_suffix(b":")).ok_or(MISSING)?;
        let words: Vec<&[u8]> = parts.collect();
        if words.len() <= cpus.len() {
            continue;
        }
        let (counts, rest) = words.split_at(cpus.len());
        let counts = cpus.iter().zip(counts).map(|(cpu, count)| Some((*cpu, integer(count)?)));
        // Numbered interrupts name a controller, then devices; the others only have a description.
        let described = usize::from(integer(name).is_none()) * rest.len().saturating_sub(1) + 1;
        interrupts.push(Interrupt {
            name,
            info: rest[..described].join(&b' '),
            devices: rest[described..].join(&b' '),
            counts: counts.collect::<Option<_>>().ok_or(MISSING)?,
        });
    }
    Ok(interrupts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_and_named_ones() {
        let text = b"      CPU0   CPU2\n 24:  1  0  IO-APIC  5-edge  ACPI:Ged\nNMI:  3  4  Non-maskable interrupts\nERR:  0\n";
        let all = parse(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].info.as_slice(), all[0].devices.as_slice()),
            (&b"IO-APIC"[..], &b"5-edge ACPI:Ged"[..])
        );
        assert_eq!(
            (all[1].info.as_slice(), all[1].devices.as_slice()),
            (&b"Non-maskable interrupts"[..], &b""[..])
        );
        assert_eq!(all[1].counts, [(0, 3), (2, 4)]);
        for bad in ["", "x\n", "CPU0\n24: y z\n", "CPU0\n24 1 z\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
