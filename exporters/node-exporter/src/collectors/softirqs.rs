//! Soft interrupts by CPU, from `/proc/softirqs`. Off by default: ten series a CPU.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static SOFTIRQS: Collector =
    Collector { name: "softirqs", enabled: false, families: &[COUNT.desc()], dynamic: &[] };

static COUNT: Family<2> =
    Family::counter("node_softirqs_functions_total", "Soft interrupts serviced.", &["cpu", "type"]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::file(context.proc("softirqs"), |text, sink| {
        parse(text, |cpu, kind, count| sink.put(&COUNT, [&cpu, &kind], count))
    }))
}

/// A heading of CPUs, then a vector a line.
fn parse(text: &[u8], mut each: impl FnMut(u64, &[u8], u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("a heading of CPUs and lines like `TIMER: 1 2`");
    let mut lines = lines(text);
    let cpus: Vec<u64> = fields(lines.next().ok_or(MISSING)?)
        .map(|name| name.strip_prefix(b"CPU").and_then(integer).ok_or(MISSING))
        .collect::<Result<_, _>>()?;
    for line in lines {
        let mut parts = fields(line);
        let kind = parts.next().and_then(|name| name.strip_suffix(b":")).ok_or(MISSING)?;
        for cpu in &cpus {
            each(*cpu, kind, parts.next().and_then(integer).ok_or(MISSING)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_cpu_and_vector() {
        let mut all = Vec::new();
        parse(b"   CPU0  CPU1\n HI: 1 2\n", |cpu, kind, count| all.push((cpu, kind.to_vec(), count)))
            .unwrap();
        assert_eq!(all, [(0, b"HI".to_vec(), 1), (1, b"HI".to_vec(), 2)]);
        for bad in ["", "CPUx\n", "CPU0 CPU1\nHI: 1\n"] {
            assert!(parse(bad.as_bytes(), |_, _, _| {}).is_err(), "{bad}");
        }
    }
}
