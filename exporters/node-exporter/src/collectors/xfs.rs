//! XFS counters, from `/sys/fs/xfs/*/stats/stats`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{Reader, names};
use crate::source;
use crate::text::{Malformed, fields, integer, lines};

macro_rules! families {
    ($($ident:ident $name:literal $line:literal $column:literal $help:literal)*) => {
        $(static $ident: Family<1> = Family::counter(concat!("node_xfs_", $name, "_total"), $help, &["device"]);)*
        pub(crate) static XFS: Collector =
            Collector { name: "xfs", enabled: true, families: &[$($ident.desc()),*], dynamic: &[] };
        /// Family, the name of its line, and the number's place in it.
        static COLUMNS: &[(&Family<1>, &[u8], usize)] = &[$((&$ident, $line, $column)),*];
    };
}
families! {
    EXTENTS_ALLOCATED "extent_allocation_extents_allocated" b"extent_alloc" 0 "Extents allocated."
    BLOCKS_ALLOCATED "extent_allocation_blocks_allocated" b"extent_alloc" 1 "Blocks allocated."
    EXTENTS_FREED "extent_allocation_extents_freed" b"extent_alloc" 2 "Extents freed."
    BLOCKS_FREED "extent_allocation_blocks_freed" b"extent_alloc" 3 "Blocks freed."
    ALLOC_LOOKUPS "allocation_btree_lookups" b"abt" 0 "Look-ups in allocation trees."
    ALLOC_COMPARES "allocation_btree_compares" b"abt" 1 "Comparisons in allocation trees."
    ALLOC_INSERTED "allocation_btree_records_inserted" b"abt" 2 "Records inserted into allocation trees."
    ALLOC_DELETED "allocation_btree_records_deleted" b"abt" 3 "Records deleted from allocation trees."
    MAP_READS "block_mapping_reads" b"blk_map" 0 "Block maps for reading."
    MAP_WRITES "block_mapping_writes" b"blk_map" 1 "Block maps for writing."
    MAP_UNMAPS "block_mapping_unmaps" b"blk_map" 2 "Block maps removed."
    LIST_INSERTIONS "block_mapping_extent_list_insertions" b"blk_map" 3 "Insertions into extent lists."
    LIST_DELETIONS "block_mapping_extent_list_deletions" b"blk_map" 4 "Deletions from extent lists."
    LIST_LOOKUPS "block_mapping_extent_list_lookups" b"blk_map" 5 "Look-ups in extent lists."
    LIST_COMPARES "block_mapping_extent_list_compares" b"blk_map" 6 "Comparisons in extent lists."
    MAP_LOOKUPS "block_map_btree_lookups" b"bmbt" 0 "Look-ups in block map trees."
    MAP_COMPARES "block_map_btree_compares" b"bmbt" 1 "Comparisons in block map trees."
    MAP_INSERTED "block_map_btree_records_inserted" b"bmbt" 2 "Records inserted into block map trees."
    MAP_DELETED "block_map_btree_records_deleted" b"bmbt" 3 "Records deleted from block map trees."
    DIR_LOOKUP "directory_operation_lookup" b"dir" 0 "Names looked up."
    DIR_CREATE "directory_operation_create" b"dir" 1 "Names created."
    DIR_REMOVE "directory_operation_remove" b"dir" 2 "Names removed."
    DIR_GETDENTS "directory_operation_getdents" b"dir" 3 "Directories listed."
    INODE_ATTEMPTS "inode_operation_attempts" b"ig" 0 "Inodes looked for in the cache."
    INODE_FOUND "inode_operation_found" b"ig" 1 "Inodes found in the cache."
    INODE_RECYCLED "inode_operation_recycled" b"ig" 2 "Inodes that could not be used from the cache."
    INODE_MISSED "inode_operation_missed" b"ig" 3 "Inodes not found in the cache."
    INODE_DUPLICATES "inode_operation_duplicates" b"ig" 4 "Inodes that another task had cached first."
    INODE_RECLAIMS "inode_operation_reclaims" b"ig" 5 "Inodes taken out of the cache."
    INODE_ATTRIBUTES "inode_operation_attribute_changes" b"ig" 6 "Attributes of inodes changed."
    WRITES "write_calls" b"rw" 0 "Writes."
    READS "read_calls" b"rw" 1 "Reads."
    VNODE_ACTIVE "vnode_active" b"vnodes" 0 "Vnodes in use."
    VNODE_ALLOCATE "vnode_allocate" b"vnodes" 1 "Vnodes allocated."
    VNODE_GET "vnode_get" b"vnodes" 2 "Vnodes got."
    VNODE_HOLD "vnode_hold" b"vnodes" 3 "Vnodes held."
    VNODE_RELEASE "vnode_release" b"vnodes" 4 "Vnodes released."
    VNODE_RECLAIM "vnode_reclaim" b"vnodes" 5 "Vnodes reclaimed."
    VNODE_REMOVE "vnode_remove" b"vnodes" 6 "Vnodes removed."
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let root = context.sys("fs/xfs");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let Some(devices) = names(&root)? else {
            return Err(CollectError::no_data("no XFS"));
        };
        let mut all = Vec::new();
        for device in devices.into_iter().filter_map(|name| name.into_string().ok()) {
            match reader.parse(&root.join(&device).join("stats/stats"), parse) {
                Ok(numbers) => all.push((device, numbers)),
                // `stats` and `error` lie among the devices.
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (at, (family, ..)) in COLUMNS.iter().enumerate() {
            for (device, numbers) in &all {
                if let Some(number) = numbers[at] {
                    sink.put(family, [device], number);
                }
            }
        }
        Ok(())
    }))
}

/// The numbers in the order of COLUMNS.
fn parse(text: &[u8]) -> Result<Vec<Option<u64>>, Malformed> {
    const MISSING: Malformed = Malformed::new("lines like `rw 1 2`");
    let mut numbers = vec![None; COLUMNS.len()];
    for line in lines(text) {
        let words: Vec<&[u8]> = fields(line).collect();
        for (slot, (_, name, column)) in numbers.iter_mut().zip(COLUMNS) {
            if words.first() == Some(name) {
                *slot = Some(words.get(column + 1).copied().and_then(integer).ok_or(MISSING)?);
            }
        }
    }
    if numbers.iter().all(Option::is_none) { Err(MISSING) } else { Ok(numbers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_line_and_place() {
        let numbers = parse(b"extent_alloc 1 2 3 4\nrw 81 82\n").unwrap();
        let of =
            |name: &str| numbers[COLUMNS.iter().position(|(family, ..)| family.desc().name == name).unwrap()];
        assert_eq!(of("node_xfs_read_calls_total"), Some(82));
        assert_eq!(of("node_xfs_extent_allocation_blocks_freed_total"), Some(4));
        assert_eq!(of("node_xfs_vnode_get_total"), None);
        for bad in ["", "rw 1\n", "rw x y\n", "other 1\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
