//! Memory by NUMA node, from `meminfo` and `numastat` of `/sys/devices/system/node/node*`. The kernel names the families.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Dynamic, Kind};

use super::meminfo::{Amount, amount};
use crate::context::Context;
use crate::read::{Reader, names_or_none};
use crate::source;
use crate::text::{Malformed, counts, fields, integer, lines};

pub(crate) static MEMINFO_NUMA: Collector = Collector {
    name: "meminfo_numa",
    enabled: false,
    families: &[],
    dynamic: &[MEMORY.desc(), COUNT.desc()],
};

static MEMORY: Dynamic<1> = Dynamic::new(
    Kind::Gauge,
    "node_memory_numa_",
    "Field {} of the node's meminfo, sizes in bytes.",
    &["node"],
);
static COUNT: Dynamic<1> =
    Dynamic::new(Kind::Counter, "node_memory_numa_", "Field {} of the node's numastat, in pages.", &["node"])
        .suffix("_total");

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.sys("devices/system/node");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let mut any = false;
        for name in names_or_none(&directory) {
            let Some(node) = name.strip_prefix("node").filter(|node| integer(node.as_bytes()).is_some())
            else {
                continue;
            };
            any = true;
            let node_directory = directory.join(&name);
            reader.parse(&node_directory.join("meminfo"), |text| {
                parse_memory(text, |name, value| sink.put_dynamic(&MEMORY, name, [&node], value))
            })?;
            reader.parse(&node_directory.join("numastat"), |text| {
                counts(text, |name, count| sink.put_dynamic(&COUNT, name, [&node], count))
            })?;
        }
        if any { Ok(()) } else { Err(CollectError::no_data("the kernel knows no NUMA nodes")) }
    }))
}

/// Lines of meminfo, each after `Node 0`.
fn parse_memory(text: &[u8], mut each: impl FnMut(&[u8], u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `Node 0 MemTotal: 1024 kB`");
    if text.is_empty() {
        return Err(MISSING);
    }
    let mut name = Vec::new();
    for line in lines(text) {
        let mut parts = fields(line);
        if parts.next() != Some(b"Node") || parts.next().is_none() {
            return Err(MISSING);
        }
        let (Amount::Bytes(value) | Amount::Count(value)) = amount(parts, &mut name)?;
        each(&name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_node() {
        let mut all = Vec::new();
        let text = b"Node 0 MemTotal:  2 kB\nNode 0 Active(anon): 1 kB\nNode 0 HugePages_Free: 3\n";
        parse_memory(text, |name, value| all.push((name.to_vec(), value))).unwrap();
        counts(b"numa_hit 7\n", |name, value| all.push((name.to_vec(), value))).unwrap();
        let expected: [(&[u8], u64); 4] =
            [(b"MemTotal", 2048), (b"Active_anon", 1024), (b"HugePages_Free", 3), (b"numa_hit", 7)];
        assert_eq!(all, expected.map(|(name, value)| (name.to_vec(), value)));
        for bad in ["", "MemTotal: 1 kB\n", "Node 0\n", "Node 0 MemTotal 1\n"] {
            assert!(parse_memory(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }
}
