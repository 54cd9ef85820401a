//! Pressure stall information, from `/proc/pressure`; see psi.rst.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{ReadError, Reader};
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static PRESSURE: Collector = Collector {
    name: "pressure",
    enabled: true,
    families: &[
        CPU_WAITING.desc(),
        IO_WAITING.desc(),
        IO_STALLED.desc(),
        MEMORY_WAITING.desc(),
        MEMORY_STALLED.desc(),
        IRQ_STALLED.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<0> = Family::counter(concat!("node_pressure_", $name, "_seconds_total"), $help, &[]);
    )*};
}
families! {
    CPU_WAITING "cpu_waiting" "Time in which some task waited for a CPU."
    IO_WAITING "io_waiting" "Time in which some task waited for I/O."
    IO_STALLED "io_stalled" "Time in which all tasks waited for I/O."
    MEMORY_WAITING "memory_waiting" "Time in which some task waited for memory."
    MEMORY_STALLED "memory_stalled" "Time in which all tasks waited for memory."
    IRQ_STALLED "irq_stalled" "Time in which all tasks waited for interrupts to be handled."
}

/// A file, and the families of its `some` and `full` lines. The kernel has no meaning for the two that are left out.
static FILES: [(&str, Option<&Family<0>>, Option<&Family<0>>); 4] = [
    ("cpu", Some(&CPU_WAITING), None),
    ("io", Some(&IO_WAITING), Some(&IO_STALLED)),
    ("memory", Some(&MEMORY_WAITING), Some(&MEMORY_STALLED)),
    ("irq", None, Some(&IRQ_STALLED)),
];

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let files = FILES.map(|(file, some, full)| (context.proc("pressure").join(file), some, full));
    let mut reader = Reader::short();
    Ok(source::custom(move |sink| {
        let mut found = false;
        for (path, some, full) in &files {
            let totals = match reader.parse(path, parse) {
                Ok(totals) => totals,
                Err(error) if error.is_absent() => continue,
                Err(ReadError::Io { source, .. }) if source.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                    return Err(CollectError::no_data("pressure stall information is off; boot with psi=1"));
                }
                Err(error) => return Err(error.into()),
            };
            found = true;
            for (family, total) in [(some, totals.some), (full, totals.full)] {
                if let (Some(family), Some(microseconds)) = (family, total) {
                    sink.put(*family, [], microseconds as f64 / 1e6);
                }
            }
        }
        if found {
            Ok(())
        } else {
            Err(CollectError::no_data("the kernel has no pressure stall information"))
        }
    }))
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Totals {
    some: Option<u64>,
    full: Option<u64>,
}

fn parse(text: &[u8]) -> Result<Totals, Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `some avg10=0.00 total=0`");
    let mut totals = Totals::default();
    for line in lines(text) {
        let mut parts = fields(line);
        let slot = match parts.next() {
            Some(b"some") => &mut totals.some,
            Some(b"full") => &mut totals.full,
            _ => return Err(MISSING),
        };
        let total = parts.find_map(|field| field.strip_prefix(b"total="));
        *slot = Some(total.and_then(integer).ok_or(MISSING)?);
    }
    if totals == Totals::default() { Err(MISSING) } else { Ok(totals) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals() {
        let text = b"some avg10=0.55 avg60=0.87 avg300=3.90 total=22\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n";
        assert_eq!(parse(text), Ok(Totals { some: Some(22), full: Some(3) }));
        assert_eq!(parse(b"full avg10=0.00 total=3\n"), Ok(Totals { some: None, full: Some(3) }));
        for bad in ["", "some avg10=0.55\n", "none total=1\n", "some total=x\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
