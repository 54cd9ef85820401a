//! Memory by zone, from `/proc/zoneinfo`. Off by default: forty series a zone.
//!
//! The kernel writes what it counts by node into the first zone of the node that has pages; so does this page.

use exporter_core::{BoxedSource, Collector, ConfigError, Dynamic, Family, Kind};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $field:literal $help:literal)*) => {
        $(static $ident: Family<2> = Family::$kind(concat!("node_zoneinfo_", $name), $help, &["node", "zone"]);)*
        pub(crate) static ZONEINFO: Collector =
            Collector { name: "zoneinfo", enabled: false, families: &[$($ident.desc()),*], dynamic: &[PROTECTION.desc()] };
        /// Each with its field.
        static FIELDS: &[(&Family<2>, &[u8])] = &[$((&$ident, $field)),*];
    };
}
families! {
    FREE gauge "nr_free_pages" b"nr_free_pages" "Free pages."
    MIN gauge "min_pages" b"min" "Free pages below which allocations wait for memory."
    LOW gauge "low_pages" b"low" "Free pages below which memory is freed in the background."
    HIGH gauge "high_pages" b"high" "Free pages above which nothing more is freed."
    SCANNED gauge "scanned_pages" b"scanned" "Pages scanned since the last reclaim."
    SPANNED gauge "spanned_pages" b"spanned" "Pages from the zone's beginning to its end, with holes."
    PRESENT gauge "present_pages" b"present" "Pages there are."
    MANAGED gauge "managed_pages" b"managed" "Pages that the kernel hands out."
    ACTIVE_ANON gauge "nr_active_anon_pages" b"nr_active_anon" "Anonymous pages in use lately."
    INACTIVE_ANON gauge "nr_inactive_anon_pages" b"nr_inactive_anon" "Anonymous pages not in use lately."
    ISOLATED_ANON gauge "nr_isolated_anon_pages" b"nr_isolated_anon" "Anonymous pages taken off their lists for now."
    ANON gauge "nr_anon_pages" b"nr_anon_pages" "Anonymous pages that are mapped."
    ANON_HUGE gauge "nr_anon_transparent_hugepages" b"nr_anon_transparent_hugepages" "Anonymous huge pages."
    ACTIVE_FILE gauge "nr_active_file_pages" b"nr_active_file" "Pages of files in use lately."
    INACTIVE_FILE gauge "nr_inactive_file_pages" b"nr_inactive_file" "Pages of files not in use lately."
    ISOLATED_FILE gauge "nr_isolated_file_pages" b"nr_isolated_file" "Pages of files taken off their lists for now."
    FILE gauge "nr_file_pages" b"nr_file_pages" "Pages of files."
    SLAB_RECLAIMABLE gauge "nr_slab_reclaimable_pages" b"nr_slab_reclaimable" "Pages of kernel objects that can be freed."
    SLAB_UNRECLAIMABLE gauge "nr_slab_unreclaimable_pages" b"nr_slab_unreclaimable" "Pages of kernel objects that cannot be freed."
    MLOCK_STACK gauge "nr_mlock_stack_pages" b"nr_mlock_stack" "Locked pages of stacks."
    KERNEL_STACKS gauge "nr_kernel_stacks" b"nr_kernel_stack" "Kernel stacks in KiB; in older kernels, their number."
    MAPPED gauge "nr_mapped_pages" b"nr_mapped" "Pages of files that are mapped."
    DIRTY gauge "nr_dirty_pages" b"nr_dirty" "Pages to be written."
    WRITEBACK gauge "nr_writeback_pages" b"nr_writeback" "Pages being written."
    UNEVICTABLE gauge "nr_unevictable_pages" b"nr_unevictable" "Pages that cannot be freed."
    SHMEM gauge "nr_shmem_pages" b"nr_shmem" "Pages of shared memory and tmpfs."
    DIRTIED counter "nr_dirtied_total" b"nr_dirtied" "Pages that became dirty."
    WRITTEN counter "nr_written_total" b"nr_written" "Pages written."
    NUMA_HIT counter "numa_hit_total" b"numa_hit" "Pages allocated in the intended node."
    NUMA_MISS counter "numa_miss_total" b"numa_miss" "Pages allocated here, though another node was intended."
    NUMA_FOREIGN counter "numa_foreign_total" b"numa_foreign" "Pages intended for here and allocated elsewhere."
    NUMA_INTERLEAVE counter "numa_interleave_total" b"numa_interleave" "Pages interleaved to this zone."
    NUMA_LOCAL counter "numa_local_total" b"numa_local" "Pages allocated by tasks of this node."
    NUMA_OTHER counter "numa_other_total" b"numa_other" "Pages allocated by tasks of other nodes."
}
static PROTECTION: Dynamic<2> = Dynamic::new(
    Kind::Gauge,
    "node_zoneinfo_protection_",
    "Pages kept from allocations that could be served by zone {}.",
    &["node", "zone"],
);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::long_file(context.proc("zoneinfo"), None, |text, sink| {
        parse(text, |node, zone, field| match field {
            Field::Count(at, value) => sink.put(FIELDS[at].0, [&node, &zone], value),
            Field::Protection(at, value) => {
                sink.put_dynamic(&PROTECTION, at.to_string().as_bytes(), [&node, &zone], value);
            }
        })
    }))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    /// The place in FIELDS, and the value.
    Count(usize, u64),
    /// Against which zone, and how many pages.
    Protection(usize, u64),
}

