//! Swap areas, from `/proc/swaps`. Off by default, as the peer's.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines, signed};

pub(crate) static SWAP: Collector = Collector {
    name: "swap",
    enabled: false,
    families: &[SIZE.desc(), USED.desc(), PRIORITY.desc()],
    dynamic: &[],
};

static SIZE: Family<2> =
    Family::gauge("node_swap_size_bytes", "Size of the swap area.", &["device", "swap_type"]);
static USED: Family<2> = Family::gauge("node_swap_used_bytes", "Bytes in use.", &["device", "swap_type"]);
static PRIORITY: Family<2> = Family::gauge(
    "node_swap_priority",
    "Areas of a higher priority are filled first.",
    &["device", "swap_type"],
);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::long_file(context.proc("swaps"), None, |text, sink| {
        let areas = parse(text)?;
        for area in &areas {
            sink.put(&SIZE, [&area.device, &area.kind], area.size * 1024);
        }
        for area in &areas {
            sink.put(&USED, [&area.device, &area.kind], area.used * 1024);
        }
        for area in &areas {
            sink.put(&PRIORITY, [&area.device, &area.kind], area.priority);
        }
        Ok(())
    }))
}

#[derive(Debug, Eq, PartialEq)]
struct Area<'a> {
    device: &'a [u8],
    kind: &'a [u8],
    size: u64,
    used: u64,
    priority: i64,
}

/// A heading, then device, type, size and used in kilobytes, priority.
fn parse(text: &[u8]) -> Result<Vec<Area<'_>>, Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and areas of five fields");
    let mut lines = lines(text);
    if !lines.next().is_some_and(|heading| heading.starts_with(b"Filename")) {
        return Err(MISSING);
    }
    let area = |line| {
        let mut parts = fields(line);
        Some(Area {
            device: parts.next()?,
            kind: parts.next()?,
            size: integer(parts.next()?)?,
            used: integer(parts.next()?)?,
            priority: signed(parts.next()?)?,
        })
    };
    lines.map(|line| area(line).ok_or(MISSING)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas() {
        let text = b"Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition\t1048572\t76\t-2\n";
        let areas = parse(text).unwrap();
        assert_eq!((areas[0].device, areas[0].used, areas[0].priority), (b"/dev/zram0".as_slice(), 76, -2));
        assert_eq!(parse(b"Filename\tType\n"), Ok(vec![]));
        for bad in ["", "x\n", "Filename\n/dev/a partition 1\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
