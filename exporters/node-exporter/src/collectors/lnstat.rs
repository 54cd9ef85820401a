//! Counters of the network's caches by CPU, from `/proc/net/stat`. The kernel names the families.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Kind};

use crate::context::Context;
use crate::read::{Reader, names};
use crate::source;
use crate::text::{Malformed, fields, hexadecimal, lines};

pub(crate) static LNSTAT: Collector =
    Collector { name: "lnstat", enabled: false, families: &[], dynamic: &[COUNT.desc()] };

static COUNT: Dynamic<2> = Dynamic::new(
    Kind::Counter,
    "node_lnstat_",
    "Field {} of a file in /proc/net/stat.",
    &["cpu", "subsystem"],
)
.suffix("_total");

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.proc_net("stat");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let files = names(&directory)?.ok_or_else(|| CollectError::no_data("no caches in /proc/net"))?;
        for file in files.into_iter().filter_map(|file| file.into_string().ok()) {
            reader.parse(&directory.join(&file), |text| {
                parse(text, |name, cpu, count| sink.put_dynamic(&COUNT, name, [&cpu, &file], count))
            })?;
        }
        Ok(())
    }))
}

/// A heading, then a line of hexadecimal numbers for each CPU.
fn parse(text: &[u8], mut each: impl FnMut(&[u8], usize, u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("a heading and as many hexadecimal numbers a line");
    let mut lines = lines(text);
    let heading: Vec<&[u8]> = fields(lines.next().ok_or(MISSING)?).collect();
    for (cpu, line) in lines.enumerate() {
        let mut counts = fields(line);
        for name in &heading {
            each(name, cpu, counts.next().and_then(hexadecimal).ok_or(MISSING)?);
        }
        if counts.next().is_some() {
            return Err(MISSING);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_cpus() {
        let mut all = Vec::new();
        parse(b"entries  allocs\n0000000a 1\n0000000a ff\n", |name, cpu, count| {
            all.push(format!("{}{cpu}={count}", name.escape_ascii()));
        })
        .unwrap();
        assert_eq!(all, ["entries0=10", "allocs0=1", "entries1=10", "allocs1=255"]);
        for bad in ["", "a b\n1\n", "a\n1 2\n", "a\nx\n"] {
            assert!(parse(bad.as_bytes(), |_, _, _| {}).is_err(), "{bad}");
        }
    }
}