/// Headings like `Node 0, zone DMA`, each followed by its counts.
fn parse(text: &[u8], mut each: impl FnMut(&[u8], &[u8], Field)) -> Result<(), Malformed> {
    const MISSING: Malformed = Malformed::new("zones like `Node 0, zone DMA` with their counts");
    let mut place = None;
    for line in lines(text) {
        let mut parts = fields(line);
        let Some(name) = parts.next() else { continue };
        if name == b"Node" {
            let node = parts.next().and_then(|node| node.strip_suffix(b",")).ok_or(MISSING)?;
            let zone = parts.nth(1).ok_or(MISSING)?;
            place = Some((node, zone));
            continue;
        }
        let (node, zone) = place.ok_or(MISSING)?;
        if name == b"protection:" {
            let numbers = parts.map(|part| part.trim_ascii_start()).enumerate();
            for (at, number) in numbers {
                let number = number.strip_prefix(b"(").unwrap_or(number);
                let number =
                    number.strip_suffix(b",").or_else(|| number.strip_suffix(b")")).unwrap_or(number);
                each(node, zone, Field::Protection(at, integer(number).ok_or(MISSING)?));
            }
        } else if let Some(at) = FIELDS.iter().position(|(_, field)| *field == name) {
            each(node, zone, Field::Count(at, parts.next().and_then(integer).ok_or(MISSING)?));
        }
    }
    if place.is_some() { Ok(()) } else { Err(MISSING) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_their_counts() {
        let text = b"Node 0, zone      DMA\n  per-node stats\n      nr_dirtied 7\n  pages free     3840\n        min      10\n\
            \x20       protection: (0, 3019)\n  pagesets\n    cpu: 0\n              high:  5\nNode 1, zone   Normal\n        high 3\n";
        let mut all = Vec::new();
        parse(text, |node, zone, field| {
            let (name, value) = match field {
                Field::Count(at, value) => (FIELDS[at].0.desc().name.to_owned(), value),
                Field::Protection(at, value) => (at.to_string(), value),
            };
            all.push(format!("{} {} {name} {value}", node.escape_ascii(), zone.escape_ascii()));
        })
        .unwrap();
        assert_eq!(
            all,
            [
                "0 DMA node_zoneinfo_nr_dirtied_total 7",
                "0 DMA node_zoneinfo_min_pages 10",
                "0 DMA 0 0",
                "0 DMA 1 3019",
                "1 Normal node_zoneinfo_high_pages 3",
            ]
        );
        for bad in ["", "min 1\n", "Node 0 zone DMA\n", "Node 0, zone\n", "Node 0, zone DMA\nmin x\n"] {
            assert!(parse(bad.as_bytes(), |_, _, _| {}).is_err(), "{bad}");
        }
    }
}
