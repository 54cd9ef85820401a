//! Free blocks of memory by their size, from `/proc/buddyinfo`: how scattered what is free is.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

pub(crate) static BUDDYINFO: Collector =
    Collector { name: "buddyinfo", enabled: false, families: &[BLOCKS.desc()], dynamic: &[] };

static BLOCKS: Family<3> =
    Family::gauge("node_buddyinfo_blocks", "Free blocks of 2^size pages.", &["node", "size", "zone"]);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(context.proc("buddyinfo"), "no /proc/buddyinfo", |text, sink| {
        parse(text, |node, zone, size, count| sink.put(&BLOCKS, [&node, &size, &zone], count))
    }))
}

/// Lines of `Node 0, zone Normal` and counts, which begin with single pages.
fn parse(text: &[u8], mut each: impl FnMut(&[u8], &[u8], usize, u64)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("zones like `Node 0, zone Normal 1 2 3`");
    if text.is_empty() {
        return Err(MISSING);
    }
    for line in lines(text) {
        let mut parts = fields(line);
        let (Some(b"Node"), Some(node), Some(b"zone"), Some(zone)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MISSING);
        };
        let node = node.strip_suffix(b",").ok_or(MISSING)?;
        for (size, count) in parts.enumerate() {
            each(node, zone, size, integer(count).ok_or(MISSING)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_their_blocks() {
        let mut found = Vec::new();
        let text = b"Node 0, zone      DMA      1      0\nNode 1, zone   Normal  4381 1093\n";
        parse(text, |node, zone, size, count| {
            found.push(format!("{}{}{size}={count}", node.escape_ascii(), zone.escape_ascii()));
        })
        .unwrap();
        assert_eq!(found, ["0DMA0=1", "0DMA1=0", "1Normal0=4381", "1Normal1=1093"]);
        for bad in ["", "Node 0 zone DMA 1\n", "Node 0, zone\n", "Node 0, zone DMA x\n"] {
            assert!(parse(bad.as_bytes(), |_, _, _, _| {}).is_err(), "{bad}");
        }
    }
}
